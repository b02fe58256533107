// The three matmul layouts and the choice among their kernels. Every variant computes the same sums in the same order of k; which one is
// fastest differs by adapter (registers win on CPU adapters, tiles on GPUs), so each is timed once per device and shape class.
// Refuses nothing: sizes that the register variants cannot take go to the tiled ones.
import { type GpuContext, GpuError } from '../gpu/context.ts';
import { Graph, createState, freeState, type Tensor } from './graph.ts';

export type Layout = 'nt' | 'nn' | 'tn';

/** How B is stored. */
type Stored = 'f32' | 'f16';

interface Variant {
  kernel: string;
  stored: Stored;
  rows: number; // outputs per workgroup
  cols: number;
  /** registers: reads and writes in fours; tiles: workgroup memory; simple: one output per thread. The latter two take any shape. */
  kind: 'registers' | 'tiles' | 'simple';
}

const suffix = (stored: Stored): string => (stored === 'f16' ? '_f16' : '');
const registers = (layout: Layout, stored: Stored, rows: number, cols: number): Variant => ({
  kernel: `linear/matmul_${layout}_${rows}x${cols}${suffix(stored)}`,
  stored,
  rows: rows * 8,
  cols: cols * 8,
  kind: 'registers',
});
const anyShape = (layout: Layout, stored: Stored): Variant[] => [
  { kernel: `linear/matmul_${layout}_simple${suffix(stored)}`, stored, rows: 8, cols: 8, kind: 'simple' },
  { kernel: `linear/matmul_${layout}_tiled${suffix(stored)}`, stored, rows: 64, cols: 64, kind: 'tiles' },
];
const perDtype = (layout: 'nt' | 'nn', stored: Stored): Variant[] => [
  registers(layout, stored, 1, 4),
  registers(layout, stored, 4, 4),
  registers(layout, stored, 8, 8),
  ...anyShape(layout, stored),
];

export const VARIANTS: Record<Layout, Variant[]> = {
  nt: [...perDtype('nt', 'f32'), ...perDtype('nt', 'f16')],
  nn: [...perDtype('nn', 'f32'), ...perDtype('nn', 'f16')],
  tn: [registers('tn', 'f32', 4, 4), registers('tn', 'f32', 4, 8), registers('tn', 'f32', 8, 8), ...anyShape('tn', 'f32')],
};

type ShapeClass = 'one' | 'few' | 'many'; // rows of the output
const classOf = (layout: Layout, M: number): ShapeClass => (layout !== 'nt' || M > 16 ? 'many' : M > 2 ? 'few' : 'one');

const tuned = new WeakMap<GpuContext, Map<string, Variant>>();

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

function fits(v: Variant, layout: Layout, s: MatmulShape): boolean {
  if (v.kind !== 'registers') return true;
  const aligned = s.lda % 4 === 0 && s.ldb % 4 === 0 && (s.aOffset ?? 0) % 4 === 0 && (s.bOffset ?? 0) % 4 === 0;
  if (layout === 'nt') return aligned && s.K % 4 === 0;
  return aligned && s.N % 4 === 0 && s.ldy % 4 === 0 && (s.yOffset ?? 0) % 4 === 0;
}

/** The most that one dispatch may compute: about a tenth of a second. Fixed, so that the cut and with it every sum is the same in each run. */
const largestFlops = (gpu: GpuContext): number => (gpu.software ? 1e8 : 2e10);

interface MatmulOptions {
  accumulate?: boolean;
  /** Laid out as y. */
  residual?: Tensor;
  /** (N), added to every row. */
  bias?: Tensor;
  /** Names a kernel (tests, tuning). */
  force?: string;
}

/**
 * y = product, or with one of the options: y + product (`accumulate`), residual + product, bias + product. B may be f16 in nt and nn. Long work
 * is cut: by rows, or by K where rows are summed over. Throws GpuError('invalid') on other dtypes and on two options at once.
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
  const { M, N, K, lda, ldb, ldy } = shape;
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
  const aOffset = shape.aOffset ?? 0;
  const bOffset = shape.bOffset ?? 0;
  const yOffset = shape.yOffset ?? 0;
  const pieces = Math.ceil((2 * M * N * K) / largestFlops(graph.gpu));
  if (layout === 'tn') {
    const step = Math.ceil(K / pieces);
    for (let k = 0; k < K; k += step) {
      const piece = { ...shape, K: Math.min(step, K - k), aOffset: aOffset + k * lda, bOffset: bOffset + k * ldb };
      emitPiece(graph, layout, a, b, y, piece, k > 0 ? { ...options, accumulate: true } : options);
    }
    return;
  }
  const step = Math.ceil(M / pieces / 16) * 16;
  for (let m = 0; m < M; m += step) {
    emitPiece(
      graph,
      layout,
      a,
      b,
      y,
      { ...shape, M: Math.min(step, M - m), aOffset: aOffset + m * lda, yOffset: yOffset + m * ldy },
      options,
    );
  }
}

function emitPiece(graph: Graph, layout: Layout, a: Tensor, b: Tensor, y: Tensor, shape: MatmulShape, options: MatmulOptions): void {
  const { gpu } = graph;
  const candidates = VARIANTS[layout].filter((v) => v.stored === b.dtype && fits(v, layout, shape));
  const best = tuned.get(gpu)?.get(`${layout} ${classOf(layout, shape.M)}`);
  const chosen = options.force
    ? candidates.find((v) => v.kernel === options.force)
    : (candidates.find((v) => v.kernel === best?.kernel.concat(suffix(v.stored))) ??
      candidates.find((v) => !(v.rows === 8 && v.kind === 'registers' && shape.M > 16) && v.kind !== (gpu.software ? 'tiles' : 'simple')));
  if (!chosen) throw new Error(`No matmul kernel ${options.force}.`);
  const mode = options.accumulate ? 1 : options.residual ? 2 : options.bias ? 3 : 0;
  const grid = (parts: number): [number, number, number] => [Math.ceil(shape.N / chosen.cols), Math.ceil(shape.M / chosen.rows), parts];
  const args = { aOffset: 0, bOffset: 0, yOffset: 0, ...shape, parts: 1 };
  const cost = 2 * shape.M * shape.N * shape.K;
  const parts = layout === 'tn' && mode <= 1 ? splitK(shape) : 1;
  if (parts === 1) {
    graph.dispatch(chosen.kernel, [a, b, options.residual ?? options.bias ?? graph.dummy(), y], {
      overrides: { MODE: mode },
      args,
      grid: grid(1),
      cost,
    });
    return;
  }
  const partial = graph.temp('split-k', [parts, shape.M, shape.N]);
  graph.dispatch(chosen.kernel, [a, b, graph.dummy(), partial], {
    overrides: { MODE: 0 },
    args: { ...args, yOffset: 0, ldy: shape.N, parts },
    grid: grid(parts),
    cost,
  });
  emitReduce(graph, partial, y, parts, shape.M * shape.N, mode === 1);
}

export function emitReduce(graph: Graph, parts: Tensor, y: Tensor, P: number, N: number, accumulate: boolean): void {
  graph.dispatch('linear/reduce_parts', [parts, y], { args: { P, N, accumulate: accumulate ? 1 : 0 }, grid: flatGrid(N) });
}

/** Workgroups of 64 for n threads, folded into two dimensions past 65,535. */
export function flatGrid(n: number): [number, number] {
  const groups = Math.ceil(n / 64);
  return groups <= 65535 ? [groups, 1] : [65535, Math.ceil(groups / 65535)];
}

function splitK({ M, N, K, ldy, yOffset }: MatmulShape): number {
  if (ldy !== N || (yOffset ?? 0) !== 0) return 1;
  const outputs = Math.ceil(M / 16) * Math.ceil(N / 16);
  return Math.max(1, Math.min(32, Math.floor(K / 256), Math.ceil(256 / outputs)));
}

/** Times every variant once on a typical shape per class; remembered for the device. */
export async function tuneMatmul(gpu: GpuContext): Promise<Map<string, string>> {
  let best = tuned.get(gpu);
  if (!best) {
    best = new Map();
    const size = gpu.software ? 64 : 512;
    for (const layout of ['nt', 'nn', 'tn'] as Layout[]) {
      for (const cls of ['one', 'few', 'many'] as ShapeClass[]) {
        if (layout !== 'nt' && cls !== 'many') continue;
        const M = cls === 'one' ? 1 : cls === 'few' ? 8 : layout === 'tn' ? size : size * 8;
        const K = layout === 'tn' ? size * 8 : size;
        best.set(`${layout} ${cls}`, await fastest(gpu, layout, M, cls === 'many' ? 2 * size : 4 * size, K));
      }
    }
    tuned.set(gpu, best);
  }
  return new Map([...best].map(([k, v]) => [k, v.kernel]));
}

async function fastest(gpu: GpuContext, layout: Layout, M: number, N: number, K: number): Promise<Variant> {
  let winner: Variant | null = null;
  let record = Infinity;
  const [a, b, y] = ['a', 'b', 'y'].map((label, i) => createState(gpu, `tune ${label}`, [i === 0 ? M * K : i === 1 ? K * N : M * N])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const shape = { M, N, K, lda: layout === 'tn' ? M : K, ldb: layout === 'nt' ? K : N, ldy: N };
  for (const v of VARIANTS[layout]) {
    if (v.stored !== 'f32' || v.kind === 'simple' || !fits(v, layout, shape)) continue;
    const graph = new Graph(gpu, `tune ${v.kernel}`);
    emitMatmul(graph, layout, a, b, y, shape, { force: v.kernel });
    const plan = await graph.compile();
    await plan.runTimed();
    const timeMs = Math.min(await plan.runTimed(), await plan.runTimed());
    plan.destroy();
    if (timeMs < record) [winner, record] = [v, timeMs];
  }
  for (const t of [a, b, y]) freeState(gpu, t);
  return winner as Variant;
}
