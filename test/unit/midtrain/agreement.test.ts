// Agreement with the truth against values computed another way, and by hand.
import { describe, expect, it } from 'vitest';
import { adjustedRandIndex, agreementWithTruth, boundaryF1, normalisedMutualInformation } from '../../../src/midtrain/agreement.ts';
import type { LineTruth } from '../../../src/tasks/task.ts';

const labels = (text: string): string[] => [...text];

describe('agreement of labels', () => {
  // by the definitions of sklearn.metrics, written out in Python: arithmetic mean of entropies, pair confusion matrix
  it.each([
    ['aabb', 'aabb', 1, 1],
    ['aabb', 'bbaa', 1, 1],
    ['aabb', 'aabc', 0.8, 0.5714285714285714],
    ['aabb', 'abab', 0, -0.5],
    ['aaaa', 'abcd', 0, 0],
    ['aaaa', 'bbbb', 1, 1],
    ['abcd', 'dcba', 1, 1],
    ['aaabbbccc', 'aabbbcccc', 0.5895098274473048, 0.35714285714285715],
  ])('%s and %s: NMI %f, ARI %f', (a, b, nmi, ari) => {
    expect(normalisedMutualInformation(labels(a), labels(b))).toBeCloseTo(nmi, 12);
    expect(adjustedRandIndex(labels(a), labels(b))).toBeCloseTo(ari, 12);
    expect(adjustedRandIndex(labels(b), labels(a))).toBeCloseTo(ari, 12);
  });
  it('refuses labels of different lines', () => {
    expect(() => normalisedMutualInformation(['a'], [])).toThrow(/1 and 0 labels/);
    expect(() => boundaryF1([true], [])).toThrow(/1 and 0 lines/);
  });
});

describe('agreementWithTruth', () => {
  const truth = (oracles: (number[] | null)[]): LineTruth[] =>
    oracles.map((oracle) => ({ kind: 'x', useful: false, latent: null, oracle }));
  it('is 1 for the oracle, whatever its codes are called', () => {
    const oracle = [[1], null, [2], null];
    expect(agreementWithTruth([{ latents: [[5], null, [6], null], truth: truth(oracle) }])).toEqual({ nmi: 1, ari: 1, boundaryF1: 1 });
  });
  it('counts lines before the first thought as held by none, and a thought that says the same again as a boundary', () => {
    const found = agreementWithTruth([{ latents: [null, [1], [1], null], truth: truth([[1], null, null, null]) }])!;
    expect(found.nmi).toBe(0);
    expect(found.ari).toBe(0);
    expect(found.boundaryF1).toBe(0);
    expect(agreementWithTruth([{ latents: [[1], [1], null], truth: truth([[1], null, null]) }])!.boundaryF1).toBeCloseTo(2 / 3, 12);
  });
  it('is null where some truth is unknown, and has no F1 without boundaries', () => {
    expect(agreementWithTruth([])).toBeNull();
    expect(agreementWithTruth([{ latents: [null], truth: [] }])).toBeNull();
    expect(agreementWithTruth([{ latents: [null, null], truth: truth([null, null]) }])).toEqual({ nmi: 1, ari: 1, boundaryF1: null });
  });
  it('takes all programs as one sample', () => {
    const one = (code: number) => ({ latents: [[code], null], truth: truth([[code], null]) });
    expect(agreementWithTruth([one(1), one(2)])!.nmi).toBe(1);
    expect(agreementWithTruth([one(1), { ...one(1), truth: truth([[2], null]) }])!.nmi).toBe(0);
  });
});
