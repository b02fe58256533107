// A run as a link: recipe exact, curves and results back as events, foreign curve names left out.
import { expect, it } from 'vitest';
import { openRunLink, writeRunLink } from '../../../src/app/runLink.ts';
import { type RunEvent, RunLog, WHOLE } from '../../../src/app/runLog.ts';
import { encodeLink } from '../../../src/share/link.ts';
import { digestLog } from '../../../src/share/logDigest.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';

it('a link brings back recipe, curves with their iterations and gaps, and results', async () => {
  const log = new RunLog();
  for (const iteration of [1, 2]) {
    for (let step = 0; step < 20; step++) {
      log.append([
        { type: 'metrics', stage: 'e-step', arm: 'ra3', iteration, step, values: { 'reward/line': step === 3 ? null : -1 + step / 20 } },
      ]);
    }
  }
  const recipe = { ...LINK_BASE_V1, seed: 42 };
  const opened = await openRunLink(await writeRunLink(recipe, log));
  expect(opened.recipe).toEqual(recipe);
  const copy = new RunLog();
  copy.append(opened.events);
  const curves = copy.curvesOf('e-step', 'reward/line');
  expect(curves.map((c) => c.ref.iteration)).toEqual([1, 2]);
  const { values } = curves[0]!.before(WHOLE);
  expect(values[3]).toBeNaN();
  expect(values[19]).toBeCloseTo(-0.05, 2);
});

it('curves of every arm come back', async () => {
  const log = new RunLog();
  log.append([{ type: 'metrics', stage: 'ntp', arm: 'ntp-compute', step: 1, values: { 'loss/nll': 2 } }]);
  const opened = await openRunLink(await writeRunLink(LINK_BASE_V1, log));
  expect(opened.events).toEqual([{ type: 'metrics', stage: 'ntp', arm: 'ntp-compute', step: 1, values: { 'loss/nll': 2 } }]);
});

it('a curve whose name is no stage, arm and metric is left out', async () => {
  const hash = await encodeLink({
    recipe: LINK_BASE_V1,
    environment: null,
    curves: [{ name: '<img src=x>', x: [0, 1], y: [0, 1] }],
    results: [],
  });
  expect((await openRunLink(hash)).events).toEqual([]);
});

it('a finished run brings along where it ran and checksums of all its numbers, an unfinished one only where', async () => {
  const adapter = { vendor: 'v', architecture: 'a', description: 'd', software: true, features: ['f16'] };
  const start: RunEvent = {
    type: 'start',
    runId: 'x',
    recipe: LINK_BASE_V1,
    adapter,
    version: '0.1.0',
    startedAt: '2026-01-31T00:00:00.000Z',
    parameters: 5,
    inputs: { model: 'ab', data: '' },
  };
  const numbers: RunEvent = { type: 'metrics', stage: 'ntp', arm: 'ntp', step: 1, values: { 'loss/nll': 2.125, tok_per_s: 7 } };
  const end: RunEvent = { type: 'end', summary: { status: 'finished', error: null, results: [], tokPerS: 1, timeMs: 1 } };
  const log = new RunLog();
  log.append([start, numbers]);
  const cut = await openRunLink(await writeRunLink(LINK_BASE_V1, log));
  expect(cut.events[0]).toEqual({ ...start, runId: '', adapter: { ...adapter, features: [] } });
  log.append([end]);
  const opened = await openRunLink(await writeRunLink(LINK_BASE_V1, log));
  expect(opened.events[0]).toMatchObject({ type: 'start', digest: digestLog([numbers]) });
  // a link of a link says the same
  const again = new RunLog();
  again.append(opened.events);
  expect((await openRunLink(await writeRunLink(LINK_BASE_V1, again))).events[0]).toEqual(opened.events[0]);
});
