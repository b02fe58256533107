// CSV and TSV by RFC 4180: quotes, line ends, headers; what is a bad row and what is refused; any rows survive being written and read.
import { gzipSync } from 'fflate';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ByteSource } from '../../../src/formats/byteSource.ts';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { type CsvRecord, splitRecords } from '../../../src/formats/csv.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { BadRows, readExactRows, readRows } from '../../../src/formats/jsonl.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const read = async (text: string, name = 'rows.csv') => (await readRows(bytesOf(text), name)).rows.map((row) => ({ ...row }));

async function refusal(data: Uint8Array | ByteSource | string, name = 'rows.csv'): Promise<string> {
  const error = await readRows(typeof data === 'string' ? bytesOf(data) : data, name).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  return (error as FormatError).message;
}

/** The text's records, read in pieces of `size` bytes. */
async function records(bytes: Uint8Array, size: number, delimiter = ',', limit = 1000): Promise<CsvRecord[]> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const out: CsvRecord[] = [];
  for await (const some of splitRecords(pieces(), delimiter, limit, 'rows.csv')) out.push(...some);
  return out;
}

test('quotes, doubled quotes, line ends in quotes, CRLF and LF, a byte-order mark, blank lines, no last line end', async () => {
  const text = '\ufeffprompt,solution\r\n"say ""hi"", twice","a\r\nb\n"\r\n\r\n"", x \n1,"2"';
  expect(await read(text)).toEqual([
    { prompt: 'say "hi", twice', solution: 'a\r\nb\n' },
    { prompt: '', solution: ' x ' },
    { prompt: '1', solution: '2' },
  ]);
  expect(await read('p\ts\n"a\tb"\tc,d\n', 'rows.tsv')).toEqual([{ p: 'a\tb', s: 'c,d' }]);
  expect((await readRows(gzipSync(bytesOf('p,s\na,b\n')), 'rows.csv.gz')).rows).toHaveLength(1);
  expect((await readExactRows(bytesOf('p,s\n1,NaN\n'), 'rows.csv')).rows[0]).toMatchObject({ p: '1', s: 'NaN' });
});

test('records are the same however the bytes come', async () => {
  const text = '"é ""x""",b\r\n"c\nd",\r\n\n5" e,f\ng,"h"i\nj\rk,l\r\nm,n';
  const whole = await records(bytesOf(text), 1000);
  expect(whole).toEqual([
    { line: 1, fields: ['é "x"', 'b'], message: null },
    { line: 2, fields: ['c\nd', ''], message: null },
    { line: 5, fields: null, message: 'a quote inside a field that does not begin with one' },
    { line: 6, fields: null, message: 'text after a closing quote' },
    { line: 7, fields: null, message: 'a carriage return outside of quotes' },
    { line: 8, fields: ['m', 'n'], message: null },
  ]);
  for (const size of [1, 2, 3, 5, 7]) expect(await records(bytesOf(text), size)).toEqual(whole);
});

test('any table survives being written and read', async () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\t', '\n', '\r', ' ', '\ufeff'), maxLength: 6 });
  const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(table, fc.constantFrom(',', '\t'), fc.integer({ min: 1, max: 9 }), async (rows, delimiter, size) => {
      const text = rows.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(delimiter)).join('\r\n');
      expect((await records(bytesOf(text), size, delimiter)).map(({ fields }) => fields)).toEqual(rows);
    }),
    { numRuns: 200 },
  );
});

test('R14 three per cent of bad rows are counted and listed, more than five are asked about', async () => {
  const good = 'a,b\n'.repeat(95);
  const bad = bytesOf(`p,s\n${good}1,2,3\n"x"y,z\n`);
  const file = await readRows(new Uint8Array([...bad, 0x61, 0x2c, 0xff, 0x0a]), 'rows.csv');
  expect(file.rows).toHaveLength(95);
  expect(file.badRows).toEqual([
    { line: 97, message: 'has 3 fields in place of 2' },
    { line: 98, message: 'text after a closing quote' },
    { line: 99, message: 'not UTF-8' },
  ]);
  const worse = bytesOf(`p,s\n${'a,b\n'.repeat(9)}c\n`);
  await expect(readRows(worse, 'rows.csv')).rejects.toThrow(BadRows);
  expect((await readRows(worse, 'rows.csv', true)).rows).toHaveLength(9);
  expect(await refusal('Once upon a time, there was\na fox. It saw, and, went.\n')).toMatch(/none of its 1 rows can be read/);
});

test('R14 a record of 1 GB is a bad row and is never held; one in quotes that has no end is refused', async () => {
  const filler = new Uint8Array(1 << 20).fill(0x61);
  const big = (head: string): ByteSource => ({
    name: 'rows.csv',
    size: 200_000_000,
    async read(offset, length) {
      const bytes = filler.slice(0, length);
      if (offset === 0) bytes.set(bytesOf(head).subarray(0, length));
      return bytes;
    },
  });
  const file = await readRows(big(`p,s\n${'a,b\n'.repeat(40)}`), 'rows.csv');
  expect(file.rows).toHaveLength(40);
  expect(file.badRows).toEqual([{ line: 42, message: 'longer than 16 MB' }]);
  expect(await refusal(big('p,s\na,"b'))).toMatch(/record that begins in line 2 is not closed within 16 MB/);
  expect(await refusal('p,s\na,b\nc,"d\ne,f\n')).toMatch(/record that begins in line 3 is not closed before the end/);
});

test('headers: a column without a name is called by its place; two of one name, none, or another delimiter are refused', async () => {
  expect(await read(',p\n0,x\n')).toEqual([{ 'column 1': '0', p: 'x' }]);
  expect(Object.keys((await readRows(bytesOf('__proto__,p\nx,y\n'), 'rows.csv')).rows[0]!)).toEqual(['__proto__', 'p']);
  expect(await refusal('p,p\n1,2\n')).toContain('has two columns "p"');
  expect(await refusal(',\n1,2\n')).toContain('names no column');
  expect(await refusal('a"b,c\n1,2\n')).toContain('its first line is no header: a quote inside');
  expect(await refusal('p;s\n1;2\n')).toContain('has ";" between the names of its columns. Put commas there');
  expect(await refusal('p\ts\n1\t2\n')).toContain('or name it .tsv');
  expect(await refusal('p,s\n1,2\n', 'rows.tsv')).toContain('or name it .csv');
  expect(await refusal('p,s\n')).toContain('has no rows');
  expect(await refusal(`${'x,'.repeat(3000)}x\n1\n`)).toContain('has 3001 columns; up to 2000');
});

test('a table is one by its name: the same in a .txt is text, and JSON rows in a .csv are JSON rows', async () => {
  expect((await readRows(bytesOf('p,s\n1,2\n'), 'rows.txt')).kind).toBe('text');
  expect(await read('{"a":1}\n')).toEqual([{ a: 1 }]);
  const { recognised } = await recognise([{ path: 'rows.csv', source: fromBytes('rows.csv', bytesOf('id,Question,Answer\n1,q,a\n')) }]);
  expect(recognised.dataset).toMatchObject({ kind: 'rows', rows: 1, mapping: { prompt: 'Question', solution: 'Answer' } });
});
