// Who writes a run: the tab that holds its Web Lock. The browser frees the lock when the tab closes or crashes, so nothing has to be cleaned up.

const PREFIX = 'ra3-lab run ';

/** Takes a run's lock; gives what lets go of it, or null where another tab has it. */
export function lockRun(id: string): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(PREFIX + id, { ifAvailable: true }, (lock) => {
        if (!lock) {
          resolve(null);
          return;
        }
        return new Promise<void>((free) => resolve(free));
      })
      .catch(reject);
  });
}

/** Runs whose lock is held, here or in another tab. */
export async function lockedRuns(): Promise<Set<string>> {
  const { held = [] } = await navigator.locks.query();
  return new Set(held.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [])));
}
