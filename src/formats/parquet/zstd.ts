// Zstandard (RFC 8878), unpacked: frames without a dictionary, every kind of block, literals and sequences.
// Promises: no more memory than `sizeBytes` and a block (128 kB), no more steps than the bytes that go in and come out: a sequence that overruns stops it.
// Refuses (RangeError) data that does not unpack to exactly `sizeBytes`, and dictionaries. Checksums of frames are not looked at.

const MAGIC = 0xfd2fb528;
const MAX_BLOCK = 1 << 17;
const MAX_HUFFMAN_BITS = 11;
/** Up to here a loop is faster than a call. */
const SHORT = 48;
const [RAW, REPEATED, COMPRESSED, TREELESS] = [0, 1, 2, 3];

/** Of codes: the least value, and how many bits are added to it. */
const LITERAL_CODES = codes(0, [...Array(16).fill(0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const MATCH_CODES = codes(3, [...Array(32).fill(0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const MAX_OFFSET_CODE = 31;

interface Codes {
  least: number[];
  bits: number[];
}

function codes(first: number, bits: number[]): Codes {
  let next = first;
  const least = bits.map((count) => {
    const value = next;
    next += 2 ** count;
    return value;
  });
  return { least, bits };
}

/** States of a finite state entropy decoder. */
interface StateTable {
  log: number;
  symbols: Uint8Array;
  bits: Uint8Array;
  least: Uint16Array;
}

interface HuffmanTable {
  log: number;
  symbols: Uint8Array;
  bits: Uint8Array;
}

interface Coder {
  codes: Codes;
  maxLog: number;
  standard: StateTable;
}

const LITERALS: Coder = {
  codes: LITERAL_CODES,
  maxLog: 9,
  standard: stateTable(6, [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1]),
};
const OFFSETS: Coder = {
  codes: codes(
    1,
    Array.from({ length: MAX_OFFSET_CODE + 1 }, (_, code) => code),
  ),
  maxLog: 8,
  standard: stateTable(5, [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1]),
};
const MATCHES: Coder = {
  codes: MATCH_CODES,
  maxLog: 9,
  standard: stateTable(6, [
    ...[1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ...[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1],
  ]),
};

export function unpackZstd(packed: Uint8Array, sizeBytes: number): Uint8Array {
  const out = new Uint8Array(sizeBytes);
  const reader = new Bytes(packed);
  let size = 0;
  while (reader.left > 0) {
    const magic = reader.little(4);
    if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
      reader.take(reader.little(4));
      continue;
    }
    if (magic !== MAGIC) throw new RangeError('no frame');
    size = new Frame(out, size).read(reader);
  }
  if (size !== sizeBytes) throw new RangeError('too short');
  return out;
}

class Bytes {
  at = 0;
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get left(): number {
    return this.bytes.length - this.at;
  }
  take(count: number): Uint8Array {
    if (count > this.left) throw new RangeError('too few bytes');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
  little(count: number): number {
    return this.take(count).reduceRight((value, byte) => value * 256 + byte, 0);
  }
}

/** Bits from the last one, below a mark, to the first; zeros before it. */
class BackwardBits {
  /** Bits that are left; below zero when more were read than there are. */
  left: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    const last = bytes.at(-1) ?? 0;
    if (last === 0) throw new RangeError('no end of bits');
    this.bytes = bytes;
    this.left = bytes.length * 8 - 8 + (31 - Math.clz32(last));
  }

  read(count: number): number {
    this.left -= count;
    return this.at(this.left, count);
  }

  /** The next bits, which stay. */
  peek(count: number): number {
    return this.at(this.left - count, count);
  }

  private at(from: number, count: number): number {
    if (from < 0) return from + count <= 0 ? 0 : this.at(0, from + count) * 2 ** -from;
    const { bytes } = this;
    const i = from >> 3;
    const shift = from & 7;
    const low = (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)) >>> shift;
    if (shift + count <= 32) return count === 32 ? low >>> 0 : (low & ((1 << count) - 1)) >>> 0;
    return low + (bytes[i + 4]! & ((1 << (shift + count - 32)) - 1)) * 2 ** (32 - shift);
  }
}

class Frame {
  private readonly out: Uint8Array;
  private readonly start: number;
  private size: number;
  private huffman: HuffmanTable | null = null;
  private readonly tables = new Map<Coder, StateTable>();
  private readonly offsets = [1, 4, 8];

  constructor(out: Uint8Array, size: number) {
    this.out = out;
    this.start = size;
    this.size = size;
  }

  read(reader: Bytes): number {
    const flags = reader.little(1);
    const isSingle = (flags & 32) !== 0;
    if ((flags & 8) !== 0) throw new RangeError('a flag that means nothing');
    if (!isSingle) reader.take(1);
    if (reader.little([0, 1, 2, 4][flags & 3]!) !== 0) throw new RangeError('a dictionary');
    reader.take([isSingle ? 1 : 0, 2, 4, 8][flags >> 6]!);
    for (let isLast = false; !isLast; ) {
      const head = reader.little(3);
      isLast = (head & 1) === 1;
      const kind = (head >> 1) & 3;
      const length = head >> 3;
      if (length > MAX_BLOCK || kind === 3) throw new RangeError('no block');
      if (kind === RAW) this.put(reader.take(length));
      else if (kind === REPEATED) {
        this.room(length);
        this.out.fill(reader.little(1), this.size, this.size + length);
        this.size += length;
      } else this.readBlock(new Bytes(reader.take(length)));
    }
    if ((flags & 4) !== 0) reader.take(4);
    return this.size;
  }

  private put(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.out.set(bytes, this.size);
    this.size += bytes.length;
  }

  private room(length: number): void {
    if (length > this.out.length - this.size) throw new RangeError('too long');
  }

  private readBlock(block: Bytes): void {
    const literals = this.readLiterals(block);
    const count = sequenceCount(block);
    if (count === 0) {
      this.put(literals);
      return;
    }
    const modes = block.little(1);
    if ((modes & 3) !== 0) throw new RangeError('a mode that means nothing');
    const lengths = this.readTable(block, LITERALS, modes >> 6);
    const offsets = this.readTable(block, OFFSETS, (modes >> 4) & 3);
    const matches = this.readTable(block, MATCHES, (modes >> 2) & 3);
    const bits = new BackwardBits(block.take(block.left));
    let length = bits.read(lengths.log);
    let offset = bits.read(offsets.log);
    let match = bits.read(matches.log);
    let from = 0;
    for (let i = 0; i < count; i++) {
      const back = readCode(bits, OFFSETS, offsets.symbols[offset]!);
      const copied = readCode(bits, MATCHES, matches.symbols[match]!);
      const literal = readCode(bits, LITERALS, lengths.symbols[length]!);
      if (bits.left < 0 || literal > literals.length - from) throw new RangeError('too few bits');
      this.room(literal);
      if (literal > SHORT) this.out.set(literals.subarray(from, from + literal), this.size);
      else for (let k = 0; k < literal; k++) this.out[this.size + k] = literals[from + k]!;
      this.size += literal;
      from += literal;
      this.copy(this.offsetOf(back, literal), copied);
      if (i === count - 1) break;
      length = lengths.least[length]! + bits.read(lengths.bits[length]!);
      match = matches.least[match]! + bits.read(matches.bits[match]!);
      offset = offsets.least[offset]! + bits.read(offsets.bits[offset]!);
    }
    if (bits.left !== 0) throw new RangeError('bits that nobody reads');
    this.put(literals.subarray(from));
  }

  /** One of the last three offsets, or another one, which then is the last. */
  private offsetOf(value: number, literals: number): number {
    const { offsets } = this;
    const which = value + (literals === 0 ? 1 : 0);
    if (value <= 3 && which === 1) return offsets[0]!;
    const offset = value > 3 ? value - 3 : which === 4 ? offsets[0]! - 1 : offsets[which - 1]!;
    if (value > 3 || which !== 2) offsets[2] = offsets[1]!;
    offsets[1] = offsets[0]!;
    offsets[0] = offset;
    return offset;
  }

  private copy(back: number, length: number): void {
    const { out, size } = this;
    if (!(back > 0 && back <= size - this.start)) throw new RangeError('a copy from outside');
    this.room(length);
    if (back >= length && length > SHORT) out.copyWithin(size, size - back, size - back + length);
    else for (let i = size; i < size + length; i++) out[i] = out[i - back]!;
    this.size += length;
  }

  private readLiterals(block: Bytes): Uint8Array {
    const first = block.bytes[block.at] ?? 0;
    const kind = first & 3;
    const form = (first >> 2) & 3;
    if (kind === RAW || kind === REPEATED) {
      const length = form === 1 ? block.little(2) >> 4 : form === 3 ? block.little(3) >> 4 : block.little(1) >> 3;
      if (length > MAX_BLOCK) throw new RangeError('too many literals');
      return kind === RAW ? block.take(length) : new Uint8Array(length).fill(block.little(1));
    }
    const width = [10, 10, 14, 18][form]!;
    // after two bits each for kind and form
    const head = Math.floor(block.little([3, 3, 4, 5][form]!) / 16);
    const length = head % 2 ** width;
    const body = new Bytes(block.take(Math.floor(head / 2 ** width)));
    if (length > MAX_BLOCK) throw new RangeError('too many literals');
    if (kind === COMPRESSED) this.huffman = readHuffman(body);
    const { huffman } = this;
    if (!huffman || (kind !== COMPRESSED && kind !== TREELESS)) throw new RangeError('no tree');
    const literals = new Uint8Array(length);
    if (form === 0) {
      readStream(huffman, body.take(body.left), literals);
      return literals;
    }
    const sizes = [body.little(2), body.little(2), body.little(2)];
    const part = (length + 3) >> 2;
    if (3 * part > length) throw new RangeError('too few literals');
    for (let i = 0; i < 4; i++) {
      const stream = body.take(i < 3 ? sizes[i]! : body.left);
      readStream(huffman, stream, literals.subarray(i * part, i < 3 ? (i + 1) * part : length));
    }
    return literals;
  }

  private readTable(block: Bytes, coder: Coder, mode: number): StateTable {
    let table: StateTable | undefined;
    if (mode === 0) table = coder.standard;
    else if (mode === 1) table = { log: 0, symbols: block.take(1), bits: new Uint8Array(1), least: new Uint16Array(1) };
    else if (mode === 2) table = readStates(block, coder.maxLog, coder.codes.bits.length - 1);
    else table = this.tables.get(coder);
    if (!table) throw new RangeError('no table');
    this.tables.set(coder, table);
    return table;
  }
}

function sequenceCount(block: Bytes): number {
  const first = block.little(1);
  if (first < 128) return first;
  if (first < 255) return (first - 128) * 256 + block.little(1);
  return block.little(2) + 0x7f00;
}

function readCode(bits: BackwardBits, { codes: { least, bits: counts } }: Coder, code: number): number {
  if (code >= counts.length) throw new RangeError('a code that means nothing');
  return least[code]! + bits.read(counts[code]!);
}

/** Probabilities of symbols, each in as many bits as what is left of 2^log needs. */
function readStates(block: Bytes, maxLog: number, maxSymbol: number): StateTable {
  const { bytes, at } = block;
  let position = 0;
  const peek = (count: number): number => {
    const i = at + (position >> 3);
    const word = (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16);
    return (word >> (position & 7)) & ((1 << count) - 1);
  };
  const log = peek(4) + 5;
  position = 4;
  if (log > maxLog) throw new RangeError('too many states');
  const counts: number[] = [];
  let left = (1 << log) + 1;
  let threshold = 1 << log;
  let width = log + 1;
  while (left > 1) {
    if (counts.length > maxSymbol) throw new RangeError('too many symbols');
    const spare = 2 * threshold - 1 - left;
    let value = peek(width) & (threshold - 1);
    if (value < spare) position += width - 1;
    else {
      value = peek(width);
      if (value >= threshold) value -= spare;
      position += width;
    }
    const count = value - 1;
    counts.push(count);
    left -= Math.abs(count);
    if (count === 0) {
      for (let more = 3; more === 3; ) {
        more = peek(2);
        position += 2;
        for (let i = 0; i < more; i++) counts.push(0);
        if (counts.length > maxSymbol + 1) throw new RangeError('too many symbols');
      }
    }
    while (left < threshold) {
      width--;
      threshold >>= 1;
    }
  }
  if (left !== 1) throw new RangeError('probabilities that do not add up');
  block.take((position + 7) >> 3);
  return stateTable(log, counts);
}

/** @param counts of 2^log states, by symbol; -1 for less than one. */
function stateTable(log: number, counts: number[]): StateTable {
  const size = 1 << log;
  const table = { log, symbols: new Uint8Array(size), bits: new Uint8Array(size), least: new Uint16Array(size) };
  let high = size;
  counts.forEach((count, symbol) => {
    if (count === -1) table.symbols[--high] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  counts.forEach((count, symbol) => {
    for (let i = 0; i < count; i++) {
      table.symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
  });
  const next = counts.map(Math.abs);
  for (let state = 0; state < size; state++) {
    const symbol = table.symbols[state]!;
    const value = next[symbol]!++;
    const bits = log - (31 - Math.clz32(value));
    table.bits[state] = bits;
    table.least[state] = (value << bits) - size;
  }
  return table;
}

function readHuffman(body: Bytes): HuffmanTable {
  const head = body.little(1);
  const weights = head < 128 ? readWeights(new Bytes(body.take(head))) : unpackWeights(body.take((head - 126) >> 1), head - 127);
  const sum = weights.reduce((all, weight) => all + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  const log = 32 - Math.clz32(sum);
  const rest = 2 ** log - sum;
  if (sum === 0 || log > MAX_HUFFMAN_BITS || (rest & (rest - 1)) !== 0) throw new RangeError('no tree');
  weights.push(32 - Math.clz32(rest));
  const table = { log, symbols: new Uint8Array(2 ** log), bits: new Uint8Array(2 ** log) };
  let at = 0;
  for (let weight = 1; weight <= log; weight++) {
    weights.forEach((its, symbol) => {
      if (its !== weight) return;
      const end = at + 2 ** (weight - 1);
      table.symbols.fill(symbol, at, end);
      table.bits.fill(log + 1 - weight, at, end);
      at = end;
    });
  }
  if (at !== 2 ** log) throw new RangeError('no tree');
  return table;
}

function unpackWeights(bytes: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i % 2 === 0 ? bytes[i >> 1]! >> 4 : bytes[i >> 1]! & 15));
}

/** Two states in turn, until the bits are used up. */
function readWeights(bytes: Bytes): number[] {
  const table = readStates(bytes, 6, 255);
  const bits = new BackwardBits(bytes.take(bytes.left));
  const weights: number[] = [];
  let state = bits.read(table.log);
  let other = bits.read(table.log);
  if (bits.left < 0) throw new RangeError('too few bits');
  for (;;) {
    weights.push(table.symbols[state]!);
    if (weights.length > 254) throw new RangeError('too many weights');
    state = table.least[state]! + bits.read(table.bits[state]!);
    if (bits.left < 0) {
      weights.push(table.symbols[other]!);
      return weights;
    }
    [state, other] = [other, state];
  }
}

function readStream({ log, symbols, bits: lengths }: HuffmanTable, bytes: Uint8Array, out: Uint8Array): void {
  const bits = new BackwardBits(bytes);
  for (let i = 0; i < out.length; i++) {
    const next = bits.peek(log);
    out[i] = symbols[next]!;
    bits.left -= lengths[next]!;
  }
  if (bits.left !== 0) throw new RangeError('bits that nobody reads');
}
