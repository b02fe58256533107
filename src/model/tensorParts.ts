// Tensors on their way to a file, and adapters merged into them.
// Promises float64 sums. Refuses nothing.

/** A tensor that is read from the GPU when it is its turn. */
export interface HostTensor {
  name: string;
  shape: number[];
  read(): Promise<Float32Array>;
}

/** W (n, K) += factor B (n, r) A (r, K). */
export function mergeAdapter(w: Float32Array, a: Float32Array, b: Float32Array, rank: number, factor: number): void {
  const K = a.length / rank;
  const n = b.length / rank;
  const row = new Float64Array(K);
  for (let i = 0; i < n; i++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const f = b[i * rank + r] as number;
      if (f !== 0) for (let k = 0; k < K; k++) row[k] = (row[k] as number) + f * (a[r * K + k] as number);
    }
    for (let k = 0; k < K; k++) w[i * K + k] = (w[i * K + k] as number) + factor * (row[k] as number);
  }
}
