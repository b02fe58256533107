// R48: gradients that are not finite are skipped, but not for ever.
import { describe, expect, it } from 'vitest';
import type { StageRef } from '../../../src/run/events.ts';
import { MOST_SKIPPED, SkippedSteps } from '../../../src/run/skippedSteps.ts';

const ntp: StageRef = { stage: 'ntp', arm: 'ntp' };

describe('R48 skipped steps', () => {
  it('are borne two in a row, as often as they come', () => {
    const skipped = new SkippedSteps();
    for (let step = 1; step < 100; step++) skipped.look(ntp, step, step % (MOST_SKIPPED + 1) === 0 ? 1 : Number.NaN);
  });

  it('end the run with their cause when there is a third', () => {
    const skipped = new SkippedSteps();
    skipped.look(ntp, 4, Number.POSITIVE_INFINITY);
    skipped.look(ntp, 5, Number.NaN);
    expect(() => skipped.look(ntp, 6, Number.NaN)).toThrow(
      /^ntp of ntp, step 6: the gradient was not finite in 3 steps in a row.*Lower the learning rate/s,
    );
  });

  it('are counted for each stage by itself, and where a norm was read', () => {
    const skipped = new SkippedSteps();
    for (const iteration of [1, 2, 3, 4]) {
      skipped.look({ stage: 'e-step', arm: 'ra3', iteration }, 1, Number.NaN);
      skipped.look({ stage: 'e-step', arm: 'ra3', iteration }, 2, undefined);
      skipped.look({ stage: 'e-step', arm: 'ra3', iteration }, 3, Number.NaN);
    }
    skipped.look(ntp, 1, null);
  });
});
