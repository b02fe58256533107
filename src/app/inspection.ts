// The inspector: whose tensors are looked at, what has been read of them, and in which order they are shown. Pure but for the worker's call.
// Promises that a later choice ends an earlier one. Refuses nothing: why a model cannot be read is said in its place.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { InspectedTensor, TensorChange } from '../formats/inspected.ts';
import type { Inspectable } from '../worker/client.ts';
import type { Lab } from './lab.ts';

export type { Inspectable, InspectedTensor };

export const SORTS = {
  file: 'order in the file',
  name: 'name',
  elements: 'size',
  std: 'standard deviation',
  largest: 'largest value',
  zeros: 'zeros',
  change: 'relative change',
} as const;
export type Sort = keyof typeof SORTS;

export interface Inspection {
  what: Inspectable | null;
  reading: boolean;
  tensors: readonly InspectedTensor[];
  error: string | null;
  search: string;
  sort: Sort;
}

export interface Inspector {
  store: StoreApi<Inspection>;
  inspect(what: Inspectable | null): Promise<void>;
  setSearch(search: string): void;
  setSort(sort: Sort): void;
}

export function createInspector(lab: Lab): Inspector {
  const store = createStore<Inspection>(() => ({ what: null, reading: false, tensors: [], error: null, search: '', sort: 'file' }));
  const { getState: get, setState: set } = store;
  lab.store.subscribe((now, before) => {
    if (get().what?.of === 'dropped' && now.recognised?.model !== before.recognised?.model) void inspect(null);
  });
  async function inspect(what: Inspectable | null): Promise<void> {
    const isMine = () => get().what === what;
    set({ what, reading: what !== null, tensors: [], error: null });
    try {
      await lab.worker().inspect(what, (more) => {
        if (isMine()) set((s) => ({ tensors: [...s.tensors, ...more] }));
      });
    } catch (error) {
      if (isMine()) set({ error: (error as Error).message });
    } finally {
      if (isMine()) set({ reading: false });
    }
  }
  return { store, inspect, setSearch: (search) => set({ search }), setSort: (sort) => set({ sort }) };
}

/** Whose name has every word of the search, in the order asked for: largest first, but for names and the file. */
export function shownTensors({ tensors, search, sort }: Pick<Inspection, 'tensors' | 'search' | 'sort'>): InspectedTensor[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = tensors.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
  if (sort === 'file') return found;
  if (sort === 'name') return found.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const key = (t: InspectedTensor): number => {
    const { statistics: s, change } = t;
    switch (sort) {
      case 'elements':
        return elementsOf(t);
      case 'std':
        return s?.std ?? -1;
      case 'largest':
        return s ? Math.max(Math.abs(s.min ?? 0), Math.abs(s.max ?? 0)) : -1;
      case 'zeros':
        return s?.zeros ?? -1;
      case 'change':
        return (change && relativeChange(change)) ?? -1;
    }
  };
  return found.sort((a, b) => key(b) - key(a));
}

/** |now - before| / |before|; null where it was all zero. */
export function relativeChange({ norm, normBefore }: Pick<TensorChange, 'norm' | 'normBefore'>): number | null {
  return normBefore > 0 ? norm / normBefore : null;
}

export interface Totals {
  tensors: number;
  parameters: number;
  sizeBytes: number;
  /** Values that are not finite. */
  broken: number;
  /** |now - before| / |before| of all compared tensors together. */
  relativeChange: number | null;
}

export function totalsOf(tensors: readonly InspectedTensor[]): Totals {
  const sum = (of: (t: InspectedTensor) => number): number => tensors.reduce((total, t) => total + of(t), 0);
  const norm = (of: (change: TensorChange) => number): number => Math.sqrt(sum(({ change }) => (change ? of(change) ** 2 : 0)));
  return {
    tensors: tensors.length,
    parameters: sum(elementsOf),
    sizeBytes: sum((t) => t.sizeBytes ?? 0),
    broken: sum(({ statistics }) => (statistics ? statistics.nans + statistics.infinities : 0)),
    relativeChange: tensors.some((t) => t.change)
      ? relativeChange({ norm: norm((c) => c.norm), normBefore: norm((c) => c.normBefore) })
      : null,
  };
}

function elementsOf({ shape }: InspectedTensor): number {
  return shape.reduce((product, size) => product * size, 1);
}
