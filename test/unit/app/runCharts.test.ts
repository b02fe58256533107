// The charts of runs: which lines, on which axis, from logs that grow, are cut, are resumed or are old.
import { describe, expect, it } from 'vitest';
import type { DrawnChart, DrawnLine } from '../../../src/app/curves.ts';
import {
  CHARTS,
  chartKind,
  type ChartKind,
  chartNames,
  chartOfGroups,
  chartOfRun,
  DEFAULT_CHARTS,
  emptyText,
  xLabel,
} from '../../../src/app/runCharts.ts';
import { type Arm, type ArmResult, type RunEvent, RunLog, type Stage, WHOLE } from '../../../src/app/runLog.ts';

const kind = (name: string): ChartKind => chartKind(name)!;

function point(stage: Stage, arm: Arm, step: number, values: Record<string, number | null>, more: object = {}): RunEvent {
  return { type: 'metrics', stage, arm, step, values, ...more };
}

function begin(stage: Stage, arm: Arm, timeMs: number, tokens: number): RunEvent {
  return { type: 'stage', status: 'start', stage, arm, steps: 9, timeMs: 0, at: { timeMs, tokens } };
}

const result: Omit<ArmResult, 'arm' | 'phase' | 'passAt'> = {
  thinkRate: 0,
  thinkByLine: [],
  thoughtsPerProgram: 0,
  meanDuration: null,
  contentRight: null,
  heldOutNll: null,
};

function logOf(...events: RunEvent[]): RunLog {
  const log = new RunLog();
  log.append(events);
  return log;
}

const xs = ({ track, length }: DrawnLine): number[] => [...track.x.subarray(0, length)];
const ys = ({ track, length }: DrawnLine): number[] => [...track.y.at.subarray(0, length)];
const points = ({ lines }: DrawnChart) => lines.map((line) => [line.label, xs(line), ys(line)]);

describe('the charts of a run', () => {
  it('are at most eight at the start, every one of them known', () => {
    expect(DEFAULT_CHARTS.length).toBeLessThanOrEqual(8);
    expect(DEFAULT_CHARTS.filter((name) => !CHARTS.some((each) => each.name === name))).toEqual([]);
  });

  it('cover what RLVR reports, and any other metric by its stage and name', () => {
    const log = logOf(
      point('rlvr', 'ra3', 1, { 'reward/mean': 1, 'ratio/max': 2 }),
      point('ntp', 'ntp', 1, { 'loss/nll': 1, 'grad/norm': 2 }),
    );
    const names = chartNames([log]);
    expect(names).toEqual(
      expect.arrayContaining(['reward', 'pass-1', 'pass-k', 'length', 'entropy', 'kl', 'clip', 'zero-spread', 'grad-norm']),
    );
    expect(names).toEqual(expect.arrayContaining(['rlvr:ratio/max', 'ntp:grad/norm']));
    expect(names).not.toContain('rlvr:reward/mean');
    expect(points(chartOfRun(kind('rlvr:ratio/max'), { log, cut: WHOLE }, 'step'))).toEqual([['RA3', [1], [2]]]);
    expect(chartKind('nothing')).toBeNull();
    expect(chartKind('toString:x')).toBeNull();
  });

  it('have the arms in their fixed order, whatever ran first', () => {
    const log = logOf(point('rlvr', 'ra3', 0, { 'reward/mean': 1 }), point('rlvr', 'base', 0, { 'reward/mean': 0 }));
    expect(chartOfRun(kind('reward'), { log, cut: WHOLE }, 'step').lines.map((l) => l.label)).toEqual(['base', 'RA3']);
  });

  it('put EM iterations one after the other with a divider and no hole, on an axis that stands still under a cut', () => {
    const log = logOf(
      ...[1, 2, 3].map((s) => point('e-step', 'ra3', s, { 'think/rate': s }, { iteration: 1 })),
      ...[1, 2].map((s) => point('e-step', 'ra3', s, { 'think/rate': s }, { iteration: 2 })),
    );
    const whole = chartOfRun(kind('think-rate'), { log, cut: WHOLE }, 'step');
    expect(points(whole)).toEqual([['RA3', [1, 2, 3, 4, 5], [1, 2, 3, 1, 2]]]);
    expect(whole.dividers).toEqual([{ x: 4, label: 'EM 2' }]);
    const cut = chartOfRun(kind('think-rate'), { log, cut: 4 }, 'step');
    expect(points(cut)).toEqual([['RA3', [1, 2, 3, 4], [1, 2, 3, 1]]]);
    expect(cut.end).toBe(5);
  });

  it('show NTP beside the M-steps', () => {
    const log = logOf(point('ntp', 'ntp', 0, { 'loss/nll': 2 }), point('m-step', 'ra3', 0, { 'loss/nll': 1 }, { iteration: 1 }));
    expect(chartOfRun(kind('loss'), { log, cut: WHOLE }, 'step').lines.map((l) => l.label)).toEqual(['NTP', 'M-step']);
  });

  it('grow with the log, keep what was not finite, and never draw backwards when a run is resumed', () => {
    const log = logOf(...[1, 2, 3].map((s) => point('rlvr', 'ra3', s, { 'len/mean': s === 2 ? null : s })));
    const source = { log, cut: WHOLE };
    expect(points(chartOfRun(kind('length'), source, 'step'))).toEqual([['RA3', [1, 2, 3], [1, Number.NaN, 3]]]);
    log.append([point('rlvr', 'ra3', 4, { 'len/mean': 4 })]);
    expect(points(chartOfRun(kind('length'), source, 'step'))).toEqual([['RA3', [1, 2, 3, 4], [1, Number.NaN, 3, 4]]]);
    log.append([point('rlvr', 'ra3', 3, { 'len/mean': 33 })]);
    expect(points(chartOfRun(kind('length'), source, 'step'))).toEqual([['RA3', [1, 2, 3], [1, Number.NaN, 33]]]);
    log.append([point('rlvr', 'ra3', 4, { 'len/mean': 44 })]);
    expect(points(chartOfRun(kind('length'), source, 'step'))).toEqual([['RA3', [1, 2, 3, 4], [1, Number.NaN, 33, 44]]]);
  });

  it('make zero spread and clipped tokens of what the log has, and take the KL that was measured', () => {
    const log = logOf(point('rlvr', 'base', 1, { 'group/frac_mixed': 0.25, 'clip/low': 0.1, 'clip/high': 0.2, 'kl/old_k1': 0.5 }));
    const value = (name: string) => ys(chartOfRun(kind(name), { log, cut: WHOLE }, 'step').lines[0]!)[0];
    expect(value('zero-spread')).toBe(0.75);
    expect(value('clip')).toBeCloseTo(0.3, 12);
    expect(value('kl')).toBe(0.5);
    log.append([point('rlvr', 'base', 2, { 'kl/ref_k3': 0.7 })]);
    expect(value('kl')).toBe(0.7);
  });

  it('show pass@k before RLVR at 0 and after it at its end, with intervals', () => {
    const judged = (phase: 'before' | 'after', mean: number): RunEvent => ({
      type: 'result',
      stage: 'evaluate',
      arm: 'ra3',
      result: { ...result, arm: 'ra3', phase, passAt: { 1: { mean, lo: mean - 0.1, hi: mean + 0.1 }, 8: { mean: 1, lo: 1, hi: 1 } } },
    });
    const log = logOf(judged('before', 0.5), point('rlvr', 'ra3', 1, { a: 1 }), point('rlvr', 'ra3', 30, { a: 1 }), judged('after', 0.75));
    const [line] = chartOfRun(kind('pass-1'), { log, cut: WHOLE }, 'step').lines;
    expect([xs(line!), ys(line!), line!.mark]).toEqual([[0, 30], [0.5, 0.75], 'joined']);
    expect([line!.track.low!.at[1], line!.track.high!.at[1]]).toEqual([0.65, 0.85]);
    expect(ys(chartOfRun(kind('pass-k'), { log, cut: WHOLE }, 'step').lines[0]!)).toEqual([1, 1]);
    expect(points(chartOfRun(kind('pass-1'), { log, cut: 2 }, 'step'))).toEqual([['RA3', [0], [0.5]]]);
  });
});

describe('x', () => {
  it('counts seconds and tokens from the beginning of the stage', () => {
    const log = logOf(
      begin('rlvr', 'base', 10_000, 500),
      point('rlvr', 'base', 1, { 'len/mean': 1 }, { at: { timeMs: 12_000, tokens: 600 } }),
      begin('rlvr', 'ra3', 20_000, 1000),
      point('rlvr', 'ra3', 1, { 'len/mean': 2 }, { at: { timeMs: 21_500, tokens: 1300 } }),
    );
    expect(points(chartOfRun(kind('length'), { log, cut: WHOLE }, 'time'))).toEqual([
      ['base', [2], [1]],
      ['RA3', [1.5], [2]],
    ]);
    expect(points(chartOfRun(kind('length'), { log, cut: WHOLE }, 'tokens'))).toEqual([
      ['base', [100], [1]],
      ['RA3', [300], [2]],
    ]);
    expect(xLabel('rlvr', 'tokens')).toBe('RLVR tokens');
  });

  it('puts the time of one EM iteration after that of the one before', () => {
    const log = logOf(
      { ...(begin('e-step', 'ra3', 0, 0) as Extract<RunEvent, { type: 'stage' }>), iteration: 1 },
      point('e-step', 'ra3', 1, { 'think/rate': 1 }, { iteration: 1, at: { timeMs: 4000, tokens: 1 } }),
      { ...(begin('e-step', 'ra3', 9000, 0) as Extract<RunEvent, { type: 'stage' }>), iteration: 2 },
      point('e-step', 'ra3', 1, { 'think/rate': 2 }, { iteration: 2, at: { timeMs: 12_000, tokens: 1 } }),
    );
    const chart = chartOfRun(kind('think-rate'), { log, cut: WHOLE }, 'time');
    expect(points(chart)).toEqual([['RA3', [4, 7], [1, 2]]]);
    expect(chart.dividers).toEqual([{ x: 4, label: 'EM 2' }]);
  });

  it('of a run that goes on in another process does not go back', () => {
    const log = logOf(
      begin('rlvr', 'ra3', 1000, 100),
      point('rlvr', 'ra3', 1, { 'len/mean': 1 }, { at: { timeMs: 51_000, tokens: 200 } }),
      point('rlvr', 'ra3', 2, { 'len/mean': 2 }, { at: { timeMs: 3000, tokens: 300 } }),
      point('rlvr', 'ra3', 3, { 'len/mean': 3 }, { at: { timeMs: 4000, tokens: 400 } }),
    );
    expect(xs(chartOfRun(kind('length'), { log, cut: WHOLE }, 'time').lines[0]!)).toEqual([50, 50, 51]);
  });

  it('of an old log is its stage’s time, evenly; what it does not tell gives no line and says so', () => {
    const log = logOf(point('rlvr', 'ra3', 1, { 'len/mean': 1 }), point('rlvr', 'ra3', 2, { 'len/mean': 2 }), {
      type: 'stage',
      status: 'end',
      stage: 'rlvr',
      arm: 'ra3',
      steps: 2,
      timeMs: 6000,
    });
    expect(points(chartOfRun(kind('length'), { log, cut: WHOLE }, 'time'))).toEqual([['RA3', [3, 6], [1, 2]]]);
    expect(chartOfRun(kind('length'), { log, cut: WHOLE }, 'tokens').lines).toEqual([]);
    expect(emptyText(kind('length'), log, 'tokens')).toContain('does not tell its tokens');
    expect(emptyText(kind('entropy'), log, 'tokens')).toBe('RLVR comes after mid-training.');
  });
});

describe('runs laid over each other', () => {
  const run = (values: readonly (number | null)[]) => ({
    log: logOf(...values.map((value, i) => point('rlvr', 'ra3', i + 1, { 'len/mean': value }))),
    cut: WHOLE,
  });
  const group = (...runs: ReturnType<typeof run>[]) => ({ label: 'g', tone: 'run-0' as const, dash: false, runs });

  it('are a line each; seeds are a mean with a t-interval over their faint lines, as far as all reach', () => {
    const [a, b] = [run([1, 2, 3]), run([3, 6])];
    const single = chartOfGroups(kind('length'), [group(a)], 'ra3', 'step');
    expect(single.lines).toMatchObject([{ label: 'g', tone: 'run-0', length: 3 }]);
    const { lines } = chartOfGroups(kind('length'), [group(a, b)], 'ra3', 'step');
    expect(lines.map((line) => line.faint ?? false)).toEqual([true, true, false]);
    const mean = lines[2]!;
    expect([xs(mean), ys(mean)]).toEqual([
      [1, 2],
      [2, 4],
    ]);
    // two values 1 and 3: t(1) * sd / sqrt(2) = 12.7062 * sqrt(2) / sqrt(2)
    expect(mean.track.high!.at[0]! - 2).toBeCloseTo(12.7062, 3);
    b.log.append([point('rlvr', 'ra3', 3, { 'len/mean': null })]);
    const grown = chartOfGroups(kind('length'), [group(a, b)], 'ra3', 'step').lines[2]!;
    expect([xs(grown), ys(grown)]).toEqual([
      [1, 2, 3],
      [2, 4, Number.NaN],
    ]);
    expect(grown.track).toBe(mean.track);
  });

  it('have no line for an arm that they have not', () => {
    expect(chartOfGroups(kind('length'), [group(run([1]))], 'ntp', 'step').lines).toEqual([]);
  });
});
