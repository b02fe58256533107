// Every matmul kernel of every layout over odd shapes, strides, offsets and modes; split K; the choice among kernels; the reduction of parts.
import { createState, freeState, Graph, type Tensor, writeTensor } from '../../src/engine/graph.ts';
import { canRun, emitMatmul, emitReduce, type Layout, type MatmulShape, suits, VARIANTS, type Variant } from '../../src/engine/matmul.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { fromHalf, matmulNN, matmulNT, matmulTN, toHalf } from '../reference/linear.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose, expectSame } from './support/compare.ts';
import { download, randomFloats, strided, UNTOUCHED, upload } from './support/runKernel.ts';

const REFERENCE = { nt: matmulNT, nn: matmulNN, tn: matmulTN };

type Mode = 'store' | 'accumulate' | 'residual' | 'bias';
interface Table {
  M: number;
  N: number;
  K: number;
  mode: Mode;
  /** Added to each row's length, multiples of 4 where the kernel wants them. */
  pad?: number;
  /** Rows of a, b and y before the matrix begins. */
  skip?: number;
}

/** Sizes of a as stored: (M, K), or (K, M) in layout tn; and of b. */
function stored(layout: Layout, { M, N, K }: { M: number; N: number; K: number }) {
  return { a: layout === 'tn' ? [K, M] : [M, K], b: layout === 'nt' ? [N, K] : [K, N] } as { a: [number, number]; b: [number, number] };
}

/** The tensor that holds b in its dtype; f16 goes two to a word. */
function uploadB(gpu: GpuContext, b: Float64Array, dtype: 'f32' | 'f16'): Tensor {
  if (dtype === 'f32') return upload(gpu, 'b', b);
  const tensor = createState(gpu, 'b', [b.length], 'f16');
  const words = new Uint32Array(Math.ceil(b.length / 2));
  b.forEach((v, i) => {
    words[i >> 1]! |= toHalf(v) << (16 * (i % 2));
  });
  writeTensor(gpu, tensor, words);
  return tensor;
}

/**
 * The kernels of a shape: registers want widths that are multiples of 4, which rows get by a stride (zeros in the gap), as the logits do.
 */
async function multiply(gpu: GpuContext, layout: Layout, t: Table, dtype: 'f32' | 'f16' = 'f32', force?: string): Promise<void> {
  const { a: sizeA, b: sizeB } = stored(layout, t);
  const A = randomFloats(sizeA[0] * sizeA[1], 1);
  const B = randomFloats(sizeB[0] * sizeB[1], 2).map((v) => (dtype === 'f16' ? fromHalf(toHalf(v)) : v));
  const expected = REFERENCE[layout](A, B, t.M, t.N, t.K);
  const round = (n: number): number => Math.ceil(n / 4) * 4;
  const lda = round(sizeA[1]) + (t.pad ?? 0);
  const ldb = force && /tiled|simple/.test(force) ? sizeB[1] : round(sizeB[1]) + (t.pad ?? 0);
  const ldy = t.N + (t.pad ?? 0);
  const skip = t.skip ?? 0;
  const before = (x: Float64Array, ld: number): Float64Array => Float64Array.from([...new Float64Array(skip * ld).fill(9), ...x]);
  const old = randomFloats(t.M * t.N, 3);
  const plus = t.mode === 'store' ? null : t.mode === 'bias' ? old.map((_, i) => old[i % t.N]!) : old;
  const y = before(strided(t.mode === 'accumulate' ? old : new Float64Array(t.M * t.N).fill(UNTOUCHED), t.M, t.N, ldy, UNTOUCHED), ldy);
  const tensors = {
    a: upload(gpu, 'a', before(strided(A, sizeA[0], sizeA[1], lda), lda)),
    b: uploadB(gpu, before(strided(B, sizeB[0], sizeB[1], ldb), ldb), dtype),
    y: upload(gpu, 'y', y),
    residual: upload(gpu, 'residual', before(strided(old, t.M, t.N, ldy), ldy)),
    bias: upload(gpu, 'bias', old.slice(0, t.N)),
  };
  const graph = new Graph(gpu, `${layout} matmul`);
  const shape: MatmulShape = { M: t.M, N: t.N, K: t.K, lda, ldb, ldy, aOffset: skip * lda, bOffset: skip * ldb, yOffset: skip * ldy };
  emitMatmul(graph, layout, tensors.a, tensors.b, tensors.y, shape, {
    accumulate: t.mode === 'accumulate',
    ...(t.mode === 'residual' ? { residual: tensors.residual } : {}),
    ...(t.mode === 'bias' ? { bias: tensors.bias } : {}),
    ...(force ? { force } : {}),
  });
  const plan = await graph.compile();
  plan.run();
  const [result] = await download(gpu, [tensors.y]);
  plan.destroy();
  for (const tensor of Object.values(tensors)) freeState(gpu, tensor);
  const whole = before(
    strided(
      expected.map((v, i) => v + (plus?.[i] ?? 0)),
      t.M,
      t.N,
      ldy,
      UNTOUCHED,
    ),
    ldy,
  );
  expectClose(`${layout} ${force ?? 'chosen'} ${JSON.stringify(t)}`, result!.floats, whole, 1e-7);
  // The sentinels dwarf the sums, so the sums are compared by themselves too.
  const inside = (x: ArrayLike<number>): number[] =>
    Array.from({ length: t.M * t.N }, (_, i) => x[skip * ldy + Math.floor(i / t.N) * ldy + (i % t.N)]!);
  expectClose(`${layout} ${force ?? 'chosen'} ${JSON.stringify(t)}, sums`, inside(result!.floats), inside(whole), 1e-7);
}

/** Shapes that every kernel of a layout takes: N in fours, and K too in nt. */
const TABLES: Record<Layout, Table[]> = {
  nt: [
    { M: 1, N: 4, K: 4, mode: 'store' },
    { M: 1, N: 508, K: 8, mode: 'store' },
    { M: 37, N: 12, K: 20, mode: 'residual', pad: 4 },
    { M: 69, N: 68, K: 36, mode: 'accumulate' },
    { M: 9, N: 12, K: 12, mode: 'store', pad: 8, skip: 3 },
    { M: 18, N: 20, K: 16, mode: 'bias' },
    { M: 3, N: 24, K: 532, mode: 'store' },
  ],
  nn: [
    { M: 1, N: 4, K: 1, mode: 'store' },
    { M: 3, N: 12, K: 509, mode: 'store' },
    { M: 37, N: 20, K: 13, mode: 'residual', pad: 4 },
    { M: 69, N: 68, K: 35, mode: 'accumulate' },
    { M: 9, N: 8, K: 11, mode: 'store', pad: 8, skip: 3 },
    { M: 18, N: 24, K: 15, mode: 'bias' },
  ],
  tn: [
    { M: 1, N: 4, K: 1, mode: 'store' },
    { M: 509, N: 12, K: 3, mode: 'store' },
    { M: 13, N: 20, K: 37, mode: 'residual', pad: 4 },
    { M: 67, N: 68, K: 35, mode: 'accumulate' },
    { M: 11, N: 8, K: 9, mode: 'store', pad: 8, skip: 3 },
    { M: 18, N: 24, K: 14, mode: 'bias' },
    { M: 10, N: 8, K: 600, mode: 'store' },
    { M: 5, N: 12, K: 1031, mode: 'accumulate' },
    { M: 6, N: 16, K: 777, mode: 'residual', pad: 4, skip: 1 },
  ],
};

/** Shapes with no multiple of 4 in them, which only some kernels take. */
const ODD: Table[] = [
  { M: 1, N: 1, K: 1, mode: 'store' },
  { M: 7, N: 13, K: 11, mode: 'accumulate', pad: 1 },
  { M: 70, N: 65, K: 17, mode: 'residual' },
  { M: 3, N: 5, K: 30, mode: 'store', pad: 3, skip: 1 },
  { M: 5, N: 7, K: 9, mode: 'bias', pad: 2 },
];

const LAYOUTS = Object.keys(VARIANTS) as Layout[];
const DTYPES = { nt: ['f32', 'f16'], nn: ['f32', 'f16'], tn: ['f32'] } as const;
const takesAny = (v: Variant): boolean => v.kind === 'simple' || v.kind === 'tiled';

export const cases: KernelCase[] = [
  ...LAYOUTS.flatMap((layout) =>
    VARIANTS[layout].map((v) => ({
      name: `${v.kernel} equals the reference`,
      async run(gpu: GpuContext) {
        if (!canRun(gpu, v)) return;
        const tables = takesAny(v) ? [...TABLES[layout], ...ODD] : TABLES[layout];
        // all store through the same few lines, and each mode is a compilation: the larger kernels, and those that differ in the load of b
        // alone, are compiled for one
        const modes = v.stored === 'f32' && (v.kind === 'registers' || v.kind === 'simple');
        for (const table of tables) await multiply(gpu, layout, modes ? table : { ...table, mode: 'store' }, v.stored, v.kernel);
      },
    })),
  ),
  {
    name: 'the kernel that is chosen for a shape can take it',
    async run(gpu) {
      const tables: Table[] = [
        ODD[1]!,
        { M: 7, N: 12, K: 16, mode: 'store' },
        { M: 40, N: 6, K: 8, mode: 'store' },
        // 64 columns in fours and the last one by itself, each with its part of the row
        { M: 5, N: 69, K: 12, mode: 'bias', pad: 3 },
        { M: 2, N: 67, K: 8, mode: 'residual', pad: 1, skip: 2 },
      ];
      for (const layout of LAYOUTS)
        for (const table of tables) for (const dtype of DTYPES[layout]) await multiply(gpu, layout, table, dtype);
    },
  },
  {
    name: 'on a CPU adapter the choice among kernels changes no bit',
    async run(gpu) {
      if (!gpu.software) return;
      for (const layout of LAYOUTS) {
        for (const dtype of DTYPES[layout]) {
          const [M, N, K] = [21, 72, layout === 'tn' ? 1037 : 140];
          const { a: sizeA, b: sizeB } = stored(layout, { M, N, K });
          const lda = Math.ceil(sizeA[1] / 4) * 4;
          const a = upload(gpu, 'a', strided(randomFloats(sizeA[0] * sizeA[1], 1), sizeA[0], sizeA[1], lda));
          const b = uploadB(gpu, randomFloats(N * K, 2), dtype);
          const y = upload(gpu, 'y', new Float64Array(M * N));
          let first: Uint32Array | null = null;
          for (const v of VARIANTS[layout]) {
            if (v.stored !== dtype || !suits(gpu, v) || v.kind === 'simple') continue;
            const graph = new Graph(gpu, v.kernel);
            emitMatmul(graph, layout, a, b, y, { M, N, K, lda, ldb: sizeB[1], ldy: N }, { force: v.kernel });
            const plan = await graph.compile();
            plan.run();
            const words = (await download(gpu, [y]))[0]!.words;
            plan.destroy();
            first ??= words;
            expectSame(v.kernel, words, first);
          }
          for (const tensor of [a, b, y]) freeState(gpu, tensor);
        }
      }
    },
  },
  {
    name: 'long work is cut into pieces with the same bits',
    async run(gpu) {
      const K = 512;
      for (const layout of LAYOUTS) {
        // the columns of the whole alone exceed a piece on a CPU adapter; on a GPU nothing is cut
        const [M, N] = [130, 1700];
        const { a: sizeA, b: sizeB } = stored(layout, { M, N, K });
        const A = randomFloats(sizeA[0] * sizeA[1], 1);
        const B = randomFloats(sizeB[0] * sizeB[1], 2);
        const lda = Math.ceil(sizeA[1] / 4) * 4;
        const a = upload(gpu, 'a', strided(A, sizeA[0], sizeA[1], lda));
        const b = upload(gpu, 'b', B);
        const bias = upload(gpu, 'bias', randomFloats(N, 3));
        const ys = [upload(gpu, 'whole', new Float64Array(M * N)), upload(gpu, 'rows', new Float64Array(M * N))];
        const shape = { M, N, K, lda, ldb: sizeB[1], ldy: N };
        const graph = new Graph(gpu, 'cut');
        emitMatmul(graph, layout, a, b, ys[0]!, shape, { bias });
        const pieces = graph.dispatches.filter((d) => d.kernel !== 'linear/reduce_split');
        check(!gpu.software || pieces.length > 1, `${pieces.length} dispatches of ${layout}`);
        // the same outputs asked for in one row of pieces that are each short enough, by the same kernel
        for (let n = 0; n < N; n += 340) {
          const part = { ...shape, N: 340, bOffset: layout === 'nt' ? n * shape.ldb : n, yOffset: n };
          const row = upload(gpu, `bias ${n}`, (await download(gpu, [bias]))[0]!.floats.slice(n, n + 340));
          emitMatmul(graph, layout, a, b, ys[1]!, part, { bias: row, force: pieces[0]!.kernel });
        }
        const plan = await graph.compile();
        plan.run();
        const [one, other] = await download(gpu, ys);
        plan.destroy();
        for (const d of graph.dispatches) for (const t of d.tensors) if (t.kind === 'state' && t.buffer) freeState(gpu, t);
        // in tn, the parts that K is cut into depend on the size asked for
        if (layout === 'tn') expectClose(layout, other!.floats, one!.floats);
        else expectSame(layout, other!.words, one!.words);
      }
    },
  },
  {
    name: 'a long inner dimension is cut into parts in layout tn',
    async run(gpu) {
      const graph = new Graph(gpu, 'split');
      const [a, b, y] = [graph.input('a', [1031 * 8]), graph.input('b', [1031 * 8]), graph.input('y', [64])] as const;
      emitMatmul(graph, 'tn', a, b, y, { M: 8, N: 8, K: 1031, lda: 8, ldb: 8, ldy: 8 });
      const plan = await graph.compile();
      const kernels = plan.dispatches.map((d) => d.kernel);
      check(kernels.length === 2 && kernels[1] === 'linear/reduce_split', `dispatches are ${kernels}`);
      check(plan.dispatches[0]!.grid[2] === 4, `${plan.dispatches[0]!.grid[2]} parts, 4 expected`);
      plan.destroy();
    },
  },
  {
    name: 'linear/reduce_parts equals the reference',
    async run(gpu) {
      for (const { P, N, accumulate } of [
        { P: 1, N: 1, accumulate: false },
        { P: 7, N: 65, accumulate: true },
        { P: 3, N: 509, accumulate: false },
      ]) {
        const parts = randomFloats(P * N, 5);
        const old = randomFloats(N, 6);
        const tensors = [upload(gpu, 'parts', parts), upload(gpu, 'y', old)] as const;
        const graph = new Graph(gpu, 'reduce');
        emitReduce(graph, ...tensors, P, N, accumulate);
        const plan = await graph.compile();
        check(plan.dispatches[0]!.kernel === 'linear/reduce_parts', `the dispatch is ${plan.dispatches[0]!.kernel}`);
        plan.run();
        const [y] = await download(gpu, [tensors[1]]);
        plan.destroy();
        for (const tensor of tensors) freeState(gpu, tensor);
        const expected = old.map((v, n) => {
          let sum = accumulate ? v : 0;
          for (let p = 0; p < P; p++) sum += parts[p * N + n]!;
          return sum;
        });
        expectClose(`P ${P} N ${N}`, y!.floats, expected);
      }
    },
  },
];
