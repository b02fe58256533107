// The store of runs on a browser's real file system, whose calls are counted and, where it is asked for, fail or stop the worker for good.
// A call is one of the browser's own methods, whichever of the store's files makes it. Refuses nothing.
import { openOpfs } from '../../../src/store/opfs.ts';
import { type Found, findRun, goOn, writeRun } from '../../support/diskStory.ts';

/** throws: as a disk that fails; quota: as a full one; short: a part is written and nothing is said; ends: no call comes back, until the worker is ended. */
export type Fault = 'throws' | 'quota' | 'short' | 'ends';

export type DiskRequest =
  /** Writes a run. The fault falls on call `at`; `share` of what it would have written is written. */
  | { do: 'write'; id: string; fault?: { at: number; kind: Fault; share: number } }
  /** What is found of it, and after one more checkpoint where there is one to go on from. */
  | { do: 'find'; id: string };

export interface DiskAnswer {
  /** Names of the calls that were made. */
  calls: string[];
  /** The last checkpoint that was acknowledged; Infinity for the end. */
  acknowledged: number;
  found: Found | null;
  gone: Found | null;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;
const METHODS: [object, string[]][] = [
  [StorageManager.prototype, ['getDirectory']],
  [FileSystemDirectoryHandle.prototype, ['getDirectoryHandle', 'getFileHandle', 'removeEntry']],
  [FileSystemFileHandle.prototype, ['createSyncAccessHandle', 'getFile', 'move']],
  [FileSystemSyncAccessHandle.prototype, ['truncate', 'write', 'flush', 'getSize', 'close']],
  [Blob.prototype, ['arrayBuffer']],
];
const SYNCHRONOUS = new Set(METHODS[3]![1]);

let ended = false;
let fault: { at: number; kind: Fault; share: number } | null = null;
let answer: DiskAnswer = empty();

/** A worker in an endless loop would be ended no sooner than after two seconds. What throws instead can only come to a call that is never answered. */
function noReturn(name: string): Promise<never> {
  if (SYNCHRONOUS.has(name)) throw new Error('The worker has ended.');
  return new Promise(() => undefined);
}

function empty(): DiskAnswer {
  return { calls: [], acknowledged: 0, found: null, gone: null };
}

for (const [prototype, names] of METHODS)
  for (const name of names) {
    const original = (prototype as Record<string, Method>)[name]!;
    (prototype as Record<string, Method>)[name] = function (...args) {
      if (ended) return noReturn(name);
      answer.calls.push(name);
      if (fault?.at !== answer.calls.length) return original.apply(this, args);
      const { kind, share } = fault;
      const bytes = args[0];
      let done: unknown;
      if (name === 'write')
        done = original.call(this, (bytes as Uint8Array).subarray(0, Math.floor((bytes as Uint8Array).length * share)), args[1]);
      // a handle whose closing fails is closed all the same
      if (name === 'close' && kind !== 'ends') original.call(this);
      if (kind === 'ends') {
        ended = true;
        self.postMessage(answer);
        return noReturn(name);
      }
      if (kind === 'short' && name === 'write') return done;
      const error =
        kind === 'quota' ? new DOMException('no room', 'QuotaExceededError') : new DOMException('the disk failed', 'UnknownError');
      if (SYNCHRONOUS.has(name)) throw error;
      return Promise.reject(error);
    };
  }

self.onmessage = async ({ data }: MessageEvent<DiskRequest>) => {
  answer = empty();
  if (data.do === 'write') {
    fault = data.fault ?? null;
    await openOpfs()
      .then((files) =>
        writeRun(files, data.id, (n) => {
          answer.acknowledged = n;
        }),
      )
      .catch(() => undefined);
    fault = null;
  } else {
    const files = await openOpfs();
    answer.found = await findRun(files, data.id);
    if (answer.found.n > 0) {
      await goOn(files, data.id);
      answer.gone = await findRun(files, data.id);
    }
  }
  self.postMessage(answer);
};
