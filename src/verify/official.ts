// HumanEval and MBPP as their official harnesses judge them (openai/human-eval execution.py, bigcode's code_eval): the program, then the tests, run as one
// text in an empty namespace, with what the harness takes away from it gone. The tests are in reach of the program there: a figure that others can
// compare with, and no reward to train on (see pythonJudge.ts).
// Differs from them where the sandbox does: a program that catches the alarm of its time limit goes on there, and is ended here.
import { pythonString } from '../formats/exactJson.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import type { PythonOutcome, PythonSandbox } from './python.ts';

export interface OfficialResult {
  passed: boolean;
  /** "passed", "timed out" or "failed: " and the exception's text. */
  result: string;
}

/** reliability_guard and swallow_io. */
const GUARD = `
def _guard():
    import builtins, io, os, sys

    class Closed(io.StringIO):
        def read(self, *args, **kwargs):
            raise IOError
        readline = readlines = read
        def readable(self, *args, **kwargs):
            return False

    sys.stdin = Closed()
    builtins.exit = builtins.quit = builtins.help = None
    for name in REMOVED:
        setattr(builtins, name, None)
    for name in ('kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace unlink fchmod fchown '
                 'chmod chown chroot lchflags lchmod lchown getcwd chdir').split():
        setattr(os, name, None)
    for name in ('ipdb', 'joblib', 'resource', 'psutil', 'tkinter'):
        sys.modules[name] = None

`;

/** Source that runs `program` in a namespace of its own, the variable _space, as exec(program, {}) does. `removed`: builtins that become None. */
export function guarded(program: string, removed: readonly string[] = []): string {
  const names = removed.map(pythonString).join(', ');
  return `${GUARD.replace('REMOVED', `[${names}]`)}\n_guard()\n_space = {}\nexec(${pythonString(program)}, _space)\n`;
}

/** The text that the official harness runs. */
export function officialProgram({ tests, setup, entryPoint }: PythonProblem, program: string): string {
  if (tests.kind === 'check') return `${program}\n${tests.source}\ncheck(${entryPoint})`;
  if (tests.kind === 'asserts') return [program, setup, ...tests.asserts].join('\n');
  throw new TypeError(`Tests of the kind "${tests.kind}" have no official program.`);
}

export async function judgeOfficially(
  sandbox: PythonSandbox,
  problem: PythonProblem,
  program: string,
  timeoutMs = problem.deadlineMs,
): Promise<OfficialResult> {
  const outcome = await sandbox.run({ source: guarded(officialProgram(problem, program)), deadlineMs: timeoutMs });
  const result = resultText(outcome);
  return { passed: result === 'passed', result };
}

function resultText({ end, message }: PythonOutcome): string {
  switch (end) {
    case 'finished':
      return 'passed';
    case 'exception':
    case 'memory': {
      // "TypeName: text" or "TypeName"; the harness gives the text alone
      const colon = message.indexOf(': ');
      return `failed: ${colon < 0 ? '' : message.slice(colon + 2)}`;
    }
    default:
      // a process that ends without a word has timed out there too
      return 'timed out';
  }
}
