// Evaluation of one model on fixed programs: samples judged by the task's verifier (pass@k with bootstrap intervals), when and how well it
// thinks, and the negative log-likelihood of held-out expert lines under its own thoughts.
// Promises: the same seed judges every arm on the same programs. Refuses nothing.
import { type BatchPlan, BatchRows, makeScorePlan } from '../model/batch.ts';
import { type LatentPolicy, LatentRollout, type SwitchedOff } from '../model/latentRollout.ts';
import type { Transformer } from '../model/transformer.ts';
import type { ArmResult } from '../run/events.ts';
import { lineChoices } from '../midtrain/actionSet.ts';
import { boundaryRow } from '../midtrain/elbo.ts';
import { describeThoughts } from '../midtrain/metrics.ts';
import { type LatentTrace, readTrace, scriptOf } from '../midtrain/rollouts.ts';
import { buildSequence, ROLE, type Sequence } from '../tasks/sequence.ts';
import { makeRng } from '../tasks/rng.ts';
import type { Program, Verdict } from '../tasks/task.ts';
import { type Problem, passAt } from './passAtK.ts';

export interface EvaluatorShape {
  /** Rows decoded side by side. */
  rows: number;
  T: number;
  S: number;
  W: number;
}

/** What rollouts to be judged come from: at most `rows` of them at a time. */
export interface Sampler<T extends LatentTrace> {
  rows: number;
  sample(programs: readonly Program[], seed: number, stream: number): Promise<T[]>;
}

export interface Judged<T extends LatentTrace> {
  trace: T;
  verdict: Verdict;
}

export interface Evaluation extends Omit<ArmResult, 'arm' | 'phase'> {
  tokens: number;
}

export class Evaluator {
  private readonly shape: EvaluatorShape;
  private readonly latent: LatentPolicy;
  private readonly rollout: LatentRollout;
  private readonly score: BatchPlan;

  private constructor(shape: EvaluatorShape, latent: LatentPolicy, rollout: LatentRollout, score: BatchPlan) {
    this.shape = shape;
    this.latent = latent;
    this.rollout = rollout;
    this.score = score;
  }

  static async make(model: Transformer, shape: EvaluatorShape, latent: LatentPolicy): Promise<Evaluator> {
    const rollout = await LatentRollout.make(model, shape.rows, shape.T, shape.S, shape.W, latent);
    try {
      const score = await makeScorePlan(model, { B: shape.rows, T: shape.T, W: shape.W, pinned: shape.W > 0 });
      return new Evaluator(shape, latent, rollout, score);
    } catch (e) {
      rollout.destroy();
      throw e;
    }
  }

  /** Rollouts of the latent policy along each program's script, without what is switched off. */
  scripted(off: SwitchedOff = []): Sampler<LatentTrace & { truncated: false }> {
    const sample = async (programs: readonly Program[], seed: number, stream: number) =>
      (await this.sample(programs, false, seed, stream, 0, off)).map((trace) => ({ ...trace, truncated: false as const }));
    return { rows: this.shape.rows, sample };
  }

  /** `samples` rollouts of each program, judged. `onChunk` reports rows done of all. */
  async judge<T extends LatentTrace>(
    programs: readonly Program[],
    samples: number,
    { rows, sample }: Sampler<T>,
    verify: (rollouts: readonly T[]) => readonly Verdict[] | Promise<readonly Verdict[]>,
    seed: number,
    onChunk: (done: number, total: number) => Promise<void>,
  ): Promise<Evaluation & { rollouts: Judged<T>[] }> {
    const all = programs.flatMap((p) => new Array<Program>(samples).fill(p));
    const rollouts: Judged<T>[] = [];
    for (let from = 0; from < all.length; from += rows) {
      const traces = await sample(all.slice(from, from + rows), seed, from);
      const verdicts = await verify(traces);
      traces.forEach((trace, i) => rollouts.push({ trace, verdict: verdicts[i] as Verdict }));
      await onChunk(Math.min(all.length, from + rows), all.length);
    }
    const problems = programs.map(
      (_, p): Problem => ({
        n: samples,
        c: rollouts.slice(p * samples, (p + 1) * samples).filter(({ verdict }) => verdict.reward === 1).length,
      }),
    );
    const ks = [...new Set([1, 8, 16, 64, ...(samples < 8 ? [samples] : [])])].filter((k) => k <= samples);
    const traces = rollouts.map(({ trace }) => trace);
    const described = describeThoughts(traces);
    const lines = lineChoices(
      programs,
      traces.map((t) => t.written),
      samples,
    );
    return {
      ...described,
      abstractions: { ...described.abstractions, lines },
      passAt: passAt(problems, ks, makeRng(seed, 77)),
      heldOutNll: null,
      tokens: countTokens(traces),
      rollouts,
    };
  }

  /** Expert lines forced under the model's own thoughts: how it thinks, and the lines' mean negative log-likelihood per scored token. */
  async likelihood(programs: readonly Program[], seed: number): Promise<Evaluation> {
    const traces: LatentTrace[] = [];
    let nll = 0;
    let count = 0;
    for (let from = 0; from < programs.length; from += this.shape.rows) {
      const chunk = await this.sample(programs.slice(from, from + this.shape.rows), true, seed, from);
      traces.push(...chunk);
      const scored = await this.scoreLines(chunk.map((t) => t.sequence));
      chunk.forEach((t, b) => {
        for (let i = 1; i < t.sequence.ids.length; i++) {
          if (!t.sequence.scored[i]) continue;
          nll -= (scored[b] as Float32Array)[i - 1] as number;
          count += 1;
        }
      });
    }
    return { ...describeThoughts(traces), passAt: {}, heldOutNll: count ? nll / count : null, tokens: 2 * countTokens(traces) };
  }

  /**
   * Expert lines forced under the model's own text thoughts but those that are off, at most `rows` programs. A thought that comes out as one that is off is
   * taken back, and the policy goes on as if it had decided to act there: act has its own probability and that of all that is off, everything else is as it
   * was, noise included. So a rollout without such a thought keeps every token.
   */
  async forcedWithout(
    programs: readonly Program[],
    seed: number,
    stream: number,
    off: 'thoughts' | ((program: Program, latent: readonly number[]) => boolean),
  ): Promise<{ trace: LatentTrace; nll: number; tokens: number }[]> {
    const acts = programs.map((p) => new Set(off === 'thoughts' ? p.lines.keys() : []));
    let traces: LatentTrace[];
    let again: boolean;
    do {
      const record = await this.rollout.run(
        programs.map((p, b) => scriptOf(p, true, acts[b])),
        seed,
        stream,
      );
      traces = programs.map((p, b) => readTrace(record, b, this.shape.T, p, this.latent.form));
      again = false;
      // what stands before the first of them is drawn alike again, so each round takes one back in every row that has any
      for (const [b, { program, latents }] of traces.entries()) {
        const first = off === 'thoughts' ? -1 : latents.findIndex((latent) => latent !== null && off(program, latent));
        if (first < 0) continue;
        acts[b]!.add(first);
        again = true;
      }
    } while (again);
    const scored = await this.scoreLines(traces.map((t) => t.sequence));
    return traces.map((trace, b) => {
      const lines = perLine(trace.sequence, scored[b] as Float32Array);
      return { trace, nll: -lines.reduce((sum, lp) => sum + lp, 0), tokens: countScored(trace.sequence) };
    });
  }

  /** One forced rollout of each of a few programs (at most `rows`), with each line's log-probability with and without all thoughts. */
  async explain(
    programs: readonly Program[],
    seed: number,
    stream: number,
    bias = 0,
  ): Promise<{ trace: LatentTrace; line: Float64Array; plain: Float64Array }[]> {
    const traces = await this.sample(programs, true, seed, stream, bias);
    const withThoughts = await this.scoreLines(traces.map((t) => t.sequence));
    const plain = traces.map((t) =>
      buildSequence(
        t.program,
        t.latents.map(() => null),
        this.latent.form,
      ),
    );
    const without = await this.scoreLines(plain);
    return traces.map((trace, b) => ({
      trace,
      line: perLine(trace.sequence, withThoughts[b] as Float32Array),
      plain: perLine(plain[b] as Sequence, without[b] as Float32Array),
    }));
  }

  private async sample(
    programs: readonly Program[],
    forced: boolean,
    seed: number,
    stream: number,
    bias = 0,
    off: SwitchedOff = [],
  ): Promise<LatentTrace[]> {
    const record = await this.rollout.run(
      programs.map((p) => scriptOf(p, forced)),
      seed,
      stream,
      bias,
      off,
    );
    return programs.map((p, row) => readTrace(record, row, this.shape.T, p, this.latent.form));
  }

  /** Logit of p(think token) at every line boundary of the programs without thoughts (text form); exact also where p is tiny. */
  async thinkLogits(programs: readonly Program[]): Promise<number[]> {
    const { form } = this.latent;
    const { rows, T } = this.shape;
    const batch = new BatchRows(rows, T);
    const boundaries = programs.slice(0, rows).flatMap((p, b) => {
      const sequence = buildSequence(
        p,
        p.lines.map(() => null),
        form,
      );
      batch.setSequence(b, sequence.ids);
      return p.lines.map((_, t) => {
        const i = boundaryRow(sequence, t);
        batch.setRow(b, i, form.think, 1);
        return b * T + i;
      });
    });
    this.score.write(batch);
    this.score.plan.run();
    const { logprob } = await this.score.readRows();
    return boundaries.map((r) => {
      const lp = Math.min(-1e-7, logprob[r] as number);
      return lp - Math.log(-Math.expm1(lp));
    });
  }

  /** log p of each token (entry i belongs to token i + 1). */
  private async scoreLines(sequences: readonly Sequence[]): Promise<Float32Array[]> {
    const { rows, T } = this.shape;
    const batch = new BatchRows(rows, T);
    sequences.forEach((s, b) => {
      batch.setSequence(b, s.ids, s.pinLo, s.pinHi);
      for (let i = 0; i + 1 < s.ids.length; i++) if (s.roles[i + 1] === ROLE.line) batch.setRow(b, i, s.ids[i + 1] as number, 1);
    });
    this.score.write(batch);
    this.score.plan.run();
    const { logprob } = await this.score.readRows();
    return sequences.map((_, b) => logprob.slice(b * T, (b + 1) * T));
  }

  destroy(): void {
    this.rollout.destroy();
    this.score.destroy();
  }
}

function perLine(sequence: Sequence, logprob: Float32Array): Float64Array {
  const out = new Float64Array(sequence.thinks.length);
  for (let i = 1; i < sequence.ids.length; i++) {
    const t = sequence.line[i] as number;
    if (sequence.scored[i]) out[t] = (out[t] as number) + (logprob[i - 1] as number);
  }
  return out;
}

function countScored({ scored }: Sequence): number {
  let n = 0;
  for (let i = 1; i < scored.length; i++) if (scored[i]) n++;
  return n;
}

const countTokens = (traces: readonly LatentTrace[]): number => traces.reduce((n, t) => n + t.sequence.ids.length, 0);
