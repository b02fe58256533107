// Bootstrapped programs in a bundle: the rows of traces.parquet, read by the lab's own reader, are those of traces.jsonl.
import { expect, test } from 'vitest';
import { readRows } from '../../../src/formats/jsonl.ts';
import { tracesJsonl, tracesParquet, type TraceRow } from '../../../src/run/traceTable.ts';

const rows: TraceRow[] = Array.from({ length: 1500 }, (_, i) => ({
  prompt: `task ${i} é`,
  lines: Array.from({ length: i % 4 }, (_, t) => ({ thought: (i + t) % 3 ? null : `think ${i % 7}`, text: `line ${t}\n` })),
  ids: Array.from({ length: 1 + (i % 50) }, (_, t) => i * t),
}));

test('traces.parquet has the rows of traces.jsonl, and the same bytes each time', async () => {
  const bytes = await tracesParquet(rows);
  const file = await readRows(bytes, 'traces.parquet');
  const expected = await readRows(new TextEncoder().encode(tracesJsonl(rows)), 'traces.jsonl');
  expect(file).toEqual(expected);
  expect(file.rows).toHaveLength(1500);
  expect(await tracesParquet(rows)).toEqual(bytes);
});

test('a run that was stopped before its first traces has a table of no rows', async () => {
  await expect(readRows(await tracesParquet([]), 'traces.parquet')).rejects.toThrow(/"traces.parquet" has no rows/);
  expect(tracesJsonl([])).toBe('');
});
