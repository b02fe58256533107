// Tensors as safetensors files that the Python library opens: F32, F16 or BF16, one file or shards with their index, made tensor by tensor.
// Refuses (FormatError) names that are taken and values that do not match their shape.
import { FormatError, quote } from './formatError.ts';
import { toBfloat16, toFloat16 } from './halves.ts';
import { fixedFile, type OutputFile } from './outputFile.ts';
import { DTYPE_BYTES, type FloatDtype } from './safetensorsHeader.ts';

/** A tensor that is read when it is its turn. */
export interface TensorToWrite {
  name: string;
  shape: readonly number[];
  /** The values in row-major order. */
  read(): Promise<Float32Array>;
}

export interface WriteOptions {
  dtype?: FloatDtype;
  /** Files are begun anew before they exceed this. */
  maxShardBytes?: number;
  metadata?: Record<string, string>;
  /** Name without ".safetensors". */
  name?: string;
}

const MAX_SHARD_BYTES = 2e9;
/** Values converted at once. */
const CHUNK = 2 ** 20;

/** model.safetensors, or model-0000i-of-0000n.safetensors and model.safetensors.index.json. Data starts at a multiple of 8. */
export function safetensorsFiles(tensors: Iterable<TensorToWrite>, options: WriteOptions = {}): OutputFile[] {
  const { dtype = 'F32', maxShardBytes = MAX_SHARD_BYTES, metadata = {}, name = 'model' } = options;
  const sizeOf = ({ shape }: TensorToWrite): number => shape.reduce((product, size) => product * size, 1) * DTYPE_BYTES[dtype];
  const shards: TensorToWrite[][] = [[]];
  const names = new Set<string>();
  let shardBytes = 0;
  let totalBytes = 0;
  for (const tensor of tensors) {
    if (names.has(tensor.name) || tensor.name === '__metadata__') {
      throw new FormatError(`The tensor name ${quote(tensor.name)} is taken; names must differ.`);
    }
    names.add(tensor.name);
    const sizeBytes = sizeOf(tensor);
    if (shardBytes > 0 && shardBytes + sizeBytes > maxShardBytes) {
      shards.push([]);
      shardBytes = 0;
    }
    shards.at(-1)?.push(tensor);
    shardBytes += sizeBytes;
    totalBytes += sizeBytes;
  }
  if (shards.length === 1) return [shardFile(`${name}.safetensors`, shards[0] ?? [], dtype, metadata)];
  const number = (n: number): string => String(n).padStart(5, '0');
  const fileName = (i: number): string => `${name}-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
  const weightMap = Object.fromEntries(shards.flatMap((shard, i) => shard.map((tensor) => [tensor.name, fileName(i)])));
  const index = { metadata: { total_size: totalBytes }, weight_map: weightMap };
  const files = shards.map((shard, i) => shardFile(fileName(i), shard, dtype, metadata));
  return [...files, fixedFile(`${name}.safetensors.index.json`, `${JSON.stringify(index, null, 2)}\n`)];
}

function shardFile(name: string, tensors: TensorToWrite[], dtype: FloatDtype, metadata: Record<string, string>): OutputFile {
  const members = [`"__metadata__":${JSON.stringify({ format: 'pt', ...metadata })}`];
  let sizeBytes = 0;
  for (const tensor of tensors) {
    const end = sizeBytes + tensor.shape.reduce((product, size) => product * size, 1) * DTYPE_BYTES[dtype];
    members.push(`${JSON.stringify(tensor.name)}:${JSON.stringify({ dtype, shape: tensor.shape, data_offsets: [sizeBytes, end] })}`);
    sizeBytes = end;
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + headerBytes).fill(0x20, 8);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(json, 8);
  return {
    name,
    sizeBytes: head.length + sizeBytes,
    async *pieces() {
      yield head;
      for (const tensor of tensors) yield* valuesOf(tensor, dtype);
    },
  };
}

async function* valuesOf({ name, shape, read }: TensorToWrite, dtype: FloatDtype): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const values = await read();
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length)
    throw new FormatError(`Tensor ${quote(name)}: shape [${shape}] has ${count} values, the data ${values.length}.`);
  for (let first = 0; first < count; first += CHUNK) {
    const chunk = values.subarray(first, first + CHUNK);
    if (dtype === 'F32') yield new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength);
    else yield new Uint8Array((dtype === 'F16' ? toFloat16(chunk) : toBfloat16(chunk)).buffer);
  }
}
