// What a run needs to go on after its device is lost, or after its whole tab is: where it was, the models' words on the host, and the values of the stages that are done. The
// run's own code is gone through again on the new device; stages that were done give their values at once, the interrupted one goes on at its step.
// Promises: what happens after a snapshot is computed from the same bits as before the loss. Refuses nothing.
import type { OptimizerSnapshot } from '../model/optimizer.ts';
import type { Rng } from '../tasks/task.ts';
import type { StageRef } from './events.ts';

/** What a stage needs beside the models to go on from a step. */
export interface StageState {
  save(): unknown;
  restore(data: unknown): void;
}
export const NO_STATE: StageState = { save: () => null, restore: () => undefined };

/** The state of a stage that draws from one stream of random numbers. */
export const streamOf = (rng: Rng): StageState => ({ save: () => rng.position(), restore: (position) => rng.seek(position as number) });

export interface Snapshot {
  ref: StageRef | null;
  step: number;
  data: unknown;
  /** Words of the live models in the order of their making; null for one that is loaded again. */
  models: (Float32Array[][] | null)[];
  optimizer: OptimizerSnapshot;
  tokens: number;
  results: number;
  doneCost: number;
  totalCost: number;
}

export type Entered = { done: true; value: unknown; data: unknown } | { done: false; snapshot: Snapshot | null };

/** All of it, for a run that goes on in another process. */
export interface Progressed {
  snapshot: Snapshot;
  stage: number;
  finished: { value: unknown; data: unknown }[];
  said: Map<string, number>;
}

/** A snapshot is due after this time, or after so many times what the last one took. */
const INTERVAL_MS = 10_000;
const INTERVAL_TIMES = 20;

export class Recovery {
  private readonly finished: { value: unknown; data: unknown }[] = [];
  private readonly said = new Map<string, number>();
  private snapshot: Snapshot | null = null;
  private at = 0;
  private current = 0;
  /** Stage at which the replay ends; -1 outside one. */
  private target = -1;
  /** Stage of the snapshot. */
  private stage = 0;
  private nextDue = 0;

  /** Whether what was done before the loss is being gone through again. */
  get replaying(): boolean {
    return this.target >= 0;
  }

  /** The next stage: done before, interrupted (with its snapshot), or new. */
  enter(): Entered {
    this.current = this.at++;
    if (this.current < this.target) return { done: true, ...(this.finished[this.current] as { value: unknown; data: unknown }) };
    const snapshot = this.current === this.target ? this.snapshot : null;
    this.target = -1;
    return { done: false, snapshot };
  }
  leave(value: unknown, data: unknown): void {
    this.finished[this.current] = { value, data };
  }

  due(): boolean {
    return performance.now() >= this.nextDue;
  }
  keep(snapshot: Snapshot, tookMs: number): void {
    this.snapshot = snapshot;
    this.stage = this.current;
    this.nextDue = performance.now() + Math.max(INTERVAL_MS, INTERVAL_TIMES * tookMs);
  }

  /** What `load` needs to come back to the last snapshot; null before the first. */
  kept(): Progressed | null {
    const { snapshot, stage, finished, said } = this;
    return snapshot && { snapshot, stage, finished: finished.slice(0, stage), said: new Map(said) };
  }
  /** In place of everything that was gone through: enter() leads up to the snapshot. */
  load({ snapshot, stage, finished, said }: Progressed): void {
    this.snapshot = snapshot;
    this.stage = stage;
    this.finished.splice(0, this.finished.length, ...finished);
    for (const [key, step] of said) this.said.set(key, step);
    this.replay();
  }

  /** Goes back to the beginning; enter() leads up to the last snapshot. */
  replay(): void {
    this.at = 0;
    this.target = this.snapshot ? this.stage : -1;
    this.finished.length = Math.min(this.finished.length, this.stage);
  }

  /** Where the last snapshot was made, for people. */
  describe(): string {
    const { snapshot } = this;
    return snapshot?.ref ? `${snapshot.ref.stage} of ${snapshot.ref.arm}, step ${snapshot.step}` : 'the beginning';
  }

  /** Whether an event of this kind, stage and step has been said. */
  wasSaid(ref: StageRef, kind: string, step: number): boolean {
    return step <= (this.said.get(keyOf(ref, kind)) ?? -1);
  }
  /** The same, and from now on it has: call it when nothing can come between it and the event. */
  isNew(ref: StageRef, kind: string, step: number): boolean {
    if (this.wasSaid(ref, kind, step)) return false;
    this.said.set(keyOf(ref, kind), step);
    return true;
  }
}

const keyOf = (ref: StageRef, kind: string): string => `${kind} ${ref.stage} ${ref.arm} ${ref.iteration ?? ''} ${ref.phase ?? ''}`;
