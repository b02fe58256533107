// Rollouts of the latent policy read back as thoughts, lines and sequences with their sampler's numbers.
// Promises: sequence tokens are exactly the rollout's. Refuses a rollout that does not read as its program (an engine fault, not an input's).
import type { RolloutRecord, Script } from '../model/latentRollout.ts';
import { type Sequence, buildSequence, parseRollout, withWritten } from '../tasks/sequence.ts';
import type { LatentForm, Program } from '../tasks/task.ts';

/** One row of a rollout. Arrays of the sampler are per token of the sequence (entry i belongs to token i). */
export interface LatentTrace {
  program: Program;
  latents: (number[] | null)[];
  written: number[][];
  sequence: Sequence;
  logprob: Float32Array;
  entropy: Float32Array;
  /** Per line: log-probability and entropy of the decision taken at its boundary; empty for text that was written freely, whose decisions are tokens. */
  decisionLogprob: Float32Array;
  decisionEntropy: Float32Array;
  /** Per line: 1 where the thought's end was forced by its cap. */
  capHit: Uint8Array;
}

const CAPPED = 16;

/**
 * forced: every line is the expert's (the E-step); otherwise lines are written where the task says so (RLVR). acts: lines before which the policy is not
 * asked whether to think.
 */
export function scriptOf(program: Program, forced: boolean, acts?: ReadonlySet<number>): Script {
  return {
    prompt: program.prompt,
    lines: program.lines.map((l, t) => ({
      tokens: l.tokens,
      sampled: forced ? l.tokens.map(() => false) : l.sampled,
      ...(acts?.has(t) ? { acts: true } : {}),
    })),
  };
}

export function readTrace(record: RolloutRecord, row: number, T: number, program: Program, form: LatentForm): LatentTrace {
  const length = record.lengths[row] as number;
  const from = row * T;
  const ids = record.ids.subarray(from, from + length);
  const prompt = program.prompt.length;
  const { latents, written, complete } = parseRollout(ids.subarray(prompt), program, form);
  if (!complete)
    throw new Error(`Rollout ${row} ended after ${length} tokens, before its program did; the cache of ${T} tokens is too short.`);
  const sequence = buildSequence(withWritten(program, written), latents, form);
  if (sequence.ids.length !== length || sequence.ids.some((id, i) => id !== ids[i]))
    throw new Error(`Rollout ${row} does not read as thoughts and lines.`);
  const lines = program.lines.length;
  const trace: LatentTrace = {
    program,
    latents,
    written,
    sequence,
    logprob: new Float32Array(length),
    entropy: new Float32Array(length),
    decisionLogprob: new Float32Array(lines),
    decisionEntropy: new Float32Array(lines),
    capHit: new Uint8Array(lines),
  };
  let line = -1;
  for (let i = 0; i < length; i++) {
    const at = (from + i) * 4;
    trace.logprob[i] = record.record[at] as number;
    trace.entropy[i] = record.record[at + 1] as number;
    const own = sequence.line[i] as number;
    if (own > line) {
      line = own;
      trace.decisionLogprob[own] = record.record[at + 2] as number;
      trace.decisionEntropy[own] = record.record[at + 3] as number;
    }
    if (own >= 0 && ((record.role[from + i] as number) & CAPPED) !== 0) {
      trace.capHit[own] = 1;
      sequence.sampled[i] = 0;
    }
  }
  return trace;
}

/** q(think) at line t's boundary. */
export function thinkProbability(trace: LatentTrace, t: number): number {
  const p = Math.exp(trace.decisionLogprob[t] as number);
  return trace.latents[t] ? p : 1 - p;
}
