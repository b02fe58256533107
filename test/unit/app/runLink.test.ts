// A run as a link: recipe exact, curves and results back as events, foreign curve names left out.
import { expect, it } from 'vitest';
import { openRunLink, writeRunLink } from '../../../src/app/runLink.ts';
import { RunLog, WHOLE } from '../../../src/app/runLog.ts';
import { encodeLink } from '../../../src/share/link.ts';
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
  const hash = await encodeLink({ recipe: LINK_BASE_V1, curves: [{ name: '<img src=x>', x: [0, 1], y: [0, 1] }], results: [] });
  expect((await openRunLink(hash)).events).toEqual([]);
});
