// Keeps submissions short: learns how long a unit of estimated cost takes on the device from finished work, and says where a list of dispatches
// is to be cut. The page's compositor shares the GPU, and drivers reset it after about two seconds.
import type { GpuContext } from '../gpu/context.ts';

/** Aimed at per submission; estimates are rough, and 200 ms is what must not be exceeded. */
const SUBMISSION_MS = 80;
/** What a dispatch costs beside its arithmetic and bytes. */
export const DISPATCH_COST = 20_000;
/** Shorter measurements say more about the queue than about the work. */
const SHORTEST_MS = 4;

class Pacer {
  /** Milliseconds per unit of cost. */
  private pace: number;
  private lastDone = 0;
  private longest = 0;

  constructor(gpu: GpuContext) {
    this.pace = gpu.software ? 1e-6 : 1e-9;
  }

  /** The cost that one submission may have. */
  budget(): number {
    return SUBMISSION_MS / this.pace;
  }

  submitted(gpu: GpuContext, cost: number): void {
    const at = performance.now();
    gpu.device.queue.onSubmittedWorkDone().then(
      () => {
        const now = performance.now();
        const ms = now - Math.max(at, this.lastDone);
        this.lastDone = now;
        this.longest = Math.max(this.longest, ms);
        if (ms < SHORTEST_MS || cost <= 0) return;
        const measured = ms / cost;
        // slower is believed at once, faster by and by
        this.pace = measured > this.pace ? measured : 0.8 * this.pace + 0.2 * measured;
      },
      () => undefined, // the device is lost: GpuContext.lost says so
    );
  }

  /** The longest submission so far, measured from the host: an upper bound. */
  longestMs(): number {
    return this.longest;
  }
}

const pacers = new WeakMap<GpuContext, Pacer>();

export function pacerOf(gpu: GpuContext): Pacer {
  let pacer = pacers.get(gpu);
  if (!pacer) {
    pacer = new Pacer(gpu);
    pacers.set(gpu, pacer);
  }
  return pacer;
}
