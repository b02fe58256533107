// What a run trains and is judged on, made from the recipe: a built-in task, or a dropped dataset (datasetCorpus.ts).
// One face for both, so that the stages know neither. Refuses models of another vocabulary than the task's.
import type { FreePolicy } from '../rlvr/freeSource.ts';
import type { Verify } from '../rlvr/source.ts';
import { builtinTask } from '../tasks/builtin.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import { makeRng } from '../tasks/rng.ts';
import type { LatentForm, Program, Range, Rng, Trace } from '../tasks/task.ts';
import { datasetCorpus, type DroppedParts } from './datasetCorpus.ts';
import type { RunEvent } from './events.ts';
import { type Recipe, RecipeError } from './recipe.ts';

export type CorpusNotice = Pick<Extract<RunEvent, { type: 'notice' }>, 'level' | 'message'>;

export interface CorpusSizes {
  /** Longest sequence, longest script (without thoughts), most lines of any program. */
  maxTokens: number;
  maxScript: number;
  maxLines: number;
}

export interface Corpus {
  form: LatentForm;
  /** Attention window in tokens, 0 = all. */
  window: number;
  /** Of the programs that mid-training sees (range 'in'). */
  maxTokens: number;
  maxScript: number;
  maxLines: number;
  /** The same three by range; datasets have one range alone. */
  sizes: Record<Range, CorpusSizes>;
  symbolLo: number;
  symbolHi: number;
  /** Of the model. */
  vocabulary: number;
  /** Every program that there is to train or practise on; null where they are drawn without end. */
  programs: readonly Program[] | null;
  /** Whether thoughts make sense here (plain text has none). */
  thinks: boolean;
  /** Expert programs, of range 'in' when it is left out. */
  train(rng: Rng, count: number, range?: Range): Program[];
  /** What RLVR practises on: the same, and problems without a solution. */
  practice(rng: Rng, count: number, range?: Range): Program[];
  /** The same `count` (or fewer, if there are fewer) programs at every call; never trained on. */
  heldOut(count: number, range?: Range): Program[];
  /** What a fresh base is trained on, and an annotator's comments; null where there are none. */
  pretraining: ((rng: Rng, count: number) => Trace[]) | null;
  annotate: ((rng: Rng, program: Program) => (number[] | null)[]) | null;
  /** Judges rollouts; null where nothing can, `unverified` says why. */
  verify: Verify | null;
  unverified: string;
  /** Problems that turned out not to be judgeable, by id, and why. */
  unjudged: ReadonlyMap<string, string>;
  /** How whole programs are written and judged; null where rollouts walk their program's script. */
  free: FreePolicy | null;
  /** The problem that a program was made from; null for the others. */
  problemOf(program: Program): PythonProblem | null;
  /** The program and its thoughts as text: the prompt, then per line its own text and its thought's. */
  shown(program: Program, latents: (number[] | null)[]): { prompt: string; lines: { text: string; thought: string | null }[] };
  tokenText(id: number): string;
  text(ids: readonly number[]): string;
  notices: CorpusNotice[];
}

/** log|Z| of the prior over thoughts: codes, or all strings of the longest length. */
export function logLatents(form: LatentForm, vocabulary: number): number {
  return form.kind === 'codebook' ? Math.log(form.contentHi - form.contentLo) : form.maxLatentTokens * Math.log(vocabulary);
}

const HELD_OUT_STREAM = 9_001;

export function makeCorpus(recipe: Recipe, vocabulary: number, dropped: DroppedParts): Corpus {
  const { task } = recipe;
  if ('maxTokens' in task) return datasetCorpus({ ...recipe, task }, vocabulary, dropped);
  const builtin = builtinTask(task.kind);
  if (builtin.tokens.length !== vocabulary)
    throw new RecipeError(
      `${task.kind} writes ${builtin.tokens.length} symbols; this model's vocabulary is ${vocabulary}. Set model to "embedded" or "fresh".`,
    );
  const text = (ids: readonly number[]): string => ids.map((id) => builtin.tokens[id] ?? '?').join(' ');
  const sizeOf = (range: Range): CorpusSizes => {
    const { lines, maxTokens } = builtin.ranges[range];
    return { maxTokens, maxScript: maxTokens, maxLines: lines };
  };
  const sizes = { in: sizeOf('in'), edge: sizeOf('edge'), hard: sizeOf('hard') };
  return {
    form: builtin.latent,
    window: task.window ?? builtin.window,
    ...sizes.in,
    sizes,
    symbolLo: builtin.symbolLo,
    symbolHi: builtin.symbolHi,
    vocabulary,
    programs: null,
    thinks: true,
    train: (rng, count, range) => builtin.samplePrograms(rng, count, range),
    practice: (rng, count, range) => builtin.samplePrograms(rng, count, range),
    heldOut: (count, range) => builtin.samplePrograms(makeRng(recipe.seed, HELD_OUT_STREAM), count, range),
    pretraining: (rng, count) => builtin.samplePretraining(rng, count),
    annotate: (rng, program) => builtin.annotate(rng, program),
    verify: (rollouts) => rollouts.map((r) => builtin.verify(r.program, r.written)),
    unverified: '',
    unjudged: new Map(),
    free: null,
    problemOf: () => null,
    shown: (program, latents) => splitRendered(builtin.render({ program, latents })),
    tokenText: (id) => builtin.tokens[id] ?? '?',
    text,
    notices: [],
  };
}

/** A built-in task prints a thought as a line of its own, "# ...", before the line that it is for. */
function splitRendered(rendered: readonly string[]): { prompt: string; lines: { text: string; thought: string | null }[] } {
  const lines: { text: string; thought: string | null }[] = [];
  let thought: string | null = null;
  for (const text of rendered.slice(1)) {
    if (text.startsWith('#')) thought = text.slice(1).trim();
    else {
      lines.push({ text, thought });
      thought = null;
    }
  }
  return { prompt: rendered[0] ?? '', lines };
}
