// The temporal ELBO with its sticky prior, exactly: no sampling, no gradient, everything by summation.
//
// Expert. Four cyclic skills: skill u moves a_{t-1} to a_{t-1} + u + 1 on a cycle of five symbols, so that a move names its skill. The expert keeps its skill
// with probability `stay`, else takes one of the three others. Written in moves u_1..u_T; u_0 is in the prompt, uniform. A bigram model of the symbols
// sees a_{t-1} alone, which says nothing of the skill: its log-likelihood is -log 4 a line.
// Model. z_0 = none; z_t is kept (act) or drawn anew from the codes (think): p(z_t | z_{t-1}) = alpha [act] + (1 - alpha) / |Z| [think]. pi(u_t | z_t)
// is a table. q(act or think, z_t | u_{t-1}, z_{t-1}, t) is a table too: it sees the prefix (the last move is all that the prefix says of what comes) and
// the code held, never u_t.
// Objective of EM, the penalty form: J = E_q sum_t [log pi(u_t | z_t) - c 1[think]] + eta H(q), H over decisions and contents. E-step: the exact
// maximum by soft value iteration backwards over lines, q(o | x) proportional to exp(Q(x, o) / eta). M-step: pi by expected counts, alpha by the
// share of lines on which q acts. Neither step lowers J. At eta = 1, J + T log alpha is the literal ELBO if c = log(alpha / (1 - alpha)) + log|Z|.
// Shown. ELBO = E_q[log pi + log p - log q] per line under the fitted alpha; log p(u_{1:T}) by the forward recursion over all 4^T programs; their
// difference is KL(q || posterior), which the backward recursion gives by itself at the chosen c. Where q never thinks, pi(. | none) is the bigram.
// The base knows half of each skill: pi_0 = half its own skill, half uniform (code z: skill z mod 4), so that EM has a direction.
// With the settings' start values the think rate falls from .87 at c = 0 (where the code held is right already, thinking it again ties with keeping
// it: more codes, more ties) to 0 at c = 3. Refuses settings outside RANGES.
import { RANGES, checkSettings, type Settings, type TheoryResult } from './contract.ts';

export const SKILLS = 4;
const EM_STEPS = 60;
/** Weight of the bigram in tables that saw nothing, and how close alpha comes to 0 and 1. */
const TINY = 1e-9;

export interface StickySettings {
  c: number;
  stay: number;
  codes: number;
  eta: number;
  lines: number;
}

/** Tables over (t, u, z) etc.; z = 0 is none, codes are 1..codes. */
export interface Sticky extends StickySettings {
  alpha: number;
  /** log pi(u | z), (codes + 1, SKILLS). */
  logPi: Float64Array;
  /** q(think | t, u_{t-1}, z_{t-1}), (T, SKILLS, codes + 1). */
  think: Float64Array;
  /** q(z | think, t, u_{t-1}), (T, SKILLS, codes). */
  content: Float64Array;
}

/** P(next skill | skill). */
export function transition(stay: number, from: number, to: number): number {
  return from === to ? stay : (1 - stay) / (SKILLS - 1);
}

export function baseModel(s: StickySettings): Sticky {
  const logPi = new Float64Array((s.codes + 1) * SKILLS).fill(Math.log(1 / SKILLS));
  for (let z = 1; z <= s.codes; z++)
    for (let u = 0; u < SKILLS; u++) logPi[z * SKILLS + u] = Math.log(0.5 / SKILLS + ((z - 1) % SKILLS === u ? 0.5 : 0));
  const think = new Float64Array(s.lines * SKILLS * (s.codes + 1)).fill(0.5);
  const content = new Float64Array(s.lines * SKILLS * s.codes).fill(1 / s.codes);
  return { ...s, alpha: 0.5, logPi, think, content };
}

/** The best q for pi: fills think and content. */
export function eStep(m: Sticky): void {
  const { codes, lines, stay, eta, c, logPi } = m;
  const rows = codes + 1;
  let value = new Float64Array(SKILLS * rows); // after a line whose move was u, with z held
  const q = new Float64Array(rows);
  for (let t = lines - 1; t >= 0; t--) {
    const next = new Float64Array(SKILLS * rows);
    for (let u = 0; u < SKILLS; u++) {
      let most = Number.NEGATIVE_INFINITY;
      for (let z = 0; z < rows; z++) {
        q[z] = 0;
        for (let v = 0; v < SKILLS; v++) q[z]! += transition(stay, u, v) * (logPi[z * SKILLS + v]! + value[v * rows + z]!);
        most = Math.max(most, q[z]!);
      }
      let thinks = 0;
      for (let z = 1; z < rows; z++) thinks += Math.exp((q[z]! - c - most) / eta);
      for (let z = 1; z < rows; z++)
        m.content[(t * SKILLS + u) * codes + z - 1] = thinks > 0 ? Math.exp((q[z]! - c - most) / eta) / thinks : 1 / codes;
      for (let z = 0; z < rows; z++) {
        const all = Math.exp((q[z]! - most) / eta) + thinks;
        m.think[(t * SKILLS + u) * rows + z] = all > 0 ? thinks / all : 1;
        next[u * rows + z] = all > 0 ? most + eta * Math.log(all) : q[z]!;
      }
    }
    value = next;
  }
}

export interface Expectations {
  /** E sum of log pi, thoughts, and entropy of q, per line. */
  logLikelihood: number;
  thinkRate: number;
  entropy: number;
  thinkByLine: number[];
  /** Expected counts of (z, u), (codes + 1, SKILLS). */
  counts: Float64Array;
}

const xlogx = (p: number): number => (p > 0 ? p * Math.log(p) : 0);

/** Expectations under the expert and q, by the forward recursion over (u_{t-1}, z_{t-1}). */
export function expectations(m: Sticky): Expectations {
  const { codes, lines, stay } = m;
  const rows = codes + 1;
  let mass = new Float64Array(SKILLS * rows);
  for (let u = 0; u < SKILLS; u++) mass[u * rows] = 1 / SKILLS;
  const out: Expectations = { logLikelihood: 0, thinkRate: 0, entropy: 0, thinkByLine: [], counts: new Float64Array(rows * SKILLS) };
  for (let t = 0; t < lines; t++) {
    const next = new Float64Array(SKILLS * rows);
    let thoughts = 0;
    for (let u = 0; u < SKILLS; u++) {
      let thinking = 0;
      const held = new Float64Array(rows);
      for (let z = 0; z < rows; z++) {
        const p = mass[u * rows + z]!;
        const k = m.think[(t * SKILLS + u) * rows + z]!;
        thinking += p * k;
        held[z]! += p * (1 - k);
        out.entropy -= p * (xlogx(k) + xlogx(1 - k));
      }
      for (let z = 1; z < rows; z++) {
        const p = m.content[(t * SKILLS + u) * codes + z - 1]!;
        held[z]! += thinking * p;
        out.entropy -= thinking * xlogx(p);
      }
      thoughts += thinking;
      for (let z = 0; z < rows; z++) {
        for (let v = 0; v < SKILLS; v++) {
          const p = held[z]! * transition(stay, u, v);
          out.counts[z * SKILLS + v]! += p;
          next[v * rows + z]! += p;
        }
      }
    }
    out.thinkByLine.push(thoughts);
    out.thinkRate += thoughts;
    mass = next;
  }
  for (let i = 0; i < out.counts.length; i++) if (out.counts[i]! > 0) out.logLikelihood += out.counts[i]! * m.logPi[i]!;
  out.logLikelihood /= lines;
  out.thinkRate /= lines;
  out.entropy /= lines;
  return out;
}

/** pi by expected counts, alpha by the share of acts. */
export function mStep(m: Sticky, { counts, thinkRate }: Expectations): void {
  for (let z = 0; z <= m.codes; z++) {
    let all = 0;
    for (let u = 0; u < SKILLS; u++) all += counts[z * SKILLS + u]! + TINY / SKILLS;
    for (let u = 0; u < SKILLS; u++) m.logPi[z * SKILLS + u] = Math.log((counts[z * SKILLS + u]! + TINY / SKILLS) / all);
  }
  m.alpha = Math.min(1 - TINY, Math.max(TINY, 1 - thinkRate));
}

export function objective({ c, eta }: Sticky, e: Expectations): number {
  return e.logLikelihood - c * e.thinkRate + eta * e.entropy;
}

/** EM from the base model; onStep sees J after each E-step. */
export function fitModel(s: StickySettings, onStep?: (objective: number) => void): Sticky {
  const model = baseModel(s);
  for (let i = 0; i < EM_STEPS; i++) {
    eStep(model);
    const e = expectations(model);
    onStep?.(objective(model, e));
    mStep(model, e);
  }
  eStep(model);
  model.alpha = Math.min(1 - TINY, Math.max(TINY, 1 - expectations(model).thinkRate));
  return model;
}

/** The literal ELBO per line, prior with the model's alpha. */
export function elbo({ alpha, codes }: Sticky, e: Expectations): number {
  return e.logLikelihood + (1 - e.thinkRate) * Math.log(alpha) + e.thinkRate * Math.log((1 - alpha) / codes) + e.entropy;
}

/** E log p(u_{1:T}) per line under the expert, by the forward recursion along the tree of all programs. */
export function logLikelihood(m: Sticky): number {
  const { codes, lines, stay, alpha, logPi } = m;
  const rows = codes + 1;
  const pi = logPi.map(Math.exp);
  const forward = Array.from({ length: lines + 1 }, () => new Float64Array(rows));
  forward[0]![0] = 1;
  const walk = (t: number, u: number, p: number): number => {
    const from = forward[t]!;
    let total = 0;
    for (let z = 0; z < rows; z++) total += from[z]!;
    if (t === lines) return p * Math.log(total);
    const to = forward[t + 1]!;
    const fresh = ((1 - alpha) / codes) * total;
    let sum = 0;
    for (let v = 0; v < SKILLS; v++) {
      to[0] = alpha * from[0]! * pi[v]!;
      for (let z = 1; z < rows; z++) to[z] = (alpha * from[z]! + fresh) * pi[z * SKILLS + v]!;
      sum += walk(t + 1, v, p * (u < 0 ? 1 / SKILLS : transition(stay, u, v)));
    }
    return sum;
  };
  return walk(0, -1, 1) / lines;
}

export interface Posterior {
  /** KL(q || p(z | u_{1:T})) per line. */
  gap: number;
  /** P(think at line t | all lines), and the same under q. */
  thinkByLine: number[];
}

/** The exact posterior over acts, thoughts and codes by forward-backward, averaged over all programs. */
export function posterior(m: Sticky): Posterior {
  const { codes, lines, stay, alpha, logPi } = m;
  const rows = codes + 1;
  const pi = logPi.map(Math.exp);
  const thinkByLine = new Array<number>(lines).fill(0);
  let gap = 0;
  const moves = new Int32Array(lines);
  const forward = Array.from({ length: lines + 1 }, () => new Float64Array(rows));
  const reach = Array.from({ length: lines + 1 }, () => new Float64Array(rows)); // q's distribution of the code held, given the moves so far
  const beta = Array.from({ length: lines + 1 }, () => new Float64Array(rows).fill(1));
  const weight = new Float64Array(rows);
  const every = Array.from({ length: SKILLS }, (_, u) => u);
  forward[0]![0] = 1;
  reach[0]![0] = 1;

  /** The moves that may stand before line t, and P(u_{t-1} = u | the program): u_0 is not among the program's moves. */
  const before = (t: number): number[] => (t > 0 ? [moves[t - 1]!] : every);
  const share = (t: number, u: number): number => (t > 0 ? 1 : transition(stay, u, moves[0]!));

  function leaf(p: number): void {
    for (let t = lines - 1; t >= 0; t--) {
      const after = beta[t + 1]!;
      let fresh = 0;
      for (let z = 0; z < rows; z++) {
        weight[z] = pi[z * SKILLS + moves[t]!]! * after[z]!;
        if (z > 0) fresh += weight[z]!;
      }
      fresh *= (1 - alpha) / codes;
      for (let z = 0; z < rows; z++) beta[t]![z] = alpha * weight[z]! + fresh;
      let evidence = 0;
      let total = 0;
      for (let z = 0; z < rows; z++) {
        evidence += forward[t]![z]! * beta[t]![z]!;
        total += forward[t]![z]!;
      }
      thinkByLine[t]! += p * ((total * fresh) / evidence);
      for (const u of before(t)) {
        const part = p * share(t, u);
        const content = (t * SKILLS + u) * codes;
        let chosen = 0; // E over q's content of log q(z) / ((1 - alpha) / codes * weight)
        for (let z = 1; z < rows; z++) {
          const q = m.content[content + z - 1]!;
          if (q > 0) chosen += q * Math.log((q * codes) / ((1 - alpha) * weight[z]!));
        }
        for (let z = 0; z < rows; z++) {
          const held = reach[t]![z]!;
          if (held === 0) continue;
          const k = m.think[(t * SKILLS + u) * rows + z]!;
          const act = k < 1 ? (1 - k) * Math.log((1 - k) / (alpha * weight[z]!)) : 0;
          const think = k > 0 ? k * (Math.log(k) + chosen) : 0;
          gap += part * held * (act + think + Math.log(beta[t]![z]!));
        }
      }
    }
  }

  function walk(t: number, p: number): void {
    if (t === lines) {
      leaf(p);
      return;
    }
    let total = 0;
    for (let z = 0; z < rows; z++) total += forward[t]![z]!;
    for (let v = 0; v < SKILLS; v++) {
      moves[t] = v;
      const fresh = ((1 - alpha) / codes) * total;
      reach[t + 1]!.fill(0);
      for (const u of before(t)) {
        let thinking = 0;
        for (let z = 0; z < rows; z++) {
          const k = m.think[(t * SKILLS + u) * rows + z]!;
          thinking += reach[t]![z]! * k;
          reach[t + 1]![z]! += share(t, u) * reach[t]![z]! * (1 - k);
        }
        for (let z = 1; z < rows; z++) reach[t + 1]![z]! += share(t, u) * thinking * m.content[(t * SKILLS + u) * codes + z - 1]!;
      }
      for (let z = 0; z < rows; z++) forward[t + 1]![z] = (alpha * forward[t]![z]! + (z > 0 ? fresh : 0)) * pi[z * SKILLS + v]!;
      walk(t + 1, p * (t === 0 ? 1 / SKILLS : transition(stay, moves[t - 1]!, v)));
    }
  }

  walk(0, 1);
  return { gap: gap / lines, thinkByLine };
}

export function stickyElbo(given: Settings<'sticky-elbo'>): TheoryResult {
  const settings = checkSettings('sticky-elbo', given);
  const { min, max, step } = RANGES['sticky-elbo'].c;
  const prices = Array.from({ length: Math.round((max - min) / step) + 1 }, (_, i) => min + i * step);
  const bigram = -Math.log(SKILLS);
  const rows = prices.map((c) => {
    const model = fitModel({ ...settings, c });
    const e = expectations(model);
    return { c, rate: e.thinkRate, given: e.logLikelihood, elbo: elbo(model, e), evidence: logLikelihood(model) };
  });
  const here = fitModel(settings);
  const e = expectations(here);
  const exact = posterior(here);
  const evidence = logLikelihood(here);
  const lower = elbo(here, e);
  const lines = e.thinkByLine.map((_, t) => t + 1);
  const silent = rows.find((r) => r.rate < 0.01);
  const best = rows.reduce((a, b) => (b.evidence > a.evidence ? b : a));
  return {
    instrument: 'sticky-elbo',
    charts: [
      {
        name: 'think-rate',
        title: 'Think rate, by price of a thought',
        xLabel: 'c, nats',
        log: 'none',
        series: [{ name: 'think rate', kind: 'measured', x: prices, y: rows.map((r) => r.rate) }],
      },
      {
        name: 'nats',
        title: 'Nats per line, by price of a thought',
        xLabel: 'c, nats',
        log: 'none',
        series: [
          { name: 'bigram', kind: 'bound', x: [min, max], y: [bigram, bigram] },
          { name: 'log p(program)', kind: 'measured', x: prices, y: rows.map((r) => r.evidence) },
          { name: 'ELBO', kind: 'curve', x: prices, y: rows.map((r) => r.elbo) },
        ],
      },
      {
        name: 'posterior',
        title: `P(think) by line at c = ${settings.c}`,
        xLabel: 'line',
        log: 'none',
        series: [
          { name: 'q, sees the prefix', kind: 'measured', x: lines, y: e.thinkByLine },
          { name: 'posterior, sees all', kind: 'curve', x: lines, y: exact.thinkByLine },
        ],
      },
    ],
    facts: [
      { name: 'think_rate', label: 'Think rate', measured: e.thinkRate, predicted: null },
      { name: 'log_likelihood/line', label: 'log p(program), nats per line', measured: evidence, predicted: null },
      { name: 'elbo/line', label: 'ELBO, nats per line', measured: lower, predicted: evidence - exact.gap },
      { name: 'gap/line', label: 'Gap, nats per line', measured: evidence - lower, predicted: exact.gap },
      { name: 'think_rate/free', label: 'Think rate at c = 0', measured: rows[0]!.rate, predicted: null },
      { name: 'think_rate/dear', label: `Think rate at c = ${max}`, measured: rows.at(-1)!.rate, predicted: 0 },
      { name: 'log_likelihood/dear', label: `log p at c = ${max}, nats per line`, measured: rows.at(-1)!.evidence, predicted: bigram },
      { name: 'c/best', label: 'c of the best log p', measured: best.c, predicted: null },
    ],
    says:
      `Free thoughts are had on ${Math.round(100 * rows[0]!.rate)} % of the lines and seldom held; ` +
      (best.evidence > bigram + 0.01
        ? `at c = ${best.c} they are had where the skill changed (${Math.round(100 * best.rate)}\u00a0%) and lift log p from the bigram's ${nats(bigram)} to ${nats(best.evidence)} nats a line. `
        : 'at no price do they lift log p above the bigram here. ') +
      (silent
        ? `From c = ${silent.c} on nobody thinks, and log p is the bigram's.`
        : 'They are worth their price up to the largest c shown.'),
  };
}

function nats(value: number): string {
  return value.toFixed(2).replace('-', '−');
}
