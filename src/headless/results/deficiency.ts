// What each fresh base lacks and knows (the gate), and what RA3 gains over NTP against that: one point a seed and variant. Pure. Refuses nothing.
import { ARM_LABEL } from '../../run/recipe.ts';
import { pairedDifference, PASS_1 } from './arms.ts';
import { COLORS, type Figures, rangeOf } from './figures.ts';
import { gateGap, gateOf, readField, resultOf } from './metric.ts';
import { fixed, table } from './numbers.ts';
import type { SeedLog } from './seedLog.ts';
import { allLogs, present, rangesOf, type StudyLogs, varies } from './studyLogs.ts';

const COLUMNS: { head: string; of: (log: SeedLog) => number | null }[] = [
  { head: 'plain lines', of: (log) => gateOf(log, 'nll_plain') },
  { head: 'useful lines, no thought', of: (log) => gateOf(log, 'nll_without') },
  { head: 'with the true thought', of: (log) => gateOf(log, 'nll_with_truth') },
  { head: 'gap', of: gateGap },
  { head: 'probability of the true thought', of: (log) => gateOf(log, 'truth_probability') },
];

export function deficiencySection(study: StudyLogs, figures: Figures): string[] {
  const range = rangesOf(study)[0]!;
  const base = (log: SeedLog): number | null => readField(resultOf(log, 'base', 'before', range), PASS_1);
  const lacks = (log: SeedLog): number | null => {
    const score = base(log);
    return score === null ? null : 1 - score;
  };
  const gain = (log: SeedLog): number | null => pairedDifference([log], 'ra3', 'ntp', 'before', range)[0]!;
  const columns = [...COLUMNS, { head: '1 − base pass@1', of: lacks }, { head: 'RA3 − NTP', of: gain }].filter(({ of }) =>
    allLogs(study).some((log) => of(log) !== null),
  );
  if (columns.length === 0) return [];
  const lead = (label: string): string[] => (varies(study) ? [label] : []);
  const rows = present(study).flatMap(({ variant, logs }) =>
    logs.map((log) => [...lead(variant.label), String(log.start.recipe.seed), ...columns.map(({ of }) => fixed(of(log), 3))]),
  );
  return [
    '### What each base lacks',
    table([[...lead('variant'), 'seed', ...columns.map(({ head }) => head)], ...rows], lead('').length + 1),
    `The gate: nats per line of the base on expert prefixes; the gap is what the true thought is worth on a line where one is of use. The last two columns are on the range ${range}, before RLVR.`,
    ...scatter(study, figures, 'gap', 'gap: what the true thought is worth, nats per useful line', gateGap, gain),
    ...scatter(study, figures, 'lack', `1 − pass@1 of ${ARM_LABEL.base}`, lacks, gain),
  ];
}

function scatter(
  study: StudyLogs,
  figures: Figures,
  what: string,
  xLabel: string,
  xOf: (log: SeedLog) => number | null,
  yOf: (log: SeedLog) => number | null,
): string[] {
  const series = present(study).flatMap(({ variant, logs }, i) => {
    const points = logs
      .flatMap((log) => {
        const [x, y] = [xOf(log), yOf(log)];
        return x === null || y === null ? [] : [{ x, y }];
      })
      .sort((a, b) => a.x - b.x || a.y - b.y);
    if (points.length === 0) return [];
    const color = COLORS[i % COLORS.length]!;
    return [
      { label: variant.label || 'one seed', color, dash: '', as: 'dots' as const, x: points.map((p) => p.x), mean: points.map((p) => p.y) },
    ];
  });
  const points = series.flatMap((s) => s.x.map((x, i) => ({ x, y: s.mean[i]! })));
  if (points.length < 2) return [];
  const middle = trend(study, xOf, yOf);
  return [
    figures.add(study.study.name, `gain-${what}`, {
      title: `${study.study.title}: gain against the base’s lack`,
      xLabel,
      yLabel: 'pass@1, RA3 − NTP',
      yRange: rangeOf(points.map((p) => p.y)),
      series: [...middle, ...series],
    }),
    `Correlation over all points: ${fixed(correlation(points), 2)}.`,
  ];
}

/** The variants' means joined, where there are several. */
function trend(study: StudyLogs, xOf: (log: SeedLog) => number | null, yOf: (log: SeedLog) => number | null) {
  const centre = (values: (number | null)[]): number | null => {
    const held = values.filter((value) => value !== null);
    return held.length > 0 ? held.reduce((a, b) => a + b, 0) / held.length : null;
  };
  const means = present(study)
    .map(({ logs }) => ({ x: centre(logs.map(xOf)), y: centre(logs.map(yOf)) }))
    .filter((p): p is { x: number; y: number } => p.x !== null && p.y !== null)
    .sort((a, b) => a.x - b.x);
  if (means.length < 2) return [];
  return [{ label: 'means of the variants', color: '#1b1b19', dash: '3 3', x: means.map((p) => p.x), mean: means.map((p) => p.y) }];
}

/** Pearson's; null where one side does not vary. */
export function correlation(points: readonly { x: number; y: number }[]): number | null {
  const n = points.length;
  const [mx, my] = [points.reduce((s, p) => s + p.x, 0) / n, points.reduce((s, p) => s + p.y, 0) / n];
  const sum = (f: (p: { x: number; y: number }) => number): number => points.reduce((s, p) => s + f(p), 0);
  const [xx, yy] = [sum((p) => (p.x - mx) ** 2), sum((p) => (p.y - my) ** 2)];
  return xx > 0 && yy > 0 ? sum((p) => (p.x - mx) * (p.y - my)) / Math.sqrt(xx * yy) : null;
}
