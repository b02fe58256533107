// What a run computed, in a few hundred characters: a running checksum over its metrics and results, kept at up to MARKS places, so that two runs can be
// compared bit for bit and the place of their first difference be found, though only one log is at hand. Times and speeds are left out: they differ always.
// Promises: equal numbers, equal digest; another number, order or length, another digest but for one case in 2^32. Refuses nothing.
import type { RunEvent, StageRef } from '../run/events.ts';
import { crc32 } from '../formats/crc32.ts';

export interface LogDigest {
  /** How many metrics and results there were. */
  count: number;
  /** The checksum after event ceil(count * (i + 1) / marks) for each mark i. */
  marks: number[];
}

export const MARKS = 48;

/** Where in a run a number stands. */
export interface LogPlace extends StageRef {
  step: number | null;
}

const isTime = (metric: string): boolean => metric === 'tok_per_s' || metric.startsWith('time/');

/** An event's numbers as text; null for events that hold none, or only times. */
export function numbersOf(event: RunEvent): { place: LogPlace; text: string } | null {
  if (event.type !== 'metrics' && event.type !== 'result') return null;
  const { stage, arm, iteration, phase } = event;
  const place: LogPlace = { stage, arm, step: event.type === 'metrics' ? event.step : null };
  if (iteration !== undefined) place.iteration = iteration;
  if (phase !== undefined) place.phase = phase;
  if (event.type === 'result') return { place, text: JSON.stringify([place, sorted(event.result)]) };
  const values = Object.entries(event.values).filter(([name]) => !isTime(name));
  return values.length === 0 ? null : { place, text: JSON.stringify([place, sorted(Object.fromEntries(values))]) };
}

/** With the keys of every object in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, sorted(item)]);
}

export function digestLog(events: readonly RunEvent[]): LogDigest {
  const texts = events.flatMap((event) => numbersOf(event)?.text ?? []);
  const marks = Math.min(MARKS, texts.length);
  const found = checksums(texts, (i) => Math.ceil((texts.length * (i + 1)) / marks), marks);
  return { count: texts.length, marks: found };
}

/** Checksums after `at(i)` texts, for i below `marks`, as far as there are texts. */
function checksums(texts: readonly string[], at: (i: number) => number, marks: number): number[] {
  const encoder = new TextEncoder();
  const out: number[] = [];
  let crc = 0;
  let done = 0;
  for (let i = 0; i < marks && at(i) <= texts.length; i++) {
    for (; done < at(i); done++) crc = crc32(encoder.encode(`${texts[done]}\n`), crc);
    out.push(crc);
  }
  return out;
}

export type DigestComparison =
  | { equal: true; count: number }
  /** The first difference lies after `after` (null: from the beginning) and not beyond `upTo` (null: at the end of the shorter run). */
  | { equal: false; after: LogPlace | null; upTo: LogPlace | null };

/** Compares a log with the digest of another. */
export function compareWithDigest(events: readonly RunEvent[], digest: LogDigest): DigestComparison {
  const mine = events.flatMap((event) => numbersOf(event) ?? []);
  const at = (i: number): number => Math.ceil((digest.count * (i + 1)) / digest.marks.length);
  const found = checksums(
    mine.map(({ text }) => text),
    at,
    digest.marks.length,
  );
  const wrong = digest.marks.findIndex((mark, i) => found[i] !== mark);
  if (wrong < 0 && mine.length === digest.count) return { equal: true, count: digest.count };
  const right = wrong < 0 ? digest.count : wrong === 0 ? 0 : at(wrong - 1);
  const next = wrong < 0 || found[wrong] === undefined ? mine.length : at(wrong);
  return { equal: false, after: mine[right - 1]?.place ?? null, upTo: mine[Math.max(right, next - 1)]?.place ?? null };
}

/** Compares two whole logs. */
export function compareLogs(events: readonly RunEvent[], other: readonly RunEvent[]): DigestComparison {
  const mine = events.flatMap((event) => numbersOf(event) ?? []);
  const theirs = other.flatMap((event) => numbersOf(event) ?? []);
  const wrong = mine.findIndex(({ text }, i) => text !== theirs[i]?.text);
  if (wrong < 0 && mine.length === theirs.length) return { equal: true, count: mine.length };
  const at = wrong < 0 ? mine.length : wrong;
  return { equal: false, after: mine[at - 1]?.place ?? null, upTo: (mine[at] ?? theirs[at])?.place ?? null };
}
