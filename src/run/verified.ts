// What verdicts on written programs come to: counts for the log, rows for the bundle, and the error of a verifier that is gone.
import type { PolicyRollout } from '../rlvr/source.ts';
import type { TestVerdict, Verdict } from '../tasks/task.ts';
import type { Corpus } from './corpus.ts';

/** Nothing can be judged any more: what needs verdicts is left out from here on, and said. */
export class VerifierGone extends Error {
  override name = 'VerifierGone';
}

interface JudgedText {
  trace: Pick<PolicyRollout, 'program' | 'sequence' | 'truncated' | 'completion'>;
  verdict: Verdict;
}

/** Numbers of rollouts by how they ended, those that were ended on trying to leave the sandbox, and the fractions of tests that held and of texts that were cut off. */
export function verdictMetrics(rollouts: readonly JudgedText[]): Record<string, number | null> {
  const ended = (...ends: Verdict['end'][]): number => rollouts.filter(({ verdict }) => ends.includes(verdict.end)).length;
  const tests = rollouts.flatMap(({ verdict }) => verdict.tests ?? []);
  return {
    'verify/tests_held': tests.length ? tests.filter(({ ok }) => ok).length / tests.length : null,
    'verify/exceptions': ended('exception'),
    'verify/timeouts': ended('timeout'),
    'verify/killed': ended('killed', 'memory'),
    'verify/tried_to_leave': rollouts.filter(({ verdict }) => verdict.triedToLeave).length,
    'len/trunc_frac': rollouts.length ? rollouts.filter(({ trace }) => trace.truncated).length / rollouts.length : null,
  };
}

/** One line of samples/<arm>-<phase>.jsonl: the official harnesses' sample, and what became of it. */
export interface SampleRow {
  task_id: string;
  completion: string;
  passed: boolean;
  end: string;
  tests: TestVerdict[];
}

export function sampleRows(corpus: Pick<Corpus, 'problemOf'>, rollouts: readonly JudgedText[]): SampleRow[] {
  return rollouts.map(({ trace, verdict }) => ({
    task_id: corpus.problemOf(trace.program)?.id ?? '',
    completion: trace.completion ?? '',
    passed: verdict.reward === 1,
    end: verdict.end ?? '',
    tests: verdict.tests ?? [],
  }));
}
