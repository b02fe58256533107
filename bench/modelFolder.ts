// A Llama's folder with random weights, config.json and model.safetensors, as the files that a page gets when such a folder is dropped on it.
// One block of random numbers fills all tensors, so that a large folder is made at once.
import type { DroppedFile } from '../src/formats/dropped.ts';
import { fromBlob } from '../src/formats/byteSource.ts';
import { llamaConfig, llamaTensors, uniform } from './workload.ts';

/** About 100 million parameters. */
const SHAPE = { C: 768, F: 2048, L: 12, H: 12, V: 20_480, T: 1024 };
const BLOCK = 2 ** 20;

export interface RandomFolder {
  files: DroppedFile[];
  parameters: number;
  fileBytes: number;
}

export function randomFolder(dtype: 'F32' | 'BF16'): RandomFolder {
  const block = randomBlock(dtype);
  const entries: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let at = 0;
  let parameters = 0;
  for (const { name, shape } of llamaTensors(SHAPE)) {
    const count = shape.reduce((n, s) => n * s, 1);
    const end = at + (count * block.byteLength) / BLOCK;
    entries[name] = { dtype, shape, data_offsets: [at, end] };
    at = end;
    parameters += count;
  }
  const json = new TextEncoder().encode(JSON.stringify(entries));
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  const blocks = Array.from(
    { length: Math.ceil(at / block.byteLength) },
    (_, i) => new Uint8Array(block, 0, Math.min(block.byteLength, at - i * block.byteLength)),
  );
  const weights = new Blob([header, ...blocks]);
  const config = new Blob([JSON.stringify({ ...llamaConfig(SHAPE), torch_dtype: dtype === 'F32' ? 'float32' : 'bfloat16' })]);
  return {
    files: [
      { path: 'config.json', source: fromBlob('config.json', config) },
      { path: 'model.safetensors', source: fromBlob('model.safetensors', weights) },
    ],
    parameters,
    fileBytes: weights.size,
  };
}

/** BLOCK uniform numbers in (-0.04, 0.04) as they are stored. */
function randomBlock(dtype: 'F32' | 'BF16'): ArrayBuffer {
  const next = uniform(3);
  const floats = Float32Array.from({ length: BLOCK }, () => 0.08 * (next() - 0.5));
  if (dtype === 'F32') return floats.buffer;
  const bits = new Uint32Array(floats.buffer);
  return Uint16Array.from(bits, (b) => b >>> 16).buffer;
}
