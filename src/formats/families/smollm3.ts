// SmolLM3: Llama in which every fourth layer, or those that no_rope_layers marks with 0, has no rotary positions.
import { show } from '../configReader.ts';
import { describeRotaryDecoder, type Family, layerKinds, LLAMA_NAMES, MAX_LAYERS, readWindows, writeOneRope } from './family.ts';

export const smollm3: Family = {
  type: 'smollm3',
  causalLm: 'SmolLM3ForCausalLM',
  defaults: {
    vocab_size: 128_256,
    hidden_size: 2_048,
    intermediate_size: 11_008,
    num_hidden_layers: 36,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    hidden_act: 'silu',
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    bos_token_id: 128_000,
    eos_token_id: 128_001,
    pad_token_id: 128_004,
    rope_theta: 2_000_000,
    use_sliding_window: false,
    no_rope_layer_interval: 4,
    tie_word_embeddings: true,
  },
  describe(config) {
    const decoder = describeRotaryDecoder(config);
    const { layers } = decoder;
    const interval = config.integer('no_rope_layer_interval', 16 * MAX_LAYERS);
    const marks = config.list('no_rope_layers', layers);
    const bad = marks?.find((mark) => mark !== 0 && mark !== 1);
    if (bad !== undefined) config.fault(`no_rope_layers: ${show(bad)} is neither 1 (rotary positions) nor 0 (none)`);
    const hasRope = (l: number): boolean => (marks ? marks[l] === 1 : (l + 1) % interval !== 0);
    const windows = readWindows(config, layers, config.flag('use_sliding_window'), (l) => !hasRope(l));
    const attention = config.flag('attention_bias');
    return {
      ...decoder,
      layerKinds: layerKinds(
        layers,
        (l) => windows[l] ?? 0,
        (l) => (hasRope(l) ? 0 : -1),
      ),
      bias: { qkv: attention, o: attention, mlp: config.flag('mlp_bias') },
    };
  },
  writeRope: writeOneRope,
  names: LLAMA_NAMES,
};
