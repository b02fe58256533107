// A dropped dataset as a corpus, read with the dropped model's tokenizer: plain text, expert programs from two fields, or Python problems with their tests.
// Promises: training and held-out rows are kept apart, and how much they share is said; what is left out is counted.
// Refuses datasets that give nothing to train on, and arms that need solutions where there are none, naming what was wrong.
import type { ByteSource } from '../formats/byteSource.ts';
import type { DroppedDataset } from '../formats/dropped.ts';
import { TextStream } from '../formats/textStream.ts';
import type { Tokenizer } from '../formats/tokenizer.ts';
import { basePrompt } from '../tasks/basePrompts.ts';
import { codePrograms, type ProgramSet, textLatentForm, textWindows } from '../tasks/code.ts';
import { type ProblemPrograms, problemPrograms } from '../tasks/problemPrograms.ts';
import { type ProblemSet, type PythonProblem, readProblemFile } from '../tasks/pythonProblems.ts';
import { longestSequence } from '../tasks/sequence.ts';
import type { LatentForm, Program } from '../tasks/task.ts';
import type { Corpus, CorpusNotice } from './corpus.ts';
import type { ProgramJudge } from './judge.ts';
import { type Recipe, RecipeError } from './recipe.ts';

export interface Dataset {
  /** Rows of the file; text files are one row with the field "text". */
  rows: Record<string, unknown>[];
  /** The file itself, from which problems are read with their numbers exact. */
  file?: ByteSource;
}

export const datasetOf = (dropped: DroppedDataset): Dataset => ({
  rows: dropped.kind === 'text' ? [{ text: dropped.text }] : dropped.rows,
  file: dropped.source,
});

/** The problems that a recipe names; null where it names none. How many rows are bad was settled when the dataset was given. Throws FormatError where the rows are no such problems. */
export async function problemsFor({ task }: Recipe, dataset: Dataset | null): Promise<ProblemSet | null> {
  if (task.kind !== 'code' || task.suite === 'fields' || !dataset) return null;
  if (!dataset.file) throw new RecipeError(`${task.suite} problems are read from their file, and none was given. Drop the dataset again.`);
  const optional = (name: string): string | null => (name === '' ? null : name);
  if (task.suite !== 'mapped') return readProblemFile(dataset.file, dataset.file.name, task.suite, true);
  if (task.testsField === '')
    throw new RecipeError('Mapped problems need task.testsField: the field of each row that holds its assert statements.');
  const mapping = {
    prompt: task.promptField,
    solution: optional(task.solutionField),
    tests: task.testsField,
    setup: optional(task.setupField),
    entryPoint: optional(task.entryPointField),
  };
  return readProblemFile(dataset.file, dataset.file.name, mapping, true);
}

/** What was dropped, as a run takes it. */
export interface DroppedParts {
  tokenizer: Tokenizer | null;
  dataset: Dataset | null;
  /** Tokens that end a text; none when left out. */
  endIds?: readonly number[];
  /** The dataset's problems, where the recipe names a suite. */
  problems?: ProblemSet | null;
  /** What judges programs where the recipe asks for it, or why nothing can. */
  judge?: ProgramJudge | { missing: string } | null;
}

type DatasetTask = Extract<Recipe['task'], { maxTokens: number }>;
type CodeTask = Extract<DatasetTask, { kind: 'code' }>;

const NOT_VERIFIED = 'these rows have no tests, or the recipe does not ask for them (task.suite, task.verify)';

export function datasetCorpus(recipe: Recipe & { task: DatasetTask }, vocabulary: number, dropped: DroppedParts): Corpus {
  const { task } = recipe;
  const { tokenizer, dataset } = dropped;
  if (!tokenizer) throw new RecipeError(`A ${task.kind} task needs the model's tokenizer. Drop tokenizer.json with the model.`);
  if (!dataset) throw new RecipeError(`A ${task.kind} task needs a dataset. Drop rows (JSONL, JSON, Parquet or CSV) or text.`);
  const form: LatentForm =
    task.kind === 'code'
      ? textLatentForm(tokenizer, recipe.ra3.maxLatentTokens)
      : { kind: 'text', think: vocabulary, contentEnd: vocabulary, maxLatentTokens: 1 };
  const set = readSet(task, form, tokenizer, dataset, dropped);
  // room for a thought before every line within the context that the recipe grants
  const fits = (p: Program): boolean => task.kind === 'text' || p.lines.length === 0 || longestSequence(p, form) <= task.maxTokens;
  const train = set.train.filter(fits);
  // those with a solution first: they are shown, and their lines scored
  const heldOut = set.heldOut.filter(fits).sort((a, b) => Number(b.lines.length > 0) - Number(a.lines.length > 0));
  const tooLong = set.droppedLong + set.train.length + set.heldOut.length - train.length - heldOut.length;
  if (train.length === 0)
    throw new RecipeError(
      `No program of the dataset fits ${task.maxTokens} tokens with its thoughts. Raise maxTokens or lower maxLatentTokens.`,
    );
  const experts = train.filter((p) => p.lines.length > 0);
  if (experts.length === 0 && recipe.arms.some((arm) => arm !== 'base'))
    throw new RecipeError(
      `None of the ${train.length} problems has a solution to learn from, so there is no mid-training on them. Leave only the arm "base", or drop another dataset.`,
    );
  const { comments } = set;
  if (task.kind === 'code')
    checkLabels(
      recipe,
      experts.some((p) => comments.has(p)),
    );
  const all = [...train, ...heldOut];
  const scriptLength = (p: Program): number => p.prompt.length + p.lines.reduce((n, l) => n + l.tokens.length, 0);
  const most = (length: (p: Program) => number): number => all.reduce((n, p) => Math.max(n, length(p)), 1);
  const sizes = {
    maxTokens: task.kind === 'code' ? most((p) => longestSequence(p, form)) : task.maxTokens,
    maxScript: most(scriptLength),
    maxLines: most((p) => p.lines.length),
  };
  const notices: CorpusNotice[] = [
    {
      level: 'info',
      message: `${set.rows} rows: ${train.length} programs to train on, ${heldOut.length} held out, ${tooLong} too long for ${task.maxTokens} tokens, ${set.droppedEmpty} empty.`,
    },
  ];
  if (set.commentLinesRemoved)
    notices.push({
      level: 'info',
      message: `${set.commentLinesRemoved} comment lines were taken out of the solutions: they would read as thoughts.`,
    });
  const judged = 'problemOf' in set && task.kind === 'code' ? judgedBy(task, set, form, tokenizer, all, dropped, notices) : null;
  return {
    form,
    window: 0,
    ...sizes,
    sizes: { in: sizes, edge: sizes, hard: sizes },
    symbolLo: 0,
    symbolHi: vocabulary,
    vocabulary,
    programs: train,
    thinks: task.kind === 'code',
    train: (rng, count) => Array.from({ length: count }, () => experts[rng.int(experts.length)] as Program),
    practice: (rng, count) => Array.from({ length: count }, () => train[rng.int(train.length)] as Program),
    heldOut: (count) => (heldOut.length ? heldOut : train).slice(0, count),
    pretraining: null,
    annotate: comments.size > 0 ? (_, program) => comments.get(program) ?? program.lines.map(() => null) : null,
    verify: judged?.verify ?? null,
    unverified: judged?.unverified ?? NOT_VERIFIED,
    free: judged?.free ?? null,
    unjudged: judged?.unjudged ?? new Map(),
    problemOf: (program) => ('problemOf' in set ? (set.problemOf.get(program) ?? null) : null),
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

/** Before anything runs. */
function checkLabels({ arms }: Recipe, commented: boolean): void {
  if (arms.includes('oracle') || arms.includes('shuffled'))
    throw new RecipeError('The arms oracle and shuffled need a task that knows the truth, and datasets do not. Leave them out.');
  if (arms.includes('comments') && !commented)
    throw new RecipeError('The arm comments needs solutions with comments, and none of these has any. Leave it out, or raise maxTokens.');
}

function readSet(
  task: DatasetTask,
  form: LatentForm,
  tokenizer: Tokenizer,
  { rows }: Dataset,
  { problems, endIds }: DroppedParts,
): ProgramSet | ProblemPrograms {
  const options = { maxTokens: task.maxTokens, heldOut: task.heldOut, maxRows: task.maxRows };
  if (task.kind === 'text')
    return textWindows(
      rows.map((row) => fieldOf(row, task.field)),
      tokenizer,
      options,
    );
  if (task.suite === 'fields') {
    if (task.verify)
      throw new RecipeError('task.verify needs tests: set task.suite to the suite of these rows, or to "mapped" and name task.testsField.');
    return codePrograms(
      rows.map((row) => ({ prompt: fieldOf(row, task.promptField), solution: fieldOf(row, task.solutionField) })),
      tokenizer,
      form,
      options,
    );
  }
  if (!problems) throw new RecipeError(`A ${task.suite} task needs the problems of its dataset.`);
  const { split, maxNewTokens, deadlineMs } = task;
  const own = problems.problems.map((problem) => ({ ...problem, deadlineMs }));
  return problemPrograms(own, tokenizer, form, { ...options, split, maxNewTokens, endId: endIds?.[0] ?? null });
}

/** How the problems are asked and judged; says what the split is worth. */
function judgedBy(
  task: CodeTask,
  set: ProblemPrograms,
  form: LatentForm,
  tokenizer: Tokenizer,
  all: readonly Program[],
  { problems, endIds = [], judge }: DroppedParts,
  notices: CorpusNotice[],
): Pick<Corpus, 'verify' | 'unverified' | 'free' | 'unjudged'> | null {
  const wrong = problems?.wrongRows ?? [];
  if (wrong[0])
    notices.push({
      level: 'warning',
      message: `${wrong.length} rows were left out, the first is row ${wrong[0].row}: ${wrong[0].message}.`,
    });
  const { overlapping, testTexts, n, worst } = set.overlap;
  const pair = worst[0];
  notices.push({
    level: overlapping > 0 ? 'warning' : 'info',
    message: `Training and held-out problems: ${overlapping} of ${testTexts} held-out ones share ${n} words in a row with a training one${pair ? ` ("${pair.words}")` : ''}.`,
  });
  if (set.withoutSolution)
    notices.push({ level: 'info', message: `${set.withoutSolution} problems have no solution: they serve RLVR and evaluation alone.` });
  if (!task.verify) return null;
  if (!judge || 'missing' in judge) {
    const unverified = judge?.missing ?? 'no Python sandbox was given';
    notices.push({ level: 'warning', message: `Nothing written can be judged here: ${unverified}. There is no pass@k and no RLVR.` });
    return { verify: null, unverified, free: null, unjudged: new Map() };
  }
  const weak = [...new Set([...set.problemOf.values()].map(({ caveat }) => caveat).filter((caveat) => caveat !== null))];
  for (const caveat of weak.slice(0, 3))
    notices.push({ level: 'warning', message: `Passing the tests is less than being right for some problems: ${caveat}.` });
  if (form.kind !== 'text') throw new RangeError('Problems are written as text.');
  const ends = new Map<number, boolean>();
  const endsLine = (id: number): boolean => {
    let end = ends.get(id);
    if (end === undefined) ends.set(id, (end = id === form.contentEnd || tokenizer.decodeToken(id).endsWith('\n')));
    return end;
  };
  const problemOf = (program: Program): PythonProblem => set.problemOf.get(program) as PythonProblem;
  const longestPrompt = all.reduce((most, p) => Math.max(most, p.prompt.length), 1);
  return {
    unverified: '',
    free: {
      form: { think: form.think, endsLine, endIds },
      latent: form,
      T: Math.min(task.maxTokens, longestPrompt + task.maxNewTokens),
      maxNewTokens: task.maxNewTokens,
      text: (program) => new TextStream(tokenizer, { stopStrings: stopStrings(problemOf(program)), after: program.prompt }),
    },
    verify: (rollouts) => Promise.all(rollouts.map((r) => judge.judge(problemOf(r.program), r.completion ?? ''))),
    unjudged: judge.unjudged,
  };
}

/** Comments are thoughts here: they end nothing. */
export const stopStrings = (problem: PythonProblem): string[] => basePrompt(problem).stop.filter((stop) => stop !== '\n#');

function fieldOf(row: Record<string, unknown>, name: string): string {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  return typeof value === 'string' ? value : '';
}
