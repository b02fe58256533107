// Rows of a Parquet file, read by slices: the footer, then row group after row group, column after column. Values are JSON's (values.ts); a null is null, a
// list an array, a struct an object, a map an object with its keys as text. Rows have no prototype, so a column `__proto__` is data; exact rows have exact
// numbers and maps in place of objects.
// Promises: whatever the bytes are, rows or FormatError, in steps and memory bounded by the size of the file (budget.ts). Nothing is read before the footer adds
// up: levels, counts, places inside the file, chunks together no larger than it.
// Refuses encrypted files, columns in other files, codecs and encodings that are not read (by name, with the way to convert), more than MAX_ROWS rows, and
// everything that contradicts itself.
import type { ByteSource } from '../byteSource.ts';
import { FormatError, quote, showBytes } from '../formatError.ts';
import { Budget } from './budget.ts';
import { refuseCodec } from './codecs.ts';
import { type ChunkPlace, readColumnChunk } from './columnChunk.ts';
import { type Cells, readField, repetitionOf } from './records.ts';
import { readSchema, type Schema } from './schema.ts';
import { ThriftReader } from './thrift.ts';

interface Chunk extends ChunkPlace {
  at: number;
  sizeBytes: number;
}

interface RowGroup {
  rows: number;
  chunks: Chunk[];
}

interface Footer {
  schema: Schema;
  groups: RowGroup[];
}

const MAGIC = 'PAR1';
const ENCRYPTED_MAGIC = 'PARE';
/** Magic before, footer's length and magic after. */
const LEAST_BYTES = 12;
const MAX_FOOTER_BYTES = 16_000_000;
/** Bytes of memory that a row is reckoned at. */
const ROW_BYTES = 64;
/** A worker that says nothing for longer counts as hung. */
const BREATHE_MS = 50;

/** @param maxRows more are refused. Throws FormatError. */
export async function readParquetRows(
  source: ByteSource,
  file: string,
  maxRows: number,
  exact: boolean,
): Promise<Record<string, unknown>[]> {
  const { schema, groups } = await readFooter(source, file, maxRows);
  const budget = new Budget(file, source.size);
  const breathe = breather();
  const rows: Record<string, unknown>[] = [];
  for (const group of groups) {
    budget.take(group.rows * ROW_BYTES);
    const cells: Cells[] = [];
    for (const [i, leaf] of schema.leaves.entries()) {
      const chunk = group.chunks[i]!;
      const bytes = await source.read(chunk.at, chunk.sizeBytes);
      const column = await readColumnChunk(file, leaf, chunk, bytes, { exact, budget, breathe });
      cells.push({ column, at: 0, valueAt: 0, maxDefinition: leaf.maxDefinition });
    }
    for (let i = 0; i < group.rows; i++) {
      if (i % 1024 === 0) await breathe();
      rows.push(readRow(schema, cells, exact, file));
    }
    if (cells.some(({ at, column }) => at !== column.count)) throw damaged(file, 'its columns have more entries than rows');
  }
  return rows;
}

function readRow({ fields }: Schema, cells: readonly Cells[], exact: boolean, file: string): Record<string, unknown> {
  const row: Record<string, unknown> = Object.create(null);
  try {
    if (cells.some((cell) => repetitionOf(cell) !== 0)) throw new RangeError('entries that belong to no row');
    for (const field of fields) row[field.name] = readField(field, cells, exact);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw damaged(file, `it has ${error.message}`);
  }
  return row;
}

async function readFooter(source: ByteSource, file: string, maxRows: number): Promise<Footer> {
  if (source.size < LEAST_BYTES) throw damaged(file, `it has only ${source.size} bytes`);
  const tail = await source.read(source.size - 8, 8);
  const magic = String.fromCharCode(...tail.subarray(4));
  if (magic === ENCRYPTED_MAGIC) throw encrypted(file);
  if (magic !== MAGIC) throw damaged(file, 'its end is missing');
  const length = new DataView(tail.buffer).getUint32(0, true);
  if (length > source.size - LEAST_BYTES) throw damaged(file, `it states a footer of ${length} bytes and has ${source.size}`);
  if (length > MAX_FOOTER_BYTES)
    throw new FormatError(
      `${quote(file)} describes its columns in ${showBytes(length)}; up to ${showBytes(MAX_FOOTER_BYTES)} are read. Write it in fewer row groups.`,
    );
  const end = source.size - 8 - length;
  const reader = new ThriftReader(await source.read(end, length), file);
  let schema: Schema | null = null;
  const groups: RowGroup[] = [];
  let stated = -1;
  let left = end - MAGIC.length;
  let rows = 0;
  reader.struct((id, kind) => {
    if (id === 2) schema = readSchema(reader, kind, file);
    else if (id === 3) stated = reader.integer(kind);
    else if (id === 4) {
      const known: Schema | null = schema;
      if (!known) throw damaged(file, 'its columns are not described');
      reader.list(kind, () => {
        const group = readGroup(reader, known, file, end);
        rows += group.rows;
        if (rows > maxRows) throw new FormatError(`${quote(file)} has more than ${maxRows} rows, which is the limit. Split the file.`);
        for (const { sizeBytes } of group.chunks) left -= sizeBytes;
        if (left < 0) throw damaged(file, 'its columns overlap');
        groups.push(group);
      });
    } else if (id === 8) throw encrypted(file);
    else return false;
    return true;
  });
  if (!schema) throw damaged(file, 'its columns are not described');
  if (stated !== rows) throw damaged(file, `it states ${stated} rows and has ${rows}`);
  return { schema, groups };
}

function readGroup(reader: ThriftReader, { leaves }: Schema, file: string, end: number): RowGroup {
  const group: RowGroup = { rows: -1, chunks: [] };
  reader.struct((id, kind) => {
    if (id === 1) reader.list(kind, () => void group.chunks.push(readChunk(reader, file, end)));
    else if (id === 3) group.rows = reader.integer(kind);
    else return false;
    return true;
  });
  if (group.chunks.length !== leaves.length)
    throw damaged(file, `a row group has ${group.chunks.length} columns in place of ${leaves.length}`);
  if (group.rows < 0) throw damaged(file, 'a row group does not say how many rows it has');
  for (const [i, { count }] of group.chunks.entries()) {
    const { maxRepetition, path } = leaves[i]!;
    if (maxRepetition === 0 ? count !== group.rows : count < group.rows)
      throw damaged(file, `its column ${quote(path.join('.'))} has ${count} entries for ${group.rows} rows`);
  }
  return group;
}

function readChunk(reader: ThriftReader, file: string, end: number): Chunk {
  const chunk: Chunk = { at: -1, sizeBytes: -1, codec: -1, count: -1 };
  let dictionaryAt = 0;
  reader.struct((id) => {
    if (id === 1) throw new FormatError(`${quote(file)} has its columns in other files. Write it as one file.`);
    if (id === 8 || id === 9) throw encrypted(file);
    if (id !== 3) return false;
    reader.struct((inner, its) => {
      if (inner === 4) chunk.codec = reader.integer(its);
      else if (inner === 5) chunk.count = reader.integer(its);
      else if (inner === 7) chunk.sizeBytes = reader.integer(its);
      else if (inner === 9) chunk.at = reader.integer(its);
      else if (inner === 11) dictionaryAt = reader.integer(its);
      else return false;
      return true;
    });
    return true;
  });
  if (dictionaryAt > 0 && dictionaryAt < chunk.at) chunk.at = dictionaryAt;
  if (!(chunk.count >= 0 && chunk.sizeBytes >= 0 && chunk.at >= MAGIC.length && chunk.at + chunk.sizeBytes <= end))
    throw damaged(file, `a column of ${chunk.sizeBytes} bytes at ${chunk.at} is outside of it`);
  refuseCodec(file, chunk.codec);
  return chunk;
}

/** Gives way to whoever waits for an answer, when it is time. */
function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < BREATHE_MS) return;
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    last = performance.now();
  };
}

function damaged(file: string, why: string): FormatError {
  return new FormatError(`${quote(file)} is a damaged Parquet file: ${why}. Download or write it again.`);
}

function encrypted(file: string): FormatError {
  return new FormatError(`${quote(file)} is an encrypted Parquet file, which is not read. Decrypt it where its key is.`);
}
