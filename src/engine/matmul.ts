// The three matmul layouts: which kernels there are, which of them an adapter and a shape can take, and the dispatches of a product. Which one is
// fastest differs by adapter (registers and quads win on CPU adapters, tiles on GPUs): tuner.ts measures and sets the choice, else a fixed order
// decides. Kernels of one layout sum over k in the same order on a CPU adapter, whichever is chosen; on a GPU all but the lanes for few rows do.
// How long work is cut changes no bit.
// Refuses (GpuError 'invalid'): dtypes other than f32, but for B in nt and nn, which may be f16; two of accumulate, residual and bias at once.
import { type GpuContext, GpuError } from '../gpu/context.ts';
import type { Graph, Tensor } from './graph.ts';

export type Layout = 'nt' | 'nn' | 'tn';
/** How B is stored. */
export type Stored = 'f32' | 'f16';

export interface Variant {
  kernel: string;
  layout: Layout;
  stored: Stored;
  /** Outputs per workgroup. */
  rows: number;
  cols: number;
  /** Rows per thread: with fewer rows in all, the others are computed in vain. */
  block: number;
  /**
   * simple and tiled take any shape; the others read and write in fours. quads share loads within four lanes of a subgroup (CPU adapters); tiles
   * go through workgroup memory; lanes split K over a workgroup, for few rows.
   */
  kind: 'simple' | 'registers' | 'quads' | 'tiled' | 'tiles' | 'lanes';
}

function variantsOf(layout: Layout, stored: Stored): Variant[] {
  const make = (kind: Variant['kind'], name: string, block: number, rows: number, cols: number): Variant => ({
    kernel: `linear/matmul_${layout}_${name}${stored === 'f16' ? '_f16' : ''}`,
    layout,
    stored,
    rows,
    cols,
    block,
    kind,
  });
  const registers = (rows: number, cols: number): Variant => make('registers', `${rows}x${cols}`, rows, rows * 8, cols * 8);
  const quads = (rows: number, cols: number): Variant => make('quads', `quad_${rows}x${cols}`, rows, rows, cols * 8);
  const own = {
    nt: () => [
      ...[quads(16, 8), quads(8, 8), quads(4, 4), registers(8, 8), registers(4, 4), registers(1, 4)],
      ...[make('lanes', 'lanes_4x8', 4, 4, 8), make('lanes', 'lanes_1x8', 1, 1, 8)],
    ],
    nn: () => [quads(16, 8), quads(8, 4), registers(8, 8), registers(4, 4)],
    tn: () => [quads(16, 8), quads(16, 4), registers(8, 8)],
  };
  return [
    ...own[layout](),
    make('tiles', 'tiles_128', 8, 128, 128),
    make('tiles', 'tiles_64', 8, 64, 64),
    make('tiled', 'tiled', 4, 64, 64),
    make('simple', 'simple', 1, 8, 8),
  ];
}

export const VARIANTS: Record<Layout, Variant[]> = {
  nt: [...variantsOf('nt', 'f32'), ...variantsOf('nt', 'f16')],
  nn: [...variantsOf('nn', 'f32'), ...variantsOf('nn', 'f16')],
  tn: variantsOf('tn', 'f32'),
};

/** Whether the device can compile the kernel. */
export const canRun = (gpu: GpuContext, v: Variant): boolean =>
  v.kind !== 'quads' || (gpu.features.has('subgroups') && gpu.subgroupSize !== null);

/** Whether the kernel is made for such an adapter: a barrier costs a CPU adapter more than it saves, and quads leave a GPU's lanes idle. */
export function suits(gpu: GpuContext, v: Variant): boolean {
  if (!canRun(gpu, v)) return false;
  if (v.kind === 'quads') return gpu.software;
  return !gpu.software || v.kind === 'registers' || v.kind === 'simple';
}

export interface MatmulShape {
  M: number;
  N: number;
  K: number;
  lda: number;
  ldb: number;
  ldy: number;
  /** In elements. */
  aOffset?: number;
  bOffset?: number;
  yOffset?: number;
}

export function fits(v: Variant, s: MatmulShape): boolean {
  if (v.kind === 'simple' || v.kind === 'tiled') return true;
  const fours = [s.N, s.lda, s.ldb, s.ldy, s.aOffset ?? 0, s.bOffset ?? 0, s.yOffset ?? 0, v.layout === 'nt' ? s.K : 0];
  return fours.every((n) => n % 4 === 0);
}

/** What a choice is made for: by the rows of the output, and on GPUs by how many outputs there are to share among their cores. */
export type ShapeClass = `${Layout} ${Stored} ${'one' | 'few' | 'some' | 'many'}${'' | ' large'}`;

export function shapeClass(gpu: GpuContext, layout: Layout, stored: Stored, M: number, N: number): ShapeClass {
  if (layout !== 'nt') return `${layout} ${stored} many${large(gpu, M, N)}`;
  if (M <= (gpu.software ? 2 : 1)) return `nt ${stored} one`;
  if (M <= 8) return `nt ${stored} few`;
  if (M <= 64 && !gpu.software) return `nt ${stored} some`;
  return `nt ${stored} many${large(gpu, M, N)}`;
}
const large = (gpu: GpuContext, M: number, N: number): '' | ' large' => (!gpu.software && M * N >= 2 ** 20 ? ' large' : '');

const choices = new WeakMap<GpuContext, Map<ShapeClass, string>>();

/** Kernels by class, as the tuner set them; empty before. */
export function choicesOf(gpu: GpuContext): Map<ShapeClass, string> {
  let map = choices.get(gpu);
  if (!map) {
    map = new Map();
    choices.set(gpu, map);
  }
  return map;
}

/** The kernel for a product: the measured one, else the first of the table that suits the adapter and whose block is not mostly in vain. */
function choose(gpu: GpuContext, layout: Layout, stored: Stored, shape: MatmulShape): Variant {
  const able = VARIANTS[layout].filter((v) => v.stored === stored && suits(gpu, v) && fits(v, shape));
  const measuredFor = (as: Stored): string | undefined => choicesOf(gpu).get(shapeClass(gpu, layout, as, shape.M, shape.N));
  // f16 that was not measured by itself follows f32: the same kernel but for the load
  const measured = measuredFor(stored) ?? measuredFor('f32')?.concat('_f16');
  const usual = (v: Variant): boolean =>
    v.kind === 'lanes'
      ? shape.M <= 8 && v.block <= shape.M
      : v.kind === 'registers' && !gpu.software
        ? false
        : v.block <= Math.max(1, shape.M);
  const found = able.find((v) => v.kernel === measured) ?? able.find(usual) ?? able[able.length - 1];
  return found as Variant;
}

interface MatmulOptions {
  accumulate?: boolean;
  /** Laid out as y. */
  residual?: Tensor;
  /** (N), added to every row. */
  bias?: Tensor;
  /** Names a kernel (tests, tuning). */
  force?: string;
}

/** A piece of a product: all that its dispatches need. */
interface Piece {
  variant: Variant;
  a: Tensor;
  b: Tensor;
  y: Tensor;
  /** Residual or bias. */
  r: Tensor | null;
  mode: number;
  parts: number;
  shape: Required<MatmulShape>;
  /** First column of the piece: where its part of the bias begins. */
  rOffset: number;
}

/**
 * y = product, or with one of the options: y + product (`accumulate`), residual + product, bias + product. B may be f16 in nt and nn. Long work
 * is cut into several dispatches by rows and columns of the output, which changes no bit of it.
 */
export function emitMatmul(
  graph: Graph,
  layout: Layout,
  a: Tensor,
  b: Tensor,
  y: Tensor,
  shape: MatmulShape,
  options: MatmulOptions = {},
): void {
  const { gpu } = graph;
  if (a.dtype !== 'f32' || y.dtype !== 'f32' || !(b.dtype === 'f32' || (b.dtype === 'f16' && layout !== 'tn')))
    throw new GpuError(
      'invalid',
      `Matmul ${layout} of ${a.label} (${a.dtype}) and ${b.label} (${b.dtype}): only b of nt and nn may be f16, all else is f32.`,
    );
  if (Number(options.accumulate ?? false) + Number(!!options.residual) + Number(!!options.bias) > 1)
    throw new GpuError(
      'invalid',
      `Matmul into ${y.label}: accumulate, residual and bias exclude each other; add the other in an op of its own.`,
    );
  const whole = { aOffset: 0, bOffset: 0, yOffset: 0, ...shape };
  const forced = options.force ? VARIANTS[layout].find((v) => v.kernel === options.force) : null;
  if (forced === undefined) throw new GpuError('invalid', `There is no matmul kernel ${options.force} of layout ${layout}.`);
  const mode = options.accumulate ? 1 : options.residual ? 2 : options.bias ? 3 : 0;
  const common = { a, b, y, r: options.residual ?? options.bias ?? null, mode };
  const emit = (part: Required<MatmulShape>, rOffset: number): void => {
    const variant = forced ?? choose(gpu, layout, b.dtype as Stored, part);
    const parts = partsOfK(gpu, variant, part);
    for (const piece of cut(gpu, variant, part))
      emitPiece(graph, { ...common, variant, parts, ...piece, rOffset: rOffset + piece.rOffset });
  };
  const over = shape.N % 4;
  // an odd number of columns (a vocabulary): all but the last few go in fours
  if (!forced && layout === 'nt' && over > 0 && shape.N > 64 && shape.ldy % 4 === 0) {
    const N = shape.N - over;
    emit({ ...whole, N }, 0);
    emit({ ...whole, N: over, bOffset: whole.bOffset + N * whole.ldb, yOffset: whole.yOffset + N }, N);
  } else emit(whole, 0);
}

/** The most that one dispatch may compute: about a tenth of a second. */
const largestFlops = (gpu: GpuContext): number => (gpu.software ? 2e8 : 2e10);
/** Pieces begin at multiples of this: whole tiles of every kernel. */
const STEP = 128;
/** Where K is so long that STEP x STEP outputs are too many: at least these, so that there are workgroups for two cores. */
const LEAST_ROWS = 32;
const LEAST_COLS = 64;

function cut(gpu: GpuContext, v: Variant, s: Required<MatmulShape>): { shape: Required<MatmulShape>; rOffset: number }[] {
  const stepOf = (size: number, flopsEach: number, least: number): number => {
    const most = Math.floor(largestFlops(gpu) / flopsEach);
    const unit = most >= STEP ? STEP : least;
    return Math.min(size, Math.max(unit, Math.floor(most / unit) * unit));
  };
  const rows = stepOf(s.M, 2 * s.N * s.K, Math.max(LEAST_ROWS, v.rows));
  const cols = stepOf(s.N, 2 * rows * s.K, Math.max(LEAST_COLS, v.cols));
  const pieces = [];
  for (let m = 0; m < s.M; m += rows) {
    for (let n = 0; n < s.N; n += cols) {
      const shape = {
        ...s,
        M: Math.min(rows, s.M - m),
        N: Math.min(cols, s.N - n),
        aOffset: s.aOffset + m * (v.layout === 'tn' ? 1 : s.lda),
        bOffset: s.bOffset + n * (v.layout === 'nt' ? s.ldb : 1),
        yOffset: s.yOffset + m * s.ldy + n,
      };
      pieces.push({ shape, rOffset: n });
    }
  }
  return pieces;
}

/**
 * Into how many parts K is cut, so that there are workgroups for every core where the output has few. Decided by the sizes alone, as the bits
 * depend on it: another choice of kernel does not change them.
 */
function partsOfK(gpu: GpuContext, v: Variant, { M, N, K }: MatmulShape): number {
  if (v.layout !== 'tn' && v.kind !== 'tiles') return 1;
  const groups = gpu.software ? Math.ceil(M / 16) * Math.ceil(N / 64) : Math.ceil(M / 64) * Math.ceil(N / 64);
  return Math.max(1, Math.min(32, Math.floor(K / 256), Math.ceil((gpu.software ? 8 : 256) / groups)));
}

function emitPiece(graph: Graph, { variant: v, a, b, y, r, mode, parts, shape, rOffset }: Piece): void {
  const grid: [number, number, number] = [Math.ceil(shape.N / v.cols), Math.ceil(shape.M / v.rows), parts];
  const args = { ...shape, rOffset, parts };
  const cost = 2 * shape.M * shape.N * shape.K;
  const added = r ?? graph.dummy();
  if (parts === 1) {
    graph.dispatch(v.kernel, [a, b, added, y], { overrides: { MODE: mode }, args, grid, cost });
    return;
  }
  const sums = graph.temp('split-k', [parts, shape.M, shape.N]);
  graph.dispatch(v.kernel, [a, b, graph.dummy(), sums], {
    overrides: { MODE: 0 },
    args: { ...args, yOffset: 0, ldy: shape.N },
    grid,
    cost,
  });
  graph.dispatch('linear/reduce_split', [sums, added, y], {
    overrides: { MODE: mode },
    args,
    grid: flatGrid(shape.M * shape.N),
    cost: parts * shape.M * shape.N,
  });
}

/** y (N) = the sum of parts (P, N), added to y with `accumulate`. */
export function emitReduce(graph: Graph, parts: Tensor, y: Tensor, P: number, N: number, accumulate: boolean): void {
  graph.dispatch('linear/reduce_parts', [parts, y], { args: { P, N, accumulate: accumulate ? 1 : 0 }, grid: flatGrid(N) });
}

/** Workgroups of 64 for n threads, folded into two dimensions past 65,535. */
export function flatGrid(n: number): [number, number] {
  const groups = Math.ceil(n / 64);
  return groups <= 65535 ? [groups, 1] : [65535, Math.ceil(groups / 65535)];
}
