// Switching latents off in a trained arm and seeing its score measured again: what is being measured, what came out, why it cannot be. Without React.
// Promises one measurement at a time, and that what belongs to another run or arm is not shown. Failures stand in the state, none is silent.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { AblationResult } from '../run/events.ts';
import type { Lab, LabState } from './lab.ts';
import type { Arm, RunLog } from './runLog.ts';
import type { RunEntry } from './runs.ts';

export type { AblationResult };

export interface AblationState {
  /** What the numbers are of. */
  runId: string | null;
  arm: Arm | null;
  busy: boolean;
  /** Newest first, one for each set of latents; the first may still be growing. */
  results: AblationResult[];
  error: string | null;
}

export interface AblationLab {
  store: StoreApi<AblationState>;
  /** `thoughts` by the texts that traces show; null switches all thoughts off. */
  switchOff(arm: Arm, thoughts: string[] | null): Promise<void>;
}

const NOTHING: AblationState = { runId: null, arm: null, busy: false, results: [], error: null };

export function createAblation(lab: Pick<Lab, 'store' | 'ask'>): AblationLab {
  const store = createStore<AblationState>(() => NOTHING);
  const { getState: get, setState: set } = store;
  return {
    store,
    switchOff: async (arm, thoughts) => {
      if (get().busy) return;
      const runId = lab.store.getState().workerRunId;
      const kept = get().runId === runId && get().arm === arm ? get().results.filter((r) => !sameOff(r.off, thoughts)) : [];
      set({ runId, arm, busy: true, results: kept, error: null });
      const show = (result: AblationResult): void => set({ results: [result, ...kept] });
      try {
        show(await lab.ask((api) => api.ablate(arm, thoughts, show)));
      } catch (error) {
        set({ results: kept, error: error instanceof Error ? error.message : String(error) });
      } finally {
        set({ busy: false });
      }
    },
  };
}

export function sameOff(a: readonly string[] | null, b: readonly string[] | null): boolean {
  return a === null || b === null ? a === b : a.length === b.length && a.every((thought) => b.includes(thought));
}

/** Why latents of an arm cannot be switched off now; empty when they can. */
export function whyNoAblation(
  state: Pick<LabState, 'shown' | 'shownId' | 'workerRunId' | 'activity'> & { runs: readonly Pick<RunEntry, 'id' | 'bundled'>[] },
  log: RunLog,
): string {
  const { shown, shownId, workerRunId, activity, runs } = state;
  if (shown === 'link') return 'A link carries no models. Run it here, and its latents can be switched off.';
  if (shown === 'demo') return 'The recorded run carries no models. Press Run: when it has ended, its latents can be switched off.';
  if (shown === 'nothing') return 'Run something first.';
  if (shownId !== workerRunId && runs.find((run) => run.id === shownId)?.bundled)
    return 'The models of this run are in its bundle. Load them, and its latents can be switched off.';
  if (shownId !== workerRunId) return 'The models of this run are no longer held. Run it again, and its latents can be switched off.';
  if (activity !== 'idle') return 'When the run has ended, latents can be switched off in its trained arms.';
  if (log.start?.recipe.task.kind === 'text') return 'Plain text has no thoughts that could be switched off.';
  return '';
}
