// Rows of a dataset file: JSONL, a JSON array, CSV or TSV with a header, plain text, each also gzipped; and Parquet (formats/parquet). Read as a stream: a gzip
// bomb stops at its cap and a line of any length costs no more than one read. Rows have no prototype, so a key `__proto__` is data.
// Rows are as JSON.parse gives them, or exact (formats/exactJson.ts): then no digit of a number is lost. Python's bare NaN and Infinity are read too.
// JSON, text and Parquet are told by what is in them; a table must be named .csv or .tsv as well, for any text could be one.
// Refuses (FormatError) binary data, text that is not UTF-8, headers of tables that name no columns or one twice, and files over the limits below; and
// (BadRows) more than 5 % bad rows, rows of a table with more or fewer fields than its header included, unless the good ones alone were asked for.
import { type ByteSource, fromBytes } from './byteSource.ts';
import { type CsvRecord, splitRecords } from './csv.ts';
import { type ExactJson, JsonNumber, parseExactJson, toPlain } from './exactJson.ts';
import { FormatError, quote, showBytes } from './formatError.ts';
import { isObject, parseJson, withoutPrototypes } from './json.ts';
import { concatenate, type Line, splitLines } from './lines.ts';

/** Rows that are no rows are more than the odd slip. There are good ones, for whoever says that they will do. */
export class BadRows extends FormatError {
  override name = 'BadRows';
  readonly goodRows: number;
  readonly badRows: readonly BadRow[];
  constructor(file: string, goodRows: number, badRows: readonly BadRow[]) {
    super(
      `${quote(file)}: ${badRows.length} of ${goodRows + badRows.length} rows cannot be read; up to ${MAX_BAD_SHARE * 100} % are skipped. ` +
        `First: ${listed(badRows)}. Correct or remove them and drop the file again.`,
    );
    this.goodRows = goodRows;
    this.badRows = badRows;
  }
}

export interface BadRow {
  /** From 1; in a JSON array the position of the element. */
  line: number;
  message: string;
}

export type RowsFile =
  | { kind: 'rows'; rows: Record<string, unknown>[]; badRows: BadRow[] }
  | { kind: 'text'; rows: []; badRows: []; text: string };

/** A row whose values are exact. */
export type ExactRow = Record<string, ExactJson>;

export interface ExactRows {
  rows: ExactRow[];
  badRows: BadRow[];
}

/** How the text of a row or of an array of rows becomes values. */
type Parse = (text: string, what: string) => unknown;
interface Reading {
  parse: Parse;
  exact: boolean;
  goodRowsAlone: boolean;
}

const MAX_LINE = 16_000_000;
const MAX_WHOLE = 256_000_000;
const MAX_ROWS = 1_000_000;
/** Columns of a table. */
const MAX_FIELDS = 2000;
const MAX_BAD_SHARE = 0.05;
const READ_BYTES = 1 << 20;
const INFLATE_FLOOR = 64_000_000;
/** Text compresses to a fifth or a tenth; a bomb to a thousandth. */
const INFLATE_RATIO = 100;
/** Of a first line longer than MAX_LINE only this much is looked at. */
const LONG_LINE_SAMPLE = 4096;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const TABLE_NAME = /\.[ct]sv(\.gz)?$/i;
const PARQUET_NAME = /\.parquet$/i;

/** @param name for messages and its extension; only needed with bytes. Throws FormatError; with `goodRowsAlone` no BadRows. */
export function readRows(data: ByteSource | Uint8Array, name?: string, goodRowsAlone = false): Promise<RowsFile> {
  return readWith({ parse: parsePlain, exact: false, goodRowsAlone }, data, name);
}

/** As readRows, with exact values; refuses plain text. */
export async function readExactRows(data: ByteSource | Uint8Array, name?: string, goodRowsAlone = false): Promise<ExactRows> {
  const file = await readWith({ parse: parseExact, exact: true, goodRowsAlone }, data, name);
  if (file.kind === 'text') {
    const shown = quote(name ?? (data instanceof Uint8Array ? 'data' : data.name));
    throw new FormatError(`${shown} is plain text and not rows. Give one JSON object per line, or an array of objects.`);
  }
  return file as ExactRows;
}

/** NaN and Infinity, which Python writes, are no JSON: what holds them is read by the exact reader. */
function parsePlain(text: string, what: string): unknown {
  try {
    return withoutPrototypes(parseJson(text, what));
  } catch (error) {
    if (!(error instanceof FormatError) || !/NaN|Infinity/.test(text)) throw error;
    return toPlain(parseExactJson(text, what));
  }
}

/** Objects at the top of a value, or of the items of an array, as records; those inside stay maps, whose keys keep their order. */
function parseExact(text: string, what: string): unknown {
  const value = parseExactJson(text, what);
  return Array.isArray(value) ? value.map(asRow) : asRow(value);
}

function asRow(value: ExactJson): unknown {
  if (value instanceof JsonNumber) return value.value;
  if (!(value instanceof Map)) return value;
  const row: ExactRow = Object.create(null);
  for (const [key, item] of value) row[key] = item;
  return row;
}

async function readWith(reading: Reading, data: ByteSource | Uint8Array, name?: string): Promise<RowsFile> {
  const source = data instanceof Uint8Array ? fromBytes(name ?? 'data', data) : data;
  const file = name ?? source.name;
  if (source.size === 0) throw new FormatError(`${quote(file)} is empty.`);
  if (await isParquet(source)) {
    const { readParquetRows } = await import('./parquet/parquet.ts');
    return finishRows(file, await readParquetRows(source, file, MAX_ROWS, reading.exact), [], true);
  }
  if (PARQUET_NAME.test(file)) throw new FormatError(`${quote(file)} is named .parquet and is no Parquet file. Download it again.`);
  const chunks = await openChunks(source, file);
  const start = await readFirstLine(chunks, file);
  const rest = joinChunks(start.bytes, chunks);
  const form = guessForm(start.bytes, start.lineBytes, file);
  if (form === 'rows') return readLines(reading, rest, file);
  if (form === 'table') return readTable(reading, rest, file);
  const text = await readText(rest, file);
  return form === 'array' ? readArray(reading, text, file) : { kind: 'text', rows: [], badRows: [], text };
}

/** True where the name says rows rather than text. */
export function namesRows(file: string): boolean {
  return namesJson(file) || TABLE_NAME.test(file) || PARQUET_NAME.test(file);
}

function namesJson(file: string): boolean {
  return /\.(jsonl|ndjson|json)(\.gz)?$/i.test(file);
}

async function isParquet(source: ByteSource): Promise<boolean> {
  return String.fromCharCode(...(await source.read(0, Math.min(4, source.size)))) === 'PAR1';
}

function guessForm(head: Uint8Array, lineBytes: number, file: string): 'rows' | 'array' | 'table' | 'text' {
  const line = new TextDecoder('utf-8').decode(head.subarray(0, lineBytes)).trim();
  if (TABLE_NAME.test(file)) return line.startsWith('{') && isRow(line) ? 'rows' : 'table';
  if (line.startsWith('[') && namesJson(file)) return 'array';
  if (/\.(jsonl|ndjson)(\.gz)?$/i.test(file)) return 'rows';
  if (line.startsWith('{')) {
    if (isRow(line)) return 'rows';
    if (namesJson(file))
      throw new FormatError(`${quote(file)} holds one JSON value and not rows. Give one JSON object per line, or an array of objects.`);
  }
  if (line.startsWith('[{') && line.endsWith('}]')) return 'array';
  if (namesJson(file))
    throw new FormatError(`${quote(file)} begins with ${quote(line, 40)}, which is no row. Give one JSON object per line.`);
  return 'text';
}

function isRow(line: string): boolean {
  try {
    return isObject(parsePlain(line, 'the line'));
  } catch {
    return false;
  }
}

async function readLines({ parse, goodRowsAlone }: Reading, chunks: AsyncIterable<Uint8Array>, file: string): Promise<RowsFile> {
  const taken = new TakenRows(file, 'Give one JSON object per line.');
  for await (const line of splitLines(chunks, MAX_LINE)) taken.take(line.number, takeLine(parse, line, taken.rows));
  return finishRows(file, taken.rows, taken.badRows, goodRowsAlone);
}

/** A table: the names of its fields, then a row with as many values in each record. */
async function readTable({ goodRowsAlone }: Reading, chunks: AsyncIterable<Uint8Array>, file: string): Promise<RowsFile> {
  const tabs = /\.tsv(\.gz)?$/i.test(file);
  const taken = new TakenRows(file, 'Write it as RFC 4180 says: quotes around values with commas, quotes or line ends.');
  let names: string[] | null = null;
  const takeRecord = ({ line, fields, message }: CsvRecord): void => {
    if (names === null) names = headerOf(fields, message, tabs, file);
    else if (fields === null) taken.take(line, message);
    else if (fields.length !== names.length) taken.take(line, `has ${fields.length} fields in place of ${names.length}`);
    else {
      const row: Record<string, unknown> = Object.create(null);
      for (let i = 0; i < names.length; i++) row[names[i]!] = fields[i];
      taken.rows.push(row);
      taken.take(line, null);
    }
  };
  for await (const records of splitRecords(chunks, tabs ? '\t' : ',', MAX_LINE, file)) records.forEach(takeRecord);
  return finishRows(file, taken.rows, taken.badRows, goodRowsAlone);
}

/** Names of the columns; one without a name, as an index is written, is called by its place. */
function headerOf(fields: string[] | null, message: string | null, tabs: boolean, file: string): string[] {
  const shown = quote(file);
  const what = `${shown} is named as a table`;
  if (fields === null)
    throw new FormatError(`${what}, but its first line is no header: ${message}. Begin it with the names of its columns.`);
  if (fields.every((name) => name.trim() === ''))
    throw new FormatError(`${what}, but its first line names no column. Begin it with the names of its columns.`);
  if (fields.length > MAX_FIELDS) throw new FormatError(`${shown} has ${fields.length} columns; up to ${MAX_FIELDS} are read.`);
  const [only] = fields;
  const other = tabs ? ',' : /[;\t]/.exec(only!)?.[0];
  if (fields.length === 1 && other !== undefined && only!.includes(other))
    throw new FormatError(
      `${shown} has ${other === '\t' ? 'tabs' : quote(other)} between the names of its columns. Put ${tabs ? 'tabs' : 'commas'} there` +
        `${other === ',' ? ', or name it .csv' : other === '\t' ? ', or name it .tsv' : ''}.`,
    );
  const names = fields.map((name, i) => (name === '' ? `column ${i + 1}` : name));
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new FormatError(`${shown} has two columns ${quote(twice)}. Rename one of them.`);
  return names;
}

/** Rows and what is wrong with others, within the limits of both. */
class TakenRows {
  readonly rows: Record<string, unknown>[] = [];
  readonly badRows: BadRow[] = [];
  private readonly file: string;
  private readonly advice: string;

  constructor(file: string, advice: string) {
    this.file = file;
    this.advice = advice;
  }

  /** @param message null where the line's row, if any, is among the rows. */
  take(line: number, message: string | null): void {
    const { badRows, rows, file, advice } = this;
    if (message !== null) badRows.push({ line, message });
    if (rows.length > MAX_ROWS) throw new FormatError(tooManyRows(file));
    if (badRows.length > (MAX_ROWS * MAX_BAD_SHARE) / (1 - MAX_BAD_SHARE))
      throw new FormatError(
        `${quote(file)}: more than ${badRows.length - 1} of its rows cannot be read, which is the limit; it was read to line ${line}. ` +
          `First: ${listed(badRows)}. ${advice}`,
      );
  }
}

/** Appends the line's row, if any; returns what is wrong with it. */
function takeLine(parse: Parse, line: Line, rows: Record<string, unknown>[]): string | null {
  if (line.bytes === null) return `longer than ${showBytes(MAX_LINE)}`;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line.bytes).trim();
  } catch {
    return 'not UTF-8';
  }
  if (text === '') return null;
  try {
    return takeRow(parse(text, 'the line'), rows);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}

function takeRow(value: unknown, rows: Record<string, unknown>[]): string | null {
  if (!isObject(value)) return 'not a JSON object';
  rows.push(value);
  return null;
}

function readArray({ parse, goodRowsAlone }: Reading, text: string, file: string): RowsFile {
  const values = parse(text, quote(file));
  if (!Array.isArray(values)) throw new FormatError(`${quote(file)} does not hold an array of objects.`);
  if (values.length > MAX_ROWS) throw new FormatError(tooManyRows(file));
  const rows: Record<string, unknown>[] = [];
  const badRows: BadRow[] = [];
  values.forEach((value, i) => {
    const message = takeRow(value, rows);
    if (message !== null) badRows.push({ line: i + 1, message });
  });
  return finishRows(file, rows, badRows, goodRowsAlone);
}

function finishRows(file: string, rows: Record<string, unknown>[], badRows: BadRow[], goodRowsAlone: boolean): RowsFile {
  const total = rows.length + badRows.length;
  if (total === 0) throw new FormatError(`${quote(file)} has no rows.`);
  if (rows.length === 0)
    throw new FormatError(
      `${quote(file)}: none of its ${total} rows can be read. First: ${listed(badRows)}. Correct them and drop the file again.`,
    );
  if (badRows.length > total * MAX_BAD_SHARE && !goodRowsAlone) throw new BadRows(file, rows.length, badRows);
  return { kind: 'rows', rows, badRows };
}

/** The first three. */
function listed(badRows: readonly BadRow[]): string {
  return badRows
    .slice(0, 3)
    .map((bad) => `line ${bad.line}: ${bad.message}`)
    .join('; ');
}

function tooManyRows(file: string): string {
  return `${quote(file)} has more than ${MAX_ROWS} rows, which is the limit. Split the file.`;
}

/** All bytes as one text: UTF-8 without NUL, up to MAX_WHOLE. */
async function readText(chunks: AsyncIterable<Uint8Array>, file: string): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parts: string[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_WHOLE) {
      throw new FormatError(`${quote(file)} holds more than ${showBytes(MAX_WHOLE)} of text, which is the limit. Split it, or give JSONL.`);
    }
    parts.push(decodePart(decoder, chunk, file));
  }
  parts.push(decodePart(decoder, null, file));
  const text = parts.join('');
  if (text.includes('\0')) throw new FormatError(`${quote(file)} is binary data, not text.`);
  return text;
}

function decodePart(decoder: TextDecoder, chunk: Uint8Array | null, file: string): string {
  try {
    return chunk === null ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    throw new FormatError(`${quote(file)} is not UTF-8 text. Save it as UTF-8 and drop it again.`);
  }
}

/** Bytes up to the end of the chunk in which the first line that is not blank ends (or MAX_LINE), so that the form can be guessed. */
async function readFirstLine(chunks: AsyncIterator<Uint8Array>, file: string): Promise<{ bytes: Uint8Array; lineBytes: number }> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  let hasContent = false;
  while (sizeBytes <= MAX_LINE) {
    const next = await chunks.next();
    if (next.done) return { bytes: concatenate(parts, sizeBytes), lineBytes: sizeBytes };
    const chunk = next.value;
    if (sizeBytes === 0) refuseBinary(chunk, file);
    parts.push(chunk);
    const content: number = hasContent ? 0 : chunk.findIndex((byte) => byte > 0x20 && !BYTE_ORDER_MARK.includes(byte));
    hasContent ||= content >= 0;
    const end = hasContent ? chunk.indexOf(0x0a, content) : -1;
    if (end >= 0) return { bytes: concatenate(parts, sizeBytes + chunk.length), lineBytes: sizeBytes + end };
    sizeBytes += chunk.length;
  }
  return { bytes: concatenate(parts, sizeBytes), lineBytes: LONG_LINE_SAMPLE };
}

function refuseBinary(head: Uint8Array, file: string): void {
  const utf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  if (utf16) throw new FormatError(`${quote(file)} is UTF-16 text. Save it as UTF-8 and drop it again.`);
  if (head.subarray(0, 4096).includes(0))
    throw new FormatError(`${quote(file)} is binary data that is not known: neither Parquet nor text.`);
}

async function* joinChunks(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

async function openChunks(source: ByteSource, file: string): Promise<AsyncGenerator<Uint8Array>> {
  const head = await source.read(0, Math.min(2, source.size));
  const raw = readChunks(source);
  return head[0] === 0x1f && head[1] === 0x8b ? gunzip(raw, file, Math.max(INFLATE_FLOOR, source.size * INFLATE_RATIO)) : raw;
}

async function* readChunks(source: ByteSource): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < source.size; at += READ_BYTES) yield source.read(at, Math.min(READ_BYTES, source.size - at));
}

/** Inflates up to `limitBytes`, then stops. */
async function* gunzip(chunks: AsyncGenerator<Uint8Array>, file: string, limitBytes: number): AsyncGenerator<Uint8Array> {
  const compressed = new ReadableStream<BufferSource>({
    async pull(controller) {
      const next = await chunks.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
    },
  });
  const reader = compressed.pipeThrough(new DecompressionStream('gzip')).getReader();
  let sizeBytes = 0;
  try {
    for (;;) {
      const next = await readInflated(reader, file);
      if (next.done) return;
      sizeBytes += next.value.length;
      if (sizeBytes > limitBytes) {
        throw new FormatError(
          `${quote(file)} unpacks to more than ${showBytes(limitBytes)}, which is the limit for its size. Unpack it first.`,
        );
      }
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function readInflated(reader: ReadableStreamDefaultReader<Uint8Array>, file: string): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`${quote(file)} is damaged: its gzip data cannot be unpacked. Download it again, or unpack it first.`);
  }
}
