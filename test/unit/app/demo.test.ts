// Reading the recorded run: gzipped or inflated by the server, and refused when its lines are no events.
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readRecordedRun } from '../../../src/app/demo.ts';
import { type RunEvent, toJsonLines } from '../../../src/app/runLog.ts';

const events: RunEvent[] = [
  { type: 'notice', level: 'info', message: 'grüß' },
  { type: 'metrics', stage: 'ntp', arm: 'ntp', step: 0, values: { loss: null } },
];

it('reads the same events from gzip and from plain text', async () => {
  const text = toJsonLines(events);
  expect(await readRecordedRun(new Blob([gzipSync(text)]))).toEqual(events);
  expect(await readRecordedRun(new Blob([text.trimEnd()]))).toEqual(events);
});

it('refuses a line that is no event, with its number', async () => {
  await expect(readRecordedRun(new Blob([`${toJsonLines(events)}{"type":"surprise"}\n`]))).rejects.toThrow(/Line 3 .*surprise/);
});
