// R51: a dead or hung worker. Calls reject in less than five seconds; a worker that is merely slow, or a page that is late itself, kills nothing.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Heartbeat, watchLiveness, WorkerGone } from '../../../src/worker/liveness.ts';

const never = () => new Promise<never>(() => undefined);
const heartbeat = (change: Partial<Heartbeat>): Heartbeat => ({
  ping: async () => undefined,
  beatMs: 250,
  silentBeats: 16,
  hungBeats: () => 16,
  startBeats: 240,
  ...change,
});
/** Answers until it is told to hang. */
function hangingWorker() {
  const worker = { hangs: false, ping: (): Promise<unknown> => (worker.hangs ? never() : Promise.resolve()) };
  return worker;
}

describe('liveness', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('passes on what a call answers and what it throws', async () => {
    const liveness = watchLiveness(heartbeat({}));
    await expect(liveness.guard(Promise.resolve(7))).resolves.toBe(7);
    await expect(liveness.guard(Promise.reject(new Error('no')))).rejects.toThrow('no');
    liveness.declareDead('end');
  });

  it('rejects pending and later calls at once when the worker is declared dead, and tells listeners once', async () => {
    const liveness = watchLiveness(heartbeat({}));
    const told: string[] = [];
    liveness.onDeath((error) => told.push(error.message));
    const pending = expect(liveness.guard(never())).rejects.toBeInstanceOf(WorkerGone);
    liveness.declareDead('it crashed');
    liveness.declareDead('again');
    await pending;
    await expect(liveness.guard(never())).rejects.toThrow('it crashed');
    expect(told).toEqual(['it crashed']);
  });

  it('R51: every call to a worker that hangs rejects in less than five seconds, whenever between two beats it began to', async () => {
    for (const at of [1, 100, 249, 250, 251]) {
      const worker = hangingWorker();
      const liveness = watchLiveness(heartbeat(worker));
      await vi.advanceTimersByTimeAsync(10_000 + at);
      expect(liveness.dead).toBeNull();
      worker.hangs = true;
      const call = expect(liveness.guard(never())).rejects.toMatchObject({ name: 'WorkerGone', hung: true });
      await vi.advanceTimersByTimeAsync(3_700);
      expect(liveness.dead).toBeNull();
      await vi.advanceTimersByTimeAsync(1_290);
      await call;
      expect(liveness.dead?.message).toMatch(/not answered for 4 s and was ended/);
    }
  });

  it('lets a worker live that answers late, each time', async () => {
    const liveness = watchLiveness(heartbeat({ ping: () => new Promise((resolve) => setTimeout(resolve, 3_500)) }));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(liveness.dead).toBeNull();
    liveness.declareDead('end');
  });

  it('waits for the first answer while the script of the worker is still on its way', async () => {
    const liveness = watchLiveness(heartbeat({ ping: never }));
    await vi.advanceTimersByTimeAsync(59_000);
    expect(liveness.dead).toBeNull();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(liveness.dead).toMatchObject({ hung: false, message: expect.stringMatching(/60 s/) });
  });

  it('counts what the page saw, not the time: a page that was held up, or a machine that slept, kills nothing', async () => {
    let answer = (): void => undefined;
    const liveness = watchLiveness(
      heartbeat({
        ping: () =>
          new Promise<void>((resolve) => {
            answer = resolve;
          }),
      }),
    );
    await vi.advanceTimersByTimeAsync(300);
    answer();
    await vi.advanceTimersByTimeAsync(250);
    // an hour passes in which no timer of the page runs
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(liveness.dead).toBeNull();
    liveness.declareDead('end');
  });

  it('where more time is given it says after four seconds that the worker is silent, and takes it back', async () => {
    const worker = hangingWorker();
    let resume = (): void => undefined;
    const liveness = watchLiveness(
      heartbeat({
        hungBeats: () => 80,
        ping: () =>
          worker.hangs
            ? new Promise<void>((resolve) => {
                resume = resolve;
              })
            : Promise.resolve(),
      }),
    );
    const told: (number | null)[] = [];
    liveness.onSilence((silentS) => told.push(silentS));
    await vi.advanceTimersByTimeAsync(1_000);
    worker.hangs = true;
    await vi.advanceTimersByTimeAsync(4_600);
    expect(told).toEqual([4]);
    await vi.advanceTimersByTimeAsync(10_000);
    worker.hangs = false;
    resume();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([4, null]);
    expect(liveness.dead).toBeNull();
    worker.hangs = true;
    await vi.advanceTimersByTimeAsync(21_000);
    expect(liveness.dead?.message).toMatch(/20 s/);
  });
});
