// Llama 2 and 3, and what is built alike: TinyLlama, SmolLM2. Refuses sliding windows, which Llama has not.
import { describeRotaryDecoder, type Family, LLAMA_NAMES, writeOneRope } from './family.ts';

export const llama: Family = {
  type: 'llama',
  causalLm: 'LlamaForCausalLM',
  defaults: {
    vocab_size: 32_000,
    hidden_size: 4_096,
    intermediate_size: 11_008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    hidden_act: 'silu',
    max_position_embeddings: 2_048,
    rms_norm_eps: 1e-6,
    bos_token_id: 1,
    eos_token_id: 2,
    tie_word_embeddings: false,
  },
  describe(config) {
    config.refuse('sliding_window');
    const attention = config.flag('attention_bias');
    return { ...describeRotaryDecoder(config), bias: { qkv: attention, o: attention, mlp: config.flag('mlp_bias') } };
  },
  writeRope: writeOneRope,
  names: LLAMA_NAMES,
};
