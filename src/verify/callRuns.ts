// One program and many calls of it, each call with its own time, in one job where possible. Promises per call: its outcome, 'timeout' for the call at
// which time ran out, null for those after it. A call that answered later than its limit has timed out too.
// The sandbox knows one deadline for a whole job. It is set for a program that does well; only where it passed before a call (or the program) had had
// its own time, the job is run again with all of it.
import { runLarge } from './largeValues.ts';
import type { CallOutcome, PythonEnd, PythonSandbox } from './python.ts';

export interface CallRun {
  /** How the program itself ended, before any call: 'finished', 'exception', 'timeout', 'memory', 'killed'. */
  program: PythonEnd;
  /** What the program raised, or why it or a call was ended. */
  message: string;
  calls: (CallOutcome | 'timeout' | null)[];
  /** The program was ended by force in or before a call: nothing it answered until then is known. */
  isHard: boolean;
  timeMs: number;
}

export interface CallLimits {
  /** Per call. */
  limitsMs: readonly number[];
  /** What all calls together are likely to take. */
  likelyMs: number;
  /** For the program and all calls; the job is never given more. */
  totalMs: number;
}

/** For the program itself, its compilation and the way to it. */
const PROGRAM_MS = 2000;

export async function runCalls(sandbox: PythonSandbox, source: string, calls: readonly string[], limits: CallLimits): Promise<CallRun> {
  const { limitsMs, likelyMs, totalMs } = limits;
  const longest = limitsMs.reduce((most, limit) => Math.max(most, limit), 0);
  let deadlineMs = Math.min(totalMs, PROGRAM_MS + likelyMs + longest);
  for (;;) {
    // the first call tells a program that never ended from one whose first call did not
    const outcome = await runLarge(sandbox, { source, calls: ['None', ...calls], deadlineMs: Math.ceil(deadlineMs) });
    const { end, message, timeMs } = outcome;
    const began = outcome.calls.length > 0;
    const answered = outcome.calls.slice(1);
    if (end === 'timeout' && deadlineMs < totalMs) {
      const usedMs = outcome.calls.reduce((sum, call) => sum + call.timeMs, 0);
      const hadItsTime = began && deadlineMs - usedMs >= (limitsMs[answered.length] ?? 0) + PROGRAM_MS;
      if (!hadItsTime) {
        deadlineMs = totalMs;
        continue;
      }
    }
    return {
      program: began ? 'finished' : end,
      message,
      calls: calls.map((_, i) => {
        const call = answered[i];
        if (call) return call.timeMs > (limitsMs[i] as number) ? 'timeout' : call;
        return began && end === 'timeout' && i === answered.length ? 'timeout' : null;
      }),
      isHard: !began && end !== 'exception',
      timeMs,
    };
  }
}
