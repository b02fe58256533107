// Makes calls to a worker settle: each one rejects with WorkerGone once the worker has died or hung, which comlink alone never does.
// A worker in a long synchronous stretch is not taken for dead until ten beats in a row went unanswered; beats are counted, not time,
// so that a sleeping machine or a throttled tab kills nothing.

export class WorkerGone extends Error {
  override name = 'WorkerGone';
}

export interface Liveness {
  /** Settles as the call does, or rejects with WorkerGone when the worker goes first. */
  guard<T>(call: Promise<T>): Promise<T>;
  /** Ends it: every pending and later call rejects, listeners are told once. */
  declareDead(reason: string): void;
  onDeath(listener: (error: WorkerGone) => void): void;
  readonly dead: WorkerGone | null;
}

export interface Heartbeat {
  /** Resolves when the worker answers. */
  ping: () => Promise<unknown>;
  beatMs: number;
  /** Beats in a row without an answer after which the worker counts as hung. */
  missedBeats: number;
}

export function watchLiveness({ ping, beatMs, missedBeats }: Heartbeat): Liveness {
  let dead: WorkerGone | null = null;
  const pending = new Set<(error: WorkerGone) => void>();
  const listeners = new Set<(error: WorkerGone) => void>();
  let waiting = false;
  let missed = 0;

  const timer = setInterval(() => {
    if (waiting) {
      missed++;
      if (missed >= missedBeats) {
        const seconds = Math.round((missedBeats * beatMs) / 1000);
        declareDead(
          `The worker has not answered for ${seconds} s and counts as hung. What it had reported is kept; press Run to start again.`,
        );
      }
      return;
    }
    waiting = true;
    missed = 0;
    ping().then(
      () => {
        waiting = false;
      },
      () => {
        waiting = false;
      },
    );
  }, beatMs);

  function declareDead(reason: string): void {
    if (dead) return;
    dead = new WorkerGone(reason);
    clearInterval(timer);
    for (const reject of pending) reject(dead);
    pending.clear();
    for (const listener of listeners) listener(dead);
    listeners.clear();
  }

  return {
    guard: (call) =>
      new Promise((resolve, reject) => {
        if (dead) {
          reject(dead);
          return;
        }
        pending.add(reject);
        call.then(resolve, reject).finally(() => pending.delete(reject));
      }),
    declareDead,
    onDeath: (listener) => {
      if (dead) listener(dead);
      else listeners.add(listener);
    },
    get dead() {
      return dead;
    },
  };
}
