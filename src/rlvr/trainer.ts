// RLVR with the Dr. GRPO objective: rollouts of the latent policy, verdicts of the task, one on-policy update. Decisions, thoughts and sampled
// line tokens carry the rollout's advantage; what the environment wrote carries none.
// Promises: groups without spread change nothing; the sampler's log-probabilities are compared with the trainer's every step.
import { type BatchPlan, BatchRows, makeTrainPlan } from '../model/batch.ts';
import { type LatentPolicy, LatentRollout } from '../model/latentRollout.ts';
import { ADAMW_DEFAULTS, type Optimizer } from '../model/optimizer.ts';
import type { Transformer } from '../model/transformer.ts';
import { type LatentTrace, readTrace, scriptOf } from '../midtrain/rollouts.ts';
import { setTargets } from '../midtrain/supervised.ts';
import { targetsOf } from '../tasks/targets.ts';
import type { Program, Verdict } from '../tasks/task.ts';
import { drgrpoAdvantages, groupFractions, tokenWeights } from './advantages.ts';

export interface RlvrShape {
  prompts: number;
  group: number;
  T: number;
  S: number;
  W: number;
}

export interface JudgedRollout {
  trace: LatentTrace;
  verdict: Verdict;
  advantage: number;
}

export interface RlvrResult {
  metrics: Record<string, number | null>;
  rollouts: JudgedRollout[];
  tokens: number;
}

/** Above the first the run warns, above the second it stops (promise P6): the sampler and the trainer disagree. */
export const LOGP_DIFF_WARN = 1e-3;
export const LOGP_DIFF_STOP = 1e-2;

export class RlvrTrainer {
  private readonly shape: RlvrShape;
  private readonly latent: LatentPolicy;
  private readonly optimizer: Optimizer;
  private readonly rollout: LatentRollout;
  private readonly train: BatchPlan;
  private readonly rows: BatchRows;

  private constructor(shape: RlvrShape, latent: LatentPolicy, optimizer: Optimizer, rollout: LatentRollout, train: BatchPlan) {
    this.shape = shape;
    this.latent = latent;
    this.optimizer = optimizer;
    this.rollout = rollout;
    this.train = train;
    this.rows = new BatchRows(shape.prompts * shape.group, shape.T);
  }

  static async make(model: Transformer, optimizer: Optimizer, shape: RlvrShape, latent: LatentPolicy): Promise<RlvrTrainer> {
    const B = shape.prompts * shape.group;
    const rollout = await LatentRollout.make(model, B, shape.T, shape.S, shape.W, latent);
    try {
      const train = await makeTrainPlan(model, optimizer, { B, T: shape.T, W: shape.W, pinned: shape.W > 0, bias: latent.bias });
      return new RlvrTrainer(shape, latent, optimizer, rollout, train);
    } catch (e) {
      rollout.destroy();
      throw e;
    }
  }

  /** One update on `prompts` programs. (seed, stream) names the rollouts' random numbers. */
  async step(
    programs: readonly Program[],
    verify: (program: Program, written: number[][]) => Verdict,
    lr: number,
    seed: number,
    stream: number,
  ): Promise<RlvrResult> {
    const { prompts, group, T } = this.shape;
    if (programs.length !== prompts) throw new RangeError(`${programs.length} programs for RLVR steps of ${prompts}.`);
    const all = programs.flatMap((p) => new Array<Program>(group).fill(p));
    const record = await this.rollout.run(
      all.map((p) => scriptOf(p, false)),
      seed,
      stream,
    );
    const traces = all.map((p, row) => readTrace(record, row, T, p, this.latent.form));
    const verdicts = traces.map((t) => verify(t.program, t.written));
    const rewards = verdicts.map((v) => v.reward);
    const advantages = drgrpoAdvantages(rewards, group);
    this.rows.clear();
    const targets = traces.map(({ sequence }) =>
      targetsOf(sequence, 'policy-rlvr', { latent: this.latent.form, symbolLo: this.latent.symbolLo, symbolHi: this.latent.symbolHi }),
    );
    let tokens = 0;
    traces.forEach(({ sequence }, b) => {
      tokens += sequence.ids.length;
      const weights = tokenWeights(sequence, advantages[b] as number, all.length, T);
      setTargets(this.rows, b, sequence, targets[b] as (typeof targets)[number], (i) => weights[i] as number);
    });
    this.train.write(this.rows);
    this.optimizer.step(this.train, { ...ADAMW_DEFAULTS, lr });
    const { logprob, entropy } = await this.train.readRows();
    const [report] = await this.optimizer.reports();
    const diff = { sum: 0, max: 0, count: 0, entropy: 0 };
    traces.forEach((trace, b) => {
      const { weight } = targets[b] as (typeof targets)[number];
      for (let i = 0; i + 1 < trace.sequence.ids.length; i++) {
        if (!weight[i]) continue;
        const d = Math.abs((logprob[b * T + i] as number) - (trace.logprob[i + 1] as number));
        diff.sum += d;
        diff.max = Math.max(diff.max, d);
        diff.entropy += entropy[b * T + i] as number;
        diff.count += 1;
      }
    });
    const fractions = groupFractions(rewards, group);
    const lengths = traces.map((t) => t.sequence.ids.length);
    const thoughts = traces.reduce((n, t) => n + t.latents.filter(Boolean).length, 0);
    const lines = traces.reduce((n, t) => n + t.latents.length, 0);
    return {
      metrics: {
        'reward/mean': mean(rewards),
        'reward/line': mean(verdicts.flatMap((v) => v.lineOk.map(Number))),
        'group/frac_mixed': fractions.mixed,
        'group/frac_all_good': fractions.allGood,
        'group/frac_all_bad': fractions.allBad,
        'adv/abs_mean': mean([...advantages].map(Math.abs)),
        'policy/entropy': diff.count ? diff.entropy / diff.count : null,
        'sampler/logp_diff_mean': diff.count ? diff.sum / diff.count : null,
        'sampler/logp_diff_max': diff.max,
        'len/mean': mean(lengths),
        'len/max': Math.max(...lengths),
        'think/rate': lines ? thoughts / lines : null,
        'grad/norm': report?.gradNorm ?? null,
      },
      rollouts: traces.map((trace, b) => ({ trace, verdict: verdicts[b] as Verdict, advantage: advantages[b] as number })),
      tokens: 3 * tokens,
    };
  }

  destroy(): void {
    this.rollout.destroy();
    this.train.destroy();
  }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
