// Segments, horizons and think rates on small cases that can be counted by hand.
import { describe, expect, it } from 'vitest';
import {
  decisionsPerProgram,
  durationHistogram,
  durationShares,
  effectiveHorizon,
  geometricPrior,
  geometricShares,
  meanDuration,
  persistence,
  segmentsOf,
  thinkRates,
} from '../../../src/midtrain/durations.ts';

const programs = [
  [0, 1, 0, 0, 1, 0],
  [1, 1, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0],
];

describe('segments', () => {
  it('start at a thought and last to the next; lines before the first are none', () => {
    expect(segmentsOf(programs[0]!)).toEqual([
      { start: 1, duration: 3, cut: false },
      { start: 4, duration: 2, cut: true },
    ]);
    expect(segmentsOf(programs[2]!)).toEqual([]);
  });
  it('have a mean length, a histogram and a persistence', () => {
    expect(meanDuration(programs)).toBeCloseTo((3 + 2 + 1 + 5) / 4, 12);
    expect(durationHistogram(programs, 6)).toEqual([1, 1, 1, 0, 1, 0]);
    // boundaries at which a thought was held: 3 + 1 + 1 + 4; kept at 2 + 1 + 0 + 4
    expect(persistence(programs)).toBeCloseTo(7 / 9, 12);
    expect([meanDuration([[0]]), persistence([[0]])]).toEqual([null, null]);
  });
  it('have shares by duration, beside those of a geometric duration cut by the end', () => {
    expect(durationShares(programs, 3)).toEqual([0.25, 0.25, 0.25]);
    expect([durationShares([[0]], 3), geometricShares([[0]], 0.5, 3)]).toEqual([null, null]);
    // one segment with three lines left: 1 - a, (1 - a) a, a^2
    expect(geometricShares([[0, 1, 0, 0]], 0.5, 4)).toEqual([0.5, 0.25, 0.25, 0]);
    expect(geometricShares(programs, 0.9, 6)!.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
  });
  it('make the decisions of a program: one each, and every line before the first', () => {
    expect(decisionsPerProgram(programs)).toBeCloseTo((3 + 2 + 6) / 3, 12);
    expect(decisionsPerProgram([])).toBeNull();
  });
  it('give the effective horizon and the largest mean over starts', () => {
    const h = effectiveHorizon(programs, 0.9)!;
    const gbar = (0.9 ** 3 + 0.9 ** 2 + 0.9 + 0.9 ** 5) / 4;
    expect(h.gbar).toBeCloseTo(gbar, 12);
    expect(h.horizon).toBeCloseTo(1 / (1 - gbar), 12);
    expect(h.gbarSup).toBeCloseTo(0.9, 12);
    expect(effectiveHorizon([[0]], 0.9)).toBeNull();
  });
});

describe('geometricPrior', () => {
  it('sums to 1', () => {
    let total = 0;
    for (let d = 1; d < 500; d++) total += geometricPrior(0.9, d);
    expect(total).toBeCloseTo(1, 10);
  });
});

describe('thinkRates', () => {
  const line = (kind: string, useful: boolean, latent: number[] | null) => ({ kind, useful, latent, oracle: null });
  const truth = [{ ...line('plain', false, [3]), oracle: [3] }, line('recall', true, [3]), line('recall', true, [3])];
  it('counts by line and kind, precision, recall, and what is held', () => {
    const r = thinkRates([
      { latents: [[3], null, null], truth },
      { latents: [null, [2], null], truth },
    ]);
    expect(r.rate).toBeCloseTo(1 / 3, 12);
    expect(r.byLine).toEqual([0.5, 0.5, 0]);
    expect(r.byKind).toEqual({ plain: 0.5, recall: 0.25 });
    expect([r.precision, r.recall, r.contentRight, r.heldRight, r.perProgram]).toEqual([0.5, 0.5, 0.5, 0.5, 1]);
  });
  it('gives nulls without truth or thoughts', () => {
    const r = thinkRates([{ latents: [null, null], truth: [] }]);
    expect([r.precision, r.recall, r.contentRight, r.heldRight]).toEqual([null, null, null, null]);
  });
});
