// Spans of a profile, one measurement at a time, kernels' sources, and why nothing can be profiled.
import { describe, expect, it } from 'vitest';
import type { Lab, LabState } from '../../../src/app/lab.ts';
import { createStepProfiling, spansOf, type StepProfile, whyNoProfile } from '../../../src/app/stepProfile.ts';

type Api = {
  profileStep?: () => Promise<StepProfile>;
  kernelNames?: () => Promise<string[]>;
  kernelSource?: (k: string) => Promise<string>;
};
const labWith = (api: Api): Pick<Lab, 'ask'> => ({ ask: (call) => call(api as unknown as Parameters<typeof call>[0]) });

it('dispatches of one kernel, phase and layer that follow each other are one span; spans lie end to end', () => {
  const dispatch = (kernel: string, layer: number | null, timeUs: number) => ({ kernel, phase: 'forward' as const, layer, timeUs });
  const spans = spansOf({ dispatches: [dispatch('a', 0, 2), dispatch('a', 0, 3), dispatch('a', 1, 1), dispatch('b', 1, 4)] });
  expect(spans.map((s) => [s.kernel, s.layer, s.startUs, s.timeUs, s.calls])).toEqual([
    ['a', 0, 0, 5, 2],
    ['a', 1, 5, 1, 1],
    ['b', 1, 6, 4, 1],
  ]);
});

describe('profiling a step', () => {
  it('is done once at a time, and says what failed', async () => {
    let calls = 0;
    const profile = { plan: 'p' } as StepProfile;
    const { store, measure } = createStepProfiling(
      labWith({
        profileStep: async () => {
          calls++;
          if (calls > 1) throw new Error('A run is going on.');
          return profile;
        },
      }),
    );
    await Promise.all([measure(), measure()]);
    expect([calls, store.getState().busy, store.getState().profile]).toEqual([1, false, profile]);
    await measure();
    expect(store.getState()).toMatchObject({ profile, error: 'A run is going on.', busy: false });
  });

  it('opens the source that was asked for last', async () => {
    const answers = new Map<string, (code: string) => void>();
    const { store, openSource, closeSource, listKernels } = createStepProfiling(
      labWith({
        kernelNames: async () => ['norm/rms_norm'],
        kernelSource: (kernel) => new Promise((resolve) => answers.set(kernel, resolve)),
      }),
    );
    await listKernels();
    expect(store.getState().kernels).toEqual(['norm/rms_norm']);
    const [first, second] = [openSource('a'), openSource('b')];
    expect(store.getState().source).toEqual({ kernel: 'b', code: null });
    answers.get('b')!('B');
    answers.get('a')!('A');
    await Promise.all([first, second]);
    expect(store.getState().source).toEqual({ kernel: 'b', code: 'B' });
    closeSource();
    expect(store.getState().source).toBeNull();
  });
});

it('the reason why no step can be profiled is named, and there is none when one can', () => {
  const report = { vendor: '', architecture: '', description: '', software: true, features: [] };
  const can: Pick<LabState, 'adapter' | 'activity' | 'workerRunId'> = {
    adapter: { kind: 'ok', report },
    activity: 'paused',
    workerRunId: 'a',
  };
  expect([whyNoProfile(can), whyNoProfile({ ...can, activity: 'idle' })]).toEqual(['', '']);
  expect(whyNoProfile({ ...can, activity: 'running' })).toMatch(/^Pause the run/);
  expect(whyNoProfile({ ...can, workerRunId: null })).toMatch(/^Links and recorded runs carry no profile/);
  expect(whyNoProfile({ ...can, adapter: { kind: 'none', reason: 'no' } })).toMatch(/^A profile needs WebGPU/);
});
