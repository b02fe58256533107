// Control lines: recall lines with nothing out of sight. Programs, comments and verifier are those of recall lines; the network sees the whole program, the
// key included, so that no thought can add anything. RA3 has to give thinking up here and to equal next-token prediction.
// Promises and refusals are those of recall lines.
import { recallLines } from './recallLines.ts';
import type { LineTask, Program } from './task.ts';

/** The truth of lines on which no thought is of use. */
const unaided = (program: Program): Program => ({ ...program, truth: program.truth.map((line) => ({ ...line, useful: false })) });

export const controlLines: LineTask = {
  ...recallLines,
  id: 'control-lines',
  about:
    'Recall lines without the short window: a key is shown once at the top, each line writes the next symbol or the key, and the network sees the whole ' +
    'program. A thought can hold nothing that is not in sight, so thinking cannot help. Midtraining with RA3 has to unlearn it, as next-token prediction does, ' +
    'and to end where that ends.',
  window: 0,
  samplePrograms: (rng, count, range) => recallLines.samplePrograms(rng, count, range).map(unaided),
  samplePretraining: (rng, count) =>
    recallLines.samplePretraining(rng, count).map(({ program, latents }) => ({ program: unaided(program), latents })),
};
