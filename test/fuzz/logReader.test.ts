// Any text, and valid logs with anything in the place of any of their values, give an answer or LogError, in bounded time, and never events that panels do not know.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RunLog } from '../../src/app/runLog.ts';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { LogError, readLog } from '../../src/share/logReader.ts';

const ref = { stage: 'rlvr', arm: 'ra3' };
const VALID: unknown[] = [
  {
    type: 'start',
    runId: 'x',
    recipe: LINK_BASE_V1,
    adapter: { vendor: '', architecture: '', description: '', software: true, features: [] },
    version: '1',
    startedAt: '',
    parameters: 1,
    stages: [{ ref, steps: 3 }],
  },
  { type: 'stage', status: 'start', steps: 3, timeMs: 0, ...ref },
  { type: 'metrics', step: 1, values: { 'reward/mean': 0.5, 'loss/nll': null }, ...ref },
  {
    type: 'traces',
    step: 1,
    traces: [{ prompt: 'p', lines: [{ text: 'a', kind: 'k', thought: null, pThink: 0.5, lineLogprob: -1, gain: 0, right: null }] }],
    ...ref,
  },
  {
    type: 'rollouts',
    step: 1,
    groups: [
      { prompt: 'p', rollouts: [{ tokens: [{ text: 'a', logprob: null, role: 'line' }], reward: 1, advantage: 0, lineOk: [true] }] },
    ],
    ...ref,
  },
  { type: 'progress', done: 1, total: 3, overall: 0.5, leftMs: null, ...ref },
  { type: 'notice', level: 'info', message: 'm' },
  { type: 'end', summary: { status: 'finished', error: null, results: [], tokPerS: 1, timeMs: 1 } },
];

/** Reads, and lets the page's log take what came out: the readers of panels stand on it. */
function readAndTake(text: string): void {
  try {
    const { events } = readLog(text);
    const log = new RunLog();
    log.append(events);
    for (const stage of log.stagesAt(Number.POSITIVE_INFINITY)) expect(typeof stage.ref.arm).toBe('string');
    log.resultsBefore(Number.POSITIVE_INFINITY);
  } catch (error) {
    expect(error).toBeInstanceOf(LogError);
  }
}

/** Every place in a value, as a path. */
function places(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]))];
}

function withAt(value: unknown, [key, ...rest]: (string | number)[], put: unknown): unknown {
  if (key === undefined) return put;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>;
  copy[key] = withAt(copy[key], rest, put);
  return copy;
}

test('R16 any text is read as a log or refused with LogError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.array(fc.json()).map((all) => all.join('\n')),
      ),
      readAndTake,
    ),
    { numRuns: 200 },
  );
});

test('R16 a log with anything in the place of any value is read or refused with LogError', () => {
  const all = VALID.flatMap((event, i) => places(event).map((path) => [i, ...path]));
  const junk = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('__proto__', 1e308, -1, 'x'.repeat(30_000), [[[[]]]], { constructor: { prototype: 1 } }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...all), junk, (path, put) => {
      const events = withAt(VALID, path, put) as unknown[];
      // enough right lines around the wrong one
      const padded = [events[0], ...Array.from({ length: 30 }, () => VALID[2]), ...events.slice(1)];
      readAndTake(padded.map((event) => JSON.stringify(event)).join('\n'));
    }),
    { numRuns: 250 },
  );
  expect(({} as Record<string, unknown>).prototype).toBeUndefined();
});
