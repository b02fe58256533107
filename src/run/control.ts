// Run, pause, step, stop: a run asks at every step boundary whether it may go on. Pausing ends at such a boundary, never inside a step.

/** Thrown out of boundary() when the run is to end. */
export class Stopped extends Error {
  override name = 'Stopped';
}

export class RunControl {
  private paused = false;
  private stopped = false;
  private single = false;
  private wake: (() => void) | null = null;

  /** Whether the run holds, or will at its next boundary. */
  get holds(): boolean {
    return this.paused;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    this.wake?.();
  }
  /** One step further, then paused again. */
  step(): void {
    this.paused = true;
    this.single = true;
    this.wake?.();
  }
  stop(): void {
    this.stopped = true;
    this.wake?.();
  }

  /** Called by the run between steps. Throws Stopped. */
  async boundary(): Promise<void> {
    // a macrotask, so that messages (pause, stop) get through while steps are short
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    while (this.paused && !this.single && !this.stopped) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
    this.single = false;
    if (this.stopped) throw new Stopped('The run was stopped.');
  }
}
