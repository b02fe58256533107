// The actions in use and the lines in samples, on cases that can be counted by hand; when an E-step has converged; the bias under the think rate.
import { describe, expect, it } from 'vitest';
import { actionSet, lineChoices } from '../../../src/midtrain/actionSet.ts';
import { hasConverged } from '../../../src/midtrain/earlyStop.ts';
import { meanThinkRate, thinkBias } from '../../../src/midtrain/thinkFloor.ts';
import type { Program } from '../../../src/tasks/task.ts';

describe('actionSet', () => {
  it('has the size of its perplexity, and counts what is chosen at one boundary in a hundred', () => {
    expect(actionSet([{ latents: [null, [1]] }, { latents: [[2], [3]] }])).toEqual({ perplexity: expect.closeTo(4, 12), count: 4 });
    expect(actionSet([{ latents: [null, null] }])).toEqual({ perplexity: 1, count: 1 });
    const rare = [...new Array<null>(199).fill(null), [1]];
    expect(actionSet([{ latents: rare }])!.count).toBe(1);
    expect(actionSet([])).toBeNull();
  });
});

describe('lineChoices', () => {
  const program = (...tokens: number[]): Program => ({
    prompt: [0],
    lines: tokens.map((id) => ({ tokens: [id], sampled: [true], scored: [true] })),
    truth: [],
  });
  it('counts different lines in one place and whether the expert has one of them', () => {
    const written = [
      [[1], [2]],
      [[1], [3]],
      [[4], [4]],
      [[5], [4]],
    ];
    expect(lineChoices([program(1, 9), program(4, 4)], written, 2)).toEqual({ samples: 2, distinct: 6 / 4, expertCovered: 3 / 4 });
    expect(lineChoices([program(1)], [[[1]]], 1)).toBeNull();
  });
});

describe('hasConverged', () => {
  it('compares the last ten steps with the ten before, and never stops at 0 or before twenty', () => {
    const flat = new Array<number>(20).fill(-1);
    expect(hasConverged(flat, 0)).toBe(false);
    expect(hasConverged(flat.slice(1), 0.01)).toBe(false);
    expect(hasConverged(flat, 0.01)).toBe(true);
    const rising = flat.map((_, i) => 0.002 * i); // gains 0.02 over ten steps
    expect(hasConverged(rising, 0.0199)).toBe(false);
    expect(hasConverged(rising, 0.0201)).toBe(true);
    expect(hasConverged([...rising, ...flat], 0.01)).toBe(true);
  });
});

describe('thinkBias', () => {
  it('lifts the mean of p(think) to the floor, and leaves it where it is there', () => {
    const logits = [-12, -8, -3, -20];
    const bias = thinkBias(logits, 0.2);
    expect(meanThinkRate(logits, bias)).toBeCloseTo(0.2, 10);
    expect(meanThinkRate(logits, 0)).toBeLessThan(0.02);
    expect(thinkBias([0, 0], 0.5)).toBe(0);
  });
});
