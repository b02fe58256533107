// R53: a page that is slow to take a run's events holds up no step and loses no number: only progress that is overtaken is left out.
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/run/events.ts';
import { EventStream } from '../../../src/worker/eventStream.ts';

const metric = (step: number): RunEvent => ({ type: 'metrics', stage: 'rlvr', arm: 'ra3', step, values: {} });
const progress = (done: number): RunEvent => ({ type: 'progress', stage: 'rlvr', arm: 'ra3', done, total: 99, overall: 0, leftMs: null });

describe('R53 a slow logger', () => {
  it('drops points of progress, never steps, and is sent one batch at a time', async () => {
    const got: RunEvent[] = [];
    let atOnce = 0;
    let most = 0;
    const stream = new EventStream(async (events) => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 20));
      got.push(...events);
      atOnce--;
    }, 1);
    const since = performance.now();
    for (let step = 1; step <= 50; step++) {
      stream.push(metric(step));
      stream.push(progress(step));
      if (step % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const pushedMs = performance.now() - since;
    await stream.end();
    expect(most).toBe(1);
    expect(got.flatMap((e) => (e.type === 'metrics' ? [e.step] : []))).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    const shown = got.flatMap((e) => (e.type === 'progress' ? [e.done] : []));
    expect(shown.at(-1)).toBe(50);
    expect(shown.length).toBeLessThan(25);
    expect(pushedMs).toBeLessThan(5000);
  });

  it('sends the start at once', async () => {
    const got: RunEvent[] = [];
    const stream = new EventStream((events) => void got.push(...events), 1e6);
    stream.push({ type: 'start' } as RunEvent);
    expect(got).toHaveLength(1);
    await stream.end();
  });
});
