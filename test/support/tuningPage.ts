// Hands the browser's tuning store to tuningStore.test.ts, under the policy of the real page.
import { tuningStore } from '../../src/worker/tuningStore.ts';

declare global {
  interface Window {
    tuningStore: typeof tuningStore;
  }
}

window.tuningStore = tuningStore;
