// The flash attention kernels of the cached and the full pass over plain sequences, against the float64 reference.
import { flatGrid } from '../../src/engine/matmul.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { type AttentionShape, attentionBackward, attentionForward } from '../reference/attention.ts';
import { rope } from '../reference/rope.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { expectClose } from './support/compare.ts';
import { randomFloats, randomIds, runKernel, untouched } from './support/runKernel.ts';

type Table = Pick<AttentionShape, 'B' | 'T' | 'H' | 'K' | 'D' | 'W'> & { pins?: boolean };

/** By head width, so that each compiles once; the last entries of each exceed a workgroup. */
const TABLES: Table[] = [
  { B: 1, T: 1, H: 1, K: 1, D: 8, W: 0 },
  { B: 2, T: 9, H: 4, K: 2, D: 8, W: 4, pins: true },
  { B: 1, T: 7, H: 2, K: 2, D: 12, W: 0 },
  { B: 3, T: 5, H: 3, K: 1, D: 12, W: 1, pins: true },
  { B: 1, T: 13, H: 4, K: 4, D: 16, W: 6 },
  { B: 2, T: 23, H: 4, K: 1, D: 16, W: 6, pins: true },
  { B: 1, T: 6, H: 2, K: 1, D: 20, W: 100, pins: true },
  { B: 2, T: 11, H: 6, K: 2, D: 20, W: 0 },
  { B: 1, T: 17, H: 2, K: 1, D: 64, W: 5, pins: true },
  { B: 2, T: 4, H: 1, K: 1, D: 64, W: 0 },
];

/** Empty ranges, ranges inside the window, ranges that straddle its edge, ranges in the future. */
function pinsOf({ B, T, pins }: Table): { pinLo: Uint32Array; pinHi: Uint32Array } {
  const pinLo = pins ? randomIds(B * T, T, 21) : new Uint32Array(B * T);
  const lengths = randomIds(B * T, 5, 22);
  return { pinLo, pinHi: pinLo.map((lo, i) => (pins ? Math.min(T, lo + lengths[i]!) : 0)) };
}

async function compareFull(gpu: GpuContext, t: Table): Promise<void> {
  const { B, T, H, K, D, W } = t;
  const what = JSON.stringify(t);
  const overrides = { D4: D / 4 };
  const pins = pinsOf(t);
  const shape: AttentionShape = { ...t, ...pins };
  const scale = 1 / Math.sqrt(D);
  const slices = Math.ceil(D / 16);
  const qkv = randomFloats(B * T * (H + 2 * K) * D, 1, 2);
  const dO = randomFloats(B * T * H * D, 2);
  const expected = attentionForward(qkv, shape);
  const forward = await runKernel(gpu, 'attention/flash_forward', {
    bindings: { qkv, ...pins, o: untouched(B * T * H * D), L: untouched(B * H * T) },
    args: { B, T, H, K, W, scale },
    overrides,
    grid: flatGrid(B * H * T * slices),
  });
  expectClose(`${what}, o`, forward.o!.floats, expected.o);
  expectClose(`${what}, L`, forward.L!.floats, expected.L);

  // both backward kernels write their parts of one dqkv
  const backward = await runKernel(gpu, 'attention/flash_backward_q', {
    bindings: { qkv, o: expected.o, dO, L: expected.L, ...pins, dqkv: untouched(qkv.length), delta: untouched(B * H * T) },
    args: { B, T, H, K, W, scale },
    overrides,
    grid: flatGrid(B * H * T * slices),
  });
  const want = attentionBackward(dO, qkv, expected.o, expected.L, shape);
  for (const pinned of t.pins ? [1] : [0, 1]) {
    const { dqkv } = await runKernel(gpu, 'attention/flash_backward_kv', {
      bindings: { qkv, dO, L: expected.L, delta: backward.delta!.floats, ...pins, dqkv: backward.dqkv!.floats },
      args: { B, T, H, K, W, pinned, scale },
      overrides,
      grid: flatGrid(B * K * T * slices),
    });
    // queries, keys and values apart: none hides the others
    const width = (H + 2 * K) * D;
    const part = (x: ArrayLike<number>, from: number, to: number): number[] =>
      Array.from(x).filter((_, i) => i % width >= from && i % width < to);
    const [q, k] = [H * D, (H + K) * D];
    for (const [name, from, to] of [['dq', 0, q] as const, ['dk', q, k] as const, ['dv', k, width] as const]) {
      if (T === 1 && name !== 'dv') continue; // one key: the softmax is constant, dq and dk are 0 up to rounding
      expectClose(`${what}, ${name}, pinned ${pinned}`, part(dqkv!.floats, from, to), part(want, from, to));
    }
  }
}

/** Positions one after the other through the cache: what attends equals the full pass at every position. */
async function compareDecode(gpu: GpuContext, t: Table): Promise<void> {
  const { B, T, H, K, D, W } = t;
  const capacity = T + 2;
  const P = 32;
  const theta = 10_000;
  const width = (H + 2 * K) * D;
  const pins = pinsOf(t);
  const raw = randomFloats(B * T * width, 3, 2);
  const all = Uint32Array.from({ length: B * T }, (_, r) => r % T);
  const rotated = rope(raw, all, { heads: H + 2 * K, rotated: H + K, D, theta });
  const expected = attentionForward(rotated, { ...t, ...pins }).o;
  const table = Float64Array.from({ length: P * D }, (_, i) => {
    const angle = Math.floor(i / D) * theta ** ((-2 * Math.floor((i % D) / 2)) / D);
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
  const atPosition = <A extends Float64Array | Uint32Array>(x: A, i: number, n: number): A => {
    const out = x.slice(0, B * n) as A;
    for (let b = 0; b < B; b++) out.set(x.subarray((b * T + i) * n, (b * T + i + 1) * n), b * n);
    return out;
  };
  let cache: Float64Array | Float32Array = untouched(B * capacity * 2 * K * D);
  for (let i = 0; i < T; i++) {
    const position = new Uint32Array(B).fill(i);
    const written = await runKernel(gpu, 'attention/cache_write', {
      bindings: { position, table, qkv: atPosition(raw, i, width), cache },
      args: { B, T: capacity, H, K, D, P },
      grid: flatGrid((B * (H + 2 * K) * D) / 2),
    });
    cache = written.cache!.floats;
    const q = (x: ArrayLike<number>): number[] => Array.from(x).filter((_, at) => at % width < H * D);
    expectClose(`${JSON.stringify(t)}, q at ${i}`, q(written.qkv!.floats), q(atPosition(rotated, i, width)));
    const { o } = await runKernel(gpu, 'attention/decode', {
      bindings: {
        qkv: written.qkv!.floats,
        cache,
        position,
        pinLo: atPosition(pins.pinLo, i, 1),
        pinHi: atPosition(pins.pinHi, i, 1),
        o: untouched(B * H * D),
      },
      args: { B, T: capacity, H, K, W, scale: 1 / Math.sqrt(D) },
      overrides: { D4: D / 4 },
      grid: Math.ceil((B * H * Math.ceil(D / 16)) / 64),
    });
    expectClose(`${JSON.stringify(t)}, o at ${i}`, o!.floats, atPosition(expected, i, H * D));
  }
}

const WIDTHS = [...new Set(TABLES.map((t) => t.D))];

export const cases: KernelCase[] = WIDTHS.flatMap((D) => [
  {
    name: `flash attention forward and backward with heads of ${D}`,
    async run(gpu: GpuContext) {
      for (const t of TABLES) if (t.D === D) await compareFull(gpu, t);
    },
  },
  {
    name: `attention/cache_write and attention/decode with heads of ${D} equal the full pass`,
    async run(gpu: GpuContext) {
      for (const t of TABLES) if (t.D === D) await compareDecode(gpu, t);
    },
  },
]);
