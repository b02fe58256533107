// The header of a safetensors file, read by a grammar of its own: an object of tensor entries and one `__metadata__` object of strings.
// One pass, no recursion, stops at the first thing that does not belong. Refuses duplicate names, unknown keys and dtypes, numbers that
// are not plain non-negative integers, shapes that do not match their bytes, and data that overlaps, leaves holes or does not end the file.
import { FormatError, quote } from './formatError.ts';

/** Whose values are read. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

/** Bytes of an element. All but the floating-point ones of FloatDtype are only passed over: files hold masks that no model reads. */
export const DTYPE_BYTES = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

export interface TensorEntry {
  dtype: Dtype;
  shape: number[];
  /** Of the first byte, from the start of the data part. */
  offset: number;
  sizeBytes: number;
}

const MAX_TENSORS = 100_000;
const MAX_METADATA = 100_000;
const MAX_RANK = 32;

/** @param file name for messages; @param dataBytes size of the data part. Throws FormatError. */
export function parseSafetensorsHeader(text: string, file: string, dataBytes: number) {
  const tensors = new Map<string, TensorEntry>();
  let metadata: Map<string, string> | null = null;
  const scan = new Scanner(text, file);
  if (text.charCodeAt(0) !== 0x7b) scan.fail('a header begins with "{"');
  scan.members((name) => {
    if (name === '__metadata__') {
      if (metadata !== null) scan.fail('__metadata__ is given twice');
      metadata = readMetadata(scan);
      return;
    }
    if (tensors.has(name)) scan.fail(`the tensor name ${quote(name)} is given twice`);
    if (tensors.size === MAX_TENSORS) scan.fail(`there are more than ${MAX_TENSORS} tensors, which is the limit here`);
    tensors.set(name, readEntry(scan, name));
  });
  scan.end();
  checkLayout(tensors, file, dataBytes);
  const record: Record<string, string> = Object.create(null);
  for (const [key, value] of metadata ?? new Map<string, string>()) record[key] = value;
  return { tensors, metadata: record };
}

function readMetadata(scan: Scanner): Map<string, string> {
  const metadata = new Map<string, string>();
  scan.members((key) => {
    if (metadata.has(key)) scan.fail(`the metadata key ${quote(key)} is given twice`);
    if (metadata.size === MAX_METADATA) scan.fail(`there are more than ${MAX_METADATA} metadata entries, which is the limit here`);
    metadata.set(key, scan.string());
  });
  return metadata;
}

function readEntry(scan: Scanner, name: string): TensorEntry {
  let dtype: string | null = null;
  let shape: number[] | null = null;
  let range: number[] | null = null;
  scan.members((key) => {
    if (key === 'dtype' && dtype === null) dtype = scan.string();
    else if (key === 'shape' && shape === null) shape = scan.integers(MAX_RANK);
    else if (key === 'data_offsets' && range === null) range = scan.integers(2);
    else scan.fail(`tensor ${quote(name)} has the unknown or repeated key ${quote(key)}`);
  });
  return checkEntry(scan, name, dtype, shape, range);
}

function checkEntry(scan: Scanner, name: string, dtype: string | null, shape: number[] | null, range: number[] | null): TensorEntry {
  if (dtype === null || shape === null || range === null || range.length !== 2) {
    return scan.fail(`tensor ${quote(name)} needs dtype, shape and two data_offsets`);
  }
  if (!isDtype(dtype)) {
    return scan.fail(`tensor ${quote(name)} has dtype ${quote(dtype, 20)}; F32, F16 and BF16 are read. Convert the model to one of them`);
  }
  const [begin, end] = range as [number, number];
  if (end < begin) scan.fail(`tensor ${quote(name)} has reversed data_offsets [${begin}, ${end}]`);
  const count = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (count * DTYPE_BYTES[dtype] !== end - begin) {
    scan.fail(`tensor ${quote(name)}: ${dtype} [${shape}] is ${count * DTYPE_BYTES[dtype]} bytes but its data_offsets span ${end - begin}`);
  }
  return { dtype, shape, offset: begin, sizeBytes: end - begin };
}

function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BYTES, name);
}

function checkLayout(tensors: Map<string, TensorEntry>, file: string, dataBytes: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  let position = 0;
  for (const [name, entry] of inOrder) {
    if (entry.offset !== position) {
      const fault = entry.offset < position ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new FormatError(
        `${quote(file)}: tensor ${quote(name)} at byte ${entry.offset} ${fault} (expected ${position}). The file is damaged.`,
      );
    }
    position += entry.sizeBytes;
  }
  if (position !== dataBytes) {
    const fault = position > dataBytes ? 'is cut short: download it again' : 'has trailing bytes';
    throw new FormatError(`${quote(file)} ${fault}: its tensors take ${position} bytes, the file holds ${dataBytes}.`);
  }
}

class Scanner {
  private readonly text: string;
  private readonly file: string;
  private at = 0;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  fail(what: string): never {
    throw new FormatError(`${quote(this.file)}: safetensors header, near character ${this.at}: ${what}.`);
  }

  /** The next character that is not white space, not consumed; NaN at the end. */
  private peek(): number {
    let c = this.text.charCodeAt(this.at);
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = this.text.charCodeAt(++this.at);
    return c;
  }

  private expect(char: string): void {
    if (this.peek() !== char.charCodeAt(0)) this.fail(`"${char}" expected`);
    this.at++;
  }

  private accept(char: string): boolean {
    if (this.peek() !== char.charCodeAt(0)) return false;
    this.at++;
    return true;
  }

  /** An object; calls `read` after each key and colon. */
  members(read: (key: string) => void): void {
    this.expect('{');
    if (this.accept('}')) return;
    do {
      const key = this.string();
      this.expect(':');
      read(key);
    } while (this.accept(','));
    this.expect('}');
  }

  string(): string {
    this.expect('"');
    const start = this.at;
    let escaped = false;
    for (; ; this.at++) {
      const c = this.text.charCodeAt(this.at);
      if (c === 0x22) break;
      if (c === 0x5c) {
        escaped = true;
        this.at++;
      } else if (!(c >= 0x20)) this.fail('a string is not closed or holds a control character');
    }
    const raw = this.text.slice(start, this.at++);
    return escaped ? this.unescape(raw) : raw;
  }

  private unescape(raw: string): string {
    let value = '';
    try {
      value = JSON.parse(`"${raw}"`) as string;
    } catch {
      this.fail('a string has a bad escape');
    }
    if (/\p{Surrogate}/u.test(value)) this.fail('a string holds half of a surrogate pair');
    return value;
  }

  /** An array of at most `limit` non-negative integers. */
  integers(limit: number): number[] {
    const values: number[] = [];
    this.expect('[');
    if (this.accept(']')) return values;
    do {
      if (values.length === limit) this.fail(`an array has more than ${limit} numbers`);
      values.push(this.integer());
    } while (this.accept(','));
    this.expect(']');
    return values;
  }

  private integer(): number {
    if (this.peek() === 0x2d) this.fail('a shape or offset is negative');
    const start = this.at;
    let c = this.text.charCodeAt(this.at);
    while (c >= 0x30 && c <= 0x39 && this.at - start < 17) c = this.text.charCodeAt(++this.at);
    const digits = this.text.slice(start, this.at);
    if (digits === '' || (digits.length > 1 && digits.startsWith('0')) || !Number.isSafeInteger(Number(digits))) {
      this.fail('a shape or offset is not an integer below 2^53');
    }
    if (c === 0x2e || c === 0x65 || c === 0x45) this.fail('a shape or offset is fractional');
    return Number(digits);
  }

  end(): void {
    if (!Number.isNaN(this.peek())) this.fail('there is text after the header object');
  }
}
