// The time that a run has taken: with the machine awake and the run going on, over all the tabs and processes that it went through. Not the wall's
// time, which may be set, nor what the browser's clock leaps ahead by when a machine has slept.
// Promises: never goes back, and a pause or a sleep counts as nothing. Refuses nothing.

/** Read at least this often, as long as the thread is free. */
const TICK_MS = 1000;
/** No thread is kept for longer than this: a longer gap between two readings is a machine that slept. */
const LONGEST_GAP_MS = 60_000;

export class RunClock {
  private spentMs: number;
  private readAt = performance.now();
  private held = false;
  private readonly timer = setInterval(() => this.read(), TICK_MS);

  /** @param spentMs what the run had taken before. */
  constructor(spentMs = 0) {
    this.spentMs = spentMs;
  }

  /** Milliseconds. */
  read(): number {
    const now = performance.now();
    const gap = now - this.readAt;
    this.readAt = now;
    if (!this.held && gap > 0 && gap <= LONGEST_GAP_MS) this.spentMs += gap;
    return this.spentMs;
  }

  /** The run holds from here on. */
  hold(): void {
    this.read();
    this.held = true;
  }
  goOn(): void {
    this.read();
    this.held = false;
  }

  /** The run is over: what was read last stays. */
  end(): void {
    this.hold();
    clearInterval(this.timer);
  }
}
