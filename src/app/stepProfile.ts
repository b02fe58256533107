// One step of training by kernel, and every kernel's source: what is being measured, what came out, why nothing can be. Without React.
// Promises one measurement at a time; failures stand in the state, none is silent.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { StepProfile } from '../run/events.ts';
import type { Lab, LabState } from './lab.ts';

export type { StepProfile };
export type ProfiledPhase = StepProfile['dispatches'][number]['phase'];

export interface ProfileState {
  busy: boolean;
  profile: StepProfile | null;
  /** Of all kernels; empty until asked for. */
  kernels: string[];
  /** The kernel whose source is shown; code null while it is fetched. */
  source: { kernel: string; code: string | null } | null;
  error: string | null;
}

export interface StepProfiling {
  store: StoreApi<ProfileState>;
  measure(): Promise<void>;
  listKernels(): Promise<void>;
  openSource(kernel: string): Promise<void>;
  closeSource(): void;
}

export function createStepProfiling(lab: Pick<Lab, 'ask'>): StepProfiling {
  const store = createStore<ProfileState>(() => ({ busy: false, profile: null, kernels: [], source: null, error: null }));
  const { getState: get, setState: set } = store;
  const failed = (error: unknown): void => set({ error: error instanceof Error ? error.message : String(error) });
  return {
    store,
    measure: async () => {
      if (get().busy) return;
      set({ busy: true, error: null });
      try {
        set({ profile: await lab.ask((api) => api.profileStep()) });
      } catch (error) {
        failed(error);
      } finally {
        set({ busy: false });
      }
    },
    listKernels: async () => {
      if (get().kernels.length > 0) return;
      try {
        set({ kernels: await lab.ask((api) => api.kernelNames()) });
      } catch (error) {
        failed(error);
      }
    },
    openSource: async (kernel) => {
      set({ source: { kernel, code: null }, error: null });
      try {
        const code = await lab.ask((api) => api.kernelSource(kernel));
        if (get().source?.kernel === kernel) set({ source: { kernel, code } });
      } catch (error) {
        set({ source: null });
        failed(error);
      }
    },
    closeSource: () => set({ source: null }),
  };
}

/** Why no step can be profiled now; empty when one can. */
export function whyNoProfile({ adapter, activity, workerRunId }: Pick<LabState, 'adapter' | 'activity' | 'workerRunId'>): string {
  if (adapter.kind === 'checking') return 'Looking for a WebGPU adapter.';
  if (adapter.kind === 'none') return 'A profile needs WebGPU, which is not there; every kernel can be read all the same.';
  if (workerRunId === null)
    return 'Links and recorded runs carry no profile. Press Run: when it is paused or has ended, one of its steps can be profiled.';
  if (activity !== 'idle' && activity !== 'paused') return 'Pause the run, or let it end, to profile one of its steps.';
  return '';
}

export interface Span {
  kernel: string;
  phase: ProfiledPhase;
  /** Null where no layer is at work. */
  layer: number | null;
  startUs: number;
  timeUs: number;
  calls: number;
}

/** Dispatches end to end; those of one kernel, phase and layer that follow each other are one span. */
export function spansOf({ dispatches }: Pick<StepProfile, 'dispatches'>): Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const { kernel, phase, layer, timeUs } of dispatches) {
    const last = spans.at(-1);
    if (last?.kernel === kernel && last.phase === phase && last.layer === layer) {
      last.timeUs += timeUs;
      last.calls++;
    } else spans.push({ kernel, phase, layer, startUs: at, timeUs, calls: 1 });
    at += timeUs;
  }
  return spans;
}
