// Two runs compared: equal numbers in any case equal, another number found between two marks of a digest and at its very event between two logs.
import { describe, expect, it } from 'vitest';
import type { ArmResult, RunEvent } from '../../../src/run/events.ts';
import { compareLogs, compareWithDigest, digestLog, MARKS } from '../../../src/share/logDigest.ts';

const result: ArmResult = {
  arm: 'ra3',
  phase: 'before',
  passAt: { 1: { mean: 0.5, lo: 0.4, hi: 0.6 } },
  thinkRate: 0.25,
  thinkByLine: [0, 1],
  thoughtsPerProgram: 2,
  meanDuration: null,
  contentRight: null,
  heldOutNll: 1.25,
};
const at = (step: number, values: Record<string, number | null>): RunEvent => ({
  type: 'metrics',
  stage: 'e-step',
  arm: 'ra3',
  iteration: 1,
  step,
  values,
});
const log = (length: number, change: (step: number) => number = () => 0, speed = 1): RunEvent[] => [
  ...Array.from({ length }, (_, i) => at(i + 1, { 'reward/line': Math.sin(i) + change(i + 1), tok_per_s: speed * i, 'time/step': speed })),
  { type: 'progress', stage: 'e-step', arm: 'ra3', done: 1, total: 1, overall: 1, leftMs: speed },
  { type: 'result', stage: 'evaluate', arm: 'ra3', phase: 'before', result },
];
/** The smallest difference that a double has. */
const ulp = (step: number) => (here: number) => (here === step ? 2 ** -52 : 0);

describe('a digest', () => {
  it('is the same for the same numbers, whatever the times, and says how many there were', () => {
    expect(digestLog(log(500, undefined, 3))).toEqual(digestLog(log(500)));
    expect(digestLog(log(500))).toMatchObject({ count: 501 });
    expect(digestLog(log(500)).marks).toHaveLength(MARKS);
    expect(digestLog([])).toEqual({ count: 0, marks: [] });
    expect(digestLog(log(2)).marks).toHaveLength(3);
  });

  it.each([1, 2, 250, 499, 500])('finds a last bit that differs at step %i, between two marks', (step) => {
    const digest = digestLog(log(500));
    const found = compareWithDigest(log(500, ulp(step)), digest);
    if (found.equal) throw new Error('no difference was found');
    const after = found.after?.step ?? 0;
    expect(after).toBeLessThan(step);
    expect(found.upTo?.step ?? 501).toBeGreaterThanOrEqual(step);
    expect((found.upTo?.step ?? 501) - after).toBeLessThanOrEqual(Math.ceil(501 / MARKS));
  });

  it('of a run that is longer or shorter is another', () => {
    const digest = digestLog(log(100));
    expect(compareWithDigest(log(100), digest)).toEqual({ equal: true, count: 101 });
    expect(compareWithDigest(log(99), digest).equal).toBe(false);
    expect(compareWithDigest([...log(100), at(101, { 'reward/line': 0 })], digest)).toEqual({
      equal: false,
      after: { stage: 'evaluate', arm: 'ra3', phase: 'before', step: null },
      upTo: { stage: 'e-step', arm: 'ra3', iteration: 1, step: 101 },
    });
    expect(compareWithDigest([], digest)).toEqual({ equal: false, after: null, upTo: null });
  });

  it('sees a result and the order of steps, but not the order of keys', () => {
    const turned = log(5).map((event) => (event.type === 'result' ? { ...event, result: { ...result, thinkRate: 0.26 } } : event));
    expect(compareWithDigest(turned, digestLog(log(5))).equal).toBe(false);
    const [first, second, ...rest] = log(5);
    expect(compareWithDigest([second!, first!, ...rest], digestLog(log(5))).equal).toBe(false);
    const keyed = digestLog([at(1, { a: 1, b: 2 })]);
    expect(digestLog([at(1, { b: 2, a: 1 })])).toEqual(keyed);
  });
});

describe('two whole logs', () => {
  it('differ at the very step', () => {
    expect(compareLogs(log(50), log(50, undefined, 9))).toEqual({ equal: true, count: 51 });
    expect(compareLogs(log(50, ulp(20)), log(50))).toMatchObject({ equal: false, after: { step: 19 }, upTo: { step: 20 } });
    expect(compareLogs(log(3).slice(0, 2), log(3))).toMatchObject({ equal: false, after: { step: 2 }, upTo: { step: 3 } });
  });
});
