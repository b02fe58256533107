// Trains the base model of a built-in task from nothing: the corpus with some comments, by next-token prediction. This is what made the models
// shipped in public/default. Promises: the same seed on the same adapter gives the same bytes.
import type { GpuContext } from '../gpu/context.ts';
import { parseLlamaConfig } from '../formats/config.ts';
import { writeHfFolder } from '../formats/hfFolder.ts';
import { SupervisedTrainer, warmUpAndDecay } from '../midtrain/supervised.ts';
import { Optimizer } from '../model/batch.ts';
import { LlamaModel } from '../model/llama.ts';
import { BASE_TRAINING } from '../run/presets.ts';
import { builtinTask } from '../tasks/builtin.ts';
import { makeRng } from '../tasks/rng.ts';
import { buildSequence } from '../tasks/sequence.ts';

const REPORT_EVERY = 25;

export async function makeDefault(
  gpu: GpuContext,
  id: 'recall-lines' | 'pointer-lines',
  report: (line: { step: number; loss: number; gradNorm: number }) => void,
): Promise<Map<string, Uint8Array>> {
  const task = builtinTask(id);
  const { seed, steps, batch, lr, weightDecay, matrixStd, embeddingStd } = BASE_TRAINING[id];
  const config = parseLlamaConfig(
    JSON.stringify({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      ...task.model,
      head_dim: task.model.hidden_size / task.model.num_attention_heads,
      rms_norm_eps: 1e-5,
      hidden_act: 'silu',
      tie_word_embeddings: true,
      attention_bias: false,
      mlp_bias: false,
      bos_token_id: task.tokens.findIndex((t) => /bos/i.test(t)),
      eos_token_id: null,
      torch_dtype: 'float32',
    }),
  );
  const model = new LlamaModel(gpu, config);
  const init = makeRng(seed, 101);
  model.randomise(
    () => Math.sqrt(-2 * Math.log(1 - init.uniform())) * Math.cos(2 * Math.PI * init.uniform()),
    (key) => (key === 'embed' ? embeddingStd : matrixStd),
  );
  const optimizer = new Optimizer(model);
  const trainer = await SupervisedTrainer.make(model, optimizer, { B: batch, T: task.maxTokens, W: task.window }, task.latent);
  const rng = makeRng(seed, 102);
  for (let step = 0; step < steps; step++) {
    const sequences = task.samplePretraining(rng, batch).map((t) => buildSequence(t.program, t.latents, task.latent));
    trainer.step(sequences, { lr: warmUpAndDecay(lr, step, steps), weightDecay });
    if ((step + 1) % REPORT_EVERY === 0 || step + 1 === steps) {
      const last = (await trainer.reports()).at(-1);
      if (last) report(last);
    }
  }
  return writeHfFolder({ config, tensors: await model.read(), tokenizerFiles: new Map() });
}
