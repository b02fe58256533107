// Qwen3: RMS norms of query and key heads, a head width of its own, no biases unless attention_bias asks for them.
import { type Family, LLAMA_NAMES, writeOneRope } from './family.ts';
import { describeQwen, QWEN_DEFAULTS } from './qwen2.ts';

export const qwen3: Family = {
  type: 'qwen3',
  causalLm: 'Qwen3ForCausalLM',
  defaults: { ...QWEN_DEFAULTS, head_dim: 128, attention_bias: false },
  describe(config) {
    const bias = config.flag('attention_bias');
    return { ...describeQwen(config), qkNorm: true, bias: { qkv: bias, o: bias, mlp: false } };
  },
  writeRope: writeOneRope,
  names: LLAMA_NAMES,
};
