// Comparisons for kernel cases; they run in a page too, so they throw plain errors that say where and by how much.
// Promises that anything not finite is a failure. Refuses arrays of different lengths.

/** sum (a - e)^2 / sum e^2; infinite when anything is not finite, or when all of e is 0 and a is not. */
export function normalisedError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!Number.isFinite(actual[i])) return Number.POSITIVE_INFINITY;
    difference += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  if (difference === 0) return 0;
  return difference / size;
}

/** Normalised mean squared error at most `tolerance`. */
export function expectClose(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-7): void {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} values, ${expected.length} expected.`);
  const error = normalisedError(actual, expected);
  if (error <= tolerance) return;
  let worst = 0;
  const off = (i: number): number => (Number.isFinite(actual[i]) ? Math.abs(actual[i]! - expected[i]!) : Number.POSITIVE_INFINITY);
  for (let i = 0; i < expected.length; i++) if (off(i) > off(worst)) worst = i;
  throw new Error(
    `${what}: normalised mean squared error ${error.toExponential(2)} exceeds ${tolerance}; worst at ${worst} of ${expected.length}: ${actual[worst]}, expected ${expected[worst]}.`,
  );
}

/** Every value within `tolerance` of the expected one, absolutely. */
export function expectWithin(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} values, ${expected.length} expected.`);
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(actual[i]! - expected[i]!) <= tolerance))
      throw new Error(`${what}: entry ${i} is ${actual[i]}, expected ${expected[i]} within ${tolerance}.`);
  }
}

export function expectSame(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} values, ${expected.length} expected.`);
  for (let i = 0; i < expected.length; i++)
    if (actual[i] !== expected[i]) throw new Error(`${what}: entry ${i} is ${actual[i]}, expected ${expected[i]}.`);
}

export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** df/dx by central differences in float64; x is put back. */
export function finiteDifferences(f: () => number, x: Float64Array, step = 1e-5): Float64Array {
  return x.map((kept, i) => {
    x[i] = kept + step;
    const above = f();
    x[i] = kept - step;
    const below = f();
    x[i] = kept;
    return (above - below) / (2 * step);
  });
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * Counts of drawn ids against probabilities: none outside the support, every frequency within 5 standard deviations. Throws when not.
 */
export function expectFrequencies(what: string, drawn: ArrayLike<number>, probability: ArrayLike<number>): void {
  const counts = new Float64Array(probability.length);
  for (let i = 0; i < drawn.length; i++) {
    const id = drawn[i]!;
    check(probability[id]! > 0, `${what}: id ${id} was drawn; its probability is ${probability[id]}.`);
    counts[id] = counts[id]! + 1;
  }
  const n = drawn.length;
  for (let id = 0; id < counts.length; id++) {
    const p = probability[id]!;
    const spread = Math.sqrt(n * p * (1 - p)) + 1e-9;
    check(
      Math.abs(counts[id]! - n * p) <= 5 * spread + 1,
      `${what}: id ${id} was drawn ${counts[id]} times of ${n}; its probability is ${p.toFixed(4)}.`,
    );
  }
}
