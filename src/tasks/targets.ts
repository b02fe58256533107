// What each position of a sequence is trained to predict, for the three objectives. Pure; the loss kernels read these arrays as rows.
// Promises: weights are 0 or 1, the last position always 0. Line tokens never carry weight in 'policy-estep'.
// Refuses codebooks whose act and think ids are not neighbours: the two-way softmax is a range of ids.
import { ROLE, type Sequence } from './sequence.ts';
import type { LatentForm } from './task.ts';

/**
 * ntp: next-token prediction of the program: decisions, thoughts and lines, prompt masked.
 * policy-estep: decisions and thoughts alone; lines are the expert's.
 * policy-rlvr: everything that the policy wrote.
 */
export type Objective = 'ntp' | 'policy-estep' | 'policy-rlvr';

/**
 * full: softmax over the vocabulary. restricted: softmax over [lo, hi). binary: Bernoulli on p(target), taken says whether it was drawn.
 */
export const MODES = ['full', 'restricted', 'binary'] as const;
export const MODE = { full: 0, restricted: 1, binary: 2 } as const;

/** Row i stands at position i and predicts token i + 1. */
export interface Targets {
  target: Int32Array;
  /** 0 or 1. */
  weight: Float32Array;
  /** Index into MODES. */
  mode: Uint8Array;
  /** Allowed ids [lo, hi) in restricted mode, else 0. */
  lo: Int32Array;
  hi: Int32Array;
  /** In binary mode: 1 when the target was drawn. Else 1. */
  taken: Uint8Array;
  /** 1 where the row is a decision (act or think); for entropy terms and metrics. */
  decision: Uint8Array;
}

export interface TargetsTask {
  latent: LatentForm;
  /** Ids [symbolLo, symbolHi) that sampled line tokens may take in 'policy-rlvr'; left out: the whole vocabulary. */
  symbolLo?: number;
  symbolHi?: number;
}

export function targetsOf(sequence: Sequence, objective: Objective, task: TargetsTask): Targets {
  const N = sequence.ids.length;
  const out: Targets = {
    target: new Int32Array(N),
    weight: new Float32Array(N),
    mode: new Uint8Array(N),
    lo: new Int32Array(N),
    hi: new Int32Array(N),
    taken: new Uint8Array(N).fill(1),
    decision: new Uint8Array(N),
  };
  const form = task.latent;
  if (form.kind === 'codebook' && Math.abs(form.act - form.think) !== 1) {
    throw new RangeError(`act is ${form.act} and think is ${form.think}; their ids must be neighbours. Renumber the vocabulary.`);
  }
  const restrict = (i: number, lo: number, hi: number): void => {
    out.mode[i] = MODE.restricted;
    out.lo[i] = lo;
    out.hi[i] = hi;
  };
  for (let i = 0; i + 1 < N; i++) {
    const next = i + 1;
    const role = sequence.roles[next]!;
    out.target[i] = sequence.ids[next]!;
    if (role === ROLE.prompt) continue;
    out.decision[i] = role === ROLE.decision || role === ROLE.think ? 1 : 0;
    const policy = sequence.sampled[next] === 1 && (objective === 'policy-rlvr' || role !== ROLE.line);
    out.weight[i] = objective === 'ntp' || policy ? 1 : 0;
    if (objective === 'ntp' || !policy) continue;
    if (form.kind === 'codebook') {
      if (role === ROLE.decision) restrict(i, Math.min(form.act, form.think), Math.max(form.act, form.think) + 1);
      else if (role === ROLE.content) restrict(i, form.contentLo, form.contentHi);
      else if (task.symbolLo !== undefined && task.symbolHi !== undefined) restrict(i, task.symbolLo, task.symbolHi);
    }
  }
  if (form.kind === 'text') {
    // A boundary is the position before a thought or, where there is none, before the line. The E-step's decision stands there.
    sequence.lineStart.forEach((start, t) => {
      let at = start;
      while (at > 0 && sequence.line[at - 1] === t) at -= 1;
      const i = at - 1;
      if (i < 0) return;
      out.decision[i] = 1;
      if (objective !== 'policy-estep') return;
      out.target[i] = form.think;
      out.weight[i] = 1;
      out.mode[i] = MODE.binary;
      out.taken[i] = sequence.thinks[t]!;
    });
  }
  return out;
}
