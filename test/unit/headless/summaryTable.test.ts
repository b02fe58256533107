// The closing table: what a person reads at the end of a headless run.
import { describe, expect, it } from 'vitest';
import { duration, summaryTable } from '../../../src/headless/summaryTable.ts';
import type { ArmResult, RunSummary } from '../../../src/run/events.ts';

function result(given: Partial<ArmResult> & Pick<ArmResult, 'arm' | 'phase'>): ArmResult {
  return {
    passAt: { '1': { mean: 0.25, lo: 0.2, hi: 0.3 }, '8': { mean: 0.5, lo: 0.4, hi: 0.6 } },
    thinkRate: 0.125,
    thinkByLine: [],
    thoughtsPerProgram: 1.5,
    meanDuration: null,
    contentRight: null,
    heldOutNll: 0.7125,
    ...given,
  };
}

function summary(results: ArmResult[]): RunSummary {
  return { status: 'finished', error: null, results, tokPerS: 12345.6, timeMs: 83_000 };
}

describe('summaryTable', () => {
  it('lists arms before RLVR, then after, each in the order base, NTP, RA3', () => {
    const table = summaryTable(
      summary([
        result({ arm: 'ra3', phase: 'after' }),
        result({ arm: 'ra3', phase: 'before' }),
        result({ arm: 'base', phase: 'before' }),
        result({ arm: 'ntp', phase: 'before' }),
      ]),
    );
    const rows = table.split('\n').slice(2, 6);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
      ['base', 'before RLVR'],
      ['NTP', 'before RLVR'],
      ['RA3', 'before RLVR'],
      ['RA3', 'after RLVR'],
    ]);
  });

  it('shows pass@k with its interval in ascending k, and speed', () => {
    const passAt = { '16': { mean: 1, lo: 1, hi: 1 }, '2': { mean: 0.5, lo: 0.25, hi: 0.75 } };
    const lines = summaryTable(summary([result({ arm: 'base', phase: 'before', passAt })])).split('\n');
    expect(lines[0]).toMatch(/pass@2 \[95 %\]\s+pass@16 \[95 %\]/);
    expect(lines[2]).toContain('0.500 [0.250, 0.750]  1.000 [1.000, 1.000]');
    expect(lines.at(-1)).toBe('12,346 tokens/s over 1:23');
  });

  it('shows ranges one after the other, and agreement with the truth, where there are any', () => {
    const agreement = { nmi: 0.5, ari: 0.25, boundaryF1: null };
    const lines = summaryTable(
      summary([
        result({ arm: 'ra3', phase: 'before', range: 'hard' }),
        result({ arm: 'base', phase: 'before', range: 'hard' }),
        result({ arm: 'ra3', phase: 'before', agreement }),
      ]),
    ).split('\n');
    expect(lines[0]!.split(/ {2,}/).slice(0, 3)).toEqual(['arm', 'phase', 'range']);
    expect(lines.slice(2, 5).map((row) => row.split(/ {2,}/).filter((_, i) => i === 0 || i === 2))).toEqual([
      ['RA3', 'in'],
      ['base', 'hard'],
      ['RA3', 'hard'],
    ]);
    expect(lines[0]).toMatch(/NMI {2}boundary F1$/);
    expect(lines[2]).toMatch(/ 0\.500 +-$/);
  });

  it('shows a dash for what is not known', () => {
    const row = summaryTable(summary([result({ arm: 'ntp', phase: 'after', passAt: {}, heldOutNll: null })])).split('\n')[2]!;
    expect(row.split(/ {2,}/)).toEqual(['NTP', 'after RLVR', '0.125', '1.50', '-', '-', '-']);
  });

  it('gives every row the same columns', () => {
    const lines = summaryTable(
      summary([result({ arm: 'base', phase: 'before' }), result({ arm: 'ra3', phase: 'after', meanDuration: 2 })]),
    ).split('\n');
    expect(new Set(lines.slice(0, 4).map((line) => line.length)).size).toBe(1);
  });

  it('says when no arm was evaluated', () => {
    expect(summaryTable(summary([]))).toMatch(/^No arm was evaluated\./);
  });
});

describe('duration', () => {
  it.each([
    [0, '0:00'],
    [3_400, '0:03'],
    [59_600, '1:00'],
    [3_723_000, '1:02:03'],
    [-5, '0:00'],
  ])('writes %d ms as %s', (timeMs, text) => expect(duration(timeMs)).toBe(text));
});
