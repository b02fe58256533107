// The tuner's memory in the browser: one IndexedDB of small strings. Where the browser refuses storage (private windows), read and write reject and
// the tuner measures each time.
import type { TuningStore } from '../engine/tuner.ts';

const DATABASE = 'ra3-lab-tuning';
const TABLE = 'choices';

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser gave no reason'));
  });
}

async function table<T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  const database = await settled(opening);
  try {
    return await settled(use(database.transaction(TABLE, mode).objectStore(TABLE)));
  } finally {
    database.close();
  }
}

export const tuningStore: TuningStore = {
  async read(key) {
    const value: unknown = await table('readonly', (store) => store.get(key));
    return typeof value === 'string' ? value : null;
  },
  async write(key, value) {
    await table('readwrite', (store) => store.put(value, key));
  },
};
