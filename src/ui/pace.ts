// How often a panel hears of the log: at once in sight, once a second out of it, so that a live run costs the page what is looked at. Another run, or the
// same one again, is heard of at once everywhere. Refuses nothing; outside a paced place everything is heard of at once.
import { createContext } from 'react';
import type { RunLog } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';

const OUT_OF_SIGHT_MS = 1000;

/** The log, and how much of it is shown, as they were together. */
export interface Moment {
  log: RunLog;
  cut: number;
  version: number;
}

export class Pace {
  private moment = now();
  private isSeen = true;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly listeners = new Set<() => void>();
  private stop: (() => void) | null = null;

  /** As it was told last, or as it is while nobody is told. */
  readonly get = (): Moment => {
    if (!this.stop) this.moment = now();
    return this.moment;
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    this.stop ??= lab.store.subscribe(() => this.hear());
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.stop?.();
      this.stop = null;
      if (this.timer !== null) clearTimeout(this.timer);
      this.timer = null;
    };
  };

  setSeen(isSeen: boolean): void {
    this.isSeen = isSeen;
    if (isSeen) this.hear();
  }

  private hear(): void {
    const { logVersion, cut } = lab.store.getState();
    if (logVersion === this.moment.version && cut === this.moment.cut) return;
    if (this.isSeen || lab.log() !== this.moment.log) this.tell();
    else this.timer ??= setTimeout(() => this.tell(), OUT_OF_SIGHT_MS);
  }

  private tell(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.moment = now();
    for (const listener of this.listeners) listener();
  }
}

function now(): Moment {
  const { logVersion, cut } = lab.store.getState();
  return { log: lab.log(), cut, version: logVersion };
}

export const Paced = createContext(new Pace());
