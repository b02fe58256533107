// What a run trains and is judged on, made from the recipe: a built-in task, or a dropped dataset read with the dropped model's tokenizer.
// One face for both, so that the stages know neither. Refuses datasets that give nothing to train on, naming what was wrong.
import type { Tokenizer } from '../formats/tokenizer.ts';
import { builtinTask } from '../tasks/builtin.ts';
import { codePrograms, type ProgramSet, textLatentForm, textWindows } from '../tasks/code.ts';
import { makeRng } from '../tasks/rng.ts';
import { longestSequence } from '../tasks/sequence.ts';
import type { LatentForm, Program, Range, Rng, Trace, Verdict } from '../tasks/task.ts';
import { type Recipe, RecipeError } from './recipe.ts';

export interface Dataset {
  /** Rows of a JSONL file; text files are one row with the field "text". */
  rows: Record<string, unknown>[];
}

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
  /** Whether thoughts make sense here (plain text has none). */
  thinks: boolean;
  /** Of range 'in' when it is left out. */
  train(rng: Rng, count: number, range?: Range): Program[];
  /** The same `count` (or fewer, if there are fewer) programs at every call; never trained on. */
  heldOut(count: number, range?: Range): Program[];
  /** What a fresh base is trained on, and an annotator's comments; null where there are none. */
  pretraining: ((rng: Rng, count: number) => Trace[]) | null;
  annotate: ((rng: Rng, program: Program) => (number[] | null)[]) | null;
  verify: ((program: Program, written: number[][]) => Verdict) | null;
  /** The program and its thoughts as text: the prompt, then per line its own text and its thought's. */
  shown(program: Program, latents: (number[] | null)[]): { prompt: string; lines: { text: string; thought: string | null }[] };
  tokenText(id: number): string;
  text(ids: readonly number[]): string;
  notices: string[];
}

/** log|Z| of the prior over thoughts: codes, or all strings of the longest length. */
export function logLatents(form: LatentForm, vocabulary: number): number {
  return form.kind === 'codebook' ? Math.log(form.contentHi - form.contentLo) : form.maxLatentTokens * Math.log(vocabulary);
}

const HELD_OUT_STREAM = 9_001;

export function makeCorpus(recipe: Recipe, vocabulary: number, dropped: { tokenizer: Tokenizer | null; dataset: Dataset | null }): Corpus {
  const { task } = recipe;
  if (!('maxTokens' in task)) {
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
      thinks: true,
      train: (rng, count, range) => builtin.samplePrograms(rng, count, range),
      heldOut: (count, range) => builtin.samplePrograms(makeRng(recipe.seed, HELD_OUT_STREAM), count, range),
      pretraining: (rng, count) => builtin.samplePretraining(rng, count),
      annotate: (rng, program) => builtin.annotate(rng, program),
      verify: (program, written) => builtin.verify(program, written),
      shown: (program, latents) => splitRendered(builtin.render({ program, latents })),
      tokenText: (id) => builtin.tokens[id] ?? '?',
      text,
      notices: [],
    };
  }
  const { tokenizer, dataset } = dropped;
  if (!tokenizer) throw new RecipeError(`A ${task.kind} task needs the model's tokenizer. Drop tokenizer.json with the model.`);
  if (!dataset) throw new RecipeError(`A ${task.kind} task needs a dataset. Drop a JSONL or text file.`);
  const options = { maxTokens: task.maxTokens, heldOut: task.heldOut, maxRows: task.maxRows };
  const code = 'promptField' in task;
  const form: LatentForm = code
    ? textLatentForm(tokenizer, recipe.ra3.maxLatentTokens)
    : { kind: 'text', think: vocabulary, contentEnd: vocabulary, maxLatentTokens: 1 };
  const set: ProgramSet = code
    ? codePrograms(
        dataset.rows.map((row) => ({ prompt: field(row, task.promptField), solution: field(row, task.solutionField) })),
        tokenizer,
        form,
        options,
      )
    : textWindows(
        dataset.rows.map((row) => field(row, task.field)),
        tokenizer,
        options,
      );
  // room for a thought before every line within the context that the recipe grants
  const fits = (p: Program): boolean => !code || longestSequence(p, form) <= task.maxTokens;
  const train = set.train.filter(fits);
  const heldOut = set.heldOut.filter(fits);
  const withoutRoom = set.train.length + set.heldOut.length - train.length - heldOut.length;
  if (train.length === 0)
    throw new RecipeError(
      `No program of the dataset fits ${task.maxTokens} tokens with its thoughts. Raise maxTokens or lower maxLatentTokens.`,
    );
  const all = [...train, ...heldOut];
  const scriptLength = (p: Program): number => p.prompt.length + p.lines.reduce((n, l) => n + l.tokens.length, 0);
  const notices = [
    `${set.rows} rows: ${train.length} programs to train on, ${heldOut.length} held out, ${set.droppedLong + withoutRoom} too long for ${task.maxTokens} tokens, ${set.droppedEmpty} empty.`,
  ];
  if (set.commentLinesRemoved)
    notices.push(`${set.commentLinesRemoved} comment lines were taken out of the solutions: they would read as thoughts.`);
  const sizes = {
    maxTokens: code ? Math.max(...all.map((p) => longestSequence(p, form))) : task.maxTokens,
    maxScript: Math.max(...all.map(scriptLength)),
    maxLines: Math.max(...all.map((p) => p.lines.length)),
  };
  return {
    form,
    window: 0,
    ...sizes,
    sizes: { in: sizes, edge: sizes, hard: sizes },
    symbolLo: 0,
    symbolHi: vocabulary,
    thinks: code,
    train: (rng, count) => Array.from({ length: count }, () => train[rng.int(train.length)] as Program),
    heldOut: (count) => (heldOut.length ? heldOut : train).slice(0, count),
    pretraining: null,
    annotate: null,
    verify: null,
    shown: (program, latents) => ({
      prompt: tokenizer.decode(program.prompt),
      lines: program.lines.map((l, t) => ({
        text: tokenizer.decode(l.tokens).replace(/\n$/, ''),
        thought: latents[t] ? tokenizer.decode(latents[t] as number[]) : null,
      })),
    }),
    tokenText: (id) => tokenizer.decodeToken(id),
    text: (ids) => tokenizer.decode([...ids]),
    notices,
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

function field(row: Record<string, unknown>, name: string): string {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  return typeof value === 'string' ? value : '';
}
