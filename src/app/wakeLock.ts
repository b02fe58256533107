// Keeps the screen, and with it the machine, awake while a run goes on, where the browser allows it. A hidden page loses the lock by the browser's rules
// and takes it again when it is seen. Refuses nothing: without the lock the run goes on all the same, and the page says once that it has none.
import type { Lab } from './lab.ts';

export function stayAwakeWhileRunning(lab: Pick<Lab, 'store' | 'note'>): void {
  if (!('wakeLock' in navigator)) return;
  let lock: WakeLockSentinel | null = null;
  let asking = false;
  let told = false;
  const wanted = (): boolean => lab.store.getState().activity === 'running' && document.visibilityState === 'visible';
  const settle = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      if (wanted() && (!lock || lock.released)) lock = await navigator.wakeLock.request('screen');
      else if (!wanted() && lock) {
        await lock.release();
        lock = null;
      }
    } catch (error) {
      lock = null;
      // one that was hidden meanwhile asks again once it is seen
      if (!told && wanted()) {
        told = true;
        const why = error instanceof Error ? error.message : String(error);
        lab.note(`The browser does not keep this machine awake during the run (${why}). If it sleeps, the run waits with it.`);
      }
    }
    asking = false;
  };
  lab.store.subscribe((now, before) => {
    if (now.activity !== before.activity) void settle();
  });
  document.addEventListener('visibilitychange', () => void settle());
}
