// RLVR: rollouts from a source, verdicts from a verifier, updates by an objective (objective.ts). Every token that the policy wrote carries its rollout's
// advantage; what the environment wrote carries none. The first update of a batch is on-policy: its ratios are 1, and without a KL in the loss its weights
// are made here. Where a policy's own log-probabilities count (several updates, KL in the loss) they are made on the GPU between forward and backward.
// Promises: groups without spread change nothing; the sampler's log-probabilities are the old ones, and are compared with the trainer's every step.
// Refuses: steps whose programs are not as many as its prompts; parts that do not divide the prompts.
import { type BatchPlan, BatchRows, makeScorePlan, makeTrainPlan } from '../model/batch.ts';
import { ADAMW_DEFAULTS, type Optimizer } from '../model/optimizer.ts';
import type { Transformer } from '../model/transformer.ts';
import { setTargets } from '../midtrain/supervised.ts';
import type { Targets } from '../tasks/targets.ts';
import type { Program, Verdict } from '../tasks/task.ts';
import {
  advantages,
  deviation,
  groupFractions,
  hasSpread,
  klEstimate,
  klInLoss,
  klInReward,
  type Objective,
  overlongPenalty,
  type PolicyRows,
  policyGradient,
  type Practice,
  trainedTokens,
  usesReference,
} from './objective.ts';
import { PolicyPlan, type Tally } from './policyPlan.ts';
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

export interface RlvrSettings {
  objective: Objective & Practice;
  /** Updates per batch of rollouts, each on the next of `minibatches` parts of it. */
  updates: number;
  minibatches: number;
  lr: number;
  clipNorm: number;
  /** The last part of a source's limit in which soft overlong punishment grows, as a fraction of it. */
  overlongWindow: number;
}

export interface JudgedRollout {
  trace: PolicyRollout;
  verdict: Verdict;
  advantage: number;
}

export interface RlvrResult {
  metrics: Record<string, number | null>;
  /** The rollouts trained on, prompt by prompt. */
  rollouts: JudgedRollout[];
  tokens: number;
}

/** What one step draws from and is judged by. */
export interface RlvrStep {
  /** The next programs to roll out. */
  draw(count: number): Program[];
  verify: Verify;
  /** Names the rollouts' random numbers, with a stream of its own for each round of sampling. */
  seed: number;
  stream(round: number): number;
}

/** Above the first the run warns, above the second it stops (promise P6): the sampler and the trainer disagree. */
export const LOGP_DIFF_WARN = 1e-3;
export const LOGP_DIFF_STOP = 1e-2;

/** A rollout with its verdict, the tokens it is trained on, and what the reference thinks of them. */
interface Judged {
  trace: PolicyRollout;
  verdict: Verdict;
  targets: Targets;
  /** Row i belongs to token i + 1; zeros where there is no reference. */
  reference: Float32Array;
}

interface Sampling {
  /** All that was sampled, group by group, and the groups to train on. */
  all: Judged[];
  chosen: Judged[];
  rounds: number;
  /** Groups without spread that are not trained on. */
  dropped: number;
  rolloutMs: number;
  verifyMs: number;
}

export class RlvrTrainer {
  private readonly shape: RlvrShape;
  private readonly settings: RlvrSettings;
  private readonly optimizer: Optimizer;
  private readonly source: RolloutSource;
  /** On-policy updates, or (policy) updates whose weights the GPU makes. */
  private readonly train: BatchPlan;
  private readonly policy: PolicyPlan | null;
  /** Of the frozen model that RLVR started from. */
  private readonly score: BatchPlan | null;
  /** Of the policy as it is: one group. */
  private readonly now: BatchPlan;
  private readonly rows: BatchRows;

  private constructor(
    shape: RlvrShape,
    settings: RlvrSettings,
    optimizer: Optimizer,
    source: RolloutSource,
    plans: { train: BatchPlan; policy: PolicyPlan | null; score: BatchPlan | null; now: BatchPlan },
  ) {
    this.shape = shape;
    this.settings = settings;
    this.optimizer = optimizer;
    this.source = source;
    this.train = plans.train;
    this.policy = plans.policy;
    this.score = plans.score;
    this.now = plans.now;
    this.rows = new BatchRows((shape.prompts / settings.minibatches) * shape.group, shape.T);
  }

  /**
   * The source samples from `models.policy`, which the optimiser trains; it becomes the trainer's: freed with it, or when the trainer cannot be
   * made. `models.reference` is read where the objective has a KL; nothing is made for it elsewhere.
   */
  static async make(
    models: { policy: Transformer; reference: Transformer },
    optimizer: Optimizer,
    source: RolloutSource,
    shape: RlvrShape,
    settings: RlvrSettings,
  ): Promise<RlvrTrainer> {
    const { prompts, group, T, W, bias } = shape;
    const { objective, updates, minibatches } = settings;
    const made: { destroy(): void }[] = [source];
    const keep = <P extends { destroy(): void }>(plan: P): P => {
      made.push(plan);
      return plan;
    };
    try {
      if (prompts % minibatches !== 0)
        throw new RangeError(
          `${prompts} prompts per step are not divided by ${minibatches} minibatches of whole groups. Change rlvr.prompts or rlvr.minibatches.`,
        );
      const batch = { B: (prompts / minibatches) * group, T, W, pinned: W > 0, bias };
      const offPolicy = updates > 1 && objective.ratio !== 'none';
      const policy = offPolicy || klInLoss(objective) ? keep(await PolicyPlan.make(models.policy, optimizer, batch, objective, T)) : null;
      const train = policy?.batch ?? keep(await makeTrainPlan(models.policy, optimizer, batch));
      const score = usesReference(objective) ? keep(await makeScorePlan(models.reference, batch)) : null;
      const now = keep(await makeScorePlan(models.policy, { ...batch, B: group }));
      return new RlvrTrainer(shape, settings, optimizer, source, { train, policy, score, now });
    } catch (e) {
      for (const thing of made) thing.destroy();
      throw e;
    }
  }

  /**
   * Log-probabilities of a group's tokens under the policy as it is now, from the softmax that each was drawn from; entry i belongs to token i, NaN where
   * the policy did not write it. Changes nothing.
   */
  async logprobsNow(group: readonly JudgedRollout[]): Promise<Float32Array[]> {
    const { T } = this.shape;
    const rows = new BatchRows(this.shape.group, T);
    const targets = group.map(({ trace }) => this.source.targets(trace));
    group.forEach(({ trace }, b) => setTargets(rows, b, trace.sequence, targets[b] as Targets, () => 0));
    this.now.write(rows);
    this.now.plan.run();
    const { logprob } = await this.now.readRows();
    return group.map(({ trace }, b) =>
      Float32Array.from(trace.sequence.ids, (_, i) =>
        i > 0 && targets[b]?.weight[i - 1] ? (logprob[b * T + i - 1] as number) : Number.NaN,
      ),
    );
  }

  /** Samples, judges and updates. */
  async step(from: RlvrStep): Promise<RlvrResult> {
    const { group, T } = this.shape;
    const { objective, updates, minibatches, lr, clipNorm } = this.settings;
    const began = performance.now();
    const { all, chosen, ...sampling } = await this.sample(from);
    const sampled = performance.now();
    await this.scoreReference(chosen);
    const scored = performance.now();
    const advantage = advantages(
      chosen.map((j) => this.shapedReward(j)),
      group,
      objective,
    );
    const part = chosen.length / minibatches;
    this.policy?.clearTally();
    let first: Promise<{ logprob: Float32Array; entropy: Float32Array }> | null = null;
    const losses: number[] = [];
    for (let u = 0; u < updates; u++) {
      const at = (u % minibatches) * part;
      if (u === 0 || minibatches > 1) losses.push(this.write(chosen.slice(at, at + part), advantage.subarray(at, at + part)));
      this.optimizer.step(this.train, { ...ADAMW_DEFAULTS, lr, clip: clipNorm });
      first ??= this.train.readRows();
    }
    const tally = (await this.policy?.readTally()) ?? null;
    const reports = await this.optimizer.reports();
    const ended = performance.now();
    const trained = chosen.slice(0, part).flatMap((j, b) => this.trainedRows(j).map((i) => ({ j, r: b * T + i, i })));
    const { logprob, entropy } = await (first as NonNullable<typeof first>);
    const differences = trained.map(({ j, r, i }) => Math.abs((logprob[r] as number) - (j.trace.logprob[i + 1] as number)));
    const length = all.reduce((n, j) => n + j.trace.sequence.ids.length, 0);
    const trainedLength = chosen.reduce((n, j) => n + j.trace.sequence.ids.length, 0);
    return {
      metrics: {
        ...sampleMetrics(all, group),
        'group/resample_rounds': sampling.rounds - 1,
        'group/dropped': sampling.dropped,
        'adv/mean': mean([...advantage]),
        'adv/std': deviation([...advantage]),
        'adv/abs_mean': mean([...advantage].map(Math.abs)),
        'policy/entropy': trained.length ? mean(trained.map(({ r }) => entropy[r] as number)) : null,
        'sampler/logp_diff_mean': trained.length ? mean(differences) : null,
        'sampler/logp_diff_max': differences.reduce((a, b) => Math.max(a, b), 0),
        ...updateMetrics(tally, updates, mean(losses)),
        ...(this.score ? { 'kl/ref_k3': this.meanKl(chosen) } : {}),
        'grad/norm': reports.length ? mean(reports.map((r) => r.gradNorm)) : null,
        'time/rollout': sampling.rolloutMs / 1000,
        'time/verify': sampling.verifyMs / 1000,
        'time/logp': (scored - sampled) / 1000,
        'time/update': (ended - scored) / 1000,
        'time/step': (ended - began) / 1000,
      },
      rollouts: chosen.map(({ trace, verdict }, b) => ({ trace, verdict, advantage: advantage[b] as number })),
      tokens: length + (2 * updates * trainedLength) / minibatches,
    };
  }

  /** Rolls out until the batch is full of groups with spread, or no more rounds are granted; what is missing then are groups without. */
  private async sample({ draw, verify, seed, stream }: RlvrStep): Promise<Sampling> {
    const { prompts, group } = this.shape;
    const more = this.settings.objective.dynamicSampling;
    const all: Judged[] = [];
    const kept: Judged[][] = [];
    const flat: Judged[][] = [];
    let rounds = 0;
    let rolloutMs = 0;
    let verifyMs = 0;
    while (rounds <= more && kept.length < prompts) {
      const programs = draw(prompts);
      if (programs.length !== prompts) throw new RangeError(`${programs.length} programs for RLVR steps of ${prompts}.`);
      const began = performance.now();
      const traces = await this.source.sample(
        programs.flatMap((p) => new Array<Program>(group).fill(p)),
        seed,
        stream(rounds),
      );
      const sampled = performance.now();
      const verdicts = await verify(traces);
      rolloutMs += sampled - began;
      verifyMs += performance.now() - sampled;
      const none = new Float32Array(this.shape.T);
      const judged = traces.map(
        (trace, b): Judged => ({ trace, verdict: verdicts[b] as Verdict, targets: this.source.targets(trace), reference: none }),
      );
      all.push(...judged);
      for (let b = 0; b < judged.length; b += group) {
        const own = judged.slice(b, b + group);
        (more === 0 || hasSpread(own.map((j) => j.verdict.reward)) ? kept : flat).push(own);
      }
      rounds += 1;
    }
    const chosen = [...kept, ...flat].slice(0, prompts);
    const dropped = flat.length - Math.max(0, prompts - kept.length);
    return { all, chosen: chosen.flat(), rounds, dropped, rolloutMs, verifyMs };
  }

  /** Log-probabilities of the chosen rollouts' tokens under the reference; one wait for all. */
  private async scoreReference(chosen: readonly Judged[]): Promise<void> {
    const { score, rows } = this;
    if (!score) return;
    const { T } = this.shape;
    const parts: Promise<void>[] = [];
    for (let at = 0; at < chosen.length; at += rows.B) {
      const own = chosen.slice(at, at + rows.B);
      rows.clear();
      own.forEach(({ trace, targets }, b) => setTargets(rows, b, trace.sequence, targets, () => 0));
      score.write(rows);
      score.plan.run();
      const read = score.readRows().then(({ logprob }) =>
        own.forEach((j, b) => {
          j.reference = logprob.slice(b * T, (b + 1) * T);
        }),
      );
      parts.push(read);
    }
    await Promise.all(parts);
  }

  /** The verdict's reward, less what length and (in reward) KL cost. */
  private shapedReward(j: Judged): number {
    const { objective, overlongWindow } = this.settings;
    const { limit } = this.source;
    let reward = j.verdict.reward;
    if (objective.overlong === 'soft' && limit !== null) {
      reward += overlongPenalty(writtenTokens(j.trace), limit, Math.max(1, overlongWindow * limit));
    }
    if (klInReward(objective))
      for (const i of this.trainedRows(j))
        reward -= objective.klBeta * klEstimate(objective.kl, j.trace.logprob[i + 1] as number, j.reference[i] as number).value;
    return reward;
  }

  /** Rows whose tokens the policy wrote and is trained on. */
  private trainedRows({ trace, targets }: Judged): number[] {
    if (trace.truncated && this.settings.objective.overlong === 'mask') return [];
    const rows: number[] = [];
    for (let i = 0; i + 1 < trace.sequence.ids.length; i++) if (targets.weight[i]) rows.push(i);
    return rows;
  }

  /** Uploads a part of the batch; returns its loss as the sampler's policy has it. */
  private write(part: readonly Judged[], advantage: Float64Array): number {
    const { T } = this.shape;
    const { objective } = this.settings;
    const R = part.length * T;
    const policy = { T, advantage, mask: new Uint8Array(R), old: new Float32Array(R), reference: new Float32Array(R) };
    part.forEach((j, b) => {
      for (const i of this.trainedRows(j)) {
        policy.mask[b * T + i] = 1;
        policy.old[b * T + i] = j.trace.logprob[i + 1] as number;
        policy.reference[b * T + i] = j.reference[i] as number;
      }
    });
    const { weight, loss } = policyGradient({ ...policy, logprob: policy.old } satisfies PolicyRows, objective, T);
    const bonus =
      objective.entropyBonus /
      Math.max(
        1,
        trainedTokens(policy).reduce((a, n) => a + n, 0),
      );
    this.rows.clear();
    part.forEach(({ trace, targets }, b) => {
      setTargets(this.rows, b, trace.sequence, targets, (i) => weight[b * T + i] as number);
    });
    for (let r = 0; r < R; r++) if (policy.mask[r]) this.rows.entropyWeight[r] = bonus;
    if (this.policy) this.policy.write(this.rows, policy);
    else this.train.write(this.rows);
    return loss;
  }

  private meanKl(chosen: readonly Judged[]): number | null {
    const k3 = chosen.flatMap((j) =>
      this.trainedRows(j).map((i) => klEstimate('k3', j.trace.logprob[i + 1] as number, j.reference[i] as number).value),
    );
    return k3.length ? mean(k3) : null;
  }

  destroy(): void {
    this.source.destroy();
    this.train.destroy();
    this.score?.destroy();
    this.now.destroy();
  }
}

/** Tokens after the prompt. */
const writtenTokens = ({ sequence, program }: PolicyRollout): number => sequence.ids.length - program.prompt.length;

/** Of all rollouts, before any shaping or choosing. */
function sampleMetrics(all: readonly Judged[], group: number): Record<string, number | null> {
  const rewards = all.map((j) => j.verdict.reward);
  const fractions = groupFractions(rewards, group);
  const lengths = all.map((j) => writtenTokens(j.trace));
  const thoughts = all.reduce((n, { trace }) => n + trace.latents.filter(Boolean).length, 0);
  const lines = all.reduce((n, { trace }) => n + trace.latents.length, 0);
  return {
    'reward/mean': mean(rewards),
    'reward/std': deviation(rewards),
    'reward/line': mean(all.flatMap((j) => j.verdict.lineOk.map(Number))),
    'group/frac_mixed': fractions.mixed,
    'group/frac_all_good': fractions.allGood,
    'group/frac_all_bad': fractions.allBad,
    'len/mean': mean(lengths),
    'len/max': lengths.reduce((a, b) => Math.max(a, b), 0),
    'len/trunc_frac': mean(all.map((j) => (j.trace.truncated ? 1 : 0))),
    'think/rate': lines ? thoughts / lines : null,
  };
}

/** Of the updates: as the GPU tallied them, or of on-policy ones alone. */
function updateMetrics(tally: Tally | null, updates: number, loss: number): Record<string, number | null> {
  if (!tally) return { 'loss/policy': loss, 'clip/low': 0, 'clip/high': 0, 'ratio/mean': 1, 'ratio/max': 1 };
  const per = (x: number): number | null => (tally.rows ? x / tally.rows : null);
  return {
    'loss/policy': tally.loss / updates,
    'clip/low': per(tally.clippedLow),
    'clip/high': per(tally.clippedHigh),
    'ratio/mean': per(tally.ratioSum),
    'ratio/max': tally.rows ? tally.ratioMax : null,
    'kl/old_k1': per(tally.drift),
  };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
