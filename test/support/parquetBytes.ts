// Parquet files of one column made byte by byte, so that anything in them can be wrong. Not a writer: nothing is checked.

/** A struct by field ids; arrays are lists; { bytes } stands as it is, of kind `kind`. */
export type Thrift = number | boolean | string | Uint8Array | Thrift[] | { [id: number]: Thrift } | Verbatim;
export class Verbatim {
  readonly kind: number;
  readonly bytes: Uint8Array;
  constructor(kind: number, bytes: Uint8Array) {
    this.kind = kind;
    this.bytes = bytes;
  }
}

export const bytesOf = (...parts: (Uint8Array | number[] | string)[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...new TextEncoder().encode(part)] : [...part])));

/** Unsigned, of any size. */
export function varint(value: number | bigint): number[] {
  const out: number[] = [];
  let left = BigInt(value);
  for (; left > 127n; left >>= 7n) out.push(Number(left & 127n) | 128);
  return [...out, Number(left)];
}

const zigzag = (value: number): number[] => varint(value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value));

function kindOf(value: Thrift): number {
  if (value instanceof Verbatim) return value.kind;
  if (typeof value === 'boolean') return value ? 1 : 2;
  if (typeof value === 'number') return 6;
  if (typeof value === 'string' || value instanceof Uint8Array) return 8;
  return Array.isArray(value) ? 9 : 12;
}

export function thrift(value: Thrift): Uint8Array<ArrayBuffer> {
  if (value instanceof Verbatim) return bytesOf(value.bytes);
  if (typeof value === 'boolean') return bytesOf();
  if (typeof value === 'number') return bytesOf(zigzag(value));
  if (typeof value === 'string') return thrift(bytesOf(value));
  if (value instanceof Uint8Array) return bytesOf(varint(value.length), value);
  if (Array.isArray(value)) return bytesOf([0xf0 | kindOf(value[0] ?? {})], varint(value.length), ...value.map(thrift));
  const parts: Uint8Array[] = [];
  for (const [id, field] of Object.entries(value)) parts.push(bytesOf([kindOf(field)], zigzag(Number(id)), thrift(field)));
  return bytesOf(...parts, [0]);
}

export function parquetOf(body: Uint8Array, footer: Thrift, magic = 'PAR1'): Uint8Array<ArrayBuffer> {
  const encoded = thrift(footer);
  const length = new Uint8Array(Uint32Array.of(encoded.length).buffer);
  return bytesOf('PAR1', body, encoded, length, magic);
}

export interface OneColumn {
  pages: Uint8Array[];
  rows: number;
  /** Of the schema's element, over { an optional text "a" }. */
  element?: { [id: number]: Thrift };
  /** Elements above and below it, in place of the root alone. */
  schema?: Thrift;
  codec?: number;
  /** Of the column's metadata, over what is right. */
  column?: { [id: number]: Thrift };
  /** Of the chunk. */
  chunk?: { [id: number]: Thrift };
  groups?: number;
}

export function oneColumn({ pages, rows, element, schema, codec = 0, column, chunk, groups = 1 }: OneColumn): Uint8Array<ArrayBuffer> {
  const body = bytesOf(...pages);
  const meta = { 1: 6, 2: [0], 3: ['a'], 4: codec, 5: rows, 6: body.length, 7: body.length, 9: 4, ...column };
  const group = { 1: [{ 2: 4, 3: meta, ...chunk }], 2: body.length, 3: rows };
  return parquetOf(body, {
    1: 1,
    2: schema ?? [
      { 4: 'schema', 5: 1 },
      { 1: 6, 3: 1, 4: 'a', 6: 0, ...element },
    ],
    3: rows * groups,
    4: Array.from({ length: groups }, () => group),
  });
}

/** A data page of version 1: levels (with their lengths) and values are the caller's. */
export function dataPage(count: number, encoding: number, body: Uint8Array, stated: { [id: number]: Thrift } = {}): Uint8Array {
  return bytesOf(thrift({ 1: 0, 2: body.length, 3: body.length, 5: { 1: count, 2: encoding, 3: 3, 4: 3 }, ...stated }), body);
}

export function dictionaryPage(count: number, body: Uint8Array): Uint8Array {
  return bytesOf(thrift({ 1: 2, 2: body.length, 3: body.length, 7: { 1: count, 2: 0 } }), body);
}

/** Levels of a page, or anything else with its length before it. */
export const sized = (bytes: Uint8Array | number[] | string): Uint8Array => {
  const content = bytesOf(bytes);
  return bytesOf(new Uint8Array(Uint32Array.of(content.length).buffer), content);
};

/** One run: `count` times the value. */
export const run = (count: number, value: number): Uint8Array => bytesOf(varint(2 * count), [value]);
