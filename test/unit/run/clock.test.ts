// R52: clocks that jump. The time of a run, and of what is drawn and estimated from it, is that of the run alone.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunClock } from '../../../src/run/clock.ts';

describe('the clock of a run', () => {
  let jumpMs = 0;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
    const faked = performance.now.bind(performance);
    jumpMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => faked() + jumpMs);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  const HOUR = 3_600_000;

  it('R52: counts what passes, wherever the wall clock is set to', () => {
    const clock = new RunClock(5000);
    vi.advanceTimersByTime(2500);
    expect(clock.read()).toBe(7500);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(100);
    vi.setSystemTime(Date.UTC(2100, 0, 1));
    vi.advanceTimersByTime(400);
    expect(clock.read()).toBe(8000);
    clock.end();
  });

  it('R52: counts no sleep of the machine, and never goes back', () => {
    const clock = new RunClock();
    vi.advanceTimersByTime(10_000);
    jumpMs += 8 * HOUR;
    const awake = clock.read();
    expect(awake).toBe(10_000);
    vi.advanceTimersByTime(1500);
    jumpMs -= 9 * HOUR;
    expect(clock.read()).toBeGreaterThanOrEqual(awake);
    const after = clock.read();
    vi.advanceTimersByTime(3000);
    expect(clock.read()).toBe(after + 3000);
    clock.end();
  });

  it('counts a thread that was kept for half a minute, and no pause', () => {
    const clock = new RunClock();
    jumpMs += 30_000;
    expect(clock.read()).toBe(30_000);
    clock.hold();
    vi.advanceTimersByTime(HOUR);
    expect(clock.read()).toBe(30_000);
    clock.goOn();
    vi.advanceTimersByTime(700);
    expect(clock.read()).toBe(30_700);
    clock.end();
    vi.advanceTimersByTime(5000);
    expect(clock.read()).toBe(30_700);
  });
});
