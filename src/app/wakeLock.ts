// Keeps the screen, and with it the machine, awake while a run goes on, where the browser allows it. A hidden page loses the lock by the browser's rules
// and takes it again when it is seen. Refuses nothing: without the lock the run goes on all the same.
import type { Lab } from './lab.ts';

export function stayAwakeWhileRunning(lab: Lab): void {
  if (!('wakeLock' in navigator)) return;
  let lock: WakeLockSentinel | null = null;
  let asking = false;
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
    } catch {
      lock = null;
    }
    asking = false;
  };
  lab.store.subscribe((now, before) => {
    if (now.activity !== before.activity) void settle();
  });
  document.addEventListener('visibilitychange', () => void settle());
}
