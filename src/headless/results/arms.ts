// The arms of a study before and after RLVR: a table for each range, their paired differences, every seed's numbers. Pure. Refuses nothing.
import { tInterval, tQuantile } from '../../evaluate/tInterval.ts';
import type { ArmResult, Phase } from '../../run/events.ts';
import { type Arm, ARM_LABEL, ARMS, type Range } from '../../run/recipe.ts';
import { duration } from '../summaryTable.ts';
import { type Field, type NumberField, readField, resultOf } from './metric.ts';
import { cell, fixed, table } from './numbers.ts';
import type { SeedLog } from './seedLog.ts';
import { adapterName } from './facts.ts';

export const RANGE_LABEL: Record<Range, string> = {
  in: 'programs as long as those trained on',
  edge: 'programs a little longer (edge)',
  hard: 'much longer programs (hard)',
};
export const PASS_1: Field = { of: 'pass', k: 1 };

const PHASES = ['before', 'after'] as const;
const COLUMNS: { head: string; name: NumberField; digits: number }[] = [
  { head: 'think rate', name: 'thinkRate', digits: 3 },
  { head: 'thoughts per program', name: 'thoughtsPerProgram', digits: 2 },
  { head: 'content right', name: 'contentRight', digits: 3 },
  { head: 'duration, lines', name: 'meanDuration', digits: 2 },
  { head: 'NMI', name: 'nmi', digits: 3 },
  { head: 'ARI', name: 'ari', digits: 3 },
  { head: 'boundary F1', name: 'boundaryF1', digits: 3 },
  { head: 'held-out NLL', name: 'heldOutNll', digits: 3 },
];

export function rangesOf(logs: readonly SeedLog[]): readonly Range[] {
  return logs[0]!.start.recipe.evaluate.ranges;
}

/** Every arm in every phase that any log has on the range. */
export function evaluated(logs: readonly SeedLog[], range: Range): { arm: Arm; phase: Phase }[] {
  return PHASES.flatMap((phase) => ARMS.map((arm) => ({ arm, phase }))).filter(({ arm, phase }) =>
    logs.some((log) => resultOf(log, arm, phase, range)),
  );
}

export const armName = (arm: Arm, phase: Phase): string => `${ARM_LABEL[arm]}${phase === 'after' ? ' + RLVR' : ''}`;

/** One row an arm and phase; columns that nothing has are left out. */
export function armTable(logs: readonly SeedLog[], range: Range): string {
  const rows = evaluated(logs, range).map(({ arm, phase }) => ({
    name: armName(arm, phase),
    results: logs.map((log) => resultOf(log, arm, phase, range)),
  }));
  const ks = passKs(rows.flatMap(({ results }) => results));
  const columns = [
    ...ks.map((k) => ({ head: `pass@${k}`, field: { of: 'pass', k } as Field, digits: 3 })),
    ...COLUMNS.map(({ head, name, digits }) => ({ head, field: { of: 'number', name } as Field, digits })),
  ].filter(({ field }) => rows.some(({ results }) => results.some((result) => readField(result, field) !== null)));
  const body = rows.map(({ name, results }) => [
    name,
    ...columns.map(({ field, digits }) =>
      cell(
        results.map((result) => readField(result, field)),
        digits,
      ),
    ),
  ]);
  return table([['arm', ...columns.map(({ head }) => head)], ...body], 1);
}

export function passKs(results: readonly (ArmResult | null)[]): number[] {
  return [...new Set(results.flatMap((result) => (result ? Object.keys(result.passAt).map(Number) : [])))].sort((a, b) => a - b);
}

const DIFFERENCES: [Arm, Arm][] = [
  ['ra3', 'base'],
  ['ra3', 'ntp'],
  ['ra3', 'ntp-compute'],
  ['oracle', 'ntp'],
  ['shuffled', 'ntp'],
  ['comments', 'ntp'],
  ['ra3', 'oracle'],
];

/** a - b in a field, seed by seed: what the seeds share cancels. */
export function pairedDifference(logs: readonly SeedLog[], a: Arm, b: Arm, phase: Phase, range: Range, field = PASS_1): (number | null)[] {
  return logs.map((log) => {
    const [x, y] = [a, b].map((arm) => readField(resultOf(log, arm, phase, range), field)) as [number | null, number | null];
    return x === null || y === null ? null : x - y;
  });
}

/** Differences in pass@1, whether their intervals hold 0, and their size in standard errors. Null when there is no pair. */
export function differenceTable(logs: readonly SeedLog[], range: Range): string | null {
  const phases = PHASES.filter((phase) => logs.some((log) => resultOf(log, 'base', phase, range) ?? resultOf(log, 'ra3', phase, range)));
  const rows = DIFFERENCES.map(([a, b]) => ({ a, b, by: phases.map((phase) => pairedDifference(logs, a, b, phase, range)) }))
    .filter(({ by }) => by.some((values) => values.some((value) => value !== null)))
    .map(({ a, b, by }) => [
      `${ARM_LABEL[a]} − ${ARM_LABEL[b]}`,
      ...by.flatMap((values) => [cell(values, 3), outside(values), inStandardErrors(values)]),
    ]);
  if (rows.length === 0) return null;
  return table([['', ...phases.flatMap((phase) => [`${phase} RLVR`, '0 outside', 'in standard errors'])], ...rows], 1);
}

const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);

function outside(values: readonly (number | null)[]): string {
  const held = known(values);
  const { mean, half } = held.length > 0 ? tInterval(held) : { mean: 0, half: null };
  if (half === null) return '–';
  return Math.abs(mean) > half ? 'yes' : 'no';
}

function inStandardErrors(values: readonly (number | null)[]): string {
  const held = known(values);
  if (held.length < 2) return '–';
  const { mean, half, n } = tInterval(held);
  return half ? fixed((mean * tQuantile(n - 1)) / half, 1) : '–';
}

/** pass@1 of every seed, on the first range, with what each run took. */
export function seedTable(logs: readonly SeedLog[]): string {
  const range = rangesOf(logs)[0]!;
  const columns = evaluated(logs, range);
  const severalAdapters = new Set(logs.map((log) => adapterName(log.start))).size > 1;
  const head = [
    'seed',
    ...columns.map(({ arm, phase }) => armName(arm, phase)),
    'RA3 thoughts per program',
    'time',
    'tokens/s',
    ...(severalAdapters ? ['adapter'] : []),
  ];
  const rows = logs.map((log) => [
    String(log.start.recipe.seed),
    ...columns.map(({ arm, phase }) => fixed(readField(resultOf(log, arm, phase, range), PASS_1), 3)),
    fixed(resultOf(log, 'ra3', 'before', range)?.thoughtsPerProgram ?? null, 2),
    duration(log.summary.timeMs),
    Math.round(log.summary.tokPerS).toLocaleString('en-US'),
    ...(severalAdapters ? [adapterName(log.start)] : []),
  ]);
  return table([head, ...rows], 1);
}
