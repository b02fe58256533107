// The runs that the page lists, newest first, as data: what each is, how it stands, what its arms reached. Pure: nothing here holds a log.
// Promises that a listed run keeps its colour slot until it leaves the list, and that no two listed runs share one.
import type { Arm, ArmResult, Recipe, RunEvent, RunLog } from './runLog.ts';

/** Where a run comes from: it ran on this page, or was opened from a link, from a bundle, or is the recorded one. */
export type RunOrigin = 'run' | 'link' | 'bundle' | 'demo';
export type RunStatus = 'running' | 'paused' | 'interrupted' | 'finished' | 'stopped' | 'failed';

/** An arm's newest result in a few letters: pass@1 where there is a verifier, else the held-out negative log-likelihood. */
export interface Score {
  arm: Arm;
  kind: 'pass@1' | 'nll';
  value: number;
}

export interface RunEntry {
  id: string;
  name: string;
  origin: RunOrigin;
  status: RunStatus;
  /** ISO time. */
  startedAt: string;
  recipe: Recipe;
  /** Colour slot, from 0. */
  tone: number;
  scores: Score[];
}

/** A name for a run that sorts by time and is fit for a file: 20260131-235959-a1b2c3. */
export function newRunId(now = new Date()): string {
  const time = now
    .toISOString()
    .replace(/[-:]|\..*$/g, '')
    .replace('T', '-');
  return `${time}-${crypto.randomUUID().slice(0, 6)}`;
}

/** With `entry` in its place by time, in the lowest free colour slot; in place of one of the same id. */
export function withRun(runs: readonly RunEntry[], entry: Omit<RunEntry, 'tone'>): RunEntry[] {
  const others = runs.filter((run) => run.id !== entry.id);
  const tone = runs.find((run) => run.id === entry.id)?.tone ?? freeTone(others);
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
