// What a run shows on a terminal, and in a log file, while it goes.
import { describe, expect, it } from 'vitest';
import { ProgressDisplay, stageName } from '../../../src/headless/progress.ts';
import type { RunEvent } from '../../../src/run/events.ts';

function display(isTTY: boolean) {
  let text = '';
  let nowMs = 0;
  const shown = new ProgressDisplay({ isTTY, columns: 100, write: (piece) => (text += piece) }, () => nowMs);
  return {
    show: (event: RunEvent) => shown.show(event),
    wait: (ms: number) => {
      nowMs += ms;
    },
    text: () => text,
  };
}

const stage = { type: 'stage', stage: 'e-step', arm: 'ra3', iteration: 2 } as const;
const progress = { type: 'progress', stage: 'e-step', arm: 'ra3', iteration: 2 } as const;

describe('ProgressDisplay', () => {
  it('draws one bar with the time left, and replaces it by a line when the stage ends', () => {
    const d = display(true);
    d.show({ ...stage, status: 'start', steps: 0, timeMs: 0 });
    d.wait(10_000);
    d.show({ ...progress, done: 25, total: 100, overall: 0.1, leftMs: 90_000 });
    expect(d.text()).toContain(`${'█'.repeat(6)}${'░'.repeat(18)} 25/100  0:30 left; whole run 10 %, 1:30 left`);
    d.show({ ...stage, status: 'end', steps: 100, timeMs: 40_000 });
    expect(d.text().endsWith('\r\x1b[2KRA3: E-step, round 2: 100 steps in 0:40\n')).toBe(true);
  });

  it('writes few plain lines, without control characters, where there is no terminal', () => {
    const d = display(false);
    d.show({ ...stage, status: 'start', steps: 0, timeMs: 0 });
    for (let done = 1; done <= 60; done++) {
      d.wait(1000);
      d.show({ ...progress, done, total: 60, overall: done / 60, leftMs: null });
    }
    expect(d.text().split('\n')).toEqual([
      'RA3: E-step, round 2 ...',
      '  15/60 (25 %) 0:45 left',
      '  30/60 (50 %) 0:30 left',
      '  45/60 (75 %) 0:15 left',
      '  60/60 (100 %) 0:00 left',
      '',
    ]);
  });

  it('shows notices with their level', () => {
    const d = display(false);
    d.show({ type: 'notice', level: 'warning', message: 'All rewards are equal.' });
    d.show({ type: 'notice', level: 'info', message: 'Resumed.' });
    expect(d.text()).toBe('warning: All rewards are equal.\nResumed.\n');
  });
});

describe('stageName', () => {
  it('names arm, stage, phase and round', () => {
    expect(stageName({ stage: 'evaluate', arm: 'ntp', phase: 'after' })).toBe('NTP: evaluation after RLVR');
    expect(stageName({ stage: 'm-step', arm: 'ra3', iteration: 1 })).toBe('RA3: M-step, round 1');
  });
});
