// How row-wise kernels share a row among threads: one thread per row on CPU adapters (no barriers), 16 or 64 on GPUs for wide rows; the grid of
// workgroups of 64 that follows, folded into two dimensions past 65,535; and the variant that reads 4 numbers at a time. Refuses nothing.
import type { Graph } from './graph.ts';

/** Threads per row for rows of this many elements. */
export function lanes(graph: Graph, width: number): number {
  if (graph.gpu.software || width < 32) return 1;
  return width < 256 ? 16 : 64;
}

/** Workgroups for `rows` rows of `perRow` threads; a kernel finds its row with rowIndex of lib/row_index.wgsl. */
export function rowGrid(rows: number, perRow: number): [number, number] {
  const groups = Math.ceil((rows * perRow) / 64);
  return groups <= 65535 ? [groups, 1] : [65535, Math.ceil(groups / 65535)];
}

/** Numbers that a thread reads at a time in rows of this width. */
export const itemOf = (width: number): 1 | 4 => (width % 4 === 0 ? 4 : 1);
/** A kernel that reads 4 numbers at a time has a twin for widths that are no multiple of 4. */
export const forWidth = (kernel: string, width: number): string => (itemOf(width) === 4 ? kernel : `${kernel}_odd`);
