// A log that only grows, as records: a head line with length and CRC-32, then lines of JSON. A record that was torn or damaged is left out and
// counted; what stands behind it is still read. Refuses nothing: whatever the bytes are, what is whole in them is given.
import { crc32 } from '../formats/crc32.ts';
import type { RunEvent } from '../run/events.ts';

const HEAD = /^#([0-9a-f]{8}) ([0-9a-f]{8})\n/;
/** "#", eight digits of length, a space, eight of checksum, a line's end. */
const HEAD_BYTES = 19;

export function logRecord(events: readonly RunEvent[]): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  const head = new TextEncoder().encode(`#${hex(body.length)} ${hex(crc32(body))}\n`);
  const record = new Uint8Array(head.length + body.length);
  record.set(head);
  record.set(body, head.length);
  return record;
}

export interface ReadLog {
  events: RunEvent[];
  /** Where the last whole record ends: what is appended goes there. */
  endBytes: number;
  /** Records that were damaged or torn. */
  lost: number;
}

export function readLogRecords(bytes: Uint8Array): ReadLog {
  const text = new TextDecoder();
  const events: RunEvent[] = [];
  let at = 0;
  let endBytes = 0;
  let lost = 0;
  while (at < bytes.length) {
    const head = HEAD.exec(text.decode(bytes.subarray(at, at + HEAD_BYTES)));
    const length = head ? Number.parseInt(head[1]!, 16) : 0;
    const from = at + HEAD_BYTES;
    if (!head || from + length > bytes.length) {
      lost++;
      const next = nextHead(bytes, at + 1);
      if (next < 0) break;
      at = next;
      continue;
    }
    const body = bytes.subarray(from, from + length);
    if (crc32(body) === Number.parseInt(head[2]!, 16)) {
      for (const line of text.decode(body).split('\n')) if (line) events.push(JSON.parse(line) as RunEvent);
      at = from + length;
      endBytes = at;
    } else {
      lost++;
      const next = nextHead(bytes, at + 1);
      if (next < 0) break;
      at = next;
    }
  }
  return { events, endBytes, lost };
}

/** The next head; -1 when there is none. No line of JSON can end as a head does. */
function nextHead(bytes: Uint8Array, from: number): number {
  const text = new TextDecoder();
  for (let i = from; i < bytes.length; i++) if (bytes[i] === 35 && HEAD.test(text.decode(bytes.subarray(i, i + HEAD_BYTES)))) return i;
  return -1;
}

const hex = (n: number): string => n.toString(16).padStart(8, '0');
