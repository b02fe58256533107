// Runs of many calls against sandboxes whose answers are scripted here.
import { describe, expect, it } from 'vitest';
import { runCalls } from '../../../src/verify/callRuns.ts';
import { type EvalPart, partOf } from '../../../src/verify/evalPlus.ts';
import { runLarge } from '../../../src/verify/largeValues.ts';
import type { CallOutcome, PythonJob, PythonOutcome, PythonSandbox } from '../../../src/verify/python.ts';
import type { PythonProblem } from '../../../src/tasks/pythonProblems.ts';

const ok = (v: string, timeMs = 1): CallOutcome => ({ ok: true, value: { t: 'str', v }, timeMs });
const tooLarge: CallOutcome = { ok: false, exception: '_sandbox.ValueTooLarge: the value has more than 9 parts', timeMs: 1 };
const finished = (calls: CallOutcome[]): PythonOutcome => ({ end: 'finished', message: '', stdout: '', calls, timeMs: 5 });

function scripted(answer: (job: PythonJob) => PythonOutcome): PythonSandbox & { jobs: PythonJob[] } {
  const jobs: PythonJob[] = [];
  return {
    jobs,
    run: async (job) => {
      jobs.push(job);
      return answer(job);
    },
    close: async () => undefined,
  };
}

describe('values too large to send', () => {
  /** A sandbox with room for `room` letters in all of a job's answers; each call is answered with itself. */
  const narrow = (room: number) =>
    scripted(({ calls = [] }) => {
      let used = 0;
      return finished(
        calls.map((call) => {
          if (call.startsWith('_digest(')) return ok('#');
          used += call.length;
          return used > room ? tooLarge : ok(call);
        }),
      );
    });

  it('are asked for again in jobs of their own, and as a hash where one alone is too large', async () => {
    const sandbox = narrow(4);
    const { calls } = await runLarge(sandbox, { source: '', calls: ['aa', 'bbb', 'cccccc', 'd'], deadlineMs: 1000 });
    expect(calls.map((call) => call.ok && call.value.t === 'str' && call.value.v)).toEqual(['aa', 'bbb', '#', 'd']);
    expect(sandbox.jobs.at(-1)?.calls).toEqual(['d']);
  });

  it('cost one job where there are none', async () => {
    const sandbox = narrow(100);
    await runLarge(sandbox, { source: '', calls: ['a', 'b'], deadlineMs: 1000 });
    expect(sandbox.jobs).toHaveLength(1);
  });

  it('leave the answers before a timeout as they are', async () => {
    const sandbox = scripted(() => ({ ...finished([ok('a'), tooLarge]), end: 'timeout' }));
    expect((await runLarge(sandbox, { source: '', calls: ['a', 'b', 'c'], deadlineMs: 1 })).calls).toEqual([ok('a')]);
  });
});

describe('a run of calls', () => {
  const limits = { limitsMs: [1000, 1000], likelyMs: 10, totalMs: 10_000 };

  it('gives each its outcome, and timeouts to those that answered late', async () => {
    const sandbox = scripted(() => finished([ok(''), ok('a'), ok('b', 1001)]));
    expect(await runCalls(sandbox, '', ['a', 'b'], limits)).toMatchObject({
      program: 'finished',
      calls: [ok('a'), 'timeout'],
      isHard: false,
    });
    expect(sandbox.jobs).toMatchObject([{ calls: ['None', 'a', 'b'], deadlineMs: 3010 }]);
  });

  it('that ends in a call which had its time is over; the calls after it were not run', async () => {
    const sandbox = scripted(() => ({ ...finished([ok('')]), end: 'timeout' }));
    expect(await runCalls(sandbox, '', ['a', 'b'], limits)).toMatchObject({ program: 'finished', calls: ['timeout', null] });
    expect(sandbox.jobs).toHaveLength(1);
  });

  it('that ends before a call had its time is run again with all the time there is', async () => {
    let n = 0;
    const sandbox = scripted(() =>
      n++ === 0 ? { ...finished([ok(''), ok('a', 2900)]), end: 'timeout' } : finished([ok(''), ok('a', 900), ok('b')]),
    );
    expect(await runCalls(sandbox, '', ['a', 'b'], limits)).toMatchObject({ calls: [ok('a', 900), ok('b')] });
    expect(sandbox.jobs.map((job) => job.deadlineMs)).toEqual([3010, 10_000]);
  });

  it('tells a program that never ends from a call that does not', async () => {
    const sandbox = scripted(() => ({ ...finished([]), end: 'timeout' }));
    expect(await runCalls(sandbox, '', ['a'], limits)).toMatchObject({ program: 'timeout', calls: [null], isHard: true });
    const raised = scripted(() => ({ ...finished([]), end: 'exception', message: 'E' }));
    expect(await runCalls(raised, '', ['a'], limits)).toMatchObject({ program: 'exception', message: 'E', calls: [null], isHard: false });
  });
});

describe('EvalPlus', () => {
  const problem = {
    suite: 'humaneval-plus',
    entryPoint: 'f',
    tests: { kind: 'inputs', base: [], plus: [], atol: 0 },
  } as unknown as PythonProblem;
  const input = { json: [], source: '' };
  const truth = { value: { t: 'str' as const, v: 'a' }, timeMs: 1 };
  const part = (program: PythonOutcome['end'], calls: (CallOutcome | 'timeout' | null)[]): EvalPart =>
    partOf(
      problem,
      calls.map(() => input),
      calls.map(() => truth),
      { program, message: 'm', calls, isHard: false, timeMs: 0 },
    );

  it.each<[string, EvalPart, string, boolean[]]>([
    ['all right', part('finished', [ok('a'), ok('a')]), 'pass', [true, true]],
    ['no inputs at all', part('finished', []), 'pass', []],
    ['a wrong value', part('finished', [ok('a'), ok('b'), ok('a')]), 'fail', [true, false]],
    ['an exception', part('finished', [{ ok: false, exception: 'E', timeMs: 1 }, ok('a')]), 'fail', [false]],
    ['out of time in a call', part('finished', [ok('a'), 'timeout', null]), 'fail', [true, false]],
    ['gone between calls', part('finished', [ok('a'), null]), 'timeout', [true]],
    ['a program that raises', part('exception', [null]), 'fail', []],
    ['a program that hangs', part('timeout', [null]), 'timeout', []],
    ['a program that takes its interpreter down', part('killed', [null]), 'timeout', []],
  ])('judges %s', (_, { status, details }, expected, tried) => {
    expect([status, details]).toEqual([expected, tried]);
  });
});
