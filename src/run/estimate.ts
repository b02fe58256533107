// What a recipe will take, before it runs: its GPU memory at the most, by making every stage's buffers on a GPU that only counts, in the order in which a run
// makes them; and the cost of every stage in multiply-adds, from which a measured rate gives the time.
// Promises: allocates and runs nothing. Refuses what the run would refuse (RecipeError, GpuError where one buffer is beyond the adapter's limit).
import type { Architecture } from '../formats/architecture.ts';
import { countingGpu } from '../gpu/counting.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Evaluator } from '../evaluate/evaluator.ts';
import { elboSettings } from '../midtrain/elbo.ts';
import { EStep } from '../midtrain/eStep.ts';
import { SupervisedTrainer } from '../midtrain/supervised.ts';
import type { LatentPolicy } from '../model/latentRollout.ts';
import { Optimizer } from '../model/optimizer.ts';
import { parameterCount, Transformer } from '../model/transformer.ts';
import { FreeSource } from '../rlvr/freeSource.ts';
import { objectiveOf } from '../rlvr/objective.ts';
import { LatentSource } from '../rlvr/source.ts';
import { RlvrTrainer } from '../rlvr/trainer.ts';
import { type Corpus, logLatents } from './corpus.ts';
import { evaluatorRows, EXPLAINED, MOST_WRITTEN } from './evaluations.ts';
import type { RunEstimate, StageRef } from './events.ts';
import type { Recipe } from './recipe.ts';
import { armsOf, planStages, rulesThoughtsOut } from './stages.ts';

interface Held {
  destroy(): void;
}

export async function estimateRun(gpu: GpuContext, recipe: Recipe, architecture: Architecture, corpus: Corpus): Promise<RunEstimate> {
  const counting = countingGpu(gpu);
  const parameters = parameterCount(architecture);
  const latent: LatentPolicy = { form: corpus.form, symbolLo: corpus.symbolLo, symbolHi: corpus.symbolHi, bias: 0 };
  const { window: W } = corpus;
  const held: Held[] = [];
  const keep = <T extends Held>(made: T): T => {
    held.push(made);
    return made;
  };
  const model = async (): Promise<Transformer> => Transformer.make(counting, architecture);
  const largest: RunEstimate['largest'] = { ref: null, bytes: 0 };
  /** What a stage needs for itself, made and let go. */
  const during = async (ref: StageRef, make: () => Promise<Held>): Promise<void> => {
    const before = counting.bytesInUse();
    const made = await make();
    const bytes = counting.bytesInUse() - before;
    if (bytes > largest.bytes) Object.assign(largest, { ref, bytes });
    made.destroy();
  };

  try {
    keep(await model()); // the base
    const modelBytes = counting.bytesInUse();
    const policy = keep(await model());
    const beforeOptimizer = counting.bytesInUse();
    const optimizer = keep(await Optimizer.make(policy));
    const optimizerBytes = counting.bytesInUse() - beforeOptimizer;
    const supervised = (ref: StageRef, { batch }: Recipe['ntp']): Promise<void> =>
      during(ref, () => SupervisedTrainer.make(policy, optimizer, { B: batch, T: corpus.maxTokens, W }, corpus.form));
    let explains = false;
    const explain = async (): Promise<void> => {
      if (explains || !corpus.thinks) return;
      explains = true;
      keep(await Evaluator.make(policy, { rows: EXPLAINED, T: corpus.maxTokens, S: corpus.maxScript, W }, latent));
    };
    const ra3Stages = async (): Promise<void> => {
      const { ra3 } = recipe;
      const own = [await model(), ...(ra3.separate ? [await model()] : [])];
      const [pi] = own as [Transformer];
      if (ra3.emIterations > 0 && !rulesThoughtsOut(ra3)) {
        const logZ = logLatents(corpus.form, architecture.vocabulary);
        const shape = { P: ra3.programs, G: ra3.group, T: corpus.maxTokens, S: corpus.maxScript, W, L: corpus.maxLines };
        await during({ stage: 'e-step', arm: 'ra3', iteration: 1 }, async () => {
          const eStep = await EStep.make(policy, pi, optimizer, shape, latent, { settings: elboSettings(ra3, logZ), logZ });
          await explain();
          return eStep;
        });
      }
      if (ra3.emIterations > 0) await supervised({ stage: 'm-step', arm: 'ra3', iteration: 1 }, ra3.m);
      keep(await model());
      for (const each of own) each.destroy();
    };

    if (recipe.model === 'fresh') await supervised({ stage: 'base', arm: 'base' }, recipe.base);
    const arms = armsOf(recipe, corpus);
    let judges = false;
    for (const arm of arms) {
      if (arm === 'ra3') await ra3Stages();
      else {
        if (arm !== 'base') await supervised({ stage: 'ntp', arm }, recipe.ntp);
        keep(await model());
      }
      if (!judges) {
        judges = true;
        const sizes = recipe.evaluate.ranges.map((range) => corpus.sizes[range]);
        const T = Math.max(...sizes.map(({ maxTokens }) => maxTokens));
        const S = Math.max(...sizes.map(({ maxScript }) => maxScript));
        keep(await Evaluator.make(policy, { rows: evaluatorRows(recipe, corpus), T, S, W }, latent));
        const { free } = corpus;
        if (free) await during({ stage: 'evaluate', arm, phase: 'before' }, () => FreeSource.make(policy, MOST_WRITTEN, free));
      }
      await explain();
    }
    if (corpus.verify && recipe.rlvr.steps > 0) {
      const { prompts, group, range, updates, minibatches, lr, clipNorm, overlongWindow } = recipe.rlvr;
      const T = corpus.free?.T ?? corpus.sizes[range].maxTokens;
      const rows = prompts * group;
      await during({ stage: 'rlvr', arm: arms[0] ?? 'base' }, async () => {
        const source = corpus.free
          ? await FreeSource.make(policy, rows, corpus.free)
          : await LatentSource.make(policy, { rows, T, S: corpus.sizes[range].maxScript, W }, latent);
        const settings = { objective: objectiveOf(recipe.rlvr), updates, minibatches, lr, clipNorm, overlongWindow };
        return RlvrTrainer.make({ policy, reference: policy }, optimizer, source, { prompts, group, T, W, bias: 0 }, settings);
      });
    }
    return {
      parameters,
      peakBytes: counting.peakBytes(),
      models: { count: arms.length + 2 + (arms.includes('ra3') ? 1 + Number(recipe.ra3.separate) : 0), bytes: modelBytes },
      optimizerBytes,
      largest,
      stages: planStages(recipe, corpus, parameters),
    };
  } finally {
    for (const each of held.reverse()) each.destroy();
  }
}
