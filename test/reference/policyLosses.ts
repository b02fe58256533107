// RLVR's presets as their papers write them, each by itself in plain float64: a batch of rollouts in, the loss out. What src/rlvr/objective.ts and the
// kernel must equal. Gradients come from finite differences; `held` are the log-probabilities where a formula stops the gradient.
// Refuses nothing.

/** A rollout's trained tokens: log-probabilities now, of the policy that sampled, of the reference. */
export interface PlainRollout {
  reward: number;
  now: Float64Array;
  held: Float64Array;
  old: Float64Array;
  ref: Float64Array;
}
export interface PlainBatch {
  /** Rollouts of one prompt stand side by side. */
  group: number;
  rollouts: PlainRollout[];
  /** Longest length. */
  length: number;
}

const sum = (x: Iterable<number>): number => [...x].reduce((a, b) => a + b, 0);
const mean = (x: readonly number[]): number => sum(x) / x.length;
const std = (x: readonly number[]): number => Math.sqrt(sum(x.map((v) => (v - mean(x)) ** 2)) / (x.length - 1));
const clip = (x: number, lo: number, hi: number): number => Math.max(lo, Math.min(hi, x));
const rewardsOf = ({ rollouts, group }: PlainBatch, i: number): number[] => {
  const first = i - (i % group);
  return rollouts.slice(first, first + group).map((r) => r.reward);
};
const normalised = (batch: PlainBatch, i: number): number => {
  const own = rewardsOf(batch, i);
  return (batch.rollouts[i]!.reward - mean(own)) / Math.max(std(own), 1e-3);
};
/** min(q A, clip(q) A) */
const pessimistic = (q: number, A: number, lo: number, hi: number): number => Math.min(q * A, clip(q, 1 - lo, 1 + hi) * A);

function drgrpo(batch: PlainBatch): number {
  let total = 0;
  batch.rollouts.forEach(({ reward, now, old }, i) => {
    const A = reward - mean(rewardsOf(batch, i));
    now.forEach((lp, t) => {
      total += pessimistic(Math.exp(lp - old[t]!), A, 0.2, 0.2);
    });
  });
  return -total / (batch.rollouts.length * batch.length);
}

function grpo(batch: PlainBatch): number {
  const each = batch.rollouts.map(({ now, old, ref }, i) => {
    const A = normalised(batch, i);
    const terms = Array.from(now, (lp, t) => {
      const k3 = Math.exp(ref[t]! - lp) - (ref[t]! - lp) - 1;
      return pessimistic(Math.exp(lp - old[t]!), A, 0.2, 0.2) - 0.04 * k3;
    });
    return mean(terms);
  });
  return -mean(each);
}

function dapo(batch: PlainBatch): number {
  const terms = batch.rollouts.flatMap(({ now, old }, i) => {
    const A = normalised(batch, i);
    return Array.from(now, (lp, t) => pessimistic(Math.exp(lp - old[t]!), A, 0.2, 0.28));
  });
  return -mean(terms);
}

function rloo(batch: PlainBatch): number {
  let total = 0;
  batch.rollouts.forEach(({ reward, now }, i) => {
    const others = (sum(rewardsOf(batch, i)) - reward) / (batch.group - 1);
    total += (reward - others) * sum(now);
  });
  return -total / (batch.rollouts.length * batch.length);
}

function reinforcePlusPlus(batch: PlainBatch): number {
  const rewards = batch.rollouts.map(({ reward, old, ref }) => reward - 0.01 * sum(old.map((lp, t) => lp - ref[t]!)));
  const terms = batch.rollouts.flatMap(({ now, old }, i) => {
    const A = (rewards[i]! - mean(rewards)) / std(rewards);
    return Array.from(now, (lp, t) => pessimistic(Math.exp(lp - old[t]!), A, 0.2, 0.2));
  });
  return -mean(terms);
}

function gspo(batch: PlainBatch): number {
  const each = batch.rollouts.map(({ now, old }, i) => {
    const s = Math.exp(mean(Array.from(now, (lp, t) => lp - old[t]!)));
    return pessimistic(s, normalised(batch, i), 3e-4, 4e-4);
  });
  return -mean(each);
}

function cispo(batch: PlainBatch): number {
  const terms = batch.rollouts.flatMap(({ now, held, old }, i) =>
    Array.from(now, (lp, t) => Math.min(Math.exp(held[t]! - old[t]!), 5) * normalised(batch, i) * lp),
  );
  return -mean(terms);
}

export const POLICY_LOSSES = { drgrpo, grpo, dapo, rloo, 'reinforce++': reinforcePlusPlus, gspo, cispo };
