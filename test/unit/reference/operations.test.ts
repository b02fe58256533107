// Every backward of the references against finite differences; every forward against what defines it.
import { describe, expect, it } from 'vitest';
import { attentionBackward, attentionForward, type AttentionShape } from '../../reference/attention.ts';
import { crossEntropyRows, type LossRow } from '../../reference/crossEntropy.ts';
import { embeddingBackward, embeddingForward, matmulNN, matmulNT, matmulTN } from '../../reference/linear.ts';
import { swigluBackward, swigluForward } from '../../reference/mlp.ts';
import { rmsNormBackward, rmsNormForward } from '../../reference/norm.ts';
import { adamw, clipFactor, globalNorm } from '../../reference/optimiser.ts';
import { rope } from '../../reference/rope.ts';
import { PLAIN, samplerDistribution } from '../../reference/sampler.ts';
import { dot, expectGradient, randomArray } from './finiteDifference.ts';

const close = (a: ArrayLike<number>, b: ArrayLike<number>, digits = 12) => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i]!, digits);
};

describe('linear', () => {
  const [M, N, K] = [3, 4, 5];
  const x = randomArray(M * K, 1);
  const w = randomArray(N * K, 2);
  const dy = randomArray(M * N, 3);
  it('dX = dY W and dW = dY^T X are the gradients of Y = X W^T', () => {
    const f = () => dot(matmulNT(x, w, M, N, K), dy);
    expectGradient(f, x, matmulNN(dy, w, M, K, N));
    expectGradient(f, w, matmulTN(dy, x, N, K, M));
  });
  it('multiplies', () => {
    expect(Array.from(matmulNT(Float64Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8), 2, 2, 2))).toEqual([17, 23, 39, 53]);
    expect(Array.from(matmulNN(Float64Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8), 2, 2, 2))).toEqual([19, 22, 43, 50]);
    expect(Array.from(matmulTN(Float64Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8), 2, 2, 2))).toEqual([26, 30, 38, 44]);
  });
  it('looks up embeddings and adds the gradients of an id that comes twice', () => {
    const table = randomArray(5 * 3, 4);
    const ids = [4, 0, 4, 2];
    const up = randomArray(4 * 3, 5);
    expectGradient(() => dot(embeddingForward(table, ids, 3), up), table, embeddingBackward(up, ids, 5, 3));
    expect(Array.from(embeddingForward(table, [9], 3))).toEqual([0, 0, 0]);
  });
});

describe('rmsNorm', () => {
  it('has unit mean square before gamma, and the right gradients', () => {
    const [R, C] = [3, 6];
    const x = randomArray(R * C, 6, 2);
    const gamma = randomArray(C, 7);
    const dy = randomArray(R * C, 8);
    const { rstd } = rmsNormForward(x, gamma, 1e-5);
    const { dx, dgamma } = rmsNormBackward(dy, x, gamma, rstd);
    const f = () => dot(rmsNormForward(x, gamma, 1e-5).y, dy);
    expectGradient(f, x, dx);
    expectGradient(f, gamma, dgamma);
    const { y } = rmsNormForward(x, new Float64Array(C).fill(1), 0);
    expect(dot(y, y) / (R * C)).toBeCloseTo(1, 12);
  });
});

describe('rope', () => {
  const shape = { heads: 3, rotated: 2, D: 4, theta: 100 };
  const x = randomArray(2 * 12, 9);
  it('leaves position 0 and the values as they are, keeps lengths, and is undone by its transpose', () => {
    const y = rope(x, [0, 7], shape);
    close(y.subarray(0, 12), x.subarray(0, 12));
    close(y.subarray(20), x.subarray(20));
    expect(dot(y, y)).toBeCloseTo(dot(x, x), 10);
    close(rope(y, [0, 7], shape, -1), x);
  });
  it('depends on the difference of positions alone in a product of query and key', () => {
    const product = (i: number, j: number) => {
      const y = rope(x, [i, j], shape);
      return dot(y.slice(0, 4), y.slice(12, 16));
    };
    expect(product(3, 1)).toBeCloseTo(product(13, 11), 10);
  });
  it('has its backward as gradient', () => {
    const dy = randomArray(24, 10);
    expectGradient(() => dot(rope(x, [2, 5], shape), dy), x, rope(dy, [2, 5], shape, -1));
  });
});

describe('attention', () => {
  const base: AttentionShape = { B: 2, T: 5, H: 4, K: 2, D: 4, W: 0 };
  const cases: [string, AttentionShape][] = [
    ['grouped queries', base],
    ['a window', { ...base, W: 2 }],
    ['a window and pinned ranges', { ...base, W: 2, pinLo: [0, 0, 0, 0, 1, 0, 1, 1, 3, 3], pinHi: [0, 1, 1, 1, 3, 0, 2, 2, 5, 5] }],
    ['lengths', { ...base, lengths: [3, 5] }],
  ];
  it.each(cases)('has the right gradient with %s', (_, s) => {
    const qkv = randomArray(s.B * s.T * (s.H + 2 * s.K) * s.D, 11, 1.5);
    const dO = randomArray(s.B * s.T * s.H * s.D, 12);
    const { o, L } = attentionForward(qkv, s);
    expectGradient(() => dot(attentionForward(qkv, s).o, dO), qkv, attentionBackward(dO, qkv, o, L, s), 3);
  });
  const qkv = randomArray(2 * 5 * 8 * 4, 13);
  const row = (o: Float64Array, i: number) => o.subarray(i * 16, (i + 1) * 16);
  it('copies the value where a position sees itself alone', () => {
    const { o, L } = attentionForward(qkv, { ...base, W: 1 });
    const v = (h: number) => qkv.subarray((8 * 1 + 6 + Math.floor(h / 2)) * 4, (8 * 1 + 7 + Math.floor(h / 2)) * 4);
    for (let h = 0; h < 4; h++) close(row(o, 1).subarray(h * 4, h * 4 + 4), v(h));
    expect(L[1]).toBeCloseTo(dot(qkv.slice(32, 36), qkv.slice(48, 52)) / 2, 12);
  });
  it('counts a key once that is in the window and pinned, and never looks ahead', () => {
    const all = attentionForward(qkv, base).o;
    close(attentionForward(qkv, { ...base, pinLo: new Array(10).fill(0), pinHi: new Array(10).fill(5) }).o, all);
    close(attentionForward(qkv, { ...base, W: 1, pinLo: new Array(10).fill(0), pinHi: new Array(10).fill(5) }).o, all);
  });
  it('gives zeros beyond the length and takes nothing from there', () => {
    const { o } = attentionForward(qkv, { ...base, lengths: [3, 5] });
    expect(Array.from(o.subarray(3 * 16, 5 * 16)).every((v) => v === 0)).toBe(true);
    close(o.subarray(0, 48), attentionForward(qkv, base).o.subarray(0, 48));
  });
});

describe('swiglu', () => {
  it('has the right gradient', () => {
    const gu = randomArray(3 * 8, 14, 3);
    const dh = randomArray(3 * 4, 15);
    expectGradient(() => dot(swigluForward(gu, 4), dh), gu, swigluBackward(dh, gu, 4));
  });
});

describe('crossEntropyRows', () => {
  const V = 7;
  const rows: LossRow[] = [
    { target: 3, mode: 'full', weight: 0.7, entropyWeight: 0.2 },
    { target: 4, mode: 'restricted', lo: 2, hi: 6, weight: -1.3, entropyWeight: 0.1 },
    { target: 5, mode: 'binary', taken: true, bias: 0.8, weight: 0.9, entropyWeight: 0.3 },
    { target: 5, mode: 'binary', taken: false, bias: -1.2, weight: 0.9, entropyWeight: 0.3 },
    { target: 0, mode: 'binary', taken: false, weight: 2 },
    { target: 1, mode: 'full', weight: 0 },
  ];
  const logits = randomArray(rows.length * V, 16, 3);
  const out = crossEntropyRows(logits, V, rows);
  it('has the right gradient in every mode, entropy included', () => {
    expectGradient(() => crossEntropyRows(logits, V, rows).loss, logits, out.dlogits);
  });
  it('gives the log-probability and entropy of the distribution of each mode', () => {
    const softmax = (r: number, lo: number, hi: number) => {
      const e = Array.from(logits.subarray(r * V + lo, r * V + hi), Math.exp);
      return e.map((v) => v / e.reduce((a, b) => a + b, 0));
    };
    const H = (p: number[]) => -p.reduce((s, v) => s + v * Math.log(v), 0);
    expect(out.logprob[0]).toBeCloseTo(Math.log(softmax(0, 0, V)[3]!), 12);
    expect(out.entropy[0]).toBeCloseTo(H(softmax(0, 0, V)), 12);
    expect(out.logprob[1]).toBeCloseTo(Math.log(softmax(1, 2, 6)[2]!), 12);
    expect(out.entropy[1]).toBeCloseTo(H(softmax(1, 2, 6)), 12);
    const k = softmax(2, 0, V)[5]!;
    const shifted = 1 / (1 + Math.exp(-(Math.log(k / (1 - k)) + 0.8)));
    expect(out.logprob[2]).toBeCloseTo(Math.log(shifted), 12);
    expect(out.entropy[2]).toBeCloseTo(H([shifted, 1 - shifted]), 12);
    expect(out.logprob[4]).toBeCloseTo(Math.log(1 - softmax(4, 0, V)[0]!), 12);
  });
  it('leaves rows of weight 0 and ids outside the range without gradient', () => {
    expect(Array.from(out.dlogits.subarray(5 * V)).every((v) => Math.abs(v) === 0)).toBe(true);
    expect([0, 1, 6].every((j) => out.dlogits[V + j] === 0)).toBe(true);
  });
  it('stays finite at large logits', () => {
    const big = crossEntropyRows(Float64Array.of(1000, -1000, 0), 3, [{ target: 1, mode: 'full', weight: 1 }]);
    expect(big.logprob[0]).toBe(-2000);
    expect(Number.isFinite(big.loss)).toBe(true);
  });
});

describe('adamw', () => {
  it('moves by lr against the sign of the first gradient, after decay', () => {
    const p = Float64Array.of(1, -2);
    adamw(p, Float64Array.of(0.3, -40), new Float64Array(2), new Float64Array(2), 1, 1, {
      lr: 0.1,
      beta1: 0.9,
      beta2: 0.999,
      eps: 0,
      weightDecay: 0.5,
    });
    close(p, [0.95 - 0.1, -1.9 + 0.1]);
  });
  it('clips by the global norm', () => {
    expect(globalNorm([Float64Array.of(3), Float64Array.of(0, 4)])).toBe(5);
    expect(clipFactor(5, 1)).toBeCloseTo(0.2, 6);
    expect([clipFactor(0.5, 1), clipFactor(5, 0)]).toEqual([1, 1]);
  });
});

describe('samplerDistribution', () => {
  const logits = [1, 3, 2, 3].map((v) => Math.log(v));
  it('applies temperature, top-k and top-p in this order', () => {
    close(samplerDistribution(logits, PLAIN), [1 / 9, 3 / 9, 2 / 9, 3 / 9]);
    close(samplerDistribution(logits, { ...PLAIN, temperature: 0.5 }), [1 / 23, 9 / 23, 4 / 23, 9 / 23]);
    close(samplerDistribution(logits, { ...PLAIN, topK: 3 }), [0, 3 / 8, 2 / 8, 3 / 8]);
    close(samplerDistribution(logits, { ...PLAIN, topK: 3, topP: 0.7 }), [0, 0.5, 0, 0.5]);
    close(samplerDistribution(logits, { ...PLAIN, topP: 0.7 }), [0, 3 / 8, 2 / 8, 3 / 8]);
  });
  it('divides positive logits of seen tokens by the penalty and multiplies negative ones, before all else', () => {
    const seen = new Set([1, 4]);
    const signed = [0, Math.log(4), Math.log(2), 0, -Math.log(2)];
    close(
      samplerDistribution(signed, { ...PLAIN, repetitionPenalty: 2 }, seen),
      [1, 2, 2, 1, 0.25].map((v) => v / 6.25),
    );
    close(samplerDistribution(signed, { ...PLAIN, repetitionPenalty: 2, topK: 1 }, seen), [0, 0.5, 0.5, 0, 0]);
  });
  it('leaves out what is less than min-p of the likeliest after temperature', () => {
    close(samplerDistribution(logits, { ...PLAIN, minP: 0.5 }), [0, 3 / 8, 2 / 8, 3 / 8]);
    close(samplerDistribution(logits, { ...PLAIN, temperature: 0.5, minP: 0.5 }), [0, 0.5, 0, 0.5]);
  });
  it('is greedy at temperature 0, the first of equals', () => {
    expect(Array.from(samplerDistribution(logits, { ...PLAIN, temperature: 0 }))).toEqual([0, 1, 0, 0]);
  });
});
