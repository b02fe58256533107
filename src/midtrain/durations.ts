// Segments, durations and when the policy thinks: what the E-step's rollouts say about the abstractions they found. Pure.
// A segment starts at a thought and lasts to the next thought or the program's end; lines before the first thought are no segment.
// Promises null, not NaN, where there is nothing to average. Refuses nothing.
import type { LineTruth } from '../tasks/task.ts';

/** Discount of the effective horizon; the E-step's own gamma is usually 1, at which every horizon is infinite. */
export const HORIZON_GAMMA = 0.98;

/** Whether a thought stands before each line of one program. */
export type Thinks = ArrayLike<number>;

export interface Segment {
  /** Line of the thought, and lines up to the next thought or the end. */
  start: number;
  duration: number;
  /** True when the program's end cut it. */
  cut: boolean;
}

export function segmentsOf(thinks: Thinks): Segment[] {
  const out: Segment[] = [];
  for (let t = 0; t < thinks.length; t++) {
    const last = out.at(-1);
    if (thinks[t]) {
      if (last) last.cut = false;
      out.push({ start: t, duration: 1, cut: true });
    } else if (last) last.duration += 1;
  }
  return out;
}

const mean = (values: number[]): number | null => (values.length ? values.reduce((a, b) => a + b, 0) / values.length : null);

export function meanDuration(programs: readonly Thinks[]): number | null {
  return mean(programs.flatMap((p) => segmentsOf(p).map((s) => s.duration)));
}

/** Of the boundaries where a thought is held, the fraction at which it is kept; the maximum-likelihood alpha of the sticky prior. */
export function persistence(programs: readonly Thinks[]): number | null {
  let held = 0;
  let kept = 0;
  for (const thinks of programs) {
    for (const { duration, cut } of segmentsOf(thinks)) {
      kept += duration - 1;
      held += duration - (cut ? 1 : 0);
    }
  }
  return held ? kept / held : null;
}

/** Number of segments of each duration 1..most. */
export function durationHistogram(programs: readonly Thinks[], most: number): number[] {
  const out = new Array<number>(most).fill(0);
  for (const p of programs) for (const { duration } of segmentsOf(p)) if (duration <= most) out[duration - 1]! += 1;
  return out;
}

/** P(duration = d) = (1 - alpha) alpha^(d-1) under the sticky prior. */
export function geometricPrior(alpha: number, d: number): number {
  return (1 - alpha) * alpha ** (d - 1);
}

/** Fractions of the segments that last 1..most lines; null without segments. */
export function durationShares(programs: readonly Thinks[], most: number): number[] | null {
  const all = programs.reduce((n, p) => n + segmentsOf(p).length, 0);
  return all ? durationHistogram(programs, most).map((count) => count / all) : null;
}

/**
 * What durationShares would be on average if the same segments, begun where they begin, had durations ~ Geometric(1 - alpha) cut by the programs' ends.
 */
export function geometricShares(programs: readonly Thinks[], alpha: number, most: number): number[] | null {
  const out = new Array<number>(most).fill(0);
  let all = 0;
  for (const p of programs) {
    for (const { start } of segmentsOf(p)) {
      const left = p.length - start;
      all += 1;
      for (let d = 1; d <= Math.min(left, most); d++) out[d - 1]! += d < left ? geometricPrior(alpha, d) : alpha ** (left - 1);
    }
  }
  return all ? out.map((v) => v / all) : null;
}

/** Decisions per program: each thought is one, and each line before the first, a primitive action on its own. */
export function decisionsPerProgram(programs: readonly Thinks[]): number | null {
  return mean(programs.map((p) => p.length - segmentsOf(p).reduce((n, { duration }) => n + duration - 1, 0)));
}

/**
 * gbar = mean of gamma^tau over segments, its largest mean over the lines at which segments start (a stand-in for the sup over states),
 * and the effective horizon 1 / (1 - gbar). gamma below 1.
 */
export function effectiveHorizon(programs: readonly Thinks[], gamma: number): { gbar: number; gbarSup: number; horizon: number } | null {
  const byStart = new Map<number, number[]>();
  const all: number[] = [];
  for (const p of programs) {
    for (const { start, duration } of segmentsOf(p)) {
      const value = gamma ** duration;
      all.push(value);
      byStart.set(start, [...(byStart.get(start) ?? []), value]);
    }
  }
  const gbar = mean(all);
  if (gbar === null) return null;
  return { gbar, gbarSup: Math.max(...[...byStart.values()].map((v) => mean(v)!)), horizon: 1 / (1 - gbar) };
}

export interface ThinkRates {
  rate: number;
  byLine: number[];
  /** P(think | kind of line). */
  byKind: Record<string, number>;
  perProgram: number;
  /** Of the thoughts, the fraction on lines where the oracle thinks; of those lines, the fraction with a thought. */
  precision: number | null;
  recall: number | null;
  /** Of the thoughts whose right content is known, the fraction that is right. */
  contentRight: number | null;
  /** Of the useful lines, the fraction at which the thought then held, old or new, is right. */
  heldRight: number | null;
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((v, i) => v === b[i]);

/** Latents of each rollout with the truth of its program (empty when unknown). */
export function thinkRates(rollouts: readonly { latents: (number[] | null)[]; truth: LineTruth[] }[]): ThinkRates {
  const lines = Math.max(0, ...rollouts.map((r) => r.latents.length));
  const byLine = Array.from({ length: lines }, () => [0, 0] as [number, number]);
  const byKind = new Map<string, [number, number]>();
  const count = { lines: 0, thoughts: 0, useful: 0, oracle: 0, both: 0, known: 0, right: 0, held: 0, thoughtsWithTruth: 0 };
  for (const { latents, truth } of rollouts) {
    let current: number[] | null = null;
    latents.forEach((latent, t) => {
      const thought = latent ? 1 : 0;
      current = latent ?? current;
      count.lines += 1;
      count.thoughts += thought;
      byLine[t]![0] += thought;
      byLine[t]![1] += 1;
      const line = truth[t];
      if (!line) return;
      const kind = byKind.get(line.kind) ?? [0, 0];
      byKind.set(line.kind, [kind[0] + thought, kind[1] + 1]);
      count.thoughtsWithTruth += thought;
      if (line.oracle) {
        count.oracle += 1;
        count.both += thought;
      }
      if (line.useful) {
        count.useful += 1;
        if (current && line.latent && same(current, line.latent)) count.held += 1;
      }
      if (latent && line.latent) {
        count.known += 1;
        if (same(latent, line.latent)) count.right += 1;
      }
    });
  }
  const ratio = (a: number, b: number): number | null => (b ? a / b : null);
  return {
    rate: ratio(count.thoughts, count.lines) ?? 0,
    byLine: byLine.map(([a, b]) => a / b),
    byKind: Object.fromEntries([...byKind].map(([kind, [a, b]]) => [kind, a / b])),
    perProgram: ratio(count.thoughts, rollouts.length) ?? 0,
    precision: ratio(count.both, count.thoughtsWithTruth),
    recall: ratio(count.both, count.oracle),
    contentRight: ratio(count.right, count.known),
    heldRight: ratio(count.held, count.useful),
  };
}
