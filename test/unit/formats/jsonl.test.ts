// Rows from JSONL, JSON arrays and text, plain and gzipped: what is skipped, what is refused.
import { gzipSync } from 'fflate';
import { expect, test } from 'vitest';
import type { ByteSource } from '../../../src/formats/byteSource.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { writeExactJson } from '../../../src/formats/exactJson.ts';
import { readExactRows, readRows } from '../../../src/formats/jsonl.ts';
import { benchmarkFile, hasBenchmarks } from './publicFiles.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function refusal(bytes: Uint8Array | ByteSource, name: string): Promise<string> {
  const error = await readRows(bytes, name).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  return (error as FormatError).message;
}

test('JSONL with a byte-order mark, CRLF, blank lines and no last line end gives its rows', async () => {
  const file = await readRows(bytesOf('\ufeff\r\n{"a":1}\r\n\r\n  {"a":"x\\r\\ny"}\n\n{"a":null}'), 'rows.jsonl');
  expect(file).toMatchObject({ kind: 'rows', badRows: [] });
  expect(file.rows).toEqual([{ a: 1 }, { a: 'x\r\ny' }, { a: null }]);
});

test('gzip, arrays and text are recognised by content', async () => {
  const rows = '{"a":1}\n{"a":2}\n';
  expect((await readRows(gzipSync(bytesOf(rows)), 'rows.jsonl.gz')).rows).toHaveLength(2);
  expect((await readRows(gzipSync(bytesOf(rows)), 'no extension')).rows).toHaveLength(2);
  expect((await readRows(bytesOf('[{"a":1},\n{"a":2}]'), 'rows.json')).rows).toEqual([{ a: 1 }, { a: 2 }]);
  expect((await readRows(bytesOf('{"a":1}'), 'rows.txt')).kind).toBe('rows');
  const text = await readRows(bytesOf('[Music]\nOnce upon a time\r\né'), 'story.txt');
  expect(text).toMatchObject({ kind: 'text', text: '[Music]\nOnce upon a time\r\né' });
  expect(await readRows(gzipSync(bytesOf('{ a set }\n')), 'x.txt.gz')).toMatchObject({ kind: 'text', text: '{ a set }\n' });
});

test('R14 three per cent of bad rows are counted and listed, more than five are asked about', async () => {
  const lines = Array.from({ length: 97 }, (_, i) => `{"i":${i}}`);
  const mixed = [...lines.slice(0, 50), 'not json', '[1]', '{"a":Infinite}', ...lines.slice(50)];
  const file = await readRows(bytesOf(mixed.join('\n')), 'rows.jsonl');
  expect(file.rows).toHaveLength(97);
  expect(file.badRows.map((bad) => bad.line)).toEqual([51, 52, 53]);
  expect(file.badRows[1]!.message).toBe('not a JSON object');
  const worse = await refusal(bytesOf([...mixed, 'x', 'x', 'x'].join('\n')), 'rows.jsonl');
  expect(worse).toContain('6 of 103 rows cannot be read; up to 5 % are skipped');
  expect(worse).toContain('line 51');
  const good = await readRows(bytesOf([...mixed, 'x', 'x', 'x'].join('\n')), 'rows.jsonl', true);
  expect(good.rows).toHaveLength(97);
  expect(good.badRows.map((bad) => bad.line)).toEqual([51, 52, 53, 101, 102, 103]);
  const array = `[${'{"a":1},'.repeat(9)}7]`;
  expect(await refusal(bytesOf(array), 'rows.json')).toContain('1 of 10 rows cannot be read');
  expect((await readRows(bytesOf(array), 'rows.json', true)).rows).toHaveLength(9);
});

test('R14 where no row is good, or bad ones have no end, nothing is asked', async () => {
  const none = bytesOf('x\ny\n');
  for (const goodRowsAlone of [false, true])
    await expect(readRows(none, 'rows.jsonl', goodRowsAlone)).rejects.toThrow(/none of its 2 rows can be read. First: line 1/);
  const endless = bytesOf('{"a":1}\n'.repeat(10) + 'x\n'.repeat(60_000));
  await expect(readRows(endless, 'rows.jsonl', true)).rejects.toThrow(/more than 52631 of its rows cannot be read, which is the limit/);
});

test('R14 bad UTF-8 makes a bad row in JSONL and refuses text', async () => {
  const bad = new Uint8Array([...bytesOf('{"a":"'), 0xff, ...bytesOf('"}\n')]);
  const good = bytesOf('{"a":1}\n'.repeat(30));
  const file = await readRows(new Uint8Array([...good, ...bad]), 'rows.jsonl');
  expect(file.badRows).toEqual([{ line: 31, message: 'not UTF-8' }]);
  expect(await refusal(new Uint8Array([0x61, 0xff, 0x0a]), 'story.txt')).toContain('not UTF-8');
  expect(await refusal(new Uint8Array([0xff, 0xfe, 0x61, 0x00]), 'story.txt')).toContain('UTF-16');
});

test('R14 a line of 1 GB is a bad row and is never held', async () => {
  const sizeBytes = 1_000_000_000;
  const filler = new Uint8Array(1 << 20).fill(0x61);
  const head = bytesOf('{"a":1}\n'.repeat(40));
  let largest = 0;
  const source: ByteSource = {
    name: 'rows.jsonl',
    size: sizeBytes,
    async read(offset, length) {
      largest = Math.max(largest, length);
      if (offset > 0) return filler.subarray(0, length);
      const first = filler.slice(0, length);
      first.set(head.subarray(0, length));
      return first;
    },
  };
  const heapBefore = process.memoryUsage().rss;
  const file = await readRows(source, 'rows.jsonl');
  expect(file.rows).toHaveLength(40);
  expect(file.badRows).toEqual([{ line: 41, message: 'longer than 16 MB' }]);
  expect(largest).toBeLessThanOrEqual(1 << 20);
  expect(process.memoryUsage().rss - heapBefore).toBeLessThan(200_000_000);
});

test('a gzip bomb stops at its cap, and damaged gzip is refused', async () => {
  const bomb = gzipSync(new Uint8Array(150_000_000).fill(0x20), { level: 9 });
  expect(await refusal(bomb, 'rows.jsonl.gz')).toMatch(/unpacks to more than 64 MB/);
  const whole = gzipSync(bytesOf('{"a":1}\n'.repeat(10_000)));
  expect(await refusal(whole.subarray(0, whole.length - 20), 'rows.jsonl.gz')).toContain('damaged');
  const flipped = whole.slice();
  flipped[40]! ^= 0xff;
  expect(await refusal(flipped, 'rows.jsonl.gz')).toMatch(/damaged|rows cannot be read/);
});

test('files that hold no rows say so', async () => {
  expect(await refusal(new Uint8Array(0), 'rows.jsonl')).toContain('is empty');
  expect(await refusal(bytesOf('\n \n'), 'rows.jsonl')).toContain('has no rows');
  expect(await refusal(bytesOf('[]'), 'rows.json')).toContain('has no rows');
  expect(await refusal(bytesOf('{\n "a": 1\n}'), 'rows.json')).toContain('one JSON value and not rows');
  expect(await refusal(bytesOf('[{"a":1'), 'rows.json')).toContain('not valid JSON');
  expect(await refusal(bytesOf('PNG\0\0'), 'x')).toContain('binary');
  expect(await refusal(bytesOf(`[${'['.repeat(100_000)}`), 'rows.json')).toContain('levels deep');
});

test('R05 rows have no prototype, so a key __proto__ is data', async () => {
  const { rows } = await readRows(bytesOf('{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1}}}'), 'rows.jsonl');
  expect(Object.getPrototypeOf(rows[0])).toBeNull();
  expect(Object.keys(rows[0]!)).toEqual(['__proto__', 'a']);
  expect(Object.getPrototypeOf(rows[0]!.a)).toBeNull();
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test('what Python writes bare is read, and exact rows keep every digit', async () => {
  const bytes = bytesOf('{"a":[Infinity,NaN],"b":12345678901234567890}\n{"a":{"x":1.0}}\n');
  const { rows } = await readRows(bytes, 'rows.jsonl');
  expect(rows[0]).toMatchObject({ a: [Infinity, NaN], b: 12345678901234567000 });
  const exact = await readExactRows(bytes, 'rows.jsonl');
  expect(exact.rows.map((row) => writeExactJson(row.a!))).toEqual(['[Infinity, NaN]', '{"x": 1.0}']);
  expect(writeExactJson(exact.rows[0]!.b!)).toBe('12345678901234567890');
  expect((await readExactRows(bytesOf('[{"a":1},7]'), 'rows.json').catch((e: Error) => e.message)) as string).toContain('1 of 2 rows');
});

test.skipIf(!hasBenchmarks)('public benchmark files are read as published', async () => {
  const counts: Record<string, [number, number]> = {
    'HumanEval.jsonl.gz': [164, 0],
    'HumanEvalPlus-Mini.jsonl.gz': [164, 0],
    'MbppPlus-NoExtreme.jsonl.gz': [378, 0],
    'mbpp.jsonl.gz': [974, 0],
    'sanitized-mbpp.json.gz': [427, 0],
  };
  for (const [name, [rows, bad]] of Object.entries(counts)) {
    const file = await readRows(benchmarkFile(name), name);
    expect([name, file.kind, file.rows.length, file.badRows.length]).toEqual([name, 'rows', rows, bad]);
  }
});
