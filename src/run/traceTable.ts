// The bootstrapped programs of a run as rows of a bundle: traces.jsonl and, the same rows, traces.parquet (snappy), which pandas, polars and the datasets library
// open. The Parquet writer is loaded when a bundle is made and not before.
// Promises: equal rows give equal bytes. Refuses nothing.

export interface TraceRow {
  prompt: string;
  lines: { thought: string | null; text: string }[];
  /** Of the whole program with its thoughts. */
  ids: number[];
}

export function tracesJsonl(rows: readonly TraceRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** Columns prompt: string; lines: list<struct<thought: string, text: string>>; ids: list<int32>. Only thoughts may be null. */
export async function tracesParquet(rows: readonly TraceRow[]): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const list = (name: string) => ({ name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' }) as const;
  const text = (name: string, repetition_type: 'REQUIRED' | 'OPTIONAL') =>
    ({ name, repetition_type, type: 'BYTE_ARRAY', converted_type: 'UTF8' }) as const;
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'prompt', data: rows.map((row) => row.prompt) },
      { name: 'lines', data: rows.map((row) => row.lines) },
      { name: 'ids', data: rows.map((row) => row.ids) },
    ],
    schema: [
      { name: 'schema', num_children: 3 },
      text('prompt', 'REQUIRED'),
      list('lines'),
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'REQUIRED', num_children: 2 },
      text('thought', 'OPTIONAL'),
      text('text', 'REQUIRED'),
      list('ids'),
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'REQUIRED', type: 'INT32' },
    ],
    createdBy: 'ra3-lab',
  });
  return new Uint8Array(buffer);
}
