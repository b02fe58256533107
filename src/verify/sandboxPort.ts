// The sandbox at the far end of a message port, for the page and for its worker. Every call settles: with its outcome, or with SandboxGone when the
// sandbox has said so, was closed, or has left questions whether it is alive unanswered.
import { SandboxGone } from './interpreterPool.ts';
import type { PythonJob, PythonOutcome, PythonSandbox } from './python.ts';

/** What the keeper of the interpreters is started with. */
export interface SandboxParts {
  port: MessagePort;
  wasm: ArrayBuffer;
  stdlib: ArrayBuffer;
  /** Scripts: pyodide's two, and that of an interpreter's worker. */
  asm: string;
  loader: string;
  python: string;
  /** Interpreters that work at once. */
  workers: number;
  memoryLimitBytes: number;
}

export type SandboxRequest = { id: number; job: PythonJob } | { alive: true } | { close: true };
export type SandboxAnswer = { id: number; outcome: PythonOutcome } | { alive: true } | { gone: string };

const BEAT_MS = 5_000;
/** The keeper only waits and hands out; its process being gone is what leaves questions open. */
const MISSED_BEATS = 6;

export function sandboxAt(port: MessagePort, onGone: () => void = () => undefined): PythonSandbox {
  const pending = new Map<number, { settle: (outcome: PythonOutcome) => void; fail: (error: Error) => void }>();
  let lastId = 0;
  let gone: SandboxGone | null = null;
  let missed = 0;
  const ask = (request: SandboxRequest): void => port.postMessage(request);

  const end = (message: string): void => {
    if (gone) return;
    gone = new SandboxGone(message);
    clearInterval(timer);
    ask({ close: true });
    port.close();
    for (const { fail } of pending.values()) fail(gone);
    pending.clear();
    onGone();
  };

  const timer = setInterval(() => {
    if (pending.size === 0) missed = 0;
    else if (++missed > MISSED_BEATS) end('The Python sandbox does not answer any more; its process has ended, most likely.');
    else ask({ alive: true });
  }, BEAT_MS);

  port.onmessage = ({ data }: MessageEvent<SandboxAnswer>) => {
    missed = 0;
    if ('gone' in data) return end(data.gone);
    if (!('id' in data)) return;
    pending.get(data.id)?.settle(data.outcome);
    pending.delete(data.id);
  };

  return {
    run: (job) =>
      new Promise((settle, fail) => {
        if (gone) return fail(gone);
        const id = ++lastId;
        pending.set(id, { settle, fail });
        ask({ id, job });
      }),
    close: async () => end('The sandbox was closed.'),
  };
}
