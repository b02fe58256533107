// Central differences in float64, for checking backward passes.
import { expect } from 'vitest';
import { makeRng } from '../../../src/tasks/rng.ts';

/** Values in (-scale, scale), the same for the same seed. */
export function randomArray(length: number, seed: number, scale = 1): Float64Array {
  const rng = makeRng(seed, 0);
  return Float64Array.from({ length }, () => scale * (2 * rng.uniform() - 1));
}

export function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, v, i) => sum + v * b[i]!, 0);
}

/** Asserts that `gradient` is the gradient of f at x, entry by entry (every `stride`-th one); x is put back. */
export function expectGradient(f: () => number, x: Float64Array, gradient: Float64Array, stride = 1, step = 1e-5): void {
  expect(gradient.length).toBe(x.length);
  for (let i = 0; i < x.length; i += stride) {
    const kept = x[i]!;
    x[i] = kept + step;
    const above = f();
    x[i] = kept - step;
    const below = f();
    x[i] = kept;
    const numeric = (above - below) / (2 * step);
    expect(Math.abs(numeric - gradient[i]!), `entry ${i}: ${gradient[i]} given, ${numeric} by differences`).toBeLessThan(
      1e-6 * (1 + Math.abs(numeric)),
    );
  }
}
