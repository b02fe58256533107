// Learning rates step by step against transformers' schedules, and the borders of each.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { learningRate, type Schedule } from '../../../src/model/schedule.ts';

const golden = JSON.parse(readFileSync(new URL('../../golden/training/schedules.json', import.meta.url)).toString()) as {
  totalSteps: number;
  warmupSteps: number;
  decaySteps: number;
  factors: Record<string, number[]>;
};
const { totalSteps, warmupSteps, decaySteps } = golden;
const base = { peak: 1, warmupSteps, minRatio: 0 };
const stable = { ...base, kind: 'warmupStableDecay', decaySteps } as const;
const SCHEDULES: Record<string, Schedule> = {
  constant: { ...base, kind: 'constant', warmupSteps: 0 },
  constantWithWarmup: { ...base, kind: 'constant' },
  linear: { ...base, kind: 'linear' },
  cosine: { ...base, kind: 'cosine' },
  cosineToTenth: { ...base, kind: 'cosine', minRatio: 0.1 },
  warmupStableDecayLinear: { ...stable, decayShape: 'linear' },
  warmupStableDecayCosine: { ...stable, decayShape: 'cosine' },
  warmupStableDecaySqrt: { ...stable, decayShape: 'sqrt' },
};

describe('schedules', () => {
  it.each(Object.keys(golden.factors))('%s follows transformers', (name) => {
    const schedule = SCHEDULES[name]!;
    golden.factors[name]!.forEach((expected, step) => {
      expect(learningRate(schedule, step, totalSteps), `step ${step}`).toBeCloseTo(expected, 12);
      expect(learningRate({ ...schedule, peak: 3e-4 }, step, totalSteps)).toBeCloseTo(3e-4 * expected, 15);
    });
  });

  it('stay at their lowest rate beyond the end', () => {
    for (const kind of ['linear', 'cosine', 'warmupStableDecay'] as const) {
      const schedule: Schedule = { kind, peak: 2, warmupSteps: 3, minRatio: 0.25, decaySteps: 5 };
      for (const step of [10, 11, 1000]) expect(learningRate(schedule, step, 10)).toBeCloseTo(0.5, 12);
      expect(learningRate(schedule, 3, 10)).toBeCloseTo(2, 12);
    }
  });

  it('refuse what does not fit, naming the numbers', () => {
    const schedule: Schedule = { kind: 'warmupStableDecay', peak: 1, warmupSteps: 6, minRatio: 0, decaySteps: 5 };
    expect(() => learningRate(schedule, 0, 10)).toThrow(/6 updates of warm-up and 5 of decay do not fit 10/);
    expect(() => learningRate({ ...schedule, minRatio: 2 }, 0, 20)).toThrow(/2 of its peak/);
    expect(learningRate({ ...schedule, decaySteps: 0 }, 19, 20)).toBe(1);
    expect(learningRate({ ...schedule, decaySteps: 0 }, 20, 20)).toBe(0);
  });
});
