// A Llama's Architecture from the few numbers that tests vary, by way of config.json as a file would have it.
// Refuses what parseConfig refuses.
import type { Architecture } from '../../src/formats/architecture.ts';
import { parseConfig } from '../../src/formats/config.ts';

export interface LlamaShape {
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
  maxPositions: number;
  rmsNormEps: number;
  ropeTheta: number;
  tieEmbeddings: boolean;
}

export function llamaArchitecture(s: LlamaShape): Architecture {
  return parseConfig(
    JSON.stringify({
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      hidden_size: s.hidden,
      intermediate_size: s.intermediate,
      num_hidden_layers: s.layers,
      num_attention_heads: s.heads,
      num_key_value_heads: s.kvHeads,
      head_dim: s.headDim,
      vocab_size: s.vocabulary,
      max_position_embeddings: s.maxPositions,
      rms_norm_eps: s.rmsNormEps,
      rope_theta: s.ropeTheta,
      tie_word_embeddings: s.tieEmbeddings,
    }),
  ).architecture;
}
