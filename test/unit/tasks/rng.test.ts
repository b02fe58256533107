// Philox against the published vectors of Random123 (kat_vectors), and what the stream promises.
import { describe, expect, it } from 'vitest';
import { makeRng, philox, philox4x32, unitFloat } from '../../../src/tasks/rng.ts';

const hex = (words: number[]) => words.map((w) => w.toString(16).padStart(8, '0')).join(' ');

describe('philox', () => {
  it('gives the published words for counter and key of zeros, ones and pi', () => {
    expect(hex(philox4x32(0, 0, 0, 0, 0, 0))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    const f = 0xffffffff;
    expect(hex(philox4x32(f, f, f, f, f, f))).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
    expect(hex(philox4x32(0xa4093822, 0x299f31d0, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344))).toBe(
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    );
  });
  it('reads a cell with key (seed, stream) and counter (step, row, column, 0)', () => {
    expect(philox(1, 2, 3, 4, 5)).toEqual(philox4x32(1, 2, 3, 4, 5, 0));
  });
  it('turns words into floats strictly between 0 and 1 that f32 holds exactly', () => {
    for (const word of [0, 1, 0x7fffffff, 0x80000000, 0xfffffe00, 0xffffffff]) {
      const u = unitFloat(word);
      expect(u).toBeGreaterThan(0);
      expect(u).toBeLessThan(1);
      expect(Math.fround(u)).toBe(u);
    }
  });
});

describe('makeRng', () => {
  it('repeats itself from the same seed and stream and differs for another', () => {
    const draw = (seed: number, stream: number) => {
      const rng = makeRng(seed, stream);
      return Array.from({ length: 9 }, () => rng.uniform());
    };
    expect(draw(7, 1)).toEqual(draw(7, 1));
    expect(draw(7, 1)).not.toEqual(draw(7, 2));
    expect(draw(7, 1)).not.toEqual(draw(8, 1));
  });
  it('forks by name, whatever was drawn before', () => {
    const a = makeRng(3, 0);
    const b = makeRng(3, 0);
    b.uniform();
    expect(a.fork(5).uniform()).toBe(b.fork(5).uniform());
    expect(a.fork(5).uniform()).not.toBe(a.fork(6).uniform());
  });
  it('draws integers evenly', () => {
    const rng = makeRng(11, 0);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60000; i++) counts[rng.int(6)]! += 1;
    const chi2 = counts.reduce((s, c) => s + (c - 10000) ** 2 / 10000, 0);
    expect(chi2).toBeLessThan(20.5); // 5 degrees of freedom, p = 0.001
  });
  it('draws uniforms with mean 1/2 and variance 1/12', () => {
    const rng = makeRng(12, 0);
    let s = 0;
    let s2 = 0;
    for (let i = 0; i < 50000; i++) {
      const u = rng.uniform();
      s += u;
      s2 += u * u;
    }
    expect(s / 50000).toBeCloseTo(0.5, 2);
    expect(s2 / 50000 - (s / 50000) ** 2).toBeCloseTo(1 / 12, 2);
  });
  it('refuses what is no unsigned 32-bit integer, with the value', () => {
    expect(() => makeRng(-1, 0)).toThrow(/-1/);
    expect(() => makeRng(1, 0).int(0)).toThrow(/int\(0\)/);
  });
});
