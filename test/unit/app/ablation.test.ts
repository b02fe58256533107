// One measurement at a time, shown as it grows; why none can be had.
import { describe, expect, it } from 'vitest';
import { createStore } from 'zustand/vanilla';
import { type AblationResult, createAblation, whyNoAblation } from '../../../src/app/ablation.ts';
import type { Lab, LabState } from '../../../src/app/lab.ts';
import { RunLog } from '../../../src/app/runLog.ts';
import { presetRecipe } from '../../../src/run/presets.ts';

const at = (mean: number) => ({ mean, lo: mean, hi: mean });
const result = (off: string[] | null, programs: number): AblationResult => ({
  score: 'pass@1',
  off,
  programs,
  of: 2,
  samples: 1,
  whole: at(1),
  ablated: at(0.5),
  difference: at(-0.5),
  changed: 1,
  thoughts: { whole: 1, ablated: 1 },
});

type Ablate = (thoughts: string[] | null, report: (r: AblationResult) => void) => Promise<AblationResult>;
function labWith(ablate: Ablate): Pick<Lab, 'store' | 'ask'> & { state: { workerRunId: string } } {
  const state = { workerRunId: 'one' };
  const store = createStore<LabState>(() => state as LabState);
  const api = { ablate: (_: unknown, thoughts: string[] | null, report: (r: AblationResult) => void) => ablate(thoughts, report) };
  return { state, store, ask: (call) => call(api as unknown as Parameters<typeof call>[0]) };
}

describe('switching latents off', () => {
  it('shows a measurement as it grows, and keeps one of each set of latents', async () => {
    const seen: number[] = [];
    const { store, switchOff } = createAblation(
      labWith(async (thoughts, report) => {
        report(result(thoughts, 1));
        seen.push(store.getState().results[0]!.programs);
        expect(store.getState().busy).toBe(true);
        return result(thoughts, 2);
      }),
    );
    await switchOff('ra3', ['a']);
    await switchOff('ra3', null);
    await switchOff('ra3', ['a']);
    expect(seen).toEqual([1, 1, 1]);
    expect(store.getState()).toMatchObject({ busy: false, error: null, runId: 'one', arm: 'ra3' });
    expect(store.getState().results.map((r) => r.off)).toEqual([['a'], null]);
    await switchOff('base', null);
    expect(store.getState().results.map((r) => r.off)).toEqual([null]);
  });

  it('says what failed and can be tried again', async () => {
    const { store, switchOff } = createAblation(labWith(() => Promise.reject(new Error('There is no trained ra3 model yet.'))));
    await switchOff('ra3', null);
    expect(store.getState()).toMatchObject({ busy: false, results: [], error: 'There is no trained ra3 model yet.' });
  });
});

it('the reason why latents cannot be switched off is named, and there is none when they can', () => {
  const log = new RunLog();
  const adapter = { vendor: '', architecture: '', description: '', software: true, features: [] };
  const recipe = presetRecipe('recall-lines', 'quick');
  log.append([{ type: 'start', runId: 'r', recipe, adapter, version: '0', startedAt: '', parameters: 1 }]);
  const own = { shown: 'run', shownId: 'a', workerRunId: 'a', activity: 'idle', runs: [] } as const;
  const bundled = { id: 'a', bundled: true };
  expect(whyNoAblation(own, log)).toBe('');
  const whys = [
    whyNoAblation({ ...own, shown: 'link' }, log),
    whyNoAblation({ ...own, shown: 'demo' }, log),
    whyNoAblation({ ...own, workerRunId: 'b' }, log),
    whyNoAblation({ ...own, workerRunId: 'b', runs: [bundled] }, log),
    whyNoAblation({ ...own, activity: 'running' }, log),
  ];
  expect(new Set(whys).size).toBe(5);
  for (const why of whys) expect(why).toMatch(/\.$/);
});
