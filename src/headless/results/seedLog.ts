// The log of one run as the report reads it. Refuses text that is not the log of a run that has ended. What the report has no use for is dropped on the
// way in: studies have hundreds of logs.
import type { RunEvent, RunSummary } from '../../run/events.ts';

export type StartEvent = Extract<RunEvent, { type: 'start' }>;
export type MetricsEvent = Extract<RunEvent, { type: 'metrics' }>;

export interface SeedLog {
  start: StartEvent;
  summary: RunSummary;
  events: readonly RunEvent[];
}

/** Reads the lines of a log.jsonl. Throws when it is not the log of a run that has ended. */
export function readSeedLog(text: string): SeedLog {
  const events = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('{"type":"rollouts"'))
    .map((line) => JSON.parse(line) as RunEvent)
    .filter(isRead);
  const start = events.find((e) => e.type === 'start');
  const end = events.findLast((e) => e.type === 'end');
  if (!start || !end) throw new Error('It is not the log of a run that has ended.');
  return { start, summary: end.summary, events };
}

/** Metrics but those of every step of a base or of NTP, and what RA3 is shown to think after an M-step. */
function isRead(e: RunEvent): boolean {
  if (e.type === 'metrics') return e.stage !== 'base' && e.stage !== 'ntp';
  return e.type === 'start' || e.type === 'end' || (e.type === 'traces' && e.stage === 'm-step');
}
