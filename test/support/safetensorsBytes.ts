// A small F32 safetensors file in one go, put together apart from the writer of the product. Refuses nothing: shapes and names are the test's affair.
import type { NamedTensor } from '../../src/formats/safetensors.ts';

export function safetensorsBytes(tensors: readonly NamedTensor[], metadata: Record<string, string> = {}): Uint8Array<ArrayBuffer> {
  const entries: [string, unknown][] = [['__metadata__', { format: 'pt', ...metadata }]];
  let sizeBytes = 0;
  for (const { name, shape, data } of tensors) {
    entries.push([name, { dtype: 'F32', shape, data_offsets: [sizeBytes, sizeBytes + data.byteLength] }]);
    sizeBytes += data.byteLength;
  }
  // Not by an object: its keys would change places where they are numbers.
  const json = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`;
  const header = new TextEncoder().encode(json);
  const dataStart = 8 + Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(dataStart + sizeBytes).fill(0x20, 8, dataStart);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  bytes.set(header, 8);
  let position = dataStart;
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}
