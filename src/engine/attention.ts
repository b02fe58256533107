// Attention as the tracer sees it: over packed documents, windows and pinned ranges, forward and backward, and over a cache of keys and values.
// Which kernel serves a pass is measured once per device and head width; long work is cut at units that no sum crosses, so that the cut changes
// no bit. Refuses: head widths that are not a multiple of 4 or exceed 256, query heads that are no multiple of the key heads, odd rotary widths.
import { type GpuContext, GpuError } from '../gpu/context.ts';
import { type Graph, type Tensor, tracePlan, writeTensor } from './graph.ts';
import { flatGrid } from './matmul.ts';

export interface AttentionShape {
  B: number;
  T: number;
  H: number;
  K: number;
  D: number;
  /** Window in tokens, 0 = all. */
  W: number;
  /** Factor of the scores, usually 1 / sqrt(D). */
  scale: number;
}
export interface AttentionInputs {
  positions: Tensor; // (R) u32, what rotary embedding turns by
  /** (R, 4) u32: start and end of the row's document, pinLo and pinHi, as positions in the batch row. Unread unless pinned or packed. */
  spans: Tensor;
  /** Whether any row may have a pinned range. */
  pinned: boolean;
  /** Whether any document may be less than its whole batch row. */
  packed: boolean;
}
export interface CachedShape {
  R: number;
  /** Slots of the cache and positions in each. */
  S: number;
  T: number;
  H: number;
  K: number;
  D: number;
  W: number;
  scale: number;
}
export interface CachedInputs {
  slots: Tensor; // (R) u32; rows with a slot >= S are idle
  positions: Tensor; // (R) u32
  pins: Tensor; // (R, 2) u32: pinLo, pinHi; unread unless pinned
  /** Whether any row may have a pinned range. */
  pinned: boolean;
}
export interface RotaryTable {
  table: Tensor; // (P, rotaryDim / 2, 2): cos and sin
  rotaryDim: number;
}

export type AttentionPass = 'forward' | 'backward_q' | 'backward_kv' | 'cached';

/** A kernel for one pass: what it needs and how its grid is laid out. */
export interface AttentionVariant {
  kernel: string;
  /** The one head width that it is written for, or null: any. */
  D: number | null;
  /** Queries that one unit takes (backward_kv: keys; cached: heads that share keys and values). */
  rows: number;
  /** Threads of a workgroup with a unit each; or null: a workgroup per unit, with tiles in its memory, the shape for GPUs. */
  threads: number | null;
}

/** Dimensions of a head that a tiled workgroup sums up; wider heads take several, which compute the scores anew. */
const TILED_PART = 128;

const blocks = (pass: AttentionPass): AttentionVariant => ({
  kernel: `attention/${pass}_blocks`,
  D: null,
  rows: 4,
  threads: pass === 'cached' ? 4 : 16,
});
const registers = (pass: AttentionPass, D: number, rows: number): AttentionVariant => ({
  kernel: `attention/${pass}_d${D}`,
  D,
  rows,
  threads: 16,
});
const tiled = (pass: AttentionPass, rows: number): AttentionVariant => ({
  kernel: `attention/${pass}_tiled`,
  D: null,
  rows,
  threads: null,
});

/** On each device the first that it may use is taken where nothing has been measured. */
export const ATTENTION_VARIANTS: Record<AttentionPass, readonly AttentionVariant[]> = {
  forward: [tiled('forward', 64), registers('forward', 16, 4), blocks('forward')],
  backward_q: [tiled('backward_q', 64), registers('backward_q', 16, 2), registers('backward_q', 32, 2), blocks('backward_q')],
  backward_kv: [tiled('backward_kv', 64), registers('backward_kv', 16, 2), registers('backward_kv', 32, 2), blocks('backward_kv')],
  cached: [tiled('cached', 1), blocks('cached')],
};
const PASSES = Object.keys(ATTENTION_VARIANTS) as AttentionPass[];

const able = (pass: AttentionPass, D: number): AttentionVariant[] => ATTENTION_VARIANTS[pass].filter((v) => v.D === null || v.D === D);

/**
 * The variants that measuring chooses from. On CPU adapters it is one: tiles there cost far more than they save, a kernel for the very width was
 * the faster one on each, and compiling the other to see would take longer than it could save.
 */
export function attentionCandidates(gpu: GpuContext, pass: AttentionPass, D: number): AttentionVariant[] {
  if (!gpu.software) return able(pass, D);
  return able(pass, D)
    .filter((v) => v.threads !== null)
    .slice(0, 1);
}

const tuned = new WeakMap<GpuContext, Map<string, AttentionVariant>>();
const keyOf = (pass: AttentionPass, D: number): string => `${pass} ${D}`;

function choose(gpu: GpuContext, pass: AttentionPass, D: number, force?: string): AttentionVariant {
  const variant = force
    ? ATTENTION_VARIANTS[pass].find((v) => v.kernel === force)
    : (tuned.get(gpu)?.get(keyOf(pass, D)) ?? attentionCandidates(gpu, pass, D)[0]);
  if (!variant) throw new GpuError('invalid', `No kernel ${force} for attention's ${pass}.`);
  return variant;
}

/** Multiply-adds, times 2, per pair of query and key, in D: what is computed once per part of the head, and what once. */
const PAIR_FLOPS: Record<AttentionPass, { scores: number; sums: number }> = {
  forward: { scores: 2, sums: 2 },
  backward_q: { scores: 4, sums: 2 },
  backward_kv: { scores: 4, sums: 4 },
  cached: { scores: 2, sums: 2 },
};

interface Work {
  pass: AttentionPass;
  tensors: Tensor[];
  args: Record<string, number>;
  D: number;
  /** What is computed lies in lines of `length` queries, keys or heads; a unit of a kernel never crosses lines. */
  lines: number;
  length: number;
  /** Pairs of query and key that entry i of a line takes part in. */
  pairs: (i: number) => number;
  options: AttentionOptions;
}

/** Emits a pass: whole lines together as far as the limit allows, else each line in pieces. */
function emitPass(graph: Graph, work: Work): void {
  const { pass, D, length, lines } = work;
  const { kernel, rows, threads } = choose(graph.gpu, pass, D, work.options.kernels?.[pass]);
  const inParts = threads === null && pass !== 'cached';
  const parts = inParts ? Math.ceil(D / TILED_PART) : 1;
  const flops = (PAIR_FLOPS[pass].scores * parts + PAIR_FLOPS[pass].sums) * D;
  const units = Math.ceil(length / rows);
  const unitCosts = Array.from({ length: units }, (_, u) => {
    let pairs = 0;
    for (let i = u * rows; i < Math.min(length, (u + 1) * rows); i++) pairs += work.pairs(i);
    return pairs * flops;
  });
  const total = (costs: number[]): number => costs.reduce((a, b) => a + b, 0);
  const lineCost = total(unitCosts);
  const limit = work.options.largestFlops ?? (graph.gpu.software ? 1e8 : 2e10);
  const emit = (first: number, count: number, cost: number): void =>
    graph.dispatch(kernel, work.tensors, {
      overrides: inParts ? { SLABS: D <= TILED_PART / 2 ? 2 : 4 } : {},
      args: { ...work.args, D, first, count },
      grid: foldGrid(Math.ceil((count * parts) / (threads ?? 1))),
      cost,
    });
  if (lineCost <= limit) {
    const together = Math.floor(limit / lineCost);
    for (let line = 0; line < lines; line += together) {
      const n = Math.min(together, lines - line);
      emit(line * units, n * units, n * lineCost);
    }
    return;
  }
  const step = Math.max(1, Math.floor(limit / Math.max(...unitCosts)));
  for (let line = 0; line < lines; line++)
    for (let u = 0; u < units; u += step) emit(line * units + u, Math.min(step, units - u), total(unitCosts.slice(u, u + step)));
}

/** n workgroups, folded into two dimensions past 65,535. */
const foldGrid = (n: number): [number, number] => (n <= 65535 ? [n, 1] : [65535, Math.ceil(n / 65535)]);

function checkHeads({ H, K, D }: { H: number; K: number; D: number }, rope: RotaryTable | null): void {
  if (D % 4 !== 0 || D < 4 || D > 256)
    throw new GpuError('invalid', `Head width ${D} is not a multiple of 4 up to 256; such models are not supported.`);
  if (H % K !== 0) throw new GpuError('invalid', `${H} query heads are no multiple of ${K} key heads; such models are not supported.`);
  if (rope && (rope.rotaryDim % 2 !== 0 || rope.rotaryDim > D))
    throw new GpuError('invalid', `${rope.rotaryDim} rotated dimensions do not fit a head of ${D}: an even number up to ${D} is needed.`);
}

/** For tests and tuning. */
export interface AttentionOptions {
  /** Kernels by name instead of the measured choice. */
  kernels?: Partial<Record<AttentionPass, string>>;
  /** The most that one dispatch may compute; else about a tenth of a second's work. */
  largestFlops?: number;
}

/** o (R, H D) = causal attention of qkv (R, (H + 2K) D), which is rotated in place first. The gradient of qkv has no other writer. */
export function attention(
  graph: Graph,
  qkv: Tensor,
  shape: AttentionShape,
  inputs: AttentionInputs,
  rope: RotaryTable | null,
  options: AttentionOptions = {},
): Tensor {
  const { B, T, H, K, D, W, scale } = shape;
  checkHeads(shape, rope);
  const R = B * T;
  const spanned = inputs.pinned || inputs.packed ? 1 : 0;
  const rotate = (target: Tensor, sign: number): void => {
    if (!rope || rope.rotaryDim === 0) return;
    graph.dispatch('rope/rotate_part', [inputs.positions, rope.table, target], {
      args: { R, heads: H + K, D, rotary: rope.rotaryDim, width: (H + 2 * K) * D, P: rope.table.shape[0] as number, sign },
      grid: flatGrid((R * (H + K) * rope.rotaryDim) / 2),
      cost: 3 * R * (H + K) * rope.rotaryDim,
    });
  };
  rotate(qkv, 1);
  const o = graph.temp('attention', [R, H * D]);
  const L = graph.temp('logsumexp', [B * H * T]);
  const args = { T, H, K, W, spanned, pinned: inputs.pinned ? 1 : 0, scale };
  const queries = {
    args,
    D,
    lines: B * H,
    length: T,
    pairs: (i: number) => (W > 0 ? Math.min(W, i + 1) : i + 1),
  };
  emitPass(graph, { ...queries, pass: 'forward', tensors: [qkv, inputs.spans, o, L], options });
  if (graph.frozen(qkv)) {
    graph.freeze(o);
    return o;
  }
  graph.onBackward(() => {
    const dO = graph.gradientOf(o);
    const delta = graph.temp('delta', [B * H * T]);
    const { tensor: dqkv, accumulate } = graph.gradientFor(qkv);
    if (accumulate) throw new GpuError('invalid', `${qkv.label} has a gradient already; attention must be its only reader.`);
    emitPass(graph, {
      ...queries,
      pass: 'backward_q',
      tensors: [qkv, o, dO, L, inputs.spans, dqkv, delta],
      options,
    });
    emitPass(graph, {
      args,
      D,
      lines: B * K,
      length: T,
      pairs: (j) => (H / K) * (W > 0 ? Math.min(W, T - j) : T - j),
      pass: 'backward_kv',
      tensors: [qkv, dO, L, delta, inputs.spans, dqkv],
      options,
    });
    rotate(dqkv, -1);
  });
  return o;
}

/**
 * o (R, H D): writes k and v of all rows of qkv (R, (H + 2K) D) into cache (S, T, 2, K, D) at [slots[r], positions[r]], then every row attends to its own
 * slot up to its own position. Rows of one slot at several positions are a piece of a prompt, rows of several slots a step of decoding. Idle
 * rows (slot >= S or position >= T) write nothing and give 0. No two rows may have the same place. For inference: it has no gradient.
 */
export function cachedAttention(
  graph: Graph,
  qkv: Tensor,
  cache: Tensor,
  shape: CachedShape,
  inputs: CachedInputs,
  rope: RotaryTable | null,
  options: AttentionOptions = {},
): Tensor {
  const { R, S, T, H, K, D, W, scale } = shape;
  checkHeads(shape, rope);
  const rotary = rope?.rotaryDim ?? 0;
  graph.dispatch('attention/cache_rows', [inputs.slots, inputs.positions, rope?.table ?? graph.dummy(), qkv, cache], {
    args: { R, S, T, H, K, D, rotary, P: rope ? (rope.table.shape[0] as number) : 1 },
    grid: flatGrid((R * (H + 2 * K) * D) / 2),
    cost: 3 * R * (H + K) * rotary,
  });
  const o = graph.temp('attention', [R, H * D]);
  emitPass(graph, {
    pass: 'cached',
    tensors: [qkv, cache, inputs.slots, inputs.positions, inputs.pins, o],
    args: { S, T, H, K, W, pinned: inputs.pinned ? 1 : 0, scale },
    D,
    lines: R * K,
    length: H / K,
    pairs: () => (W > 0 ? Math.min(W, T) : T / 2),
    options,
  });
  return o;
}

/** Times the candidates for heads of width D, unless that was done before; the fastest of each pass is remembered for the device. */
export async function tuneAttention(gpu: GpuContext, D: number, candidatesOf = attentionCandidates): Promise<void> {
  const best = tuned.get(gpu) ?? new Map<string, AttentionVariant>();
  tuned.set(gpu, best);
  for (const pass of PASSES) {
    if (best.has(keyOf(pass, D))) continue;
    const candidates = candidatesOf(gpu, pass, D);
    let record = Infinity;
    for (const v of candidates.length > 1 ? candidates : []) {
      const timeMs = await timeVariant(gpu, pass, D, v);
      if (timeMs < record) {
        best.set(keyOf(pass, D), v);
        record = timeMs;
      }
    }
  }
}

/** Milliseconds of one pass by one kernel on a typical shape: grouped queries, no window. */
async function timeVariant(gpu: GpuContext, pass: AttentionPass, D: number, variant: AttentionVariant): Promise<number> {
  const [B, T, H, K] = gpu.software ? [1, Math.max(16, 1024 / D), 4, 2] : [4, 512, 8, 4];
  const R = pass === 'cached' ? 8 : B * T;
  const width = (H + 2 * K) * D;
  const kernels = { [pass]: variant.kernel };
  const scale = 1 / Math.sqrt(D);
  const { plan } = await tracePlan(gpu, `tune ${variant.kernel}`, (graph) => {
    const u32 = (label: string, shape: number[]): Tensor => graph.input(label, shape, 'u32');
    const qkv = graph.input('qkv', [R, width]);
    if (pass === 'cached') {
      const cache = graph.input('cache', [R, T, 2, K, D]);
      const [slots, positions, pins] = [u32('slots', [R]), u32('positions', [R]), u32('pins', [R, 2])];
      const each = Uint32Array.from({ length: R }, (_, r) => r);
      writeTensor(gpu, slots, each);
      writeTensor(gpu, positions, new Uint32Array(R).fill(T - 1));
      const shape = { R, S: R, T, H, K, D, W: 0, scale };
      cachedAttention(graph, qkv, cache, shape, { slots, positions, pins, pinned: false }, null, { kernels });
    } else {
      const inputs = { positions: u32('positions', [R]), spans: u32('spans', [R, 4]), pinned: false, packed: false };
      const o = attention(graph, qkv, { B, T, H, K, D, W: 0, scale }, inputs, null, { kernels });
      graph.bindGradient(o, graph.input('dO', [R, H * D]), true);
      if (pass !== 'forward') graph.backward();
    }
    const only = graph.dispatches.filter((d) => d.kernel === variant.kernel);
    graph.dispatches.splice(0, graph.dispatches.length, ...only);
  });
  try {
    // often enough that a GPU's time stands out from the submission's
    const times = gpu.software ? 1 : 8;
    await plan.runTimed(times);
    return Math.min(await plan.runTimed(times), await plan.runTimed(times));
  } finally {
    plan.destroy();
  }
}

/** What tuneAttention has measured on this device, for keeping. */
export const rememberedAttention = (gpu: GpuContext): Record<string, string> =>
  Object.fromEntries([...(tuned.get(gpu) ?? [])].map(([key, v]) => [key, v.kernel]));

/** Takes back what rememberedAttention gave; entries that name no kernel for their width are left out. */
export function recallAttention(gpu: GpuContext, record: Record<string, string>): void {
  const best = tuned.get(gpu) ?? new Map<string, AttentionVariant>();
  tuned.set(gpu, best);
  for (const [key, kernel] of Object.entries(record)) {
    const [pass, D] = key.split(' ');
    if (!PASSES.includes(pass as AttentionPass)) continue;
    const variant = able(pass as AttentionPass, Number(D)).find((v) => v.kernel === kernel);
    if (variant) best.set(key, variant);
  }
}
