// The ops of a transformer as the tracer sees them: each emits its forward dispatches and, when the graph records a backward pass, registers
// what its gradient needs. Shapes in the letters of the house: R rows (B T), C width, H and K heads, D head width, F feed-forward, V vocabulary.
// Refuses: head widths that are not a multiple of 4.
import { GpuError } from '../gpu/context.ts';
import { type Graph, type Tensor, viewState } from './graph.ts';
import { emitMatmul, emitReduce, flatGrid } from './matmul.ts';

/** Threads per row in row-wise kernels: one on CPU adapters (no barriers), more on GPUs for wide rows. */
export function lanes(graph: Graph, width: number): number {
  if (graph.gpu.software || width < 32) return 1;
  return width < 256 ? 16 : 64;
}
export const rowGrid = (rows: number, perRow: number): number => Math.ceil(rows / (64 / perRow));

/** Token rows in the order of their ids, so that the gradient of an embedding row is one segment. */
export interface IdOrder {
  order: Tensor; // (R) u32
  starts: Tensor; // (V + 1) u32
}

/** y (R, C) = table (V, C)[ids (R)]. */
export function embed(graph: Graph, table: Tensor, ids: Tensor, order: IdOrder | null): Tensor {
  const [V, C] = table.shape as [number, number];
  const R = ids.shape[0] as number;
  const y = graph.temp('embedding', [R, C]);
  graph.dispatch('embed/forward', [table, ids, y], { args: { R, C, V }, grid: flatGrid(R * C) });
  if (order) {
    graph.onBackward(() => {
      const { tensor, accumulate } = graph.gradientFor(table);
      graph.dispatch('embed/backward', [graph.gradientOf(y), order.order, order.starts, tensor], {
        args: { V, C, accumulate: accumulate ? 1 : 0 },
        grid: flatGrid(V * C),
        cost: R * C,
      });
    });
  }
  return y;
}

/** y (R, C) = x / rms(x) * gamma. */
export function rmsNorm(graph: Graph, x: Tensor, gamma: Tensor, eps: number): Tensor {
  const [R, C] = x.shape as [number, number];
  const y = graph.temp('norm', [R, C]);
  const rstd = graph.temp('rstd', [R]);
  const LANES = lanes(graph, C);
  graph.dispatch('norm/rms_forward', [x, gamma, y, rstd], {
    overrides: { LANES },
    args: { R, C, eps },
    grid: rowGrid(R, LANES),
    cost: 4 * R * C,
  });
  graph.onBackward(() => {
    const dy = graph.gradientOf(y);
    const rowsPerPart = Math.max(16, Math.ceil(R / 256));
    const P = Math.ceil(R / rowsPerPart);
    const parts = graph.temp('dgamma parts', [P, C]);
    graph.dispatch('norm/rms_gamma', [dy, x, rstd, parts], { args: { R, C, P, rowsPerPart }, grid: flatGrid(P * C), cost: 3 * R * C });
    const dgamma = graph.gradientFor(gamma);
    emitReduce(graph, parts, dgamma.tensor, P, C, dgamma.accumulate);
    const dx = graph.gradientFor(x);
    graph.dispatch('norm/rms_backward', [dy, x, gamma, rstd, dx.tensor], {
      overrides: { LANES },
      args: { R, C, accumulate: dx.accumulate ? 1 : 0 },
      grid: rowGrid(R, LANES),
      cost: 8 * R * C,
    });
  });
  return y;
}

/** y (R, N) = x (R, K) W^T with W (N, K) as Hugging Face stores it; plus `residual` (R, N), whose gradient then shares y's memory. */
export function linear(graph: Graph, x: Tensor, weight: Tensor, residual?: Tensor): Tensor {
  const [R, K] = x.shape as [number, number];
  const N = weight.shape[0] as number;
  const y = graph.temp('linear', [R, N]);
  emitMatmul(graph, 'nt', x, weight, y, { M: R, N, K, lda: K, ldb: K, ldy: N }, residual ? { residual } : {});
  graph.onBackward(() => {
    const dy = graph.gradientOf(y);
    const dw = graph.gradientFor(weight);
    emitMatmul(graph, 'tn', dy, x, dw.tensor, { M: N, N: K, K: R, lda: N, ldb: K, ldy: K }, { accumulate: dw.accumulate });
    const dx = graph.gradientFor(x);
    emitMatmul(graph, 'nn', dy, weight, dx.tensor, { M: R, N: K, K: N, lda: N, ldb: K, ldy: K }, { accumulate: dx.accumulate });
    if (residual) graph.shareGradient(residual, y);
  });
  return y;
}

export interface AttentionShape {
  B: number;
  T: number;
  H: number;
  K: number;
  D: number;
  /** Window in tokens, 0 = all. */
  W: number;
}
export interface AttentionInputs {
  positions: Tensor; // (R) u32
  /** (P, D/2, 2) cos and sin. */
  ropeTable: Tensor;
  pinLo: Tensor; // (R) u32
  pinHi: Tensor;
  /** Whether any position may have a pinned range. */
  pinned: boolean;
}

/** o (R, H D) = causal attention of qkv (R, (H + 2K) D), rotated in place first. */
export function attention(graph: Graph, qkv: Tensor, shape: AttentionShape, inputs: AttentionInputs): Tensor {
  const { B, T, H, K, D, W } = shape;
  if (D % 4 !== 0) throw new GpuError('invalid', `Head width ${D} is not a multiple of 4; such models are not supported.`);
  const R = B * T;
  const width = (H + 2 * K) * D;
  const scale = 1 / Math.sqrt(D);
  const slices = Math.ceil(D / 16);
  const P = inputs.ropeTable.shape[0] as number;
  const overrides = { D4: D / 4 };
  const reach = W > 0 ? Math.min(W, T) : T / 2;
  const rotate = (target: Tensor, sign: number) =>
    graph.dispatch('rope/rotate', [inputs.positions, inputs.ropeTable, target], {
      args: { R, heads: H + K, D, width, P, sign },
      grid: flatGrid((R * (H + K) * D) / 2),
    });
  rotate(qkv, 1);
  const o = graph.temp('attention', [R, H * D]);
  const L = graph.temp('logsumexp', [B * H * T]);
  graph.dispatch('attention/flash_forward', [qkv, inputs.pinLo, inputs.pinHi, o, L], {
    overrides,
    args: { B, T, H, K, W, scale },
    grid: flatGrid(B * H * T * slices),
    cost: 4 * B * H * T * reach * D * slices,
  });
  graph.onBackward(() => {
    const dO = graph.gradientOf(o);
    const delta = graph.temp('delta', [B * H * T]);
    const { tensor: dqkv } = graph.gradientFor(qkv);
    graph.dispatch('attention/flash_backward_q', [qkv, o, dO, L, inputs.pinLo, inputs.pinHi, dqkv, delta], {
      overrides,
      args: { B, T, H, K, W, scale },
      grid: flatGrid(B * H * T * slices),
      cost: 6 * B * H * T * reach * D * slices,
    });
    graph.dispatch('attention/flash_backward_kv', [qkv, dO, L, delta, inputs.pinLo, inputs.pinHi, dqkv], {
      overrides,
      args: { B, T, H, K, W, pinned: inputs.pinned ? 1 : 0, scale },
      grid: flatGrid(B * K * T * slices),
      cost: 8 * B * H * T * reach * D * slices,
    });
    rotate(dqkv, -1);
  });
  return o;
}

/** h (R, F) = silu(gate) up of gu (R, 2F). */
export function swiglu(graph: Graph, gu: Tensor): Tensor {
  const [R, F2] = gu.shape as [number, number];
  const F = F2 / 2;
  const h = graph.temp('swiglu', [R, F]);
  graph.dispatch('mlp/swiglu_forward', [gu, h], { args: { R, F }, grid: flatGrid(R * F), cost: 5 * R * F });
  graph.onBackward(() => {
    const { tensor: dgu } = graph.gradientFor(gu);
    graph.dispatch('mlp/swiglu_backward', [graph.gradientOf(h), gu, dgu], { args: { R, F }, grid: flatGrid(R * F), cost: 10 * R * F });
  });
  return h;
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
export const chunkRows = (R: number, V: number): number => Math.max(1, Math.min(R, Math.floor(LOGIT_CHUNK_BYTES / 4 / logitStride(V))));

/**
 * Per-token logprob and entropy of softmax(x W^T) with x (R, C), W (V, C), rows in chunks so that full logits never exist. With `train` the
 * gradients of -sum_r (weight lp + entropyWeight h) in x and W are emitted at once.
 */
export function linearCrossEntropy(graph: Graph, x: Tensor, weight: Tensor, rows: LossRows, train: boolean): void {
  const [R, C] = x.shape as [number, number];
  const V = weight.shape[0] as number;
  const ld = logitStride(V);
  const chunk = chunkRows(R, V);
  const LANES = lanes(graph, V);
  const dx = train ? graph.gradientFor(x) : null;
  for (let firstRow = 0; firstRow < R; firstRow += chunk) {
    const count = Math.min(chunk, R - firstRow);
    const logits = graph.temp('logits', [count, ld]);
    emitMatmul(graph, 'nt', x, weight, logits, { M: count, N: V, K: C, lda: C, ldb: C, ldy: ld, aOffset: firstRow * C });
    graph.dispatch('loss/cross_entropy', [logits, rows.spec, rows.weight, rows.entropyWeight, rows.logprob, rows.entropy], {
      overrides: { LANES, GRADIENT: train ? 1 : 0 },
      args: { rows: count, firstRow, V, ld, bias: rows.bias },
      grid: rowGrid(count, LANES),
      cost: 12 * count * V,
    });
    if (dx) {
      const dw = graph.gradientFor(weight);
      emitMatmul(
        graph,
        'tn',
        logits,
        x,
        dw.tensor,
        { M: V, N: C, K: count, lda: ld, ldb: C, ldy: C, bOffset: firstRow * C },
        { accumulate: dw.accumulate },
      );
      emitMatmul(graph, 'nn', logits, weight, dx.tensor, { M: count, N: C, K: V, lda: ld, ldb: C, ldy: C, yOffset: firstRow * C });
    }
  }
}

/**
 * Optimiser state over a flat parameter arena of N elements. hyper holds lr, beta1, beta2, eps, weight decay, 1 - beta1^t, 1 - beta2^t, clip
 * (0 = off) and the slot of the ring that this step reports to.
 */
export interface AdamWState {
  parameters: Tensor;
  gradients: Tensor;
  m: Tensor;
  v: Tensor;
  hyper: Tensor; // (9)
  /** (2): gradient norm before clipping, clip factor. */
  norm: Tensor;
  /** (slots, 4): loss, summed weight, gradient norm, clip factor of recent steps; read every few steps. */
  ring: Tensor;
}

/** Global norm, clip, AdamW and the step's report. Arenas beyond the adapter's binding limit are taken in pieces. */
export function adamW(graph: Graph, state: AdamWState, rows: Pick<LossRows, 'weight' | 'logprob'>): void {
  const N = state.parameters.shape[0] as number;
  const piece = Math.floor(graph.gpu.device.limits.maxStorageBufferBindingSize / 4 / 64) * 64;
  const pieces = Math.ceil(N / piece);
  const perPiece = Math.max(1, Math.min(1024, Math.ceil(N / pieces / 1024)));
  const part = (t: Tensor, i: number): Tensor =>
    pieces === 1 ? t : viewState(t, `${t.label}[${i}]`, i * piece, [Math.min(piece, N - i * piece)]);
  const P = Math.ceil(perPiece / 64) * 64;
  const sums = graph.input('square sums', [pieces * P]);
  for (let i = 0; i < pieces; i++) {
    const g = part(state.gradients, i);
    const n = g.shape[0] as number;
    graph.dispatch('optim/square_sums', [g, viewState(sums, 'square sums', i * P, [P])], {
      args: { N: n, P: perPiece },
      grid: P / 64,
      cost: 2 * n,
    });
  }
  graph.dispatch('optim/clip_factor', [sums, state.hyper, state.norm], { args: { P: pieces * P }, grid: 1 });
  graph.dispatch('optim/log_step', [rows.weight, rows.logprob, state.norm, state.hyper, state.ring], {
    args: { R: rows.weight.shape[0] as number, slots: state.ring.shape[0] as number },
    grid: 1,
  });
  for (let i = 0; i < pieces; i++) {
    const [p, g, m, v] = [state.parameters, state.gradients, state.m, state.v].map((t) => part(t, i)) as [Tensor, Tensor, Tensor, Tensor];
    const n = p.shape[0] as number;
    graph.dispatch('optim/adamw', [p, g, m, v, state.norm, state.hyper], { args: { N: n }, grid: flatGrid(n), cost: 12 * n });
  }
}
