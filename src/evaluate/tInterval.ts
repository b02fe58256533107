// The mean over seeds with its 95 % interval by Student's t. Pure. Refuses no values; one value alone has no interval.

export interface SeedMean {
  mean: number;
  /** Half the width of the 95 % interval; null when there is one value alone. */
  half: number | null;
  n: number;
}

/** t with 97.5 % of the mass below it, for 1 to 30 degrees of freedom. */
const T_975 = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098,
  2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
];
const NORMAL_975 = 1.959964;

/** Beyond the table by the first terms of the expansion about the normal quantile (error below 1e-4 there). */
export function tQuantile(degrees: number): number {
  const known = T_975[degrees - 1];
  if (known !== undefined) return known;
  if (!Number.isInteger(degrees) || degrees < 1) throw new RangeError(`${degrees} degrees of freedom: a whole number from 1 is needed.`);
  const z = NORMAL_975;
  return z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
}

export function tInterval(values: readonly number[]): SeedMean {
  const n = values.length;
  if (n === 0) throw new RangeError('No values to average over. Run at least one seed.');
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  if (n === 1) return { mean, half: null, n };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  return { mean, half: tQuantile(n - 1) * Math.sqrt(variance / n), n };
}
