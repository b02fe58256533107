// Programs judged in a Python sandbox, as a run asks for it. Promises: a sandbox that does not answer is found out before the run, with the reason; one that
// goes later is a VerifierGone. A problem that cannot be judged (its reference solution fails) is named, and nothing written for it is right.
import { PythonJudge } from '../verify/pythonJudge.ts';
import type { PythonSandbox } from '../verify/python.ts';
import { promptOf } from '../tasks/problemPrograms.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import type { Verdict } from '../tasks/task.ts';
import { VerifierGone } from './verified.ts';

export interface ProgramJudge {
  /** `completion` goes on from the problem's prompt. */
  judge(problem: PythonProblem, completion: string): Promise<Verdict>;
  /** Problems that could not be judged, by id, and why; grows as they are met. */
  unjudged: Map<string, string>;
}

const FIRST_JOB_MS = 10_000;

/** Runs a first job, so that what is missing is known now. */
export async function judgeIn(sandbox: PythonSandbox | null): Promise<ProgramJudge | { missing: string }> {
  if (!sandbox) return { missing: 'there is no Python sandbox here' };
  const watched: PythonSandbox = {
    run: (job) =>
      sandbox.run(job).catch((e: unknown) => {
        throw new VerifierGone(e instanceof Error ? e.message : String(e));
      }),
    close: () => sandbox.close(),
  };
  try {
    const { end, message } = await watched.run({ source: 'pass', deadlineMs: FIRST_JOB_MS });
    if (end !== 'finished') return { missing: `the Python sandbox did not run a first program: ${message || end}` };
  } catch (e) {
    return { missing: `the Python sandbox could not be opened: ${(e as Error).message}` };
  }
  const python = new PythonJudge(watched);
  const unjudged = new Map<string, string>();
  return {
    unjudged,
    judge: async (problem, completion) => {
      try {
        return await python.judge(problem, promptOf(problem) + completion);
      } catch (e) {
        if (e instanceof VerifierGone) throw e;
        unjudged.set(problem.id, (e as Error).message);
        return { reward: 0, lineOk: [], tests: [], end: 'finished' };
      }
    },
  };
}
