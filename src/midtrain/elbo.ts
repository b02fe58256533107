// The temporal ELBO of RA3 (arXiv 2509.25810) in float64, on arrays of rollouts: rewards, returns, baselines, policy-gradient weights.
// The specification that kernels follow, used as it is on small data. Pure: no GPU, no DOM.
// Promises: weights are finite, and 0 on every line token. Refuses arrays whose sizes do not fit the group.
//
// Letters: P programs, G rollouts of each, T lines (the most of any program). Rows r = p * G + g; line arrays are (P * G, T), flat.
import type { Sequence } from '../tasks/sequence.ts';
import { ROLE } from '../tasks/sequence.ts';

export interface ElboSettings {
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
  /** Whether advantages are divided by the batch's standard deviation (literal: never, since that would reweigh the KL's entropy). */
  normalised: boolean;
}

/** The part of a recipe that the ELBO reads. */
export interface ElboRecipe {
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
 * KL = -H(decision) - k H(content) + k c(alpha) - log alpha.
 */
export function elboSettings(recipe: ElboRecipe, logZ: number): ElboSettings {
  const { gamma, tokenPenalty, capPenalty, lengthNormalised } = recipe;
  const shared = { gamma, tokenPenalty, capPenalty, lengthNormalised };
  if (recipe.kl === 'penalty') return { ...shared, c: recipe.c, eta: recipe.eta, normalised: true };
  return { ...shared, c: penaltyOfAlpha(recipe.alpha, logZ), eta: 1, normalised: false };
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
      const penalty = g.think[i] ? s.c + s.tokenPenalty * g.latentTokens[i]! + (g.capHit[i] ? s.capPenalty : 0) : 0;
      out[i] = g.lineLogprob[i]! / length - penalty;
    }
  }
  return out;
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
 *   advantages: this rollout's A, (T). entropy: row i's entropy under q as sampled; only content rows are read. total: lineTotal.
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
