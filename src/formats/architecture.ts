// What a decoder-only transformer of any supported family is, as checked numbers and switches: everything that the engine needs to build it, and
// nothing that names a family in the engine. formats/families.ts reads it from config.json; model/transformer.ts builds from it.
// Refuses nothing itself: whoever makes an Architecture has checked it.

/** Rotary embedding with its scaling already resolved. */
export interface Rope {
  /** (rotaryDim / 2) radians per position, float64. */
  inverseFrequencies: number[];
  /** Cosines and sines are multiplied by this (YaRN's attention factor; else 1). */
  attentionFactor: number;
}

export interface LayerKind {
  /** Index into `ropes`, -1 for a layer without rotary positions. */
  rope: number;
  /** Attention window in tokens, 0 = all that came before. */
  window: number;
}

export type Activation = 'silu' | 'gelu' | 'gelu_tanh';

export interface Architecture {
  /** model_type of config.json, e.g. "qwen2". */
  family: string;
  /** C, F, L, H, K, D, V of the shape letters, in this order. */
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
  maxPositions: number;
  norm: {
    kind: 'rms' | 'layer';
    eps: number;
    /** The stored weight is the factor minus one (Gemma). */
    unitOffset: boolean;
  };
  ropes: Rope[];
  /** Dimensions of a head that are rotated, from its start: pairs (d, d + rotaryDim / 2). */
  rotaryDim: number;
  /** One per layer. */
  layerKinds: LayerKind[];
  /** A learned table of positions is added to the embeddings (GPT-2). */
  learnedPositions: boolean;
  bias: { qkv: boolean; o: boolean; mlp: boolean };
  /** RMS norm of every query and key head (over D) before rotation. */
  qkNorm: boolean;
  /** Factor of the scores, usually 1 / sqrt(D). */
  attentionScale: number;
  mlp: { gated: boolean; activation: Activation };
  /** Attention and MLP both read the block's input and are added together (GPT-NeoX). */
  parallelResidual: boolean;
  /** Norms after attention and after the MLP, before their results are added (Gemma 3). */
  postNorms: boolean;
  /** Embeddings are multiplied by this (Gemma: sqrt(C)); else 1. */
  embedScale: number;
  tieEmbeddings: boolean;
}

/** How a tensor of the file lies in its block of the parameter arena. */
export type PartLayout =
  | 'plain'
  /** The file holds (in, out), the block (out, in): GPT-2's Conv1D. */
  | 'transposed'
  /** The file holds rows by (head, q | k | v, D), the block all q, then all k, then all v: GPT-NeoX. Also for its bias. */
  | 'headMajorQkv';

export interface TensorPart {
  /** Name in the file, e.g. "model.layers.0.self_attn.q_proj.weight". */
  name: string;
  /** Other names under which files of the family store it (GPT-2 without "transformer."). */
  aliases: string[];
  /** Shape in the file. */
  shape: number[];
  layout: PartLayout;
  /** The module that LoRA targets name, e.g. "q_proj"; null for what is no linear layer. */
  module: string | null;
}

/**
 * A block of the parameter arena: its parts lie one after the other, row-major, each as `layout` says. Keys:
 * embed (V, C), positions (P, C); per layer l: `l.norm1`, `l.qkv` ((H + 2K) D, C), `l.qNorm` (D), `l.kNorm` (D), `l.o` (C, H D), `l.postNorm1`,
 * `l.norm2`, `l.up` (2F, C) gate rows first when gated, else (F, C), `l.down` (C, F), `l.postNorm2`; norm, head (V, C). Biases are keys with ".bias".
 */
export interface BlockSpec {
  key: string;
  shape: number[];
  parts: TensorPart[];
}

/** Weights of a model wherever they come from (safetensors, shards, GGUF): read by slices, never whole. */
export interface WeightSource {
  readonly tensors: ReadonlyMap<string, { shape: readonly number[]; dtype: string }>;
  /** Elements [first, first + count) of a tensor in row-major order, as they are stored or dequantised. A fresh array. Throws FormatError. */
  read(name: string, first: number, count: number): Promise<{ dtype: 'F32' | 'F16' | 'BF16'; bytes: Uint8Array<ArrayBuffer> }>;
}
