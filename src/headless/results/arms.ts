// The arms of a study before and after RLVR: a table for each range, their paired differences, every seed's numbers. Pure. Refuses nothing.
import { tInterval, tQuantile } from '../../evaluate/tInterval.ts';
import type { ArmResult, Phase } from '../../run/events.ts';
import { type Arm, ARM_LABEL, ARMS, type Range } from '../../run/recipe.ts';
import { duration } from '../summaryTable.ts';
import { adapterName } from './facts.ts';
import { type Field, readField, resultOf } from './metric.ts';
import { cell, fixed, NONE, table } from './numbers.ts';
import type { SeedLog } from './seedLog.ts';
import { allLogs, type Column, present, rangesOf, type StudyLogs, variantTable, varies } from './studyLogs.ts';

export const RANGE_LABEL: Record<Range, string> = {
  in: 'Programs as long as those trained on',
  edge: 'Programs a little longer (edge)',
  hard: 'Much longer programs (hard)',
};
export const PASS_1: Field = { of: 'pass', k: 1 };
const PHASES = ['before', 'after'] as const;

export interface ArmRow {
  arm: Arm;
  phase: Phase;
}

/** Every arm in every phase that any log has on the range. */
export function evaluated(logs: readonly SeedLog[], range: Range): ArmRow[] {
  return PHASES.flatMap((phase) => ARMS.map((arm) => ({ arm, phase }))).filter(({ arm, phase }) =>
    logs.some((log) => resultOf(log, arm, phase, range)),
  );
}

export const armName = ({ arm, phase }: ArmRow): string => `${ARM_LABEL[arm]}${phase === 'after' ? ' + RLVR' : ''}`;
export const ARM_HEAD = { head: 'arm', of: armName };

/** A field of an arm's result, over the seeds. */
export function fieldColumn(head: string, field: Field, digits: number, range: Range): Column<ArmRow> {
  return {
    head,
    cell: (logs, { arm, phase }) =>
      cell(
        logs.map((log) => readField(resultOf(log, arm, phase, range), field)),
        digits,
      ),
  };
}

export function passKs(results: readonly (ArmResult | null)[]): number[] {
  return [...new Set(results.flatMap((result) => (result ? Object.keys(result.passAt).map(Number) : [])))].sort((a, b) => a - b);
}

export function armTable(study: StudyLogs, range: Range): string | null {
  const ks = passKs(allLogs(study).flatMap((log) => log.summary.results));
  const number = (head: string, name: Extract<Field, { of: 'number' }>['name'], digits: number): Column<ArmRow> =>
    fieldColumn(head, { of: 'number', name }, digits, range);
  return variantTable(study, ARM_HEAD, (logs) => evaluated(logs, range), [
    ...ks.map((k) => fieldColumn(`pass@${k}`, { of: 'pass', k }, 3, range)),
    number('think rate', 'thinkRate', 3),
    number('thoughts per program', 'thoughtsPerProgram', 2),
    number('content right', 'contentRight', 3),
    number('duration, lines', 'meanDuration', 2),
    number('NMI', 'nmi', 3),
    number('ARI', 'ari', 3),
    number('boundary F1', 'boundaryF1', 3),
    number('held-out NLL', 'heldOutNll', 3),
  ]);
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

/** a - b in pass@1, seed by seed: what the seeds share cancels. */
export function pairedDifference(logs: readonly SeedLog[], a: Arm, b: Arm, phase: Phase, range: Range): (number | null)[] {
  return logs.map((log) => {
    const [x, y] = [a, b].map((arm) => readField(resultOf(log, arm, phase, range), PASS_1)) as [number | null, number | null];
    return x === null || y === null ? null : x - y;
  });
}

export interface Significance {
  /** Whether 0 lies outside the 95 % interval. */
  outside: boolean;
  /** The mean in standard errors; null when the seeds agree exactly. */
  standardErrors: number | null;
  mean: number;
}

/** Null when fewer than two seeds have the number. */
export function significance(values: readonly (number | null)[]): Significance | null {
  const held = values.filter((value) => value !== null);
  if (held.length < 2) return null;
  const { mean, half, n } = tInterval(held);
  return { outside: Math.abs(mean) > half!, standardErrors: half ? (mean * tQuantile(n - 1)) / half : null, mean };
}

/** Differences in pass@1, whether their intervals hold 0, and their size in standard errors. Null when there is no pair. */
export function differenceTable(study: StudyLogs, range: Range): string | null {
  const has = (logs: readonly SeedLog[], pair: readonly [Arm, Arm], phase: Phase): boolean =>
    pairedDifference(logs, pair[0], pair[1], phase, range).some((value) => value !== null);
  const columns = PHASES.flatMap((phase): Column<[Arm, Arm]>[] => {
    const values = (logs: readonly SeedLog[], [a, b]: [Arm, Arm]) => pairedDifference(logs, a, b, phase, range);
    return [
      { head: `${phase} RLVR`, cell: (logs, pair) => cell(values(logs, pair), 3) },
      {
        head: '0 outside',
        cell: (logs, pair) => {
          const found = significance(values(logs, pair));
          return found ? (found.outside ? 'yes' : 'no') : NONE;
        },
      },
      { head: 'standard errors', cell: (logs, pair) => fixed(significance(values(logs, pair))?.standardErrors ?? null, 1) },
    ];
  });
  return variantTable(
    study,
    { head: 'difference', of: ([a, b]) => `${ARM_LABEL[a]} − ${ARM_LABEL[b]}` },
    (logs) => DIFFERENCES.filter((pair) => PHASES.some((phase) => has(logs, pair, phase))),
    columns,
  );
}

export function armSections(study: StudyLogs): string[] {
  return rangesOf(study).flatMap((range) => {
    const [arms, differences] = [armTable(study, range), differenceTable(study, range)];
    return [
      ...(arms ? [`${RANGE_LABEL[range]}:`, arms] : []),
      ...(differences ? [`Differences in pass@1 there, paired by seed:`, differences] : []),
    ];
  });
}

/** pass@1 of every seed on the range evaluated first, with what each run took. */
export function seedTable(study: StudyLogs): string {
  const range = rangesOf(study)[0]!;
  const columns = evaluated(allLogs(study), range);
  const severalAdapters = new Set(allLogs(study).map((log) => adapterName(log.start))).size > 1;
  const lead = (label: string): string[] => (varies(study) ? [label] : []);
  const head = [...lead('variant'), 'seed', ...columns.map(armName), 'time', 'tokens/s', ...(severalAdapters ? ['adapter'] : [])];
  const rows = present(study).flatMap(({ variant, logs }) =>
    logs.map((log) => [
      ...lead(variant.label),
      String(log.start.recipe.seed),
      ...columns.map(({ arm, phase }) => fixed(readField(resultOf(log, arm, phase, range), PASS_1), 3)),
      duration(log.summary.timeMs),
      Math.round(log.summary.tokPerS).toLocaleString('en-US'),
      ...(severalAdapters ? [adapterName(log.start)] : []),
    ]),
  );
  return table([head, ...rows], lead('').length + 1);
}
