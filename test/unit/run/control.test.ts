// Pause, step, resume, stop: a pause is over when the run stands still, and never waits for a run that no longer will.
import { describe, expect, it } from 'vitest';
import { RunControl, Stopped } from '../../../src/run/control.ts';

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A run of many short steps. */
function started() {
  const control = new RunControl();
  const state = { steps: 0, holds: 0 };
  const over = (async () => {
    for (;;) {
      state.steps++;
      await control.boundary(() => {
        state.holds++;
      });
    }
  })().catch((error: unknown) => {
    control.end();
    return error;
  });
  return { control, state, over };
}

describe('control of a run', () => {
  it('pauses at a boundary, goes one step at a time, and goes on', async () => {
    const { control, state, over } = started();
    await control.pause();
    const at = state.steps;
    expect(state.holds).toBe(1);
    await turn();
    expect(state.steps).toBe(at);
    control.step();
    await turn();
    expect(state).toEqual({ steps: at + 1, holds: 2 });
    control.resume();
    await turn();
    expect(state.steps).toBeGreaterThan(at + 1);
    control.stop();
    expect(await over).toBeInstanceOf(Stopped);
  });

  it('settles a pause that a resume, a stop or the end overtakes', async () => {
    for (const overtake of ['resume', 'stop', 'end'] as const) {
      const control = new RunControl();
      const paused = control.pause();
      control[overtake]();
      await expect(paused).resolves.toBeUndefined();
    }
  });

  it('pauses at once what holds already', async () => {
    const { control, over } = started();
    await control.pause();
    await control.pause();
    control.stop();
    expect(await over).toBeInstanceOf(Stopped);
  });
});
