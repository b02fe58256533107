// A run's log from outside (log.jsonl of a bundle, or alone): one event a line, each checked by itself. Lines that are no events are left out, counted and
// the first ones named. Promises: whatever the text is, an answer or LogError; no more memory than the events take.
// Refuses (LogError) logs over their size, without a first event "start", and of which more than one line in twenty is wrong.
import type { Recipe } from '../run/recipe.ts';
import type { RunEvent } from '../run/events.ts';
import { readEvent } from './eventSchema.ts';

export class LogError extends Error {
  override name = 'LogError';
}

export interface ReadLog {
  recipe: Recipe;
  events: RunEvent[];
  wrongLines: number;
  /** The first of them. */
  named: { line: number; message: string }[];
}

export const MAX_LOG_CHARACTERS = 128_000_000;
const MAX_LINE_CHARACTERS = 4_000_000;
const MAX_EVENTS = 1_000_000;
const MAX_WRONG_SHARE = 0.05;
const NAMED = 3;

export function readLog(text: string, what = 'The log'): ReadLog {
  if (text.length > MAX_LOG_CHARACTERS)
    throw new LogError(`${what} has ${text.length} characters; up to ${MAX_LOG_CHARACTERS} are read. Shorten it.`);
  const events: RunEvent[] = [];
  const named: ReadLog['named'] = [];
  let wrongLines = 0;
  let lines = 0;
  let number = 0;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    const line = text.slice(from, end < 0 ? text.length : end);
    from = end < 0 ? text.length : end + 1;
    number++;
    if (line.trim() === '') continue;
    lines++;
    const message = takeLine(line, events);
    if (message === null) continue;
    wrongLines++;
    if (named.length < NAMED) named.push({ line: number, message });
  }
  const first = named.map((each) => `line ${each.line}: ${each.message}`).join('; ');
  const start = events[0];
  if (start?.type !== 'start')
    throw new LogError(
      `${what} is no log of a run: it does not begin with a start event${first ? ` (${first})` : ''}. Export the bundle again.`,
    );
  if (wrongLines > lines * MAX_WRONG_SHARE)
    throw new LogError(
      `${what}: ${wrongLines} of ${lines} lines are no events; up to ${MAX_WRONG_SHARE * 100} % are left out. First: ${first}. Export the bundle again.`,
    );
  return { recipe: start.recipe, events, wrongLines, named };
}

/** What is wrong with the line, or null. */
function takeLine(line: string, events: RunEvent[]): string | null {
  if (line.length > MAX_LINE_CHARACTERS) return `longer than ${MAX_LINE_CHARACTERS} characters`;
  if (events.length >= MAX_EVENTS) return `after the ${MAX_EVENTS} events that are read`;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  const read = readEvent(value);
  if ('wrong' in read) return read.wrong.slice(0, 200);
  if (read.event.type === 'start' && events.length > 0) return 'a second start';
  events.push(read.event);
  return null;
}
