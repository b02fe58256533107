// RLVR's presets against TRL: advantages, loss and gradient on batches that TRL sampled and scored; see test/golden/make_rlvr.py. TRL has no REINFORCE++.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { advantages, deviation, type Objective, policyGradient, PRESETS, type Preset, STD_FLOOR } from '../../../src/rlvr/objective.ts';

interface Case {
  name: string;
  preset: Preset;
  changes: Partial<Objective>;
  advantages: number[];
  loss: number;
  /** Per rollout, per trained token. */
  now: number[][];
  old: number[][];
  ref: number[][];
  gradient: number[][];
}
const golden = JSON.parse(readFileSync('test/golden/rlvr.json', 'utf8')) as {
  group: number;
  length: number;
  rewards: number[];
  cases: Case[];
};
const { group, length, rewards } = golden;

const pad = (x: number[][]): number[] => x.flatMap((row) => Array.from({ length }, (_, i) => row[i] ?? 0));

/** RLOO's constant is 1 in TRL; its loss there is that of a ratio of 1, of which ours has the gradient alone. */
function ours(c: Case) {
  const rows = {
    T: length,
    advantage: c.advantages,
    mask: pad(c.now.map((row) => row.map(() => 1))),
    logprob: pad(c.now),
    old: pad(c.old),
    reference: pad(c.ref),
  };
  return policyGradient(rows, { ...PRESETS[c.preset], ...c.changes }, c.preset === 'rloo' ? 1 : length);
}

describe.each(golden.cases)("$name equals TRL's", (c) => {
  const objective: Objective = { ...PRESETS[c.preset], ...c.changes };

  it('advantages', () => {
    const own = advantages(rewards, group, objective);
    c.advantages.forEach((want, b) => {
      // TRL adds 1e-4 to the deviation, where ours has a floor
      const compared = objective.scale === 'batch-std' ? rewards : rewards.slice(b - (b % group), b - (b % group) + group);
      const spread = deviation(compared);
      const factor = objective.scale === 'none' ? 1 : Math.max(spread, STD_FLOOR) / (spread + 1e-4);
      expect(own[b]! * factor).toBeCloseTo(want, 6);
    });
  });

  it('loss and gradient, with its own advantages', () => {
    const got = ours(c);
    if (c.preset !== 'rloo') expect(got.loss).toBeCloseTo(c.loss, 9);
    pad(c.gradient).forEach((want, r) => expect(-got.weight[r]!, `row ${r}`).toBeCloseTo(want, 9));
    expect(got.weight.filter((w) => w !== 0).length).toBeGreaterThan(10);
  });
});

it('the batches hold clipping on both sides, beyond the dual bound too, and rollouts of several lengths', () => {
  expect(new Set(golden.cases.flatMap((c) => c.now.map((row) => row.length))).size).toBeGreaterThan(2);
  const clipped = (c: Case, side: number): number => ours(c).clipped.filter((x) => x === side).length;
  for (const c of golden.cases)
    if (c.preset !== 'rloo' && c.preset !== 'cispo') expect(clipped(c, -1) * clipped(c, 1), c.name).toBeGreaterThan(0);
  const [plain, dual] = ['drgrpo', 'drgrpo dual'].map((name) => clipped(golden.cases.find((c) => c.name === name)!, 1));
  expect(dual).toBeGreaterThan(plain!);
});
