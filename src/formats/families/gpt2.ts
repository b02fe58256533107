// GPT-2: learned positions, LayerNorm, biases everywhere, matrices stored (in, out) and q, k, v in one. Refuses scores divided by the layer's index.
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

export const gpt2: Family = {
  type: 'gpt2',
  causalLm: 'GPT2LMHeadModel',
  defaults: {
    vocab_size: 50_257,
    n_positions: 1_024,
    n_embd: 768,
    n_layer: 12,
    n_head: 12,
    activation_function: 'gelu_new',
    layer_norm_epsilon: 1e-5,
    scale_attn_weights: true,
    bos_token_id: 50_256,
    eos_token_id: 50_256,
    tie_word_embeddings: true,
  },
  describe(config) {
    const hidden = config.integer('n_embd', MAX_HIDDEN);
    const heads = config.integer('n_head', MAX_HEADS);
    const layers = config.integer('n_layer', MAX_LAYERS);
    const headDim = hidden / heads;
    config.refuse('scale_attn_by_inverse_layer_idx');
    return {
      hidden,
      intermediate: config.has('n_inner') ? config.integer('n_inner', MAX_INTERMEDIATE) : 4 * hidden,
      layers,
      heads,
      kvHeads: heads,
      headDim,
      vocabulary: config.integer('vocab_size', MAX_VOCABULARY),
      maxPositions: config.integer('n_positions', MAX_POSITIONS),
      norm: { kind: 'layer', eps: config.real('layer_norm_epsilon', 1e-12, 1), unitOffset: false },
      ropes: [],
      rotaryDim: 0,
      layerKinds: layerKinds(
        layers,
        () => 0,
        () => -1,
      ),
      learnedPositions: true,
      bias: { qkv: true, o: true, mlp: true },
      qkNorm: false,
      attentionScale: config.flag('scale_attn_weights') ? headDim ** -0.5 : 1,
      mlp: { gated: false, activation: config.choice('activation_function', ACTIVATIONS) },
      parallelResidual: false,
      postNorms: false,
      embedScale: 1,
      tieEmbeddings: config.flag('tie_word_embeddings'),
    };
  },
  writeRope: () => ({}),
  names: {
    base: 'transformer.',
    layers: 'h',
    embed: 'wte',
    positions: 'wpe',
    norm: 'ln_f',
    head: ['lm_head'],
    norm1: 'ln_1',
    norm2: 'ln_2',
    qkv: ['attn.c_attn'],
    o: 'attn.c_proj',
    up: ['mlp.c_fc'],
    down: 'mlp.c_proj',
    matrices: 'transposed',
  },
};
