// The recorded run that plays when the page opens: fetched from the page's own origin, inflated by stream under a cap, read line by line.
// Refuses a log that inflates beyond the cap or whose lines are no events.
import type { RunEvent } from './runLog.ts';

const MAX_BYTES = 64 * 2 ** 20;
const EVENT_TYPES = new Set<string>([
  'start',
  'stage',
  'progress',
  'metrics',
  'traces',
  'infused',
  'rollouts',
  'result',
  'notice',
  'end',
] satisfies RunEvent['type'][]);

export async function fetchRecordedRun(url: string): Promise<RunEvent[]> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`The recorded run could not be fetched: ${url} answered ${response.status}.`);
  return readRecordedRun(await response.blob());
}

/** Events of a log.jsonl, gzipped or not (a server may have inflated it already). */
export async function readRecordedRun(blob: Blob): Promise<RunEvent[]> {
  const head = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const gzipped = head[0] === 0x1f && head[1] === 0x8b;
  const bytes = gzipped ? blob.stream().pipeThrough(new DecompressionStream('gzip')) : blob.stream();
  const reader = bytes.pipeThrough(new TextDecoderStream()).getReader();
  const events: RunEvent[] = [];
  let length = 0;
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MAX_BYTES) {
      await reader.cancel();
      throw new Error(`The recorded run is over ${MAX_BYTES / 2 ** 20} MiB when inflated; it was not read.`);
    }
    const lines = (rest + value).split('\n');
    rest = lines.pop()!;
    for (const line of lines) addEvent(events, line);
  }
  addEvent(events, rest);
  return events;
}

function addEvent(events: RunEvent[], line: string): void {
  if (line.trim() === '') return;
  const event = JSON.parse(line) as { type?: unknown };
  if (typeof event.type !== 'string' || !EVENT_TYPES.has(event.type)) {
    throw new Error(`Line ${events.length + 1} of the recorded run is no event: its type is ${JSON.stringify(event.type)}.`);
  }
  events.push(event as RunEvent);
}
