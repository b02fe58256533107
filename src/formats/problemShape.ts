// Which published shape of Python problems the rows of a dataset have, by their fields alone: HumanEval, HumanEval+, MBPP, sanitized MBPP, MBPP+,
// LiveCodeBench, Codeforces (open-r1), APPS, TACO, AceCode, or a guess of the fields of any other rows with asserts.
// Refuses nothing: rows without tests give null.
import { isObject } from './json.ts';
import type { ProblemMapping, RecognisedProblems, SuiteShape } from './recognised.ts';

type Row = Record<string, unknown>;

export const SUITE_NAMES: Record<SuiteShape, string> = {
  humaneval: 'HumanEval',
  'humaneval-plus': 'HumanEval+',
  mbpp: 'MBPP',
  'mbpp-sanitized': 'sanitized MBPP',
  'mbpp-plus': 'MBPP+',
  livecodebench: 'LiveCodeBench',
  codeforces: 'Codeforces',
  apps: 'APPS',
  taco: 'TACO',
  acecode: 'AceCode',
  mapped: 'Python problems',
};

const LOOKED_AT = 200;
const ENOUGH = 0.9;

const text = (value: unknown): boolean => typeof value === 'string';
const list = (value: unknown): boolean => Array.isArray(value);
const texts = (value: unknown): boolean => Array.isArray(value) && value.every(text);
const has = (row: Row, name: string): boolean => Object.hasOwn(row, name);

/** In this order: a shape before those that have its fields too. */
const SHAPES: [SuiteShape, (row: Row) => boolean][] = [
  ['mbpp-plus', (row) => text(row.entry_point) && list(row.base_input) && list(row.plus_input) && /^mbpp/i.test(String(row.task_id))],
  ['humaneval-plus', (row) => text(row.entry_point) && list(row.base_input) && list(row.plus_input)],
  ['humaneval', (row) => text(row.prompt) && text(row.entry_point) && text(row.test)],
  ['mbpp-sanitized', (row) => text(row.prompt) && texts(row.test_list) && has(row, 'test_imports')],
  ['mbpp', (row) => text(row.text) && texts(row.test_list)],
  ['livecodebench', (row) => text(row.question_content) && has(row, 'public_test_cases') && has(row, 'private_test_cases')],
  ['codeforces', (row) => text(row.description) && (list(row.official_tests) || list(row.examples)) && has(row, 'time_limit')],
  ['taco', (row) => text(row.question) && text(row.input_output) && (has(row, 'raw_tags') || has(row, 'skill_types'))],
  ['apps', (row) => text(row.question) && text(row.input_output)],
  ['acecode', (row) => text(row.question) && texts(row.test_cases)],
];

const PROMPTS = ['prompt', 'question', 'problem', 'instruction', 'text', 'description', 'query', 'task'];
const SOLUTIONS = ['canonical_solution', 'solution', 'code', 'reference_solution', 'answer', 'completion', 'response', 'output'];
const TESTS = ['tests', 'test_list', 'test_cases', 'asserts', 'assertions', 'unit_tests', 'test', 'test_code'];
const SETUPS = ['setup', 'test_setup_code', 'setup_code', 'test_imports', 'imports'];
const ENTRY_POINTS = ['entry_point', 'function_name', 'fn_name', 'func_name'];

/** @param rows with plain or exact values. */
export function recogniseProblems(rows: readonly Row[]): RecognisedProblems | null {
  const looked = rows.slice(0, LOOKED_AT);
  if (looked.length === 0) return null;
  const most = (holds: (row: Row) => boolean): boolean => looked.filter(holds).length >= looked.length * ENOUGH;
  const shape = SHAPES.find(([, holds]) => most(holds))?.[0];
  const mapping = shape === undefined ? guessProblemMapping(most) : null;
  if (shape === undefined && mapping === null) return null;
  const counts = rows.map((row) => countTests(row, shape ?? 'mapped', mapping));
  return {
    shape: shape ?? 'mapped',
    name: SUITE_NAMES[shape ?? 'mapped'],
    rows: counts.filter((count) => count > 0).length,
    tests: counts.reduce((sum, count) => sum + count, 0),
    mapping,
  };
}

function guessProblemMapping(most: (holds: (row: Row) => boolean) => boolean): ProblemMapping | null {
  const find = (names: string[], fits: (value: unknown) => boolean): string | null =>
    names.find((name) => most((row) => has(row, name) && fits(row[name]))) ?? null;
  const tests = find(TESTS, (value) => splitTests(value).length > 0);
  const prompt = find(PROMPTS, text);
  if (tests === null || prompt === null) return null;
  return {
    prompt,
    tests,
    solution: find(
      SOLUTIONS.filter((name) => name !== prompt),
      text,
    ),
    setup: find(SETUPS, (value) => text(value) || texts(value)),
    entryPoint: find(ENTRY_POINTS, text),
  };
}

/** Assert statements of a field: a list of them, or one text. Empty where there are none. */
export function splitTests(value: unknown): string[] {
  if (texts(value)) return (value as string[]).filter((test) => /\bassert\b/.test(test));
  return typeof value === 'string' && /^[ \t]*assert\b/m.test(value) ? [value] : [];
}

function countTests(row: Row, shape: SuiteShape, mapping: ProblemMapping | null): number {
  const length = (value: unknown): number => (Array.isArray(value) ? value.length : 0);
  switch (shape) {
    case 'humaneval':
      return text(row.test) ? Math.max(1, (row.test as string).match(/^\s*assert\b/gm)?.length ?? 0) : 0;
    case 'humaneval-plus':
    case 'mbpp-plus':
      return length(row.base_input) + length(row.plus_input);
    case 'mbpp':
    case 'mbpp-sanitized':
      return length(row.test_list);
    case 'livecodebench':
      return countCases(row.public_test_cases) || 1;
    case 'codeforces':
      return length(row.official_tests) || length(row.examples);
    case 'apps':
    case 'taco':
      return countCases(row.input_output);
    case 'acecode':
      return length(row.test_cases);
    case 'mapped':
      return mapping === null ? 0 : splitTests(row[mapping.tests]).length;
  }
}

/** Tests in a JSON text: a list of cases, or {"inputs": [...]}. */
function countCases(value: unknown): number {
  if (typeof value !== 'string') return Array.isArray(value) ? value.length : 0;
  try {
    const parsed: unknown = JSON.parse(value);
    if (Array.isArray(parsed)) return parsed.length;
    return isObject(parsed) && Array.isArray(parsed.inputs) ? parsed.inputs.length : 0;
  } catch {
    return 0;
  }
}
