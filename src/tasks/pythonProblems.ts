// Python problems from rows of the published shapes (formats/problemShape.ts) or of any file whose fields are mapped: what a base model goes on from,
// a reference solution, and tests. Everywhere prompt + completion is one Python program.
// A row that is wrong is left out, counted and named, never fatal. Refuses (FormatError) files of no known shape and files without a single problem.
import type { ByteSource } from '../formats/byteSource.ts';
import { type ExactJson, JsonNumber, parseExactJson, toPython } from '../formats/exactJson.ts';
import { FormatError, quote } from '../formats/formatError.ts';
import { type ExactRow, readExactRows } from '../formats/jsonl.ts';
import { readPickledText } from '../formats/pickledText.ts';
import { recogniseProblems, splitTests, SUITE_NAMES } from '../formats/problemShape.ts';
import type { ProblemMapping, SuiteShape } from '../formats/recognised.ts';
import { type EvalInput, humanEvalInput, mbppInput } from './evalPlusInputs.ts';

export type ProblemTests =
  /** A program that defines check(candidate). */
  | { kind: 'check'; source: string }
  /** Texts of assert statements, each of one or several. */
  | { kind: 'asserts'; asserts: string[] }
  /** Calls whose right results the reference solution gives. */
  | { kind: 'inputs'; base: EvalInput[]; plus: EvalInput[]; atol: number }
  /** Calls with their right results: any of `expected`. */
  | { kind: 'calls'; cases: { args: string; expected: ExactJson[] }[] }
  | { kind: 'stdin'; cases: { input: string; output: string }[] };

export interface PythonProblem {
  id: string;
  suite: SuiteShape;
  /** Python text that a base model goes on from. */
  prompt: string;
  entryPoint: string | null;
  /** Goes on from the prompt. */
  solution: string | null;
  /** Python that runs between a program and its asserts. */
  setup: string;
  tests: ProblemTests;
  /** Time of a program with all its tests; of one test where a test is a run of its own (stdin) or a call (calls). */
  deadlineMs: number;
  /** Why passing the tests is less than being right, where the file says so. */
  caveat: string | null;
}

export interface WrongRow {
  /** From 1, as in the file. */
  row: number;
  id: string | null;
  message: string;
}

export interface ProblemSet {
  shape: SuiteShape;
  name: string;
  problems: PythonProblem[];
  wrongRows: WrongRow[];
}

/** openai/human-eval and bigcode's code_eval. */
const PROGRAM_MS = 3000;
/** LiveCodeBench: each test. */
const TEST_MS = 6000;

type Reader = (row: ExactRow, id: string) => Omit<PythonProblem, 'id' | 'suite' | 'caveat'> & { caveat?: string | null };

/** Reads a file of rows (formats/jsonl.ts). Throws FormatError; with `goodRowsAlone` bad rows are only counted, however many. */
export async function readProblemFile(
  data: ByteSource | Uint8Array,
  name: string,
  as?: SuiteShape | ProblemMapping,
  goodRowsAlone = false,
): Promise<ProblemSet> {
  const { rows, badRows } = await readExactRows(data, name, goodRowsAlone);
  const set = readProblems(rows, name, as);
  return { ...set, wrongRows: [...badRows.map(({ line, message }) => ({ row: line, id: null, message })), ...set.wrongRows] };
}

/** @param as the shape, or the fields of a file of no published shape; recognised where it is left out. */
export function readProblems(rows: readonly ExactRow[], name: string, as?: SuiteShape | ProblemMapping): ProblemSet {
  const found = typeof as === 'object' ? null : recogniseProblems(rows);
  const shape = typeof as === 'object' ? 'mapped' : (as ?? found?.shape);
  if (shape === undefined)
    throw new FormatError(
      `${quote(name)} holds no Python problems: its rows have none of the published shapes (${Object.values(SUITE_NAMES).slice(0, -1).join(', ')}) ` +
        'and no field with assert statements. Map its fields.',
    );
  const mapping = typeof as === 'object' ? as : (found?.mapping ?? null);
  const read = shape === 'mapped' ? mappedReader(mapping, name) : READERS[shape];
  const set: ProblemSet = { shape, name: SUITE_NAMES[shape], problems: [], wrongRows: [] };
  const seen = new Set<string>();
  rows.forEach((row, index) => {
    const id = idOf(row, index);
    try {
      if (seen.has(id)) throw new FormatError('its id was given before');
      const problem = read(row, id);
      if (countTests(problem.tests) === 0) throw new FormatError('it has no tests');
      set.problems.push({ id, suite: shape, caveat: null, ...problem });
      seen.add(id);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      set.wrongRows.push({ row: index + 1, id, message: error.message });
    }
  });
  if (set.problems.length === 0) {
    const first = set.wrongRows[0];
    throw new FormatError(
      `${quote(name)}: none of the ${rows.length} rows, read as ${set.name}, is a problem${first ? `; row ${first.row}: ${first.message}` : ''}.`,
    );
  }
  return set;
}

export function countTests(tests: ProblemTests): number {
  switch (tests.kind) {
    case 'check':
      return 1;
    case 'asserts':
      return tests.asserts.length;
    case 'inputs':
      return tests.base.length + tests.plus.length;
    default:
      return tests.cases.length;
  }
}

/** Prose as the docstring that a program begins with; raw where it has backslashes, which are LaTeX more often than escapes. */
export function docstring(prose: string): string {
  const text = prose.replace(/\r\n?/g, '\n').trim();
  return `${text.includes('\\') ? 'r' : ''}"""\n${text.replaceAll('"""', "'''")}\n"""\n`;
}

const humanEval: Reader = (row) => ({
  prompt: text(row, 'prompt'),
  entryPoint: identifier(row, 'entry_point'),
  solution: optionalText(row, 'canonical_solution'),
  setup: '',
  tests: { kind: 'check', source: text(row, 'test') },
  deadlineMs: PROGRAM_MS,
});

const evalPlus =
  (input: (json: ExactJson, id: string) => EvalInput): Reader =>
  (row, id) => ({
    prompt: text(row, 'prompt'),
    entryPoint: identifier(row, 'entry_point'),
    solution: text(row, 'canonical_solution'),
    setup: '',
    tests: {
      kind: 'inputs',
      base: inputs(row, 'base_input').map((json) => input(json, id)),
      plus: inputs(row, 'plus_input').map((json) => input(json, id)),
      atol: numberOf(row, 'atol', 0),
    },
    deadlineMs: PROGRAM_MS,
  });

/** The prompt is the docstring of bigcode's harness: the text and the first test. */
const mbpp =
  (prose: string, setup: (row: ExactRow) => string): Reader =>
  (row) => {
    const asserts = texts(row, 'test_list');
    const solution = optionalText(row, 'code')?.replace(/\r\n?/g, '\n') ?? null;
    return {
      prompt: `"""\n${text(row, prose)}\n${asserts[0] ?? ''}\n"""\n`,
      entryPoint: calledFunction(asserts, solution),
      solution,
      setup: setup(row),
      tests: { kind: 'asserts', asserts },
      deadlineMs: PROGRAM_MS,
    };
  };

const liveCodeBench: Reader = (row) => {
  const cases = [...jsonList(row, 'public_test_cases'), ...jsonList(row, 'private_test_cases', true)].map((value) => ({
    input: member(value, 'input'),
    output: member(value, 'output'),
    isCall: member(value, 'testtype') === 'functional',
  }));
  const starter = optionalText(row, 'starter_code') ?? '';
  const prompt = docstring(starter === '' ? text(row, 'question_content') : `${text(row, 'question_content')}\n\n${starter}`);
  const common = { prompt, solution: null, setup: '', deadlineMs: TEST_MS };
  if (!cases.some((each) => each.isCall)) return { ...common, entryPoint: null, tests: { kind: 'stdin', cases } };
  const metadata = typeof row.metadata === 'string' ? parseExactJson(row.metadata, '"metadata"') : row.metadata;
  const name = metadata instanceof Map ? metadata.get('func_name') : undefined;
  if (typeof name !== 'string' || !IDENTIFIER.test(name)) throw new FormatError('"metadata" names no func_name for its functional tests');
  return {
    ...common,
    entryPoint: name,
    tests: {
      kind: 'calls',
      cases: cases.map(({ input, output }) => ({
        args: input
          .split('\n')
          .map((line) => toPython(parseExactJson(line, 'a test input')))
          .join(', '),
        expected: [parseExactJson(output, 'a test output')],
      })),
    },
  };
};

const codeforces: Reader = (row) => {
  if (optionalText(row, 'interaction_format')) throw new FormatError('it is interactive, which cannot be judged here');
  if (optionalText(row, 'input_mode') === 'file')
    throw new FormatError('it reads a file instead of standard input, which cannot be judged here');
  const official = optionalList(row, 'official_tests');
  const examples = optionalList(row, 'examples');
  const cases = (official.length > 0 ? official : examples).map((value) => ({
    input: member(value, 'input'),
    output: member(value, 'output'),
  }));
  const caveats = [
    official.length === 0 ? 'only the examples of the statement are tests' : null,
    official.length > 0 && row.official_tests_complete === false ? 'some of the official tests are missing' : null,
    optionalText(row, 'generated_checker') ? 'other right answers than the given one are judged wrong' : null,
  ].filter((each) => each !== null);
  const parts = [
    text(row, 'description'),
    ...(['input_format', 'output_format', 'note'] as const).flatMap((field) => {
      const value = optionalText(row, field);
      return value ? [`${field === 'note' ? 'Note' : field === 'input_format' ? 'Input' : 'Output'}\n${value}`] : [];
    }),
    ...examples.map((value) => `Example input\n${member(value, 'input')}\nExample output\n${member(value, 'output')}`),
  ];
  return {
    prompt: docstring(parts.join('\n\n')),
    entryPoint: null,
    solution: null,
    setup: '',
    tests: { kind: 'stdin', cases },
    deadlineMs: Math.max(TEST_MS, 1000 * numberOf(row, 'time_limit', 0)),
    caveat: caveats.length > 0 ? caveats.join('; ') : null,
  };
};

/** APPS and TACO: input_output is {"inputs": [...], "outputs": [...], "fn_name"?}, solutions a list of programs, both as JSON texts. */
const apps: Reader = (row) => {
  const tests = parseExactJson(text(row, 'input_output'), '"input_output"');
  const inputs = tests instanceof Map ? tests.get('inputs') : null;
  const outputs = tests instanceof Map ? tests.get('outputs') : null;
  if (!Array.isArray(inputs) || !Array.isArray(outputs)) throw new FormatError('"input_output" has no lists "inputs" and "outputs"');
  if (inputs.length !== outputs.length) throw new FormatError(`it has ${inputs.length} inputs and ${outputs.length} outputs`);
  const starter = optionalText(row, 'starter_code') ?? '';
  const solutions = optionalText(row, 'solutions');
  const first = solutions ? parseExactJson(solutions, '"solutions"') : null;
  const solution = Array.isArray(first) && typeof first[0] === 'string' ? first[0] : null;
  const common = {
    prompt: docstring(starter === '' ? text(row, 'question') : `${text(row, 'question')}\n\n${starter}`),
    solution,
    setup: '',
    deadlineMs: TEST_MS,
  };
  const name = (tests as Map<string, ExactJson>).get('fn_name');
  if (name === undefined || name === null || name === '') {
    const cases = inputs.map((input, i) => ({ input: lines(input), output: lines(outputs[i] as ExactJson) }));
    return { ...common, entryPoint: null, tests: { kind: 'stdin', cases } };
  }
  if (typeof name !== 'string' || !IDENTIFIER.test(name)) throw new FormatError('its fn_name is no name');
  return {
    ...common,
    entryPoint: name,
    tests: {
      kind: 'calls',
      cases: inputs.map((input, i) => {
        if (!Array.isArray(input)) throw new FormatError(`input ${i + 1} is no list of arguments`);
        const output = outputs[i] as ExactJson;
        // outputs of calls stand in a list of one in most rows and bare in others; APPS takes both
        return {
          args: input.map(toPython).join(', '),
          expected: Array.isArray(output) && output.length > 0 ? [output, output[0] as ExactJson] : [output],
        };
      }),
    },
  };
};

const aceCode: Reader = (row) => {
  const asserts = texts(row, 'test_cases');
  return {
    prompt: docstring(`${text(row, 'question')}\n\n${asserts[0] ?? ''}`),
    entryPoint: calledFunction(asserts, null),
    solution: null,
    setup: '',
    tests: { kind: 'asserts', asserts },
    deadlineMs: PROGRAM_MS,
  };
};

const READERS: Record<Exclude<SuiteShape, 'mapped'>, Reader> = {
  humaneval: humanEval,
  'humaneval-plus': evalPlus(humanEvalInput),
  mbpp: mbpp('text', (row) => optionalText(row, 'test_setup_code')?.replace(/\r\n?/g, '\n') ?? ''),
  'mbpp-sanitized': mbpp('prompt', (row) => texts(row, 'test_imports').join('\n')),
  'mbpp-plus': evalPlus((json, id) => mbppInput(Number(/\d+$/.exec(id)?.[0]), json)),
  livecodebench: liveCodeBench,
  codeforces,
  apps,
  taco: apps,
  acecode: aceCode,
};

function mappedReader(mapping: ProblemMapping | null, name: string): Reader {
  if (mapping === null) throw new FormatError(`The fields of ${quote(name)} are not mapped: name those of its prompt and its tests.`);
  return (row) => {
    const asserts = splitTests(row[mapping.tests]);
    const prose = text(row, mapping.prompt);
    const solution = mapping.solution === null ? null : (optionalText(row, mapping.solution)?.replace(/\r\n?/g, '\n') ?? null);
    const setup = mapping.setup === null ? null : (row[mapping.setup] ?? null);
    return {
      // a solution that begins indented goes on with the prompt's own code
      prompt: goesOn(solution) || /^\s*(def|from|import|class|@)\b/.test(prose) ? prose : docstring(prose),
      entryPoint: mapping.entryPoint === null ? calledFunction(asserts, solution) : identifier(row, mapping.entryPoint),
      solution,
      setup: typeof setup === 'string' ? setup : Array.isArray(setup) ? setup.filter((each) => typeof each === 'string').join('\n') : '',
      tests: { kind: 'asserts', asserts },
      deadlineMs: PROGRAM_MS,
    };
  };
}

const goesOn = (solution: string | null): boolean => /^[ \t]/.test(solution?.split('\n').find((line) => line.trim() !== '') ?? '');

const IDENTIFIER = /^[A-Za-z_]\w{0,199}$/;
/** Called in asserts around the function that is tested. */
const WRAPPERS = new Set(
  'abs all any bool dict float frozenset getattr hasattr int isclose isinstance len list map max min next not print repr reversed round set sorted str sum tuple type zip'.split(
    ' ',
  ),
);

/** The function under test: the first one called that the solution defines, else the first that is no builtin and no method. */
export function calledFunction(asserts: readonly string[], solution: string | null): string | null {
  const called = asserts.flatMap((test) =>
    [...test.matchAll(/(\.\s*)?\b([A-Za-z_]\w*)\s*\(/g)].filter(([, dot]) => dot === undefined).map((match) => match[2] as string),
  );
  const defined = new Set([...(solution ?? '').matchAll(/^\s*(?:def|class)\s+([A-Za-z_]\w*)/gm)].map((match) => match[1]));
  return called.find((name) => defined.has(name)) ?? called.find((name) => !WRAPPERS.has(name) && name !== 'assert') ?? null;
}

function idOf(row: ExactRow, index: number): string {
  for (const field of ['task_id', 'question_id', 'problem_id', 'id', 'uid']) {
    const value = Object.hasOwn(row, field) ? row[field] : undefined;
    if (typeof value === 'string' && value !== '' && value.length <= 200) return value;
    if (value instanceof JsonNumber && value.isInteger) return value.text;
  }
  return String(index);
}

function text(row: ExactRow, field: string): string {
  const value = optionalText(row, field);
  if (value === null) throw new FormatError(`"${field}" is missing`);
  return value;
}

function optionalText(row: ExactRow, field: string): string | null {
  const value = Object.hasOwn(row, field) ? row[field] : null;
  if (value === null || value === undefined) return null;
  if (typeof value !== 'string') throw new FormatError(`"${field}" is no text`);
  return value;
}

function identifier(row: ExactRow, field: string): string {
  const name = text(row, field);
  if (!IDENTIFIER.test(name)) throw new FormatError(`"${field}" is ${quote(name, 40)}, which is no Python name`);
  return name;
}

function optionalList(row: ExactRow, field: string): ExactJson[] {
  const value = Object.hasOwn(row, field) ? row[field] : null;
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new FormatError(`"${field}" is no list`);
  return value;
}

function list(row: ExactRow, field: string): ExactJson[] {
  if (!Object.hasOwn(row, field)) throw new FormatError(`"${field}" is missing`);
  return optionalList(row, field);
}

/** Inputs of EvalPlus; a task without any has {} in one published file. */
function inputs(row: ExactRow, field: string): ExactJson[] {
  const value = row[field];
  return value instanceof Map && value.size === 0 ? [] : list(row, field);
}

function texts(row: ExactRow, field: string): string[] {
  const values = list(row, field);
  if (!values.every((value) => typeof value === 'string')) throw new FormatError(`"${field}" holds something else than texts`);
  return values as string[];
}

function numberOf(row: ExactRow, field: string, fallback: number): number {
  const value = Object.hasOwn(row, field) ? row[field] : null;
  if (value === null || value === undefined) return fallback;
  if (!(value instanceof JsonNumber) || !Number.isFinite(value.value)) throw new FormatError(`"${field}" is no number`);
  return value.value;
}

/** A list, or the JSON text of one; `packed`: or that text pickled, zipped and in base64. */
function jsonList(row: ExactRow, field: string, packed = false): ExactJson[] {
  const value = Object.hasOwn(row, field) ? row[field] : null;
  if (value === null || value === undefined || value === '') return [];
  if (typeof value !== 'string') return optionalList(row, field);
  const json = packed && !value.trimStart().startsWith('[') ? readPickledText(value, `"${field}"`) : value;
  const parsed = parseExactJson(json, `"${field}"`);
  if (!Array.isArray(parsed)) throw new FormatError(`"${field}" holds no list of tests`);
  return parsed;
}

function member(value: ExactJson, key: string): string {
  const found = value instanceof Map ? value.get(key) : undefined;
  if (typeof found !== 'string') throw new FormatError(`a test has no text "${key}"`);
  return found;
}

function lines(value: ExactJson): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.join('\n');
  throw new FormatError('a test is neither a text nor a list of lines');
}
