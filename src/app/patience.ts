// How long a silent worker is waited for, and how often the page goes on with its run by itself. A worker that only took long, and was ended for it,
// costs a run on disk the steps since its last checkpoint; every time that happens the next worker is given twice as long, so that it does not
// happen for ever. A run in memory would be lost, so there the worker is given longer at once. Refuses nothing.
import { SILENT_S } from '../worker/client.ts';
import type { WorkerGone } from '../worker/liveness.ts';

const IN_MEMORY_S = 20;
const LONGEST_S = 60;
/** Workers of one page that may die within this time before its run waits for Resume; as for lost devices (R37). */
const MOST_DEATHS = 4;
const DEATHS_WINDOW_MS = 600_000;

export class Patience {
  private hangs = 0;
  private deathTimes: number[] = [];

  hungAfterS(inMemory: boolean): number {
    const seconds = Math.min(LONGEST_S, SILENT_S * 2 ** this.hangs);
    return inMemory ? Math.max(IN_MEMORY_S, seconds) : seconds;
  }

  /** A worker has died: whether its run may go on by itself. */
  died({ hung }: WorkerGone): boolean {
    if (hung) this.hangs++;
    const now = performance.now();
    this.deathTimes = [...this.deathTimes.filter((at) => now - at < DEATHS_WINDOW_MS), now];
    return this.deathTimes.length < MOST_DEATHS;
  }
}
