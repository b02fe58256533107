// A run as a link: recipe exact, curves and results back as events, foreign curve names left out.
import { expect, it } from 'vitest';
import { chartKind, chartOfRun } from '../../../src/app/runCharts.ts';
import { openRunLink, type Sharing, writeRunLink } from '../../../src/app/runLink.ts';
import { type ArmResult, type RunEvent, RunLog, WHOLE } from '../../../src/app/runLog.ts';
import type { PanelName } from '../../../src/app/viewState.ts';
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
    clocks: [],
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

const scored: ArmResult = {
  arm: 'ra3',
  phase: 'after',
  passAt: {},
  thinkRate: 0,
  thinkByLine: [],
  thoughtsPerProgram: 0,
  meanDuration: null,
  contentRight: null,
  heldOutNll: 1,
};
const started: RunEvent = {
  type: 'start',
  runId: 'x',
  recipe: LINK_BASE_V1,
  adapter: { vendor: 'v', architecture: 'a', description: 'd', software: true, features: [] },
  version: '0.1.0',
  startedAt: '2026-01-31T00:00:00.000Z',
  parameters: 5,
};

/** Forty steps of RLVR by two arms, each told by the clock and in tokens, with a metric that no chart draws by itself. */
function timedLog(): RunLog {
  const log = new RunLog();
  log.append([started]);
  for (const [n, arm] of (['ntp', 'ra3'] as const).entries()) {
    const at = (step: number) => ({ timeMs: 9000 * n + 150 * step + (step % 5), tokens: 80_000 * n + 2000 * step });
    log.append([{ type: 'stage', status: 'start', stage: 'rlvr', arm, steps: 40, timeMs: 0, at: at(0) }]);
    for (let step = 1; step <= 40; step++)
      log.append([{ type: 'metrics', stage: 'rlvr', arm, step, at: at(step), values: { 'reward/mean': step / 40, 'grad/norm': 1 } }]);
  }
  log.append([{ type: 'result', stage: 'evaluate', arm: 'ra3', phase: 'after', result: scored }]);
  return log;
}

async function reopened(log: RunLog, sharing?: Sharing): Promise<RunLog> {
  const copy = new RunLog();
  copy.append((await openRunLink(await writeRunLink(LINK_BASE_V1, log, sharing))).events);
  return copy;
}

it('x is time or tokens in an opened link too, and a link of the opened link says the same', async () => {
  const log = timedLog();
  const copy = await reopened(log);
  const again = await reopened(copy);
  for (const arm of ['ntp', 'ra3']) {
    const of = (each: RunLog) =>
      each
        .curvesOf('rlvr', 'reward/mean')
        .find(({ ref }) => ref.arm === arm)!
        .before(WHOLE);
    const [own, linked, twice] = [of(log), of(copy), of(again)];
    expect([...linked.steps]).toEqual([...own.steps]);
    own.steps.forEach((_, i) => {
      expect(Math.abs(linked.timeMs[i]! - own.timeMs[i]!)).toBeLessThan(20);
      expect(Math.abs(linked.tokens[i]! - own.tokens[i]!)).toBeLessThan(200);
      expect(Math.abs(twice.timeMs[i]! - linked.timeMs[i]!)).toBeLessThan(20);
    });
  }
  const kind = chartKind('reward')!;
  for (const x of ['step', 'time', 'tokens'] as const) {
    const [a, b] = [chartOfRun(kind, { log, cut: WHOLE }, x), chartOfRun(kind, { log: copy, cut: WHOLE }, x)];
    expect(b.lines.map((line) => line.length)).toEqual(a.lines.map((line) => line.length));
    expect(Math.abs(b.end - a.end)).toBeLessThan(0.01 * a.end);
  }
});

it('a link of only what is shown has the curves of those charts and no more; what is hidden stays at home', async () => {
  const log = timedLog();
  const metrics = async (charts: string[] | null, hidden: PanelName[], onlyShown: boolean) => {
    const copy = await reopened(log, { view: { charts, hidden }, onlyShown });
    return { metrics: copy.metricsOf('rlvr'), results: copy.resultsBefore(WHOLE).length, start: copy.start !== null };
  };
  expect(await metrics(null, [], false)).toEqual({ metrics: ['reward/mean'], results: 1, start: true });
  expect(await metrics(['grad-norm'], [], false)).toEqual({ metrics: ['grad/norm', 'reward/mean'], results: 1, start: true });
  expect(await metrics(['grad-norm', 'rlvr:grad/norm'], [], true)).toEqual({ metrics: ['grad/norm'], results: 1, start: true });
  expect(await metrics(['grad-norm'], ['learning', 'compare'], true)).toEqual({ metrics: [], results: 0, start: true });
  expect(await metrics(['grad-norm'], ['ran'], true)).toEqual({ metrics: ['grad/norm'], results: 1, start: false });
});
