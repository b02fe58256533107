// RLVR with the Dr. GRPO objective: rollouts from a source, verdicts from a verifier, one on-policy update. Every token that the policy wrote carries
// the rollout's advantage; what the environment wrote carries none.
// Promises: groups without spread change nothing; the sampler's log-probabilities are compared with the trainer's every step.
// Refuses: steps whose programs are not as many as its prompts.
import { type BatchPlan, BatchRows, makeTrainPlan } from '../model/batch.ts';
import { ADAMW_DEFAULTS, type Optimizer } from '../model/optimizer.ts';
import type { Transformer } from '../model/transformer.ts';
import { setTargets } from '../midtrain/supervised.ts';
import type { Targets } from '../tasks/targets.ts';
import type { Program, Verdict } from '../tasks/task.ts';
import { drgrpoAdvantages, groupFractions, tokenWeights } from './advantages.ts';
import type { PolicyRollout, RolloutSource, Verify } from './source.ts';

export interface RlvrShape {
  prompts: number;
  group: number;
  /** Longest sequence, attention window in tokens (0 = as the model has it). */
  T: number;
  W: number;
  /** Added to the logit of binary decisions, as the source samples them. */
  bias: number;
}

export interface JudgedRollout {
  trace: PolicyRollout;
  verdict: Verdict;
  advantage: number;
}

export interface RlvrResult {
  metrics: Record<string, number | null>;
  rollouts: JudgedRollout[];
  tokens: number;
}

/** What one step draws from and is judged by. */
export interface RlvrStep {
  /** The next programs to roll out. */
  draw(count: number): Program[];
  verify: Verify;
  lr: number;
  /** Names the rollouts' random numbers, with a stream of its own for each round of sampling. */
  seed: number;
  stream(round: number): number;
}

/** Above the first the run warns, above the second it stops (promise P6): the sampler and the trainer disagree. */
export const LOGP_DIFF_WARN = 1e-3;
export const LOGP_DIFF_STOP = 1e-2;

export class RlvrTrainer {
  private readonly shape: RlvrShape;
  private readonly optimizer: Optimizer;
  private readonly source: RolloutSource;
  private readonly train: BatchPlan;
  private readonly rows: BatchRows;

  private constructor(shape: RlvrShape, optimizer: Optimizer, source: RolloutSource, train: BatchPlan) {
    this.shape = shape;
    this.optimizer = optimizer;
    this.source = source;
    this.train = train;
    this.rows = new BatchRows(shape.prompts * shape.group, shape.T);
  }

  /** The source samples from `model`, which the optimiser trains. It becomes the trainer's: freed with it, or when the trainer cannot be made. */
  static async make(model: Transformer, optimizer: Optimizer, source: RolloutSource, shape: RlvrShape): Promise<RlvrTrainer> {
    const { prompts, group, T, W, bias } = shape;
    try {
      const train = await makeTrainPlan(model, optimizer, { B: prompts * group, T, W, pinned: W > 0, bias });
      return new RlvrTrainer(shape, optimizer, source, train);
    } catch (e) {
      source.destroy();
      throw e;
    }
  }

  /** One update on `prompts` programs. */
  async step({ draw, verify, lr, seed, stream }: RlvrStep): Promise<RlvrResult> {
    const { prompts, group, T } = this.shape;
    const programs = draw(prompts);
    if (programs.length !== prompts) throw new RangeError(`${programs.length} programs for RLVR steps of ${prompts}.`);
    const all = programs.flatMap((p) => new Array<Program>(group).fill(p));
    const began = performance.now();
    const traces = await this.source.sample(all, seed, stream(0));
    const sampled = performance.now();
    const verdicts = await verify(traces);
    const verified = performance.now();
    const rewards = verdicts.map((v) => v.reward);
    const advantages = drgrpoAdvantages(rewards, group);
    this.rows.clear();
    const targets = traces.map((trace) => this.source.targets(trace));
    let tokens = 0;
    traces.forEach(({ sequence }, b) => {
      tokens += sequence.ids.length;
      const weights = tokenWeights(sequence, advantages[b] as number, all.length, T);
      setTargets(this.rows, b, sequence, targets[b] as Targets, (i) => weights[i] as number);
    });
    this.train.write(this.rows);
    this.optimizer.step(this.train, { ...ADAMW_DEFAULTS, lr });
    const { logprob, entropy } = await this.train.readRows();
    const [report] = await this.optimizer.reports();
    const ended = performance.now();
    const diff = { sum: 0, max: 0, count: 0, entropy: 0 };
    traces.forEach((trace, b) => {
      const { weight } = targets[b] as Targets;
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
        'time/rollout': (sampled - began) / 1000,
        'time/verify': (verified - sampled) / 1000,
        'time/update': (ended - verified) / 1000,
        'time/step': (ended - began) / 1000,
      },
      rollouts: traces.map((trace, b) => ({ trace, verdict: verdicts[b] as Verdict, advantage: advantages[b] as number })),
      tokens: 3 * tokens,
    };
  }

  destroy(): void {
    this.source.destroy();
    this.train.destroy();
  }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
