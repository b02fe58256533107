// GGUF versions 2 and 3, strictly: header, metadata and the table of tensors are walked and checked whole before any tensor is read; tensors and
// long metadata arrays are then read by slices from the file. Walking keeps a window of 1 MB, one entry per key and per tensor, and nothing else.
// Refuses (FormatError) other versions and byte orders, counts and lengths that do not fit into the file, duplicate names, types that are not read
// (by name), rows that are no whole blocks, misaligned, overlapping or missing data, trailing bytes, and parts of split models.
import type { ByteSource } from './byteSource.ts';
import { FormatError, quote, showBytes } from './formatError.ts';
import { BLOCK_TYPES, type BlockTypeName, dequantise, isBlockType, TYPE_NAMES } from './ggufBlocks.ts';

export type GgufScalar = number | boolean | string;

export interface GgufTensor {
  type: BlockTypeName;
  /** Row-major, last contiguous (the file states it the other way round). */
  shape: number[];
  /** Of the first byte, from the start of the file. */
  offset: number;
  sizeBytes: number;
  elements: number;
}

/** A tensor's bytes as they are stored, values on demand. */
export interface StoredRows {
  dtype: 'F32' | 'F16' | 'BF16';
  /** Values [first, first + count): numbers in F32, else the 16 bits of each. */
  slice(first: number, count: number): Float32Array | Uint16Array;
}

export interface GgufFile {
  name: string;
  /** Metadata that is one value; integers above 2^53 lose their last bits. */
  scalars: ReadonlyMap<string, GgufScalar>;
  /** Keys whose values are arrays, with their lengths. */
  arrays: ReadonlyMap<string, { count: number; strings: boolean }>;
  tensors: ReadonlyMap<string, GgufTensor>;
  /** An array of strings; null when the key is missing. Throws FormatError when it holds something else or no UTF-8. */
  readStrings(key: string): Promise<string[] | null>;
  /** An array of numbers; null when the key is missing. */
  readNumbers(key: string): Promise<Float64Array | null>;
  /** Elements [first, first + count) in stored order: F16 and BF16 as they are, all else as F32. A fresh array. */
  read(name: string, first: number, count: number): Promise<{ dtype: 'F32' | 'F16' | 'BF16'; bytes: Uint8Array<ArrayBuffer> }>;
  /** The whole tensor, for readers that go against the order of its rows. */
  readStored(name: string): Promise<StoredRows>;
}

const WINDOW_BYTES = 1_000_000;
const MAX_KEYS = 65_536;
const MAX_TENSORS = 100_000;
const MAX_NAME_BYTES = 1_000;
const MAX_STRING_BYTES = 4_000_000;
const MAX_ARRAY_STRING_BYTES = 65_536;
const MAX_RANK = 4;
const MAX_ALIGNMENT = 1_048_576;
const STRING = 8;
const ARRAY = 9;

/** Value types by their number in the file: bytes each and how to read one. */
const SCALARS: ReadonlyMap<number, { bytes: number; read: (view: DataView, at: number) => number | boolean }> = new Map([
  [0, { bytes: 1, read: (view: DataView, at: number) => view.getUint8(at) }],
  [1, { bytes: 1, read: (view: DataView, at: number) => view.getInt8(at) }],
  [2, { bytes: 2, read: (view: DataView, at: number) => view.getUint16(at, true) }],
  [3, { bytes: 2, read: (view: DataView, at: number) => view.getInt16(at, true) }],
  [4, { bytes: 4, read: (view: DataView, at: number) => view.getUint32(at, true) }],
  [5, { bytes: 4, read: (view: DataView, at: number) => view.getInt32(at, true) }],
  [6, { bytes: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) }],
  [7, { bytes: 1, read: (view: DataView, at: number) => view.getUint8(at) !== 0 }],
  [10, { bytes: 8, read: (view: DataView, at: number) => Number(view.getBigUint64(at, true)) }],
  [11, { bytes: 8, read: (view: DataView, at: number) => Number(view.getBigInt64(at, true)) }],
  [12, { bytes: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) }],
]);

interface ArrayEntry {
  type: number;
  count: number;
  offset: number;
  sizeBytes: number;
}

export async function readGguf(source: ByteSource): Promise<GgufFile> {
  const cursor = new Cursor(source);
  const { keys, tensorCount } = await readPreamble(cursor, source);
  const scalars = new Map<string, GgufScalar>();
  const entries = new Map<string, ArrayEntry>();
  for (let i = 0; i < keys; i++) await readEntry(cursor, scalars, entries);
  if (Number(scalars.get('split.count') ?? 1) > 1) {
    cursor.fail('it is one part of a split model; join the parts: llama-gguf-split --merge first-part.gguf whole.gguf');
  }
  const tensors = await readTensorTable(cursor, tensorCount, readAlignment(cursor, scalars), source.size);
  const arrays = new Map([...entries].map(([key, { count, type }]) => [key, { count, strings: type === STRING }]));
  return {
    name: source.name,
    scalars,
    arrays,
    tensors,
    readStrings: (key) => readStrings(source, key, entries.get(key)),
    readNumbers: (key) => readNumbers(source, key, entries.get(key)),
    read: (name, first, count) => readElements(source, name, tensors.get(name), first, count),
    readStored: (name) => readStored(source, name, tensors.get(name)),
  };
}

async function readPreamble(cursor: Cursor, source: ByteSource): Promise<{ keys: number; tensorCount: number }> {
  if (source.size < 24) throw new FormatError(`${quote(source.name)} has ${source.size} bytes and is no GGUF file (24 at least).`);
  await cursor.ensure(24);
  if (cursor.uint32() !== 0x46554747) throw new FormatError(`${quote(source.name)} does not begin with "GGUF" and is no GGUF file.`);
  const version = cursor.uint32();
  if (version > 0xffff) cursor.fail('it is written for big-endian machines; convert it again for little-endian ones');
  if (version !== 2 && version !== 3) cursor.fail(`it has version ${version}; versions 2 and 3 are read. Convert it again with llama.cpp`);
  const tensorCount = cursor.count('tensors', MAX_TENSORS, 24);
  const keys = cursor.count('metadata keys', MAX_KEYS, 13);
  return { keys, tensorCount };
}

async function readEntry(cursor: Cursor, scalars: Map<string, GgufScalar>, arrays: Map<string, ArrayEntry>): Promise<void> {
  const key = await cursor.string('a metadata key', MAX_NAME_BYTES);
  if (scalars.has(key) || arrays.has(key)) cursor.fail(`the metadata key ${quote(key)} is given twice`);
  await cursor.ensure(4);
  const type = cursor.uint32();
  if (type === STRING) scalars.set(key, await cursor.string(quote(key), MAX_STRING_BYTES));
  else if (type === ARRAY) arrays.set(key, await walkArray(cursor, key));
  else {
    const scalar = SCALARS.get(type) ?? cursor.fail(`${quote(key)} has the unknown value type ${type}`);
    await cursor.ensure(scalar.bytes);
    scalars.set(key, cursor.scalar(scalar));
  }
}

async function walkArray(cursor: Cursor, key: string): Promise<ArrayEntry> {
  await cursor.ensure(12);
  const type = cursor.uint32();
  const bytes = type === STRING ? 8 : SCALARS.get(type)?.bytes;
  if (bytes === undefined) cursor.fail(`${quote(key)} is an array of the value type ${type}, which is not read`);
  const count = cursor.count(`values in ${quote(key)}`, Number.MAX_SAFE_INTEGER, bytes ?? 1);
  const offset = cursor.position;
  if (type !== STRING) cursor.skip(count * (bytes ?? 1));
  else {
    for (let i = 0; i < count; i++) {
      if (cursor.left < 8) await cursor.ensure(8);
      cursor.skip(cursor.length(`a string of ${quote(key)}`, MAX_ARRAY_STRING_BYTES));
    }
  }
  return { type, count, offset, sizeBytes: cursor.position - offset };
}

function readAlignment(cursor: Cursor, scalars: Map<string, GgufScalar>): number {
  const value = scalars.get('general.alignment') ?? 32;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_ALIGNMENT && (value & (value - 1)) === 0)
    return value;
  return cursor.fail(`general.alignment is ${quote(String(value), 40)}; it must be a power of two up to ${MAX_ALIGNMENT}`);
}

async function readTensorTable(cursor: Cursor, count: number, alignment: number, fileBytes: number): Promise<Map<string, GgufTensor>> {
  const tensors = new Map<string, GgufTensor>();
  for (let i = 0; i < count; i++) {
    const name = await cursor.string('a tensor name', MAX_NAME_BYTES);
    if (tensors.has(name)) cursor.fail(`the tensor name ${quote(name)} is given twice`);
    tensors.set(name, await readTensor(cursor, name));
  }
  const dataStart = padded(cursor.position, alignment);
  let expected = dataStart;
  const byOffset = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  for (const [name, tensor] of byOffset) {
    tensor.offset += dataStart;
    if (tensor.offset !== expected) {
      const fault = tensor.offset < expected ? 'overlaps the tensor before it' : 'leaves a hole before it';
      cursor.fail(`tensor ${quote(name)} at byte ${tensor.offset} ${fault} (expected ${expected}); the file is damaged`);
    }
    const end = tensor.offset + tensor.sizeBytes;
    if (end > fileBytes) {
      cursor.fail(`it is cut short: tensor ${quote(name)} ends at byte ${end}, the file holds ${fileBytes}. Download it again`);
    }
    expected = padded(end, alignment);
  }
  if (fileBytes > expected) cursor.fail(`it has ${fileBytes - expected} bytes after its last tensor; the file is damaged`);
  return tensors;
}

async function readTensor(cursor: Cursor, name: string): Promise<GgufTensor> {
  await cursor.ensure(4);
  const rank = cursor.uint32();
  if (rank > MAX_RANK) cursor.fail(`tensor ${quote(name)} has ${rank} dimensions; at most ${MAX_RANK} are read`);
  await cursor.ensure(8 * rank + 12);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) shape.unshift(cursor.size(`a dimension of ${quote(name)}`));
  const elements = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  const code = cursor.uint32();
  const typeName = TYPE_NAMES.get(code) ?? `number ${code}`;
  if (!isBlockType(typeName)) {
    return cursor.fail(
      `tensor ${quote(name)} has the type ${typeName}; ${Object.keys(BLOCK_TYPES).join(', ')} are read. Take a file with one of these, such as Q8_0`,
    );
  }
  const offset = cursor.size(`the offset of ${quote(name)}`);
  const block = BLOCK_TYPES[typeName];
  if ((shape.at(-1) ?? 1) % block.elements !== 0) {
    cursor.fail(`tensor ${quote(name)} has rows of ${shape.at(-1)} values, which are no whole blocks of ${typeName} (${block.elements})`);
  }
  const sizeBytes = (elements / block.elements) * block.bytes;
  if (!Number.isSafeInteger(sizeBytes)) cursor.fail(`tensor ${quote(name)} of shape [${shape}] is larger than any file`);
  return { type: typeName, shape, offset, sizeBytes, elements };
}

async function readStrings(source: ByteSource, key: string, entry: ArrayEntry | undefined): Promise<string[] | null> {
  if (!entry) return null;
  if (entry.type !== STRING) throw new FormatError(`${quote(source.name)}: ${quote(key)} is no array of strings.`);
  const bytes = await source.read(entry.offset, entry.sizeBytes);
  const view = new DataView(bytes.buffer);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const strings: string[] = [];
  let at = 0;
  for (let i = 0; i < entry.count; i++) {
    const length = view.getUint32(at, true);
    strings.push(decode(decoder, bytes.subarray(at + 8, at + 8 + length), source.name, quote(key)));
    at += 8 + length;
  }
  return strings;
}

async function readNumbers(source: ByteSource, key: string, entry: ArrayEntry | undefined): Promise<Float64Array | null> {
  if (!entry) return null;
  const scalar = SCALARS.get(entry.type);
  if (!scalar) throw new FormatError(`${quote(source.name)}: ${quote(key)} is no array of numbers.`);
  if (entry.count > 4_194_304)
    throw new FormatError(`${quote(source.name)}: ${quote(key)} has ${entry.count} values; up to 4194304 are read.`);
  const view = new DataView((await source.read(entry.offset, entry.sizeBytes)).buffer);
  return Float64Array.from({ length: entry.count }, (_, i) => Number(scalar.read(view, i * scalar.bytes)));
}

async function readElements(source: ByteSource, name: string, tensor: GgufTensor | undefined, first: number, count: number) {
  if (!tensor) throw new FormatError(`${quote(source.name)} has no tensor ${quote(name)}.`);
  checkRange(source, name, first, count, tensor.elements);
  const { elements, bytes: blockBytes, dtype } = BLOCK_TYPES[tensor.type];
  const firstBlock = Math.floor(first / elements);
  const blocks = count === 0 ? 0 : Math.ceil((first + count) / elements) - firstBlock;
  const stored = await source.read(tensor.offset + firstBlock * blockBytes, blocks * blockBytes);
  if (elements === 1) return { dtype, bytes: stored };
  const values = dequantise(tensor.type, stored, blocks);
  const skipped = first - firstBlock * elements;
  const isWhole = skipped === 0 && values.length === count;
  return { dtype, bytes: new Uint8Array((isWhole ? values : values.slice(skipped, skipped + count)).buffer) };
}

async function readStored(source: ByteSource, name: string, tensor: GgufTensor | undefined): Promise<StoredRows> {
  if (!tensor) throw new FormatError(`${quote(source.name)} has no tensor ${quote(name)}.`);
  const { elements, bytes: blockBytes, dtype } = BLOCK_TYPES[tensor.type];
  const bytes = await source.read(tensor.offset, tensor.sizeBytes);
  const whole = elements > 1 ? null : dtype === 'F32' ? new Float32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
  return {
    dtype,
    slice(first, count) {
      if (whole) return whole.subarray(first, first + count);
      const firstBlock = Math.floor(first / elements);
      const blocks = Math.ceil((first + count) / elements) - firstBlock;
      const part = bytes.subarray(firstBlock * blockBytes, (firstBlock + blocks) * blockBytes);
      const skipped = first - firstBlock * elements;
      return dequantise(tensor.type, part, blocks).subarray(skipped, skipped + count);
    },
  };
}

/** Throws FormatError when elements [first, first + count) are not within the tensor. */
export function checkRange(file: { name: string }, tensor: string, first: number, count: number, elements: number): void {
  if (Number.isSafeInteger(first) && Number.isSafeInteger(count) && first >= 0 && count >= 0 && first + count <= elements) return;
  throw new FormatError(`${quote(file.name)}: elements ${first} to ${first + count} are outside tensor ${quote(tensor)} of ${elements}.`);
}

/** Walks the header forward through a window that is read again where it ends; sizes are checked against the file before anything is read. */
class Cursor {
  private readonly source: ByteSource;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private window = new Uint8Array(0);
  private view = new DataView(new ArrayBuffer(0));
  private windowStart = 0;
  /** Of the next byte, in the file. */
  position = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  fail(what: string): never {
    throw new FormatError(`${quote(this.source.name)} cannot be read as GGUF: ${what}.`);
  }

  /** Bytes from here that are in the window. */
  get left(): number {
    return this.windowStart + this.window.length - this.position;
  }

  /** Makes the next `bytes` readable. */
  async ensure(bytes: number): Promise<void> {
    if (this.left >= bytes) return;
    const rest = this.source.size - this.position;
    if (bytes > rest) this.fail(`it is cut short at byte ${this.source.size}; download it again`);
    this.window = await this.source.read(this.position, Math.min(rest, Math.max(bytes, WINDOW_BYTES)));
    this.view = new DataView(this.window.buffer);
    this.windowStart = this.position;
  }

  private advance(bytes: number): number {
    const at = this.position - this.windowStart;
    this.position += bytes;
    return at;
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  scalar(type: { bytes: number; read: (view: DataView, at: number) => number | boolean }): number | boolean {
    return type.read(this.view, this.advance(type.bytes));
  }

  /** An unsigned 64-bit integer that numbers hold exactly. */
  size(what: string): number {
    const value = this.view.getBigUint64(this.advance(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`${what} is ${value}`);
    return Number(value);
  }

  /** A count of things that take at least `bytesEach` from here on. */
  count(what: string, limit: number, bytesEach: number): number {
    const count = this.size(`the number of ${what}`);
    if (count > limit) this.fail(`it states ${count} ${what}; up to ${limit} are read`);
    if (count * bytesEach > this.source.size - this.position) this.fail(`it states ${count} ${what}, which do not fit into the file`);
    return count;
  }

  /** A string's length that fits into the file. */
  length(what: string, limit: number): number {
    const length = this.size(`the length of ${what}`);
    if (length > limit) this.fail(`${what} has ${length} bytes; up to ${showBytes(limit)} are read`);
    if (length > this.source.size - this.position) this.fail(`${what} of ${length} bytes does not fit into the file`);
    return length;
  }

  skip(bytes: number): void {
    this.position += bytes;
  }

  async string(what: string, limit: number): Promise<string> {
    await this.ensure(8);
    const length = this.length(what, limit);
    await this.ensure(length);
    const at = this.advance(length);
    return decode(this.decoder, this.window.subarray(at, at + length), this.source.name, what);
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array, file: string, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new FormatError(`${quote(file)} cannot be read as GGUF: ${what} is not UTF-8.`);
  }
}

function padded(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}
