// A whole run of a tiny model on the recall task: every stage, few steps.
import type { GpuContext } from '../../src/gpu/context.ts';
import { RunControl } from '../../src/run/control.ts';
import { makeCorpus } from '../../src/run/corpus.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import type { Recipe } from '../../src/run/recipe.ts';
import { type RunOutcome, runRecipe } from '../../src/run/runner.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';
import { TINY } from './tinyModel.ts';

export async function tinyRun(
  gpu: GpuContext,
  onEvent: (event: RunEvent, control: RunControl) => void = () => undefined,
  change: (recipe: Recipe) => void = () => undefined,
): Promise<{ outcome: RunOutcome; events: RunEvent[] }> {
  const recipe = presetRecipe('recall-lines', 'quick');
  const m = { steps: 3, batch: 4, lr: 1e-3, weightDecay: 0.01 };
  Object.assign(recipe.ra3, { emIterations: 1, eSteps: 2, programs: 2, group: 4, infuse: 8, m });
  recipe.ntp = { ...m };
  recipe.rlvr = { ...recipe.rlvr, steps: 2, prompts: 2, group: 4 };
  recipe.evaluate = { prompts: 2, samples: 8, ranges: ['in'] };
  change(recipe);
  const architecture = llamaArchitecture({ ...TINY, vocabulary: builtinTask('recall-lines').tokens.length });
  const events: RunEvent[] = [];
  const control = new RunControl();
  const outcome = await runRecipe({
    gpu,
    recipe,
    architecture,
    load: async (model) => {
      const rng = makeRng(8, 3);
      await model.randomise(
        () => Math.sqrt(3) * (2 * rng.uniform() - 1),
        () => 0.3,
      );
    },
    corpus: makeCorpus(recipe, architecture.vocabulary, { tokenizer: null, dataset: null }),
    emit: (event) => {
      events.push(event);
      onEvent(event, control);
    },
    control,
  });
  return { outcome, events };
}
