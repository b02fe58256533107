// The references of the row-wise kernels: gradients by finite differences, erfc against published values.
import { describe, expect, it } from 'vitest';
import { ACTIVATIONS, erfc, gatedBackward, gatedForward } from '../../reference/mlp.ts';
import {
  headNormBackward,
  headNormForward,
  layerNormBackward,
  layerNormForward,
  rmsNormBackward,
  rmsNormForward,
} from '../../reference/norm.ts';
import { dot, expectGradient, randomArray } from './finiteDifference.ts';

const EPS = 1e-5;
const [R, C] = [3, 7];

describe('norms', () => {
  it.each([0, 1])('rms norm with offset %s has the right gradients', (offset) => {
    const [x, gamma, dy] = [randomArray(R * C, 1), randomArray(C, 2), randomArray(R * C, 3)];
    const f = () => dot(rmsNormForward(x, gamma, EPS, offset).y, dy);
    const { dx, dgamma } = rmsNormBackward(dy, x, gamma, rmsNormForward(x, gamma, EPS, offset).rstd, offset);
    expectGradient(f, x, dx);
    expectGradient(f, gamma, dgamma);
  });
  it('layer norm has the right gradients', () => {
    const [x, gamma, beta, dy] = [randomArray(R * C, 4), randomArray(C, 5), randomArray(C, 6), randomArray(R * C, 7)];
    const f = () => dot(layerNormForward(x, gamma, beta, EPS).y, dy);
    const { dx, dgamma, dbeta } = layerNormBackward(dy, x, gamma, layerNormForward(x, gamma, beta, EPS));
    expectGradient(f, x, dx);
    expectGradient(f, gamma, dgamma);
    expectGradient(f, beta, dbeta);
  });
  it.each([0, 1])('head norm with offset %s has the right gradients and leaves values', (offset) => {
    const heads = { H: 2, K: 1, D: 5 };
    const width = 4 * 5;
    const [x, q, k, dy] = [randomArray(R * width, 8), randomArray(5, 9), randomArray(5, 10), randomArray(R * width, 11)];
    const { y, rstd } = headNormForward(x, q, k, heads, EPS, offset);
    for (let r = 0; r < R; r++) expect(y.subarray(r * width + 15, (r + 1) * width)).toEqual(x.subarray(r * width + 15, (r + 1) * width));
    const f = () => dot(headNormForward(x, q, k, heads, EPS, offset).y, dy);
    const { dx, dqGamma, dkGamma } = headNormBackward(dy, x, q, k, heads, rstd, offset);
    expectGradient(f, x, dx);
    expectGradient(f, q, dqGamma);
    expectGradient(f, k, dkGamma);
  });
});

describe('activations', () => {
  it('erfc has the published values', () => {
    // Abramowitz and Stegun, tables 7.1 and 7.3; DLMF 7.23
    const table: [number, number][] = [
      [0, 1],
      [0.5, 0.4795001221869534],
      [1, 0.15729920705028513],
      [2, 0.004677734981047266],
      [3, 2.209049699858544e-5],
      [5, 1.5374597944280349e-12],
      [-1, 1.8427007929497148],
    ];
    for (const [z, value] of table) expect(Math.abs(erfc(z) / value - 1)).toBeLessThan(1e-12);
    expect(Math.abs(erfc(2.4999999) / erfc(2.5000001) - 1)).toBeLessThan(2e-6);
  });
  it('gelu_tanh is 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))', () => {
    for (const x of [-3, -0.7, 0, 0.2, 1, 4]) {
      const literal = 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
      expect(ACTIVATIONS.gelu_tanh.value(x)).toBeCloseTo(literal, 13);
    }
  });
  it.each(['silu', 'gelu', 'gelu_tanh'] as const)('%s has the right slope, alone and gated', (name) => {
    const { value, slope } = ACTIVATIONS[name];
    for (let x = -6; x <= 6; x += 0.37) expect(slope(x)).toBeCloseTo((value(x + 1e-5) - value(x - 1e-5)) / 2e-5, 8);
    const [gu, dh] = [randomArray(R * 2 * C, 12, 3), randomArray(R * C, 13)];
    expectGradient(() => dot(gatedForward(gu, C, name), dh), gu, gatedBackward(dh, gu, C, name));
  });
});
