// The runs that the page lists, newest first, as data: what each is, how it stands, what its arms reached. Pure: nothing here holds a log.
// Promises that a listed run keeps its colour slot until it leaves the list, and that no two listed runs share one.
import type { KeptRuns, RunOrigin, RunStatus, Score, StoredRun } from '../store/storedRun.ts';
import type { Arm, ArmResult, RunEvent, RunLog } from './runLog.ts';

export type { RunOrigin, RunStatus, Score };

export interface RunEntry extends StoredRun {
  /** It is on disk and will be here after a reload. */
  stored: boolean;
  /** Another tab has it: read-only here. */
  elsewhere: boolean;
  /** There is a checkpoint to go on from. */
  resumable: boolean;
  /** Its trained arms are in a bundle that is at hand: dropped here, or kept on disk. */
  bundled: boolean;
}

/** A name for a run that sorts by time and is fit for a file: 20260131-235959-a1b2c3. */
export function newRunId(now = new Date()): string {
  const time = now
    .toISOString()
    .replace(/[-:]|\..*$/g, '')
    .replace('T', '-');
  return `${time}-${crypto.randomUUID().slice(0, 6)}`;
}

/** When a run starts, as the list orders runs: after every one that ran here, even where the machine's clock was set back meanwhile. */
export function startTime(runs: readonly RunEntry[], now = new Date()): string {
  const newest = runs.filter((run) => run.origin === 'run').reduce((latest, run) => Math.max(latest, Date.parse(run.startedAt) || 0), 0);
  return new Date(Math.max(now.getTime(), newest + 1)).toISOString();
}

/** With `entry` in its place by time, in the colour slot that it wants if that is free, else in the lowest free one; in place of one of the same id. */
export function withRun(runs: readonly RunEntry[], entry: Omit<RunEntry, 'tone'> & { tone?: number }): RunEntry[] {
  const others = runs.filter((run) => run.id !== entry.id);
  const wanted = runs.find((run) => run.id === entry.id)?.tone ?? entry.tone;
  const tone = wanted === undefined || others.some((run) => run.tone === wanted) ? freeTone(others) : wanted;
  const at = others.findIndex((run) => run.startedAt <= entry.startedAt);
  return at < 0 ? [...others, { ...entry, tone }] : others.toSpliced(at, 0, { ...entry, tone });
}

export function withChange(runs: readonly RunEntry[], id: string, change: Partial<Omit<RunEntry, 'id' | 'tone'>>): RunEntry[] {
  return runs.map((run) => (run.id === id ? { ...run, ...change } : run));
}

function freeTone(runs: readonly RunEntry[]): number {
  const taken = new Set(runs.map((run) => run.tone));
  let tone = 0;
  while (taken.has(tone)) tone++;
  return tone;
}

/** The newest result of every arm, on programs as long as the trained ones. */
export function scoresOf(results: readonly ArmResult[]): Score[] {
  const scores = new Map<Arm, Score>();
  for (const { arm, range, passAt, heldOutNll } of results) {
    if (range !== undefined) continue;
    const pass = passAt['1']?.mean;
    if (pass !== undefined) scores.set(arm, { arm, kind: 'pass@1', value: pass });
    else if (heldOutNll !== null) scores.set(arm, { arm, kind: 'nll', value: heldOutNll });
  }
  return [...scores.values()];
}

/** How a run stands by its log alone: one without an end was broken off. Links carry no end and count as finished. */
export function statusOf(log: RunLog, origin: RunOrigin): RunStatus {
  return log.end?.status ?? (origin === 'run' || origin === 'bundle' ? 'interrupted' : 'finished');
}

/** What of a batch of events changes a run's entry. */
export function changesEntry(events: readonly RunEvent[]): boolean {
  return events.some((event) => event.type === 'result' || event.type === 'end');
}

/** What of an entry is kept in the index. */
export function storedOf({ id, name, origin, status, startedAt, recipe, tone, scores }: RunEntry): StoredRun {
  return { id, name, origin, status, startedAt, recipe, tone, scores };
}

/**
 * A kept run as it is listed after a reload: one that was going on, and that no other tab has, was broken off; so was one that ended in memory and left
 * on disk a checkpoint and no bundle.
 */
export function listed({ run, elsewhere, resumable, bundled }: KeptRuns['runs'][number]): Omit<RunEntry, 'tone'> & { tone: number } {
  const goesOn = run.status === 'running' || run.status === 'paused';
  const status = (goesOn || (resumable && !bundled)) && !elsewhere ? 'interrupted' : run.status;
  return { ...run, status, stored: true, elsewhere, resumable: resumable && !elsewhere, bundled };
}
