import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlap } from '../../../src/tasks/overlap.ts';

describe('overlap of training and test texts', () => {
  it('counts shared n-grams without case and punctuation, and names the worst pairs', () => {
    const found = overlap(
      ['Return the sum, of two numbers.', 'nothing here at all', 'sum of two'],
      ['return the SUM of two lists', 'quite another text here'],
      3,
    );
    expect(found).toEqual({
      n: 3,
      trainTexts: 3,
      testTexts: 2,
      overlapping: 1,
      meanShare: 0.375,
      worst: [
        { test: 0, train: 0, share: 0.75, words: 'return the sum' },
        { test: 0, train: 2, share: 0.25, words: 'sum of two' },
      ],
    });
  });

  it('compares a text shorter than n words as a whole', () => {
    expect(overlap(['two words'], ['two words', 'two'], 5).overlapping).toBe(1);
    expect(overlap([''], ['', '!'], 2)).toMatchObject({ overlapping: 0, meanShare: 0, worst: [] });
    expect(() => overlap([], [], 0)).toThrow('n must be an integer from 1');
  });

  it('is 1 for a text that training has, and 0 for words that it does not have', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 30 }).map((list) => list.join(' '));
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 6 }), (texts, n) => {
        const found = overlap(texts, [...texts, 'x y z'], n, 3);
        expect(found.overlapping).toBe(texts.length);
        expect(found.meanShare).toBeCloseTo(texts.length / (texts.length + 1));
        expect(found.worst.length).toBeLessThanOrEqual(3);
        expect(found.worst[0]?.share).toBe(1);
      }),
    );
  });
});
