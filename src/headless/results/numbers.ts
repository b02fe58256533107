// Numbers over seeds as cells of Markdown tables. Pure. Promises a dash where there is no number; refuses nothing.
import { tInterval } from '../../evaluate/tInterval.ts';

export const NONE = '–';

export function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

export function fixed(value: number | null, digits: number): string {
  return value === null || !Number.isFinite(value) ? NONE : value.toFixed(digits).replace(/^-(0(?:\.0*)?)$/, '$1');
}

/** Mean ± half of the 95 % interval (± – when one seed alone has the number); the seeds that have it are counted when not all do. */
export function cell(values: readonly (number | null)[], digits: number): string {
  const known = values.filter((v): v is number => v !== null && Number.isFinite(v));
  if (known.length === 0) return NONE;
  const { mean: m, half } = tInterval(known);
  const count = known.length < values.length ? ` (n = ${known.length})` : '';
  return `${fixed(m, digits)} ± ${fixed(half, digits)}${count}`;
}

/** Rows of cells as a Markdown table; the first is the head. Columns after the first `left` ones end at the right. */
export function table([head = [], ...rows]: readonly string[][], left: number): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c) => c.replace(/\|/g, '\\|').replace(/\s*\n\s*/g, ' ')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i < left ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
