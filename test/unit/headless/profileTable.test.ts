// The table of a profile: what a person reads of where a step's time goes.
import { describe, expect, it } from 'vitest';
import type { DispatchTiming, Profile } from '../../../src/engine/profile.ts';
import { sumByKernel } from '../../../src/engine/profile.ts';
import { profileTable } from '../../../src/headless/profileTable.ts';

const dispatch = (kernel: string, timeUs: number, flops: number, bytes: number): DispatchTiming => ({
  kernel,
  phase: 'forward',
  layer: null,
  grid: [1, 1, 1],
  timeUs,
  flops,
  bytes,
});
const dispatches = [dispatch('linear/matmul_nt_4x4', 750, 3e6, 3e5), dispatch('norm/rms_norm', 250, 0, 5e5)];
const profile: Profile = {
  plan: 'train',
  method: 'timestamps',
  resolutionUs: 0.001,
  rounds: 3,
  timeMs: 1,
  dispatches,
  kernels: sumByKernel(dispatches),
};
const ceiling = { gflopPerS: 8, gbPerS: 4 };

describe('the table of a profile', () => {
  it('has a line per kernel and one of all', () => {
    const lines = profileTable(profile, ceiling)
      .split('\n')
      .map((line) => line.trim().replace(/ {2,}/g, ' | '));
    expect(lines[0]).toBe('kernel | calls | ms | share | GFLOP/s | of ceiling | GB/s | of ceiling');
    expect(lines.slice(2, 5)).toEqual([
      'linear/matmul_nt_4x4 | 1 | 0.750 | 75.0 % | 4.00 | 50.0 % | 0.400 | 10.0 %',
      'norm/rms_norm | 1 | 0.250 | 25.0 % | - | 0.0 % | 2.00 | 50.0 %',
      'all | 2 | 1.000 | 100.0 % | 3.00 | 37.5 % | 0.800 | 20.0 %',
    ]);
  });

  it('says how it was measured', () => {
    expect(profileTable(profile, ceiling)).toContain('GPU timestamps around every dispatch, mean of 3 rounds. Ceiling');
    expect(profileTable({ ...profile, resolutionUs: 65.536 }, ceiling)).toContain('they come in steps of 66 us');
    expect(profileTable({ ...profile, method: 'submissions', resolutionUs: 120 }, ceiling)).toContain('no timestamps on this adapter');
  });
});
