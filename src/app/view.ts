// The page's view while it is looked at: a store that panels read and set, and that keeps the address's view half up to date (debounced, without
// entries in the history; the run link beside it is left as it stands). Promises that opening an address starts nothing. Refuses nothing: what an
// address has wrong is said by `open`.
import { createStore, type StoreApi } from 'zustand/vanilla';
import {
  DEFAULT_VIEW,
  joinHash,
  type PanelName,
  readView,
  splitHash,
  type View,
  type XKind,
  writeView,
  type ZoomName,
} from './viewState.ts';

/** The part of `location` and `history` that is used; `replace` takes '' for an address without a hash. */
export interface AddressBar {
  hash(): string;
  replace(hash: string): void;
}

export interface ViewStore {
  store: StoreApi<View>;
  /** Takes the view of an address; returns why its view part was ignored, or null. */
  open(hash: string): string | null;
  set(change: Partial<View>): void;
  setX(x: XKind): void;
  zoomTo(name: ZoomName, range: readonly [number, number] | null): void;
  /** Every chart shows all it has: ranges that are kept here are dropped, charts that keep their own are told. */
  frame(): void;
  onFrame(listener: () => void): () => void;
  setHidden(panel: PanelName, hidden: boolean): void;
}

const DEBOUNCE_MS = 250;

export function createView(bar: AddressBar): ViewStore {
  const store = createStore<View>(() => DEFAULT_VIEW);
  const framed = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const write = (): void => {
    timer = null;
    const hash = joinHash(splitHash(bar.hash()).link, writeView(store.getState()));
    if (hash !== bar.hash()) bar.replace(hash);
  };
  const set = (change: Partial<View>): void => {
    store.setState(change);
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(write, DEBOUNCE_MS);
  };
  return {
    store,
    open: (hash) => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      const { view, problem } = readView(splitHash(hash).view);
      store.setState(view);
      return problem;
    },
    set,
    // ranges of one kind mean nothing in another
    setX: (x) => set({ x, zoom: {} }),
    zoomTo: (name, range) => {
      const { [name]: _, ...others } = store.getState().zoom;
      set({ zoom: range ? { ...others, [name]: range } : others });
    },
    frame: () => {
      set({ zoom: {} });
      for (const listener of framed) listener();
    },
    onFrame: (listener) => {
      framed.add(listener);
      return () => void framed.delete(listener);
    },
    setHidden: (panel, hidden) => {
      const others = store.getState().hidden.filter((name) => name !== panel);
      set({ hidden: hidden ? [...others, panel] : others });
    },
  };
}

/** The address bar of this page. */
export const pageAddress: AddressBar = {
  hash: () => location.hash,
  replace: (hash) => history.replaceState(history.state, '', hash || `${location.pathname}${location.search}`),
};
