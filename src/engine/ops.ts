// Matrices as the tracer sees them: embedding, linear layers with bias and low-rank adapters, logits, the fused linear and cross-entropy. Each emits
// its forward dispatches and registers what its gradient needs; what is frozen gets none. R rows (B T), C width, V vocabulary.
// Refuses nothing: shapes are the model's.
import type { GpuContext } from '../gpu/context.ts';
import { addBias } from './biasOps.ts';
import { type DropoutOptions, dropout, scale } from './dropoutOps.ts';
import { type Graph, type Tensor, elements } from './graph.ts';
import { emitMatmul, flatGrid } from './matmul.ts';
import { emitClear } from './optimOps.ts';
import { lanes, rowGrid } from './rowGrid.ts';

/** A table of rows (embedding, head), cut by rows into pieces where the binding limit asks for it. */
export interface Weight {
  key: string;
  shape: readonly [number, number];
  pieces: readonly { row: number; tensor: Tensor }[];
}

/** Rows of a batch in the order of their ids, so that the gradient of a table's row is one sum. */
export interface IdOrder {
  order: Tensor; // (R) u32
  /** (R + 1, 2) u32: each distinct id and where its rows begin in `order`, then (2^32 - 1, R) to the end. */
  segments: Tensor;
}

/** y (R, C) = scale table (V, C)[ids (R)]; with `onto` added to that tensor in place, whose gradient passes through unchanged. */
export function embed(graph: Graph, table: Weight, ids: Tensor, order: IdOrder | null, scale = 1, onto?: Tensor): Tensor {
  const C = table.shape[1];
  const R = ids.shape[0] as number;
  const y = onto ?? graph.temp('embedding', [R, C]);
  for (const { row, tensor } of table.pieces) {
    graph.dispatch(tensor.dtype === 'f16' ? 'embed/gather_f16' : 'embed/gather', [tensor, ids, y], {
      overrides: { ADD: onto ? 1 : 0 },
      args: { R, C, lo: row, rows: tensor.shape[0] as number, scale },
      grid: flatGrid(R * C),
    });
  }
  const frozen = table.pieces.every((p) => graph.frozen(p.tensor));
  if (frozen && !onto) graph.freeze(y);
  if (frozen || !order) return y;
  graph.onBackward(() => {
    const dy = graph.gradientOf(y);
    for (const { row, tensor } of table.pieces) {
      const dtable = graph.gradientFor(tensor);
      if (!dtable.accumulate) emitClear(graph, [dtable.tensor]);
      graph.dispatch('embed/scatter', [dy, order.order, order.segments, dtable.tensor], {
        args: { R, C, lo: row, rows: tensor.shape[0] as number, scale },
        grid: flatGrid(R * C),
        cost: 2 * R * C,
      });
    }
  });
  return y;
}

/** A low-rank addition to rows [row, row + b.shape[0]) of a weight: y += factor dropout(x) A^T B^T. Source: LoRA, arXiv 2106.09685. */
export interface Adapter {
  /** (r, K) */
  a: Tensor;
  /** (n, r) */
  b: Tensor;
  /** First output column that it adds to. */
  row: number;
  factor: number;
  dropout: DropoutOptions | null;
}

export interface LinearOptions {
  /** (R, N), added; its gradient then shares y's memory. */
  residual?: Tensor;
  /** (N) */
  bias?: Tensor | null;
  adapters?: readonly Adapter[];
}

/** y (R, N) = x (R, K) W^T with W (N, K) as Hugging Face stores it, f32 or f16. */
export function linear(graph: Graph, x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const { residual, bias, adapters = [] } = options;
  const [R, K] = x.shape as [number, number];
  const N = weight.shape[0] as number;
  const y = graph.temp('linear', [R, N]);
  emitMatmul(graph, 'nt', x, weight, y, { M: R, N, K, lda: K, ldb: K, ldy: N }, residual ? { residual } : {});
  const plain = graph.frozen(x) && graph.frozen(weight) && (!residual || graph.frozen(residual));
  if (plain && !adapters.length && (!bias || graph.frozen(bias))) graph.freeze(y);
  else
    graph.onBackward(() => {
      const dy = graph.gradientOf(y);
      if (!graph.frozen(weight)) {
        const dw = graph.gradientFor(weight);
        emitMatmul(graph, 'tn', dy, x, dw.tensor, { M: N, N: K, K: R, lda: N, ldb: K, ldy: K }, { accumulate: dw.accumulate });
      }
      if (!graph.frozen(x)) {
        const dx = graph.gradientFor(x);
        emitMatmul(graph, 'nn', dy, weight, dx.tensor, { M: R, N: K, K: N, lda: N, ldb: K, ldy: K }, { accumulate: dx.accumulate });
      }
      if (residual) graph.shareGradient(residual, y);
    });
  for (const adapter of adapters) adapt(graph, x, y, adapter);
  if (bias) addBias(graph, y, bias);
  return y;
}

/** Adds the adapter's product to its columns of y, in place. */
function adapt(graph: Graph, x: Tensor, y: Tensor, { a, b, row, factor, dropout: drop }: Adapter): void {
  const [R, N] = y.shape as [number, number];
  const [n, r] = b.shape as [number, number];
  const u = scale(graph, linear(graph, drop ? dropout(graph, x, drop) : x, a), factor);
  emitMatmul(graph, 'nt', u, b, y, { M: R, N: n, K: r, lda: r, ldb: r, ldy: N, yOffset: row }, { accumulate: true });
  graph.onBackward(() => {
    const dy = graph.gradientOf(y);
    const db = graph.gradientFor(b);
    emitMatmul(graph, 'tn', dy, u, db.tensor, { M: n, N: r, K: R, lda: N, ldb: r, ldy: r, aOffset: row }, { accumulate: db.accumulate });
    const du = graph.gradientFor(u);
    emitMatmul(graph, 'nn', dy, b, du.tensor, { M: R, N: r, K: n, lda: N, ldb: r, ldy: r, aOffset: row }, { accumulate: du.accumulate });
  });
}

/** y = a + b, elementwise; both then share y's gradient. */
export function add(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const N = elements(a.shape);
  const y = graph.temp('sum', a.shape);
  graph.dispatch('bias/sum', [a, b, y], { args: { N }, grid: flatGrid(N), cost: N });
  if (graph.frozen(a) && graph.frozen(b)) graph.freeze(y);
  else
    graph.onBackward(() => {
      graph.shareGradient(a, y);
      graph.shareGradient(b, y);
    });
  return y;
}

/** Rows of the fused linear and cross-entropy; see shaders/loss/cross_entropy.wgsl for their meaning. */
export interface LossRows {
  spec: Tensor; // (R, 4) u32
  weight: Tensor; // (R)
  entropyWeight: Tensor; // (R)
  logprob: Tensor; // (R), out
  entropy: Tensor; // (R), out
  /** Added to the logit of binary decisions. */
  bias: number;
}

/** Bytes of logits that exist at once. */
export const LOGIT_CHUNK_BYTES = 16 * 2 ** 20;
export const logitStride = (V: number): number => Math.ceil(V / 4) * 4;
/** Rows of logits that exist at once on this device. */
export const chunkRows = (gpu: GpuContext, R: number, V: number): number =>
  Math.max(1, Math.min(R, Math.floor(Math.min(LOGIT_CHUNK_BYTES, gpu.device.limits.maxStorageBufferBindingSize) / 4 / logitStride(V))));

/** Logits (rows, ld) of hidden rows from `firstRow` on. */
export function emitLogits(
  graph: Graph,
  hidden: Tensor,
  head: Weight,
  logits: Tensor,
  at: { rows: number; firstRow: number; ld: number },
): void {
  const C = head.shape[1];
  for (const { row, tensor } of head.pieces) {
    const N = tensor.shape[0] as number;
    const shape = { M: at.rows, N, K: C, lda: C, ldb: C, ldy: at.ld, aOffset: at.firstRow * C, yOffset: row };
    emitMatmul(graph, 'nt', hidden, tensor, logits, shape);
  }
}

/**
 * Per-token logprob and entropy of softmax(x W^T) with x (R, C), W (V, C), rows in chunks so that full logits never exist. With `train` the
 * gradients of -sum_r (weight lp + entropyWeight h) in x and W are emitted at once. `weigh` emits what makes the weights from all rows' logprob: it
 * costs a second softmax, and a second product for the logits where they do not fit one chunk.
 */
export function linearCrossEntropy(graph: Graph, x: Tensor, head: Weight, rows: LossRows, train: boolean, weigh?: () => void): void {
  const [R, C] = x.shape as [number, number];
  const V = head.shape[0];
  const ld = logitStride(V);
  const chunk = chunkRows(graph.gpu, R, V);
  const LANES = lanes(graph, V);
  const dx = train && !graph.frozen(x) ? graph.gradientFor(x) : null;
  const logitsOf = (firstRow: number, count: number): Tensor => {
    const logits = graph.temp('logits', [count, ld]);
    emitLogits(graph, x, head, logits, { rows: count, firstRow, ld });
    return logits;
  };
  const softmax = (logits: Tensor, firstRow: number, count: number, gradient: boolean): void =>
    graph.dispatch('loss/cross_entropy', [logits, rows.spec, rows.weight, rows.entropyWeight, rows.logprob, rows.entropy], {
      overrides: { LANES, GRADIENT: gradient ? 1 : 0 },
      args: { rows: count, firstRow, V, ld, bias: rows.bias },
      grid: rowGrid(count, LANES),
      cost: 12 * count * V,
    });
  let only: Tensor | null = null;
  if (weigh) {
    for (let firstRow = 0; firstRow < R; firstRow += chunk) {
      const count = Math.min(chunk, R - firstRow);
      const logits = logitsOf(firstRow, count);
      softmax(logits, firstRow, count, false);
      if (count === R) only = logits;
    }
    weigh();
  }
  for (let firstRow = 0; firstRow < R; firstRow += chunk) {
    const count = Math.min(chunk, R - firstRow);
    const logits = only ?? logitsOf(firstRow, count);
    softmax(logits, firstRow, count, train);
    if (!train) continue;
    head.pieces.forEach(({ row, tensor }, i) => {
      const N = tensor.shape[0] as number;
      if (!graph.frozen(tensor)) {
        const dw = graph.gradientFor(tensor);
        const shape = { M: N, N: C, K: count, lda: ld, ldb: C, ldy: C, aOffset: row, bOffset: firstRow * C };
        emitMatmul(graph, 'tn', logits, x, dw.tensor, shape, { accumulate: dw.accumulate });
      }
      if (dx) {
        const shape = { M: count, N: C, K: N, lda: ld, ldb: C, ldy: C, aOffset: row, yOffset: firstRow * C };
        emitMatmul(graph, 'nn', logits, tensor, dx.tensor, shape, { accumulate: dx.accumulate || i > 0 });
      }
    });
  }
}
