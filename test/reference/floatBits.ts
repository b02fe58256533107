// f16 and bf16 in plain TypeScript: bits to numbers and back, rounding to nearest, ties to even.
// Promises exact values; narrowing works from float64, by comparing with every neighbour. Refuses nothing.

export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
}

export function bfloatToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits * 65536).buffer)[0]!;
}

/** The nearest of all values of a format whose non-negative bit patterns 0..infinity are in order of size; ties to the even pattern. */
function nearest(value: number, infinity: number, toNumber: (bits: number) => number): number {
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  let low = 0;
  let high = infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (toNumber(middle) <= size) low = middle;
    else high = middle;
  }
  // infinity counts as the value that the next exponent would have
  const above = high === infinity ? 2 * toNumber(infinity - 1) - toNumber(infinity - 2) : toNumber(high);
  const [down, up] = [size - toNumber(low), above - size];
  return sign | (up < down || (up === down && high % 2 === 0) ? high : low);
}

/** Bits of the f16 nearest to a number that is not NaN. */
export const numberToHalf = (value: number): number => nearest(value, 0x7c00, halfToNumber);
export const numberToBfloat = (value: number): number => nearest(value, 0x7f80, bfloatToNumber);

/** Where number s of a file's tensor stands in its block. */
export function transposedPlace(s: number, rows: number, cols: number): number {
  return (s % cols) * rows + Math.floor(s / cols);
}

export function headMajorQkvPlace(s: number, heads: number, headDim: number, columns: number): number {
  const row = Math.floor(s / columns);
  const head = Math.floor(row / (3 * headDim));
  const part = Math.floor(row / headDim) % 3;
  return ((part * heads + head) * headDim + (row % headDim)) * columns + (s % columns);
}
