// Matrix products and the embedding in plain float64: the obvious loops that the kernels must equal. Row-major, no strides.
// Promises nothing but the formula. Refuses nothing.

/** Y (M, N) = A (M, K) B (N, K)^T; a linear layer with a weight stored (out, in). */
export function matmulNT(a: Float64Array, b: Float64Array, M: number, N: number, K: number): Float64Array {
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[m * K + k]! * b[n * K + k]!;
      y[m * N + n] = sum;
    }
  }
  return y;
}

/** Y (M, N) = A (M, K) B (K, N); the layer's dX = dY W. */
export function matmulNN(a: Float64Array, b: Float64Array, M: number, N: number, K: number): Float64Array {
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[m * K + k]! * b[k * N + n]!;
      y[m * N + n] = sum;
    }
  }
  return y;
}

/** Y (M, N) = A (K, M)^T B (K, N); the layer's dW = dY^T X. */
export function matmulTN(a: Float64Array, b: Float64Array, M: number, N: number, K: number): Float64Array {
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[k * M + m]! * b[k * N + n]!;
      y[m * N + n] = sum;
    }
  }
  return y;
}

/** The bits of the half that is nearest to x, ties to even; beyond 65,504 infinity. */
export function toHalf(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(x);
  if (Number.isNaN(x)) return 0x7e00;
  if (size === 0) return sign;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const scaled = size / 2 ** (exponent - 10);
  let steps = Math.floor(scaled);
  const rest = scaled - steps;
  if (rest > 0.5 || (rest === 0.5 && steps % 2 === 1)) steps++;
  return sign | (steps * 2 ** (exponent - 10) < 2 ** -14 ? steps : ((exponent + 14) << 10) + steps);
}

/** The value of a half. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** y (R, C) = table (V, C) at ids (R); ids beyond the table give 0. */
export function embeddingForward(table: Float64Array, ids: ArrayLike<number>, C: number): Float64Array {
  const y = new Float64Array(ids.length * C);
  for (let r = 0; r < ids.length; r++) for (let c = 0; c < C; c++) y[r * C + c] = table[ids[r]! * C + c] ?? 0;
  return y;
}

/** dTable (V, C): the sum of dy (R, C) over the rows of each id. */
export function embeddingBackward(dy: Float64Array, ids: ArrayLike<number>, V: number, C: number): Float64Array {
  const dTable = new Float64Array(V * C);
  for (let r = 0; r < ids.length; r++) {
    const id = ids[r]!;
    if (id < V) for (let c = 0; c < C; c++) dTable[id * C + c] = dTable[id * C + c]! + dy[r * C + c]!;
  }
  return dTable;
}
