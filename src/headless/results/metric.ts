// Numbers of a run by name, as the bars of a study and its report ask for them: one value per run. Pure. Promises null, not NaN, where a run does
// not have the number. Refuses names that no run could have.
//
//   ARM.before|after[.RANGE].FIELD    of an arm's evaluation: pass@K, thinkByLine.N (from 1), thinkByKind.KIND, or one
//                                     of NUMBER_FIELDS
//   ARM.rlvr.kept@K                   pass@K after RLVR over pass@K before it
//   ARM.rlvr.reach.OTHER              steps until ARM has OTHER's final score, over all of RLVR's steps; infinite when it never has
//   em.N.NAME                         metric NAME of the E-step of EM iteration N, mean of its last steps; em.last.NAME for the last iteration
//   gate.NAME                         gate/NAME of the fresh base; gate.gap is nll_without - nll_with_truth
import type { ArmResult, Phase, Stage } from '../../run/events.ts';
import { type Arm, ARM_LABEL, ARMS, type Range, RANGES, type Recipe } from '../../run/recipe.ts';
import { mean } from './numbers.ts';
import type { MetricsEvent, SeedLog } from './seedLog.ts';

/** Numbers of an evaluated arm: what they are called in print, where they are, whether they say what thoughts are like. */
const NUMBER_FIELDS = {
  thinkRate: { label: 'think rate', of: (r) => r.thinkRate },
  thoughtsPerProgram: { label: 'thoughts per program', of: (r) => r.thoughtsPerProgram },
  contentRight: { label: 'content right', of: (r) => r.contentRight, ofThoughts: true },
  meanDuration: { label: 'duration in lines', of: (r) => r.meanDuration, ofThoughts: true },
  heldOutNll: { label: 'held-out NLL', of: (r) => r.heldOutNll },
  nmi: { label: 'NMI', of: (r) => r.agreement?.nmi, ofThoughts: true },
  ari: { label: 'ARI', of: (r) => r.agreement?.ari, ofThoughts: true },
  boundaryF1: { label: 'boundary F1', of: (r) => r.agreement?.boundaryF1, ofThoughts: true },
  precision: { label: 'precision of thinking', of: (r) => r.abstractions?.precision, ofThoughts: true },
  recall: { label: 'recall of thinking', of: (r) => r.abstractions?.recall, ofThoughts: true },
  persistence: { label: 'persistence', of: (r) => r.abstractions?.persistence, ofThoughts: true },
  horizon: { label: 'effective horizon', of: (r) => r.abstractions?.horizon?.effective, ofThoughts: true },
  decisionsPerProgram: { label: 'decisions per program', of: (r) => r.abstractions?.decisionsPerProgram },
  actions: { label: 'actions in use, exp(H)', of: (r) => r.abstractions?.actions?.perplexity },
  tokensPerExpertToken: { label: 'tokens per expert token', of: (r) => r.abstractions?.tokensPerExpertToken },
} as const satisfies Record<string, { label: string; of: (r: ArmResult) => number | null | undefined; ofThoughts?: true }>;
export type NumberField = keyof typeof NUMBER_FIELDS;

export type Metric =
  | { from: 'result'; arm: Arm; phase: Phase; range: Range; field: Field }
  | { from: 'kept'; arm: Arm; k: number }
  | { from: 'reach'; arm: Arm; other: Arm }
  | { from: 'em'; iteration: number | 'last'; name: string }
  | { from: 'gate'; name: string };
export type Field =
  | { of: 'pass'; k: number }
  | { of: 'number'; name: NumberField }
  | { of: 'line'; line: number }
  | { of: 'kind'; kind: string };

/** Steps at either end of a stage that "first" and "last" average over. */
export const EDGE = 5;
/** Steps that a curve of RLVR is averaged over. */
export const SMOOTHING = 5;
/** Below this many thoughts per program, what the few thoughts are like is left out. */
export const RARE_THOUGHTS = 0.01;

export function parseMetric(text: string): Metric {
  const [head = '', ...rest] = text.split('.');
  const found = head === 'em' ? emMetric(rest) : head === 'gate' ? gateMetric(rest) : armMetric(head, rest);
  if (!found)
    throw new Error(
      `"${text}" names no number of a run. Examples: ra3.before.pass@1, ra3.after.hard.thinkRate, em.2.think/rate, gate.gap.`,
    );
  return found;
}

function emMetric([at = '', ...name]: string[]): Metric | null {
  if (!/^([1-9]\d*|last)$/.test(at) || name.length === 0) return null;
  return { from: 'em', iteration: at === 'last' ? at : Number(at), name: name.join('.') };
}

function gateMetric(rest: string[]): Metric | null {
  return rest.length === 1 && rest[0] ? { from: 'gate', name: rest[0] } : null;
}

function armMetric(head: string, [part = '', ...rest]: string[]): Metric | null {
  const arm = ARMS.find((a) => a === head);
  if (!arm) return null;
  if (part === 'rlvr') {
    const k = /^kept@([1-9]\d*)$/.exec(rest[0] ?? '')?.[1];
    if (k && rest.length === 1) return { from: 'kept', arm, k: Number(k) };
    const other = ARMS.find((a) => a === rest[1]);
    return rest[0] === 'reach' && other && rest.length === 2 ? { from: 'reach', arm, other } : null;
  }
  if (part !== 'before' && part !== 'after') return null;
  const range = RANGES.find((r) => r === rest[0]);
  const field = fieldOf(range ? rest.slice(1) : rest);
  return field && { from: 'result', arm, phase: part, range: range ?? 'in', field };
}

function fieldOf([name = '', ...more]: string[]): Field | null {
  const k = /^pass@([1-9]\d*)$/.exec(name)?.[1];
  if (more.length === 0 && k) return { of: 'pass', k: Number(k) };
  if (more.length === 0 && Object.hasOwn(NUMBER_FIELDS, name)) return { of: 'number', name: name as NumberField };
  if (name === 'thinkByLine' && more.length === 1 && /^[1-9]\d*$/.test(more[0]!)) return { of: 'line', line: Number(more[0]) };
  if (name === 'thinkByKind' && more.length > 0 && more[0]) return { of: 'kind', kind: more.join('.') };
  return null;
}

/** Why a run of this recipe will not have the number, or null. */
export function missingFrom(recipe: Recipe, metric: Metric): string | null {
  const arms = metric.from === 'reach' ? [metric.arm, metric.other] : 'arm' in metric ? [metric.arm] : [];
  const absent = arms.find((arm) => !recipe.arms.includes(arm));
  if (absent) return `the recipe does not run the arm ${absent}; it runs ${recipe.arms.join(', ')}`;
  if (metric.from === 'result') {
    if (!recipe.evaluate.ranges.includes(metric.range)) return `the recipe does not evaluate the range ${metric.range}`;
    if (metric.phase === 'after' && recipe.rlvr.steps === 0) return 'the recipe has no RLVR';
    const { field } = metric;
    if (field.of === 'pass' && !(field.k <= recipe.evaluate.samples))
      return `pass@${field.k} needs ${field.k} samples; the recipe has ${recipe.evaluate.samples}`;
  }
  if ((metric.from === 'kept' || metric.from === 'reach') && recipe.rlvr.steps === 0) return 'the recipe has no RLVR';
  if (metric.from === 'em') {
    if (!recipe.arms.includes('ra3')) return 'the recipe does not run the arm ra3';
    if (typeof metric.iteration === 'number' && metric.iteration > recipe.ra3.emIterations)
      return `the recipe has ${recipe.ra3.emIterations} EM iterations`;
  }
  return null;
}

export function metricLabel(metric: Metric): string {
  switch (metric.from) {
    case 'result': {
      const range = metric.range === 'in' ? '' : `, range ${metric.range}`;
      return `${fieldLabel(metric.field)} of ${ARM_LABEL[metric.arm]} ${metric.phase} RLVR${range}`;
    }
    case 'kept':
      return `pass@${metric.k} kept in RLVR from ${ARM_LABEL[metric.arm]} (after / before)`;
    case 'reach':
      return `share of RLVR’s steps until ${ARM_LABEL[metric.arm]} has ${ARM_LABEL[metric.other]}’s final score`;
    case 'em':
      return `${metric.name}, end of ${metric.iteration === 'last' ? 'the last E-step' : `E-step ${metric.iteration}`}`;
    case 'gate':
      return metric.name === 'gap' ? 'what a thought is worth to the base, nats per useful line' : `base’s ${metric.name}`;
  }
}

function fieldLabel(field: Field): string {
  switch (field.of) {
    case 'pass':
      return `pass@${field.k}`;
    case 'number':
      return NUMBER_FIELDS[field.name].label;
    case 'line':
      return `think rate at line ${field.line}`;
    case 'kind':
      return `think rate at ${field.kind} lines`;
  }
}

export function readMetric(log: SeedLog, metric: Metric): number | null {
  switch (metric.from) {
    case 'result':
      return readField(resultOf(log, metric.arm, metric.phase, metric.range), metric.field);
    case 'kept':
      return keptOf(log, metric.arm, metric.k);
    case 'reach':
      return reachOf(log, metric.arm, metric.other)?.share ?? null;
    case 'em': {
      const iteration = metric.iteration === 'last' ? log.start.recipe.ra3.emIterations : metric.iteration;
      return lastOf(metricCurve(log, 'e-step', 'ra3', metric.name, iteration));
    }
    case 'gate':
      return metric.name === 'gap' ? gateGap(log) : gateOf(log, metric.name);
  }
}

/** The number of a result, null where it was not measured; of rare thoughts, not what they are like. */
export function readField(result: ArmResult | null, field: Field): number | null {
  if (!result) return null;
  if (field.of === 'pass') return result.passAt[String(field.k)]?.mean ?? null;
  if (field.of === 'line') return result.thinkByLine[field.line - 1] ?? null;
  if (field.of === 'kind') return result.abstractions?.thinkByKind[field.kind] ?? null;
  const read: { of: (r: ArmResult) => number | null | undefined; ofThoughts?: true } = NUMBER_FIELDS[field.name];
  return read.ofThoughts && result.thoughtsPerProgram < RARE_THOUGHTS ? null : (read.of(result) ?? null);
}

export function resultOf(log: SeedLog, arm: Arm, phase: Phase, range: Range = 'in'): ArmResult | null {
  return log.summary.results.find((r) => r.arm === arm && r.phase === phase && (r.range ?? 'in') === range) ?? null;
}

/** The range whose score says how RLVR went: the one that it practises on where it is evaluated, else the first evaluated one. */
export function practisedRange({ rlvr, evaluate }: Recipe): Range {
  return evaluate.ranges.includes(rlvr.range) ? rlvr.range : evaluate.ranges[0]!;
}

export function keptOf(log: SeedLog, arm: Arm, k: number): number | null {
  const range = practisedRange(log.start.recipe);
  const at = (phase: Phase): number | null => readField(resultOf(log, arm, phase, range), { of: 'pass', k });
  const [before, after] = [at('before'), at('after')];
  return before && after !== null ? after / before : null;
}

export interface Reach {
  /** The other arm's score after RLVR. */
  score: number;
  /** 0 = before the first step; infinite = not within the run. */
  steps: number;
  /** Of all RLVR steps. */
  share: number;
}

/**
 * The first RLVR step at which the arm's reward, mean of the last SMOOTHING steps, is at least the other arm's pass@1 after its RLVR, on the range
 * that RLVR practises on; 0 when the arm's pass@1 was there before. Where that range is not evaluated, the other's mean reward of its last
 * SMOOTHING steps stands for its score and nothing counts as before. A score of 0 is nothing to reach: null.
 */
export function reachOf(log: SeedLog, arm: Arm, other: Arm): Reach | null {
  const { recipe } = log.start;
  const { range, steps: all } = recipe.rlvr;
  const pass1: Field = { of: 'pass', k: 1 };
  const score = readField(resultOf(log, other, 'after', range), pass1) ?? lastOf(metricCurve(log, 'rlvr', other, 'reward/mean'));
  const curve = metricCurve(log, 'rlvr', arm, 'reward/mean');
  if (!score || curve.length === 0) return null;
  const before = readField(resultOf(log, arm, 'before', range), pass1);
  const first = trailingMean(curve, SMOOTHING).find((p) => p.y >= score);
  const steps = before !== null && before >= score ? 0 : (first?.x ?? Number.POSITIVE_INFINITY);
  return { score, steps, share: steps / all };
}

export function gateOf(log: SeedLog, name: string): number | null {
  const event = log.events.find((e) => e.type === 'metrics' && e.stage === 'evaluate' && e.arm === 'base' && e.step === 0);
  return event?.type === 'metrics' ? (event.values[`gate/${name}`] ?? null) : null;
}

/** What the true thought is worth to the base on a line where one is useful, nats: its deficiency. */
export function gateGap(log: SeedLog): number | null {
  const [without, truth] = [gateOf(log, 'nll_without'), gateOf(log, 'nll_with_truth')];
  return without !== null && truth !== null ? without - truth : null;
}

export interface Point {
  x: number;
  y: number;
}

/** A metric of a stage by step; values that were not finite are left out. */
export function metricCurve(log: SeedLog, stage: Stage, arm: Arm, name: string, iteration?: number): Point[] {
  return log.events
    .filter((e): e is MetricsEvent => e.type === 'metrics' && e.stage === stage && e.arm === arm && e.iteration === iteration)
    .flatMap((e) => {
      const y = e.values[name];
      return typeof y === 'number' ? [{ x: e.step, y }] : [];
    });
}

export const firstOf = (curve: readonly Point[]): number | null => (curve.length ? mean(curve.slice(0, EDGE).map((p) => p.y)) : null);
export const lastOf = (curve: readonly Point[]): number | null => (curve.length ? mean(curve.slice(-EDGE).map((p) => p.y)) : null);

/** Each point becomes the mean of itself and up to window - 1 before it. Points that have fewer before them are left out, unless all have. */
export function trailingMean(points: readonly Point[], window: number): Point[] {
  const size = Math.min(window, points.length);
  return points.slice(size - 1).map(({ x }, i) => ({ x, y: mean(points.slice(i, i + size).map((p) => p.y)) }));
}
