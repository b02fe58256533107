// HumanEval+ and MBPP+ as EvalPlus judges them (evalplus/eval/__init__.py, _special_oracle.py, evaluate.py with its defaults): the reference solution's
// results are the right ones; base and extra inputs are judged apart, each up to its first failure; equality is Python's, floats within a tolerance
// that stays once a float was expected; some tasks have an oracle of their own. Right results stay outside the interpreter that runs the program.
// Differs from EvalPlus where the sandbox does: "timeout" and "fail" may change places for programs that run out of time, never with "pass".
import { JsonNumber, pythonString } from '../formats/exactJson.ts';
import type { EvalInput } from '../tasks/evalPlusInputs.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import { type CallRun, runCalls } from './callRuns.ts';
import { PACK, runLarge } from './largeValues.ts';
import { guarded } from './official.ts';
import type { PythonSandbox, PythonValue } from './python.ts';
import { allClose, distance, equal, toFloat, toSet } from './pythonEquality.ts';

export type EvalStatus = 'pass' | 'fail' | 'timeout';

export interface EvalPart {
  status: EvalStatus;
  /** One per input that was tried, in order: the first failure is the last. */
  details: boolean[];
  message: string;
}

/** What the reference solution gives: a value and a time per input. */
export interface Truths {
  base: Truth[];
  plus: Truth[];
}

export interface Truth {
  value: PythonValue;
  timeMs: number;
}

/** Of one input, at the least (min_time_limit). */
export const MIN_LIMIT_MS = 1000;
const TIME_FACTOR = 4;
const MAX_TOTAL_MS = 60_000;
/** EvalPlus waits so much longer than the sum of the limits. */
const EXTRA_MS = 2000;
/** For the reference solutions, which are trusted to end: some extra inputs are slow. */
const TRUTH_MS = 120_000;

const SET_TASKS = [
  'similar_elements',
  'find_char_long',
  'common_in_nested_lists',
  'extract_singly',
  'larg_nnum',
  'intersection_array',
  'find_dissimilar',
  'Diff',
];
const NOT_NONE_TASKS = ['check_str', 'text_match_three', 'text_starta_endb'];

/** Runs the reference solution. Throws where it fails, for then nothing can be judged. */
export async function findTruths(sandbox: PythonSandbox, problem: PythonProblem): Promise<Truths> {
  const { base, plus } = inputsOf(problem);
  const inputs = [...base, ...plus];
  const notNone = problem.suite === 'mbpp-plus' && NOT_NONE_TASKS.includes(problem.entryPoint ?? '');
  const outcome = await runLarge(sandbox, {
    source: sourceOf(problem, problem.prompt + (problem.solution ?? '')),
    calls: inputs.map(({ source }) => (notNone ? `_f(${source}) is not None` : `_pack(_f(${source}))`)),
    deadlineMs: TRUTH_MS,
  });
  const truths = inputs.map((input, i): Truth => {
    const call = outcome.calls[i];
    if (call?.ok) return { value: call.value, timeMs: call.timeMs };
    const why = call ? call.exception : `${outcome.end} ${outcome.message}`.trim();
    throw new Error(
      `The reference solution of ${problem.id} fails at input ${i + 1}, ${problem.entryPoint}(${input.source.slice(0, 80)}): ${why}. Without its result nothing can be judged.`,
    );
  });
  return { base: truths.slice(0, base.length), plus: truths.slice(base.length) };
}

/** @param program the whole solution. */
export async function judgeEvalPlus(
  sandbox: PythonSandbox,
  problem: PythonProblem,
  truths: Truths,
  program: string,
  minLimitMs = MIN_LIMIT_MS,
): Promise<{ base: EvalPart; plus: EvalPart }> {
  const { base, plus } = inputsOf(problem);
  const part = (inputs: EvalInput[], expected: Truth[]): Promise<EvalPart> =>
    judgePart(sandbox, problem, inputs, expected, program, minLimitMs);
  const [basePart, plusPart] = await Promise.all([part(base, truths.base), part(plus, truths.plus)]);
  return { base: basePart, plus: plusPart };
}

async function judgePart(
  sandbox: PythonSandbox,
  problem: PythonProblem,
  inputs: EvalInput[],
  expected: Truth[],
  program: string,
  minLimitMs: number,
): Promise<EvalPart> {
  const limitsMs = expected.map(({ timeMs }) => Math.max(minLimitMs, TIME_FACTOR * timeMs));
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  const run = await runCalls(
    sandbox,
    sourceOf(problem, program),
    inputs.map(({ source }) => `_pack(_f(${source}))`),
    {
      limitsMs,
      likelyMs: TIME_FACTOR * sum(expected.map(({ timeMs }) => timeMs)),
      totalMs: Math.min(MAX_TOTAL_MS, sum(limitsMs)) + EXTRA_MS,
    },
  );
  return partOf(problem, inputs, expected, run);
}

/** What a run comes to. Exported for its tests. */
export function partOf(problem: PythonProblem, inputs: EvalInput[], expected: Truth[], run: CallRun): EvalPart {
  if (run.program !== 'finished') {
    // an exception, memory included, is a failure; a process that hangs or dies says nothing, which is a timeout
    const status = run.program === 'exception' || run.program === 'memory' ? 'fail' : 'timeout';
    return { status, details: [], message: run.message };
  }
  const judge = new Comparison(problem);
  const details: boolean[] = [];
  for (let i = 0; i < inputs.length; i++) {
    const call = run.calls[i] ?? null;
    if (call === null) return { status: 'timeout', details, message: run.message };
    const right = call !== 'timeout' && call.ok && judge.right(call.value, (expected[i] as Truth).value, inputs[i] as EvalInput);
    details.push(right);
    if (!right) return { status: 'fail', details, message: call === 'timeout' ? 'timed out' : call.ok ? '' : call.exception };
  }
  return { status: 'pass', details, message: '' };
}

/** The rules for one program and one list of inputs. */
class Comparison {
  private readonly isMbpp: boolean;
  private readonly entryPoint: string;
  /** Becomes 1e-6 at the first float that is expected, and stays so for the inputs after it, as in EvalPlus. */
  private tolerance: number;

  constructor({ suite, entryPoint, tests }: PythonProblem) {
    this.isMbpp = suite === 'mbpp-plus';
    this.entryPoint = entryPoint ?? '';
    this.tolerance = tests.kind === 'inputs' ? tests.atol : 0;
  }

  right(actual: PythonValue, expected: PythonValue, { json }: EvalInput): boolean {
    let exact = equal(actual, expected);
    if (this.isMbpp) {
      const special = this.specialMbpp(exact, actual, expected, json);
      if (special === null) return false;
      exact = special;
    } else if (this.entryPoint === 'find_zero') {
      const root = numberOf(actual);
      const coefficients = Array.isArray(json[0]) ? json[0].map((each) => (each instanceof JsonNumber ? each.value : NaN)) : [];
      return root !== null && Math.abs(coefficients.reduce((sum, each, i) => sum + each * root ** i, 0)) <= this.tolerance;
    }
    if (this.tolerance === 0 && isFloats(expected)) this.tolerance = 1e-6;
    if (exact || this.tolerance === 0) return exact;
    if (actual.t !== expected.t) return false;
    if (isSequence(actual) && isSequence(expected) && actual.v.length !== expected.v.length) return false;
    return allClose(actual, expected, 1e-7, this.tolerance);
  }

  /** Whether it counts as an exact match; null where the oracle raises. */
  private specialMbpp(exact: boolean, actual: PythonValue, expected: PythonValue, json: EvalInput['json']): boolean | null {
    if (this.entryPoint === 'are_equivalent') return true;
    if (this.entryPoint === 'sum_div') return exact || equal(actual, { t: 'int', v: '0' });
    if (this.entryPoint === 'surface_Area') {
      if (exact) return true;
      const area = surfaceArea(json.map((each) => (each instanceof JsonNumber ? each.value : NaN)));
      const off = distance(actual, { t: 'float', v: String(area) });
      return off === null ? null : off <= this.tolerance;
    }
    if (this.entryPoint === 'digit_distance_nums') {
      if (exact) return true;
      const total = digitDistance(json.map((each) => (each instanceof JsonNumber ? each.text : '')));
      return total === null ? null : equal(actual, { t: 'int', v: String(total) });
    }
    if (SET_TASKS.includes(this.entryPoint)) {
      const [a, b] = [toSet(actual), toSet(expected)];
      return a === null || b === null ? null : equal(a, b);
    }
    if (NOT_NONE_TASKS.includes(this.entryPoint)) {
      return actual.t === 'bool' ? exact : equal(expected, { t: 'bool', v: actual.t !== 'none' });
    }
    return exact;
  }
}

function inputsOf({ id, tests }: PythonProblem): { base: EvalInput[]; plus: EvalInput[] } {
  if (tests.kind !== 'inputs') throw new TypeError(`${id} has no inputs of EvalPlus.`);
  return tests;
}

function sourceOf({ entryPoint }: PythonProblem, program: string): string {
  return `${PACK}${guarded(program, ['open'])}_f = _space[${pythonString(entryPoint ?? '')}]\n`;
}

function isSequence(value: PythonValue): value is Extract<PythonValue, { t: 'list' | 'tuple' | 'set' | 'frozenset' }> {
  return value.t === 'list' || value.t === 'tuple';
}

/** A float, or a list or tuple of at least one, all floats. */
function isFloats(value: PythonValue): boolean {
  if (value.t === 'float') return true;
  return isSequence(value) && value.v.length > 0 && value.v.every((item) => item.t === 'float');
}

function numberOf(value: PythonValue): number | null {
  if (value.t === 'float') return toFloat(value.v);
  if (value.t === 'int') return Number(value.v);
  return value.t === 'bool' ? Number(value.v) : null;
}

/** MBPP 581: the height is that of the apex over the base. Rounded as Python does, halves to even. */
function surfaceArea([edge = NaN, height = NaN]: number[]): number {
  const total = edge ** 2 + (4 * (edge * Math.sqrt((edge / 2) ** 2 + height ** 2))) / 2;
  const floor = Math.floor(total);
  if (total - floor !== 0.5) return Math.round(total);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** MBPP 558: digits of both numbers, filled up with zeros to one length; null where a character is no digit. */
function digitDistance([a = '', b = '']: string[]): number | null {
  const length = Math.max(a.length, b.length);
  const [x, y] = [a.padStart(length, '0'), b.padStart(length, '0')];
  if (!/^\d*$/.test(x + y)) return null;
  return [...x].reduce((sum, digit, i) => sum + Math.abs(Number(digit) - Number(y[i])), 0);
}
