// How much of the test texts stands in the training texts: word n-grams, as contamination is usually counted (Brown et al., arXiv 2005.14165, appendix C).
// Pure. Words are runs of letters and digits, without case. Refuses n below 1.

export interface Overlap {
  n: number;
  /** A text of fewer than n words is one gram, of all its words. */
  testTexts: number;
  trainTexts: number;
  /** Test texts that share an n-gram with some training text. */
  overlapping: number;
  /** Mean over test texts of the share of their n-grams that training has. */
  meanShare: number;
  /** The pairs that share most, worst first. */
  worst: OverlapPair[];
}

export interface OverlapPair {
  test: number;
  train: number;
  /** Share of the test text's n-grams that this training text has. */
  share: number;
  /** The first n-gram that both have. */
  words: string;
}

export function overlap(trainTexts: readonly string[], testTexts: readonly string[], n: number, worstPairs = 10): Overlap {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`n-grams of ${n} words: n must be an integer from 1.`);
  const tests = testTexts.map((text) => gramsOf(text, n));
  const where = new Map<string, number[]>();
  tests.forEach((grams, test) => {
    for (const gram of grams) {
      const list = where.get(gram);
      if (list) list.push(test);
      else where.set(gram, [test]);
    }
  });
  const found = tests.map(() => new Set<string>());
  const pairs: OverlapPair[] = [];
  trainTexts.forEach((text, train) => {
    const shared = new Map<number, { count: number; words: string }>();
    for (const gram of gramsOf(text, n)) {
      for (const test of where.get(gram) ?? []) {
        (found[test] as Set<string>).add(gram);
        const entry = shared.get(test);
        if (entry) entry.count++;
        else shared.set(test, { count: 1, words: gram });
      }
    }
    for (const [test, { count, words }] of shared) pairs.push({ test, train, share: count / (tests[test] as Set<string>).size, words });
    // only the worst are kept, so that memory does not grow with the number of pairs
    if (pairs.length > 4 * worstPairs + 1000) keepWorst(pairs, worstPairs);
  });
  keepWorst(pairs, worstPairs);
  const shares = tests.map((grams, i) => (grams.size === 0 ? 0 : (found[i] as Set<string>).size / grams.size));
  return {
    n,
    testTexts: testTexts.length,
    trainTexts: trainTexts.length,
    overlapping: shares.filter((share) => share > 0).length,
    meanShare: shares.length === 0 ? 0 : shares.reduce((sum, share) => sum + share, 0) / shares.length,
    worst: pairs,
  };
}

/** The text's distinct n-grams; a shorter text is one gram of all its words. */
function gramsOf(text: string, n: number): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const grams = new Set<string>();
  if (words.length === 0) return grams;
  for (let i = 0; i + n <= Math.max(words.length, n); i++) grams.add(words.slice(i, i + n).join(' '));
  return grams;
}

function keepWorst(pairs: OverlapPair[], count: number): void {
  pairs.sort((a, b) => b.share - a.share || a.test - b.test || a.train - b.train);
  pairs.length = Math.min(pairs.length, count);
}
