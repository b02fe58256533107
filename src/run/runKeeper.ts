// Keeps a run while it goes on: its log as it comes, a checkpoint at intervals and at Pause. Steps wait for a checkpoint that is due, never for the log.
// Promises: a full disk pauses the run and says so, and the next step after Resume tries again; storage that is gone is said once and the run goes on in memory.
import { StorageFull } from '../store/files.ts';
import type { RunWriter } from '../store/runFiles.ts';
import type { RunEvent } from './events.ts';
import type { Checkpoint } from './runCore.ts';
import type { Keeping } from './session.ts';
import { encodeState } from './stateBytes.ts';

/** A checkpoint is due after this time, or after so many times what the last one took. */
const INTERVAL_MS = 10_000;
const INTERVAL_TIMES = 20;
const FLUSH_MS = 1000;

/** Told that storage failed; held: the run pauses because of it. */
export type Failed = (message: string, held: boolean) => void;

export class RunKeeper {
  private readonly writer: RunWriter;
  private readonly failed: Failed;
  private pause: () => void = () => undefined;
  private readonly intervalMs: number;
  private nextDue = 0;
  private full = false;
  private gone = false;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(writer: RunWriter, failed: Failed, intervalMs = INTERVAL_MS) {
    this.writer = writer;
    this.failed = failed;
    this.intervalMs = intervalMs;
  }

  /** What holds the run at its next step. */
  pauseBy(pause: () => void): void {
    this.pause = pause;
  }

  /** Progress is for the eye alone and is not kept. */
  take(event: RunEvent): void {
    if (event.type === 'progress' || this.gone) return;
    this.writer.take(event);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      // a full disk is heard of again at the next checkpoint, which pauses
      this.writer.flush().catch(() => undefined);
    }, FLUSH_MS);
  }

  readonly keep: Keeping['keep'] = async (make: () => Checkpoint, held: boolean) => {
    const since = performance.now();
    if (this.gone || (!held && since < this.nextDue)) return;
    try {
      await this.writer.checkpoint(encodeState(make()));
      this.full = false;
      const now = performance.now();
      this.nextDue = now + Math.max(this.intervalMs, INTERVAL_TIMES * (now - since));
    } catch (error) {
      this.fail(error as Error, held);
    }
  };

  private fail(error: Error, held: boolean): void {
    if (!(error instanceof StorageFull)) {
      this.gone = true;
      this.failed(`${error.message} From here on the run is in memory alone: closing the tab loses it. Download its bundle.`, false);
      return;
    }
    this.nextDue = 0;
    if (!this.full || !held) this.failed(`${error.message} The run is paused: delete stored runs, then press Resume; or stop it.`, true);
    this.full = true;
    this.pause();
  }

  /** The run is over, and its bundle made. */
  async end(bundle: () => Promise<Uint8Array | null>): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.gone) return;
    try {
      await this.writer.end(await bundle());
    } catch (error) {
      this.failed(`${(error as Error).message} The finished run is not stored whole: download its bundle before closing the tab.`, false);
    }
  }
}
