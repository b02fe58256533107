// The numbers that an E-step logs, from one batch of rollouts. Keys are the names in the run log. Pure.
// Promises null where there is nothing to average. Refuses arrays whose sizes do not fit (through lineRewards).
import type { Abstractions } from '../run/events.ts';
import { ROLE } from '../tasks/sequence.ts';
import { actionSet } from './actionSet.ts';
import { agreementWithTruth } from './agreement.ts';
import {
  decisionsPerProgram,
  durationShares,
  effectiveHorizon,
  geometricShares,
  HORIZON_GAMMA,
  meanDuration,
  persistence,
  type ThinkRates,
  thinkRates,
} from './durations.ts';
import {
  bernoulliEntropy,
  type ElboSettings,
  type Group,
  groupAdvantages,
  importanceWeightedBound,
  klTerms,
  lineRewards,
  logPrior,
  returnsToGo,
  selfNormalised,
} from './elbo.ts';
import type { LatentTrace } from './rollouts.ts';

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
  const logW = new Float64Array(g.programs * g.group); // log p(x, z) - log q(z) of each rollout
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
      const sampled = q.decisionLogprob[i]! + q.contentLogprob[i]! - logPrior(think, prior.alpha, prior.logZ);
      kl.sampled += sampled;
      logW[row]! += g.lineLogprob[i]! - sampled;
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
  const per = (sum: number, count: number): number | null => (count > 0 ? sum / count : null);
  const rows = g.programs * g.group;
  const thinks = Array.from({ length: rows }, (_, row) =>
    g.think.subarray(row * g.lines, row * g.lines + g.lineCount[Math.floor(row / g.group)]!),
  );
  const horizon = effectiveHorizon(thinks, HORIZON_GAMMA);
  const perProgram = (f: (own: Float64Array) => number): number =>
    Array.from({ length: g.programs }, (_, p) => f(logW.subarray(p * g.group, (p + 1) * g.group))).reduce((a, b) => a + b, 0);
  const bounds = [...new Set([1, 2, 4, g.group])]
    .filter((K) => K <= g.group)
    .map((K): [string, number | null] => [
      `bound/iw_${K}`,
      per(g.group * perProgram((own) => importanceWeightedBound(own, K)), total.lines),
    ]);
  const ess = perProgram((own) => 1 / selfNormalised(own, g.group).reduce((n, w) => n + w * w, 0));
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
    ...Object.fromEntries(bounds),
    'bound/ess': per(ess, rows),
    'entropy/decision': per(entropy.decision, total.lines),
    'entropy/content': per(entropy.content, total.thoughts),
    'latent/perplexity': total.latentTokens ? Math.exp(-total.latent / total.latentTokens) : null,
    'actions/per_state': total.lines ? Math.exp((entropy.decision + entropy.content) / total.lines) : null,
    'think/rate': per(total.thoughts, total.lines),
    'think/per_program': per(total.thoughts, rows),
    'think/tokens': per(total.latentTokens, total.thoughts),
    'segment/mean': meanDuration(thinks),
    'segment/persistence': persistence(thinks),
    'horizon/gbar': horizon?.gbar ?? null,
    'horizon/gbar_sup': horizon?.gbarSup ?? null,
    'horizon/effective': horizon?.horizon ?? null,
    'horizon/decisions': decisionsPerProgram(thinks),
  };
}

/** Lines and durations beyond this are not logged one by one. */
export const MOST_LISTED = 16;

const ratesOf = (traces: readonly LatentTrace[]): ThinkRates =>
  thinkRates(traces.map((t) => ({ latents: t.latents, truth: t.program.truth })));
const agreementOf = (traces: readonly LatentTrace[]) =>
  agreementWithTruth(traces.map((t) => ({ latents: t.latents, truth: t.program.truth })));
const thinksOf = (traces: readonly LatentTrace[]) => traces.map((t) => t.sequence.thinks);

/** Tokens that rollouts hold after their prompts, per token of their programs' lines. */
function tokensPerExpertToken(traces: readonly LatentTrace[]): number | null {
  let [generated, expert] = [0, 0];
  for (const { program, sequence } of traces) {
    generated += sequence.ids.length - program.prompt.length;
    expert += program.lines.reduce((n, line) => n + line.tokens.length, 0);
  }
  return expert ? generated / expert : null;
}

/** What the thoughts of an E-step's rollouts are, against the truth where it is known. */
export function abstractionMetrics(traces: readonly LatentTrace[]): Record<string, number | null> {
  const rates = ratesOf(traces);
  const actions = actionSet(traces);
  const agreement = agreementOf(traces);
  return {
    ...Object.fromEntries(Object.entries(rates.byKind).map(([kind, rate]) => [`think/kind_${kind}`, rate])),
    'think/precision': rates.precision,
    'think/recall': rates.recall,
    'think/content_right': rates.contentRight,
    'think/held_right': rates.heldRight,
    'actions/perplexity': actions?.perplexity ?? null,
    'actions/count': actions?.count ?? null,
    'tokens/per_expert': tokensPerExpertToken(traces),
    'agreement/nmi': agreement?.nmi ?? null,
    'agreement/ari': agreement?.ari ?? null,
    'agreement/boundary_f1': agreement?.boundaryF1 ?? null,
  };
}

/** Think rate by line, and the shares of durations beside those that the sticky prior with persistence alpha would give; logged now and then. */
export function distributionMetrics(traces: readonly LatentTrace[], alpha: number): Record<string, number> {
  const { byLine } = ratesOf(traces);
  const most = Math.min(MOST_LISTED, byLine.length);
  const listed = (name: string, values: readonly number[] | null): [string, number][] =>
    (values ?? []).slice(0, most).map((v, i) => [`${name}_${i + 1}`, v]);
  return Object.fromEntries([
    ['prior/alpha', alpha],
    ...listed('think/line', byLine),
    ...listed('segment/hist', durationShares(thinksOf(traces), most)),
    ...listed('segment/geometric', geometricShares(thinksOf(traces), alpha, most)),
  ]);
}

/** The numbers of an evaluated arm's result that say when, what and for how long it thinks. */
export function describeThoughts(traces: readonly LatentTrace[]): {
  thinkRate: number;
  thinkByLine: number[];
  thoughtsPerProgram: number;
  meanDuration: number | null;
  contentRight: number | null;
  agreement: ReturnType<typeof agreementOf>;
  abstractions: Abstractions;
} {
  const rates = ratesOf(traces);
  const thinks = thinksOf(traces);
  const horizon = effectiveHorizon(thinks, HORIZON_GAMMA);
  let [boundaries, entropy, latentTokens, latent] = [0, 0, 0, 0];
  for (const { sequence, decisionEntropy, entropy: own, logprob } of traces) {
    boundaries += decisionEntropy.length;
    entropy += decisionEntropy.reduce((a, b) => a + b, 0);
    sequence.roles.forEach((role, i) => {
      if (!sequence.sampled[i] || (role !== ROLE.content && role !== ROLE.contentEnd)) return;
      entropy += own[i]!;
      latent += logprob[i]!;
      if (role === ROLE.content) latentTokens += 1;
    });
  }
  return {
    thinkRate: rates.rate,
    thinkByLine: rates.byLine,
    thoughtsPerProgram: rates.perProgram,
    meanDuration: meanDuration(thinks),
    contentRight: rates.contentRight,
    agreement: agreementOf(traces),
    abstractions: {
      thinkByKind: rates.byKind,
      precision: rates.precision,
      recall: rates.recall,
      heldRight: rates.heldRight,
      persistence: persistence(thinks),
      durations: durationShares(thinks, Math.min(MOST_LISTED, rates.byLine.length)),
      horizon: horizon && { gbar: horizon.gbar, gbarSup: horizon.gbarSup, effective: horizon.horizon },
      decisionsPerProgram: decisionsPerProgram(thinks),
      actions: actionSet(traces),
      actionsPerState: boundaries ? Math.exp(entropy / boundaries) : null,
      lines: null,
      latentPerplexity: latentTokens ? Math.exp(-latent / latentTokens) : null,
      tokensPerExpertToken: tokensPerExpertToken(traces),
    },
  };
}
