// Tensors on their way from the arena to a file: the arena's rows back in the file's order, and adapters merged into them.
// Promises: what was loaded is written back bit for bit. Refuses nothing.
import type { Architecture, TensorPart } from '../formats/architecture.ts';

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

/** Rows of a block as the file has them. */
export function fileOrder(data: Float32Array, part: TensorPart, a: Architecture): Float32Array {
  if (part.layout === 'plain') return data;
  const out = new Float32Array(data.length);
  if (part.layout === 'transposed') {
    const [rows, columns] = part.shape as [number, number];
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[i * columns + j] = data[j * rows + i] as number;
    return out;
  }
  const { heads: H, headDim: D } = a;
  const columns = data.length / (3 * H * D);
  for (let h = 0; h < H; h++)
    for (let part3 = 0; part3 < 3; part3++)
      for (let d = 0; d < D; d++) {
        const source = ((part3 * H + h) * D + d) * columns;
        out.set(data.subarray(source, source + columns), ((h * 3 + part3) * D + d) * columns);
      }
  return out;
}
