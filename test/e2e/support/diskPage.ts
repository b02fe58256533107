// Lends workers for files (disk.worker.ts) to disk.test.ts, one to a lane: one request at a time, and one that is to crash is ended as it answers.
import { trustedUrl } from '../../../src/worker/trustedUrl.ts';
import type { DiskAnswer, DiskRequest } from './disk.worker.ts';
import workerUrl from './disk.worker.ts?worker&url';

declare global {
  interface Window {
    askDisk(lane: number, request: DiskRequest, ends?: boolean): Promise<DiskAnswer>;
  }
}

const workers = new Map<number, Worker>();

window.askDisk = (lane, request, ends = false) => {
  const asked = workers.get(lane) ?? new Worker(trustedUrl(workerUrl), { type: 'module' });
  workers.set(lane, asked);
  return new Promise((resolve, reject) => {
    asked.onerror = (event) => reject(new Error(event.message));
    asked.onmessage = ({ data }: MessageEvent<DiskAnswer>) => {
      if (ends) {
        asked.terminate();
        workers.delete(lane);
      }
      resolve(data);
    };
    asked.postMessage(request);
  });
};
