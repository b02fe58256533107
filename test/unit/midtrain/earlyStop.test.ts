// When an E-step has converged.
import { describe, expect, it } from 'vitest';
import { hasConverged } from '../../../src/midtrain/earlyStop.ts';

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
