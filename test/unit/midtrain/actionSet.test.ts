// The actions in use and the lines in samples, on cases that can be counted by hand.
import { describe, expect, it } from 'vitest';
import { actionSet, lineChoices } from '../../../src/midtrain/actionSet.ts';
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
