// RLVR as one objective with five switches (design: RLVR.md section 1), in plain float64: presets, advantages, the loss of a batch and its gradient in the
// log-probabilities. The specification of shaders/loss/policy_gradient.wgsl, and what the trainer computes by itself where every ratio is 1. Pure.
// Promises: what has no spread gives exactly 0, never NaN; at ratio 1 the weights of Dr. GRPO are advantage / (rollouts * length), bit for bit.
// Refuses rewards that do not fill whole groups.
// Sources: Dr. GRPO 2503.20783, GRPO 2402.03300, DAPO 2503.14476, RLOO 2402.14740, REINFORCE++ 2501.03262, GSPO 2507.18071, CISPO 2506.13585, dual clip
// 1912.09729; estimators of the KL: Schulman, "Approximating KL Divergence" (2020).
import type { OBJECTIVE, PRESETS as PRESET_NAMES, Recipe } from '../run/recipe.ts';

type Choice<K extends keyof typeof OBJECTIVE> = (typeof OBJECTIVE)[K][number];

export interface Objective {
  /** What is taken from a reward: the mean of its prompt's rollouts, of the other ones of them, or of the whole batch. */
  baseline: Choice<'baseline'>;
  /** What the difference is divided by: 1, or the standard deviation (n - 1) of the prompt's rewards or of the batch's, at least STD_FLOOR. */
  scale: Choice<'scale'>;
  /** exp(logprob - old logprob): left out, per token, or of the sequence (the mean over its tokens in the exponent). */
  ratio: Choice<'ratio'>;
  /**
   * symmetric: [1 - clipLow, 1 + clipLow]; asymmetric: [1 - clipLow, 1 + clipHigh], both pessimistic as in PPO. weight-only: the ratio is a clamped
   * weight of the log-probability, no gradient is lost. dual: asymmetric, and a negative advantage counts DUAL_BOUND times at most.
   */
  clip: Choice<'clip'>;
  clipLow: number;
  clipHigh: number;
  /** token-mean: over all tokens of the batch; sequence-mean: of the rollouts' means; sequence-sum: sums / (rollouts * a constant length). */
  aggregation: Choice<'aggregation'>;
  /** Estimator of the KL to the model that RLVR started from. */
  kl: Choice<'kl'>;
  klPlace: Choice<'klPlace'>;
  klBeta: number;
  /** Weight of the mean entropy per token. */
  entropyBonus: number;
}

export type Preset = (typeof PRESET_NAMES)[number];

/** Objective and the practices that belong to a preset. */
export interface Practice {
  /** Rounds of sampling that may follow the first while groups without spread are to be replaced. */
  dynamicSampling: number;
  /** Rollouts near the limit of their length: as they are, punished (soft), or masked out where they were cut off. */
  overlong: Choice<'overlong'>;
}

export const STD_FLOOR = 1e-3;
export const DUAL_BOUND = 3;
/** Differences of log-probabilities are taken within this, so that no ratio is infinite. */
export const LOG_RATIO_BOUND = 20;

const DRGRPO: Objective & Practice = {
  baseline: 'group-mean',
  scale: 'none',
  ratio: 'token',
  clip: 'symmetric',
  clipLow: 0.2,
  clipHigh: 0.2,
  aggregation: 'sequence-sum',
  kl: 'off',
  klPlace: 'loss',
  klBeta: 0.04,
  entropyBonus: 0,
  dynamicSampling: 0,
  overlong: 'off',
};
const STANDARDISED = { ...DRGRPO, scale: 'group-std' } as const;

export const PRESETS: Record<Preset, Objective & Practice> = {
  drgrpo: DRGRPO,
  grpo: { ...STANDARDISED, aggregation: 'sequence-mean', kl: 'k3' },
  dapo: { ...STANDARDISED, clip: 'asymmetric', clipHigh: 0.28, aggregation: 'token-mean', dynamicSampling: 4, overlong: 'soft' },
  rloo: { ...DRGRPO, baseline: 'leave-one-out', ratio: 'none', clip: 'none' },
  'reinforce++': {
    ...DRGRPO,
    baseline: 'batch-mean',
    scale: 'batch-std',
    aggregation: 'token-mean',
    kl: 'k1',
    klPlace: 'reward',
    klBeta: 0.01,
  },
  gspo: { ...STANDARDISED, ratio: 'sequence', clip: 'asymmetric', clipLow: 3e-4, clipHigh: 4e-4, aggregation: 'sequence-mean' },
  // no lower bound, weights up to 5
  cispo: { ...STANDARDISED, clip: 'weight-only', clipLow: 1, clipHigh: 4, aggregation: 'token-mean' },
};

/** The preset with what the recipe sets otherwise. */
export function objectiveOf(rlvr: Recipe['rlvr']): Objective & Practice {
  const preset = PRESETS[rlvr.preset];
  const own = Object.fromEntries(Object.keys(preset).map((key) => [key, rlvr[key as keyof (Objective & Practice)]]));
  return { ...preset, ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== 'preset')) };
}

/** Settings of the recipe that do nothing, or nothing good, beside the others: a sentence each. */
export function objectiveNotices(rlvr: Recipe['rlvr']): string[] {
  const o = objectiveOf(rlvr);
  const said: string[] = [];
  const idle = (key: keyof Objective, when: boolean, why: string): void => {
    if (when && rlvr[key] !== 'preset') said.push(`rlvr.${key} = ${rlvr[key]} has no effect: ${why}.`);
  };
  const noRatio = o.ratio === 'none' ? 'without a ratio nothing is clipped; set rlvr.ratio' : '';
  idle('clip', o.ratio === 'none' && o.clip !== 'none', noRatio);
  idle('clipLow', o.ratio === 'none' || o.clip === 'none', noRatio || 'rlvr.clip is none');
  idle('clipHigh', o.ratio === 'none' || o.clip === 'none', noRatio || 'rlvr.clip is none');
  idle(
    'clipHigh',
    o.ratio !== 'none' && o.clip === 'symmetric' && o.clipHigh !== o.clipLow,
    'symmetric clipping takes clipLow for both sides; set rlvr.clip to asymmetric',
  );
  idle('klBeta', o.kl === 'off', 'rlvr.kl is off');
  idle('klPlace', o.kl === 'off', 'rlvr.kl is off');
  if (o.ratio === 'none' && rlvr.updates > 1)
    said.push(
      `${rlvr.updates} updates per batch of rollouts without a ratio: from the second on they are biased. Set rlvr.ratio to token, or rlvr.updates to 1.`,
    );
  return said;
}

const usesReference = (o: Objective): boolean => o.kl !== 'off' && o.klBeta > 0;
export const klInLoss = (o: Objective): boolean => usesReference(o) && o.klPlace === 'loss';
export const klInReward = (o: Objective): boolean => usesReference(o) && o.klPlace === 'reward';
export { usesReference };

function checkGroups(rewards: ArrayLike<number>, group: number): number {
  if (!Number.isInteger(group) || group < 1 || rewards.length % group !== 0) {
    throw new RangeError(`${rewards.length} rewards do not fill groups of ${group}. Give every prompt the same number of rollouts.`);
  }
  return rewards.length / group;
}

export const hasSpread = (rewards: readonly number[]): boolean => rewards.some((r) => r !== rewards[0]);
const meanOf = (x: readonly number[]): number => x.reduce((sum, v) => sum + v / x.length, 0);

/** Standard deviation with n - 1; 0 for fewer than two. */
export function deviation(x: readonly number[]): number {
  const mean = meanOf(x);
  return x.length < 2 ? 0 : Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (x.length - 1));
}

/** (reward - baseline) / scale; rewards (B * G) with the rollouts of a prompt side by side. Exactly 0 where what is compared has no spread. */
export function advantages(
  rewards: ArrayLike<number>,
  group: number,
  { baseline, scale }: Pick<Objective, 'baseline' | 'scale'>,
): Float64Array {
  const groups = checkGroups(rewards, group);
  const all = Array.from(rewards);
  const out = new Float64Array(all.length);
  const batch = { mean: meanOf(all), deviation: deviation(all), spread: hasSpread(all) };
  for (let b = 0; b < groups; b++) {
    const own = all.slice(b * group, (b + 1) * group);
    const spread = hasSpread(own);
    if (!batch.spread || (!spread && (baseline !== 'batch-mean' || scale === 'group-std'))) continue;
    const divisor = scale === 'none' ? 1 : Math.max(STD_FLOOR, scale === 'group-std' ? deviation(own) : batch.deviation);
    const mean = baseline === 'batch-mean' ? batch.mean : meanOf(own);
    // the mean of the others is (G mean - r) / (G - 1)
    const factor = baseline === 'leave-one-out' ? group / (group - 1) : 1;
    own.forEach((r, g) => {
      out[b * group + g] = ((r - mean) * factor) / divisor;
    });
  }
  return out;
}

/** Fractions of groups that are mixed, all good (every reward 1) and all bad (every reward 0); for rewards of 0 and 1. */
export function groupFractions(rewards: ArrayLike<number>, group: number): { mixed: number; allGood: number; allBad: number } {
  const groups = checkGroups(rewards, group);
  let good = 0;
  let bad = 0;
  for (let b = 0; b < groups; b++) {
    let sum = 0;
    for (let g = 0; g < group; g++) sum += rewards[b * group + g]!;
    if (sum === group) good += 1;
    else if (sum === 0) bad += 1;
  }
  return groups === 0
    ? { mixed: 0, allGood: 0, allBad: 0 }
    : { mixed: (groups - good - bad) / groups, allGood: good / groups, allBad: bad / groups };
}

/** DAPO's soft punishment: 0 up to limit - window tokens, falling to -1 at the limit. */
export function overlongPenalty(tokens: number, limit: number, window: number): number {
  return -Math.min(1, Math.max(0, (tokens - (limit - window)) / window));
}

const clamp = (x: number, lo: number, hi: number): number => Math.min(hi, Math.max(lo, x));
const logRatio = (logprob: number, other: number): number => clamp(logprob - other, -LOG_RATIO_BOUND, LOG_RATIO_BOUND);

/** Estimate of KL(policy || reference) from one token of the policy's, and its derivative in the policy's log-probability. */
export function klEstimate(kind: Objective['kl'], logprob: number, reference: number): { value: number; slope: number } {
  const d = logRatio(logprob, reference);
  if (kind === 'k1') return { value: d, slope: 1 };
  if (kind === 'k2') return { value: (d * d) / 2, slope: d };
  if (kind === 'k3') return { value: Math.expm1(-d) + d, slope: -Math.expm1(-d) };
  return { value: 0, slope: 0 };
}

/** A batch of B rollouts: rollout b has the rows [b T, (b + 1) T), row i of log-probabilities belongs to token i + 1. */
export interface PolicyRows {
  T: number;
  /** (B) */
  advantage: ArrayLike<number>;
  /** (B T), 1 where the policy wrote the token and is trained on it. */
  mask: ArrayLike<number>;
  /** (B T): under the policy now, under the one that sampled, under the reference (0 where it is not used). */
  logprob: ArrayLike<number>;
  old: ArrayLike<number>;
  reference: ArrayLike<number>;
}

/** What each rollout's token terms are divided by; `tokens` (B) trained ones per rollout, `length` a constant of the run. */
export function denominators(tokens: readonly number[], aggregation: Objective['aggregation'], length: number): number[] {
  const total = tokens.reduce((a, b) => a + b, 0);
  const B = tokens.length;
  if (aggregation === 'token-mean') return tokens.map(() => Math.max(1, total));
  return tokens.map((n) => B * (aggregation === 'sequence-mean' ? Math.max(1, n) : length));
}

/** Trained tokens of each rollout. */
export function trainedTokens({ T, advantage, mask }: Pick<PolicyRows, 'T' | 'advantage' | 'mask'>): number[] {
  return Array.from({ length: advantage.length }, (_, b) => {
    let n = 0;
    for (let i = 0; i < T; i++) n += mask[b * T + i] as number;
    return n;
  });
}

export interface PolicyGradient {
  /** Without the entropy bonus. */
  loss: number;
  /** (B T): - d loss / d logprob. */
  weight: Float64Array;
  /** (B T), 0 where not trained. */
  ratio: Float64Array;
  /** (B T): -1 clipped below, 1 above, else 0. */
  clipped: Int8Array;
}

/** loss = sum over trained tokens of (- surrogate + beta KL) / denominator. */
export function policyGradient(rows: PolicyRows, o: Objective, length: number): PolicyGradient {
  const { T, advantage, mask, logprob, old, reference } = rows;
  const R = advantage.length * T;
  const out: PolicyGradient = { loss: 0, weight: new Float64Array(R), ratio: new Float64Array(R), clipped: new Int8Array(R) };
  const tokens = trainedTokens(rows);
  const divisors = denominators(tokens, o.aggregation, length);
  const lo = 1 - o.clipLow;
  const hi = 1 + (o.clip === 'symmetric' ? o.clipLow : o.clipHigh);
  for (let b = 0; b < advantage.length; b++) {
    const A = advantage[b] as number;
    const divisor = divisors[b] as number;
    let sum = 0;
    for (let r = b * T; r < (b + 1) * T; r++) if (mask[r]) sum += (logprob[r] as number) - (old[r] as number);
    for (let r = b * T; r < (b + 1) * T; r++) {
      if (!mask[r]) continue;
      const lp = logprob[r] as number;
      const exponent = o.ratio === 'sequence' ? logRatio(sum / (tokens[b] as number), 0) : logRatio(lp, old[r] as number);
      const ratio = o.ratio === 'none' ? 1 : Math.exp(exponent);
      let [value, slope] = o.ratio === 'none' ? [A * lp, A] : [A * ratio, A * ratio];
      if (o.ratio !== 'none' && o.clip === 'weight-only') {
        out.clipped[r] = ratio < lo ? -1 : ratio > hi ? 1 : 0;
        slope = A * clamp(ratio, lo, hi);
        value = slope * lp;
      } else if (o.ratio !== 'none' && o.clip !== 'none') {
        const bounded = A < 0 ? Math.max(ratio, lo) : Math.min(ratio, hi);
        const kept = o.clip === 'dual' && A < 0 ? Math.min(bounded, DUAL_BOUND) : bounded;
        out.clipped[r] = A === 0 || kept === ratio ? 0 : kept > ratio ? -1 : 1;
        value = A * kept;
        if (kept !== ratio) slope = 0;
      }
      const kl = klInLoss(o) ? klEstimate(o.kl, lp, reference[r] as number) : { value: 0, slope: 0 };
      out.loss += (o.klBeta * kl.value - value) / divisor;
      out.weight[r] = klInLoss(o) ? (slope - o.klBeta * kl.slope) / divisor : slope / divisor;
      out.ratio[r] = ratio;
    }
  }
  return out;
}
