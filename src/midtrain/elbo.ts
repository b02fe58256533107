// The temporal ELBO of RA3 (arXiv 2509.25810) in float64, on arrays of rollouts: rewards, returns, baselines, policy-gradient weights.
// The specification that kernels follow, used as it is on small data. Pure: no GPU, no DOM.
// Promises: weights are finite, and 0 on every line token. Refuses arrays whose sizes do not fit the group.
//
// Two objectives for q. policy-gradient: the score-function gradient of the ELBO with a baseline per program and line. importance-weighted: the
// wake-phase gradient of q, sum over g of w_g grad log q(z_g) with w_g = p(x, z_g) / q(z_g) normalised over the group (Bornschein and Bengio,
// arXiv 1406.2751). Of the estimators for the importance-weighted bound this one is taken because its quality grows with G, while the signal-to-noise
// ratio of the bound's own gradient for q falls with G (Rainforth et al., arXiv 1802.04537; Le et al., arXiv 1805.10469), and because both agree at the
// optimum: they vanish where q is the posterior p(z | x), at which the bound equals log p(x). It descends KL(p(z | x) || q), so it covers what the
// posterior holds; an entropy part is not needed. Subtracting the mean weight 1 / G changes nothing in expectation and makes equal weights exactly 0.
//
// Letters: P programs, G rollouts of each, T lines (the most of any program). Rows r = p * G + g; line arrays are (P * G, T), flat.
import type { Sequence } from '../tasks/sequence.ts';
import { ROLE } from '../tasks/sequence.ts';

export type EStepObjective = 'policy-gradient' | 'importance-weighted';

export interface ElboSettings {
  objective: EStepObjective;
  /** Penalty per thought, nats. */
  c: number;
  /** Weight of the entropy bonus H(decision) + k H(content). */
  eta: number;
  gamma: number;
  /** Penalty per content token of a thought, and per thought that its cap ended. */
  tokenPenalty: number;
  capPenalty: number;
  /** Whether a line's reward is its mean log-probability per scored token (b = 1) or the sum (b = 0). */
  lengthNormalised: boolean;
  /** Whether advantages are divided by the batch's standard deviation (penalty with the policy gradient). */
  normalised: boolean;
  /**
   * Whether the policy gradient is that of E[sum of r_t + eta (H(decision_t) + k_t H(content_t))] in expectation (literal): baselines leave the rollout
   * itself out, and entropies count in the returns, since a thought changes those of later lines. The penalty form's bonus is each line's own.
   */
  exact: boolean;
}

/** The part of a recipe that the ELBO reads. */
export interface ElboRecipe {
  objective: EStepObjective;
  kl: 'penalty' | 'literal';
  c: number;
  alpha: number;
  tokenPenalty: number;
  capPenalty: number;
  eta: number;
  gamma: number;
  lengthNormalised: boolean;
}

/** c = log(alpha / (1 - alpha)) + log|Z|: the penalty that the sticky prior with persistence alpha amounts to. */
export function penaltyOfAlpha(alpha: number, logZ: number): number {
  return Math.log(alpha / (1 - alpha)) + logZ;
}

/** The inverse of penaltyOfAlpha: alpha = sigmoid(c - log|Z|). */
export function alphaOfPenalty(c: number, logZ: number): number {
  return 1 / (1 + Math.exp(logZ - c));
}

/**
 * Settings of the policy gradient. The literal KL is H(decision) + k H(content) with weight 1 and the penalty c(alpha), up to a constant:
 * KL = -H(decision) - k H(content) + k c(alpha) - log alpha. Importance weights hold q's entropy already: the literal form adds none to them.
 */
export function elboSettings(recipe: ElboRecipe, logZ: number): ElboSettings {
  const { objective, gamma, tokenPenalty, capPenalty, lengthNormalised } = recipe;
  const weighted = objective === 'importance-weighted';
  const shared = { objective, gamma, tokenPenalty, capPenalty, lengthNormalised };
  if (recipe.kl === 'penalty') return { ...shared, c: recipe.c, eta: recipe.eta, normalised: !weighted, exact: false };
  return { ...shared, c: penaltyOfAlpha(recipe.alpha, logZ), eta: weighted ? 0 : 1, normalised: false, exact: !weighted };
}

/** What a thought costs its line: c + c_tok |z| + c_fmt 1[cap hit]. */
export function thoughtCost(s: ElboSettings, latentTokens: number, capHit: boolean): number {
  return s.c + s.tokenPenalty * latentTokens + (capHit ? s.capPenalty : 0);
}

const xLogY = (x: number, y: number): number => (x === 0 ? 0 : x * Math.log(y));

/** Entropy of a Bernoulli, nats. */
export function bernoulliEntropy(k: number): number {
  return -xLogY(k, k) - xLogY(1 - k, 1 - k);
}

/** KL(q || p) at one boundary: bernoulli + content. k = q(think), contentEntropy = H(content | think), nats. */
export function klTerms(k: number, contentEntropy: number, alpha: number, logZ: number): { bernoulli: number; content: number } {
  return {
    bernoulli: xLogY(1 - k, (1 - k) / alpha) + xLogY(k, k / (1 - alpha)),
    content: k * (logZ - contentEntropy),
  };
}

/** log p(act) or log p(think, z) under the sticky prior, act and think being different strings. */
export function logPrior(think: boolean, alpha: number, logZ: number): number {
  return think ? Math.log(1 - alpha) - logZ : Math.log(alpha);
}

/**
 * Per line of one sequence: the sum of its scored tokens' log-probabilities and their count. Row i of logprobs belongs to token i + 1, as
 * in tasks/targets.ts.
 */
export function lineLogprobs(sequence: Sequence, logprobs: ArrayLike<number>): { sum: Float64Array; count: Int32Array } {
  const lines = sequence.thinks.length;
  const sum = new Float64Array(lines);
  const count = new Int32Array(lines);
  for (let i = 1; i < sequence.ids.length; i++) {
    if (!sequence.scored[i]) continue;
    const t = sequence.line[i]!;
    sum[t] = sum[t]! + logprobs[i - 1]!;
    count[t] = count[t]! + 1;
  }
  return { sum, count };
}

/** Rollouts of one E-step batch, per line. */
export interface Group {
  programs: number; // P
  group: number; // G
  lines: number; // T
  /** Lines of each program, (P); entries of line arrays beyond them are ignored and come out as 0. */
  lineCount: Int32Array;
  /** Sum of the scored tokens' log-probabilities under pi, and their number. */
  lineLogprob: Float64Array;
  scoredTokens: Int32Array;
  think: Uint8Array;
  /** Content tokens of the thought; 0 without one. */
  latentTokens: Int32Array;
  capHit: Uint8Array;
}

function checkGroup({ programs, group, lines, lineCount, ...rest }: Group): void {
  if (lineCount.length !== programs) throw new RangeError(`lineCount has ${lineCount.length} entries for ${programs} programs.`);
  for (const [name, array] of Object.entries(rest)) {
    const wanted = programs * group * lines;
    if (array.length !== wanted)
      throw new RangeError(`${name} has ${array.length} entries; ${programs} x ${group} rollouts of ${lines} lines are ${wanted}.`);
  }
}

const lineCountOf = (g: Group, row: number): number => g.lineCount[Math.floor(row / g.group)]!;

/** r_t = log pi(a_t | s_t, z_t) / len_t^b - c 1[think] - c_tok |z_t| - c_fmt 1[cap hit], (P * G, T). */
export function lineRewards(g: Group, s: ElboSettings): Float64Array {
  checkGroup(g);
  const out = new Float64Array(g.programs * g.group * g.lines);
  for (let row = 0; row < g.programs * g.group; row++) {
    for (let t = 0; t < lineCountOf(g, row); t++) {
      const i = row * g.lines + t;
      const length = s.lengthNormalised ? Math.max(1, g.scoredTokens[i]!) : 1;
      const penalty = g.think[i] ? thoughtCost(s, g.latentTokens[i]!, g.capHit[i] === 1) : 0;
      out[i] = g.lineLogprob[i]! / length - penalty;
    }
  }
  return out;
}

/** r_t + eta (H(decision_t) + 1[think_t] H(content_t)), (P * G, T): what returns are sums of where the gradient is exact. */
export function entropyRewards(rewards: ArrayLike<number>, entropies: ArrayLike<number>, eta: number): Float64Array {
  return Float64Array.from(rewards, (r, i) => r + eta * entropies[i]!);
}

/** Of each program's rollouts the row whose rewards, (rows, T), sum to the most; the first of equals. */
export function bestOf(rewards: ArrayLike<number>, lines: number, group: number): number[] {
  const total = (row: number): number => {
    let sum = 0;
    for (let t = 0; t < lines; t++) sum += rewards[row * lines + t]!;
    return sum;
  };
  return Array.from({ length: rewards.length / lines / group }, (_, p) => {
    let best = p * group;
    for (let row = best + 1; row < (p + 1) * group; row++) if (total(row) > total(best)) best = row;
    return best;
  });
}

/** R_t = sum over u >= t of gamma^(u-t) r_u, (P * G, T). */
export function returnsToGo(g: Group, rewards: Float64Array, gamma: number): Float64Array {
  const out = new Float64Array(rewards.length);
  for (let row = 0; row < g.programs * g.group; row++) {
    let tail = 0;
    for (let t = lineCountOf(g, row) - 1; t >= 0; t--) {
      tail = rewards[row * g.lines + t]! + gamma * tail;
      out[row * g.lines + t] = tail;
    }
  }
  return out;
}

/** Makes of R - mean over G what R - mean over the other G - 1 is: with it the baseline is independent of the rollout, and the gradient unbiased. */
export const leaveOneOut = (group: number): number => (group > 1 ? group / (group - 1) : 1);

/**
 * A = R - mean over the G rollouts, per program and line; with `normalised` divided by the standard deviation (n - 1) of all A of the
 * batch plus 1e-6. A (program, line) without spread gives exactly 0.
 */
export function groupAdvantages(g: Group, returns: Float64Array, normalised: boolean): Float64Array {
  const out = new Float64Array(returns.length);
  let count = 0;
  let sum = 0;
  for (let p = 0; p < g.programs; p++) {
    for (let t = 0; t < g.lineCount[p]!; t++) {
      const at = (k: number): number => (p * g.group + k) * g.lines + t;
      let mean = 0;
      let spread = false;
      for (let k = 0; k < g.group; k++) {
        mean += returns[at(k)]! / g.group;
        spread ||= returns[at(k)] !== returns[at(0)];
      }
      count += g.group;
      if (!spread) continue;
      for (let k = 0; k < g.group; k++) {
        out[at(k)] = returns[at(k)]! - mean;
        sum += out[at(k)]!;
      }
    }
  }
  if (!normalised || count < 2) return out;
  const mean = sum / count;
  let squares = 0;
  for (let row = 0; row < g.programs * g.group; row++) {
    for (let t = 0; t < lineCountOf(g, row); t++) squares += (out[row * g.lines + t]! - mean) ** 2;
  }
  const scale = 1 / (Math.sqrt(squares / (count - 1)) + 1e-6);
  return out.map((a) => a * scale);
}

/**
 * log w = sum over lines of r_t - log q(decision_t, content_t), (P * G): log p(x, z) - log q(z) up to a constant of the program, for the rewards are
 * the lines' log-probabilities plus the log of the prior, whose lines differ by c between act and think. logQ: (P * G, T).
 */
export function logWeights(g: Group, rewards: ArrayLike<number>, logQ: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: g.programs * g.group }, (_, row) => {
    let sum = 0;
    for (let t = 0; t < lineCountOf(g, row); t++) sum += rewards[row * g.lines + t]! - logQ[row * g.lines + t]!;
    return sum;
  });
}

/** The weights of each program's G rollouts as fractions of their sum, (P * G). */
export function selfNormalised(logW: ArrayLike<number>, group: number): Float64Array {
  const out = new Float64Array(logW.length);
  for (let from = 0; from < out.length; from += group) {
    let top = Number.NEGATIVE_INFINITY;
    for (let k = from; k < from + group; k++) top = Math.max(top, logW[k]!);
    let total = 0;
    for (let k = from; k < from + group; k++) total += out[k] = Math.exp(logW[k]! - top);
    for (let k = from; k < from + group; k++) out[k]! /= total;
  }
  return out;
}

/**
 * A = G w - 1 on every line of a rollout, w its self-normalised weight: with the loss's mean over lines and rollouts the gradient is sum of w grad log q
 * per program. Groups of equal weights give exactly 0. (P * G, T).
 */
export function importanceAdvantages(g: Group, rewards: ArrayLike<number>, logQ: ArrayLike<number>): Float64Array {
  const logW = logWeights(g, rewards, logQ);
  const w = selfNormalised(logW, g.group);
  const out = new Float64Array(rewards.length);
  for (let row = 0; row < w.length; row++) {
    const first = row - (row % g.group);
    if (logW.subarray(first, first + g.group).every((v) => v === logW[first])) continue;
    out.fill(g.group * w[row]! - 1, row * g.lines, row * g.lines + lineCountOf(g, row));
  }
  return out;
}

/** Number of (rollout, line) pairs: what the loss is a mean over. */
export function lineTotal(g: Group): number {
  return g.group * g.lineCount.reduce((a, b) => a + b, 0);
}

export interface PolicyWeights {
  /** Row i weighs log q of token i + 1 (of the act where the text form writes nothing: the row at the boundary). */
  weight: Float32Array;
  /** Row i weighs the entropy of its restricted distribution. */
  entropyWeight: Float32Array;
}

/** The row at which line t's decision is made. */
export function boundaryRow(sequence: Sequence, t: number): number {
  let at = sequence.lineStart[t]!;
  while (at > 0 && sequence.line[at - 1] === t) at -= 1;
  return at - 1;
}

/**
 * Per-row weights of one rollout for loss = - sum weight * logprob - sum entropyWeight * entropy, whose gradient is that of
 * - (1 / total) sum_t [ A_t log q(decision_t, content_t) + eta (H(decision_t) + k_t H(content_t)) ].
 * The gradient of k H(content) has two parts: k dH at the content rows (entropyWeight there, thinking lines being drawn with probability
 * k), and H dk, a score-function term: eta H(content) more weight at the decision of a thinking line. A content token of several gets
 * the entropy of those after it likewise.
 *   advantages: this rollout's A, (T). entropy: row i's entropy under q as sampled; only content rows are read; 0 where the returns hold
 *   entropies already (exact). total: lineTotal.
 */
export function policyWeights(
  sequence: Sequence,
  advantages: ArrayLike<number>,
  entropy: ArrayLike<number>,
  eta: number,
  total: number,
): PolicyWeights {
  const N = sequence.ids.length;
  const weight = new Float32Array(N);
  const entropyWeight = new Float32Array(N);
  for (let t = 0; t < sequence.thinks.length; t++) {
    const boundary = boundaryRow(sequence, t);
    if (boundary < 0) continue;
    let later = 0; // entropy of the thought's rows after the one at hand
    for (let i = sequence.lineStart[t]! - 2; i > boundary; i--) {
      const written = sequence.sampled[i + 1] === 1 && sequence.roles[i + 1] !== ROLE.line;
      if (!written) continue;
      weight[i] = (advantages[t]! + eta * later) / total;
      entropyWeight[i] = eta / total;
      later += entropy[i]!;
    }
    weight[boundary] = (advantages[t]! + eta * later) / total;
    entropyWeight[boundary] = eta / total;
  }
  return { weight, entropyWeight };
}

/**
 * Importance-weighted bound: mean over disjoint blocks of K of log((1/K) sum exp w), w = log p(x, z) - log q(z). Grows with K towards
 * log p(x); K = 1 is the ELBO. Samples that fill no block are left out. Throws when there are fewer than K.
 */
export function importanceWeightedBound(logWeights: ArrayLike<number>, K: number): number {
  const blocks = Math.floor(logWeights.length / K);
  if (blocks < 1) throw new RangeError(`${logWeights.length} samples for blocks of ${K}. Draw at least ${K}.`);
  let sum = 0;
  for (let b = 0; b < blocks; b++) {
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < K; k++) top = Math.max(top, logWeights[b * K + k]!);
    let total = 0;
    for (let k = 0; k < K; k++) total += Math.exp(logWeights[b * K + k]! - top);
    sum += top + Math.log(total / K);
  }
  return sum / blocks;
}
