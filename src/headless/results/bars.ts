// What a study is expected to show, judged by its logs. Pure. Promises the numbers beside each verdict; a number that a finished run does not have
// makes a bar missed, and a bar is open while there is too little to judge it by. Refuses nothing.
import { tInterval, tQuantile } from '../../evaluate/tInterval.ts';
import { type Metric, metricLabel, readMetric } from './metric.ts';
import { cell, fixed, NONE, table } from './numbers.ts';
import type { SeedLog } from './seedLog.ts';
import type { Bar, Compare } from './study.ts';
import type { StudyLogs, VariantLogs } from './studyLogs.ts';

export interface Judged {
  bar: Bar;
  statement: string;
  measured: string;
  verdict: 'met' | 'missed' | 'open';
}

const DIGITS = 3;
/** Standard errors of the paired difference that `beats` asks for. */
const STANDARD_ERRORS = 2;

const RELATION: Record<Compare, (a: string, b: string) => string> = {
  apartFrom: (a, b) => `${a} above ${b}, intervals apart`,
  beats: (a, b) => `${a} above ${b} by more than ${STANDARD_ERRORS} standard errors`,
  equals: (a, b) => `${a} equal to ${b} within the interval`,
};

export function barStatement({ metric, atLeast, atMost, everySeed, compare }: Bar): string {
  const label = metricLabel(metric);
  if (compare) return RELATION[compare.how](label, metricLabel(compare.with));
  const where = everySeed ? ', every seed' : '';
  if (atLeast !== null && atMost !== null) return `${label} from ${atLeast} to ${atMost}${where}`;
  return `${label} ${atLeast !== null ? `≥ ${atLeast}` : `≤ ${atMost}`}${where}`;
}

export function judgeBar(bar: Bar, logs: readonly SeedLog[]): Judged {
  const statement = barStatement(bar);
  if (logs.length === 0) return { bar, statement, measured: 'not run yet', verdict: 'open' };
  const { measured, verdict } = bar.compare ? judgeCompared(bar, bar.compare, logs) : judgeLimits(bar, logs);
  return { bar, statement, measured, verdict };
}

type Judgement = Pick<Judged, 'measured' | 'verdict'>;

const valuesOf = (logs: readonly SeedLog[], metric: Metric): (number | null)[] => logs.map((log) => readMetric(log, metric));
const isKnown = (value: number | null): value is number => value !== null && !Number.isNaN(value);

function judgeLimits({ metric, atLeast, atMost, everySeed }: Bar, logs: readonly SeedLog[]): Judgement {
  const values = valuesOf(logs, metric);
  const fits = (value: number): boolean => (atLeast === null || value >= atLeast) && (atMost === null || value <= atMost);
  const known = values.filter(isKnown);
  const complete = known.length === values.length;
  const shown = values.map((value) => (value === Number.POSITIVE_INFINITY ? 'never' : fixed(value, DIGITS))).join(', ');
  if (everySeed) return { measured: shown, verdict: complete && known.every(fits) ? 'met' : 'missed' };
  const met = complete && fits(known.reduce((a, b) => a + b, 0) / known.length);
  return { measured: known.every(Number.isFinite) ? cell(values, DIGITS) : shown, verdict: met ? 'met' : 'missed' };
}

function judgeCompared({ metric }: Bar, { how, with: other }: NonNullable<Bar['compare']>, logs: readonly SeedLog[]): Judgement {
  const [a, b] = [valuesOf(logs, metric), valuesOf(logs, other)];
  const paired = logs.map((_, i) => (isKnown(a[i]!) && isKnown(b[i]!) ? a[i] - b[i] : null));
  const measured = `${cell(a, DIGITS)} against ${cell(b, DIGITS)}; difference ${cell(paired, DIGITS)}`;
  if (!paired.every(isKnown)) return { measured, verdict: 'missed' };
  const [ofA, ofB, difference] = [a as number[], b as number[], paired].map(tInterval) as [Means, Means, Means];
  if (difference.half === null) return { measured: `${measured}: one seed has no interval`, verdict: 'open' };
  const held: Record<Compare, () => boolean> = {
    apartFrom: () => ofA.mean - ofA.half! > ofB.mean + ofB.half!,
    beats: () => difference.mean > (STANDARD_ERRORS * difference.half!) / tQuantile(difference.n - 1),
    equals: () => Math.abs(difference.mean) <= difference.half! + Number.EPSILON,
  };
  return { measured, verdict: held[how]() ? 'met' : 'missed' };
}
type Means = ReturnType<typeof tInterval>;

export function judgeStudy({ study, variants }: StudyLogs): (Judged & { variantLogs: VariantLogs })[] {
  return study.bars.map((bar) => {
    const variantLogs = variants.find(({ variant }) => variant === bar.variant)!;
    return { ...judgeBar(bar, variantLogs.logs), variantLogs };
  });
}

/** Every bar of every study: what was asked, what was measured, whether it was met. */
export function barsTable(studies: readonly StudyLogs[]): string {
  const rows = studies.flatMap((s) =>
    judgeStudy(s).map(({ bar, statement, measured, verdict, variantLogs }) => [
      `${s.study.title}${bar.variant.label ? `, ${bar.variant.label}` : ''}`,
      statement,
      measured,
      `${variantLogs.logs.length} of ${s.study.seeds.length}`,
      verdict === 'open' ? verdict : `**${verdict}**`,
    ]),
  );
  if (rows.length === 0) return NONE;
  return table([['study', 'expected', 'measured', 'seeds', ''], ...rows], 3);
}
