// A dead worker says nothing, but the browser frees its locks. The worker holds one lock, named as the worker is, for as long as it lives; the
// page waits for the same lock and is given it the moment the worker is gone. Where locks are missing, or the worker holds none, the page
// is told nothing here and relies on the heartbeat.

/** In the worker, once, at its start. */
export function holdLifeLock(name: string): void {
  navigator.locks?.request(name, () => new Promise<never>(() => undefined)).catch(() => undefined);
}

/** On the page, after the worker has answered once: calls back when the worker that held the lock is gone; never, when none held it. */
export async function whenLifeLockFrees(name: string, signal: AbortSignal, gone: () => void): Promise<void> {
  if (!navigator.locks) return;
  const { held = [] } = await navigator.locks.query();
  if (!held.some((lock) => lock.name === name)) return;
  await navigator.locks.request(name, { signal }, gone).catch(() => undefined);
}
