// A run that was sent is run again and compared: equal, first different where, or not comparable and why; and nothing starts that cannot.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLab } from '../../../src/app/lab.ts';
import { compareRuns, createReproducer, verdictText, whyNotHere } from '../../../src/app/reproduction.ts';
import { type RunEvent, RunLog } from '../../../src/app/runLog.ts';
import { openRunLink, writeRunLink } from '../../../src/app/runLink.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import type { LabApi } from '../../../src/worker/protocol.ts';

const adapter = { vendor: 'google', architecture: 'swiftshader', description: '', software: true, features: [] };
const recipe = { ...LINK_BASE_V1, name: 'sent', seed: 3 };

function run(
  changes: Partial<Extract<RunEvent, { type: 'start' }>> = {},
  numbers: (step: number) => number = (step) => 1 / step,
): RunEvent[] {
  return [
    {
      type: 'start',
      runId: 'r',
      recipe,
      adapter,
      version: '0.1.0',
      startedAt: '2026-01-31T00:00:00.000Z',
      parameters: 1,
      inputs: { model: 'ab', data: 'cd' },
      ...changes,
    },
    ...Array.from(
      { length: 200 },
      (_, i): RunEvent => ({
        type: 'metrics',
        stage: 'ntp',
        arm: 'ntp',
        step: i + 1,
        values: { 'loss/nll': numbers(i + 1), tok_per_s: Math.random() },
      }),
    ),
    { type: 'end', summary: { status: 'finished', error: null, results: [], tokPerS: 1, timeMs: 1 } },
  ];
}
const logOf = (events: readonly RunEvent[]): RunLog => {
  const log = new RunLog();
  log.append(events);
  return log;
};
const changed = (step: number): number => 1 / step + (step === 77 ? Number.EPSILON : 0);

/** As it comes back from a link. */
const sent = async (events: RunEvent[]): Promise<RunLog> => logOf((await openRunLink(await writeRunLink(recipe, logOf(events)))).events);

describe('a comparison of runs', () => {
  it('is bit for bit, by a bundle at the very step, by a link between two of its marks', async () => {
    expect(compareRuns(logOf(run()), logOf(run()))).toEqual({ kind: 'equal', count: 200 });
    expect(compareRuns(await sent(run()), logOf(run()))).toEqual({ kind: 'equal', count: 200 });
    expect(compareRuns(logOf(run()), logOf(run({}, changed)))).toEqual({ kind: 'different', where: 'after NTP step 76, by NTP step 77' });
    const verdict = compareRuns(await sent(run()), logOf(run({}, changed)));
    expect(verdict).toEqual({ kind: 'different', where: 'after NTP step 75, by NTP step 80' });
    expect(verdictText(verdict)).toMatch(/first differ after NTP step 75, by NTP step 80\.$/);
  });

  it.each([
    [
      'another adapter',
      { adapter: { ...adapter, vendor: 'apple', software: false } },
      /it ran on google swiftshader \(software\), and here on apple swiftshader/,
    ],
    ['another version', { version: '0.2.0' }, /version 0\.1\.0, and here with 0\.2\.0/],
    ['another model', { inputs: { model: 'ff', data: 'cd' } }, /other weights/],
    ['another dataset', { inputs: { model: 'ab', data: '' } }, /another file/],
  ])('cannot be made with %s, and says so even where the numbers are equal', async (_, changes, why) => {
    const verdict = compareRuns(await sent(run()), logOf(run(changes)));
    expect(verdict).toMatchObject({ kind: 'incomparable', equal: true, why: [expect.stringMatching(why)] });
    expect(verdictText(verdict)).toMatch(/Yet all numbers are equal/);
  });

  it('needs two whole runs, and to know where the one ran', async () => {
    const half = run().slice(0, 100);
    expect(compareRuns(logOf(run()), logOf(half))).toEqual({ kind: 'unfinished' });
    expect(compareRuns(await sent(half), logOf(run()))).toMatchObject({
      kind: 'incomparable',
      why: [expect.stringMatching(/did not finish/)],
    });
    expect(compareRuns(logOf([]), logOf(run()))).toMatchObject({ kind: 'incomparable', why: [expect.stringMatching(/older release/)] });
  });
});

describe('run it here', () => {
  beforeEach(() => void vi.stubGlobal('fetch', async () => new Response('', { status: 404 })));
  afterEach(() => void vi.unstubAllGlobals());

  async function labThatRuns(events: RunEvent[]) {
    const ran: unknown[] = [];
    const api = {
      adapter: async () => ({ ok: true, adapter }),
      drop: async () => ({ model: null, dataset: null, recipe: null, run: { recipe, events: run() }, problems: [] }),
      run: async (asked: unknown, onEvent: (events: RunEvent[]) => void) => {
        ran.push(asked);
        onEvent(events);
      },
    } as unknown as LabApi;
    const lab = createLab(() => ({ api, terminate: () => undefined, onDeath: () => undefined, onSilence: () => undefined }));
    await lab.open('');
    return { lab, ran, reproducer: createReproducer(lab) };
  }

  it('of a dropped bundle runs its recipe, lays the two over each other and compares them', async () => {
    const { lab, ran, reproducer } = await labThatRuns(run());
    await lab.drop([{ path: 'run.zip', file: new File([], 'run.zip') }]);
    const opened = lab.store.getState().runs.find((entry) => entry.origin === 'bundle');
    expect(lab.store.getState()).toMatchObject({ shown: 'bundle', activity: 'idle' });
    expect(ran).toEqual([]);
    lab.setText('{}');
    await reproducer.runHere(opened!.id);
    expect(ran).toEqual([recipe]);
    expect(reproducer.store.getState()).toMatchObject({ referenceId: opened!.id, verdict: { kind: 'equal', count: 200 } });
    expect(lab.store.getState().compared).toEqual([opened!.id]);
    expect(lab.store.getState().shownId).toBe(reproducer.store.getState().runId);
  });

  it('says what is missing before it starts', async () => {
    const { lab, ran, reproducer } = await labThatRuns(run());
    const dropped = {
      ...recipe,
      model: 'dropped' as const,
      task: { kind: 'text' as const, field: 'text', maxTokens: 9, heldOut: 0, maxRows: 9 },
    };
    const id = lab.addRun('link', dropped, []);
    await reproducer.runHere(id);
    expect(ran).toEqual([]);
    const state = lab.store.getState();
    expect(whyNotHere(state, dropped)).toMatch(/drop the same model first/);
    expect(whyNotHere({ ...state, activity: 'running' }, recipe)).toMatch(/under way/);
    expect(whyNotHere({ ...state, adapter: { kind: 'none', reason: 'no WebGPU' } }, recipe)).toMatch(/no WebGPU/);
    expect(whyNotHere(state, recipe)).toBeNull();
  });
});
