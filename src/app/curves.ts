// From a run's log to what a chart draws: which curves, on which axis, smoothed how. Pure; knows no chart library.
// Values that are not finite stay in place as null, so that a gap is seen; smoothing steps over them.
import { ARM_LABEL, ARMS, RANGES, type Range } from '../run/recipe.ts';
import { type Arm, type Curve, type RunLog, type Stage, type StageRef, WHOLE } from './runLog.ts';

export interface Line {
  /** Shown in the legend. */
  label: string;
  /** Which colour and dash: an arm, or a plain series by number. */
  tone: Arm | 'second' | 'third';
  x: number[];
  /** null = a value that was not finite. */
  y: (number | null)[];
  /** A line through the points, which is how it is drawn when absent, or the points alone. */
  mark?: 'line' | 'points';
  /** Dashed whatever the tone: a bound. */
  dash?: boolean;
  /** Interval around each point: bars at points, a band around a line. */
  low?: number[];
  high?: number[];
}

export interface ChartData {
  lines: Line[];
  /** Where one EM iteration ends and the next begins, in x. */
  dividers: { x: number; label: string }[];
  /** The largest x of the whole log: axes stand still while a recorded run plays. */
  end: number;
}

/** The metrics that the page's own charts read, as the stages report them. */
export const METRICS = {
  reward: 'reward/mean',
  lineReward: 'reward/line',
  lineElbo: 'elbo/line',
  thinkRate: 'think/rate',
  loss: 'loss/nll',
  speed: 'tok_per_s',
} as const;

export const ARM_ORDER: readonly Arm[] = ARMS;
export const RANGE_ORDER: readonly Range[] = RANGES;

export function armLabel(arm: Arm): string {
  return ARM_LABEL[arm];
}

export function stageLabel(ref: StageRef): string {
  const round = ref.iteration === undefined ? '' : ` ${ref.iteration}`;
  switch (ref.stage) {
    case 'base':
      return 'Base training';
    case 'ntp':
      return 'NTP';
    case 'e-step':
      return `E-step${round}`;
    case 'infuse':
      return `Infuse${round}`;
    case 'm-step':
      return `M-step${round}`;
    case 'rlvr':
      return `RLVR ${ARM_LABEL[ref.arm]}`;
    case 'evaluate':
      return `Evaluate ${ARM_LABEL[ref.arm]}${ref.phase === 'after' ? ' after RLVR' : ref.phase === 'before' ? ' before RLVR' : ''}`;
  }
}

/** The stage in a dozen letters, for where room is short. */
export function stageMark(ref: StageRef): string {
  if (ref.stage === 'evaluate') return `Test ${ARM_LABEL[ref.arm]}`;
  return stageLabel(ref);
}

/** One line per arm over the steps of a stage. */
export function armLines(log: RunLog, cut: number, stage: Stage, metric: string): ChartData {
  const lines: Line[] = [];
  for (const arm of ARM_ORDER) {
    const curve = log.curvesOf(stage, metric).find((c) => c.ref.arm === arm);
    if (!curve) continue;
    const line: Line = { label: ARM_LABEL[arm], tone: arm, x: [], y: [] };
    addPoints(line, curve, cut, 0);
    if (line.x.length > 0) lines.push(line);
  }
  const end = Math.max(0, ...log.curvesOf(stage, metric).map((curve) => lastStep(curve)));
  return { lines, dividers: [], end };
}

/** Metrics of an iterated stage (E-step, M-step), EM iterations one after the other on one axis; one line per metric. */
export function iteratedLines(
  log: RunLog,
  cut: number,
  stage: Stage,
  wanted: readonly { metric: string; label: string; tone: Line['tone'] }[],
): ChartData {
  const spans = iterationSpans(log, stage);
  const lines: Line[] = [];
  for (const { metric, label, tone } of wanted) {
    const line: Line = { label, tone, x: [], y: [] };
    for (const curve of byIteration(log.curvesOf(stage, metric)))
      addPoints(line, curve, cut, spans.get(curve.ref.iteration ?? 1)?.offset ?? 0);
    if (line.x.length > 0) lines.push(line);
  }
  const [, ...later] = [...spans];
  const dividers = later.map(([iteration, { first }]) => ({ x: first, label: `EM ${iteration}` }));
  const end = Math.max(0, ...[...spans.values()].map((span) => span.last));
  return { lines, dividers: lines.length > 0 ? dividers : [], end };
}

/** Losses of the supervised stages: base training and NTP from their first step, and the M-steps one after the other. */
export function lossLines(log: RunLog, cut: number): ChartData {
  const base = armLines(log, cut, 'base', METRICS.loss);
  const ntp = armLines(log, cut, 'ntp', METRICS.loss);
  const m = iteratedLines(log, cut, 'm-step', [{ metric: METRICS.loss, label: 'M-step', tone: 'ra3' }]);
  return { lines: [...base.lines, ...ntp.lines, ...m.lines], dividers: m.dividers, end: Math.max(base.end, ntp.end, m.end) };
}

/** Where each iteration lies on the common axis: right after the one before, as the whole log has it (so that axes stand still). */
function iterationSpans(log: RunLog, stage: Stage): Map<number, { offset: number; first: number; last: number }> {
  const steps = new Map<number, { first: number; last: number }>();
  for (const curve of log.metricsOf(stage).flatMap((metric) => log.curvesOf(stage, metric))) {
    const iteration = curve.ref.iteration ?? 1;
    const known = steps.get(iteration) ?? { first: Number.POSITIVE_INFINITY, last: 0 };
    steps.set(iteration, { first: Math.min(known.first, firstStep(curve)), last: Math.max(known.last, lastStep(curve)) });
  }
  const spans = new Map<number, { offset: number; first: number; last: number }>();
  let next: number | null = null;
  for (const iteration of [...steps.keys()].sort((a, b) => a - b)) {
    const { first, last } = steps.get(iteration)!;
    const offset: number = next === null ? 0 : next - first;
    spans.set(iteration, { offset, first: first + offset, last: last + offset });
    next = last + offset + 1;
  }
  return spans;
}

function firstStep(curve: Curve): number {
  return curve.before(WHOLE).steps[0] ?? 0;
}

function lastStep(curve: Curve): number {
  const { steps } = curve.before(WHOLE);
  return steps[steps.length - 1] ?? 0;
}

function byIteration(curves: Curve[]): Curve[] {
  return [...curves].sort((a, b) => (a.ref.iteration ?? 1) - (b.ref.iteration ?? 1));
}

function addPoints(line: Line, curve: Curve, cut: number, offset: number): void {
  const { steps, values } = curve.before(cut);
  for (let i = 0; i < steps.length; i++) {
    line.x.push(steps[i]! + offset);
    line.y.push(Number.isFinite(values[i]!) ? values[i]! : null);
  }
}

/** Exponential moving average, debiased as Adam's moments are, so that the first points are not pulled to zero; weight in [0, 1). */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values];
  let mean = 0;
  let mass = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}

/** All lines on one sorted x; undefined where a line has no point (drawn through), null where its value was not finite (a gap). */
export function align(lines: readonly { x: readonly number[]; y: readonly (number | null)[] }[]): {
  x: number[];
  ys: (number | null | undefined)[][];
} {
  const x = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const rowOf = new Map(x.map((value, row) => [value, row]));
  const ys = lines.map((line) => {
    const y = new Array<number | null | undefined>(x.length).fill(undefined);
    line.x.forEach((value, i) => {
      y[rowOf.get(value)!] = line.y[i];
    });
    return y;
  });
  return { x, ys };
}
