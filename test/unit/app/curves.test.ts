// What charts draw: smoothing, alignment, EM iterations on one axis.
import { describe, expect, it } from 'vitest';
import { align, armLines, iteratedLines, lossLines, smooth } from '../../../src/app/curves.ts';
import { type Arm, type RunEvent, RunLog, type Stage, WHOLE } from '../../../src/app/runLog.ts';

function point(stage: Stage, arm: Arm, step: number, values: Record<string, number | null>, iteration?: number): RunEvent {
  return { type: 'metrics', stage, arm, step, values, ...(iteration === undefined ? {} : { iteration }) };
}

describe('smoothing', () => {
  it('is debiased: a constant stays itself from its first point', () => {
    for (const value of smooth([3, 3, 3], 0.9)) expect(value).toBeCloseTo(3, 12);
  });

  it('steps over gaps and keeps them', () => {
    const [first, gap, last] = smooth([1, null, 2], 0.5);
    expect(first).toBe(1);
    expect(gap).toBeNull();
    expect(last).toBeCloseTo((0.25 * 1 + 0.5 * 2) / 0.75, 12);
  });

  it('of weight 0 changes nothing', () => {
    expect(smooth([1, null, 2], 0)).toEqual([1, null, 2]);
  });
});

describe('alignment', () => {
  it('tells a missing point (drawn through) from a gap', () => {
    const { x, ys } = align([
      { x: [0, 2], y: [1, null] },
      { x: [1, 2], y: [5, 6] },
    ]);
    expect(x).toEqual([0, 1, 2]);
    expect(ys).toEqual([
      [1, undefined, null],
      [undefined, 5, 6],
    ]);
  });
});

describe('lines of a chart', () => {
  it('come in the fixed order of the arms, whatever ran first', () => {
    const log = new RunLog();
    log.append([point('rlvr', 'ra3', 0, { 'reward/mean': 1 }), point('rlvr', 'base', 0, { 'reward/mean': 0 })]);
    expect(armLines(log, WHOLE, 'rlvr', 'reward/mean').lines.map((l) => l.label)).toEqual(['base', 'RA3']);
  });

  it('put EM iterations one after the other with a divider, on an axis that stands still under a cut', () => {
    const log = new RunLog();
    log.append(
      [0, 1, 2].map((s) => point('e-step', 'ra3', s, { a: s }, 1)).concat([0, 1].map((s) => point('e-step', 'ra3', s, { a: s }, 2))),
    );
    const whole = iteratedLines(log, WHOLE, 'e-step', [{ metric: 'a', label: 'a', tone: 'ra3' }]);
    expect(whole.lines[0]!.x).toEqual([0, 1, 2, 3, 4]);
    expect(whole.dividers).toEqual([{ x: 3, label: 'EM 2' }]);
    const cut = iteratedLines(log, 2, 'e-step', [{ metric: 'a', label: 'a', tone: 'ra3' }]);
    expect(cut.lines[0]!.x).toEqual([0, 1]);
    expect(cut.end).toBe(whole.end);
  });

  it('leave no hole between EM iterations whose steps count from 1', () => {
    const log = new RunLog();
    log.append([1, 2].flatMap((iteration) => [1, 2].map((s) => point('e-step', 'ra3', s, { a: s }, iteration))));
    const { lines, dividers, end } = iteratedLines(log, WHOLE, 'e-step', [{ metric: 'a', label: 'a', tone: 'ra3' }]);
    expect(lines[0]!.x).toEqual([1, 2, 3, 4]);
    expect(dividers).toEqual([{ x: 3, label: 'EM 2' }]);
    expect(end).toBe(4);
  });

  it('show NTP beside the M-steps', () => {
    const log = new RunLog();
    log.append([point('ntp', 'ntp', 0, { 'loss/nll': 2 }), point('m-step', 'ra3', 0, { 'loss/nll': 1 }, 1)]);
    expect(lossLines(log, WHOLE).lines.map((l) => l.label)).toEqual(['NTP', 'M-step']);
  });
});
