// The update of a training step over parameters in segments: global norm, clipping, the step's report, AdamW with moments in f32 or in 8 bits,
// half-precision copies, a moving average of the weights; and what gradient accumulation needs (clearing, a loss that adds up).
// A step whose gradient norm is not finite changes nothing: its clip factor is 0, which the ring reports.
// Refuses: segments that are no multiple of 64 elements or do not match each other (GpuError 'invalid').
import { type GpuContext, GpuError } from '../gpu/context.ts';
import { createState, elements, freeState, type Graph, type Tensor } from './graph.ts';
import { flatGrid } from './matmul.ts';
import { rowGrid } from './rowGrid.ts';

/** Parameters as a list of f32 segments (n), n a multiple of 64; `decay` says which are weight-decayed. */
export interface ArenaSegments {
  tensors: readonly Tensor[];
  decay: readonly boolean[];
}

/** Parallel to the segments: m and v (n) f32; or codes (n / 4) u32 and scales (n / 64, 2) f32, see shaders/optim/update_8bit.wgsl. */
export type Moments = { kind: 'f32'; m: Tensor[]; v: Tensor[] } | { kind: '8bit'; mCodes: Tensor[]; vCodes: Tensor[]; scales: Tensor[] };

export interface OptimiserState {
  parameters: ArenaSegments;
  gradients: readonly Tensor[];
  moments: Moments;
  /** f16 copies of the segments (same element layout), refreshed after the update; null where a segment has none. */
  halves?: readonly (Tensor | null)[];
  /** Moving averages of the segments. */
  ema?: readonly Tensor[];
  /** (11) f32, written by the host before every update: see hyperValues. */
  hyper: Tensor;
  /** (2) f32: gradient norm before clipping, clip factor (0: the step was skipped). */
  norm: Tensor;
  /** (slots, 4) f32: summed loss, summed weight, gradient norm, clip factor of recent updates. */
  ring: Tensor;
  /** (2) f32: summed loss and weight since the last update; cleared by it. */
  loss: Tensor;
}

/** What a loss leaves per row. */
export interface WeightedRows {
  weight: Tensor; // (R)
  logprob: Tensor; // (R)
}

export interface UpdateSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Largest gradient norm; 0 = no clipping. */
  clip: number;
  /** What the moving average keeps of itself per update; unused without one. */
  emaDecay?: number;
}

export const HYPER_LENGTH = 11;

/** The numbers of `hyper` for update `step` (from 1), reporting to the ring's slot: lr, beta1, beta2, eps, weight decay, 1 - beta1^t, 1 - beta2^t, clip, slot, EMA decay, step. */
export function hyperValues(s: UpdateSettings, step: number, slot: number): Float32Array<ArrayBuffer> {
  const corrections = [1 - s.beta1 ** step, 1 - s.beta2 ** step];
  return Float32Array.of(s.lr, s.beta1, s.beta2, s.eps, s.weightDecay, ...corrections, s.clip, slot, s.emaDecay ?? 0, step);
}

/** Zeroed moments for the segments. Throws GpuError 'memory', leaving nothing behind. */
export function createMoments(gpu: GpuContext, segments: readonly Tensor[], kind: Moments['kind']): Moments {
  const made: Tensor[] = [];
  const make = (name: string, shapeOf: (n: number) => number[], dtype: 'f32' | 'u32'): Tensor[] =>
    segments.map((t, i) => {
      const tensor = createState(gpu, `${name} ${i}`, shapeOf(elements(t.shape)), dtype);
      made.push(tensor);
      return tensor;
    });
  try {
    if (kind === 'f32') return { kind, m: make('m', (n) => [n], 'f32'), v: make('v', (n) => [n], 'f32') };
    return {
      kind,
      mCodes: make('m codes', (n) => [n / 4], 'u32'),
      vCodes: make('v codes', (n) => [n / 4], 'u32'),
      scales: make('moment scales', (n) => [n / 64, 2], 'f32'),
    };
  } catch (e) {
    for (const t of made) freeState(gpu, t);
    throw e;
  }
}

/** Every tensor of the moments, in a fixed order (for checkpoints and for freeing). */
export function momentTensors(moments: Moments): Tensor[] {
  return moments.kind === 'f32' ? [...moments.m, ...moments.v] : [...moments.mCodes, ...moments.vCodes, ...moments.scales];
}

/** Zeroes tensors, such as gradients that micro-batches add to. */
export function emitClear(graph: Graph, tensors: readonly Tensor[]): void {
  for (const t of tensors) {
    const N4 = Math.ceil(t.sizeBytes / 16);
    graph.dispatch('optim/clear', [t], { args: { N4 }, grid: flatGrid(N4) });
  }
}

/** loss (2) += (-sum weight logprob, sum weight) of a micro-batch. */
export function emitLoss(graph: Graph, rows: WeightedRows, loss: Tensor): void {
  const R = rows.weight.shape[0] as number;
  graph.dispatch('optim/accumulate_loss', [rows.weight, rows.logprob, loss], { args: { R }, grid: 1, cost: 3 * R });
}

/**
 * One update from finished gradients: global norm, clip factor, report, AdamW, half copies, moving average. With `rows`, their loss is added to
 * the report first. The host writes `hyper` (hyperValues) before each run.
 */
export function emitUpdate(graph: Graph, state: OptimiserState, rows?: WeightedRows): void {
  const sizes = state.parameters.tensors.map((t) => elements(t.shape));
  expectSegments(state, sizes);
  if (rows) emitLoss(graph, rows, state.loss);
  emitNorm(graph, state, sizes);
  graph.dispatch('optim/report_step', [state.loss, state.norm, state.hyper, state.ring], {
    args: { slots: state.ring.shape[0] as number },
    grid: 1,
  });
  sizes.forEach((n, i) => {
    const p = state.parameters.tensors[i] as Tensor;
    emitSegment(graph, state, i, n);
    const N4 = n / 4;
    const half = state.halves?.[i];
    if (half) graph.dispatch('optim/half_copy', [p, half], { args: { N4 }, grid: flatGrid(N4), cost: 20 * n });
    const ema = state.ema?.[i];
    if (ema) graph.dispatch('optim/average', [p, state.hyper, ema], { args: { N4 }, grid: flatGrid(N4), cost: 3 * n });
  });
}

/** Elements whose squares one thread adds up. */
const SQUARES_PER_THREAD = 1024;

function emitNorm(graph: Graph, state: OptimiserState, sizes: readonly number[]): void {
  const counts = sizes.map((n) => Math.ceil(n / SQUARES_PER_THREAD));
  const P = counts.reduce((a, b) => a + b, 0);
  const parts = graph.temp('square sums', [P]);
  let first = 0;
  sizes.forEach((n, i) => {
    const count = counts[i] as number;
    graph.dispatch('optim/sum_squares', [state.gradients[i] as Tensor, parts], {
      args: { N4: n / 4, P: count, first },
      grid: flatGrid(count),
      cost: 2 * n,
    });
    first += count;
  });
  graph.dispatch('optim/global_norm', [parts, state.hyper, state.norm], { args: { P }, grid: 1, cost: P });
}

function emitSegment(graph: Graph, state: OptimiserState, i: number, n: number): void {
  const { moments, norm, hyper } = state;
  const p = state.parameters.tensors[i] as Tensor;
  const g = state.gradients[i] as Tensor;
  const decay = state.parameters.decay[i] ? 1 : 0;
  if (moments.kind === 'f32') {
    const [m, v] = [moments.m[i], moments.v[i]] as [Tensor, Tensor];
    graph.dispatch('optim/update_f32', [p, g, m, v, norm, hyper], { args: { N4: n / 4, decay }, grid: flatGrid(n / 4), cost: 20 * n });
    return;
  }
  const [mCodes, vCodes, scales] = [moments.mCodes[i], moments.vCodes[i], moments.scales[i]] as [Tensor, Tensor, Tensor];
  const LANES = graph.gpu.software ? 1 : 16;
  graph.dispatch('optim/update_8bit', [p, g, mCodes, vCodes, scales, norm, hyper], {
    overrides: { LANES },
    args: { blocks: n / 64, segment: i, decay },
    grid: rowGrid(n / 64, LANES),
    cost: 80 * n,
  });
}

function expectSegments(state: OptimiserState, sizes: readonly number[]): void {
  const { parameters, gradients, moments, halves, ema } = state;
  const lists: [string, readonly (Tensor | null)[], (n: number) => number][] = [['gradients', gradients, (n) => n]];
  if (moments.kind === 'f32') lists.push(['m', moments.m, (n) => n], ['v', moments.v, (n) => n]);
  else
    lists.push(
      ['m codes', moments.mCodes, (n) => n / 4],
      ['v codes', moments.vCodes, (n) => n / 4],
      ['scales', moments.scales, (n) => n / 32],
    );
  if (halves) lists.push(['halves', halves, (n) => n]);
  if (ema) lists.push(['ema', ema, (n) => n]);
  if (parameters.decay.length !== sizes.length)
    throw new GpuError('invalid', `${sizes.length} segments of parameters have ${parameters.decay.length} decay marks.`);
  for (const n of sizes)
    if (n % 64 !== 0) throw new GpuError('invalid', `A segment of ${n} parameters is no multiple of 64 elements; pad it with zeros.`);
  for (const [name, tensors, sizeOf] of lists) {
    if (tensors.length !== sizes.length)
      throw new GpuError('invalid', `${sizes.length} segments of parameters have ${tensors.length} of ${name}.`);
    tensors.forEach((t, i) => {
      const expected = sizeOf(sizes[i] as number);
      if (t && elements(t.shape) !== expected)
        throw new GpuError('invalid', `${name} ${i} has ${elements(t.shape)} elements; its segment of ${sizes[i]} needs ${expected}.`);
    });
  }
  if (state.hyper.sizeBytes < HYPER_LENGTH * 4)
    throw new GpuError('invalid', `hyper has ${state.hyper.sizeBytes / 4} numbers; an update needs ${HYPER_LENGTH}.`);
}
