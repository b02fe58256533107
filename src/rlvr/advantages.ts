// Advantages and per-token weights of RLVR's default objective, Dr. GRPO (arXiv 2503.20783): reward minus group mean, no division by the
// standard deviation, one constant for the length. Pure. Promises exact zeros for groups without spread.
// Refuses rewards that do not fill whole groups.
import type { Sequence } from '../tasks/sequence.ts';

function checkGroups(rewards: ArrayLike<number>, group: number): number {
  if (!Number.isInteger(group) || group < 1 || rewards.length % group !== 0) {
    throw new RangeError(`${rewards.length} rewards do not fill groups of ${group}. Give every prompt the same number of rollouts.`);
  }
  return rewards.length / group;
}

/** A = r - mean of its group; rewards (B * G) with the rollouts of a prompt side by side. */
export function drgrpoAdvantages(rewards: ArrayLike<number>, group: number): Float64Array {
  const groups = checkGroups(rewards, group);
  const out = new Float64Array(rewards.length);
  for (let b = 0; b < groups; b++) {
    let mean = 0;
    let spread = false;
    for (let g = 0; g < group; g++) {
      mean += rewards[b * group + g]! / group;
      spread ||= rewards[b * group + g] !== rewards[b * group];
    }
    if (spread) for (let g = 0; g < group; g++) out[b * group + g] = rewards[b * group + g]! - mean;
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

/**
 * Row i weighs the log-probability of token i + 1: advantage / (rollouts * length) where the policy wrote it, else 0. `rollouts` is the
 * number in the batch and `length` a constant of the run (not of the rollout: that is the point of Dr. GRPO).
 * loss = - sum over rows of weight * logprob.
 */
export function tokenWeights(sequence: Sequence, advantage: number, rollouts: number, length: number): Float32Array {
  const out = new Float32Array(sequence.ids.length);
  if (advantage === 0) return out;
  for (let i = 0; i + 1 < out.length; i++) if (sequence.sampled[i + 1]) out[i] = advantage / (rollouts * length);
  return out;
}
