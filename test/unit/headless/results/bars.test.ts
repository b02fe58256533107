// Bars judged: met, missed or open, with the numbers beside.
import { describe, expect, it } from 'vitest';
import { barsTable, judgeStudy } from '../../../../src/headless/results/bars.ts';
import { whatDidNotWork } from '../../../../src/headless/results/notes.ts';
import { type LogChange, logsOf, makeStudy, score } from './syntheticLogs.ts';

function judge(bar: object, change: (variant: number, seed: number) => LogChange = () => ({}), seeds = [1, 2, 3]) {
  const [{ verdict, statement, measured }] = judgeStudy(logsOf(makeStudy({ seeds, expect: [bar] }), change)) as [
    ReturnType<typeof judgeStudy>[0],
  ];
  return { verdict, statement, measured };
}

describe('limits', () => {
  it('are of the mean over seeds', () => {
    expect(judge({ metric: 'ntp.before.pass@1', atLeast: 0.32 })).toEqual({
      verdict: 'met',
      statement: 'pass@1 of NTP before RLVR ≥ 0.32',
      measured: '0.320 ± 0.025',
    });
    expect(judge({ metric: 'ntp.before.pass@1', atLeast: 0.33 }).verdict).toBe('missed');
    expect(judge({ metric: 'ntp.before.pass@1', atMost: 0.31 })).toMatchObject({
      verdict: 'missed',
      statement: 'pass@1 of NTP before RLVR ≤ 0.31',
    });
    expect(judge({ metric: 'ra3.before.thoughtsPerProgram', atLeast: 0.9, atMost: 1.5 })).toMatchObject({
      verdict: 'met',
      statement: 'thoughts per program of RA3 before RLVR from 0.9 to 1.5',
    });
  });

  it('are of every seed where that is asked', () => {
    expect(judge({ metric: 'ntp.before.pass@1', atLeast: 0.32, everySeed: true })).toEqual({
      verdict: 'missed',
      statement: 'pass@1 of NTP before RLVR ≥ 0.32, every seed',
      measured: '0.310, 0.320, 0.330',
    });
    expect(judge({ metric: 'ntp.before.pass@1', atLeast: 0.31, everySeed: true }).verdict).toBe('met');
  });

  it('are missed by numbers that are not there or never come', () => {
    expect(judge({ metric: 'ntp.before.contentRight', atLeast: 0.9 })).toMatchObject({ verdict: 'missed', measured: '–' });
    const hopeless = {
      score: (arm: Parameters<typeof score>[0], phase: 'before' | 'after', seed: number) => (arm === 'ra3' ? 0.1 : score(arm, phase, seed)),
    };
    expect(judge({ metric: 'ra3.rlvr.reach.ntp', atMost: 0.5 }, (_, seed) => (seed === 2 ? hopeless : {}))).toMatchObject({
      verdict: 'missed',
      measured: '0.000, never, 0.000',
    });
  });
});

describe('comparisons', () => {
  const close: LogChange = { score: (arm, phase, seed) => (arm === 'ra3' ? 0.32 + 0.004 * (seed - 2) : score(arm, phase, seed)) };

  it('hold where intervals are apart', () => {
    expect(judge({ metric: 'ra3.before.pass@1', apartFrom: 'ntp.before.pass@1' })).toEqual({
      verdict: 'met',
      statement: 'pass@1 of RA3 before RLVR above pass@1 of NTP before RLVR, intervals apart',
      measured: '0.900 ± 0.000 against 0.320 ± 0.025; difference 0.580 ± 0.025',
    });
    expect(judge({ metric: 'ra3.before.pass@1', apartFrom: 'ntp.before.pass@1' }, () => close).verdict).toBe('missed');
    expect(judge({ metric: 'ntp.before.pass@1', apartFrom: 'ra3.before.pass@1' }).verdict).toBe('missed');
  });

  it('hold by more than two standard errors of the paired difference', () => {
    // differences d - e, d, d + e: the standard error is e / sqrt 3, its double 1.155 e
    const by = (d: number, e: number): LogChange => ({
      score: (arm, phase, seed) => (arm === 'oracle' ? score('ntp', phase, seed) + d + e * (seed - 2) : score(arm, phase, seed)),
    });
    const bar = { metric: 'oracle.before.pass@1', beats: 'ntp.before.pass@1' };
    expect(judge(bar, () => by(0.12, 0.1)).verdict).toBe('met');
    expect(judge(bar, () => by(0.11, 0.1)).verdict).toBe('missed');
    expect(judge(bar, () => by(-0.2, 0.1)).verdict).toBe('missed');
    expect(judge(bar).statement).toContain('by more than 2 standard errors');
  });

  it('are equal where the paired interval holds 0, seeds that agree exactly among them', () => {
    const bar = { metric: 'ra3.before.pass@1', equals: 'ntp.before.pass@1' };
    expect(judge(bar, () => close).verdict).toBe('met');
    expect(judge(bar).verdict).toBe('missed');
    expect(judge({ ...bar, equals: 'ra3.before.pass@1' }).verdict).toBe('met');
  });

  it('are open with one seed, and where nothing has run', () => {
    const bar = { metric: 'ra3.before.pass@1', apartFrom: 'ntp.before.pass@1' };
    expect(judge(bar, undefined, [1])).toMatchObject({ verdict: 'open', measured: expect.stringContaining('one seed has no interval') });
    const study = makeStudy({ expect: [bar] });
    const unrun = { study, variants: study.variants.map((variant) => ({ variant, logs: [], absent: [] })) };
    expect(judgeStudy(unrun)[0]).toMatchObject({ verdict: 'open', measured: 'not run yet' });
    expect(barsTable([unrun])).toContain('| 0 of 3 | open |');
    expect(whatDidNotWork([unrun])).toContain('By these data nothing');
  });
});

describe('what did not work', () => {
  it('is every missed bar, failed run and negative result', () => {
    const study = makeStudy({ expect: [{ metric: 'ra3.before.pass@1', atLeast: 0.97, about: 'the flagship' }] });
    const worse: LogChange = {
      score: (arm, phase, seed) => (arm === 'ntp' ? 0.6 + 0.01 * seed : arm === 'base' ? score(arm, phase, seed) : 0.5),
    };
    const logs = logsOf(study, () => worse);
    const failed = [{ ...logs.variants[0]!, absent: [{ seed: 9, why: 'it failed', failed: 'the GPU\nwas lost' }] }];
    const text = whatDidNotWork([{ study, variants: failed }]);
    expect(text).toContain('a bar was missed: pass@1 of RA3 before RLVR ≥ 0.97; measured 0.500 ± 0.000. (the flagship)');
    expect(text).toContain('the run of seed 9 failed: the GPU was lost');
    expect(text).toContain('oracle labels do not beat NTP by two standard errors before RLVR (difference -0.120 ± 0.025)');
    expect(text).toContain('RA3 is not above NTP before RLVR (difference -0.120 ± 0.025)');
    expect(text).toContain('RA3 is not above NTP after RLVR');
    expect(text).toContain(
      'RLVR from RA3 takes more than half of the steps to NTP’s final score (share of steps not reached on every seed)',
    );
    expect(text).toContain('[log.md](log.md)');
  });

  it('is not that a control gains nothing', () => {
    const same: LogChange = {
      score: (arm, _, seed) => (arm === 'ra3' || arm === 'ntp' ? 0.3 + 0.001 * (arm === 'ra3' ? seed - 2 : 0) : 0.3),
    };
    const equal = [{ metric: 'ra3.before.pass@1', equals: 'ntp.before.pass@1' }];
    expect(whatDidNotWork([logsOf(makeStudy({ expect: equal }), () => same)])).toContain('By these data nothing');
    expect(whatDidNotWork([logsOf(makeStudy(), () => same)])).toContain('RA3 is not above NTP before RLVR');
  });
});
