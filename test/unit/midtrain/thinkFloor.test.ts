// The bias under the first think rate of text latents.
import { describe, expect, it } from 'vitest';
import { meanThinkRate, thinkBias } from '../../../src/midtrain/thinkFloor.ts';

describe('thinkBias', () => {
  it('lifts the mean of p(think) to the floor, and leaves it where it is there', () => {
    const logits = [-12, -8, -3, -20];
    const bias = thinkBias(logits, 0.2);
    expect(meanThinkRate(logits, bias)).toBeCloseTo(0.2, 10);
    expect(meanThinkRate(logits, 0)).toBeLessThan(0.02);
    expect(thinkBias([0, 0], 0.5)).toBe(0);
  });
});
