// The numbers that an E-step logs, from one batch of rollouts. Keys are the names in the run log. Pure.
// Promises null where there is nothing to average. Refuses arrays whose sizes do not fit (through lineRewards).
import { bernoulliEntropy, type ElboSettings, type Group, groupAdvantages, klTerms, lineRewards, logPrior, returnsToGo } from './elbo.ts';
import { effectiveHorizon, HORIZON_GAMMA, meanDuration, persistence } from './durations.ts';

/** What the policy q did, beside what the group says; line arrays (P * G, T). */
export interface PolicyTrace {
  /** q(think) at each boundary. */
  thinkProbability: Float64Array;
  /** log q of the decision taken. */
  decisionLogprob: Float64Array;
  /** log q of the thought's content and its entropy (sums over content rows); 0 without a thought. */
  contentLogprob: Float64Array;
  contentEntropy: Float64Array;
}

export function eStepMetrics(
  g: Group,
  q: PolicyTrace,
  s: ElboSettings,
  prior: { alpha: number; logZ: number },
): Record<string, number | null> {
  const rewards = lineRewards(g, s);
  const returns = returnsToGo(g, rewards, s.gamma);
  const advantages = groupAdvantages(g, returns, false);
  const total = { lines: 0, reward: 0, logprob: 0, tokens: 0, thoughts: 0, latentTokens: 0, decision: 0, latent: 0 };
  const kl = { bernoulli: 0, content: 0, sampled: 0 };
  const entropy = { decision: 0, content: 0 };
  let squares = 0;
  for (let row = 0; row < g.programs * g.group; row++) {
    for (let t = 0; t < g.lineCount[Math.floor(row / g.group)]!; t++) {
      const i = row * g.lines + t;
      const think = g.think[i] === 1;
      total.lines += 1;
      total.reward += rewards[i]!;
      total.logprob += g.lineLogprob[i]!;
      total.tokens += g.scoredTokens[i]!;
      total.decision += q.decisionLogprob[i]!;
      squares += advantages[i]! ** 2;
      const k = q.thinkProbability[i]!;
      entropy.decision += bernoulliEntropy(k);
      kl.bernoulli += klTerms(k, 0, prior.alpha, prior.logZ).bernoulli;
      kl.sampled += q.decisionLogprob[i]! + q.contentLogprob[i]! - logPrior(think, prior.alpha, prior.logZ);
      if (!think) continue;
      // Content entropy is seen only where a thought was had, which happens with probability k: the sum estimates sum k (log|Z| - H).
      kl.content += prior.logZ - q.contentEntropy[i]!;
      entropy.content += q.contentEntropy[i]!;
      total.thoughts += 1;
      total.latentTokens += g.latentTokens[i]!;
      total.latent += q.contentLogprob[i]!;
    }
  }
  let groups = 0;
  let flat = 0;
  for (let p = 0; p < g.programs; p++) {
    for (let t = 0; t < g.lineCount[p]!; t++) {
      groups += 1;
      let spread = false;
      for (let k = 1; k < g.group; k++) spread ||= returns[(p * g.group + k) * g.lines + t] !== returns[p * g.group * g.lines + t];
      if (!spread) flat += 1;
    }
  }
  const rows = g.programs * g.group;
  const thinks = Array.from({ length: rows }, (_, row) =>
    g.think.subarray(row * g.lines, row * g.lines + g.lineCount[Math.floor(row / g.group)]!),
  );
  const horizon = effectiveHorizon(thinks, HORIZON_GAMMA);
  const per = (sum: number, count: number): number | null => (count > 0 ? sum / count : null);
  return {
    'elbo/line': per(total.logprob - kl.bernoulli - kl.content, total.lines),
    'reward/line': per(total.reward, total.lines),
    'reward/group_std': per(Math.sqrt(squares / Math.max(1, total.lines)), total.lines ? 1 : 0),
    'reward/zero_spread': per(flat, groups),
    'nll/line': per(-total.logprob, total.tokens),
    'nll/decision': per(-total.decision, total.lines),
    'nll/latent': per(-total.latent, total.latentTokens),
    'kl/bernoulli': per(kl.bernoulli, total.lines),
    'kl/content': per(kl.content, total.lines),
    'kl/sampled': per(kl.sampled, total.lines),
    'entropy/decision': per(entropy.decision, total.lines),
    'entropy/content': per(entropy.content, total.thoughts),
    'think/rate': per(total.thoughts, total.lines),
    'think/per_program': per(total.thoughts, rows),
    'think/tokens': per(total.latentTokens, total.thoughts),
    'segment/mean': meanDuration(thinks),
    'segment/persistence': persistence(thinks),
    'horizon/gbar': horizon?.gbar ?? null,
    'horizon/gbar_sup': horizon?.gbarSup ?? null,
    'horizon/effective': horizon?.horizon ?? null,
  };
}
