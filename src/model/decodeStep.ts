// One step of cached decoding: R rows, each the token of a slot at a position, through the transformer and over the caches. Rows of several slots are
// a step of decoding, rows of one slot at several positions a piece of a prompt. Logits come in chunks of rows, so that full ones never exist.
// Refuses: caches that the adapter cannot bind, contexts that the model does not have.
import { cachedAttention } from '../engine/attention.ts';
import type { Graph, Tensor } from '../engine/graph.ts';
import { chunkRows, emitLogits, logitStride } from '../engine/ops.ts';
import { ModelError } from './modelError.ts';
import type { Transformer } from './transformer.ts';

/** Keys and values of S slots of T positions, (S, T, 2, K, D) per layer. */
export interface SlotCache {
  S: number;
  T: number;
  layers: Tensor[];
}

/** The most slots of T positions that this adapter can bind, at least 1. */
export function bindableSlots(model: Transformer, T: number): number {
  return Math.max(1, Math.floor(model.gpu.device.limits.maxStorageBufferBindingSize / slotBytes(model, T)));
}

/** Bytes of a slot per layer. */
const slotBytes = ({ architecture: { kvHeads: K, headDim: D } }: Transformer, T: number): number => T * 2 * K * D * 4;

/** Caches made with `make`, whose caller frees them. Throws ModelError when T exceeds the model's context or S slots the adapter's limit. */
export function createCache(model: Transformer, S: number, T: number, make: (label: string, shape: number[]) => Tensor): SlotCache {
  const { layers, kvHeads: K, headDim: D } = model.architecture;
  const { maxPositions } = model;
  if (T > maxPositions)
    throw new ModelError(`A capacity of ${T} tokens exceeds the model's context of ${maxPositions}. Ask for ${maxPositions} or fewer.`);
  const limit = model.gpu.device.limits.maxStorageBufferBindingSize;
  const bytes = S * slotBytes(model, T);
  if (bytes > limit)
    throw new ModelError(
      `${S} slots of ${T} tokens need ${bytes} bytes of keys and values per layer; this adapter binds at most ${limit}. ${
        S > 1 ? `Use ${bindableSlots(model, T)} slots or a smaller capacity` : 'Use a smaller capacity'
      }.`,
    );
  return { S, T, layers: Array.from({ length: layers }, (_, l) => make(`cache ${l}`, [S, T, 2, K, D])) };
}

/** What the rows of a step are. */
export interface StepInputs {
  slots: Tensor; // (R) u32; rows of slot >= S are idle
  positions: Tensor; // (R) u32
  ids: Tensor; // (R) u32
  pins: Tensor; // (R, 2) u32: pinLo, pinHi
  /** Whether any row may have a pinned range. */
  pinned: boolean;
}

/** Final normed hidden states (R, C) of a step. W > 0 narrows every layer's attention to a window of W tokens. */
export function traceStep(graph: Graph, model: Transformer, cache: SlotCache, rows: StepInputs, W = 0): Tensor {
  const { heads: H, kvHeads: K, headDim: D, attentionScale: scale } = model.architecture;
  const { S, T } = cache;
  const R = rows.ids.shape[0] as number;
  return model.hidden(graph, { ids: rows.ids, positions: rows.positions, order: null }, (qkv, layer) => {
    const shape = { R, S, T, H, K, D, W: model.windowOf(layer, W), scale };
    return cachedAttention(graph, qkv, cache.layers[layer] as Tensor, shape, rows, model.ropeOf(layer));
  });
}

/** A chunk of logits (rows, ld) of the rows from firstRow on; columns V to ld hold nothing. */
export interface LogitChunk {
  logits: Tensor;
  rows: number;
  firstRow: number;
  V: number;
  ld: number;
}

/** Emits the logits of hidden states (R, C) chunk by chunk, each with what `sample` makes of it. */
export function traceLogits(graph: Graph, model: Transformer, hidden: Tensor, sample: (chunk: LogitChunk) => void): void {
  const R = hidden.shape[0] as number;
  const V = model.architecture.vocabulary;
  const ld = logitStride(V);
  const chunk = chunkRows(graph.gpu, R, V);
  for (let firstRow = 0; firstRow < R; firstRow += chunk) {
    const rows = Math.min(chunk, R - firstRow);
    const logits = graph.temp('logits', [rows, ld]);
    emitLogits(graph, hidden, model.head, logits, { rows, firstRow, ld });
    sample({ logits, rows, firstRow, V, ld });
  }
}
