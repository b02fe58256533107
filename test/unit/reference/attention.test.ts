// The attention reference over packed documents and with its own scale, and rotary positions over a part of the head.
import { describe, expect, it } from 'vitest';
import { type AttentionShape, attentionBackward, attentionForward } from '../../reference/attention.ts';
import { rope } from '../../reference/rope.ts';
import { dot, expectGradient, randomArray } from './finiteDifference.ts';

const heads = { H: 4, K: 2, D: 4 };
const width = 8 * 4;
/** Two rows of documents of 2, 1, 3 and of 1, 5 tokens. */
const packed: AttentionShape = { B: 2, T: 6, ...heads, W: 0, starts: [0, 0, 2, 3, 3, 3, 0, 1, 1, 1, 1, 1] };

describe('attention over packed documents', () => {
  const qkv = randomArray(12 * width, 1, 1.5);

  it.each([
    ['all of a document', packed],
    ['a window', { ...packed, W: 2 }],
    [
      'a window and pinned ranges',
      { ...packed, W: 1, pinLo: [0, 0, 0, 0, 3, 2, 0, 0, 1, 1, 1, 2], pinHi: [1, 1, 2, 3, 4, 5, 0, 1, 2, 2, 3, 4] },
    ],
    ['a scale of its own', { ...packed, scale: 0.9 }],
  ] as [string, AttentionShape][])('has the right gradient with %s', (_, s) => {
    const dO = randomArray(12 * 16, 2);
    const { o, L } = attentionForward(qkv, s);
    expectGradient(() => dot(attentionForward(qkv, s).o, dO), qkv, attentionBackward(dO, qkv, o, L, s), 3);
  });

  it('gives each document what it gives it alone', () => {
    const { o } = attentionForward(qkv, packed);
    for (const [row, from, to] of [
      [0, 0, 2],
      [0, 2, 3],
      [0, 3, 6],
      [1, 1, 6],
    ] as const) {
      const [begin, end] = [row * 6 + from, row * 6 + to];
      const alone = attentionForward(qkv.slice(begin * width, end * width), { B: 1, T: to - from, ...heads, W: 0 }).o;
      expect(Array.from(o.slice(begin * 16, end * 16))).toEqual(Array.from(alone));
    }
  });

  it('sees no pinned key of another document', () => {
    const pins = { pinLo: new Array<number>(12).fill(0), pinHi: new Array<number>(12).fill(6) };
    expect(Array.from(attentionForward(qkv, { ...packed, ...pins }).o)).toEqual(Array.from(attentionForward(qkv, packed).o));
  });

  it('scales the scores as asked', () => {
    const q = qkv.slice().map((v, i) => (i % width < 16 ? v * 3 : v));
    const tripled = attentionForward(q, packed).o;
    const scaled = attentionForward(qkv, { ...packed, scale: 1.5 }).o;
    scaled.forEach((v, i) => expect(v).toBeCloseTo(tripled[i]!, 12));
  });
});

describe('rope over a part of the head', () => {
  const shape = { heads: 3, rotated: 2, D: 8, theta: 100, rotaryDim: 4 };
  const x = randomArray(2 * 24, 3);
  const y = rope(x, [0, 7], shape);

  it('turns pairs of the first dimensions and leaves the others', () => {
    for (const head of [0, 1]) {
      const at = 24 + head * 8;
      expect(Array.from(y.slice(at + 4, at + 8))).toEqual(Array.from(x.slice(at + 4, at + 8)));
      for (const d of [0, 1]) {
        const angle = 7 * 100 ** (-d / 2);
        expect(y[at + d]).toBeCloseTo(x[at + d]! * Math.cos(angle) - x[at + d + 2]! * Math.sin(angle), 12);
        expect(y[at + d + 2]).toBeCloseTo(x[at + d + 2]! * Math.cos(angle) + x[at + d]! * Math.sin(angle), 12);
      }
    }
    expect(Array.from(y.slice(40))).toEqual(Array.from(x.slice(40)));
  });

  it('has its backward as gradient', () => {
    const dy = randomArray(48, 4);
    expectGradient(() => dot(rope(x, [2, 5], shape), dy), x, rope(dy, [2, 5], shape, -1));
  });
});
