// Dr. GRPO's advantages, group fractions and token weights.
import { describe, expect, it } from 'vitest';
import { drgrpoAdvantages, groupFractions, tokenWeights } from '../../../src/rlvr/advantages.ts';
import { builtinTask } from '../../../src/tasks/builtin.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence } from '../../../src/tasks/sequence.ts';
import { targetsOf } from '../../../src/tasks/targets.ts';

describe('drgrpoAdvantages', () => {
  it('subtracts the group mean and does not divide', () => {
    expect(Array.from(drgrpoAdvantages([1, 0, 0, 0, 1, 1, 0, 0], 4))).toEqual([0.75, -0.25, -0.25, -0.25, 0.5, 0.5, -0.5, -0.5]);
  });
  it('gives exactly 0 to groups without spread, whatever the rounding', () => {
    expect(Array.from(drgrpoAdvantages([0.1, 0.1, 0.1, 1, 1, 1], 3))).toEqual([0, 0, 0, 0, 0, 0]);
  });
  it('refuses rewards that do not fill groups', () => {
    expect(() => drgrpoAdvantages([1, 0, 1], 2)).toThrow(/3 rewards do not fill groups of 2/);
  });
});

describe('groupFractions', () => {
  it('counts mixed, all good and all bad groups', () => {
    expect(groupFractions([1, 1, 0, 0, 1, 0, 0, 1], 2)).toEqual({ mixed: 0.5, allGood: 0.25, allBad: 0.25 });
    expect(groupFractions([], 2)).toEqual({ mixed: 0, allGood: 0, allBad: 0 });
  });
});

describe('tokenWeights', () => {
  const task = builtinTask('recall-lines');
  const program = task.samplePrograms(makeRng(1, 0), 1)[0]!;
  const sequence = buildSequence(
    program,
    program.lines.map((_, t) => (t === 0 ? [2] : null)),
    task.latent,
  );
  it('weighs what the policy wrote, by the same constant whatever the length', () => {
    const w = tokenWeights(sequence, 0.5, 4, 16);
    const { weight } = targetsOf(sequence, 'policy-rlvr', task);
    expect(Array.from(w)).toEqual(Array.from(weight, (v) => v * (0.5 / 64)));
  });
  it('is all 0 for advantage 0', () => {
    expect(tokenWeights(sequence, 0, 4, 16).every((v) => v === 0)).toBe(true);
  });
});
