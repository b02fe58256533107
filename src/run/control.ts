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
  private readonly pausing: (() => void)[] = [];

  /** Whether the run waits at a step boundary now. */
  get holds(): boolean {
    return this.wake !== null;
  }
  /** Settles when the run holds, or when it no longer will: resumed, stopped or over. */
  pause(): Promise<void> {
    this.paused = true;
    if (this.wake) return Promise.resolve();
    return new Promise((resolve) => this.pausing.push(resolve));
  }
  resume(): void {
    this.paused = false;
    this.settle();
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
    this.settle();
    this.wake?.();
  }
  /** The run is over: nothing is left to wait for. */
  end(): void {
    this.settle();
  }
  private settle(): void {
    for (const resolve of this.pausing.splice(0)) resolve();
  }

  /** Called by the run between steps; onHold is told when it is to wait here, and what it does is part of pausing. Throws Stopped. */
  async boundary(onHold: () => void | Promise<void> = () => undefined): Promise<void> {
    // a macrotask, so that messages (pause, stop) get through while steps are short
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    while (this.paused && !this.single && !this.stopped) {
      await onHold();
      if (!this.paused || this.single || this.stopped) continue;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        this.settle();
      });
      this.wake = null;
    }
    this.single = false;
    if (this.stopped) throw new Stopped('The run was stopped.');
  }
}
