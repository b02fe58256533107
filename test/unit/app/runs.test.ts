// The list of runs as data: order, colour slots, scores, and how a run stands by its log.
import { describe, expect, it } from 'vitest';
import type { ArmResult } from '../../../src/app/runLog.ts';
import { RunLog } from '../../../src/app/runLog.ts';
import { listed, newRunId, type RunEntry, scoresOf, statusOf, withChange, withRun } from '../../../src/app/runs.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';

const entry = (id: string, startedAt: string): Omit<RunEntry, 'tone'> => ({
  id,
  name: id,
  origin: 'run',
  status: 'finished',
  startedAt,
  recipe: LINK_BASE_V1,
  scores: [],
  stored: false,
  elsewhere: false,
  resumable: false,
  bundled: false,
});

const result = (change: Partial<ArmResult>): ArmResult => ({
  arm: 'ra3',
  phase: 'before',
  passAt: {},
  thinkRate: 0,
  thinkByLine: [],
  thoughtsPerProgram: 0,
  meanDuration: null,
  contentRight: null,
  heldOutNll: null,
  ...change,
});

describe('the list of runs', () => {
  it('has the newest first, wherever a run is added', () => {
    let runs: RunEntry[] = [];
    for (const day of ['02', '04', '01', '03']) runs = withRun(runs, entry(day, `2026-01-${day}T00:00:00Z`));
    expect(runs.map((r) => r.id)).toEqual(['04', '03', '02', '01']);
  });

  it('keeps every run its colour slot; a slot is free again only when its run has left the list', () => {
    let runs: RunEntry[] = [];
    for (const id of ['a', 'b', 'c']) runs = withRun(runs, entry(id, id));
    runs = runs.filter((r) => r.id !== 'b');
    runs = withRun(runs, entry('d', 'd'));
    runs = withRun(runs, entry('a', 'e'));
    runs = withChange(runs, 'c', { name: 'other' });
    expect(Object.fromEntries(runs.map((r) => [r.id, r.tone]))).toEqual({ a: 0, c: 2, d: 1 });
    expect(new Set(runs.map((r) => r.tone)).size).toBe(runs.length);
  });

  it('says of each arm its newest pass@1, or its likelihood where nothing judges, on programs as long as the trained ones', () => {
    const interval = (mean: number) => ({ '1': { mean, lo: 0, hi: 1 } });
    expect(
      scoresOf([
        result({ passAt: interval(0.25) }),
        result({ passAt: interval(0.5), phase: 'after' }),
        result({ passAt: interval(0.1), phase: 'after', range: 'hard' }),
        result({ arm: 'ntp', heldOutNll: 1.5 }),
        result({ arm: 'base' }),
      ]),
    ).toEqual([
      { arm: 'ra3', kind: 'pass@1', value: 0.5 },
      { arm: 'ntp', kind: 'nll', value: 1.5 },
    ]);
  });

  it('tells a run that was broken off from one that ended', () => {
    const log = new RunLog();
    expect(statusOf(log, 'run')).toBe('interrupted');
    expect(statusOf(log, 'link')).toBe('finished');
    log.append([{ type: 'end', summary: { status: 'stopped', error: null, results: [], tokPerS: 0, timeMs: 0 } }]);
    expect(statusOf(log, 'run')).toBe('stopped');
  });

  it('can be resumed after a reload where a checkpoint and no bundle is left, whatever its row says, unless another tab has it', () => {
    const { stored: _, resumable: __, bundled: ___, elsewhere: ____, ...row } = entry('a', 'a');
    const on = (left: { resumable: boolean; bundled: boolean; elsewhere?: boolean }, status: RunEntry['status'] = 'finished') => {
      const { status: shown, resumable } = listed({ run: { ...row, status, tone: 0 }, elsewhere: false, ...left });
      return [shown, resumable];
    };
    expect(on({ resumable: true, bundled: false }, 'running')).toEqual(['interrupted', true]);
    expect(on({ resumable: true, bundled: false })).toEqual(['interrupted', true]);
    expect(on({ resumable: true, bundled: true })).toEqual(['finished', true]);
    expect(on({ resumable: false, bundled: true })).toEqual(['finished', false]);
    expect(on({ resumable: true, bundled: false, elsewhere: true })).toEqual(['finished', false]);
  });

  it('names runs by time, each differently', () => {
    const now = new Date('2026-01-31T23:59:58.123Z');
    expect(newRunId(now)).toMatch(/^20260131-235958-[0-9a-f]{6}$/);
    expect(newRunId(now)).not.toBe(newRunId(now));
  });
});
