// The list of stored runs: one IndexedDB table of rows (storedRun.ts). Promises that rows of every older release are read, and that a row of a newer one,
// or one that is no run, is left where it is. Rejects with StorageGone where the browser has no database for this page.
import { StorageGone } from './files.ts';
import { parseStoredRun, ROW_VERSION, type StoredRun } from './storedRun.ts';

export interface RunIndex {
  all(): Promise<StoredRun[]>;
  put(run: StoredRun): Promise<void>;
  remove(id: string): Promise<void>;
}

const DATABASE = 'ra3-lab-runs';
const TABLE = 'runs';
const SCHEMA = 1;

export const runIndex: RunIndex = {
  async all() {
    const rows = await table<unknown[]>('readonly', (store) => store.getAll());
    return rows.map(parseStoredRun).filter((run): run is StoredRun => run !== null);
  },
  async put(run) {
    await table('readwrite', (store) => store.put({ ...run, version: ROW_VERSION }));
  },
  async remove(id) {
    await table('readwrite', (store) => store.delete(id));
  },
};

async function table<T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  try {
    const opening = indexedDB.open(DATABASE, SCHEMA);
    opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: 'id' });
    const database = await settled(opening);
    try {
      const transaction = database.transaction(TABLE, mode);
      const result = await settled(use(transaction.objectStore(TABLE)));
      if (mode === 'readwrite')
        await new Promise<void>((resolve, reject) => {
          transaction.oncomplete = () => resolve();
          transaction.onabort = () => reject(transaction.error ?? new Error('the browser gave no reason'));
        });
      return result;
    } finally {
      database.close();
    }
  } catch (error) {
    throw new StorageGone(`The list of runs cannot be kept: ${(error as Error).message}.`);
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser gave no reason'));
  });
}
