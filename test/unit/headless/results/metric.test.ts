// Numbers of a run by name: what each name reads, and what is null.
import { describe, expect, it } from 'vitest';
import { metricLabel, parseMetric, reachOf, readMetric, trailingMean } from '../../../../src/headless/results/metric.ts';
import { type LogChange, logOf, makeStudy, score } from './syntheticLogs.ts';

const { recipe } = makeStudy().variants[0]!;
const read = (name: string, change: LogChange = {}) => readMetric(logOf(recipe, change), parseMetric(name));

describe('a metric', () => {
  it.each([
    ['ra3.before.pass@1', 0.9, 'pass@1 of RA3 before RLVR'],
    ['ra3.before.edge.pass@1', 0.8, 'pass@1 of RA3 before RLVR, range edge'],
    ['base.after.pass@1', 0.6, 'pass@1 of base after RLVR'],
    ['ntp.before.pass@1', 0.31, 'pass@1 of NTP before RLVR'],
    ['ra3.before.thinkByLine.1', 1, 'think rate at line 1 of RA3 before RLVR'],
    ['ra3.before.thinkByKind.plain', 0.25, 'think rate at plain lines of RA3 before RLVR'],
    ['ra3.before.boundaryF1', 1, 'boundary F1 of RA3 before RLVR'],
    ['ra3.before.decisionsPerProgram', 1, 'decisions per program of RA3 before RLVR'],
    ['ntp.before.thoughtsPerProgram', 0, 'thoughts per program of NTP before RLVR'],
    ['em.1.think/rate', 0.1, 'think/rate, end of E-step 1'],
    ['em.last.think/rate', 0.2, 'think/rate, end of the last E-step'],
    ['em.2.nll/line', 0.5, 'nll/line, end of E-step 2'],
    ['gate.nll_plain', 0.01, 'base’s nll_plain'],
    ['gate.gap', 1, 'what a thought is worth to the base, nats per useful line'],
    ['ra3.rlvr.kept@8', 1, 'pass@8 kept in RLVR from RA3 (after / before)'],
    ['ntp.rlvr.kept@8', 0.5 / 0.88, 'pass@8 kept in RLVR from NTP (after / before)'],
    ['ra3.rlvr.reach.ntp', 0, 'share of RLVR’s steps until RA3 has NTP’s final score'],
  ])('%s', (name, value, label) => {
    expect(read(name)).toBeCloseTo(value, 12);
    expect(metricLabel(parseMetric(name))).toBe(label);
  });

  it('is null where a run does not have it, and where thoughts are too rare to say what they are like', () => {
    for (const name of ['ra3.before.pass@64', 'ra3.before.thinkByLine.9', 'ra3.before.thinkByKind.hard', 'em.1.no/such', 'gate.none'])
      expect(read(name), name).toBeNull();
    for (const name of ['ntp.before.contentRight', 'ntp.before.meanDuration', 'ntp.before.nmi']) expect(read(name), name).toBeNull();
  });

  it.each([
    'ra3',
    'ra3.before',
    'ra3.before.',
    'ra3.during.pass@1',
    'r3.before.pass@1',
    'ra3.before.pass@0',
    'em.0.x',
    'em.1',
    'gate',
    'ra3.rlvr.reach.x',
    'ra3.rlvr.kept',
    'ra3.before.thinkByLine.0',
  ])('is not "%s"', (name) => {
    expect(() => parseMetric(name)).toThrow(`"${name}" names no number of a run`);
  });
});

describe('steps to another arm’s score', () => {
  const changed = (base: [number, number], ntp: number): LogChange => ({
    score: (arm, phase, seed) => (arm === 'base' ? base[phase === 'before' ? 0 : 1] : arm === 'ntp' ? ntp : score(arm, phase, seed)),
  });
  const reach = (change: LogChange) => reachOf(logOf(recipe, change), 'base', 'ntp');

  it('are counted to the first step whose mean of the last five is there', () => {
    // rewards .22 .24 ... .4; means of five from step 5 on: .26 .28 .30 .32 .34 .36; NTP has .4 - .1 on the range edge
    expect(reach(changed([0.2, 0.4], 0.4))).toEqual({ score: expect.closeTo(0.3, 12), steps: 7, share: 0.7 });
  });

  it('are none when the score was there before, infinite when it never comes', () => {
    expect(reach(changed([0.6, 0.7], 0.4))?.steps).toBe(0);
    expect(reach(changed([0.2, 0.25], 0.9))).toEqual({
      score: expect.closeTo(0.8, 12),
      steps: Number.POSITIVE_INFINITY,
      share: Number.POSITIVE_INFINITY,
    });
  });

  it('are of no score that is 0', () => {
    expect(reach(changed([0.2, 0.4], 0.1))).toBeNull();
  });

  it('take the last rewards for the score where the practised range is not evaluated', () => {
    const set = { ...makeStudy().variants[0]!.recipe, evaluate: { ...recipe.evaluate, ranges: ['in' as const] } };
    expect(reachOf(logOf(set, changed([0.2, 0.4], 0.3)), 'base', 'ntp')).toEqual({ score: expect.closeTo(0.3, 12), steps: 7, share: 0.7 });
  });

  it('are over means of what there is where a curve is shorter than the window', () => {
    expect(
      trailingMean(
        [
          { x: 1, y: 0 },
          { x: 2, y: 4 },
        ],
        5,
      ),
    ).toEqual([{ x: 2, y: 2 }]);
    expect(
      trailingMean(
        [0, 3, 6, 9].map((y, x) => ({ x, y })),
        2,
      ),
    ).toEqual([
      { x: 1, y: 1.5 },
      { x: 2, y: 4.5 },
      { x: 3, y: 7.5 },
    ]);
  });
});
