// Rollouts of the latent policy in plain float64, line by line as the text of RA3 has it: decide, think, write the line. The specification of
// shaders/latent/policy_sampler.wgsl, which does the same one token a step.
// Promises the smallest margin of any choice, below which f32 may decide otherwise. Refuses nothing.
import { philox4x32, unitFloat } from '../../src/tasks/rng.ts';
import { ROLE } from '../../src/tasks/sequence.ts';
import type { LatentForm } from '../../src/tasks/task.ts';
import { type Cell, gumbelMax } from './gumbel.ts';

export interface PolicySettings {
  seed: number;
  stream: number;
  form: LatentForm;
  symbolLo: number;
  symbolHi: number;
  /** Added to the logit of P(think) in text form. */
  bias: number;
  /** What a codebook's policy may not choose. */
  off?: { thoughts: boolean; contents: readonly number[] };
}

export interface PolicyScript {
  prompt: number[];
  lines: { tokens: number[]; sampled: boolean[] }[];
}

/** Entry i of each array belongs to token i; those of token 0 are 0. */
export interface PolicyRollout {
  ids: number[];
  roles: number[];
  /** Whether the cap forced the token. */
  capped: boolean[];
  /** logprob, entropy, decision logprob, decision entropy. */
  record: [number, number, number, number][];
  margin: number;
}

/** log softmax over [lo, hi) without what is off, and its entropy. */
function restricted(
  logits: Float64Array,
  lo: number,
  hi: number,
  off: readonly number[] = [],
): { logp: (id: number) => number; entropy: number } {
  const part = logits.subarray(lo, hi).filter((_, k) => !off.includes(lo + k));
  const top = part.reduce((a, b) => Math.max(a, b));
  const l = top + Math.log(part.reduce((sum, v) => sum + Math.exp(v - top), 0));
  return { logp: (id) => logits[id]! - l, entropy: -part.reduce((sum, v) => sum + Math.exp(v - l) * (v - l), 0) };
}

const DECISION = 1;

/** `logits(i)` are those at position i, for token i + 1. Ends with the script or with T tokens. */
export function policyRollout(
  script: PolicyScript,
  row: number,
  T: number,
  logits: (position: number) => Float64Array,
  s: PolicySettings,
): PolicyRollout {
  const out: PolicyRollout = {
    ids: [script.prompt[0]!],
    roles: [ROLE.prompt],
    capped: [false],
    record: [[0, 0, 0, 0]],
    margin: Number.POSITIVE_INFINITY,
  };
  const V = logits(0).length;
  const cell = (): Cell => ({ seed: s.seed, stream: s.stream, step: out.ids.length - 1, row });
  const now = (): Float64Array => logits(out.ids.length - 1);
  const push = (id: number, role: number, lo: number, hi: number, decision: [number, number] = [0, 0], capped = false): void => {
    if (out.ids.length === T) return;
    const { logp, entropy } = restricted(now(), lo, hi, role === ROLE.content ? off : []);
    out.ids.push(id);
    out.roles.push(role);
    out.capped.push(capped);
    out.record.push([logp(id), entropy, ...decision]);
  };
  const off = s.form.kind === 'codebook' ? (s.off?.contents ?? []) : [];
  const draw = (lo: number, hi: number, without: readonly number[] = []): number => {
    if (out.ids.length === T) return lo;
    const x = now();
    const { id, margin } = gumbelMax(cell(), lo, hi, (v) => (without.includes(v) ? Number.NEGATIVE_INFINITY : x[v]!));
    out.margin = Math.min(out.margin, margin);
    return id;
  };
  const { form } = s;

  for (const id of script.prompt.slice(1)) push(id, ROLE.prompt, 0, V);
  for (const line of script.lines) {
    if (out.ids.length === T) break;
    let decision: [number, number] = [0, 0];
    if (form.kind === 'codebook') {
      const [lo, hi] = s.off?.thoughts ? [form.act, form.act + 1] : [Math.min(form.act, form.think), Math.max(form.act, form.think) + 1];
      const id = draw(lo, hi);
      const { logp, entropy } = restricted(now(), lo, hi);
      push(id, ROLE.decision, lo, hi, [logp(id), entropy]);
      if (id === form.think) push(draw(form.contentLo, form.contentHi, off), ROLE.content, form.contentLo, form.contentHi);
    } else {
      const p = Math.exp(restricted(now(), 0, V).logp(form.think));
      const k = 1 / (1 + Math.exp(-(Math.log(p / (1 - p)) + s.bias)));
      const { seed, stream, step } = cell();
      const u = unitFloat(philox4x32(seed, stream, step, row, 0, DECISION)[0]);
      out.margin = Math.min(out.margin, Math.abs(u - k));
      const entropy = -k * Math.log(k) - (1 - k) * Math.log(1 - k);
      decision = [Math.log(u < k ? k : 1 - k), entropy];
      if (u < k) {
        push(form.think, ROLE.think, 0, V, decision);
        decision = [0, 0];
        for (let n = 0; ; n++) {
          const capped = n === form.maxLatentTokens;
          const id = capped ? form.contentEnd : draw(0, V);
          push(id, id === form.contentEnd ? ROLE.contentEnd : ROLE.content, 0, V, [0, 0], capped);
          if (id === form.contentEnd || out.ids.length === T) break;
        }
      }
    }
    line.tokens.forEach((forced, j) => {
      if (line.sampled[j]) push(draw(s.symbolLo, s.symbolHi), ROLE.line, s.symbolLo, s.symbolHi, j === 0 ? decision : [0, 0]);
      else push(forced, ROLE.line, 0, V, j === 0 ? decision : [0, 0]);
    });
  }
  return out;
}
