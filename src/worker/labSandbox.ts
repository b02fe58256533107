// The Python sandbox as the lab's worker has it: a port to the frame that the page opens when the first job comes. A worker cannot make a frame, and only a
// frame can be of opaque origin.
import { lastingSandbox } from '../verify/lastingSandbox.ts';
import type { PythonSandbox } from '../verify/python.ts';
import { sandboxAt } from '../verify/sandboxPort.ts';

let lent: PythonSandbox | null = null;

/** Called once by the page, with what opens a frame and gives the port to it. */
export function lendSandbox(open: () => Promise<MessagePort>): void {
  lent = lastingSandbox(async () => sandboxAt(await open()));
}

/** Null where no page lends one. Nothing is loaded before the first job. */
export function pythonSandbox(): PythonSandbox | null {
  return lent;
}
