// Playing a log back: from the start when it stands at the end, to the end and no further, held where it was held.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Playback } from '../../../src/app/playback.ts';
import type { RunEvent } from '../../../src/app/runLog.ts';

const events = Array.from(
  { length: 100 },
  (_, step): RunEvent => ({ type: 'metrics', stage: 'ntp', arm: 'ntp', step, values: { loss: 1 } }),
);

describe('playback', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('finds the cut of a position and the position of a cut', () => {
    const playback = new Playback(events, () => undefined);
    expect(playback.cutAt(0)).toBe(0);
    expect(playback.cutAt(1)).toBe(100);
    expect(playback.positionOf(playback.cutAt(0.5))).toBeCloseTo(0.5, 2);
  });

  it('starts over at the end, never goes back, ends at the end', () => {
    const cuts: number[] = [];
    let playing = true;
    const playback = new Playback(events, (cut, still) => {
      cuts.push(cut);
      playing = still;
    });
    playback.play(Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(60_000);
    expect(cuts[0]).toBe(0);
    expect(cuts[cuts.length - 1]).toBe(100);
    expect(cuts).toEqual([...cuts].sort((a, b) => a - b));
    expect(playing).toBe(false);
    const count = cuts.length;
    vi.advanceTimersByTime(60_000);
    expect(cuts).toHaveLength(count);
  });

  it('moves no more than ten times a second', () => {
    let moves = 0;
    new Playback(events, () => moves++).play(0);
    vi.advanceTimersByTime(1000);
    expect(moves).toBeLessThanOrEqual(11);
  });

  it('bears an empty log', () => {
    expect(new Playback([], () => undefined).positionOf(0)).toBe(1);
  });
});
