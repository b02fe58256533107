// Makes calls to a worker settle: each one rejects with WorkerGone once the worker has died or hung, which comlink alone never does.
// A worker that awaits anything, the GPU included, answers at once; only a synchronous stretch is silent. Beats of the page's own timer are counted,
// not time, so that a sleeping machine, a page that is late itself or a throttled tab kills nothing.

export class WorkerGone extends Error {
  override name = 'WorkerGone';
  /** It was there and did not answer, so it was ended; else it ended by itself. */
  readonly hung: boolean;
  constructor(message: string, hung = false) {
    super(message);
    this.hung = hung;
  }
}

export interface Liveness {
  /** Settles as the call does, or rejects with WorkerGone when the worker goes first. */
  guard<T>(call: Promise<T>): Promise<T>;
  /** Ends it: every pending and later call rejects, listeners are told once. */
  declareDead(reason: string): void;
  onDeath(listener: (error: WorkerGone) => void): void;
  /** Told for how many seconds the worker has been silent when that is long, and null when it answers again after all. */
  onSilence(listener: (silentS: number | null) => void): void;
  readonly dead: WorkerGone | null;
}

export interface Heartbeat {
  /** Resolves when the worker answers. */
  ping: () => Promise<unknown>;
  beatMs: number;
  /** Beats in a row without an answer after which the worker is called silent. */
  silentBeats: number;
  /** The same, after which it counts as hung; asked at every beat. */
  hungBeats: () => number;
  /** In place of both before the first answer, while the worker's script is still on its way. */
  startBeats: number;
}

export function watchLiveness({ ping, beatMs, silentBeats, hungBeats, startBeats }: Heartbeat): Liveness {
  let dead: WorkerGone | null = null;
  const pending = new Set<(error: WorkerGone) => void>();
  const listeners = new Set<(error: WorkerGone) => void>();
  const silenceListeners = new Set<(silentS: number | null) => void>();
  const secondsOf = (beats: number): number => Math.round((beats * beatMs) / 1000);
  let started = false;
  let waiting = false;
  let silent = false;
  let missed = 0;

  const timer = setInterval(() => {
    if (waiting) {
      missed++;
      if (missed >= (started ? hungBeats() : startBeats))
        end(
          `The worker has not answered for ${secondsOf(missed)} s and was ended. What it had reported is kept; a new one starts when it is needed.`,
          started,
        );
      else if (started && missed >= silentBeats) saySilent(secondsOf(missed));
      return;
    }
    waiting = true;
    missed = 0;
    ping().then(answered, answered);
  }, beatMs);

  function answered(): void {
    started = true;
    waiting = false;
    if (silent && !dead) saySilent(null);
  }

  function saySilent(silentS: number | null): void {
    if (silent === (silentS !== null)) return;
    silent = silentS !== null;
    for (const listener of silenceListeners) listener(silentS);
  }

  function end(reason: string, hung: boolean): void {
    if (dead) return;
    dead = new WorkerGone(reason, hung);
    clearInterval(timer);
    for (const reject of pending) reject(dead);
    pending.clear();
    for (const listener of listeners) listener(dead);
    listeners.clear();
    silenceListeners.clear();
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
    declareDead: (reason) => end(reason, false),
    onDeath: (listener) => {
      if (dead) listener(dead);
      else listeners.add(listener);
    },
    onSilence: (listener) => void silenceListeners.add(listener),
    get dead() {
      return dead;
    },
  };
}
