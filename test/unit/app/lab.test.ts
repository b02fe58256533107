// The lab without a page: what each verb does to the state, that nothing starts by itself, and that a dying worker loses nothing it has said.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { missingForRecipe } from '../../../src/app/droppedTask.ts';
import { actionForKey, createActions } from '../../../src/app/actions.ts';
import { canLoadModels, createLab, hasModels } from '../../../src/app/lab.ts';
import type { RunEvent } from '../../../src/app/runLog.ts';
import { writeRunLink } from '../../../src/app/runLink.ts';
import { RunLog, toJsonLines } from '../../../src/app/runLog.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import { createView } from '../../../src/app/view.ts';
import { WorkerGone } from '../../../src/worker/liveness.ts';
import type { KeptRuns, StoredRun } from '../../../src/store/storedRun.ts';
import type { KeptState, LabApi, Recognised } from '../../../src/worker/protocol.ts';

const adapter = { vendor: 'v', architecture: 'a', description: 'd', software: false, features: [] };
const notice: RunEvent = { type: 'notice', level: 'info', message: 'from the run' };
const nothing: Recognised = { model: null, dataset: null, recipe: null, run: null, problems: [] };

/** A worker whose run lasts until the test ends it. */
function scriptedWorker() {
  const calls: string[] = [];
  /** What the next drops are recognised as. */
  const answers: Recognised[] = [];
  /** What is on disk, and what was written to the list. */
  const kept: KeptRuns = { storage: { kind: 'disk' }, runs: [] };
  const rows: string[] = [];
  /** Why dropped bundles are not kept. */
  const noRoom: { reason: string | null } = { reason: null };
  let tellKept: (state: KeptState) => void = () => undefined;
  let emit: (events: RunEvent[]) => void = () => undefined;
  let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
  const listeners: ((error: WorkerGone) => void)[] = [];
  const silenceListeners: ((silentS: number | null) => void)[] = [];
  let hungAfterS = (): number => 0;
  const called = async (name: string) => void calls.push(name);
  const api: LabApi = {
    adapter: async () => ({ ok: true, adapter }),
    drop: async (_, goodRowsAlone) => {
      calls.push(goodRowsAlone ? 'drop for good rows' : 'drop');
      return answers.shift() ?? nothing;
    },
    forget: async (part) => void calls.push(`forget ${part}`),
    preview: async () => ({ rows: [], unusable: 0 }),
    inspect: async () => undefined,
    estimate: () => Promise.reject(new Error('not here')),
    run: (_, onEvent, __, onKept = () => undefined) => {
      calls.push('run');
      emit = onEvent;
      tellKept = onKept;
      return new Promise((resolve, reject) => {
        settle = { resolve, reject };
      });
    },
    pause: () => called('pause'),
    resume: () => called('resume'),
    step: () => called('step'),
    stop: () => called('stop'),
    hasChat: async () => false,
    generate: async () => ({ ids: [], text: '', logprobs: [] }),
    ablate: () => Promise.reject(new Error('No arm is held.')),
    profileStep: () => Promise.reject(new Error('Nothing has run.')),
    kernelNames: async () => [],
    kernelSource: async () => '',
    openModels: (from) => called(`open ${'bundle' in from ? from.bundle.name : from.kept}`),
    exportModel: async () => ({}),
    exportCluster: async () => new Uint8Array(),
    exportBundle: async () => new Uint8Array(),
    resumeRun: (id, onEvent, onKept) => api.run(LINK_BASE_V1, onEvent, kept.runs.find(({ run }) => run.id === id)!.run, onKept),
    keptRuns: async () => kept,
    readRun: async () => [notice],
    keepRun: async (run) => void rows.push(`${run.name} ${run.status}`),
    keepBundle: async (id, bundle) => {
      calls.push(`keep ${bundle.name}`);
      for (const row of kept.runs) if (row.run.id === id) row.bundled = noRoom.reason === null;
      return noRoom.reason;
    },
    deleteRun: (id) => called(`delete ${id}`),
    storage: async () => ({ runs: [], usageBytes: null, quotaBytes: null, persisted: false }),
  };
  return {
    calls,
    answers,
    connect: (patience: () => number) => {
      calls.push('connect');
      hungAfterS = patience;
      return {
        api,
        terminate: () => undefined,
        onDeath: (listener: (error: WorkerGone) => void) => void listeners.push(listener),
        onSilence: (listener: (silentS: number | null) => void) => void silenceListeners.push(listener),
      };
    },
    hungAfterS: () => hungAfterS(),
    beSilent: (silentS: number | null) => {
      for (const listener of silenceListeners) listener(silentS);
    },
    kept,
    rows,
    noRoom,
    tellKept: (state: KeptState) => tellKept(state),
    emit: (...events: RunEvent[]) => emit(events),
    finish: () => settle?.resolve(),
    refuse: (message: string) => settle?.reject(new Error(message)),
    die: (hung = false) => {
      const error = new WorkerGone(hung ? 'The worker has not answered.' : 'The worker ended unexpectedly.', hung);
      for (const listener of listeners.splice(0)) listener(error);
      settle?.reject(error);
    },
  };
}

function serveDemo(events: RunEvent[] | null): void {
  vi.stubGlobal('fetch', async () => (events ? new Response(toJsonLines(events)) : new Response('', { status: 404 })));
}

async function openedLab(hash = '', worker = scriptedWorker()) {
  const lab = createLab(worker.connect);
  await lab.open(hash);
  return { worker, lab, state: lab.store.getState };
}

const ticks = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('the lab', () => {
  beforeEach(() => serveDemo([notice]));
  afterEach(() => void vi.unstubAllGlobals());

  it('opens with the recorded run at its end and starts nothing', async () => {
    const { worker, lab, state } = await openedLab();
    expect(state()).toMatchObject({ shown: 'demo', activity: 'idle', alerts: [], adapter: { kind: 'ok' } });
    expect(lab.log().events).toEqual([notice]);
    expect(worker.calls).not.toContain('run');
  });

  it('says so when there is no recorded run, and goes on', async () => {
    serveDemo(null);
    const { state } = await openedLab();
    expect(state().alerts).toEqual([expect.stringMatching(/404/)]);
    expect(state().shown).toBe('nothing');
  });

  it('opens a link read-only: recipe and curves shown, nothing run', async () => {
    const log = new RunLog();
    log.append([{ type: 'metrics', stage: 'rlvr', arm: 'ra3', step: 0, values: { 'reward/mean': 1 } }]);
    const { worker, lab, state } = await openedLab(await writeRunLink({ ...LINK_BASE_V1, seed: 9 }, log));
    expect(state()).toMatchObject({ shown: 'link', activity: 'idle' });
    expect(state().draft.recipe?.seed).toBe(9);
    expect(lab.log().curvesOf('rlvr', 'reward/mean')).toHaveLength(1);
    expect(worker.calls).not.toContain('run');
  });

  it('says why a bad link is bad and starts clean', async () => {
    const { state } = await openedLab('#v1.AAAAAAAA');
    expect(state().alerts).toEqual([expect.stringMatching(/cannot be opened/)]);
    expect(state().shown).toBe('demo');
  });

  it('keeps one failure on top of another, each once, until it is dismissed', async () => {
    serveDemo(null);
    const { lab, state } = await openedLab('#v1.AAAAAAAA');
    lab.fail('the drop failed');
    lab.fail('the drop failed');
    expect(state().alerts).toEqual([expect.stringMatching(/cannot be opened/), expect.stringMatching(/404/), 'the drop failed']);
    lab.dismissAlert('the drop failed');
    expect(state().alerts).toHaveLength(2);
  });

  it('runs, pauses, steps, resumes and ends', async () => {
    const { worker, lab, state } = await openedLab();
    const run = lab.run();
    worker.emit(notice, notice);
    expect(state()).toMatchObject({ shown: 'run', activity: 'running' });
    await lab.pauseOrResume();
    expect(state().activity).toBe('paused');
    await lab.step();
    expect(state().activity).toBe('paused');
    await lab.pauseOrResume();
    expect(state().activity).toBe('running');
    worker.finish();
    await run;
    expect(state().activity).toBe('idle');
    expect(lab.log().length).toBe(2);
    expect(worker.calls.filter((c) => c !== 'connect')).toEqual(['run', 'pause', 'step', 'resume']);
  });

  it('starts no second run and none of a wrong recipe', async () => {
    const { worker, lab } = await openedLab();
    void lab.run();
    await lab.run();
    expect(worker.calls.filter((c) => c === 'run')).toHaveLength(1);
    const other = await openedLab();
    other.lab.setField('seed', 'abc');
    await other.lab.run();
    expect(other.worker.calls).not.toContain('run');
  });

  it('keeps the log when the worker dies, says so, and connects a new worker that is given the drop again', async () => {
    const { worker, lab, state } = await openedLab();
    await lab.drop([{ path: 'a.jsonl', file: new File(['{}'], 'a.jsonl') }]);
    const run = lab.run();
    worker.emit(notice);
    worker.die();
    await run;
    expect(state().activity).toBe('idle');
    expect(lab.log().notices.map((n) => n.message)).toEqual(['from the run', 'The worker ended unexpectedly.']);
    expect(state().alerts).toEqual(['The worker ended unexpectedly.']);
    void lab.run();
    await ticks();
    expect(worker.calls.filter((c) => c === 'connect')).toHaveLength(2);
    expect(worker.calls.slice(-2)).toEqual(['drop', 'run']);
  });

  it('lists every run, and shows another while one goes on', async () => {
    const { worker, lab, state } = await openedLab();
    const run = lab.run();
    const mine = state().shownId!;
    worker.emit(notice);
    await lab.showRun('demo');
    expect(state()).toMatchObject({ shown: 'demo', shownId: 'demo', activity: 'running', workerRunId: mine });
    worker.emit(notice, { type: 'end', summary: { status: 'finished', error: null, results: [], tokPerS: 1, timeMs: 1 } });
    worker.finish();
    await run;
    expect(state().runs.map((r) => [r.id, r.status])).toEqual(expect.arrayContaining([[mine, 'finished']]));
    expect(state().shown).toBe('demo');
    expect((await lab.loadRun(mine)).length).toBe(3);
    await lab.showRun(mine);
    expect(lab.log()).toBe(lab.logOf(mine));
  });

  it('compares, renames and deletes runs, but deletes none that goes on', async () => {
    const { worker, lab, state } = await openedLab();
    const run = lab.run();
    const mine = state().shownId!;
    await lab.toggleCompared('demo');
    expect(state().compared).toEqual(['demo']);
    lab.renameRun(mine, '  mine ');
    lab.renameRun(mine, ' ');
    expect(state().runs.find((r) => r.id === mine)?.name).toBe('mine');
    await lab.deleteRun(mine);
    expect(state().alerts.at(-1)).toMatch(/Stop it before/);
    worker.finish();
    await run;
    await lab.deleteRun(mine);
    expect(state().runs.map((r) => r.id)).toEqual(['demo']);
    expect(state()).toMatchObject({ shownId: 'demo', shown: 'demo', workerRunId: null });
    await lab.deleteRun('demo');
    expect(state()).toMatchObject({ shownId: null, shown: 'nothing', compared: [], runs: [] });
    await expect(lab.loadRun('demo')).rejects.toThrow(/no run demo/);
  });

  const storedRun = (id: string, change: Partial<StoredRun> = {}): StoredRun => ({
    id,
    name: id,
    origin: 'run',
    status: 'running',
    startedAt: `2026-01-01T00:00:0${id.length}Z`,
    recipe: LINK_BASE_V1,
    tone: 4,
    scores: [],
    ...change,
  });

  it('lists what is kept: a run that was broken off can be resumed, one that another tab has (R33) can only be read', async () => {
    const worker = scriptedWorker();
    worker.kept.runs.push(
      { run: storedRun('a'), elsewhere: false, resumable: true, bundled: false },
      { run: storedRun('bb'), elsewhere: true, resumable: true, bundled: false },
      { run: storedRun('ccc', { status: 'finished' }), elsewhere: false, resumable: false, bundled: true },
    );
    const { lab, state } = await openedLab('', worker);
    const rows = Object.fromEntries(state().runs.map((r) => [r.id, r]));
    expect(rows.a).toMatchObject({ status: 'interrupted', resumable: true, stored: true, tone: 4 });
    expect(rows.bb).toMatchObject({ status: 'running', elsewhere: true, resumable: false });
    expect(rows.ccc).toMatchObject({ status: 'finished', resumable: false });
    await lab.showRun('ccc');
    expect(lab.log().events).toEqual([notice]);
    await lab.resumeRun('bb');
    expect(worker.calls).not.toContain('run');
    const refused = lab.resumeRun('a');
    worker.refuse('Drop model.safetensors, then press Resume.');
    await refused;
    expect(state()).toMatchObject({
      shownId: 'a',
      activity: 'idle',
      workerRunId: null,
      alerts: ['Drop model.safetensors, then press Resume.'],
    });
    expect(lab.log().events).toEqual([notice]);
    await lab.refreshRuns();
    lab.setField('seed', 77);
    lab.takeRecipeOf('a');
    expect(state().draft.recipe).toEqual(LINK_BASE_V1);
    const resumed = lab.resumeRun('a');
    worker.emit(notice, { type: 'end', summary: { status: 'finished', error: null, results: [], tokPerS: 1, timeMs: 1 } });
    worker.tellKept({ kind: 'disk' });
    worker.finish();
    await resumed;
    expect(state()).toMatchObject({ shownId: 'a', activity: 'idle', workerRunId: 'a' });
    expect(state().runs.find((r) => r.id === 'a')).toMatchObject({ status: 'finished', resumable: false });
    expect(worker.rows.at(-1)).toBe('a finished');
    await lab.deleteRun('ccc');
    expect(worker.calls).toContain('delete ccc');
  });

  it('keeps a dropped bundle with its run, so that its models are there after a reload; without room says why and keeps its log alone', async () => {
    const worker = scriptedWorker();
    const { lab, state } = await openedLab('', worker);
    const drop = async (name: string, holdsModels: boolean) => {
      const path = `x/${name}`;
      worker.answers.push({ ...nothing, run: { recipe: LINK_BASE_V1, events: [notice], bundle: holdsModels ? path : null } });
      await lab.drop([{ path, file: new File(['zip'], name) }]);
      await ticks();
    };
    await drop('kept.zip', true);
    expect(worker.calls).toContain('keep kept.zip');
    expect(state()).toMatchObject({ shown: 'bundle', alerts: [] });
    await lab.loadModels();
    expect(worker.calls.at(-1)).toBe(`open ${state().shownId}`);
    worker.noRoom.reason = 'The models of large.zip are not kept.';
    await drop('large.zip', true);
    expect(state().alerts).toEqual(['The models of large.zip are not kept.']);
    await lab.loadModels();
    expect(worker.calls.at(-1)).toBe('open large.zip');
    await drop('log.jsonl', false);
    expect(worker.calls).not.toContain('keep log.jsonl');
    expect(canLoadModels(state())).toBe(false);
  });

  it('R24 a bundle opens without its models; they are loaded when asked for, from the dropped file or the kept bundle', async () => {
    const worker = scriptedWorker();
    worker.kept.runs.push({ run: storedRun('ccc', { status: 'finished' }), elsewhere: false, resumable: false, bundled: true });
    worker.kept.runs.push({ run: storedRun('a', { status: 'finished' }), elsewhere: false, resumable: false, bundled: false });
    worker.noRoom.reason = 'no room';
    const { lab, state } = await openedLab('', worker);
    worker.answers.push({ ...nothing, run: { recipe: LINK_BASE_V1, events: [notice], bundle: 'x/run.zip' } });
    await lab.drop([{ path: 'x/run.zip', file: new File(['zip'], 'run.zip') }]);
    expect(state()).toMatchObject({ shown: 'bundle', workerRunId: null });
    expect(canLoadModels(state())).toBe(true);
    expect(worker.calls.filter((call) => call.startsWith('open'))).toEqual([]);
    await lab.loadModels();
    expect(worker.calls).toContain('open run.zip');
    expect(state().workerRunId).toBe(state().shownId);
    expect([hasModels(state()), canLoadModels(state())]).toEqual([true, false]);
    await lab.showRun('ccc');
    expect([hasModels(state()), canLoadModels(state())]).toEqual([false, true]);
    await lab.loadModels();
    expect(worker.calls).toContain('open ccc');
    await lab.showRun('a');
    expect(canLoadModels(state())).toBe(false);
    await lab.loadModels();
    expect(worker.calls.filter((call) => call.startsWith('open'))).toHaveLength(2);
  });

  it('queues one run for each seed, one after another; any of them can be cancelled, and Stop ends the queue', async () => {
    const { worker, lab, state } = await openedLab();
    lab.setField('seed', 7);
    void lab.queueSeeds(4);
    expect(state().queue.map((r) => r.seed)).toEqual([8, 9, 10]);
    lab.cancelQueued(1);
    worker.finish();
    await ticks();
    expect(
      state()
        .runs.filter((r) => r.origin === 'run')
        .map((r) => r.recipe.seed)
        .sort(),
    ).toEqual([7, 8]);
    expect(state().queue.map((r) => r.seed)).toEqual([10]);
    await lab.stop();
    worker.finish();
    await ticks();
    expect(state()).toMatchObject({ activity: 'idle', queue: [] });
    expect(worker.calls.filter((c) => c === 'run')).toHaveLength(2);
  });

  it('R52: a run that starts after the clock was set back is listed as the newest all the same', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2030, 0, 1) });
    try {
      const { worker, lab, state } = await openedLab();
      const first = lab.run();
      const id = state().shownId;
      worker.finish();
      await first;
      vi.setSystemTime(Date.UTC(2026, 0, 1));
      const second = lab.run();
      expect(
        state()
          .runs.map((run) => run.id)
          .slice(0, 2),
      ).toEqual([state().shownId, id]);
      worker.finish();
      await second;
    } finally {
      vi.useRealTimers();
    }
  });

  it('R31: a full disk holds the run and says so; it goes on when asked', async () => {
    const { worker, lab, state } = await openedLab();
    const run = lab.run();
    worker.tellKept({ kind: 'disk' });
    worker.tellKept({ kind: 'full', message: 'The disk is full.' });
    await ticks();
    expect(state()).toMatchObject({ activity: 'paused', alerts: ['The disk is full.'] });
    await lab.pauseOrResume();
    expect(state().activity).toBe('running');
    worker.finish();
    await run;
  });

  it('R34: without storage runs are in memory, and the page says so', async () => {
    const worker = scriptedWorker();
    worker.kept.storage = { kind: 'memory', reason: 'No file system.' };
    const { lab, state } = await openedLab('', worker);
    expect(state().kept).toEqual({ kind: 'memory', message: expect.stringMatching(/No file system.*in memory alone/) });
    const run = lab.run();
    worker.emit(notice);
    worker.finish();
    await run;
    expect(state().runs[0]).toMatchObject({ stored: false });
    expect(worker.rows).toEqual([]);
  });

  it('R51: a run whose worker dies or hangs goes on from its checkpoint by itself; the fourth time within ten minutes it waits', async () => {
    vi.useFakeTimers();
    try {
      const { worker, lab, state } = await openedLab();
      const run = lab.run();
      worker.tellKept({ kind: 'disk' });
      const id = state().shownId!;
      expect(worker.hungAfterS()).toBe(4);
      // first the dead worker's lock is still held, then it is free
      const row = { run: { ...storedRun(id), name: 'mine' }, elsewhere: true, resumable: true, bundled: false };
      worker.kept.runs.push(row);
      worker.emit(notice);
      worker.die(true);
      await vi.advanceTimersByTimeAsync(700);
      expect(state()).toMatchObject({ activity: 'idle', alerts: ['The worker has not answered.'] });
      row.elsewhere = false;
      await vi.advanceTimersByTimeAsync(600);
      expect(state()).toMatchObject({ activity: 'running', workerRunId: id, shownId: id });
      expect(state().alerts).toEqual(['The worker has not answered.', expect.stringMatching(/goes on from its last checkpoint/)]);
      worker.tellKept({ kind: 'disk' });
      // one that was only slow is given longer the next time
      expect(worker.hungAfterS()).toBe(8);
      for (const _ of [2, 3]) {
        worker.die();
        await vi.advanceTimersByTimeAsync(100);
        expect(state().activity).toBe('running');
        worker.tellKept({ kind: 'disk' });
      }
      worker.die();
      await vi.advanceTimersByTimeAsync(5000);
      await run;
      expect(state().activity).toBe('idle');
      expect(state().runs.find((r) => r.id === id)).toMatchObject({ status: 'interrupted', resumable: true });
      expect(worker.calls.filter((c) => c === 'run')).toHaveLength(4);
    } finally {
      vi.useRealTimers();
    }
  });

  it('R51: a run that was paused stays so when its worker dies, and can be resumed', async () => {
    const { worker, lab, state } = await openedLab();
    const run = lab.run();
    worker.tellKept({ kind: 'disk' });
    await lab.pauseOrResume();
    worker.die(true);
    await run;
    expect(state().activity).toBe('idle');
    expect(worker.calls.filter((c) => c === 'run')).toHaveLength(1);
  });

  it('R51: a run in memory alone would be lost, so its worker is waited for longer, and the page says that it is silent', async () => {
    const worker = scriptedWorker();
    worker.kept.storage = { kind: 'memory', reason: 'No file system.' };
    const { lab, state } = await openedLab('', worker);
    expect(worker.hungAfterS()).toBe(4);
    const run = lab.run();
    expect(worker.hungAfterS()).toBe(20);
    worker.beSilent(4);
    expect(state().alerts).toEqual([expect.stringMatching(/not answered for 4 s/)]);
    worker.beSilent(null);
    expect(state().alerts).toEqual([]);
    worker.beSilent(4);
    worker.die(true);
    await run;
    expect(state()).toMatchObject({ activity: 'idle', alerts: ['The worker has not answered.'] });
  });

  it('keeps a model that was dropped before the dataset', async () => {
    const { lab, state, worker } = await openedLab();
    const model = { name: 'm', family: 'llama', parameters: 1, dtype: 'F32', context: 8, layers: 1, vocabulary: 2, hasTokenizer: true };
    worker.answers.push({ ...nothing, model }, { ...nothing, problems: [{ file: 'a', message: 'b' }] });
    await lab.drop([{ path: 'm', file: new File([], 'm') }]);
    await lab.drop([{ path: 'a', file: new File([], 'a') }]);
    expect(state().recognised).toMatchObject({ model, problems: [{ file: 'a' }] });
  });

  it('R14: a dataset with many bad rows is asked about; its good rows are used when they will do, and it starts nothing', async () => {
    const { lab, state, worker } = await openedLab();
    const asks = { file: 'd', goodRows: 9, badRows: 1, badLines: [{ line: 3, message: 'not JSON' }], message: 'bad' };
    const model = { name: 'm', family: 'llama', parameters: 1, dtype: 'F32', context: 8, layers: 1, vocabulary: 2, hasTokenizer: true };
    worker.answers.push({ ...nothing, asks }, { ...nothing, model });
    await lab.drop([{ path: 'd', file: new File([], 'd') }]);
    expect(state()).toMatchObject({ recognised: { asks, dataset: null }, mapping: null, activity: 'idle' });
    await lab.drop([{ path: 'm', file: new File([], 'm') }]);
    expect(state().recognised).toMatchObject({ asks, model });
    expect(missingForRecipe(state().recognised!)).toMatch(/good rows of d/);
    const dataset = {
      name: 'd',
      kind: 'rows' as const,
      rows: 9,
      badRows: 1,
      badLines: asks.badLines,
      fields: ['a'],
      mapping: null,
      problems: null,
      preview: [],
    };
    worker.answers.push({ ...nothing, dataset });
    await lab.answerAsked(true);
    expect(state().recognised).toEqual({ ...nothing, model, dataset });
    expect(worker.calls).toEqual(['connect', 'drop', 'drop', 'drop for good rows']);
    worker.answers.push({ ...nothing, asks });
    await lab.drop([{ path: 'e', file: new File([], 'e') }]);
    await lab.answerAsked(false);
    expect(state().recognised).toEqual({ ...nothing, model, dataset });
    expect(worker.calls).toHaveLength(5);
  });

  it('takes a recognised part back, keeps a corrected mapping while its dataset stays, and gives a new worker the same', async () => {
    const { lab, state, worker } = await openedLab();
    const dataset = {
      name: 'd',
      kind: 'rows' as const,
      rows: 1,
      badRows: 0,
      badLines: [],
      fields: ['a', 'b'],
      mapping: null,
      problems: null,
      preview: [],
    };
    const model = { name: 'm', family: 'llama', parameters: 1, dtype: 'F32', context: 8, layers: 1, vocabulary: 2, hasTokenizer: true };
    worker.answers.push({ ...nothing, dataset }, { ...nothing, model });
    await lab.drop([{ path: 'd', file: new File([], 'd') }]);
    lab.setMapping({ ...state().mapping!, text: 'b' });
    await lab.drop([{ path: 'm', file: new File([], 'm') }]);
    expect(state().mapping).toMatchObject({ text: 'b' });
    await lab.forget('dataset');
    expect(state()).toMatchObject({ recognised: { model, dataset: null }, mapping: null });
    await lab.forget('model');
    expect(state().recognised).toBeNull();
    const run = lab.run();
    worker.die();
    await run;
    worker.calls.length = 0;
    await lab.drop([{ path: 'd', file: new File([], 'd') }]);
    expect(worker.calls).toEqual(['connect', 'drop', 'drop', 'forget dataset', 'forget model', 'drop']);
  });
});

describe('keys', () => {
  const press = (key: string, target: object = { tagName: 'BODY' }, held: object = {}) =>
    ({ key, target, ctrlKey: false, metaKey: false, altKey: false, ...held }) as unknown as KeyboardEvent;

  it('do what the buttons do, except while typing or with a modifier', async () => {
    const { lab, state } = await openedLab();
    const actions = createActions(lab, createView({ hash: () => '', replace: () => undefined }));
    const all = Object.values(actions);
    expect(actionForKey(all, state(), press('R'))).toBe(actions.run);
    expect(actionForKey(all, state(), press('r', { tagName: 'TEXTAREA' }))).toBeNull();
    expect(actionForKey(all, state(), press('r', { tagName: 'INPUT', type: 'text' }))).toBeNull();
    expect(actionForKey(all, state(), press('r', { tagName: 'BODY' }, { ctrlKey: true }))).toBeNull();
    expect(actionForKey(all, state(), press('p'))).toBeNull();
    expect(actionForKey(all, state(), press(' ', { tagName: 'BUTTON' }))).toBeNull();
  });

  it('are all different', async () => {
    const { lab } = await openedLab();
    const keys = Object.values(createActions(lab, createView({ hash: () => '', replace: () => undefined }))).map((a) => a.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
