// The binding between the lab's store and React; nothing else.
import { startTransition, useContext, useEffect, useState } from 'react';
import { useStore } from 'zustand';
import type { LabState } from '../app/lab.ts';
import { lab } from '../app/theLab.ts';
import { type Moment, Paced } from './pace.ts';

export function useLab<T>(select: (state: LabState) => T): T {
  return useStore(lab.store, select);
}

/**
 * The log as it stands at the cut; renders anew when either changes, at the pace of the place that the component stands in. As a transition: rendering
 * makes way for input and frames, however much there is to draw.
 */
export function useLog(): Moment {
  const pace = useContext(Paced);
  const [moment, setMoment] = useState(pace.get);
  useEffect(() => {
    const hear = () => startTransition(() => setMoment(pace.get()));
    const stop = pace.subscribe(hear);
    hear();
    return stop;
  }, [pace]);
  return moment;
}
