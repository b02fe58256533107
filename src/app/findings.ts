// What a log says in plain numbers: traces cut into segments, thinking by line, the sentence above the charts. Pure.
import { ARM_ORDER, armLabel } from './curves.ts';
import type { Arm, ArmResult, ShownLine, ShownTrace } from './runLog.ts';

/** Lines under one latent: from the thought before the first to the line before the next thought. Lines before any thought are no segment. */
export interface Segment {
  thought: string | null;
  /** Stable number of the thought's text, for its colour; -1 without a thought. */
  latent: number;
  from: number;
  lines: ShownLine[];
  /** Sum of the lines' gains, nats. */
  gain: number;
}

export function segmentsOf(trace: ShownTrace, latentNumber: (thought: string) => number): Segment[] {
  const segments: Segment[] = [];
  trace.lines.forEach((line, i) => {
    const last = segments[segments.length - 1];
    if (!last || line.thought !== null) {
      segments.push({
        thought: line.thought,
        latent: line.thought === null ? -1 : latentNumber(line.thought),
        from: i,
        lines: [line],
        gain: line.gain,
      });
    } else {
      last.lines.push(line);
      last.gain += line.gain;
    }
  });
  return segments;
}

/** Numbers thoughts by first appearance over all programs of a log, so that a thought keeps its colour while the slider moves. */
export function numberLatents(programs: readonly { lines: readonly { thought: string | null }[] }[]): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const { lines } of programs)
    for (const { thought } of lines) if (thought !== null && !numbers.has(thought)) numbers.set(thought, numbers.size);
  return numbers;
}

/** Mean P(think) at each line index over a moment's traces. */
export function thinkByLine(traces: readonly ShownTrace[]): number[] {
  const lines = Math.max(0, ...traces.map((t) => t.lines.length));
  return Array.from({ length: lines }, (_, i) => {
    const here = traces.flatMap((t) => (t.lines[i] ? [t.lines[i].pThink] : []));
    return here.reduce((sum, p) => sum + p, 0) / Math.max(1, here.length);
  });
}

export interface MomentFigures {
  thoughtsPerProgram: number;
  /** Mean length of segments in lines; null without a thought. */
  meanDuration: number | null;
  right: number;
  judged: number;
}

export function momentFigures(traces: readonly ShownTrace[]): MomentFigures {
  let thoughts = 0;
  let covered = 0;
  let right = 0;
  let judged = 0;
  for (const trace of traces) {
    for (const segment of segmentsOf(trace, () => 0)) {
      if (segment.thought === null) continue;
      thoughts++;
      covered += segment.lines.length;
      const verdict = segment.lines[0]!.right;
      if (verdict !== null) judged++;
      if (verdict === true) right++;
    }
  }
  return {
    thoughtsPerProgram: thoughts / Math.max(1, traces.length),
    meanDuration: thoughts > 0 ? covered / thoughts : null,
    right,
    judged,
  };
}

/** The arms' pass@1 in one sentence, or null while there is nothing to compare. */
export function headline(results: readonly ArmResult[]): string | null {
  const arms = ARM_ORDER.filter((arm) => passAtOne(results, arm, 'before') !== null);
  if (arms.length < 2) return null;
  const trained = arms.some((arm) => passAtOne(results, arm, 'after') !== null);
  const each = arms.map((arm) => {
    const before = percent(passAtOne(results, arm, 'before')!);
    const after = passAtOne(results, arm, 'after');
    return `${armLabel(arm)} ${after === null ? before : `${before} → ${percent(after)}`}\u00a0%`;
  });
  return `Solved at the first try${trained ? ', before → after RLVR' : ''}: ${each.join(', ')}.`;
}

function passAtOne(results: readonly ArmResult[], arm: Arm, phase: 'before' | 'after'): number | null {
  return results.find((r) => r.arm === arm && r.phase === phase)?.passAt['1']?.mean ?? null;
}

function percent(fraction: number): string {
  return (fraction * 100).toFixed(fraction > 0.99 && fraction < 1 ? 1 : 0);
}
