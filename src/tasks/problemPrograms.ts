// Python problems as expert programs and as what RLVR and evaluation draw from: training and held-out problems kept apart, each program's problem kept
// beside it. Pure. Promises: the split is made before anything is dropped; every drop is counted. Refuses a suite's own split where it has none.
import { CodeTaskError, type CodeOptions, emptySet, type ProgramSet, readProgram, type TextTokenizer } from './code.ts';
import { type Overlap, overlap } from './overlap.ts';
import type { PythonProblem } from './pythonProblems.ts';
import { longestSequence } from './sequence.ts';
import type { LatentForm, Program } from './task.ts';

export interface ProblemOptions extends CodeOptions {
  /** rows: the last `heldOut` of the rows are held out. dataset: as the suite's authors split it; maxRows counts for each part by itself. */
  split: 'rows' | 'dataset';
  /** Tokens that are written after a prompt at most. */
  maxNewTokens: number;
  /** Ends every expert program; null where the model has no such token. */
  endId: number | null;
}

export interface ProblemPrograms extends ProgramSet {
  problemOf: Map<Program, PythonProblem>;
  /** Problems without a solution: programs without lines, for RLVR and evaluation alone. */
  withoutSolution: number;
  overlap: Overlap;
}

/** Words in a row that count as overlap. */
const OVERLAP_WORDS = 10;

export function problemPrograms(
  problems: readonly PythonProblem[],
  tokenizer: TextTokenizer,
  form: LatentForm,
  options: ProblemOptions,
): ProblemPrograms {
  const [train, heldOut] = splitProblems(problems, options);
  const set: ProblemPrograms = {
    ...emptySet(train.length + heldOut.length),
    problemOf: new Map(),
    withoutSolution: 0,
    overlap: overlap(train.map(textOf), heldOut.map(textOf), OVERLAP_WORDS, 1),
  };
  const take = (problem: PythonProblem, into: Program[]): void => {
    const { program, comments, commentLines } = readProgram(promptOf(problem), problem.solution ?? '', tokenizer, form, options.endId);
    const room = program.lines.length > 0 ? longestSequence(program, form) : program.prompt.length + options.maxNewTokens;
    if (room > options.maxTokens) {
      set.droppedLong += 1;
      return;
    }
    set.commentLinesRemoved += commentLines;
    if (program.lines.length === 0) set.withoutSolution += 1;
    if (comments.some(Boolean)) set.comments.set(program, comments);
    set.problemOf.set(program, problem);
    into.push(program);
  };
  for (const problem of train) take(problem, set.train);
  for (const problem of heldOut) take(problem, set.heldOut);
  return set;
}

/** Where lines begin: thoughts and code both begin a line. */
export function promptOf({ prompt }: Pick<PythonProblem, 'prompt'>): string {
  const text = prompt.replace(/\r\n?/g, '\n');
  return text.endsWith('\n') ? text : `${text}\n`;
}

const textOf = ({ prompt, solution }: PythonProblem): string => `${prompt}\n${solution ?? ''}`;

function splitProblems(
  problems: readonly PythonProblem[],
  { split, heldOut, maxRows }: ProblemOptions,
): [PythonProblem[], PythonProblem[]] {
  if (split === 'rows') {
    const used = problems.slice(0, maxRows);
    const first = used.length - Math.floor(used.length * heldOut);
    return [used.slice(0, first), used.slice(first)];
  }
  const parts = { train: [] as PythonProblem[], test: [] as PythonProblem[], other: [] as PythonProblem[] };
  for (const problem of problems) parts[partOf(problem)].push(problem);
  if (parts.train.length === 0 || parts.test.length === 0)
    throw new CodeTaskError(
      `The ${problems.length} problems are ${parts.train.length} of the suite's training part and ${parts.test.length} of its test part; both are needed. Set split to "rows".`,
    );
  return [parts.train.slice(0, maxRows), parts.test.slice(0, maxRows)];
}

/** MBPP by task_id: 1-10 prompts, 11-510 test, 511-600 validation, 601-974 training; its sanitized and EvalPlus editions keep the ids. */
function partOf({ suite, id }: PythonProblem): 'train' | 'test' | 'other' {
  if (suite !== 'mbpp' && suite !== 'mbpp-sanitized' && suite !== 'mbpp-plus')
    throw new CodeTaskError(`${suite} has no training part of its own. Set split to "rows".`);
  const number = Number(/\d+$/.exec(id)?.[0]);
  if (number >= 11 && number <= 510) return 'test';
  return number >= 601 && number <= 974 ? 'train' : 'other';
}
