// A double of the Python sandbox for tests that need verdicts and no Python: what a program "answers" is a function of its text, so that honest and hostile
// programs alike can be written by a random model.
import { type PythonJob, type PythonOutcome, type PythonSandbox, TRIED_TO_LEAVE } from '../../src/verify/python.ts';

export interface FakeSandbox extends PythonSandbox {
  jobs: PythonJob[];
  /** Jobs from now on that are answered before the sandbox is gone. */
  left: number;
}

/** Calls are answered with `answer` of the source; a null is a program that never ends, 'leaves' one that reaches for JavaScript. The program "pass" and the call None are as in Python. */
export function fakeSandbox(answer: (source: string) => number | null | 'leaves'): FakeSandbox {
  const sandbox: FakeSandbox = {
    jobs: [],
    left: Number.POSITIVE_INFINITY,
    async run(job) {
      if (sandbox.left-- <= 0) throw new Error('the fake sandbox is gone');
      sandbox.jobs.push(job);
      const value = job.source === 'pass' ? 0 : answer(job.source);
      // outcomes come in another order than jobs
      for (let turns = sandbox.jobs.length % 5; turns > 0; turns--) await null;
      const outcome: PythonOutcome = { end: 'finished', message: '', stdout: '', calls: [], timeMs: 1 };
      if (value === null) return { ...outcome, end: 'timeout', message: 'no end in sight' };
      if (value === 'leaves') return { ...outcome, end: 'killed', message: `${TRIED_TO_LEAVE}: Python called it` };
      const calls = (job.calls ?? []).map((call) =>
        call === 'None'
          ? { ok: true as const, value: { t: 'none' as const }, timeMs: 0 }
          : { ok: true as const, value: { t: 'int' as const, v: String(value) }, timeMs: 0 },
      );
      return { ...outcome, calls };
    },
    close: async () => undefined,
  };
  return sandbox;
}
