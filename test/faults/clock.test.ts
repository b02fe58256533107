// R52: clocks that jump under a whole run: the machine sleeps for eight hours, the wall clock is set back by years, the run is paused for an hour.
// No time is negative, goes back or is absurd, and the time left neither.
import { afterEach, expect, it, vi } from 'vitest';
import { openGpu } from '../../src/gpu/context.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { tinyRun } from './tinyRun.ts';

const HOUR = 3_600_000;
/** A whole run of this size takes seconds; its stages are alike enough for an estimate within this. */
const SANE_MS = 10 * 60_000;

afterEach(() => void vi.restoreAllMocks());

it('R52 clocks jump under a run: no time of it is negative, goes back or is absurd', async () => {
  const gpu = await openGpu((await openNodeGpu()).adapter);
  const now = performance.now.bind(performance);
  let jumpMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now() + jumpMs);
  let slept = false;
  let paused = false;
  const { outcome, events } = await tinyRun(gpu, (event, control) => {
    if (event.type !== 'metrics') return;
    if (event.stage === 'e-step' && !slept) {
      slept = true;
      jumpMs += 8 * HOUR;
      vi.spyOn(Date, 'now').mockReturnValue(0);
    }
    if (event.stage === 'rlvr' && !paused) {
      paused = true;
      void control.pause().then(() => {
        jumpMs += HOUR;
        setTimeout(() => control.resume(), 200);
      });
    }
  });
  expect(paused).toBe(true);
  expect(outcome.summary).toMatchObject({ status: 'finished', error: null });
  expect(outcome.summary.timeMs).toBeGreaterThan(0);
  expect(outcome.summary.timeMs).toBeLessThan(SANE_MS);
  let last = 0;
  for (const event of events) {
    const at = 'at' in event ? event.at?.timeMs : undefined;
    if (at !== undefined) {
      expect(at).toBeGreaterThanOrEqual(last);
      last = at;
    }
    if (event.type === 'stage') expect(event.timeMs).toBeGreaterThanOrEqual(0);
    if (event.type === 'stage') expect(event.timeMs).toBeLessThan(SANE_MS);
    if (event.type === 'progress' && event.leftMs !== null) {
      expect(event.leftMs).toBeGreaterThanOrEqual(0);
      expect(event.leftMs).toBeLessThan(SANE_MS);
    }
    if (event.type === 'metrics')
      for (const [name, value] of Object.entries(event.values))
        if (/tok_per_s|^time\//.test(name) && value !== null) expect(value, name).toBeGreaterThan(0);
  }
  expect(last).toBeGreaterThan(0);
});
