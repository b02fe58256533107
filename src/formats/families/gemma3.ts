// Gemma 3, text alone: norms before and after attention and MLP with weights around zero, norms of query and key heads, tanh GELU, embeddings scaled by
// sqrt(C), five local layers with a rope of their own for each global one. Refuses soft caps, attention in both directions, scaling of the local rope.
import { ConfigReader, type Settings } from '../configReader.ts';
import { readRope, ropeTheta, writeRope } from '../rope.ts';
import { describeDecoder, type Family, layerKinds, LLAMA_NAMES, MAX_LAYERS, readWindows, refusePartial } from './family.ts';

const GLOBAL = 0;
const LOCAL = 1;

/** Settings and bases of the ropes of global and local layers; rope_scaling (transformers 4) is about the global one. */
function readRopes(config: ConfigReader) {
  const nested = new ConfigReader(config.object('rope_parameters') ?? {}, {}, config.faults, 'rope_parameters.');
  if (Object.keys(nested.raw).some((key) => key !== 'full_attention' && key !== 'sliding_attention')) {
    config.fault('rope_parameters must hold full_attention and sliding_attention and nothing else in this family');
  }
  const full: Settings = { ...nested.object('full_attention'), ...config.object('rope_scaling') };
  const sliding: Settings = { ...nested.object('sliding_attention') };
  if ((sliding.rope_type ?? sliding.type ?? 'default') !== 'default') {
    config.fault('scaling of rope_parameters.sliding_attention is not supported; only rope_type "default" is');
  }
  for (const settings of [full, sliding]) refusePartial(config, settings);
  return { full, sliding, theta: ropeTheta(config, full), localTheta: ropeTheta(config, sliding, 'rope_local_base_freq') };
}

export const gemma3: Family = {
  type: 'gemma3_text',
  causalLm: 'Gemma3ForCausalLM',
  defaults: {
    vocab_size: 262_208,
    hidden_size: 2_304,
    intermediate_size: 9_216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    hidden_activation: 'gelu_pytorch_tanh',
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-6,
    bos_token_id: 2,
    eos_token_id: 1,
    tie_word_embeddings: true,
    rope_theta: 1_000_000,
    rope_local_base_freq: 10_000,
    query_pre_attn_scalar: 256,
    sliding_window: 4_096,
    sliding_window_pattern: 6,
  },
  describe(config) {
    const decoder = describeDecoder(config, 'hidden_activation');
    const { headDim: dim, layers, maxPositions } = decoder;
    const { full, theta, localTheta } = readRopes(config);
    const pattern = config.integer('sliding_window_pattern', 16 * MAX_LAYERS);
    const windows = readWindows(config, layers, true, (l) => (l + 1) % pattern !== 0);
    const isLocal = (l: number): boolean => (windows[l] ?? 0) > 0;
    const bias = config.flag('attention_bias');
    for (const key of ['use_bidirectional_attention', 'mlp_bias']) config.refuse(key);
    return {
      ...decoder,
      norm: { ...decoder.norm, unitOffset: true },
      ropes: [readRope(config, full, theta, { dim, maxPositions }), readRope(config, {}, localTheta, { dim, maxPositions })],
      layerKinds: layerKinds(
        layers,
        (l) => windows[l] ?? 0,
        (l) => (isLocal(l) ? LOCAL : GLOBAL),
      ),
      bias: { qkv: bias, o: bias, mlp: false },
      qkNorm: true,
      attentionScale: config.real('query_pre_attn_scalar', 1e-3, 1e6) ** -0.5,
      postNorms: true,
      embedScale: Math.sqrt(decoder.hidden),
    };
  },
  writeRope(config) {
    const { full, theta, localTheta } = readRopes(config);
    const written = writeRope(full, theta);
    const local = { rope_theta: localTheta, rope_type: 'default' };
    return {
      ...written,
      rope_local_base_freq: localTheta,
      rope_parameters: { full_attention: written.rope_parameters, sliding_attention: local },
    };
  },
  names: {
    ...LLAMA_NAMES,
    postNorm1: 'post_attention_layernorm',
    norm2: 'pre_feedforward_layernorm',
    postNorm2: 'post_feedforward_layernorm',
  },
};
