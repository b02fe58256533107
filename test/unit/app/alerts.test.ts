// Alerts over a log: each fault is seen at its step, and a healthy run has none.
import { describe, expect, it } from 'vitest';
import { alertsOf } from '../../../src/app/alerts.ts';
import { type RunEvent, RunLog, type Stage } from '../../../src/app/runLog.ts';

function logOf(stage: Stage, metric: string, values: (number | null)[], more: RunEvent[] = []): RunLog {
  const log = new RunLog();
  log.append(values.map((value, i) => ({ type: 'metrics', stage, arm: 'ra3', step: i + 1, values: { [metric]: value } })));
  log.append(more);
  return log;
}
const times = (n: number, value: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => value(i));
const falling = times(200, (i) => 3 * Math.exp(-i / 40) + 0.1 * Math.sin(i * 12.9898));
const kindsOf = (log: RunLog): string[] => alertsOf(log).map(({ kind, where }) => `${kind}: ${where}`);

describe('alerts', () => {
  it('are none for a curve that falls with noise, a reward that rises, a steady speed', () => {
    expect(alertsOf(logOf('ntp', 'loss/nll', falling))).toEqual([]);
    expect(
      alertsOf(
        logOf(
          'rlvr',
          'reward/mean',
          times(200, (i) => Math.min(0.9, i / 100)),
        ),
      ),
    ).toEqual([]);
    expect(
      alertsOf(
        logOf(
          'rlvr',
          'tok_per_s',
          times(100, (i) => 1000 + 100 * (i % 3)),
        ),
      ),
    ).toEqual([]);
    expect(alertsOf(new RunLog())).toEqual([]);
  });

  it('R48 name a spike at its step', () => {
    const spiked = [...falling];
    spiked[120] = 9;
    expect(kindsOf(logOf('ntp', 'loss/nll', spiked))).toEqual(['spike: NTP, step 121']);
  });

  it('take a gradient several times as large as before for nothing, ten times for a spike', () => {
    const norms = times(60, (i) => 0.1 + 0.01 * Math.sin(i * 12.9898));
    expect(kindsOf(logOf('m-step', 'grad/norm', norms.with(40, 0.6)))).toEqual([]);
    expect(kindsOf(logOf('m-step', 'grad/norm', norms.with(40, 1.2)))).toEqual(['spike: M-step, step 41']);
  });

  it('R48 name a value that is not finite, at its first step', () => {
    const broken: (number | null)[] = [...falling];
    broken[30] = null;
    broken[31] = null;
    expect(kindsOf(logOf('m-step', 'loss/nll', broken))).toEqual(['nan: M-step, step 31']);
  });

  it('R48 name equal rewards and a KL of 50', () => {
    expect(kindsOf(logOf('rlvr', 'group/frac_mixed', [...times(20, () => 0.5), ...times(12, () => 0)]))).toEqual([
      'no-spread: RLVR RA3, step 21',
    ]);
    const solved = logOf(
      'rlvr',
      'group/frac_mixed',
      times(12, () => 0),
    );
    solved.append(
      logOf(
        'rlvr',
        'group/frac_all_good',
        times(12, () => 1),
      ).events,
    );
    expect(kindsOf(solved)).toEqual([]);
    expect(kindsOf(logOf('rlvr', 'kl/ref_k3', [0.1, 0.2, 50]))).toEqual(['kl: RLVR RA3, step 3']);
  });

  it('name a reward that collapsed and did not come back, and none that only dips', () => {
    const good = times(40, (i) => i / 60);
    expect(kindsOf(logOf('rlvr', 'reward/mean', [...good, ...times(12, () => 0.01)]))).toEqual(['collapse: RLVR RA3, step 41']);
    expect(kindsOf(logOf('rlvr', 'reward/mean', [...good, ...times(5, () => 0.01), ...good.map((r) => r + 0.3)]))).toEqual([]);
  });

  it('name a machine that slowed down, and a lost device', () => {
    const slow = [...times(20, () => 1000), ...times(8, () => 200)];
    expect(kindsOf(logOf('e-step', 'tok_per_s', slow))).toEqual(['throttled: E-step, step 21']);
    const lost: RunEvent = { type: 'notice', level: 'warning', message: 'The GPU device was lost; a new one goes on from the beginning.' };
    expect(kindsOf(logOf('ntp', 'loss/nll', [], [lost]))).toEqual(['device-lost: the GPU']);
  });

  it('look at what stands before the cut alone', () => {
    const log = logOf('rlvr', 'kl/ref_k3', [0.1, 0.2, 50]);
    expect(alertsOf(log, 2)).toEqual([]);
    expect(alertsOf(log, 3)).toHaveLength(1);
  });
});
