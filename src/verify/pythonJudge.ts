// Verdicts on programs for problems of every shape, fit to be rewards: what a program is asked for is in its interpreter, what it should answer is not.
// Asserts are taken apart (rewriteAsserts.ts), EvalPlus's right results come from the reference solution, standard output is compared outside. Tests that
// cannot be taken apart run beside the program and mark the verdict weak. Reward 1 where every test passes, else 0.
// Refuses (throws) problems whose reference solution is needed and fails; a program can make its verdict bad, never throw.
import { type ExactJson, JsonNumber, pythonString } from '../formats/exactJson.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import type { TestVerdict, Verdict } from '../tasks/task.ts';
import { runCalls } from './callRuns.ts';
import { type EvalPart, findTruths, judgeEvalPlus, type Truths } from './evalPlus.ts';
import { sameOutput } from './outputLines.ts';
import { type CallOutcome, type PythonEnd, type PythonSandbox, type PythonValue, triedToLeave } from './python.ts';
import { distance, equal, identical, isClose, toFloat, truthy } from './pythonEquality.ts';
import { type CallTest, type Expectation, type RewrittenTests, rewriteTests } from './rewriteAsserts.ts';

/** lineOk has one entry per test; a test that was not run is not passed. */
export interface ProgramVerdict extends Verdict {
  /** The test, and what went wrong, in at most 300 characters. */
  tests: TestVerdict[];
  /** The worst end of the runs of the program. */
  end: PythonEnd;
  triedToLeave: boolean;
  /** Some test ran where the program could tamper with it. */
  weak: boolean;
  /** What the program raised or why it was ended; empty where it ran to its end. */
  message: string;
}

type Judged = Omit<ProgramVerdict, 'end' | 'triedToLeave'>;

const WORST_FIRST: readonly PythonEnd[] = ['killed', 'memory', 'timeout', 'exception'];

type Prepared = { kind: 'calls'; rewritten: RewrittenTests } | { kind: 'inputs'; truths: Truths } | { kind: 'as it is' };

/** Time of a problem's calls, all together. */
const MAX_CALLS_MS = 30_000;
/** Names that LeetCode's and other judges' solutions take for granted, as LiveCodeBench's harness gives them. */
const CONTEST_IMPORTS = `${'string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json builtins typing'
  .split(' ')
  .map((name) => `from ${name} import *`)
  .join('\n')}
import string, re, datetime, collections, heapq, bisect, copy, math, random, statistics, itertools, functools, operator, io, sys, json
sys.setrecursionlimit(50000)
`;

export class PythonJudge {
  private readonly sandbox: PythonSandbox;
  private readonly prepared = new WeakMap<PythonProblem, Promise<Prepared>>();

  constructor(sandbox: PythonSandbox) {
    this.sandbox = sandbox;
  }

  /** @param program the whole program: the problem's prompt and a completion, or a solution. */
  async judge(problem: PythonProblem, program: string): Promise<ProgramVerdict> {
    const ends: PythonEnd[] = [];
    let left = false;
    const sandbox: PythonSandbox = {
      run: async (job) => {
        const outcome = await this.sandbox.run(job);
        ends.push(outcome.end);
        left ||= triedToLeave(outcome);
        return outcome;
      },
      close: () => this.sandbox.close(),
    };
    const verdict = await this.judgeIn(sandbox, problem, program);
    return { ...verdict, end: WORST_FIRST.find((end) => ends.includes(end)) ?? 'finished', triedToLeave: left };
  }

  private async judgeIn(sandbox: PythonSandbox, problem: PythonProblem, program: string): Promise<Judged> {
    const { tests } = problem;
    if (tests.kind === 'stdin') return judgeOutput(sandbox, problem, tests.cases, program);
    if (tests.kind === 'calls') return judgeCases(sandbox, problem, tests.cases, program);
    const prepared = await this.prepare(problem);
    if (prepared.kind === 'calls') return judgeCalls(sandbox, problem, prepared.rewritten, program);
    if (prepared.kind === 'inputs') return judgeInputs(sandbox, problem, prepared.truths, program);
    throw new TypeError(`${problem.id} has tests of no known kind.`);
  }

  /** What a problem's verdicts need, worked out once; judge() does it by itself. */
  prepare(problem: PythonProblem): Promise<Prepared> {
    let prepared = this.prepared.get(problem);
    if (!prepared) {
      prepared = this.workOut(problem);
      this.prepared.set(problem, prepared);
      // a sandbox that was lost may be replaced
      prepared.catch(() => this.prepared.delete(problem));
    }
    return prepared;
  }

  /** Whether some test of the problem has to run beside the program. */
  async isWeak(problem: PythonProblem): Promise<boolean> {
    const prepared = await this.prepare(problem);
    return prepared.kind === 'calls' && prepared.rewritten.tests.some(isWeakTest);
  }

  private async workOut(problem: PythonProblem): Promise<Prepared> {
    const { kind } = problem.tests;
    if (kind === 'asserts' || kind === 'check') return { kind: 'calls', rewritten: await rewriteTests(this.sandbox, problem) };
    return kind === 'inputs' ? { kind: 'inputs', truths: await findTruths(this.sandbox, problem) } : { kind: 'as it is' };
  }
}

async function judgeCalls(
  sandbox: PythonSandbox,
  problem: PythonProblem,
  { setup, tests }: RewrittenTests,
  program: string,
): Promise<Judged> {
  const outcome = await sandbox.run({
    source: asModule(setup === '' ? program : `${program}\n${setup}`),
    calls: tests.map((test) => test.call),
    deadlineMs: problem.deadlineMs,
  });
  const verdicts = tests.map((test, i) => testVerdict(test, outcome.calls[i]));
  const unanswered = outcome.calls.length;
  if (outcome.end !== 'finished' && unanswered < tests.length)
    verdicts[unanswered] = failed((tests[unanswered] as CallTest).text, outcome.message || outcome.end);
  return verdictOf(verdicts, tests.some(isWeakTest), outcome.message);
}

async function judgeInputs(sandbox: PythonSandbox, problem: PythonProblem, truths: Truths, program: string): Promise<Judged> {
  const { base, plus } = await judgeEvalPlus(sandbox, problem, truths, program);
  const inputs = problem.tests.kind === 'inputs' ? problem.tests : { base: [], plus: [] };
  const verdicts = (part: EvalPart, sources: { source: string }[]): TestVerdict[] =>
    sources.map(({ source }, i) => {
      // a part that ended before an input was tried failed at it
      const ok = part.details[i] ?? (i === part.details.length && part.status !== 'pass' && part.details.at(-1) !== false ? false : null);
      const asked = `${problem.entryPoint}(${source})`;
      return ok === false ? failed(asked, part.message) : { ok, text: cut(asked) };
    });
  return verdictOf([...verdicts(base, inputs.base), ...verdicts(plus, inputs.plus)], false, base.message || plus.message);
}

/** As LiveCodeBench: a method of Solution where there is one, tuples as good as lists. */
async function judgeCases(
  sandbox: PythonSandbox,
  problem: PythonProblem,
  cases: { args: string; expected: ExactJson[] }[],
  program: string,
): Promise<Judged> {
  const isClass = /\bclass Solution\b/.test(program);
  const target = isClass ? `_solution.${problem.entryPoint}` : `${problem.entryPoint}`;
  const run = await runCalls(
    sandbox,
    asModule(`${CONTEST_IMPORTS}\n${program}${isClass ? '\n_solution = Solution()' : ''}`),
    cases.map(({ args }) => `${target}(${args})`),
    {
      limitsMs: cases.map(() => problem.deadlineMs),
      likelyMs: 0,
      totalMs: Math.min(MAX_CALLS_MS, problem.deadlineMs * (cases.length + 1)),
    },
  );
  const verdicts = cases.map(({ args, expected }, i): TestVerdict => {
    const asked = `${problem.entryPoint}(${args})`;
    const call = run.calls[i] ?? null;
    if (call === null) return run.program === 'finished' || i > 0 ? { ok: null, text: cut(asked) } : failed(asked, run.message);
    if (call === 'timeout') return failed(asked, 'timed out');
    if (!call.ok) return failed(asked, call.exception);
    const value: PythonValue = call.value.t === 'tuple' ? { t: 'list', v: call.value.v } : call.value;
    const ok = expected.some((right) => equal(value, fromJson(right)));
    return ok ? { ok, text: cut(asked) } : failed(asked, `got ${showValue(value)}`);
  });
  return verdictOf(verdicts, false, run.message);
}

/** One run per test, up to the first that fails. */
async function judgeOutput(
  sandbox: PythonSandbox,
  problem: PythonProblem,
  cases: { input: string; output: string }[],
  program: string,
): Promise<Judged> {
  const verdicts: TestVerdict[] = [];
  let message = '';
  for (const [i, { input, output }] of cases.entries()) {
    const asked = `input ${i + 1}: ${JSON.stringify(cut(input, 80))}`;
    if (verdicts.at(-1)?.ok === false || verdicts.at(-1)?.ok === null) {
      verdicts.push({ ok: null, text: asked });
      continue;
    }
    const outcome = await sandbox.run({ source: `${CONTEST_IMPORTS}\n${program}`, stdin: input, deadlineMs: problem.deadlineMs });
    // sys.exit() is a usual way to end such a program
    const ended = outcome.end === 'finished' || (outcome.end === 'exception' && /^SystemExit\b/.test(outcome.message));
    const ok = ended && sameOutput(outcome.stdout, output);
    if (!ended) message = outcome.message || outcome.end;
    const printed = ended ? `printed ${JSON.stringify(cut(outcome.stdout, 80))}` : message;
    verdicts.push(ok ? { ok, text: cut(asked) } : failed(asked, printed));
  }
  return verdictOf(verdicts, false, message);
}

/**
 * The program in the namespace that calls see, but not as __main__: what stands under `if __name__ == "__main__"` stays undone, as in the official
 * harnesses. Compiled by itself, so that a `from __future__` at its top stays at the top.
 */
function asModule(program: string): string {
  return `__name__ = 'builtins'\nexec(compile(${pythonString(program)}, '<program>', 'exec', dont_inherit=True), globals())\n`;
}

function verdictOf(tests: TestVerdict[], weak: boolean, message: string): Judged {
  const lineOk = tests.map(({ ok }) => ok === true);
  return { reward: tests.length > 0 && lineOk.every(Boolean) ? 1 : 0, lineOk, tests, weak, message };
}

const isWeakTest = ({ expectation }: CallTest): boolean => expectation.kind === 'weak';

function testVerdict({ text, expectation }: CallTest, call: CallOutcome | undefined): TestVerdict {
  if (!call) return { ok: null, text: cut(text) };
  if (!call.ok) return failed(text, call.exception);
  if (holds(expectation, call.value)) return { ok: true, text: cut(text) };
  return failed(text, expectation.kind === 'weak' ? '' : `got ${showValue(call.value)}`);
}

const failed = (text: string, why: string): TestVerdict => ({ ok: false, text: cut(text), ...(why ? { why: cut(why) } : {}) });

/** Whether a call's value is what the test asks for. */
export function holds(expectation: Expectation, value: PythonValue): boolean {
  switch (expectation.kind) {
    case 'equal':
      return equal(value, expectation.value);
    case 'not equal':
      return !equal(value, expectation.value);
    case 'is':
      return identical(value, expectation.value);
    case 'is not':
      return !identical(value, expectation.value);
    case 'in':
      return expectation.values.some((each) => equal(value, each));
    case 'true':
      return truthy(value);
    case 'false':
      return !truthy(value);
    case 'near': {
      const off = distance(value, expectation.value);
      const tolerance = realOf(expectation.tolerance);
      return off !== null && (expectation.orEqual ? off <= tolerance : off < tolerance);
    }
    case 'isclose':
      return isClose(value, expectation.value, realOf(expectation.relative), realOf(expectation.absolute));
    case 'weak':
      return expectation.holdsWhen === 'ends' || (value.t === 'bool' && value.v);
  }
}

function realOf(value: PythonValue): number {
  if (value.t === 'float') return toFloat(value.v);
  return value.t === 'int' ? Number(value.v) : NaN;
}

/** What Python's json.loads makes of it. */
export function fromJson(value: ExactJson): PythonValue {
  if (value === null) return { t: 'none' };
  if (typeof value === 'boolean') return { t: 'bool', v: value };
  if (typeof value === 'string') return { t: 'str', v: value };
  if (Array.isArray(value)) return { t: 'list', v: value.map(fromJson) };
  if (value instanceof JsonNumber) {
    if (value.isInteger) return { t: 'int', v: value.text };
    return { t: 'float', v: Number.isNaN(value.value) ? 'nan' : value.text.replace('Infinity', 'inf') };
  }
  return { t: 'dict', v: [...value].map(([key, item]): [PythonValue, PythonValue] => [{ t: 'str', v: key }, fromJson(item)]) };
}

/** A value as Python writes it, cut short. */
export function showValue(value: PythonValue, limit = 120): string {
  return cut(shown(value, limit), limit);
}

function shown(value: PythonValue, limit: number): string {
  if (limit <= 0) return '…';
  const many = (items: PythonValue[]): string => {
    let text = '';
    for (const item of items) {
      if (text.length > limit) return `${text}, …`;
      text += `${text === '' ? '' : ', '}${shown(item, limit - text.length)}`;
    }
    return text;
  };
  switch (value.t) {
    case 'none':
      return 'None';
    case 'bool':
      return value.v ? 'True' : 'False';
    case 'int':
    case 'float':
      return value.v;
    case 'complex':
      return `(${value.v[0]}${/^[-n]/.test(value.v[1]) ? '' : '+'}${value.v[1]}j)`;
    case 'str':
      return JSON.stringify(cut(value.v, limit));
    case 'bytes':
      return `bytes of length ${value.v.length}`;
    case 'list':
      return `[${many(value.v)}]`;
    case 'tuple':
      return value.v.length === 1 ? `(${many(value.v)},)` : `(${many(value.v)})`;
    case 'set':
      return value.v.length === 0 ? 'set()' : `{${many(value.v)}}`;
    case 'frozenset':
      return `frozenset({${many(value.v)}})`;
    case 'dict': {
      let text = '';
      for (const [key, item] of value.v) {
        if (text.length > limit) break;
        text += `${text === '' ? '' : ', '}${shown(key, limit)}: ${shown(item, limit - text.length)}`;
      }
      return `{${text}}`;
    }
    case 'other':
      return cut(value.repr, limit);
  }
}

function cut(text: string, limit = 300): string {
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}
