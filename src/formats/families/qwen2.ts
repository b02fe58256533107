// Qwen2 and Qwen2.5: biases on queries, keys and values; later layers may have a sliding window. Refuses other biases.
import { describeRotaryDecoder, type Family, layerKinds, LLAMA_NAMES, MAX_LAYERS, readWindows, writeOneRope } from './family.ts';
import type { ConfigReader } from '../configReader.ts';

/** Windows from layer max_window_layers on, where use_sliding_window is true. */
export function describeQwen(config: ConfigReader) {
  const decoder = describeRotaryDecoder(config);
  const first = config.integer('max_window_layers', 16 * MAX_LAYERS, 0);
  const windows = readWindows(config, decoder.layers, config.flag('use_sliding_window'), (l) => l >= first);
  config.refuse('mlp_bias');
  return { ...decoder, layerKinds: layerKinds(decoder.layers, (l) => windows[l] ?? 0) };
}

export const QWEN_DEFAULTS = {
  vocab_size: 151_936,
  hidden_size: 4_096,
  intermediate_size: 22_016,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  hidden_act: 'silu',
  max_position_embeddings: 32_768,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  use_sliding_window: false,
  sliding_window: 4_096,
  max_window_layers: 28,
};

export const qwen2: Family = {
  type: 'qwen2',
  causalLm: 'Qwen2ForCausalLM',
  defaults: QWEN_DEFAULTS,
  describe: (config) => ({ ...describeQwen(config), bias: { qkv: true, o: false, mlp: false } }),
  writeRope: writeOneRope,
  names: LLAMA_NAMES,
};
