// Intervals over seeds against values worked out by hand and textbook quantiles.
import { describe, expect, it } from 'vitest';
import { tInterval, tQuantile } from '../../../src/evaluate/tInterval.ts';

describe('the t interval over seeds', () => {
  it('is mean ± t s / sqrt(n)', () => {
    const { mean, half, n } = tInterval([1, 2, 3, 4, 5]);
    expect({ mean, n }).toEqual({ mean: 3, n: 5 });
    expect(half).toBeCloseTo(2.7764 * Math.sqrt(2.5 / 5), 4);
  });

  it('has no width where all seeds agree', () => {
    expect(tInterval([0.5, 0.5, 0.5]).half).toBe(0);
  });

  it('is unknown for one seed, and refuses none', () => {
    expect(tInterval([0.7])).toEqual({ mean: 0.7, half: null, n: 1 });
    expect(() => tInterval([])).toThrow('No values');
  });

  it('goes on beyond the table where the table ends', () => {
    expect(tQuantile(30)).toBe(2.0423);
    expect(tQuantile(31)).toBeCloseTo(2.0395, 3);
    expect(tQuantile(60)).toBeCloseTo(2.0003, 3);
    expect(tQuantile(1e6)).toBeCloseTo(1.96, 3);
    expect(() => tQuantile(0)).toThrow('degrees of freedom');
  });
});
