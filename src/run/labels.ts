// Thoughts that someone else wrote, for the arms that learn from them: the truth's own, those of other programs in the same places, an annotator's.
// Pure. Refuses programs whose task knows no such labels.
import type { Program, Rng } from '../tasks/task.ts';
import type { Corpus } from './corpus.ts';
import { RecipeError } from './recipe.ts';

export const LABELLED_ARMS = ['oracle', 'shuffled', 'comments'] as const;
export type LabelledArm = (typeof LABELLED_ARMS)[number];
type Latents = (number[] | null)[];

/** The thoughts of each program in turn, one per line. */
export function labelsOf(arm: LabelledArm, corpus: Pick<Corpus, 'annotate' | 'train'>, rng: Rng): (program: Program) => Latents {
  if (arm === 'comments') {
    const { annotate } = corpus;
    if (!annotate) throw new RecipeError('The comments arm needs programs with comments; this dataset has none. Leave the arm out.');
    return (program) => annotate(rng, program);
  }
  if (arm === 'oracle') return oracle;
  // contents of other programs, in the order of their lines; a program without thoughts gives nothing to borrow, so the next one is asked
  const borrowed: number[][] = [];
  return (program) =>
    oracle(program).map((latent) => {
      if (!latent) return null;
      for (let tries = 0; borrowed.length === 0 && tries < 100; tries++)
        borrowed.push(...corpus.train(rng, 16).flatMap((p) => oracle(p).filter((own) => own !== null)));
      return borrowed.shift() ?? latent;
    });
}

function oracle(program: Program): Latents {
  if (program.truth.length !== program.lines.length)
    throw new RecipeError('Label arms need a task that knows the truth, and imported programs do not. Leave oracle and shuffled out.');
  return program.truth.map((line) => line.oracle);
}
