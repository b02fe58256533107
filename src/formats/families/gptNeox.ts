// GPT-NeoX and Pythia: LayerNorm, attention and MLP side by side (or one after the other), a part of each head rotated, q, k, v of each head in one matrix.
import type { ConfigReader } from '../configReader.ts';
import { readRope, ropeSettings, ropeTheta, writeRope } from '../rope.ts';
import {
  ACTIVATIONS,
  type Family,
  layerKinds,
  MAX_HEADS,
  MAX_HIDDEN,
  MAX_INTERMEDIATE,
  MAX_LAYERS,
  MAX_POSITIONS,
  MAX_VOCABULARY,
} from './family.ts';

/** Of a head's dimensions; transformers 4 calls it rotary_pct, transformers 5 has it among the rope settings. */
function rotaryShare(config: ConfigReader): number {
  const share = ropeSettings(config).partial_rotary_factor;
  if (typeof share === 'number' && share > 0 && share <= 1) return share;
  if (share !== undefined && share !== null) config.fault('partial_rotary_factor is not a number above 0 and up to 1');
  return config.real('rotary_pct', 1e-3, 1);
}

export const gptNeox: Family = {
  type: 'gpt_neox',
  causalLm: 'GPTNeoXForCausalLM',
  defaults: {
    vocab_size: 50_432,
    hidden_size: 6_144,
    num_hidden_layers: 44,
    num_attention_heads: 64,
    intermediate_size: 24_576,
    hidden_act: 'gelu',
    max_position_embeddings: 2_048,
    layer_norm_eps: 1e-5,
    bos_token_id: 0,
    eos_token_id: 2,
    tie_word_embeddings: false,
    use_parallel_residual: true,
    attention_bias: true,
    rotary_pct: 0.25,
    rotary_emb_base: 10_000,
  },
  describe(config) {
    const hidden = config.integer('hidden_size', MAX_HIDDEN);
    const heads = config.integer('num_attention_heads', MAX_HEADS);
    const layers = config.integer('num_hidden_layers', MAX_LAYERS);
    const maxPositions = config.integer('max_position_embeddings', MAX_POSITIONS);
    const headDim = hidden / heads;
    const dim = Math.floor(headDim * rotaryShare(config));
    const bias = config.flag('attention_bias');
    const settings = ropeSettings(config);
    if (config.has('head_dim') && config.value('head_dim') !== headDim)
      config.fault(`head_dim must be hidden_size / num_attention_heads in this family`);
    if (dim < 1) config.fault('rotary_pct rotates no dimension of a head');
    return {
      hidden,
      intermediate: config.integer('intermediate_size', MAX_INTERMEDIATE),
      layers,
      heads,
      kvHeads: heads,
      headDim,
      vocabulary: config.integer('vocab_size', MAX_VOCABULARY),
      maxPositions,
      norm: { kind: 'layer', eps: config.real('layer_norm_eps', 1e-12, 1), unitOffset: false },
      ropes: [readRope(config, settings, ropeTheta(config, settings, 'rotary_emb_base'), { dim, maxPositions })],
      rotaryDim: 2 * Math.ceil(dim / 2),
      layerKinds: layerKinds(layers),
      learnedPositions: false,
      bias: { qkv: bias, o: bias, mlp: true },
      qkNorm: false,
      attentionScale: headDim ** -0.5,
      mlp: { gated: false, activation: config.choice('hidden_act', ACTIVATIONS) },
      parallelResidual: config.flag('use_parallel_residual'),
      postNorms: false,
      embedScale: 1,
      tieEmbeddings: config.flag('tie_word_embeddings'),
    };
  },
  writeRope(config) {
    const settings = ropeSettings(config);
    const theta = ropeTheta(config, settings, 'rotary_emb_base');
    const share = rotaryShare(config);
    return { ...writeRope({ ...settings, partial_rotary_factor: share }, theta, 'rotary_emb_base'), rotary_pct: share };
  },
  names: {
    base: 'gpt_neox.',
    layers: 'layers',
    embed: 'embed_in',
    norm: 'final_layer_norm',
    head: ['embed_out', 'lm_head'],
    norm1: 'input_layernorm',
    norm2: 'post_attention_layernorm',
    qkv: ['attention.query_key_value'],
    o: 'attention.dense',
    up: ['mlp.dense_h_to_4h'],
    down: 'mlp.dense_4h_to_h',
    matrices: 'plain',
    fusedQkv: 'headMajorQkv',
  },
};
