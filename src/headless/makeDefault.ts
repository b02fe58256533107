// Trains the base model of a built-in task from nothing: the corpus with some comments, by next-token prediction. This is what made the models
// shipped in public/default. Promises: the same seed on the same adapter gives the same bytes.
import type { GpuContext } from '../gpu/context.ts';
import { parseConfig } from '../formats/config.ts';
import { modelFolder } from '../formats/hfFolder.ts';
import type { OutputFile } from '../formats/outputFile.ts';
import { SupervisedTrainer, warmUpAndDecay } from '../midtrain/supervised.ts';
import { BatchRows, makeScorePlan, MODE } from '../model/batch.ts';
import { Optimizer } from '../model/optimizer.ts';
import { Transformer } from '../model/transformer.ts';
import { BASE_TRAINING } from '../run/presets.ts';
import { builtinTask } from '../tasks/builtin.ts';
import { makeRng } from '../tasks/rng.ts';
import { buildSequence, ROLE, type Sequence } from '../tasks/sequence.ts';
import type { LineTask } from '../tasks/task.ts';

const REPORT_EVERY = 25;

export async function makeDefault(
  gpu: GpuContext,
  id: 'recall-lines' | 'pointer-lines',
  report: (line: { step: number; loss: number; gradNorm: number } | { gate: Gate }) => void,
): Promise<OutputFile[]> {
  const task = builtinTask(id);
  const { seed, steps, batch, lr, weightDecay, matrixStd, embeddingStd } = BASE_TRAINING[id];
  const config = parseConfig(
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
  const model = await Transformer.make(gpu, config.architecture);
  const init = makeRng(seed, 101);
  await model.randomise(
    () => Math.sqrt(-2 * Math.log(1 - init.uniform())) * Math.cos(2 * Math.PI * init.uniform()),
    (key) => (key === 'embed' ? embeddingStd : matrixStd),
  );
  const optimizer = await Optimizer.make(model);
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
  report({ gate: await measureGate(model, task) });
  return modelFolder({ config, tensors: model.tensors(), tokenizerFiles: new Map() });
}

/** What a base must lack and what it must know for thoughts to help: nats per line, expert prefixes; see docs/log.md. */
export interface Gate {
  /** Lines on which no thought is of use, without one. */
  nllPlain: number | null;
  /** Useful lines without a thought, and with the true one. */
  nllWithout: number | null;
  nllWithTruth: number | null;
  /** Mean probability of the true content, given that it thinks on a useful line. */
  truthProbability: number | null;
}

const GATE_PROGRAMS = 256;

async function measureGate(model: Transformer, task: LineTask): Promise<Gate> {
  const programs = task.samplePrograms(makeRng(0, 103), GATE_PROGRAMS);
  const T = task.maxTokens;
  const plan = await makeScorePlan(model, { B: GATE_PROGRAMS, T, W: task.window, pinned: task.window > 0 });
  const score = async (thinks: boolean): Promise<{ sequences: Sequence[]; logprob: Float32Array }> => {
    const rows = new BatchRows(GATE_PROGRAMS, T);
    const sequences = programs.map((p, b) => {
      const s = buildSequence(
        p,
        p.truth.map((t) => (thinks && t.useful ? t.latent : null)),
        task.latent,
      );
      rows.setSequence(b, s.ids, s.pinLo, s.pinHi);
      for (let i = 0; i + 1 < s.ids.length; i++) {
        const content = s.roles[i + 1] === ROLE.content;
        rows.setRow(b, i, s.ids[i + 1] as number, 1, content ? MODE.restricted : MODE.full, task.symbolLo, task.symbolHi);
      }
      return s;
    });
    plan.write(rows);
    plan.plan.run();
    return { sequences, logprob: (await plan.readRows()).logprob };
  };
  const without = await score(false);
  const truth = await score(true);
  plan.destroy();
  const sums = { plain: [0, 0], without: [0, 0], truth: [0, 0], content: [0, 0] } satisfies Record<string, [number, number]>;
  const add = (sum: number[], value: number): void => {
    sum[0] = (sum[0] as number) + value;
    sum[1] = (sum[1] as number) + 1;
  };
  programs.forEach((p, b) => {
    p.truth.forEach(({ useful }, t) => {
      const at = (from: typeof without, back: number): number =>
        from.logprob[b * T + ((from.sequences[b] as Sequence).lineStart[t] as number) - back] as number;
      if (!useful) return add(sums.plain, -at(without, 1));
      add(sums.without, -at(without, 1));
      add(sums.truth, -at(truth, 1));
      add(sums.content, Math.exp(at(truth, 2)));
    });
  });
  const mean = ([sum, count]: number[]): number | null => (count ? (sum as number) / count : null);
  return {
    nllPlain: mean(sums.plain),
    nllWithout: mean(sums.without),
    nllWithTruth: mean(sums.truth),
    truthProbability: mean(sums.content),
  };
}
