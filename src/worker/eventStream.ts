// A run's events on their way to the page, in batches and in order. A page that is slow to take them holds up nothing: while one batch is on its way
// the next waits, and of progress, which is for the eye alone, only the newest of each stage is kept. Everything else arrives.
import type { RunEvent } from '../run/events.ts';

const BATCH_MS = 100;

export class EventStream {
  private readonly send: (events: RunEvent[]) => unknown;
  private readonly batchMs: number;
  private waiting: RunEvent[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;
  private sending: Promise<void> | null = null;

  /** `send` may settle when the events were taken. */
  constructor(send: (events: RunEvent[]) => unknown, batchMs = BATCH_MS) {
    this.send = send;
    this.batchMs = batchMs;
  }

  push(event: RunEvent): void {
    const last = this.waiting.at(-1);
    if (event.type === 'progress' && last?.type === 'progress' && sameStage(event, last)) this.waiting.pop();
    this.waiting.push(event);
    if (event.type === 'start') void this.flush();
    else if (!this.sending) this.timer ??= setTimeout(() => void this.flush(), this.batchMs);
  }

  /** Settles when everything has been taken. */
  async end(): Promise<void> {
    while (this.waiting.length > 0 || this.sending) await this.flush();
  }

  private flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.sending ??= this.sendWaiting();
    return this.sending;
  }

  private async sendWaiting(): Promise<void> {
    const events = thinned(this.waiting);
    this.waiting = [];
    try {
      if (events.length > 0) await this.send(events);
    } finally {
      this.sending = null;
      if (this.waiting.length > 0) this.timer ??= setTimeout(() => void this.flush(), this.batchMs);
    }
  }
}

type Progress = Extract<RunEvent, { type: 'progress' }>;
const sameStage = (a: Progress, b: Progress): boolean =>
  a.stage === b.stage && a.arm === b.arm && a.iteration === b.iteration && a.phase === b.phase;

/** Without progress that a later one of the same stage overtakes. */
function thinned(events: readonly RunEvent[]): RunEvent[] {
  return events.filter((event, i) => {
    if (event.type !== 'progress') return true;
    return !events.slice(i + 1).some((later) => later.type === 'progress' && sameStage(later, event));
  });
}
