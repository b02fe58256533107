// A whole small Llama in plain float64: logits, and the gradient of every parameter, put together from the references of its parts.
// Weights by their Hugging Face names. Promises nothing but the formula. Refuses weights that are missing.
import { attentionBackward, attentionForward, type AttentionShape } from './attention.ts';
import { embeddingBackward, embeddingForward, matmulNN, matmulNT, matmulTN } from './linear.ts';
import { swigluBackward, swigluForward } from './mlp.ts';
import { rmsNormBackward, rmsNormForward } from './norm.ts';
import { rope } from './rope.ts';

/** The numbers of a config.json that the formula needs. */
export interface LlamaShape {
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
  rmsNormEps: number;
  ropeTheta: number;
  tieEmbeddings: boolean;
}

export type Weights = Map<string, Float64Array>;

/** B sequences of T tokens; positions run from 0 in each. */
export interface LlamaBatch {
  ids: ArrayLike<number>;
  B: number;
  T: number;
  /** Attention window and pinned ranges, see attention.ts. */
  W?: number;
  pinLo?: ArrayLike<number>;
  pinHi?: ArrayLike<number>;
}

interface LayerCache {
  x: Float64Array;
  norm1: ReturnType<typeof rmsNormForward>;
  qkv: Float64Array;
  attention: ReturnType<typeof attentionForward>;
  middle: Float64Array;
  norm2: ReturnType<typeof rmsNormForward>;
  gu: Float64Array;
  h: Float64Array;
}

export interface LlamaForward {
  /** (B T, V). */
  logits: Float64Array;
  layers: LayerCache[];
  last: Float64Array;
  finalNorm: ReturnType<typeof rmsNormForward>;
}

const add = (a: Float64Array, b: Float64Array): Float64Array => a.map((v, i) => v + b[i]!);

function weight(w: Weights, name: string): Float64Array {
  const tensor = w.get(name);
  if (!tensor) throw new Error(`The weights hold no tensor "${name}".`);
  return tensor;
}

/** Rows (R, n) of several matrices side by side as one (R, sum n), and back. */
function sideBySide(R: number, parts: Float64Array[]): Float64Array {
  const width = parts.reduce((n, p) => n + p.length / R, 0);
  const out = new Float64Array(R * width);
  let from = 0;
  for (const p of parts) {
    const n = p.length / R;
    for (let r = 0; r < R; r++) out.set(p.subarray(r * n, (r + 1) * n), r * width + from);
    from += n;
  }
  return out;
}
function apart(R: number, x: Float64Array, widths: number[]): Float64Array[] {
  const width = x.length / R;
  let from = 0;
  return widths.map((n) => {
    const part = new Float64Array(R * n);
    for (let r = 0; r < R; r++) part.set(x.subarray(r * width + from, r * width + from + n), r * n);
    from += n;
    return part;
  });
}

function shapes(c: LlamaShape, batch: LlamaBatch) {
  const R = batch.B * batch.T;
  const attention: AttentionShape = { B: batch.B, T: batch.T, H: c.heads, K: c.kvHeads, D: c.headDim, W: batch.W ?? 0 };
  if (batch.pinLo) attention.pinLo = batch.pinLo;
  if (batch.pinHi) attention.pinHi = batch.pinHi;
  const positions = Int32Array.from({ length: R }, (_, r) => r % batch.T);
  const rotation = { heads: c.heads + 2 * c.kvHeads, rotated: c.heads + c.kvHeads, D: c.headDim, theta: c.ropeTheta };
  return { R, attention, positions, rotation, Q: c.heads * c.headDim, KV: c.kvHeads * c.headDim };
}

const headOf = (c: LlamaShape): string => (c.tieEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight');

export function llamaForward(c: LlamaShape, w: Weights, batch: LlamaBatch): LlamaForward {
  const { R, attention: shape, positions, rotation, Q, KV } = shapes(c, batch);
  const { hidden: C, intermediate: F } = c;
  let x = embeddingForward(weight(w, 'model.embed_tokens.weight'), batch.ids, C);
  const layers: LayerCache[] = [];
  for (let l = 0; l < c.layers; l++) {
    const own = (name: string) => weight(w, `model.layers.${l}.${name}.weight`);
    const norm1 = rmsNormForward(x, own('input_layernorm'), c.rmsNormEps);
    const qkv = rope(
      sideBySide(R, [
        matmulNT(norm1.y, own('self_attn.q_proj'), R, Q, C),
        matmulNT(norm1.y, own('self_attn.k_proj'), R, KV, C),
        matmulNT(norm1.y, own('self_attn.v_proj'), R, KV, C),
      ]),
      positions,
      rotation,
    );
    const attention = attentionForward(qkv, shape);
    const middle = add(x, matmulNT(attention.o, own('self_attn.o_proj'), R, C, Q));
    const norm2 = rmsNormForward(middle, own('post_attention_layernorm'), c.rmsNormEps);
    const gu = sideBySide(R, [matmulNT(norm2.y, own('mlp.gate_proj'), R, F, C), matmulNT(norm2.y, own('mlp.up_proj'), R, F, C)]);
    const h = swigluForward(gu, F);
    layers.push({ x, norm1, qkv, attention, middle, norm2, gu, h });
    x = add(middle, matmulNT(h, own('mlp.down_proj'), R, C, F));
  }
  const finalNorm = rmsNormForward(x, weight(w, 'model.norm.weight'), c.rmsNormEps);
  return { logits: matmulNT(finalNorm.y, weight(w, headOf(c)), R, c.vocabulary, C), layers, last: x, finalNorm };
}

/** The gradient of every parameter, by name, from dlogits (B T, V). Tied embeddings hold the sum of both their uses. */
export function llamaBackward(c: LlamaShape, w: Weights, batch: LlamaBatch, cache: LlamaForward, dlogits: Float64Array): Weights {
  const { R, attention: shape, positions, rotation, Q, KV } = shapes(c, batch);
  const { hidden: C, intermediate: F, vocabulary: V } = c;
  const grads: Weights = new Map();
  const head = weight(w, headOf(c));
  const dHead = matmulTN(dlogits, cache.finalNorm.y, V, C, R);
  const final = rmsNormBackward(matmulNN(dlogits, head, R, C, V), cache.last, weight(w, 'model.norm.weight'), cache.finalNorm.rstd);
  grads.set('model.norm.weight', final.dgamma);
  let dx = final.dx;
  for (let l = c.layers - 1; l >= 0; l--) {
    const k = cache.layers[l]!;
    const name = (part: string) => `model.layers.${l}.${part}.weight`;
    const own = (part: string) => weight(w, name(part));
    // One linear layer y = x W^T: stores dW (M, N) and returns dX.
    const linear = (part: string, dy: Float64Array, input: Float64Array, M: number, N: number): Float64Array => {
      grads.set(name(part), matmulTN(dy, input, M, N, R));
      return matmulNN(dy, own(part), R, N, M);
    };
    const [dg, du] = apart(R, swigluBackward(linear('mlp.down_proj', dx, k.h, C, F), k.gu, F), [F, F]);
    const dNorm2 = add(linear('mlp.gate_proj', dg!, k.norm2.y, F, C), linear('mlp.up_proj', du!, k.norm2.y, F, C));
    const norm2 = rmsNormBackward(dNorm2, k.middle, own('post_attention_layernorm'), k.norm2.rstd);
    grads.set(name('post_attention_layernorm'), norm2.dgamma);
    dx = add(dx, norm2.dx);
    const dO = linear('self_attn.o_proj', dx, k.attention.o, C, Q);
    const dqkv = rope(attentionBackward(dO, k.qkv, k.attention.o, k.attention.L, shape), positions, rotation, -1);
    const [dq, dk, dv] = apart(R, dqkv, [Q, KV, KV]);
    const dNorm1 = add(
      linear('self_attn.q_proj', dq!, k.norm1.y, Q, C),
      add(linear('self_attn.k_proj', dk!, k.norm1.y, KV, C), linear('self_attn.v_proj', dv!, k.norm1.y, KV, C)),
    );
    const norm1 = rmsNormBackward(dNorm1, k.x, own('input_layernorm'), k.norm1.rstd);
    grads.set(name('input_layernorm'), norm1.dgamma);
    dx = add(dx, norm1.dx);
  }
  const dTable = embeddingBackward(dx, batch.ids, V, C);
  if (c.tieEmbeddings) grads.set('model.embed_tokens.weight', add(dTable, dHead));
  else grads.set('model.embed_tokens.weight', dTable).set('lm_head.weight', dHead);
  return grads;
}
