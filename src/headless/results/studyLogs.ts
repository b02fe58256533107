// A study with the logs of its runs: what every section of the report is made from. Tables of studies that vary have a column for the variant.
import type { Range } from '../../run/recipe.ts';
import { NONE, table } from './numbers.ts';
import type { SeedLog } from './seedLog.ts';
import type { Study, Variant } from './study.ts';

export interface VariantLogs {
  variant: Variant;
  /** Of the finished runs, by seed. */
  logs: readonly SeedLog[];
  /** Runs that the study asks for and that are not among them. */
  absent: readonly { seed: number; why: string; failed: string | null }[];
}

export interface StudyLogs {
  study: Study;
  variants: readonly VariantLogs[];
}

export const allLogs = ({ variants }: StudyLogs): SeedLog[] => variants.flatMap((variant) => variant.logs);
/** The variants that have a finished run. */
export const present = ({ variants }: StudyLogs): VariantLogs[] => variants.filter((variant) => variant.logs.length > 0);
export const varies = ({ study }: StudyLogs): boolean => study.variants[0]!.label !== '';

/** Ranges that any variant is evaluated on. */
export function rangesOf(study: StudyLogs): Range[] {
  return [...new Set(study.variants.flatMap(({ variant }) => variant.recipe.evaluate.ranges))];
}

/** A column of a table: its head and, for the logs of a variant, the cell of a row. */
export interface Column<Row> {
  head: string;
  cell: (logs: readonly SeedLog[], row: Row) => string;
}

/**
 * The rows of every variant one below the other; `rowsOf` names a variant's rows. Columns that are a dash in every row are left out. Null without rows.
 */
export function variantTable<Row>(
  study: StudyLogs,
  names: { head: string; of: (row: Row) => string },
  rowsOf: (logs: readonly SeedLog[]) => readonly Row[],
  columns: readonly Column<Row>[],
): string | null {
  const rows = present(study).flatMap(({ variant, logs }) =>
    rowsOf(logs).map((row) => ({ label: variant.label, name: names.of(row), cells: columns.map((column) => column.cell(logs, row)) })),
  );
  if (rows.length === 0) return null;
  const shown = columns.map((_, i) => rows.some(({ cells }) => cells[i] !== NONE));
  const keep = (cells: readonly string[]): string[] => cells.filter((_, i) => shown[i]);
  const lead = (label: string): string[] => (varies(study) ? [label] : []);
  const head = [...lead('variant'), names.head, ...keep(columns.map((column) => column.head))];
  return table([head, ...rows.map(({ label, name, cells }) => [...lead(label), name, ...keep(cells)])], lead('').length + 1);
}
