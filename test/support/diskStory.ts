// A run's writing as a story that may be broken off anywhere, and what must be found of it afterwards: the same for files in memory and in a browser.
import type { RunEvent } from '../../src/run/events.ts';
import type { Files } from '../../src/store/files.ts';
import { openBundle, openCheckpoint, readLog, RunWriter } from '../../src/store/runFiles.ts';

export const said = (n: number): RunEvent => ({ type: 'metrics', stage: 'rlvr', arm: 'ra3', step: n, values: { n } });
export const stepsOf = (events: readonly RunEvent[]): number[] => events.map((e) => (e.type === 'metrics' ? e.step : -1));
const STATE_BYTES = 50;
export const state = (n: number): Uint8Array => new Uint8Array(STATE_BYTES).fill(n);
const BUNDLE = [7, 8, 9];
const CHECKPOINTS = 3;
/** What the run's end counts as, after any number of checkpoints. */
export const ENDED = Number.POSITIVE_INFINITY;

/** Checkpoints 1 to 3, so that one takes another's place, each with an event before it, then the end with a bundle; `acknowledged` hears of each. A failure is swallowed, as the run does. */
export async function writeRun(files: Files, id: string, acknowledged: (n: number) => void): Promise<void> {
  const writer = new RunWriter(files, id);
  const safe = (done: Promise<void>, n: number): Promise<void> =>
    done.then(
      () => acknowledged(n),
      () => undefined,
    );
  for (let n = 1; n <= CHECKPOINTS; n++) {
    writer.take(said(n));
    await safe(writer.checkpoint(state(n)), n);
  }
  await safe(writer.end(Uint8Array.from(BUNDLE)), ENDED);
}

export interface Found {
  /** The number that the newest whole checkpoint holds, 0 where there is none. */
  n: number;
  /** Every byte of it is that number. */
  whole: boolean;
  /** Steps of the log up to it. */
  steps: number[];
  /** Steps of the whole log. */
  log: number[];
  bundle: number[] | null;
}

export async function findRun(files: Files, id: string): Promise<Found> {
  const blob = await openBundle(files, id);
  const bundle = blob && [...new Uint8Array(await blob.arrayBuffer())];
  const log = stepsOf((await readLog(files, id)).events);
  const kept = await openCheckpoint(files, id);
  if (!kept) return { n: 0, whole: true, steps: [], log, bundle };
  const n = kept.state[0] ?? -1;
  const whole = kept.state.length === STATE_BYTES && kept.state.every((byte) => byte === n);
  return { n, whole, steps: stepsOf(kept.events), log, bundle };
}

const upTo = (n: number): string => Array.from({ length: n }, (_, i) => i + 1).join();

/** What is wrong with what was found, given what had been acknowledged; null where nothing is. */
export function wrongWith({ n, whole, steps, log, bundle }: Found, acknowledged: number): string | null {
  if (!whole) return `checkpoint ${n} is not whole`;
  if (bundle && bundle.join() !== BUNDLE.join()) return `the bundle is ${bundle.join()}`;
  if (steps.join() !== upTo(n)) return `before checkpoint ${n} the log has steps ${steps.join()}`;
  const safe = Math.min(acknowledged, CHECKPOINTS);
  if (log.slice(0, safe).join() !== upTo(safe)) return `step ${safe} was acknowledged, and the log has ${log.join()}`;
  if (bundle) return null;
  if (acknowledged === ENDED) return 'the run ended, and there is no bundle';
  return n < acknowledged ? `checkpoint ${acknowledged} was acknowledged, and ${n} is found` : null;
}

/** One more checkpoint after the one that is found. */
export async function goOn(files: Files, id: string): Promise<void> {
  const { n } = await findRun(files, id);
  const { writer } = (await openCheckpoint(files, id))!;
  writer.take(said(n + 1));
  await writer.checkpoint(state(n + 1));
}
