// The unbiased pass@k against its definition, and what the bootstrap promises.
import { describe, expect, it } from 'vitest';
import { bootstrap, pairedBootstrap, passAt, passAtK } from '../../../src/evaluate/passAtK.ts';
import { makeRng } from '../../../src/tasks/rng.ts';

const choose = (n: number, k: number): number => (k < 0 || k > n ? 0 : k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);

describe('passAtK', () => {
  it('equals 1 - C(n-c, k) / C(n, k)', () => {
    for (let n = 1; n <= 12; n++) {
      for (let c = 0; c <= n; c++)
        for (let k = 1; k <= n; k++) expect(passAtK(n, c, k)).toBeCloseTo(1 - choose(n - c, k) / choose(n, k), 12);
    }
  });
  it('stays a probability for large n', () => {
    expect(passAtK(100000, 1, 50000)).toBeCloseTo(0.5, 9);
    expect(passAtK(512, 0, 512)).toBe(0);
  });
  it('refuses k above n and counts that cannot be', () => {
    expect(() => passAtK(4, 1, 8)).toThrow(/from 1 to 4/);
    expect(() => passAtK(4, 5, 1)).toThrow(/5 of 4/);
  });
});

describe('bootstrap', () => {
  const rng = makeRng(1, 0);
  const values = Array.from({ length: 200 }, () => rng.uniform());
  it('holds the mean and is as wide as the standard error says', () => {
    const { mean, lo, hi } = bootstrap(values, makeRng(2, 0));
    const sd = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / 200);
    expect(lo).toBeLessThan(mean);
    expect(hi).toBeGreaterThan(mean);
    expect((hi - lo) / ((2 * 1.96 * sd) / Math.sqrt(200))).toBeCloseTo(1, 0);
  });
  it('repeats itself from the same seed', () => {
    expect(bootstrap(values, makeRng(2, 0))).toEqual(bootstrap(values, makeRng(2, 0)));
  });
  it('sees a small paired difference that unpaired intervals hide', () => {
    const better = values.map((v) => v + 0.01);
    const { lo, mean } = pairedBootstrap(better, values, makeRng(3, 0));
    expect(mean).toBeCloseTo(0.01, 10);
    expect(lo).toBeGreaterThan(0);
    expect(bootstrap(better, makeRng(4, 0)).lo).toBeLessThan(bootstrap(values, makeRng(4, 0)).mean);
    expect(() => pairedBootstrap([1], [1, 2], makeRng(3, 0))).toThrow(/1 and 2 problems/);
  });
  it('refuses nothing to average', () => {
    expect(() => bootstrap([], makeRng(1, 0))).toThrow(/at least one/);
  });
});

describe('passAt', () => {
  it('reports each k that every problem has samples for', () => {
    const out = passAt(
      [
        { n: 8, c: 8 },
        { n: 4, c: 0 },
      ],
      [1, 4, 8],
      makeRng(1, 0),
    );
    expect(Object.keys(out)).toEqual(['1', '4']);
    expect(out['1']!.mean).toBe(0.5);
  });
});
