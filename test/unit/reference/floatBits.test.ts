// The reference of f16 and bf16 against known bit patterns, and the two layouts as permutations.
import { describe, expect, it } from 'vitest';
import {
  bfloatToNumber,
  halfToNumber,
  headMajorQkvPlace,
  numberToBfloat,
  numberToHalf,
  transposedPlace,
} from '../../reference/floatBits.ts';

describe('f16 and bf16', () => {
  it('have the known patterns', () => {
    const patterns: [number, number][] = [
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x3555, 0.333251953125],
    ];
    for (const [bits, value] of patterns) {
      expect(halfToNumber(bits)).toBe(value);
      expect(numberToHalf(value)).toBe(bits);
    }
    expect(bfloatToNumber(0x3f80)).toBe(1);
    expect(bfloatToNumber(0x4049)).toBe(3.140625);
    expect(numberToBfloat(Math.PI)).toBe(0x4049);
  });
  it('come back from every number that they hold', () => {
    for (let bits = 0; bits < 0x7c00; bits += 7) expect(numberToHalf(halfToNumber(bits))).toBe(bits);
    for (let bits = 0; bits < 0x7f80; bits += 7) expect(numberToBfloat(bfloatToNumber(bits))).toBe(bits);
  });
  it('round ties to even and overflow to infinity', () => {
    expect(numberToHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(numberToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(numberToHalf(2 ** -25)).toBe(0);
    expect(numberToHalf(65519)).toBe(0x7bff);
    expect(numberToHalf(65520)).toBe(0x7c00);
    expect(numberToHalf(-Infinity)).toBe(0xfc00);
    expect(numberToHalf(-0)).toBe(0x8000);
  });
});

describe('layouts', () => {
  it('transpose', () => {
    // (2, 3) in the file: 0 1 2 / 3 4 5 becomes (3, 2): 0 3 / 1 4 / 2 5
    expect([0, 1, 2, 3, 4, 5].map((s) => transposedPlace(s, 2, 3))).toEqual([0, 2, 4, 1, 3, 5]);
  });
  it('sort (head, q | k | v) into q, k, v', () => {
    // 2 heads of 1: q0 k0 v0 q1 k1 v1 becomes q0 q1 k0 k1 v0 v1
    expect([0, 1, 2, 3, 4, 5].map((s) => headMajorQkvPlace(s, 2, 1, 1))).toEqual([0, 2, 4, 1, 3, 5]);
    const places = Array.from({ length: 2 * 3 * 4 * 5 }, (_, s) => headMajorQkvPlace(s, 2, 4, 5));
    expect(new Set(places).size).toBe(120);
  });
});
