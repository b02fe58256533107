// What a task's rows hold for an engine: the prompt's text, and the ground truth that reward.py judges a completion by. Promises: the same program, the same
// text. Refuses (RecipeError) tasks on which nothing written can be judged.
import { toPython } from '../../formats/exactJson.ts';
import { builtinTask } from '../../tasks/builtin.ts';
import { promptOf } from '../../tasks/problemPrograms.ts';
import type { PythonProblem, ProblemTests } from '../../tasks/pythonProblems.ts';
import type { LineTask, Program } from '../../tasks/task.ts';
import type { Corpus } from '../corpus.ts';
import { stopStrings } from '../datasetCorpus.ts';
import { type BuiltinKind, type Recipe, RecipeError } from '../recipe.ts';

/** A program as rows name it. */
export interface Row {
  dataSource: string;
  /** Its problem's id; empty for drawn programs. */
  id: string;
  prompt: string;
  groundTruth: string;
}

export interface RowWriter {
  row(program: Program): Row;
  /** Ids after a prompt as the text that reward.py is given. */
  completion(ids: readonly number[]): string;
  /** Words by id, of tasks that have words of their own; else the model's tokenizer writes. */
  words: string[] | null;
}

export function rowWriter(recipe: Recipe, corpus: Corpus): RowWriter {
  const { task } = recipe;
  if (!('maxTokens' in task)) return lineRows(builtinTask(task.kind));
  if (task.kind === 'text' || task.suite === 'fields')
    throw new RecipeError(
      'Nothing that is written for this task can be judged by a program, so an engine would have no reward. Export a run on a built-in task, or on Python problems with tests.',
    );
  return {
    words: null,
    completion: (ids) => corpus.text(ids),
    row: (program) => {
      const problem = corpus.problemOf(program) as PythonProblem;
      return {
        dataSource: `ra3-lab/${problem.suite}`,
        id: problem.id,
        prompt: promptOf(problem),
        groundTruth: pythonTruth(problem, task.deadlineMs),
      };
    },
  };
}

/** Printed forms of ids without spaces in them. */
export function wordsOf({ tokens }: Pick<LineTask, 'tokens'>): string[] {
  return tokens.map((token) => token.replaceAll(' ', '_'));
}

function lineRows(task: LineTask & { id: BuiltinKind }): RowWriter {
  const words = wordsOf(task);
  const written = (ids: readonly number[]): string[] => ids.map((id) => words[id] ?? '<unknown>');
  const { latent } = task;
  const [act, think] = latent.kind === 'codebook' ? written([latent.act, latent.think]) : ['', ''];
  return {
    words,
    completion: (ids) => written(ids).join(' '),
    row: ({ prompt, lines }) => ({
      dataSource: `ra3-lab/${task.id}`,
      id: '',
      prompt: written(prompt).join(' '),
      groundTruth: JSON.stringify({
        kind: 'lines',
        task: task.id,
        act,
        think,
        prompt: written(prompt),
        lines: lines.map(({ tokens, sampled }) => ({ words: written(tokens), sampled })),
      }),
    }),
  };
}

function pythonTruth(problem: PythonProblem, deadlineMs: number): string {
  return JSON.stringify({
    kind: 'python',
    prompt: promptOf(problem),
    stop: stopStrings(problem),
    entry_point: problem.entryPoint,
    setup: problem.setup,
    solution: problem.solution,
    deadline_ms: deadlineMs,
    tests: testsOf(problem.tests),
  });
}

function testsOf(tests: ProblemTests): Record<string, unknown> {
  switch (tests.kind) {
    case 'inputs':
      return { kind: 'inputs', atol: tests.atol, inputs: [...tests.base, ...tests.plus].map(({ source }) => source) };
    case 'calls':
      return { kind: 'calls', cases: tests.cases.map(({ args, expected }) => ({ args, expected: expected.map(toPython) })) };
    default:
      return { ...tests };
  }
}
