// Statistics of one tensor, of any size, from slices of its values: two passes, float64 sums, no more than one slice in memory. And how far a tensor
// moved from another of the same shape. Promises: NaN and infinities are counted, and left out of everything else. Refuses nothing.

import type { Histogram, TensorChange, TensorStatistics } from './inspected.ts';

export const HISTOGRAM_BINS = 24;
/** Standard deviations about the mean that a histogram spans at most: one outlier does not hide the rest. */
const SPAN_STD = 4;

/** Slices of a tensor in order; called anew for every pass. */
export type Slices = () => AsyncIterable<Float32Array>;

export async function tensorStatistics(slices: Slices): Promise<TensorStatistics> {
  let elements = 0;
  let zeros = 0;
  let nans = 0;
  let infinities = 0;
  let finite = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  // about the first finite value, so that a mean far from zero costs no digits of the deviation
  let origin = 0;
  let sum = 0;
  let sumSquares = 0;
  let sumRaw = 0;
  for await (const values of slices()) {
    elements += values.length;
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      if (!Number.isFinite(x)) {
        if (Number.isNaN(x)) nans++;
        else infinities++;
        continue;
      }
      if (finite === 0) origin = x;
      finite++;
      if (x === 0) zeros++;
      if (x < min) min = x;
      if (x > max) max = x;
      const d = x - origin;
      sum += d;
      sumSquares += d * d;
      sumRaw += x * x;
    }
  }
  const shared = { elements, zeros: elements === 0 ? 0 : zeros / elements, nans, infinities };
  if (finite === 0) return { ...shared, min: null, max: null, mean: null, std: null, norm: null, histogram: null };
  const offset = sum / finite;
  const mean = origin + offset;
  const std = Math.sqrt(Math.max(0, sumSquares / finite - offset * offset));
  const lo = Math.max(min, mean - SPAN_STD * std);
  const hi = Math.min(max, mean + SPAN_STD * std);
  return { ...shared, min, max, mean, std, norm: Math.sqrt(sumRaw), histogram: await histogram(slices, lo, hi) };
}

async function histogram(slices: Slices, lo: number, hi: number): Promise<Histogram> {
  const counts = Array.from({ length: HISTOGRAM_BINS }, () => 0);
  const scale = hi > lo ? HISTOGRAM_BINS / (hi - lo) : 0;
  for await (const values of slices()) {
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      if (!Number.isFinite(x)) continue;
      const bin = Math.max(0, Math.min(HISTOGRAM_BINS - 1, Math.floor((x - lo) * scale)));
      counts[bin] = counts[bin]! + 1;
    }
  }
  return { lo, hi, counts };
}

/** @param pairs slices of both tensors, of the same length each. */
export async function tensorChange(pairs: AsyncIterable<[now: Float32Array, before: Float32Array]>): Promise<TensorChange> {
  let squares = 0;
  let squaresBefore = 0;
  let largest = 0;
  let largestAt = 0;
  let skipped = 0;
  let first = 0;
  for await (const [now, before] of pairs) {
    for (let i = 0; i < now.length; i++) {
      const y = before[i]!;
      const d = now[i]! - y;
      if (!Number.isFinite(d)) {
        skipped++;
        continue;
      }
      squares += d * d;
      squaresBefore += y * y;
      if (Math.abs(d) > largest) {
        largest = Math.abs(d);
        largestAt = first + i;
      }
    }
    first += now.length;
  }
  return { norm: Math.sqrt(squares), normBefore: Math.sqrt(squaresBefore), largest, largestAt, skipped };
}
