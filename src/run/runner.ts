// A run: recipe in, log out. Stages in order: a fresh base, each arm's mid-training with its evaluation, then RLVR from each arm with evaluations
// between. Everything a run says goes through `emit`; nothing is kept but the arms' weights.
// Promises: the same recipe on the same adapter gives the same log (times aside). Refuses recipes that do not fit the model or the data.
import { Evaluations } from './evaluations.ts';
import { Midtraining } from './midtraining.ts';
import { practise } from './practice.ts';
import { RunCore, type RunInputs, type RunOutcome } from './runCore.ts';
import { armsOf } from './stages.ts';

export { type RunInputs, type RunOutcome, VERSION } from './runCore.ts';

/** Runs a recipe to its end. Never throws for what happens in the run: the summary says how it ended. */
export async function runRecipe(inputs: RunInputs): Promise<RunOutcome> {
  const run = new RunCore(inputs);
  const evaluations = new Evaluations(run);
  const midtraining = new Midtraining(run, evaluations);
  const { recipe, corpus } = inputs;
  const arms = armsOf(recipe, corpus);
  return run.all(async () => {
    if (recipe.model === 'fresh') await midtraining.base();
    for (const arm of arms) {
      if (arm === 'base') await run.keep('base', run.base);
      else if (arm === 'ra3') await midtraining.ra3();
      else if (arm === 'ntp' || arm === 'ntp-compute') await midtraining.ntp(arm);
      else await midtraining.labelled(arm);
      await evaluations.evaluate(arm, 'before');
    }
    if (recipe.rlvr.steps === 0) return;
    if (!corpus.verify) {
      inputs.emit({ type: 'notice', level: 'warning', message: `RLVR was left out: ${corpus.unverified}.` });
      return;
    }
    for (const arm of arms) {
      if (run.verifierLost === null) await practise(run, arm);
      if (run.verifierLost !== null) return;
      await evaluations.evaluate(arm, 'after');
    }
  });
}
