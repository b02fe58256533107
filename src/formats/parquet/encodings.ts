// How Parquet writes numbers and bytes in a page: runs and packed bits, plain values, deltas, split streams.
// Promises: as many values as are asked for or RangeError, never a read outside the bytes, nothing allocated that the bytes cannot fill but the values
// themselves, whose number the caller has checked.
import type { Budget } from './budget.ts';
import type { Physical } from './schema.ts';

/** As it lies in the file: INT64 and INT96 as bigint. */
export type Raw = boolean | number | bigint | Uint8Array;

const MAX_BLOCK = 1 << 16;

/** A place in bytes that are read from front to back. */
export class Cursor {
  at = 0;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    if (this.left < 1) throw new RangeError('too few bytes');
    return this.bytes[this.at++]!;
  }

  take(length: number): Uint8Array {
    if (!(length >= 0 && length <= this.left)) throw new RangeError('too few bytes');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  uint32(): number {
    if (this.left < 4) throw new RangeError('too few bytes');
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  /** At most 32 bits. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number that is too long');
  }

  zigzag(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
    }
    throw new RangeError('a number that is too long');
  }
}

/** Runs of one value and of packed bits in turn, to the end of `out`. Values are below 2^width; width up to 32. */
export function readRuns(cursor: Cursor, width: number, out: Uint8Array | Uint32Array): void {
  if (width > 32) throw new RangeError('values of more than 32 bits');
  const mask = width === 32 ? 0xffffffff : 2 ** width - 1;
  const { bytes } = cursor;
  let size = 0;
  while (size < out.length) {
    const head = cursor.varint();
    if (head % 2 === 0) {
      let value = 0;
      for (let i = 0; i < Math.ceil(width / 8); i++) value += cursor.byte() * 2 ** (8 * i);
      if (value > mask) throw new RangeError('a value that is too large');
      const end = Math.min(out.length, size + head / 2);
      out.fill(value, size, end);
      size = end;
      continue;
    }
    const stated = ((head - 1) / 2) * 8;
    const count = Math.min(stated, out.length - size);
    // the last group may have been cut after the last value
    const needed = Math.ceil((count * width) / 8);
    const from = cursor.at;
    cursor.take(needed);
    cursor.at += Math.min(cursor.left, Math.ceil((stated * width) / 8) - needed);
    let byte = from;
    let shift = 0;
    for (let i = 0; i < count; i++) {
      let value = bytes[byte]! >>> shift;
      for (let got = 8 - shift, k = 1; got < width; got += 8, k++) value += bytes[byte + k]! * 2 ** got;
      out[size++] = width === 32 ? value : value % 2 ** width;
      shift += width;
      byte += shift >> 3;
      shift &= 7;
    }
  }
}

export function readPlain(cursor: Cursor, physical: Physical, width: number, count: number, take: (value: Raw) => void): void {
  const { view } = cursor;
  if (physical === 'BYTE_ARRAY') {
    for (let i = 0; i < count; i++) take(cursor.take(cursor.uint32()));
    return;
  }
  if (physical === 'BOOLEAN') {
    const bits = cursor.take(Math.ceil(count / 8));
    for (let i = 0; i < count; i++) take(((bits[i >> 3]! >> (i & 7)) & 1) === 1);
    return;
  }
  const size = widthOf(physical, width);
  let at = cursor.at;
  cursor.take(count * size);
  for (let i = 0; i < count; i++, at += size) take(readOne(cursor.bytes, view, at, physical, size));
}

function widthOf(physical: Physical, width: number): number {
  if (physical === 'INT32' || physical === 'FLOAT') return 4;
  if (physical === 'INT64' || physical === 'DOUBLE') return 8;
  if (physical === 'INT96') return 12;
  if (physical === 'FIXED_LEN_BYTE_ARRAY') return width;
  throw new RangeError(`${physical} has no width`);
}

function readOne(bytes: Uint8Array, view: DataView, at: number, physical: Physical, size: number): Raw {
  switch (physical) {
    case 'INT32':
      return view.getInt32(at, true);
    case 'INT64':
      return view.getBigInt64(at, true);
    case 'INT96':
      return (BigInt(view.getUint32(at + 8, true)) << 64n) | view.getBigUint64(at, true);
    case 'FLOAT':
      return view.getFloat32(at, true);
    case 'DOUBLE':
      return view.getFloat64(at, true);
    default:
      return bytes.subarray(at, at + size);
  }
}

/** The first bytes of all values, then the second ones, and so on. */
export function readSplit(cursor: Cursor, physical: Physical, width: number, count: number, take: (value: Raw) => void): void {
  const size = widthOf(physical, width);
  const split = cursor.take(count * size);
  const whole = new Uint8Array(split.length);
  for (let b = 0, from = 0; b < size; b++) for (let i = 0; i < count; i++) whole[i * size + b] = split[from++]!;
  readPlain(new Cursor(whole), physical, width, count, take);
}

/** Whole numbers of `bits` bits as differences, in blocks of miniblocks. */
export function readDeltas(cursor: Cursor, bits: 32 | 64, count: number, take: (value: bigint) => void): void {
  const [block, minis, stated] = [cursor.varint(), cursor.varint(), cursor.varint()];
  const perMini = block / minis;
  if (stated !== count || !(block > 0 && block <= MAX_BLOCK && minis > 0) || perMini % 32 !== 0) throw new RangeError('a wrong block');
  let value = BigInt.asIntN(bits, cursor.zigzag());
  let size = 0;
  if (count > 0) {
    take(value);
    size++;
  }
  while (size < count) {
    const least = cursor.zigzag();
    const widths = cursor.take(minis);
    for (let mini = 0; mini < minis && size < count; mini++) {
      const width = widths[mini]!;
      if (width > 64) throw new RangeError('deltas of more than 64 bits');
      const packed = cursor.take((perMini / 8) * width);
      for (let i = 0; i < perMini && size < count; i++, size++) {
        value = BigInt.asIntN(bits, value + least + bitsAt(packed, i * width, width));
        take(value);
      }
    }
  }
}

function bitsAt(bytes: Uint8Array, from: number, width: number): bigint {
  let value = 0n;
  for (let got = 0; got < width; ) {
    const shift = (from + got) & 7;
    const bits = Math.min(8 - shift, width - got);
    value |= BigInt((bytes[(from + got) >> 3]! >> shift) & ((1 << bits) - 1)) << BigInt(got);
    got += bits;
  }
  return value;
}

export function readLengths(cursor: Cursor, count: number): Int32Array {
  const lengths = new Int32Array(count);
  let i = 0;
  readDeltas(cursor, 32, count, (value) => {
    if (value < 0n) throw new RangeError('a length below zero');
    lengths[i++] = Number(value);
  });
  return lengths;
}

/** All lengths, then all bytes. */
export function readDeltaLengthBytes(cursor: Cursor, count: number, take: (value: Raw) => void): void {
  for (const length of readLengths(cursor, count)) take(cursor.take(length));
}

/** How many bytes each value shares with the one before, then what follows them. */
export function readDeltaBytes(cursor: Cursor, count: number, budget: Budget, take: (value: Raw) => void): void {
  const shared = readLengths(cursor, count);
  let before = new Uint8Array(0);
  let i = 0;
  readDeltaLengthBytes(cursor, count, (rest) => {
    const length = shared[i++]!;
    const suffix = rest as Uint8Array;
    if (length > before.length) throw new RangeError('a value that shares more than there is');
    budget.take(length + suffix.length);
    const value = new Uint8Array(length + suffix.length);
    value.set(before.subarray(0, length));
    value.set(suffix, length);
    before = value;
    take(value);
  });
}
