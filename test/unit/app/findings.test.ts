// Segments, figures and the sentence above the charts.
import { describe, expect, it } from 'vitest';
import { headline, momentFigures, numberLatents, segmentsOf, thinkByLine } from '../../../src/app/findings.ts';
import type { ArmResult, ShownLine, ShownTrace } from '../../../src/app/runLog.ts';

const line = (thought: string | null, gain = 0, pThink = 0.5): ShownLine => ({
  text: 'x = 1',
  kind: 'plain',
  thought,
  pThink,
  lineLogprob: -1,
  gain,
  right: thought === null ? null : thought === 'k',
});
const trace: ShownTrace = { prompt: 'p', lines: [line(null), line('k', 1), line(null, 2), line('z', 3)] };

describe('segments', () => {
  it('start at each thought and last to the next; lines before the first are under none', () => {
    const segments = segmentsOf(trace, (t) => (t === 'k' ? 0 : 1));
    expect(segments.map((s) => [s.thought, s.latent, s.from, s.lines.length, s.gain])).toEqual([
      [null, -1, 0, 1, 0],
      ['k', 0, 1, 2, 3],
      ['z', 1, 3, 1, 3],
    ]);
  });

  it('are counted without the lines before the first thought', () => {
    expect(momentFigures([trace])).toEqual({ thoughtsPerProgram: 2, meanDuration: 1.5, right: 1, judged: 2 });
    expect(momentFigures([]).meanDuration).toBeNull();
  });

  it('keep the number of a thought over all programs', () => {
    expect([...numberLatents([trace, trace])]).toEqual([
      ['k', 0],
      ['z', 1],
    ]);
  });
});

it('mean P(think) bears traces of different lengths', () => {
  expect(
    thinkByLine([
      { prompt: '', lines: [line(null, 0, 0.2), line(null, 0, 0.4)] },
      { prompt: '', lines: [line(null, 0, 0.6)] },
    ]),
  ).toEqual([0.4, 0.4]);
});

describe('the headline', () => {
  const result = (arm: ArmResult['arm'], phase: ArmResult['phase'], mean: number): ArmResult => ({
    arm,
    phase,
    passAt: { 1: { mean, lo: mean, hi: mean } },
    thinkRate: 0,
    thinkByLine: [],
    thoughtsPerProgram: 0,
    meanDuration: null,
    contentRight: null,
    heldOutNll: null,
  });

  it('compares the arms before and after RLVR', () => {
    expect(headline([result('ra3', 'before', 0.998), result('base', 'before', 0.38), result('base', 'after', 0.82)])).toBe(
      'Solved at the first try, before → after RLVR: base 38 → 82\u00a0%, RA3 99.8\u00a0%.',
    );
  });

  it('says nothing of one arm alone or without a verifier', () => {
    expect(headline([result('ra3', 'before', 1)])).toBeNull();
    expect(
      headline([
        { ...result('ra3', 'before', 1), passAt: {} },
        { ...result('base', 'before', 1), passAt: {} },
      ]),
    ).toBeNull();
  });
});
