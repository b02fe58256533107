// The binding between the lab's store and React; nothing else.
import { useContext, useSyncExternalStore } from 'react';
import { useStore } from 'zustand';
import type { LabState } from '../app/lab.ts';
import { lab } from '../app/theLab.ts';
import { type Moment, Paced } from './pace.ts';

export function useLab<T>(select: (state: LabState) => T): T {
  return useStore(lab.store, select);
}

/** The log as it stands at the cut; renders anew when either changes, at the pace of the place that the component stands in. */
export function useLog(): Moment {
  const pace = useContext(Paced);
  return useSyncExternalStore(pace.subscribe, pace.get);
}
