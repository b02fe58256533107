// The reference of moments in 8 bits: unbiased codes, no infinite updates, and a convex problem solved as with exact moments.
import { describe, expect, it } from 'vitest';
import { makeRng } from '../../../src/tasks/rng.ts';
import { adamw, adamw8Bit, zeroMoments8Bit } from '../../reference/optimiser.ts';
import { pcg4 } from '../../reference/pcg.ts';
import { randomArray } from './finiteDifference.ts';

const SETTINGS = { lr: 0.05, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };

function noiseFrom(seed: number): (i: number) => [number, number] {
  const rng = makeRng(seed, 0);
  return () => [rng.uniform(), rng.uniform()];
}

describe('AdamW with moments in 8 bits', () => {
  it('moves the parameters as exact moments do in the first step', () => {
    const [p, exact] = [randomArray(128, 1), randomArray(128, 1)];
    const moments = zeroMoments8Bit(128);
    const [m, v] = [new Float64Array(128), new Float64Array(128)];
    adamw8Bit(p, randomArray(128, 2), moments, 1, 0.5, SETTINGS, noiseFrom(1));
    adamw(exact, randomArray(128, 2), m, v, 1, 0.5, SETTINGS);
    expect(p).toEqual(exact);
  });

  it('holds moments whose mean over the noise is the exact one', () => {
    const g = randomArray(64, 3).map((x, i) => x * 10 ** -(i % 4));
    const draws = 1000;
    const meanM = new Float64Array(64);
    const meanV = new Float64Array(64);
    const noise = noiseFrom(2);
    for (let n = 0; n < draws; n++) {
      const moments = zeroMoments8Bit(64);
      adamw8Bit(new Float64Array(64), g, moments, 1, 1, SETTINGS, noise);
      for (let i = 0; i < 64; i++) {
        const c = moments.mCodes[i]!;
        meanM[i] = meanM[i]! + (Math.sign(c) * (c / 127) ** 2 * moments.scales[0]!) / draws;
        meanV[i] = meanV[i]! + ((moments.vCodes[i]! / 255) ** 4 * moments.scales[1]!) / draws;
        expect(moments.vCodes[i]).toBeGreaterThan(0);
      }
    }
    const top = g.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    g.forEach((x, i) => {
      expect(Math.abs(meanM[i]! - 0.1 * x)).toBeLessThan(3e-4 * top);
      expect(Math.abs(meanV[i]! - 0.001 * x * x)).toBeLessThan(1e-6 * top * top);
    });
  });

  it('keeps zeros at zero', () => {
    const moments = zeroMoments8Bit(64);
    const p = randomArray(64, 4);
    const kept = p.slice();
    adamw8Bit(p, new Float64Array(64), moments, 1, 1, SETTINGS, noiseFrom(3));
    expect(p).toEqual(kept);
    expect([...moments.mCodes, ...moments.vCodes, ...moments.scales].every((x) => x === 0)).toBe(true);
  });

  it('solves a noisy least-squares problem to within 1 % of exact moments over 200 steps', () => {
    const n = 256;
    const size = randomArray(n, 5).map((x) => 10 ** x);
    const goal = randomArray(n, 6, 2);
    const loss = (p: Float64Array): number => p.reduce((sum, x, i) => sum + 0.5 * size[i]! * (x - goal[i]!) ** 2, 0);
    const [p, exact] = [new Float64Array(n), new Float64Array(n)];
    const moments = zeroMoments8Bit(n);
    const [m, v] = [new Float64Array(n), new Float64Array(n)];
    const noise = noiseFrom(4);
    const settings = { ...SETTINGS, lr: 0.003 };
    for (let t = 1; t <= 200; t++) {
      const jitter = randomArray(n, 100 + t, 0.5);
      const gradient = (x: Float64Array): Float64Array => x.map((value, i) => size[i]! * (value - goal[i]! + jitter[i]!));
      adamw8Bit(p, gradient(p), moments, t, 1, settings, noise);
      adamw(exact, gradient(exact), m, v, t, 1, settings);
    }
    expect(loss(exact)).toBeLessThan(0.6 * loss(new Float64Array(n)));
    expect(Math.abs(loss(p) / loss(exact) - 1)).toBeLessThan(0.01);
  });
});

describe('the rounding noise', () => {
  it('is uniform and unrelated between words, neighbours and steps', () => {
    const draw = (i: number, step: number): number[] =>
      pcg4([i, step, 2, 7]).flatMap((w) => [(w >>> 16) / 65536 - 0.5, (w & 0xffff) / 65536 - 0.5]);
    const n = 20_000;
    const sums = { mean: 0, square: 0, neighbour: 0, nextStep: 0, other: 0 };
    for (let i = 0; i < n; i++) {
      const [here, neighbour, next] = [draw(i, 5), draw(i + 1, 5), draw(i, 6)];
      here.forEach((u, k) => {
        sums.mean += u;
        sums.square += u * u;
        sums.neighbour += u * neighbour[k]!;
        sums.nextStep += u * next[k]!;
        sums.other += u * here[(k + 1) % 8]!;
      });
    }
    const count = 8 * n;
    const spread = 5 / Math.sqrt(count);
    expect(Math.abs(sums.mean / count)).toBeLessThan(spread * Math.sqrt(1 / 12));
    expect(Math.abs(sums.square / count - 1 / 12)).toBeLessThan(spread / 12);
    for (const product of [sums.neighbour, sums.nextStep, sums.other]) expect(Math.abs(product / count)).toBeLessThan(spread / 12);
  });
});
