// Plays a finished log back: moves the cut from a position to the end over some seconds, in steps of a tenth of a second, the rate at
// which charts redraw. Weighs events by how much they show, so that a stretch of bare progress does not hold the picture still.
import type { RunEvent } from './runLog.ts';

export const TICK_MS = 100;
const PLAY_MS = 12_000;

const WEIGHT: Record<RunEvent['type'], number> = {
  start: 1,
  stage: 0.2,
  progress: 0.05,
  metrics: 1,
  traces: 6,
  infused: 2,
  rollouts: 2,
  result: 4,
  notice: 0.2,
  end: 1,
};

export class Playback {
  /** weightBefore[i] = weight of the events before ordinal i; length = events + 1. */
  private readonly weightBefore: Float64Array;
  private timer: ReturnType<typeof setInterval> | null = null;
  private readonly onCut: (cut: number, playing: boolean) => void;

  constructor(events: readonly RunEvent[], onCut: (cut: number, playing: boolean) => void) {
    this.onCut = onCut;
    this.weightBefore = new Float64Array(events.length + 1);
    events.forEach((event, i) => {
      this.weightBefore[i + 1] = this.weightBefore[i]! + WEIGHT[event.type];
    });
  }

  get length(): number {
    return this.weightBefore.length - 1;
  }

  /** The cut at a position in [0, 1]. */
  cutAt(position: number): number {
    const wanted = position * this.weightBefore[this.length]!;
    let lo = 0;
    let hi = this.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.weightBefore[mid]! < wanted) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  /** The position in [0, 1] of a cut. */
  positionOf(cut: number): number {
    const total = this.weightBefore[this.length]!;
    return total === 0 ? 1 : this.weightBefore[Math.max(0, Math.min(cut, this.length))]! / total;
  }

  play(fromCut: number): void {
    this.stop();
    let position = fromCut >= this.length ? 0 : this.positionOf(fromCut);
    this.onCut(this.cutAt(position), true);
    this.timer = setInterval(() => {
      position = Math.min(1, position + TICK_MS / PLAY_MS);
      if (position >= 1) this.stop();
      this.onCut(this.cutAt(position), position < 1);
    }, TICK_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
