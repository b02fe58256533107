// Mistral: Llama with one sliding window on every layer. Refuses biases and windows on some of the layers, which Mistral has not.
import { describeRotaryDecoder, type Family, layerKinds, LLAMA_NAMES, MAX_POSITIONS, writeOneRope } from './family.ts';

export const mistral: Family = {
  type: 'mistral',
  causalLm: 'MistralForCausalLM',
  defaults: {
    vocab_size: 32_000,
    hidden_size: 4_096,
    intermediate_size: 14_336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    hidden_act: 'silu',
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-6,
    bos_token_id: 1,
    eos_token_id: 2,
    tie_word_embeddings: false,
    sliding_window: 4_096,
  },
  describe(config) {
    const decoder = describeRotaryDecoder(config);
    const window = config.has('sliding_window') ? config.integer('sliding_window', MAX_POSITIONS) : 0;
    const kind = window === 0 ? 'full_attention' : 'sliding_attention';
    if (config.list('layer_types', decoder.layers)?.some((type) => type !== kind)) {
      config.fault(`layer_types other than ${kind} on every layer are not supported for this family with this sliding_window`);
    }
    for (const key of ['attention_bias', 'mlp_bias']) config.refuse(key);
    return { ...decoder, layerKinds: layerKinds(decoder.layers, () => window) };
  },
  writeRope: writeOneRope,
  names: LLAMA_NAMES,
};
