// Logs from outside: the recorded run comes back whole; wrong lines are left out, counted and named; a log that is none is refused with what to do.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/run/events.ts';
import { LogError, readLog } from '../../../src/share/logReader.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';

const start = {
  type: 'start',
  runId: 'x',
  recipe: LINK_BASE_V1,
  adapter: { vendor: '', architecture: '', description: '', software: true, features: [] },
  version: '0.1.0',
  startedAt: '2026-01-31T00:00:00.000Z',
  parameters: 1,
};
const metrics = (step: number): object => ({ type: 'metrics', stage: 'ntp', arm: 'ntp', step, values: { 'loss/nll': 1 / step } });
const lines = (...values: unknown[]): string =>
  values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join('');
const good = (count: number): object[] => Array.from({ length: count }, (_, i) => metrics(i + 1));

function refusal(text: string): string {
  try {
    readLog(text);
  } catch (error) {
    expect(error).toBeInstanceOf(LogError);
    return (error as LogError).message;
  }
  throw new Error('it was read');
}

describe('a log from outside', () => {
  it('is read whole: the recorded run comes back event by event', () => {
    const text = gunzipSync(readFileSync(new URL('../../../public/demo/log.jsonl.gz', import.meta.url))).toString('utf8');
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RunEvent);
    const read = readLog(text);
    expect(read.wrongLines).toBe(0);
    expect(read.events).toHaveLength(events.length);
    const recorded = events.find((event) => event.type === 'start');
    expect(read.recipe.task).toEqual(recorded?.recipe.task);
    // what a recipe of that time left out is filled in; all else is as it was
    expect(read.events.slice(1)).toEqual(events.slice(1));
  });

  it('has wrong lines left out, counted and named; numbers that were not finite are NaN', () => {
    const stage = { type: 'stage', status: 'end', steps: 3, timeMs: null, stage: 'ntp', arm: 'ntp' };
    const read = readLog(lines(start, ...good(60), '{"type":"metrics"', { type: 'song' }, { ...metrics(1), arm: 'x' }, stage));
    expect(read).toMatchObject({
      wrongLines: 3,
      named: [{ line: 62, message: 'not JSON' }, { line: 63 }, { line: 64, message: expect.stringMatching(/^arm: /) }],
    });
    expect(read.events).toHaveLength(62);
    expect(read.events.at(-1)).toEqual({ ...stage, timeMs: Number.NaN });
  });

  it('loses keys that nobody knows, and prototypes stay as they are', () => {
    const hostile = `{"type":"metrics","stage":"ntp","arm":"ntp","step":1,"__proto__":{"polluted":1},"extra":[1],"values":{"a":1,"__proto__":2}}`;
    const [, event] = readLog(lines(start, hostile)).events;
    expect(event).toEqual({ type: 'metrics', stage: 'ntp', arm: 'ntp', step: 1, values: { a: 1 } });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('is refused without a start, with a second one counted wrong, and where more than one line in twenty is wrong', () => {
    for (const text of ['', '\n\n', 'x', '[]', '{}', lines(metrics(1)), lines('x', start)])
      expect(refusal(text)).toMatch(text === lines('x', start) ? /1 of 2 lines/ : /does not begin with a start event/);
    expect(readLog(lines(start, ...good(30), start)).named).toEqual([{ line: 32, message: 'a second start' }]);
    expect(refusal(lines(start, ...good(18), 'x', 'y'))).toMatch(/2 of 21 lines are no events; up to 5 % .* line 20: not JSON/);
    expect(refusal(lines({ ...start, recipe: { ...LINK_BASE_V1, seed: -1 } }))).toMatch(/line 1: recipe\.seed/);
  });

  it('takes no text, list or line beyond its limit', () => {
    const notice = (message: string): object => ({ type: 'notice', level: 'info', message });
    const read = readLog(lines(start, ...good(60), notice('x'.repeat(20_001)), `{"type":"${'x'.repeat(4_000_001)}"}`, notice('<b>')));
    expect(read.named.map(({ line, message }) => [line, message])).toEqual([
      [62, expect.stringMatching(/^message: /)],
      [63, 'longer than 4000000 characters'],
    ]);
    expect(read.events.at(-1)).toEqual(notice('<b>'));
  });
});
