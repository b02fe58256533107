// Time from a measured speed, the speed from a log's stages; the estimate follows the recipe and is set beside what the run took.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEstimator, lastRecipe, speedsOf, withTime } from '../../../src/app/estimate.ts';
import { createLab } from '../../../src/app/lab.ts';
import { differenceLine } from '../../../src/app/recipeDraft.ts';
import { type Recipe, type RunEvent, RunLog } from '../../../src/app/runLog.ts';
import type { RunEstimate } from '../../../src/run/events.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import type { LabApi } from '../../../src/worker/protocol.ts';

const NTP = { stage: 'ntp', arm: 'ntp' } as const;
const RLVR = { stage: 'rlvr', arm: 'ntp' } as const;
const memory = (scale = 1): RunEstimate => ({
  parameters: 10,
  peakBytes: 1000,
  models: { count: 3, bytes: 40 },
  optimizerBytes: 120,
  largest: { ref: NTP, bytes: 500 },
  stages: [
    { ref: NTP, steps: 10, cost: 1000 * scale },
    { ref: RLVR, steps: 4, cost: 400 * scale },
  ],
});
const finished: RunEvent[] = [
  { type: 'stage', status: 'start', steps: 10, timeMs: 0, ...NTP },
  { type: 'stage', status: 'end', steps: 5, timeMs: 100, ...NTP },
  { type: 'stage', status: 'start', steps: 4, timeMs: 0, ...RLVR },
  { type: 'stage', status: 'end', steps: 4, timeMs: 400, ...RLVR },
  { type: 'end', summary: { status: 'finished', error: null, results: [], tokPerS: 1, timeMs: 500, peakBytes: 900 } },
];
const logOf = (events: RunEvent[]): RunLog => {
  const log = new RunLog();
  log.append(events);
  return log;
};

describe('time', () => {
  it('is cost by the speed of its stage; a stage that ended early did a part of its cost', () => {
    const speeds = speedsOf(logOf(finished), memory().stages, 'last run')!;
    expect(Object.fromEntries(speeds.byStage)).toEqual({ ntp: 5, rlvr: 1 });
    expect(withTime(memory(2), speeds)).toMatchObject({ timeMs: 2000 / 5 + 800, from: 'last run' });
    const other = { ...memory(), stages: [{ ref: { stage: 'base', arm: 'base' } as const, steps: 1, cost: 900 }] };
    expect(withTime(other, speeds).timeMs).toBeCloseTo(900 / (900 / 500), 9);
  });

  it('is not known without a finished stage', () => {
    expect(speedsOf(logOf(finished.slice(0, 1)), memory().stages, 'last run')).toBeNull();
    expect(withTime(memory(), null)).toMatchObject({ timeMs: null, from: null });
  });
});

describe('the estimate of the recipe at hand', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('fetch', async () => new Response('', { status: 404 }));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('follows the draft once it stands still, and is set beside what the run took', async () => {
    const asked: number[] = [];
    const api = {
      adapter: async () => ({ ok: true, adapter: { vendor: '', architecture: '', description: '', software: true, features: [] } }),
      estimate: async (recipe: Recipe) => {
        asked.push(recipe.seed);
        if (recipe.seed === 13) throw new Error('too large');
        return memory();
      },
      run: async (_: Recipe, onEvent: (events: RunEvent[]) => void) => onEvent(finished),
    } as unknown as LabApi;
    const lab = createLab(() => ({ api, terminate: () => undefined, onDeath: () => undefined, onSilence: () => undefined }));
    const store = createEstimator(lab);
    await lab.open('');
    await vi.advanceTimersByTimeAsync(1000);
    expect(store.getState()).toMatchObject({ estimate: { memory: memory(), timeMs: null }, error: null, last: null });
    lab.setField('seed', 11);
    lab.setField('seed', 12);
    lab.setField('seed', 'x');
    lab.setField('seed', 13);
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toEqual([1, 13]);
    expect(store.getState()).toMatchObject({ estimate: null, error: 'too large' });
    lab.setField('seed', 14);
    await vi.advanceTimersByTimeAsync(1000);
    await lab.run();
    expect(store.getState().last).toMatchObject({ timeMs: 500, peakBytes: 900, estimated: { memory: { peakBytes: 1000 } } });
    await vi.advanceTimersByTimeAsync(1000);
    expect(store.getState().estimate).toMatchObject({ timeMs: 600, from: 'last run' });
    expect(lastRecipe(lab.store.getState())?.seed).toBe(14);
  });
});

describe('what differs', () => {
  it('is one line, the name left out', () => {
    const other = { ...LINK_BASE_V1, name: 'other', seed: 2, ra3: { ...LINK_BASE_V1.ra3, c: 0.2 } };
    expect(differenceLine(other, LINK_BASE_V1)).toBe('seed 2 instead of 1, ra3.c 0.2 instead of 0.05');
    expect(differenceLine(other, LINK_BASE_V1, 1)).toBe('seed 2 instead of 1 and 1 more');
    expect(differenceLine(LINK_BASE_V1, { ...LINK_BASE_V1, name: 'x' })).toBe('');
    expect(differenceLine({ a: [1] }, {})).toBe('a [1] instead of nothing');
  });
});
