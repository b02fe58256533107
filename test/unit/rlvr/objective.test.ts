// RLVR's objective: every preset equals its paper's formula and its gradient finite differences; advantages; what settings mean together; and R49: on a
// small problem what is right learns and what is broken does not.
import { describe, expect, it } from 'vitest';
import {
  advantages,
  klEstimate,
  type Objective,
  objectiveNotices,
  objectiveOf,
  overlongPenalty,
  type PolicyRows,
  policyGradient,
  PRESETS,
  type Preset,
} from '../../../src/rlvr/objective.ts';
import { parseRecipe, RLVR_DEFAULTS, type Recipe } from '../../../src/run/recipe.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { type PlainBatch, POLICY_LOSSES } from '../../reference/policyLosses.ts';

const T = 7;
const GROUP = 4;
const NAMES = Object.keys(POLICY_LOSSES) as Preset[];

/** Two groups of four, one token-less row and a forced token in each rollout; ratios on both sides of every bound. */
function batch(seed: number, spread: number, flat = false): { rows: PolicyRows; plain: PlainBatch; rewards: number[]; at: number[][] } {
  const rng = makeRng(seed, 0);
  const B = 2 * GROUP;
  const draw = (): Float64Array => Float64Array.from({ length: B * T }, () => -3 * rng.uniform());
  const logprob = draw();
  const near = (): Float64Array => logprob.map((lp) => lp + spread * (2 * rng.uniform() - 1));
  const [old, reference] = [near(), near()];
  const mask = Uint8Array.from({ length: B * T }, (_, r) => (r % T === 2 || r % T >= 4 + (Math.floor(r / T) % 3) ? 0 : 1));
  const rewards = Array.from({ length: B }, (_, b) => (flat && b < GROUP ? 1 : b % 3 === 0 ? 1 : 0.1 * (b % 4)));
  const at = rewards.map((_, b) => Array.from({ length: T }, (_, i) => b * T + i).filter((r) => mask[r]));
  const take = (x: Float64Array, b: number): Float64Array => Float64Array.from(at[b]!, (r) => x[r]!);
  const rollouts = rewards.map((reward, b) => ({
    reward,
    now: take(logprob, b),
    held: take(logprob, b),
    old: take(old, b),
    ref: take(reference, b),
  }));
  return {
    rows: { T, advantage: new Float64Array(B), mask, logprob, old, reference },
    plain: { group: GROUP, rollouts, length: T },
    rewards,
    at,
  };
}

/** The preset's advantages, with the KL in the reward where it belongs there. */
function shaped({ rows, rewards, at }: ReturnType<typeof batch>, o: Objective): Float64Array {
  const less = at.map((own) =>
    own.reduce((n, r) => n + klEstimate(o.klPlace === 'reward' ? o.kl : 'off', rows.old[r]!, rows.reference[r]!).value, 0),
  );
  return advantages(
    rewards.map((r, b) => r - o.klBeta * less[b]!),
    GROUP,
    o,
  );
}

describe.each(NAMES)('%s', (preset) => {
  const o = PRESETS[preset];
  it.each([0, 0.01, 0.5])("equals its paper's loss, and its weights the loss's finite differences (log-ratios up to %f)", (spread) => {
    const made = batch(3, spread);
    const rows = { ...made.rows, advantage: shaped(made, o) };
    const loss = POLICY_LOSSES[preset];
    const got = policyGradient(rows, o, T);
    expect(got.loss).toBeCloseTo(loss(made.plain), 12);
    made.plain.rollouts.forEach(({ now }, b) => {
      made.at[b]!.forEach((r, t) => {
        const kept = now[t]!;
        const step = 1e-6;
        now[t] = kept + step;
        const above = loss(made.plain);
        now[t] = kept - step;
        const below = loss(made.plain);
        now[t] = kept;
        // at ratio 1 the bounds of every preset are further away than a step
        expect(got.weight[r]).toBeCloseTo(-(above - below) / (2 * step), 7);
      });
    });
    expect(got.weight.filter((_, r) => !rows.mask[r]).every((w) => w === 0)).toBe(true);
  });

  it('gives groups without spread exactly 0, and never NaN', () => {
    const made = batch(4, 0.3, true);
    const own = advantages(made.rewards, GROUP, o);
    if (o.baseline !== 'batch-mean') expect([...own.slice(0, GROUP)]).toEqual([0, 0, 0, 0]);
    expect([...advantages(new Float64Array(8).fill(0.3), GROUP, o)]).toEqual(new Array(8).fill(0));
    expect([...advantages([0.1 + 0.2, 0.3, 0.3, 0.3], GROUP, o)].every((a) => Math.abs(a) < 1e-9)).toBe(true); // the floor of the deviation
    expect([...advantages([1], 1, o)]).toEqual([0]);
  });
});

describe('advantages', () => {
  const of = (baseline: Objective['baseline'], scale: Objective['scale']) => [
    ...advantages([1, 0, 0, 0, 1, 1, 0, 0], 4, { baseline, scale }),
  ];
  it('subtract the mean of the group, of the others, or of the batch', () => {
    expect(of('group-mean', 'none')).toEqual([0.75, -0.25, -0.25, -0.25, 0.5, 0.5, -0.5, -0.5]);
    const others = [1, -1 / 3, -1 / 3, -1 / 3, 2 / 3, 2 / 3, -2 / 3, -2 / 3];
    of('leave-one-out', 'none').forEach((a, i) => expect(a).toBeCloseTo(others[i]!, 15));
    expect(of('batch-mean', 'none')).toEqual([0.625, -0.375, -0.375, -0.375, 0.625, 0.625, -0.375, -0.375]);
  });
  it('are divided by the deviation with n - 1, which has a floor', () => {
    expect(of('group-mean', 'group-std')[0]).toBeCloseTo(0.75 / 0.5, 14);
    expect(of('group-mean', 'batch-std')[0]).toBeCloseTo(0.75 / Math.sqrt(1.875 / 7), 14);
    expect(advantages([0, 1e-6], 2, { baseline: 'group-mean', scale: 'group-std' })[1]).toBeCloseTo(5e-7 / 1e-3, 15);
  });
  it('of a group without spread are 0 also where the baseline is the batch and the scale the group', () => {
    expect([...advantages([1, 1, 0, 1], 2, { baseline: 'batch-mean', scale: 'group-std' }).slice(0, 2)]).toEqual([0, 0]);
  });
  it('refuse rewards that do not fill groups', () => {
    expect(() => advantages([1, 0, 1], 2, PRESETS.drgrpo)).toThrow(/3 rewards do not fill groups of 2/);
  });
});

describe('the objective', () => {
  it('is, on-policy, the weights of Dr. GRPO bit for bit: advantage / (rollouts * length)', () => {
    const made = batch(5, 0);
    const advantage = advantages(made.rewards, GROUP, PRESETS.drgrpo);
    const { weight } = policyGradient({ ...made.rows, advantage }, PRESETS.drgrpo, T);
    made.at.forEach((own, b) => {
      for (const r of own) expect(weight[r]).toBe(advantage[b]! / (made.at.length * T));
    });
  });
  it('clips what has gone too far, and says where: two-sided for both signs, dual below too', () => {
    const old = [0, 0, 0, 0];
    const logprob = [Math.log(1.5), Math.log(0.5), Math.log(0.5), Math.log(4)];
    const rows = { T: 1, mask: [1, 1, 1, 1], advantage: [1, 1, -1, -1], logprob, old, reference: old };
    const two = policyGradient(rows, { ...PRESETS.drgrpo, clip: 'asymmetric', clipHigh: 0.28 }, 1);
    expect([...two.clipped]).toEqual([1, 0, -1, 0]);
    [0, 0.5, 0, -4].forEach((w, r) => expect(two.weight[r]).toBeCloseTo(w / 4, 14));
    const dual = policyGradient(rows, { ...PRESETS.drgrpo, clip: 'dual' }, 1);
    expect([...dual.clipped]).toEqual([1, 0, -1, 1]);
    expect(dual.loss).toBeCloseTo(-(1.2 + 0.5 - 0.8 - 3) / 4, 14);
    const none = policyGradient(rows, { ...PRESETS.drgrpo, clip: 'none' }, 1);
    expect([...none.clipped]).toEqual([0, 0, 0, 0]);
  });
  it('stays finite for log-probabilities that are far apart', () => {
    for (const preset of NAMES) {
      const rows = { T: 2, mask: [1, 1], advantage: [1], logprob: [-1e4, -1], old: [-1, -1e4], reference: [-1e4, 0] };
      const { weight, loss } = policyGradient(rows, PRESETS[preset], 2);
      expect([...weight, loss].every(Number.isFinite), preset).toBe(true);
    }
  });
  it('estimates the KL with its derivative', () => {
    for (const kind of ['k1', 'k2', 'k3', 'off'] as const)
      for (const d of [-0.7, 0, 1e-5, 0.4]) {
        const at = (lp: number): number => klEstimate(kind, lp, -1).value;
        expect(klEstimate(kind, d - 1, -1).slope).toBeCloseTo((at(d - 1 + 1e-6) - at(d - 1 - 1e-6)) / 2e-6, 8);
      }
    expect(klEstimate('k3', -1, -1.5).value).toBeCloseTo(Math.exp(-0.5) + 0.5 - 1, 14);
  });
  it('punishes length as DAPO does', () => {
    expect([5, 80, 90, 100, 120].map((n) => overlongPenalty(n, 100, 20))).toEqual([-0, -0, -0.5, -1, -1]);
  });
});

const recipe = (change: Partial<Recipe['rlvr']>): Recipe['rlvr'] => ({
  ...RLVR_DEFAULTS,
  preset: 'drgrpo',
  range: 'in',
  steps: 1,
  prompts: 1,
  group: 4,
  lr: 1e-3,
  ...change,
});

describe('a recipe', () => {
  it('takes each preset as it is, and changes it switch by switch', () => {
    for (const preset of NAMES) expect(objectiveOf(recipe({ preset }))).toEqual(PRESETS[preset]);
    expect(objectiveOf(recipe({ preset: 'grpo', kl: 'off', clipLow: 0.1, dynamicSampling: 3 }))).toEqual({
      ...PRESETS.grpo,
      kl: 'off',
      clipLow: 0.1,
      dynamicSampling: 3,
    });
  });
  it('of before means what it meant: Dr. GRPO, one update of the whole batch, gradients clipped to norm 1', () => {
    const { preset, steps, prompts, group, lr } = LINK_BASE_V1.rlvr;
    const parsed = parseRecipe({ ...LINK_BASE_V1, rlvr: { preset, steps, prompts, group, lr } });
    expect(parsed).toEqual(LINK_BASE_V1);
    expect(objectiveOf(parsed.rlvr)).toEqual(PRESETS.drgrpo);
    expect(parsed.rlvr).toMatchObject({ updates: 1, minibatches: 1, clipNorm: 1 });
  });
  it('is told of settings without effect, and of updates without a ratio', () => {
    expect(objectiveNotices(recipe({}))).toEqual([]);
    for (const preset of NAMES) expect(objectiveNotices(recipe({ preset }))).toEqual([]);
    expect(objectiveNotices(recipe({ klBeta: 0.1 }))).toEqual(['rlvr.klBeta = 0.1 has no effect: rlvr.kl is off.']);
    expect(objectiveNotices(recipe({ clipHigh: 0.3 }))).toHaveLength(1);
    expect(objectiveNotices(recipe({ preset: 'rloo', clipLow: 0.1 }))).toHaveLength(1);
    expect(objectiveNotices(recipe({ preset: 'rloo', updates: 4 }))).toEqual([expect.stringMatching(/4 updates .* biased/)]);
  });
});

/**
 * A table policy writes 3 of the 5 tokens of a rollout (the first is the prompt, the last the environment's); the reward is 1 when the first of them is
 * what the prompt asks for. Returns the mean reward of the last of 60 steps. `broken` is what a mistake does to the batch.
 */
function learn(preset: Preset, broken: (rows: PolicyRows, advantage: Float64Array) => void): number {
  const [V, P, G, W, STEPS] = [5, 4, 8, 5, 60];
  const o = PRESETS[preset];
  const rng = makeRng(7, 1);
  // logits of prompt p at position i: (P, W, V)
  const logits = new Float64Array(P * W * V);
  const softmax = (p: number, i: number): number[] => {
    const e = Array.from(logits.subarray((p * W + i) * V, (p * W + i + 1) * V), Math.exp);
    const total = e.reduce((a, b) => a + b, 0);
    return e.map((x) => x / total);
  };
  let last = 0;
  for (let step = 0; step < STEPS; step++) {
    const tokens: number[] = [];
    const old = new Float64Array(P * G * W);
    const rewards: number[] = [];
    for (let b = 0; b < P * G; b++) {
      const p = Math.floor(b / G);
      for (let i = 0; i < W; i++) {
        const probabilities = softmax(p, i);
        let u = rng.uniform();
        let token = 0;
        while (token < V - 1 && u >= probabilities[token]!) u -= probabilities[token++]!;
        tokens.push(token);
        old[b * W + i] = Math.log(probabilities[token]!);
      }
      rewards.push(tokens[b * W] === p ? 1 : 0);
    }
    last = rewards.reduce((a, r) => a + r, 0) / rewards.length;
    const advantage = advantages(rewards, G, o);
    const mask = Uint8Array.from({ length: P * G * W }, (_, r) => (r % W < 3 ? 1 : 0));
    const rows = { T: W, advantage, mask, logprob: old.slice(), old, reference: old };
    broken(rows, advantage);
    for (let update = 0; update < 2; update++) {
      for (let r = 0; r < old.length; r++) rows.logprob[r] = Math.log(softmax(Math.floor(r / W / G), r % W)[tokens[r]!]!);
      const { weight } = policyGradient(rows, o, W);
      const gradient = new Float64Array(logits.length);
      for (let r = 0; r < old.length; r++) {
        const [p, i] = [Math.floor(r / W / G), r % W];
        softmax(p, i).forEach((q, v) => {
          gradient[(p * W + i) * V + v]! += weight[r]! * ((v === tokens[r] ? 1 : 0) - q);
        });
      }
      // steps of one length, as a clipped norm makes them: presets differ in the scale of their loss
      const norm = Math.hypot(...gradient);
      if (norm > 0) gradient.forEach((g, k) => (logits[k]! += (0.7 * g) / norm));
    }
  }
  return last;
}

describe('R49 known-good learns, known-broken fails', () => {
  it.each(NAMES)('%s learns a small task', (preset) => {
    expect(learn(preset, () => undefined)).toBeGreaterThan(0.8);
  });
  it.each(NAMES)('%s with the sign of the advantage flipped does not', (preset) => {
    const flip = (_: PolicyRows, advantage: Float64Array): void => advantage.forEach((a, b) => (advantage[b] = -a));
    expect(learn(preset, flip)).toBeLessThan(0.1);
  });
  it.each(NAMES)('%s with a mask that is off by one does not', (preset) => {
    const shift = (rows: PolicyRows): void => {
      (rows.mask as Uint8Array).set(Uint8Array.from(rows.mask, (_, r) => (r % rows.T >= 1 && r % rows.T < 4 ? 1 : 0)));
    };
    expect(learn(preset, shift)).toBeLessThan(0.4);
  });
});
