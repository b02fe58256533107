// Lines of many points: extents by blocks equal those by hand, thinning keeps what a person would miss, smoothing is debiased.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thin, Track, Values } from '../../../src/app/track.ts';

function trackOf(ys: readonly number[], x = (i: number) => i): Track {
  const track = new Track();
  ys.forEach((y, i) => {
    track.push(x(i), y);
  });
  return track;
}

const edgesOf = (from: number, to: number, columns: number) =>
  Array.from({ length: columns + 1 }, (_, i) => from + ((to - from) * i) / columns);

describe('the extent of a stretch', () => {
  it('is that of its values, however they came', () => {
    const value = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -50, max: 50 }) }, { weight: 1, arbitrary: fc.constant(Number.NaN) });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 700 }), fc.nat(700), fc.nat(700), (given, a, b) => {
        const values = new Values();
        for (const each of given) values.push(each);
        const [from, to] = [Math.min(a, b, given.length), Math.min(Math.max(a, b), given.length)];
        const part = given.slice(from, to);
        const finite = part.filter(Number.isFinite);
        expect(values.extent(from, to)).toEqual({
          min: Math.min(...finite),
          max: Math.max(...finite),
          gaps: part.length - finite.length,
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('smoothing', () => {
  it('is debiased: a constant stays itself from its first point', () => {
    for (const value of trackOf([3, 3, 3]).smooth(0.9).at.subarray(0, 3)) expect(value).toBeCloseTo(3, 12);
  });

  it('is the weighted mean of all values up to a point, by the formula', () => {
    const ys = [1, -2, 5, 0.5, 4];
    const weight = 0.8;
    const smoothed = trackOf(ys).smooth(weight).at;
    ys.forEach((_, i) => {
      const weights = ys.slice(0, i + 1).map((__, j) => weight ** (i - j));
      const mean = weights.reduce((sum, w, j) => sum + w * ys[j]!, 0) / weights.reduce((sum, w) => sum + w, 0);
      expect(smoothed[i]).toBeCloseTo(mean, 12);
    });
  });

  it('steps over gaps and keeps them', () => {
    const smoothed = trackOf([1, Number.NaN, 2]).smooth(0.5).at;
    expect(smoothed[0]).toBe(1);
    expect(smoothed[1]).toBeNaN();
    expect(smoothed[2]).toBeCloseTo((0.25 * 1 + 0.5 * 2) / 0.75, 12);
  });

  it('goes on where it was when points come, and starts anew for another weight', () => {
    const track = trackOf([1, 2, 3]);
    track.smooth(0.5);
    track.push(3, 9);
    expect([...track.smooth(0.5).at.subarray(0, 4)]).toEqual([...trackOf([1, 2, 3, 9]).smooth(0.5).at.subarray(0, 4)]);
    expect(track.smooth(0)).toBe(track.y);
    expect(track.smooth(0.9).at[3]).toBeCloseTo(trackOf([1, 2, 3, 9]).smooth(0.9).at[3]!, 12);
  });
});

describe('thinning', () => {
  it('leaves few points as they are', () => {
    const track = trackOf([5, 6, 7]);
    expect(thin(track, track.y, 3, edgesOf(0, 2, 100))).toEqual({ x: [0, 1, 2], y: [5, 6, 7], gaps: [] });
  });

  it('keeps a single spike among 50,000 points, up and down, and where the line begins and ends', () => {
    const ys = Array.from({ length: 50_000 }, () => 1);
    ys[31_234] = 99;
    ys[7] = -99;
    const track = trackOf(ys);
    const { x, y, gaps } = thin(track, track.y, ys.length, edgesOf(0, 49_999, 300));
    expect(y.length).toBeLessThanOrEqual(300 * 4 + 2);
    expect([Math.min(...y), Math.max(...y)]).toEqual([-99, 99]);
    expect(Math.abs(x[y.indexOf(99)]! - 31_234)).toBeLessThan(50_000 / 300);
    expect(gaps).toEqual([]);
    expect([...x].sort((a, b) => a - b)).toEqual(x);
  });

  it('breaks at a value that was not finite and marks it', () => {
    const ys = Array.from({ length: 20_000 }, (_, i) => (i === 12_345 ? Number.NaN : 1));
    const track = trackOf(ys);
    const { x, y, gaps } = thin(track, track.y, ys.length, edgesOf(0, 19_999, 200));
    expect(gaps).toHaveLength(1);
    expect(Math.abs(gaps[0]! - 12_345)).toBeLessThan(100);
    const broken = y.findIndex(Number.isNaN);
    expect(Math.abs(x[broken]! - 12_345)).toBeLessThan(100);
    expect(thin(trackOf([1, Number.NaN, 2]), trackOf([1, Number.NaN, 2]).y, 3, [0, 1, 2])).toEqual({
      x: [0, 1, 2],
      y: [1, Number.NaN, 2],
      gaps: [1],
    });
  });

  it('has every column’s least and largest value', () => {
    const ys = Array.from({ length: 5000 }, (_, i) => Math.sin(i * i));
    const track = trackOf(ys, (i) => i ** 1.5);
    const edges = edgesOf(0, 4999 ** 1.5, 50);
    const { x, y } = thin(track, track.y, ys.length, edges);
    for (let column = 0; column < 50; column++) {
      const inside = ys.filter((_, i) => i ** 1.5 >= edges[column]! && (i ** 1.5 < edges[column + 1]! || column === 49));
      const drawn = y.filter((_, i) => x[i]! >= edges[column]! && (x[i]! < edges[column + 1]! || column === 49));
      expect(Math.min(...drawn)).toBe(Math.min(...inside));
      expect(Math.max(...drawn)).toBe(Math.max(...inside));
    }
  });

  it('of a stretch draws on to the points beyond its ends, and stops at the wanted length', () => {
    const track = trackOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(thin(track, track.y, 10, edgesOf(3, 5, 10)).x).toEqual([2, 3, 4, 5, 6]);
    expect(thin(track, track.y, 5, edgesOf(3, 5, 10)).x).toEqual([2, 3, 4]);
    expect(thin(track, track.y, 0, edgesOf(3, 5, 10)).x).toEqual([]);
  });

  it('lifts the pen where there is no logarithm', () => {
    const track = trackOf([1, 0, 10]);
    expect(thin(track, track.y, 3, edgesOf(0, 2, 10), true)).toEqual({ x: [0, 1, 2], y: [1, Number.NaN, 10], gaps: [] });
  });
});
