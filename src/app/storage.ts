// What the page stores, byte by byte: read when asked, never by itself while a run goes on. Promises that the sums are those of the files.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { persistStorage } from '../store/persistence.ts';
import type { RunSizes } from '../store/storedRun.ts';
import type { StorageUse } from '../worker/client.ts';
import type { Lab } from './lab.ts';

export type { RunSizes };

export interface StorageState {
  use: StorageUse | null;
  /** Why nothing is shown. */
  error: string | null;
}

export interface StorageView {
  store: StoreApi<StorageState>;
  look(): Promise<void>;
  /** Asks the browser not to clear it by itself; it may refuse. */
  persist(): Promise<void>;
}

export function createStorageView(lab: Lab): StorageView {
  const store = createStore<StorageState>(() => ({ use: null, error: null }));
  const look = async (): Promise<void> => {
    try {
      store.setState({ use: await lab.worker().storage(), error: null });
    } catch (error) {
      store.setState({ use: null, error: error instanceof Error ? error.message : String(error) });
    }
  };
  return {
    store,
    look,
    persist: async () => {
      if (!(await persistStorage()))
        lab.fail('The browser does not promise to keep this page’s storage. Chrome does so for pages that are bookmarked or often used.');
      await look();
    },
  };
}

/** Bytes for people, in decimal units as browsers count quota. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}
