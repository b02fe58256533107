// The first rows of a dropped dataset as a task would use them: prompt, expert lines, tests. By the very code that makes programs of rows, but
// without a tokenizer, so that it can be looked at before there is a model.
// Promises: long texts are cut, and what is left out is counted. Refuses nothing: a row that cannot be used says why in its place.
import { type ExactJson, parseExactJson } from '../formats/exactJson.ts';
import { FormatError } from '../formats/formatError.ts';
import type { ExactRow } from '../formats/jsonl.ts';
import type { DatasetPreview, PreviewRow, ProblemMapping } from '../formats/recognised.ts';
import { formatPrompt } from '../tasks/code.ts';
import { promptOf } from '../tasks/problemPrograms.ts';
import { pythonLines } from '../tasks/pythonLines.ts';
import { type ProblemTests, type PythonProblem, readProblems } from '../tasks/pythonProblems.ts';
import type { Dataset } from './datasetCorpus.ts';
import type { Recipe } from './recipe.ts';

const ROWS = 4;
const MAX_PROMPT = 1200;
const MAX_LINES = 24;
const MAX_TESTS = 6;
const MAX_LINE = 240;

export function previewDataset({ rows }: Dataset, task: Recipe['task']): DatasetPreview {
  const first = rows.slice(0, ROWS);
  switch (task.kind) {
    case 'text': {
      const texts = rows.map((row) => textOf(row, task.field));
      return { rows: first.map((_, i) => shown(i, texts[i]!, '', [])), unusable: texts.filter((text) => text.trim() === '').length };
    }
    case 'code': {
      if (task.suite !== 'fields') return previewProblems(first, task);
      const pairs = rows.map((row) => ({ prompt: textOf(row, task.promptField), solution: textOf(row, task.solutionField) }));
      return {
        rows: first.map((_, i) => shown(i, formatPrompt(pairs[i]!.prompt, pairs[i]!.solution), pairs[i]!.solution, [])),
        unusable: pairs.filter(({ solution }) => solution.trim() === '').length,
      };
    }
    default:
      return { rows: [], unusable: 0 };
  }
}

/** How many of all rows are no problems is known when they are read for a run: here only the first are looked at. */
function previewProblems(rows: readonly Record<string, unknown>[], task: Extract<Recipe['task'], { kind: 'code' }>): DatasetPreview {
  const as = task.suite === 'mapped' ? mappingOf(task) : task.suite;
  const previews = rows.map((row, i): PreviewRow => {
    try {
      if (as === 'fields') throw new FormatError('it has no tests');
      const { problems, wrongRows } = readProblems([exactRow(row)], 'the dataset', as);
      if (wrongRows[0] || !problems[0]) throw new FormatError(wrongRows[0]?.message ?? 'it is no problem');
      return problemRow(i, problems[0]);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return { ...shown(i, '', '', []), problem: error.message };
    }
  });
  return { rows: previews, unusable: null };
}

function problemRow(index: number, problem: PythonProblem): PreviewRow {
  return shown(index, promptOf(problem), problem.solution ?? '', testTexts(problem.tests, problem.entryPoint));
}

function mappingOf(task: Extract<Recipe['task'], { kind: 'code' }>): ProblemMapping {
  const optional = (name: string): string | null => (name === '' ? null : name);
  return {
    prompt: task.promptField,
    solution: optional(task.solutionField),
    tests: task.testsField,
    setup: optional(task.setupField),
    entryPoint: optional(task.entryPointField),
  };
}

/** As a person reads them; the judge has forms of its own. */
function testTexts(tests: ProblemTests, entryPoint: string | null): string[] {
  const call = (args: string): string => `${entryPoint ?? 'f'}(${args})`;
  switch (tests.kind) {
    case 'asserts':
      return tests.asserts;
    case 'check':
      return tests.source
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => /^assert\b/.test(line));
    case 'inputs':
      return [...tests.base, ...tests.plus].map(({ source }) => `${call(source)} as the solution gives it`);
    case 'calls':
      return tests.cases.map(({ args, expected }) => `${call(args)} gives ${JSON.stringify(plainOf(expected[0] ?? null))}`);
    case 'stdin':
      return tests.cases.map(({ input, output }) => `reads ${JSON.stringify(input)}, writes ${JSON.stringify(output)}`);
  }
}

function plainOf(value: ExactJson): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plainOf(item)]));
  return Array.isArray(value) ? value.map(plainOf) : value;
}

function shown(index: number, prompt: string, solution: string, tests: readonly string[]): PreviewRow {
  const lines = solution === '' ? [] : pythonLines(solution);
  const code = lines.filter(({ comment }) => comment === null).map(({ text }) => text.trimEnd());
  return {
    row: index + 1,
    prompt: cut(prompt.trimEnd(), MAX_PROMPT),
    lines: code.slice(0, MAX_LINES).map((line) => cut(line, MAX_LINE)),
    moreLines: Math.max(0, code.length - MAX_LINES),
    comments: lines.length - code.length,
    tests: tests.slice(0, MAX_TESTS).map((test) => cut(test.trim(), MAX_LINE)),
    moreTests: Math.max(0, tests.length - MAX_TESTS),
    problem: null,
  };
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** A row as the problem readers take it: their numbers may have lost digits, which only a run would miss. */
function exactRow(row: Record<string, unknown>): ExactRow {
  const exact: ExactRow = Object.create(null);
  for (const [key, value] of Object.entries(row)) exact[key] = parseExactJson(JSON.stringify(value), 'a field');
  return exact;
}

function textOf(row: Record<string, unknown>, name: string): string {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  return typeof value === 'string' ? value : '';
}
