// One column of one row group: its pages unpacked and decoded into levels and values.
// Promises: values and levels as many as the footer states, or FormatError; memory is asked of the budget before it is taken.
// Refuses pages that overrun the chunk, unpack to another size than they say, hold more values than are left, or have levels, counts or positions that cannot
// be; and, by name, encodings that are not read.
import { crc32 } from '../crc32.ts';
import { FormatError, quote } from '../formatError.ts';
import type { Budget } from './budget.ts';
import { unpackPage } from './codecs.ts';
import { Cursor, type Raw, readDeltaBytes, readDeltaLengthBytes, readDeltas, readPlain, readRuns, readSplit } from './encodings.ts';
import type { Leaf } from './schema.ts';
import { type Kind, ThriftReader } from './thrift.ts';
import { type Convert, converterOf } from './values.ts';

export interface Column {
  /** Definition and repetition levels; null where the column's are all 0. */
  definitions: Uint8Array | null;
  repetitions: Uint8Array | null;
  values: unknown[];
  /** Entries: values and what stands for a null or an empty list. */
  count: number;
}

export interface ChunkPlace {
  codec: number;
  /** Entries in it. */
  count: number;
}

/** Bytes of memory that an entry is reckoned at. */
const ENTRY_BYTES = 16;
const ENCODINGS = [
  'PLAIN',
  '1',
  'PLAIN_DICTIONARY',
  'RLE',
  'BIT_PACKED',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
  'DELTA_BYTE_ARRAY',
  'RLE_DICTIONARY',
  'BYTE_STREAM_SPLIT',
];
const [DATA, , DICTIONARY, DATA_2] = [0, 1, 2, 3];

interface PageHeader {
  type: number;
  packedBytes: number;
  sizeBytes: number;
  crc: number | null;
  count: number;
  encoding: number;
  levelEncodings: number[];
  /** Of DATA_2: */
  nulls: number;
  definitionBytes: number;
  repetitionBytes: number;
  packed: boolean;
}

export async function readColumnChunk(
  file: string,
  leaf: Leaf,
  { codec, count }: ChunkPlace,
  bytes: Uint8Array,
  { exact, budget, breathe }: { exact: boolean; budget: Budget; breathe: () => Promise<void> },
): Promise<Column> {
  const column = quote(leaf.path.join('.'));
  const damaged = (why: string): FormatError =>
    new FormatError(`${quote(file)} is damaged: its column ${column} has ${why}. Download or write it again.`);
  budget.take(count * ENTRY_BYTES);
  const reading = new Reading(file, leaf, codec, count, exact, budget);
  let at = 0;
  while (reading.size < count) {
    if (at >= bytes.length) throw damaged(`${reading.size} of its ${count} values`);
    const reader = new ThriftReader(bytes, file, at);
    const header = readPageHeader(reader);
    at = reader.at;
    if (!(header.packedBytes >= 0 && header.packedBytes <= bytes.length - at && header.sizeBytes >= 0))
      throw damaged(`a page of ${header.packedBytes} bytes where ${bytes.length - at} are left`);
    const body = bytes.subarray(at, at + header.packedBytes);
    at += header.packedBytes;
    if (header.crc !== null && crc32(body) !== header.crc) throw damaged('a page that is not what its checksum says');
    await breathe();
    try {
      reading.page(header, body);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw damaged(`a page with ${error.message}`);
    }
  }
  return reading;
}

function readPageHeader(reader: ThriftReader): PageHeader {
  const header: PageHeader = {
    type: -1,
    packedBytes: -1,
    sizeBytes: -1,
    crc: null,
    count: -1,
    encoding: -1,
    levelEncodings: [],
    nulls: 0,
    definitionBytes: 0,
    repetitionBytes: 0,
    packed: true,
  };
  const number = (kind: Kind): number => reader.integer(kind);
  reader.struct((id, kind) => {
    if (id === 1) header.type = number(kind);
    else if (id === 2) header.sizeBytes = number(kind);
    else if (id === 3) header.packedBytes = number(kind);
    else if (id === 4) header.crc = number(kind) >>> 0;
    else if (id === 5 || id === 7)
      reader.struct((inner, its) => {
        if (inner === 1) header.count = number(its);
        else if (inner === 2) header.encoding = number(its);
        else if (id === 5 && (inner === 3 || inner === 4)) header.levelEncodings.push(number(its));
        else return false;
        return true;
      });
    else if (id === 8)
      reader.struct((inner, its) => {
        if (inner === 1) header.count = number(its);
        else if (inner === 2) header.nulls = number(its);
        else if (inner === 4) header.encoding = number(its);
        else if (inner === 5) header.definitionBytes = number(its);
        else if (inner === 6) header.repetitionBytes = number(its);
        else if (inner === 7) header.packed = reader.boolean(its);
        else return false;
        return true;
      });
    else return false;
    return true;
  });
  return header;
}

class Reading implements Column {
  readonly definitions: Uint8Array | null;
  readonly repetitions: Uint8Array | null;
  readonly values: unknown[] = [];
  readonly count: number;
  /** Entries so far. */
  size = 0;
  private dictionary: { values: unknown[]; costs: number[] } | null = null;
  private readonly convert: Convert;
  private readonly file: string;
  private readonly leaf: Leaf;
  private readonly codec: number;
  private readonly budget: Budget;

  constructor(file: string, leaf: Leaf, codec: number, count: number, exact: boolean, budget: Budget) {
    this.file = file;
    this.leaf = leaf;
    this.codec = codec;
    this.count = count;
    this.budget = budget;
    this.definitions = leaf.maxDefinition > 0 ? new Uint8Array(count) : null;
    this.repetitions = leaf.maxRepetition > 0 ? new Uint8Array(count) : null;
    this.convert = converterOf(leaf, exact);
  }

  page(header: PageHeader, body: Uint8Array): void {
    if (header.type === DICTIONARY) this.readDictionary(header, body);
    else if (header.type === DATA) this.readData(header, body);
    else if (header.type === DATA_2) this.readData2(header, body);
  }

  private readDictionary({ count, sizeBytes }: PageHeader, body: Uint8Array): void {
    if (this.dictionary) throw new RangeError('a second dictionary');
    const page = this.unpack(body, sizeBytes);
    if (!(count >= 0 && count <= page.length * 8)) throw new RangeError(`a dictionary of ${count} values`);
    this.budget.take(count * ENTRY_BYTES);
    const dictionary = { values: [] as unknown[], costs: [] as number[] };
    readPlain(new Cursor(page), this.leaf.physical, this.leaf.width, count, (raw) => {
      dictionary.values.push(this.convert(raw));
      dictionary.costs.push(costOf(raw));
    });
    this.dictionary = dictionary;
  }

  private readData({ count, encoding, levelEncodings, sizeBytes }: PageHeader, body: Uint8Array): void {
    this.checkCount(count);
    const { maxDefinition, maxRepetition } = this.leaf;
    if (maxDefinition > 0 && levelEncodings.some((each) => each === 4)) throw this.unread('BIT_PACKED levels');
    const cursor = new Cursor(this.unpack(body, sizeBytes));
    if (maxRepetition > 0) this.readLevels(cursor.take(cursor.uint32()), this.repetitions!, maxRepetition, count);
    if (maxDefinition > 0) this.readLevels(cursor.take(cursor.uint32()), this.definitions!, maxDefinition, count);
    this.readValues(cursor, encoding, count);
  }

  private readData2({ count, encoding, sizeBytes, definitionBytes, repetitionBytes, packed }: PageHeader, body: Uint8Array): void {
    this.checkCount(count);
    const levels = new Cursor(body);
    const { maxDefinition, maxRepetition } = this.leaf;
    const repetitions = levels.take(repetitionBytes);
    const definitions = levels.take(definitionBytes);
    if (maxRepetition > 0) this.readLevels(repetitions, this.repetitions!, maxRepetition, count);
    if (maxDefinition > 0) this.readLevels(definitions, this.definitions!, maxDefinition, count);
    const rest = levels.take(levels.left);
    const restBytes = sizeBytes - definitionBytes - repetitionBytes;
    this.readValues(new Cursor(packed ? this.unpack(rest, restBytes) : rest), encoding, count);
  }

  private checkCount(count: number): void {
    if (!(count >= 0 && count <= this.count - this.size)) throw new RangeError(`${count} values where ${this.count - this.size} are left`);
  }

  private readLevels(bytes: Uint8Array, all: Uint8Array, max: number, count: number): void {
    const levels = all.subarray(this.size, this.size + count);
    readRuns(new Cursor(bytes), 32 - Math.clz32(max), levels);
    if (levels.some((level) => level > max)) throw new RangeError(`a level above ${max}`);
  }

  /** The values of `count` entries, those that are there. */
  private readValues(cursor: Cursor, encoding: number, entries: number): void {
    const { maxDefinition } = this.leaf;
    let count = entries;
    if (this.definitions) {
      for (let i = this.size; i < this.size + entries; i++) if (this.definitions[i] !== maxDefinition) count--;
    }
    this.size += entries;
    if (count === 0) return;
    this.decode(ENCODINGS[encoding] ?? `number ${encoding}`, cursor, count);
  }

  private decode(name: string, cursor: Cursor, count: number): void {
    const { physical, width } = this.leaf;
    const take = (raw: Raw): void => void this.values.push(this.convert(raw));
    const isNumber = physical !== 'BYTE_ARRAY' && physical !== 'BOOLEAN';
    if (name === 'PLAIN') readPlain(cursor, physical, width, count, take);
    else if (name === 'PLAIN_DICTIONARY' || name === 'RLE_DICTIONARY') this.readReferences(cursor, count);
    else if (name === 'RLE' && physical === 'BOOLEAN') {
      const bits = new Uint8Array(count);
      readRuns(new Cursor(cursor.take(cursor.uint32())), 1, bits);
      for (const bit of bits) take(bit === 1);
    } else if (name === 'DELTA_BINARY_PACKED' && physical === 'INT64') readDeltas(cursor, 64, count, take);
    else if (name === 'DELTA_BINARY_PACKED' && physical === 'INT32') readDeltas(cursor, 32, count, (value) => take(Number(value)));
    else if (name === 'DELTA_LENGTH_BYTE_ARRAY' && physical === 'BYTE_ARRAY') readDeltaLengthBytes(cursor, count, take);
    else if (name === 'DELTA_BYTE_ARRAY' && physical.endsWith('BYTE_ARRAY')) readDeltaBytes(cursor, count, this.budget, take);
    else if (name === 'BYTE_STREAM_SPLIT' && isNumber) readSplit(cursor, physical, width, count, take);
    else throw this.unread(`the encoding ${name} of ${physical}`);
  }

  private readReferences(cursor: Cursor, count: number): void {
    const { dictionary } = this;
    if (!dictionary) throw new RangeError('references to a dictionary that is not there');
    const width = cursor.byte();
    const references = new Uint32Array(count);
    if (width > 0) readRuns(cursor, width, references);
    for (const at of references) {
      if (at >= dictionary.values.length) throw new RangeError(`a reference to value ${at} of ${dictionary.values.length}`);
      this.budget.take(dictionary.costs[at]!);
      this.values.push(dictionary.values[at]);
    }
  }

  private unpack(body: Uint8Array, sizeBytes: number): Uint8Array {
    return unpackPage(this.codec, body, sizeBytes, (bytes) => this.budget.take(bytes));
  }

  private unread(what: string): FormatError {
    return new FormatError(
      `${quote(this.file)}: its column ${quote(this.leaf.path.join('.'))} has ${what}, which is not read. ` +
        'Convert it: pandas.read_parquet(f).to_parquet("rows.parquet").',
    );
  }
}

/** What a further use of a value is reckoned at. */
function costOf(raw: Raw): number {
  return raw instanceof Uint8Array ? raw.length : 0;
}
