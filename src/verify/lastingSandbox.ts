// A sandbox that is opened at its first job and opened again when it is gone. The jobs that were in it then are answered as killed, so that one that
// brought it down costs the others nothing but themselves; a sandbox that goes before it has answered anything is a failure and rejects.
import { SandboxGone } from './interpreterPool.ts';
import type { PythonJob, PythonOutcome, PythonSandbox } from './python.ts';

export function lastingSandbox(open: () => Promise<PythonSandbox>): PythonSandbox {
  let opened: Promise<PythonSandbox> | null = null;
  let answered = 0;
  let isClosed = false;

  async function run(job: PythonJob): Promise<PythonOutcome> {
    if (isClosed) throw new SandboxGone('The sandbox was closed.');
    if (!opened) {
      answered = 0;
      opened = open();
    }
    const mine = opened;
    const beganMs = performance.now();
    try {
      const outcome = await (await mine).run(job);
      answered++;
      return outcome;
    } catch (e) {
      if (opened === mine) opened = null;
      if (isClosed || answered === 0 || !(e instanceof SandboxGone)) throw e;
      return { end: 'killed', message: e.message, stdout: '', calls: [], timeMs: performance.now() - beganMs };
    }
  }

  return {
    run,
    close: async () => {
      isClosed = true;
      await (await opened?.catch(() => null))?.close();
    },
  };
}
