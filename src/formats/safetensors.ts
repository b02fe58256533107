// safetensors, strictly: the header is checked whole before any tensor is read, tensors are read by slices as they are stored.
// Refuses (FormatError) every header that parseSafetensorsHeader refuses, absurd header lengths, headers that are not UTF-8, and the values of tensors
// other than F32, F16 and BF16.
import type { WeightSource } from './architecture.ts';
import type { ByteSource } from './byteSource.ts';
import { FormatError, quote, showBytes } from './formatError.ts';
import { float16Bits } from './halves.ts';
import { isObject, parseJson } from './json.ts';
import { DTYPE_BYTES, type FloatDtype, parseSafetensorsHeader, type TensorEntry } from './safetensorsHeader.ts';

export interface SafetensorsFile extends WeightSource {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Without prototype. */
  metadata: Record<string, string>;
  /** The tensor's values in row-major order, converted to F32. */
  readFloat32(name: string): Promise<Float32Array<ArrayBuffer>>;
}

export interface NamedTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

const MAX_HEADER_BYTES = 100_000_000;

export async function readSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const file = source.name;
  if (source.size < 10) throw new FormatError(`${quote(file)} has ${source.size} bytes and is no safetensors file (10 at least).`);
  const length = new DataView((await source.read(0, 8)).buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES) || length < 2n || Number(length) > source.size - 8) {
    throw new FormatError(
      `${quote(file)} states a header of ${length} bytes in a file of ${source.size}; 2 to ${showBytes(MAX_HEADER_BYTES)} that fit into ` +
        'the file are read. It is no safetensors file or is damaged.',
    );
  }
  const dataStart = 8 + Number(length);
  const header = decodeHeader(await source.read(8, Number(length)), file);
  const { tensors, metadata } = parseSafetensorsHeader(header, file, source.size - dataStart);
  const entryOf = (name: string): TensorEntry & { dtype: FloatDtype } => {
    const entry = tensors.get(name);
    if (!entry) throw new FormatError(`${quote(file)} has no tensor ${quote(name)}.`);
    const { dtype } = entry;
    if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return { ...entry, dtype };
    throw new FormatError(
      `${quote(file)}: tensor ${quote(name)} has dtype ${quote(dtype)}; F32, F16 and BF16 are read. Convert the model to one of them.`,
    );
  };
  return {
    tensors,
    metadata,
    async read(name, first, count) {
      const { dtype, offset, sizeBytes } = entryOf(name);
      const size = DTYPE_BYTES[dtype];
      if (!(first >= 0 && count >= 0 && (first + count) * size <= sizeBytes)) {
        throw new FormatError(
          `${quote(file)}: tensor ${quote(name)} has ${sizeBytes / size} elements; ${first} to ${first + count} were asked for.`,
        );
      }
      return { dtype, bytes: await source.read(dataStart + offset + first * size, count * size) };
    },
    async readFloat32(name) {
      const { dtype, offset, sizeBytes } = entryOf(name);
      return toFloat32(await source.read(dataStart + offset, sizeBytes), dtype);
    },
  };
}

/** Several files of one model read as one. Refuses a tensor name that two of them hold. */
export function joinShards(shards: SafetensorsFile[]): SafetensorsFile {
  const tensors = new Map<string, TensorEntry>();
  const owner = new Map<string, SafetensorsFile>();
  for (const shard of shards) {
    for (const [name, entry] of shard.tensors) {
      if (owner.has(name)) throw new FormatError(`Two safetensors files hold the tensor ${quote(name)}. Drop the files of one model only.`);
      tensors.set(name, entry);
      owner.set(name, shard);
    }
  }
  const ownerOf = (name: string): SafetensorsFile => {
    const shard = owner.get(name);
    if (!shard) throw new FormatError(`The model has no tensor ${quote(name)}.`);
    return shard;
  };
  return {
    tensors,
    metadata: shards[0]?.metadata ?? Object.create(null),
    read: async (name, first, count) => ownerOf(name).read(name, first, count),
    readFloat32: async (name) => ownerOf(name).readFloat32(name),
  };
}

/**
 * Checks shards against model.safetensors.index.json: every tensor that it names is in the file that it names.
 * @param shards by file name. Throws FormatError.
 */
export function checkIndex(index: string, shards: ReadonlyMap<string, SafetensorsFile>): void {
  const what = 'model.safetensors.index.json';
  const value = parseJson(index, what);
  if (!isObject(value) || !isObject(value.weight_map))
    throw new FormatError(`${what} holds no weight_map. Drop the folder as it was saved.`);
  for (const [name, file] of Object.entries(value.weight_map)) {
    if (typeof file !== 'string') throw new FormatError(`${what}: the file of tensor ${quote(name)} is no text. The file is damaged.`);
    const shard = shards.get(file);
    if (!shard) throw new FormatError(`${what} names ${quote(file)}, which was not dropped. Drop the whole folder.`);
    if (!shard.tensors.has(name))
      throw new FormatError(`${what} says that ${quote(file)} holds the tensor ${quote(name)}; it does not. Download the folder again.`);
  }
}

function decodeHeader(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormatError(`${quote(file)}: the safetensors header is not UTF-8. The file is damaged or of another format.`);
  }
}

/** `bytes` must be a fresh array: F32 is viewed, not copied. */
export function toFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: FloatDtype): Float32Array<ArrayBuffer> {
  if (dtype === 'F32') return new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  const bits = new Uint32Array(bytes.length / DTYPE_BYTES[dtype]);
  if (dtype === 'BF16') for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
  else for (let i = 0; i < bits.length; i++) bits[i] = float16Bits(halves[i]!);
  return new Float32Array(bits.buffer);
}
