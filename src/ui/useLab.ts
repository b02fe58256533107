// The binding between the lab's store and React; nothing else.
import { useStore } from 'zustand';
import type { LabState } from '../app/lab.ts';
import type { RunLog } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';

export function useLab<T>(select: (state: LabState) => T): T {
  return useStore(lab.store, select);
}

/** The log as it stands at the cut; renders anew when either changes. */
export function useLog(): { log: RunLog; cut: number; version: number } {
  const version = useLab((s) => s.logVersion);
  const cut = useLab((s) => s.cut);
  return { log: lab.log(), cut, version };
}
