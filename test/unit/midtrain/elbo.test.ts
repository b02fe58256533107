// The temporal ELBO: closed forms against Monte Carlo, baselines, and policy-gradient weights against exact enumeration.
import { describe, expect, it } from 'vitest';
import {
  alphaOfPenalty,
  bestOf,
  elboSettings,
  type ElboRecipe,
  entropyRewards,
  type Group,
  groupAdvantages,
  importanceAdvantages,
  importanceWeightedBound,
  klTerms,
  lineLogprobs,
  lineRewards,
  lineTotal,
  logPrior,
  logWeights,
  penaltyOfAlpha,
  policyWeights,
  returnsToGo,
  selfNormalised,
  thoughtCost,
} from '../../../src/midtrain/elbo.ts';
import { eStepMetrics } from '../../../src/midtrain/metrics.ts';
import { builtinTask } from '../../../src/tasks/builtin.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence, ROLE } from '../../../src/tasks/sequence.ts';
import type { LatentForm, Program } from '../../../src/tasks/task.ts';

const recipe: ElboRecipe = {
  objective: 'policy-gradient',
  kl: 'penalty',
  c: 0.05,
  alpha: 0.9,
  tokenPenalty: 0,
  capPenalty: 0,
  eta: 0.01,
  gamma: 1,
  lengthNormalised: false,
};
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);

function randomGroup(seed: number, programs = 5, group = 4, lines = 6): Group {
  const rng = makeRng(seed, 0);
  const size = programs * group * lines;
  const think = Uint8Array.from({ length: size }, () => rng.int(2));
  return {
    programs,
    group,
    lines,
    lineCount: Int32Array.from({ length: programs }, () => 1 + rng.int(lines)),
    lineLogprob: Float64Array.from({ length: size }, () => -3 * rng.uniform()),
    scoredTokens: Int32Array.from({ length: size }, () => 1 + rng.int(4)),
    think,
    latentTokens: Int32Array.from(think, (t) => t * (1 + rng.int(3))),
    capHit: Uint8Array.from(think, (t) => t * rng.int(2)),
  };
}

describe('the sticky prior', () => {
  it('RA3 test 5: has a KL whose closed form is the Monte Carlo mean of log q - log p', () => {
    const rng = makeRng(1, 0);
    for (const [k, alpha] of [
      [0.3, 0.9],
      [0.05, 0.5],
      [0.9, 0.2],
    ] as const) {
      const content = [0.5, 0.25, 0.15, 0.1];
      const H = -sum(content.map((p) => p * Math.log(p)));
      const logZ = Math.log(4);
      const { bernoulli, content: kc } = klTerms(k, H, alpha, logZ);
      const n = 200000;
      let mean = 0;
      let square = 0;
      for (let i = 0; i < n; i++) {
        const think = rng.uniform() < k;
        let u = rng.uniform();
        const z = content.findIndex((p) => (u -= p) < 0);
        const w = Math.log(think ? k * content[z]! : 1 - k) - logPrior(think, alpha, logZ);
        mean += w / n;
        square += (w * w) / n;
      }
      const error = Math.sqrt((square - mean * mean) / n);
      expect(Math.abs(mean - (bernoulli + kc))).toBeLessThan(4 * error);
    }
  });
  it('is zero when q is the prior, and finite at the ends', () => {
    const { bernoulli, content } = klTerms(0.25, Math.log(8), 0.75, Math.log(8));
    expect(bernoulli + content).toBeCloseTo(0, 12);
    expect(klTerms(0, 0, 0.9, 1).bernoulli).toBeCloseTo(-Math.log(0.9), 12);
    expect(klTerms(1, 0, 0.9, 1).bernoulli).toBeCloseTo(-Math.log(0.1), 12);
  });
  it('converts between alpha and c', () => {
    for (const alpha of [0.1, 0.5, 0.99]) expect(alphaOfPenalty(penaltyOfAlpha(alpha, 1.5), 1.5)).toBeCloseTo(alpha, 12);
    const s = elboSettings({ ...recipe, kl: 'literal' }, Math.log(6));
    expect(s.c).toBeCloseTo(Math.log(9) + Math.log(6), 12);
    expect([s.eta, s.normalised, s.exact]).toEqual([1, false, true]);
    const plain = elboSettings(recipe, Math.log(6));
    expect([plain.c, plain.eta, plain.normalised, plain.exact]).toEqual([0.05, 0.01, true, false]);
  });
  it('leaves importance weights their own entropy: none is added to the literal form, and nothing is divided by a deviation', () => {
    const s = elboSettings({ ...recipe, objective: 'importance-weighted', kl: 'literal' }, Math.log(6));
    expect([s.c, s.eta, s.normalised, s.exact]).toEqual([penaltyOfAlpha(0.9, Math.log(6)), 0, false, false]);
    expect(elboSettings({ ...recipe, objective: 'importance-weighted' }, 1).eta).toBe(0.01);
  });
});

describe('rewards and advantages', () => {
  it('follow the formula, with and without length normalisation', () => {
    const g: Group = {
      ...{ programs: 1, group: 1, lines: 3, lineCount: Int32Array.of(3) },
      lineLogprob: Float64Array.of(-1, -2, -3),
      scoredTokens: Int32Array.of(1, 2, 3),
      think: Uint8Array.of(0, 1, 1),
      latentTokens: Int32Array.of(0, 2, 4),
      capHit: Uint8Array.of(0, 0, 1),
    };
    const s = elboSettings({ ...recipe, tokenPenalty: 0.1, capPenalty: 0.5 }, 1);
    const close = (a: ArrayLike<number>, b: number[]) => b.forEach((v, i) => expect(a[i]).toBeCloseTo(v, 12));
    close(lineRewards(g, s), [-1, -2.25, -3.95]);
    close(lineRewards(g, { ...s, lengthNormalised: true }), [-1, -1.25, -1.95]);
    close(returnsToGo(g, Float64Array.of(1, 2, 4), 0.5), [3, 4, 4]);
    expect(thoughtCost(s, 4, true)).toBeCloseTo(0.95, 12);
    close(entropyRewards(Float64Array.of(1, 2), Float64Array.of(3, 5), 0.5), [2.5, 4.5]);
  });
  it('of samples name the best of each program, the first of equals', () => {
    expect(bestOf(Float64Array.of(0, 1, 2, 0, 1, 0, 5, 0, 5, 0, 1, 1), 2, 3)).toEqual([1, 3]);
    expect(bestOf(Float64Array.of(-1, -2, -3), 1, 1)).toEqual([0, 1, 2]);
  });
  it('RA3 test 3: have mean 0 over the group at each (program, line), normalised or not', () => {
    const g = randomGroup(2);
    const returns = returnsToGo(g, lineRewards(g, elboSettings(recipe, 1)), 1);
    for (const normalised of [false, true]) {
      const a = groupAdvantages(g, returns, normalised);
      for (let p = 0; p < g.programs; p++) {
        for (let t = 0; t < g.lines; t++) {
          const column = Array.from({ length: g.group }, (_, k) => a[(p * g.group + k) * g.lines + t]!);
          expect(sum(column)).toBeCloseTo(0, 10);
          if (t >= g.lineCount[p]!) expect(column.every((v) => v === 0)).toBe(true);
        }
      }
      if (normalised) {
        const n = lineTotal(g);
        expect(Math.sqrt(sum(a.map((v) => v * v)) / (n - 1))).toBeCloseTo(1, 4);
      }
    }
  });
  it('are exactly 0, never NaN, for groups without spread', () => {
    const g = randomGroup(3);
    const a = groupAdvantages(g, new Float64Array(g.think.length).fill(-0.1), true);
    expect(a.every((v) => v === 0)).toBe(true);
  });
  it('refuse arrays that do not fit', () => {
    expect(() => lineRewards({ ...randomGroup(4), think: new Uint8Array(3) }, elboSettings(recipe, 1))).toThrow(/think has 3 entries/);
  });
});

describe('policyWeights', () => {
  const tasks = ['recall-lines', 'pointer-lines'].map(builtinTask);
  it('RA3 test 6: never touch a line token, so an expert token never changes the loss through its own log-probability', () => {
    for (const task of tasks) {
      for (const { program, latents } of task.samplePretraining(makeRng(5, 0), 100)) {
        const s = buildSequence(program, latents, task.latent);
        const w = policyWeights(s, new Array(task.lines).fill(1.7), new Float64Array(s.ids.length).fill(0.4), 0.3, 10);
        for (let i = 0; i < s.ids.length; i++) {
          const line = i + 1 >= s.ids.length || s.roles[i + 1] === ROLE.line || s.roles[i + 1] === ROLE.prompt;
          expect(w.weight[i] !== 0).toBe(!line);
          expect(w.entropyWeight[i] !== 0).toBe(!line);
        }
      }
    }
  });

  // A tabular policy over act | think z, z of 3 codes, at 3 lines, independent of the past; rewards depend on the whole past. The
  // gradient that the weights give, averaged over all 4^3 rollouts with their probabilities, must be that of the exact objective.
  const Z = 3;
  const T = 3;
  const form: LatentForm = { kind: 'codebook', act: 3, think: 4, contentLo: 0, contentHi: Z, maxLatentTokens: 1 };
  const program: Program = {
    prompt: [5],
    lines: Array.from({ length: T }, () => ({ tokens: [6], sampled: [true], scored: [true] })),
    truth: [],
  };
  const rng = makeRng(6, 0);
  const theta0 = Float64Array.from({ length: T * (1 + Z) }, () => 2 * rng.uniform() - 1);
  const softmax = (x: number[]) => {
    const e = x.map(Math.exp);
    return e.map((v) => v / sum(e));
  };
  const policy = (theta: Float64Array) =>
    Array.from({ length: T }, (_, t) => {
      const k = 1 / (1 + Math.exp(-theta[t * (1 + Z)]!));
      return { k, content: softmax(Array.from(theta.slice(t * (1 + Z) + 1, (t + 1) * (1 + Z)))) };
    });
  const H = (p: number[]) => -sum(p.map((v) => v * Math.log(v)));
  const H2 = (k: number) => H([k, 1 - k]);
  const rollouts: (number | null)[][] = [[]];
  for (let t = 0; t < T; t++) rollouts.splice(0, rollouts.length, ...rollouts.flatMap((r) => [null, 0, 1, 2].map((z) => [...r, z])));
  const logp = Float64Array.from({ length: 64 * T }, () => -2 * rng.uniform()); // log pi(a_t | z_0..z_t), a table of the whole past
  const lineLogprob = (r: (number | null)[], t: number) => {
    let code = 0;
    for (let u = 0; u <= t; u++) code = code * 4 + (r[u] === null ? 0 : r[u]! + 1);
    return logp[(code * T + t) % logp.length]!;
  };
  const probability = (pi: ReturnType<typeof policy>, r: (number | null)[]) =>
    r.reduce<number>((p, z, t) => p * (z === null ? 1 - pi[t]!.k : pi[t]!.k * pi[t]!.content[z]!), 1);

  const sequenceOf = (r: (number | null)[]) =>
    buildSequence(
      program,
      r.map((z) => (z === null ? null : [z])),
      form,
    );
  /** Rollouts as those of one program. */
  function groupOf(all: (number | null)[][]): Group {
    const think = Uint8Array.from(all.flat(), (z) => (z === null ? 0 : 1));
    return {
      ...{ programs: 1, group: all.length, lines: T, lineCount: Int32Array.of(T) },
      lineLogprob: Float64Array.from(all.flatMap((r) => r.map((_, t) => lineLogprob(r, t)))),
      scoredTokens: new Int32Array(think.length).fill(1),
      think,
      latentTokens: Int32Array.from(think),
      capHit: new Uint8Array(think.length),
    };
  }
  const logQOf = (pi: ReturnType<typeof policy>, r: (number | null)[]) =>
    r.map((z, t) => Math.log(z === null ? 1 - pi[t]!.k : pi[t]!.k * pi[t]!.content[z]!));

  /** Gradient by the weights, exactly averaged over rollouts; mean over T lines. */
  function weightedGradient(settings: ReturnType<typeof elboSettings>): Float64Array {
    const pi = policy(theta0);
    const out = new Float64Array(theta0.length);
    for (const r of rollouts) {
      const s = sequenceOf(r);
      const g = groupOf([r]);
      const entropies = r.map((z, t) => H2(pi[t]!.k) + (z === null ? 0 : H(pi[t]!.content)));
      const rewards = lineRewards(g, settings);
      const returns = returnsToGo(g, settings.exact ? entropyRewards(rewards, entropies, settings.eta) : rewards, settings.gamma);
      const entropy = new Float64Array(s.ids.length);
      r.forEach((z, t) => {
        if (z !== null && !settings.exact) entropy[s.lineStart[t]! - 2] = H(pi[t]!.content);
      });
      const w = policyWeights(s, returns, entropy, settings.eta, T);
      const p = probability(pi, r);
      r.forEach((z, t) => {
        const { k, content } = pi[t]!;
        const base = t * (1 + Z);
        const decision = s.lineStart[t]! - (z === null ? 2 : 3);
        out[base] = out[base]! + p * w.weight[decision]! * ((z === null ? 0 : 1) - k);
        out[base] = out[base]! + p * w.entropyWeight[decision]! * -k * (1 - k) * Math.log(k / (1 - k));
        if (z === null) return;
        const row = s.lineStart[t]! - 2;
        content.forEach((c, j) => {
          const score = (j === z ? 1 : 0) - c;
          const dEntropy = -c * (Math.log(c) + H(content));
          out[base + 1 + j] = out[base + 1 + j]! + p * (w.weight[row]! * score + w.entropyWeight[row]! * dEntropy);
        });
      });
    }
    return out;
  }
  function numericGradient(objective: (pi: ReturnType<typeof policy>) => number): number[] {
    return Array.from(theta0, (_, i) => {
      const at = (d: number) => objective(policy(theta0.map((v, j) => (j === i ? v + d : v))));
      return (at(1e-5) - at(-1e-5)) / 2e-5;
    });
  }
  const expectation = (pi: ReturnType<typeof policy>, f: (r: (number | null)[]) => number) =>
    sum(rollouts.map((r) => probability(pi, r) * f(r)));

  it('RA3 test 4: give the exact gradient of the penalised reward and entropy bonus (single-token latents, all rollouts enumerated)', () => {
    const settings = elboSettings({ ...recipe, eta: 0.3 }, Math.log(Z));
    const wanted = numericGradient(
      (pi) =>
        (expectation(pi, (r) => sum(r.map((z, t) => lineLogprob(r, t) - (z === null ? 0 : 0.05)))) +
          0.3 * sum(pi.map(({ k, content }) => H2(k) + k * H(content)))) /
        T,
    );
    const found = weightedGradient(settings);
    wanted.forEach((v, i) => expect(found[i]).toBeCloseTo(v, 6));
  });
  it('RA3 test 4: give the exact gradient of the literal ELBO', () => {
    const logZ = Math.log(Z);
    const settings = elboSettings({ ...recipe, kl: 'literal', alpha: 0.8 }, logZ);
    const wanted = numericGradient((pi) => {
      const kl = sum(pi.map(({ k, content }) => sum(Object.values(klTerms(k, H(content), 0.8, logZ)))));
      return (expectation(pi, (r) => sum(r.map((_, t) => lineLogprob(r, t)))) - kl) / T;
    });
    const found = weightedGradient(settings);
    wanted.forEach((v, i) => expect(found[i]).toBeCloseTo(v, 6));
  });
  it('of importance weights give the exact gradient of KL(posterior || q) where each latent is there as often as q has it', () => {
    // q of every act and code the same: each of the 64 latents once is q's own population
    const uniform = Float64Array.from({ length: theta0.length }, (_, i) => (i % (1 + Z) === 0 ? Math.log(3) : 0));
    const settings = elboSettings({ ...recipe, objective: 'importance-weighted', kl: 'literal', alpha: 0.7 }, Math.log(Z));
    const pi = policy(uniform);
    const g = groupOf(rollouts);
    const advantages = importanceAdvantages(
      g,
      lineRewards(g, settings),
      rollouts.flatMap((r) => logQOf(pi, r)),
    );
    const found = new Float64Array(theta0.length);
    rollouts.forEach((r, row) => {
      const s = sequenceOf(r);
      const w = policyWeights(s, advantages.subarray(row * T, (row + 1) * T), new Float64Array(s.ids.length), 0, lineTotal(g));
      r.forEach((z, t) => {
        const base = t * (1 + Z);
        found[base]! += w.weight[s.lineStart[t]! - (z === null ? 2 : 3)]! * ((z === null ? 0 : 1) - pi[t]!.k);
        if (z === null) return;
        pi[t]!.content.forEach((c, j) => {
          found[base + 1 + j]! += w.weight[s.lineStart[t]! - 2]! * ((j === z ? 1 : 0) - c);
        });
      });
    });
    const joint = rollouts.map((r) => Math.exp(sum(r.map((z, t) => lineLogprob(r, t) + logPrior(z !== null, 0.7, Math.log(Z))))));
    const posterior = joint.map((p) => p / sum(joint));
    for (let i = 0; i < uniform.length; i++) {
      const at = (d: number) => {
        const moved = policy(uniform.map((v, j) => (j === i ? v + d : v)));
        return sum(rollouts.map((r, row) => posterior[row]! * sum(logQOf(moved, r)))) / T;
      };
      expect(found[i]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 6);
    }
  });
  it('RA3 test 8: ELBO <= bound with K samples <= with 2 K <= log p(x), exactly and within the error of samples', () => {
    const pi = policy(theta0);
    const logW = rollouts.map((r) => sum(r.map((z, t) => lineLogprob(r, t) + logPrior(z !== null, 0.8, Math.log(Z)))) - sum(logQOf(pi, r)));
    const q = rollouts.map((r) => probability(pi, r));
    const evidence = Math.log(sum(rollouts.map((_, i) => q[i]! * Math.exp(logW[i]!))));
    const elbo =
      expectation(pi, (r) => sum(r.map((_, t) => lineLogprob(r, t)))) -
      sum(pi.map(({ k, content }) => sum(Object.values(klTerms(k, H(content), 0.8, Math.log(Z))))));
    let two = 0;
    for (let a = 0; a < 64; a++) for (let b = 0; b < 64; b++) two += q[a]! * q[b]! * importanceWeightedBound([logW[a]!, logW[b]!], 2);
    expect(sum(q.map((p, i) => p * importanceWeightedBound([logW[i]!], 1)))).toBeCloseTo(elbo, 10);
    expect(two).toBeGreaterThan(elbo + 1e-3);
    expect(evidence).toBeGreaterThan(two + 1e-3);

    const draws = makeRng(11, 0);
    const n = 40_000;
    const sampled = Float64Array.from({ length: n }, () => {
      let u = draws.uniform();
      return logW[
        Math.max(
          0,
          q.findIndex((p) => (u -= p) < 0),
        )
      ]!;
    });
    const [one, both, four, eight] = [1, 2, 4, 8].map((K) => importanceWeightedBound(sampled, K));
    const error = 4 * Math.sqrt(sum(sampled.map((w) => (w - one!) ** 2)) / n / (n / 8));
    expect(Math.abs(one! - elbo)).toBeLessThan(error);
    expect(Math.abs(both! - two)).toBeLessThan(error);
    expect([both! > one!, four! > both!, eight! > four!, eight! < evidence + error]).toEqual([true, true, true, true]);
  });
  it('carry the entropy of later content tokens back to earlier ones and to the decision', () => {
    const text: LatentForm = { kind: 'text', think: 35, contentEnd: 10, maxLatentTokens: 2 };
    const s = buildSequence(program, [null, [40], [41, 42]], text);
    expect(Array.from(s.ids)).toEqual([5, 6, 35, 40, 10, 6, 35, 41, 42, 10, 6]);
    const entropy = Float64Array.from({ length: 11 }, (_, i) => i);
    const { weight, entropyWeight } = policyWeights(s, [1, 2, 3], entropy, 0.5, 1);
    // rows: 0 boundary 0; 1 boundary 1; 2 -> 40; 3 -> end; 5 boundary 2; 6 -> 41; 7 -> 42; 8 -> end, forced by the cap
    expect(Array.from(weight)).toEqual([1, 2 + 0.5 * 5, 2 + 0.5 * 3, 2, 0, 3 + 0.5 * 13, 3 + 0.5 * 7, 3, 0, 0, 0]);
    expect(Array.from(entropyWeight)).toEqual([0.5, 0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0, 0, 0]);
  });
});

describe('lineLogprobs', () => {
  it('sums the scored tokens of each line and nothing else', () => {
    const task = builtinTask('recall-lines');
    const p = task.samplePrograms(makeRng(1, 0), 1)[0]!;
    const s = buildSequence(
      p,
      p.lines.map((_, t) => (t === 2 ? [1] : null)),
      task.latent,
    );
    const { sum: lines, count } = lineLogprobs(
      s,
      Float64Array.from(s.ids, (_, i) => -(i + 1)),
    );
    expect(Array.from(count)).toEqual(new Array(8).fill(1));
    expect(Array.from(lines)).toEqual(Array.from(s.lineStart, (i) => -i));
  });
});

describe('importance weights', () => {
  it('are fractions of a sum, whatever their size, and mean 0 as advantages at each (program, line)', () => {
    const g = randomGroup(8);
    const rng = makeRng(8, 1);
    const rewards = Float64Array.from(g.think, () => -900 * rng.uniform());
    const logQ = Float64Array.from(g.think, () => -2 * rng.uniform());
    const logW = logWeights(g, rewards, logQ);
    expect(logW[5]).toBeCloseTo(sum(Array.from({ length: g.lineCount[1]! }, (_, t) => rewards[5 * 6 + t]! - logQ[5 * 6 + t]!)), 10);
    const w = selfNormalised(logW, g.group);
    const a = importanceAdvantages(g, rewards, logQ);
    for (let p = 0; p < g.programs; p++) {
      expect(sum(w.subarray(p * g.group, (p + 1) * g.group))).toBeCloseTo(1, 12);
      for (let t = 0; t < g.lines; t++) {
        const column = Array.from({ length: g.group }, (_, k) => a[(p * g.group + k) * g.lines + t]!);
        expect(sum(column)).toBeCloseTo(0, 10);
        column.forEach((v, k) => expect(v).toBeCloseTo(t < g.lineCount[p]! ? g.group * w[p * g.group + k]! - 1 : 0, 12));
      }
    }
  });
  it('that are equal change nothing at all', () => {
    const g = randomGroup(9);
    const same = Float64Array.from(g.think, (_, i) => -0.1 * (i % g.lines));
    expect(importanceAdvantages(g, same, new Float64Array(same.length)).every((v) => v === 0)).toBe(true);
  });
});

describe('importanceWeightedBound', () => {
  it('grows with K towards the log of the mean weight', () => {
    const rng = makeRng(9, 0);
    const w = Float64Array.from({ length: 4096 }, () => -4 * rng.uniform());
    const bounds = [1, 2, 8, 4096].map((K) => importanceWeightedBound(w, K));
    for (let i = 1; i < bounds.length; i++) expect(bounds[i]!).toBeGreaterThan(bounds[i - 1]!);
    expect(bounds[3]).toBeCloseTo(Math.log(sum(w.map(Math.exp)) / 4096), 10);
    expect(() => importanceWeightedBound(w.slice(0, 2), 4)).toThrow(/at least 4/);
  });
});

describe('eStepMetrics', () => {
  it('reports elbo/line as log-probability minus the KL, and null where no thought was had', () => {
    const g = { ...randomGroup(7), think: new Uint8Array(120), latentTokens: new Int32Array(120), capHit: new Uint8Array(120) };
    const zero = () => new Float64Array(120);
    const k = zero().fill(0.2);
    const q = { thinkProbability: k, decisionLogprob: zero().fill(Math.log(0.8)), contentLogprob: zero(), contentEntropy: zero() };
    const m = eStepMetrics(g, q, elboSettings(recipe, Math.log(6)), { alpha: 0.9, logZ: Math.log(6) });
    const kl = klTerms(0.2, 0, 0.9, 1).bernoulli;
    expect(m['elbo/line']).toBeCloseTo(m['reward/line']! - kl, 10);
    expect(m['kl/sampled']).toBeCloseTo(Math.log(0.8 / 0.9), 10);
    expect(m['bound/iw_1']).toBeCloseTo(m['reward/line']! - m['kl/sampled']!, 10);
    expect([m['bound/iw_2']! >= m['bound/iw_1']!, m['bound/iw_4']! >= m['bound/iw_2']!, m['bound/ess']! <= 1]).toEqual([true, true, true]);
    expect(m['horizon/decisions']).toBeCloseTo(sum(g.lineCount) / g.programs, 12);
    expect([m['think/rate'], m['nll/latent'], m['segment/mean'], m['horizon/effective']]).toEqual([0, null, null, null]);
    expect(Object.values(m).every((v) => v === null || Number.isFinite(v))).toBe(true);
  });
});
