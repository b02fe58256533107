// Starts the thread for texts in Node, with a bound on its memory. Refuses nothing: what the thread does not answer, TextWorker ends.
import { Worker } from 'node:worker_threads';
import { READY, type TextAnswer, type TokenizerFiles } from '../formats/textWork.ts';
import { type TextDeadlines, TextWorker } from '../formats/textWorker.ts';

/** Enough for the largest vocabularies, little enough to fail before the machine does. */
const MEMORY_MIB = 2048;

/** @param script of the built thread; beside the built command line where none is given. */
export function openTextWorker(
  files: TokenizerFiles | null,
  { script = new URL('./textThread.js', import.meta.url), memoryMiB = MEMORY_MIB, ...deadlines }: TextThreadOptions = {},
): TextWorker {
  return new TextWorker(
    (listener) => {
      const thread = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: memoryMiB } });
      // a thread that waits for requests keeps no process alive
      thread.unref();
      thread.on('message', (answer: TextAnswer | typeof READY) => (answer === READY ? listener.ready() : listener.answered(answer)));
      thread.on('error', (error) => listener.died(error instanceof Error ? error.message : String(error)));
      thread.on('messageerror', () => listener.died('a message could not be read'));
      return { send: (request) => thread.postMessage(request), end: () => void thread.terminate() };
    },
    files,
    deadlines,
  );
}

export interface TextThreadOptions extends Partial<TextDeadlines> {
  script?: URL;
  memoryMiB?: number;
}
