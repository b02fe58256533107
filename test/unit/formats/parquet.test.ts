// Parquet as pyarrow writes it (test/golden/make_parquet.py): the same rows from every codec, encoding and version of pages that is read, to the last digit;
// what is refused, and by which name.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { type ExactJson, writeExactJson } from '../../../src/formats/exactJson.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { readExactRows, readRows } from '../../../src/formats/jsonl.ts';
import { readProblemFile } from '../../../src/tasks/pythonProblems.ts';

const golden = (name: string) => new Uint8Array(readFileSync(new URL(`../../golden/parquet/${name}`, import.meta.url)));
const TYPES = golden('types.jsonl');
const shown = (row: Record<string, ExactJson>) => writeExactJson(new Map(Object.entries(row)));
const SOME = ['text', 'flag', 'i64', 'tests', 'cases'];

async function refusal(bytes: Uint8Array, name = 'rows.parquet'): Promise<string> {
  const error = await readRows(bytes, name).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  return (error as FormatError).message;
}

test.each(['snappy', 'gzip', 'delta', 'zstd'])('types_%s.parquet has the rows that were written, exact and plain', async (name) => {
  const bytes = golden(`types_${name}.parquet`);
  const exact = await readExactRows(bytes, 'rows.parquet');
  const expected = await readExactRows(TYPES, 'types.jsonl');
  expect(exact.badRows).toEqual([]);
  expect(exact.rows.map(shown)).toEqual(expected.rows.map(shown));
  const plain = await readRows(bytes, 'rows.parquet');
  expect(plain).toEqual(await readRows(TYPES, 'types.jsonl'));
  expect(Object.keys(plain.rows[0]!)).toContain('__proto__');
});

test('pages of a few rows with checksums, and another name: the same rows', async () => {
  const expected = (await readRows(TYPES, 'types.jsonl')).rows.map((row) => Object.fromEntries(SOME.map((name) => [name, row[name]])));
  const { rows } = await readRows(golden('some_pages.parquet'), 'train-00000-of-00001');
  expect(rows.map((row) => ({ ...row }))).toEqual(expected);
  expect((await readRows(golden('int96.parquet'))).rows.map((row) => row.at)).toEqual(['1999-12-31T23:59:59.000005000', null]);
});

test('rows, and objects inside, have no prototype', async () => {
  const { rows } = await readRows(golden('types_snappy.parquet'));
  for (const value of [rows[1], rows[1]!.struct, rows[1]!.map]) expect(Object.getPrototypeOf(value)).toBeNull();
  expect(Object.keys(rows[1]!.map as object)).toEqual(['k', '__proto__']);
});

test.each([
  ['snappy', 800],
  ['gzip', 800],
  ['lz4', 800],
  ['zstd', 9_500],
])('%s: a long text, and one of nothing but zeros', async (codec, lines) => {
  const { rows } = await readRows(golden(`long_${codec}.parquet`));
  const text = Array.from({ length: lines }, (_, i) => `line ${(i * i) % 997} of ${i % 17}\n`).join('');
  expect(rows).toHaveLength(1);
  expect(rows[0]!.text === text).toBe(true);
  expect(rows[0]!.zeros === '0'.repeat(50 * lines)).toBe(true);
});

test('a codec that is not read is named, and how to convert it', async () => {
  const message = await refusal(golden('some_brotli.parquet'));
  expect(message).toContain('is packed by BROTLI, which is not read; SNAPPY, GZIP, ZSTD, LZ4_RAW are');
  expect(message).toContain('to_parquet("rows.parquet", compression="snappy")');
});

test('MBPP as Parquet is recognised, mapped, and gives the problems that its JSONL gives', async () => {
  const bytes = golden('mbpp.parquet');
  const { dataset, recognised } = await recognise([{ path: 'mbpp.parquet', source: fromBytes('mbpp.parquet', bytes) }]);
  expect(recognised.problems).toEqual([]);
  expect(recognised.dataset).toMatchObject({
    rows: 3,
    fields: ['task_id', 'text', 'code', 'test_list', 'test_setup_code', 'challenge_test_list'],
    mapping: { prompt: 'text', solution: 'code' },
    problems: { name: 'MBPP', rows: 3, tests: 4 },
  });
  const jsonl = dataset!.rows.map((row) => JSON.stringify(row)).join('\n');
  expect(await readProblemFile(bytes, 'mbpp.parquet')).toEqual(await readProblemFile(new TextEncoder().encode(jsonl), 'mbpp.jsonl'));
});
