// R51: a dead or hung worker. Calls reject; a worker that is merely slow is left alone.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchLiveness, WorkerGone } from '../../../src/worker/liveness.ts';

const never = () => new Promise<never>(() => undefined);

describe('liveness', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('passes on what a call answers and what it throws', async () => {
    const liveness = watchLiveness({ ping: async () => undefined, beatMs: 10, missedBeats: 3 });
    await expect(liveness.guard(Promise.resolve(7))).resolves.toBe(7);
    await expect(liveness.guard(Promise.reject(new Error('no')))).rejects.toThrow('no');
    liveness.declareDead('end');
  });

  it('rejects pending and later calls at once when the worker is declared dead, and tells listeners once', async () => {
    const liveness = watchLiveness({ ping: never, beatMs: 10, missedBeats: 3 });
    const told: string[] = [];
    liveness.onDeath((error) => told.push(error.message));
    const pending = expect(liveness.guard(never())).rejects.toBeInstanceOf(WorkerGone);
    liveness.declareDead('it crashed');
    liveness.declareDead('again');
    await pending;
    await expect(liveness.guard(never())).rejects.toThrow('it crashed');
    expect(told).toEqual(['it crashed']);
  });

  it('takes a worker for hung only after the given number of beats without an answer', async () => {
    const liveness = watchLiveness({ ping: never, beatMs: 2000, missedBeats: 10 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(liveness.dead).toBeNull();
    await vi.advanceTimersByTimeAsync(4000);
    expect(liveness.dead?.message).toMatch(/20 s/);
  });

  it('lets a worker live that answers late', async () => {
    const liveness = watchLiveness({ ping: () => new Promise((resolve) => setTimeout(resolve, 15_000)), beatMs: 2000, missedBeats: 10 });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(liveness.dead).toBeNull();
    liveness.declareDead('end');
  });
});
