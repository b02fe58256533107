// A base model that a run trains itself: the task's small Llama, its weights drawn from the seed. Promises: the same seed, the same weights.
import { parseConfig } from '../formats/config.ts';
import { heldWeights } from '../formats/heldWeights.ts';
import type { DroppedModel } from '../formats/dropped.ts';
import type { Transformer } from '../model/transformer.ts';
import { makeRng } from '../tasks/rng.ts';
import type { LineTask } from '../tasks/task.ts';
import type { Recipe } from './recipe.ts';

/** A folder of the task's shape without weights. */
export function freshFolder(task: LineTask): DroppedModel {
  const config = parseConfig(
    JSON.stringify({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      head_dim: task.model.hidden_size / task.model.num_attention_heads,
      rms_norm_eps: 1e-5,
      hidden_act: 'silu',
      tie_word_embeddings: true,
      attention_bias: false,
      mlp_bias: false,
      bos_token_id: task.tokens.findIndex((t) => /bos/i.test(t)),
      eos_token_id: null,
      torch_dtype: 'float32',
      ...task.model,
    }),
  );
  return { name: 'fresh', config, weights: heldWeights([]), tokenizer: null, tokenizerFiles: new Map() };
}

/** Embeddings and matrices from normal(0, std), norms one. */
export async function drawWeights(model: Transformer, seed: number, { matrixStd, embeddingStd }: Recipe['base']): Promise<void> {
  const rng = makeRng(seed, 101);
  await model.randomise(
    () => Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform()),
    (key) => (key === 'embed' ? embeddingStd : matrixStd),
  );
}
