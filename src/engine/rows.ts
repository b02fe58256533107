// How rows are shared among threads by the row-wise kernels.
// Promises the same grid for the same sizes. Refuses nothing.
import type { Graph } from './graph.ts';

/** Threads per row in row-wise kernels: one on CPU adapters (no barriers), more on GPUs for wide rows. */
export function lanes(graph: Graph, width: number): number {
  if (graph.gpu.software || width < 32) return 1;
  return width < 256 ? 16 : 64;
}
export const rowGrid = (rows: number, perRow: number): number => Math.ceil(rows / (64 / perRow));
