// The lab's state and what may be done with it, without React: one store for what changes at a person's pace, the run's log beside it.
// Promises that no failure is silent (each lands in `messages` or in the log) and that opening a page or a link starts nothing.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { writeBundle } from '../share/bundle.ts';
import type { KeptState, LabApi, LabConnection } from '../worker/client.ts';
import { WorkerGone } from '../worker/liveness.ts';
import { copyText } from './clipboard.ts';
import { fetchRecordedRun } from './demo.ts';
import { saveFile } from './download.ts';
import { type FieldMapping, guessMapping, missingForRecipe, type Recognised, recipeForDrop } from './droppedTask.ts';
import { Patience } from './patience.ts';
import { Playback } from './playback.ts';
import { type PresetChoice, recipeOf } from './presets.ts';
import { type Draft, draftOf, draftOfText, withField } from './recipeDraft.ts';
import { type AdapterReport, type Arm, type Notice, type Recipe, type RunEvent, RunLog, toJsonLines, WHOLE } from './runLog.ts';
import { openRunLink, type Sharing, writeRunLink } from './runLink.ts';
import {
  changesEntry,
  listed,
  newRunId,
  type RunEntry,
  type RunOrigin,
  type RunStatus,
  scoresOf,
  startTime,
  statusOf,
  storedOf,
  withChange,
  withRun,
} from './runs.ts';
import { said } from './said.ts';
import { joinHash, splitHash } from './viewState.ts';

/** What the panels show: nothing yet, or a listed run of this origin. */
export type Shown = 'nothing' | RunOrigin;
export type Activity = 'idle' | 'running' | 'pausing' | 'paused' | 'stopping';

export interface LabState {
  adapter: { kind: 'checking' } | { kind: 'ok'; report: AdapterReport } | { kind: 'none'; reason: string };
  /** Of the run of this page that goes on, whichever run is shown. */
  activity: Activity;
  /** Newest first. */
  runs: RunEntry[];
  shownId: string | null;
  /** Runs that are drawn over the shown one. */
  compared: string[];
  /** The run that the worker has: the one that goes on, or the last that did. Its models can be saved and tried. */
  workerRunId: string | null;
  /** Models of the shown run are being read. */
  loadingModels: boolean;
  /** Recipes that run one after another, first to come first. */
  queue: Recipe[];
  shown: Shown;
  /** Whether runs outlive the tab here: on disk, or why in memory alone; null until the worker has said. */
  kept: KeptState | null;
  /** Grows when the log has more to show; at most ten times a second. */
  logVersion: number;
  cut: number;
  playing: boolean;
  draft: Draft;
  basis: PresetChoice;
  dropping: boolean;
  recognised: Recognised | null;
  mapping: FieldMapping | null;
  /** What the page itself has to say, newest last; shown beside the run's own notices. */
  messages: Notice[];
  /** The last thing done, for a polite live region. */
  said: string;
  /** Failures, oldest first, each once: shown on top until dismissed or a run starts. */
  alerts: string[];
}

const BUMP_MS = 100;
/** How long the worker waits for the first picture. */
const FIRST_MS = 1000;
const MAX_ALERTS = 4;
/** The lock of a worker that has ended is free a moment later. */
const LOCK_FREE_MS = 500;
const LOCK_TRIES = 20;

export interface Lab {
  store: StoreApi<LabState>;
  /** The log that the panels show now; replaced, not emptied, when another is shown. */
  log(): RunLog;
  /** A listed run's log where it is in memory. */
  logOf(id: string): RunLog | null;
  /** The same, read from where it is kept. Throws, saying why, for a run that is not listed. */
  loadRun(id: string): Promise<RunLog>;
  /** Lists what was opened and shows it. Returns the run's id. */
  addRun(origin: RunOrigin, recipe: Recipe, events: readonly RunEvent[]): string;
  showRun(id: string): Promise<void>;
  toggleCompared(id: string): Promise<void>;
  renameRun(id: string, name: string): void;
  /** From the list, and from the disk where it is kept. */
  deleteRun(id: string): Promise<void>;
  /** Looks again at what is kept, and which tab has it. */
  refreshRuns(): Promise<void>;
  /** Goes on with an interrupted run from its last checkpoint. */
  resumeRun(id: string): Promise<void>;
  /** The worker's calls, for what the lab itself keeps no state of. */
  worker(): LabApi;
  /** @param painted Settles when what is shown is on the screen: the worker starts then, or a second later. */
  open(hash: string, painted?: () => Promise<void>): Promise<void>;
  run(): Promise<void>;
  /** The recipe with its seed and the ones after it, as so many runs, after what is queued already. */
  queueSeeds(count: number): Promise<void>;
  cancelQueued(place: number): void;
  pauseOrResume(): Promise<void>;
  step(): Promise<void>;
  stop(): Promise<void>;
  share(sharing?: Sharing): Promise<void>;
  downloadBundle(): Promise<void>;
  downloadLog(): void;
  /** Holds the shown run's trained arms, from its bundle, in place of the last run's. */
  loadModels(): Promise<void>;
  downloadModel(arm: Arm): Promise<void>;
  /** The shown run, whose models are held, for RL engines elsewhere. */
  exportCluster(arms: Arm[]): Promise<void>;
  drop(files: { path: string; file: File }[]): Promise<void>;
  /** Whether the good rows of a dataset that was asked about will do; else its file is left out. */
  answerAsked(goodRowsAlone: boolean): Promise<void>;
  /** Takes a recognised part back. */
  forget(part: 'model' | 'dataset' | 'recipe'): Promise<void>;
  setMapping(mapping: FieldMapping): void;
  useDrop(): void;
  useDroppedRecipe(): void;
  /** The recipe of a listed run becomes the one at hand. */
  takeRecipeOf(id: string): void;
  choosePreset(choice: PresetChoice): void;
  setField(path: string, value: unknown): void;
  setText(text: string): void;
  /** One call to the worker; starts a worker where there is none. */
  ask<T>(call: (api: LabApi) => Promise<T>): Promise<T>;
  seek(position: number): void;
  playOrHold(): void;
  position(): number;
  /** Tells a failure that the page met outside the lab's own calls. */
  fail(message: string): void;
  /** Tells what is no failure, among the notices. */
  note(message: string): void;
  dismissAlert(message: string): void;
}

/** `connect` starts a worker, which may be silent for as long as it asks before it is ended. */
export function createLab(connect: (hungAfterS: () => number) => LabConnection): Lab {
  const basis: PresetChoice = { task: 'recall-lines', size: 'quick' };
  const store = createStore<LabState>(() => ({
    adapter: { kind: 'checking' },
    activity: 'idle',
    runs: [],
    shownId: null,
    compared: [],
    workerRunId: null,
    loadingModels: false,
    queue: [],
    shown: 'nothing',
    kept: null,
    logVersion: 0,
    cut: WHOLE,
    playing: false,
    draft: draftOf(recipeOf(basis)),
    basis,
    dropping: false,
    recognised: null,
    mapping: null,
    messages: [],
    said: '',
    alerts: [],
  }));
  const { getState: get, setState: set } = store;

  const logs = new Map<string, RunLog>();
  /** Dropped bundles that hold models and are not kept, by the run that they opened as. */
  const bundles = new Map<string, File>();
  /** Runs that went on in memory alone: what is on disk of them is older. */
  const unkept = new Set<string>();
  /** The run that the worker itself took to where it stands; null once another's models took its place. */
  let ranId: string | null = null;
  let log = new RunLog();
  let playback: Playback | null = null;
  let connection: LabConnection | null = null;
  const patience = new Patience();
  /** Whether a run may go on by itself after the last death of a worker. */
  let mayGoOn = false;
  /** What was given to the worker, in order: a new one is given it again. */
  const given: ((api: LabApi) => Promise<unknown>)[] = [];
  /** The files of a drop that was asked about. */
  let askedOf: Parameters<Lab['drop']>[0] | null = null;
  let bumpTimer: ReturnType<typeof setTimeout> | null = null;

  function bump(): void {
    bumpTimer ??= setTimeout(() => {
      bumpTimer = null;
      set((s) => ({ logVersion: s.logVersion + 1 }));
    }, BUMP_MS);
  }

  function tell(level: Notice['level'], message: string): void {
    set((s) => ({ messages: [...s.messages, { at: WHOLE, level, message }], said: message }));
    if (level !== 'info') alert(message);
  }

  function alert(message: string): void {
    set((s) => ({ said: message, alerts: [...s.alerts.filter((a) => a !== message), message].slice(-MAX_ALERTS) }));
  }

  function dismissAlert(message: string): void {
    set((s) => ({ alerts: s.alerts.filter((a) => a !== message) }));
  }

  /** The worker's API; starts a worker where there is none, and gives it again what was dropped before. */
  function api(): LabApi {
    if (connection) return connection.api;
    const opened = connect(() => {
      const run = entryOf(get().workerRunId);
      return patience.hungAfterS(get().activity !== 'idle' && (!run?.stored || unkept.has(run.id)));
    });
    connection = opened;
    let silence: string | null = null;
    opened.onSilence((silentS) => {
      if (silence) dismissAlert(silence);
      silence = silentS === null ? null : `The worker has not answered for ${silentS} s. It is waited for a little longer.`;
      if (silence) alert(silence);
    });
    opened.onDeath((error) => {
      if (connection === opened) connection = null;
      if (silence) dismissAlert(silence);
      mayGoOn = patience.died(error);
      tell('error', error.message);
    });
    for (const give of given) give(opened.api).catch((error: unknown) => tell('error', said(error)));
    return opened.api;
  }

  function add(origin: RunOrigin, recipe: Recipe, events: readonly RunEvent[], bundle?: File): string {
    const made = new RunLog();
    made.append(events);
    const now = new Date();
    const id = origin === 'demo' ? 'demo' : newRunId(now);
    logs.set(id, made);
    if (bundle) bundles.set(id, bundle);
    const startedAt = made.start?.startedAt ?? startTime(get().runs, now);
    const status: RunStatus = origin === 'run' ? 'running' : statusOf(made, origin);
    const scores = scoresOf(made.resultsBefore(WHOLE));
    const where = { stored: false, elsewhere: false, resumable: false, bundled: bundle !== undefined };
    const entry = { id, name: recipe.name, origin, status, startedAt, recipe, scores, ...where };
    set((s) => ({ runs: withRun(s.runs, entry) }));
    show(entry, made);
    if (origin === 'bundle') void keep(id, events).then(() => keepBundle(id));
    return id;
  }

  function entryOf(id: string | null): RunEntry | undefined {
    return get().runs.find((run) => run.id === id);
  }

  /** Keeps what the list says of a run; with its events, of one that did not run here. Where nothing can be stored it stays in memory. */
  async function keep(id: string, events?: readonly RunEvent[]): Promise<void> {
    const entry = entryOf(id);
    if (!entry || get().kept?.kind === 'memory') return;
    try {
      await api().keepRun(storedOf(entry), events && [...events]);
      if (events) change(id, { stored: true });
    } catch (error) {
      tell('warning', events ? `${said(error)} ${entry.name} is in memory alone and gone after a reload.` : said(error));
    }
  }

  /** Keeps the dropped bundle of a kept run, where there is one and there is room. */
  async function keepBundle(id: string): Promise<void> {
    const bundle = bundles.get(id);
    if (!bundle || !entryOf(id)?.stored) return;
    try {
      const refused = await api().keepBundle(id, bundle);
      if (refused === null) bundles.delete(id);
      else tell('warning', refused);
    } catch (error) {
      tell('warning', said(error));
    }
  }

  /** Lists what is kept, and looks again who has it. */
  async function listKept(): Promise<void> {
    try {
      const { storage, runs } = await api().keptRuns();
      set({
        kept:
          storage.kind === 'disk'
            ? storage
            : { kind: 'memory', message: `${storage.reason} Runs are in memory alone: download a bundle before closing the tab.` },
      });
      const { activity, workerRunId } = get();
      for (const run of runs.map(listed)) {
        if ((activity !== 'idle' && run.id === workerRunId) || unkept.has(run.id)) continue;
        const known = entryOf(run.id);
        const bundled = run.bundled || bundles.has(run.id);
        set((s) => ({ runs: withRun(s.runs, known ? { ...known, ...run, name: known.name, bundled } : run) }));
      }
    } catch (error) {
      tell('warning', said(error));
    }
  }

  function show({ id, origin }: Pick<RunEntry, 'id' | 'origin'>, of: RunLog): void {
    playback?.stop();
    log = of;
    const { events } = of;
    playback =
      origin === 'demo'
        ? new Playback(events, (cut, playing) => set({ cut: playing ? cut : cut >= events.length ? WHOLE : cut, playing }))
        : null;
    set((s) => ({ shownId: id, shown: origin, cut: WHOLE, playing: false, logVersion: s.logVersion + 1 }));
  }

  function showNothing(): void {
    playback?.stop();
    playback = null;
    log = new RunLog();
    set((s) => ({ shownId: null, shown: 'nothing', cut: WHOLE, playing: false, logVersion: s.logVersion + 1 }));
  }

  function change(id: string, what: Parameters<typeof withChange>[2]): void {
    set((s) => ({ runs: withChange(s.runs, id, what) }));
  }

  async function loadRun(id: string): Promise<RunLog> {
    const held = logs.get(id);
    if (held) return held;
    if (entryOf(id)?.stored) {
      const read = new RunLog();
      read.append(await api().readRun(id));
      // one that another tab writes is read anew each time
      if (!entryOf(id)?.elsewhere) logs.set(id, read);
      return read;
    }
    throw new Error(`There is no run ${id} on this page. Choose one of the list.`);
  }

  async function showRun(id: string): Promise<void> {
    const entry = entryOf(id);
    try {
      const loaded = await loadRun(id);
      if (entry) show(entry, loaded);
    } catch (error) {
      tell('error', said(error));
    }
  }

  /** The page's own run now does `activity`, and its entry says so. */
  function setActivity(activity: Activity): void {
    set({ activity });
    const { workerRunId } = get();
    if (workerRunId && activity !== 'idle') change(workerRunId, { status: activity === 'paused' ? 'paused' : 'running' });
  }

  async function askAdapter(): Promise<void> {
    try {
      const answer = await api().adapter();
      set({ adapter: answer.ok ? { kind: 'ok', report: answer.adapter } : { kind: 'none', reason: answer.reason } });
    } catch (error) {
      set({ adapter: { kind: 'none', reason: said(error) } });
    }
  }

  async function showFirst(hash: string): Promise<void> {
    if (hash.length > 1) {
      try {
        const { recipe, events } = await openRunLink(hash);
        set({ draft: draftOf(recipe) });
        add('link', recipe, events);
        return;
      } catch (error) {
        tell('warning', said(error));
      }
    }
    if (get().shown !== 'nothing') return;
    try {
      const events = await fetchRecordedRun('demo/log.jsonl.gz');
      if (get().shown !== 'nothing') return;
      const recorded = events.find((event) => event.type === 'start');
      add('demo', recorded?.recipe ?? recipeOf(basis), events);
    } catch (error) {
      tell('warning', said(error));
    }
  }

  /** Runs one control call; a failure is told, not thrown. */
  async function control(during: Activity, call: (api: LabApi) => Promise<void>, after: Activity | null): Promise<void> {
    setActivity(during);
    try {
      await call(api());
      if (after && get().activity === during) setActivity(after);
    } catch (error) {
      tell('error', said(error));
    }
  }

  /** A run from its start, or from where it stood, to its end. What happens to its storage is told, and a full disk holds it. False when it did not begin. */
  async function carry(
    id: string,
    mine: RunLog,
    start: (api: LabApi, onEvent: (events: RunEvent[]) => void, onKept: (state: KeptState) => void) => Promise<void>,
  ): Promise<boolean> {
    const before = { workerRunId: get().workerRunId, ranId };
    let began = false;
    ranId = id;
    set({ workerRunId: id, said: 'Run started' });
    setActivity('running');
    let failed = false;
    let goesOn = false;
    const onEvent = (events: RunEvent[]): void => {
      began = true;
      mine.append(events);
      if (changesEntry(events)) {
        change(id, { scores: scoresOf(mine.resultsBefore(WHOLE)) });
        if (entryOf(id)?.stored) void keep(id);
      }
      for (const event of events) if (event.type === 'notice' && event.level === 'error') alert(event.message);
      bump();
    };
    const onKept = (kept: KeptState): void => {
      if (kept.kind === 'disk') {
        change(id, { stored: true });
        set({ kept });
        return;
      }
      tell('error', kept.message);
      if (kept.kind === 'memory') {
        unkept.add(id);
        set({ kept });
      } else if (get().activity === 'running') void control('pausing', (a) => a.pause(), 'paused');
    };
    try {
      await start(api(), onEvent, onKept);
      set({ said: 'Run ended' });
    } catch (error) {
      failed = !(error instanceof WorkerGone);
      goesOn = error instanceof WorkerGone && mayGoOn && get().activity === 'running';
      mine.append([{ type: 'notice', level: 'error', message: said(error) }]);
      if (failed) tell('error', said(error));
    } finally {
      const status = statusOf(mine, 'run');
      change(id, { status: failed && status === 'interrupted' && !entryOf(id)?.resumable ? 'failed' : status, resumable: false });
      set((s) => ({ activity: 'idle', logVersion: s.logVersion + 1 }));
      if (entryOf(id)?.stored) await keep(id);
      if (status === 'interrupted') unkept.delete(id);
      else if (entryOf(id)?.stored && !unkept.has(id)) change(id, { bundled: true });
      if (!began) {
        ranId = before.ranId;
        set({ workerRunId: before.workerRunId });
      }
      if (goesOn && entryOf(id)?.stored) await goOn(id);
      else if (status === 'interrupted') setTimeout(() => void listKept(), LOCK_FREE_MS);
    }
    return began;
  }

  /** Resumes a run that its worker broke off, as soon as that worker's lock is free. Without a checkpoint it stays as it is. */
  async function goOn(id: string): Promise<void> {
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      await listKept();
      const entry = entryOf(id);
      if (!entry || get().activity !== 'idle') return;
      if (entry.resumable) {
        tell('warning', 'The run goes on from its last checkpoint, in a new worker.');
        await resume(entry, get().shownId === id);
        return;
      }
      if (!entry.elsewhere) return;
      await new Promise((resolve) => setTimeout(resolve, LOCK_FREE_MS));
    }
  }

  async function resume(entry: RunEntry, shown: boolean): Promise<void> {
    const { id } = entry;
    const mine = new RunLog();
    logs.set(id, mine);
    if (shown) show(entry, mine);
    const began = await carry(id, mine, (a, onEvent, onKept) => a.resumeRun(id, onEvent, onKept));
    if (began) return;
    // what is kept of it is shown as before
    logs.delete(id);
    if (get().shownId === id) await showRun(id);
  }

  async function start(recipe: Recipe): Promise<void> {
    set({ alerts: [] });
    const id = add('run', recipe, []);
    await carry(id, log, (a, onEvent, onKept) => a.run(recipe, onEvent, storedOf(entryOf(id)!), onKept));
  }

  /** @param goodRowsAlone the same files once more, by someone who says that the good rows of the dataset will do. */
  async function drop(files: Parameters<Lab['drop']>[0], goodRowsAlone: boolean): Promise<void> {
    if (files.length === 0) return;
    set({ dropping: true, said: `Reading ${files.length} ${files.length === 1 ? 'file' : 'files'}` });
    try {
      const found = await api().drop(files, goodRowsAlone);
      if (found.run && !goodRowsAlone) {
        const { recipe, events, bundle } = found.run;
        const file = files.find(({ path }) => path === bundle)?.file;
        add('bundle', recipe, events, file);
      }
      const recognised = joined(get().recognised, { ...found, run: null });
      given.push((a) => a.drop(files, goodRowsAlone));
      if (found.asks) askedOf = files;
      else if (!recognised.asks) askedOf = null;
      // a mapping that was corrected stays while its dataset does
      const mapping = recognised.dataset === get().recognised?.dataset ? get().mapping : guessMapping(recognised);
      set({ recognised, mapping, said: 'Files read' });
    } catch (error) {
      tell('error', said(error));
    } finally {
      set({ dropping: false });
    }
  }

  /** Runs what is queued, one after another, once nothing else runs. */
  async function runQueue(): Promise<void> {
    for (;;) {
      const [next, ...rest] = get().queue;
      if (!next || get().activity !== 'idle') return;
      set({ queue: rest });
      await start(next);
    }
  }

  return {
    store,
    log: () => log,
    logOf: (id) => logs.get(id) ?? null,
    loadRun,
    addRun: add,
    showRun,
    toggleCompared: async (id) => {
      if (get().compared.includes(id)) {
        set((s) => ({ compared: s.compared.filter((other) => other !== id) }));
        return;
      }
      try {
        await loadRun(id);
        set((s) => ({ compared: [...s.compared.filter((other) => other !== id), id] }));
      } catch (error) {
        tell('error', said(error));
      }
    },
    renameRun: (id, name) => {
      const given = name.trim().slice(0, 200);
      if (!given) return;
      change(id, { name: given });
      if (entryOf(id)?.stored) void keep(id);
    },
    deleteRun: async (id) => {
      const { activity, workerRunId } = get();
      const entry = entryOf(id);
      if (activity !== 'idle' && id === workerRunId) {
        tell('warning', 'This run goes on. Stop it before deleting it.');
        return;
      }
      try {
        if (!entry || entry.stored) await api().deleteRun(id);
      } catch (error) {
        tell('error', said(error));
        return;
      }
      logs.delete(id);
      bundles.delete(id);
      const left = get().runs.filter((run) => run.id !== id);
      set((s) => ({ runs: left, compared: s.compared.filter((other) => other !== id), said: `Run ${entry?.name ?? id} deleted` }));
      if (workerRunId === id) set({ workerRunId: null });
      if (get().shownId !== id) return;
      const next = left.find((run) => logs.has(run.id));
      if (next) show(next, logs.get(next.id)!);
      else showNothing();
    },
    refreshRuns: listKept,
    resumeRun: async (id) => {
      const entry = entryOf(id);
      if (get().activity !== 'idle' || !entry?.resumable) return;
      set({ alerts: [] });
      await resume(entry, true);
      await runQueue();
    },
    worker: api,
    open: async (hash, painted = async () => undefined) => {
      // the first picture needs neither worker nor GPU, which take the processor's time
      const first = showFirst(hash).then(painted);
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([first, new Promise((resolve) => (timer = setTimeout(resolve, FIRST_MS)))]);
      clearTimeout(timer);
      await Promise.all([first, askAdapter(), listKept()]);
    },

    run: async () => {
      const { draft, activity } = get();
      if (activity !== 'idle' || !draft.recipe) return;
      await start(draft.recipe);
      await runQueue();
    },
    queueSeeds: async (count) => {
      const { recipe } = get().draft;
      if (!recipe) return;
      const more = Array.from({ length: count }, (_, i) => ({ ...recipe, seed: (recipe.seed + i) % 2 ** 32 }));
      set((s) => ({ queue: [...s.queue, ...more], said: `${count} runs queued` }));
      await runQueue();
    },
    cancelQueued: (place) => set((s) => ({ queue: s.queue.filter((_, i) => i !== place) })),
    pauseOrResume: async () => {
      const { activity } = get();
      if (activity === 'running') await control('pausing', (a) => a.pause(), 'paused');
      else if (activity === 'paused') await control('running', (a) => a.resume(), null);
    },
    step: async () => {
      if (get().activity === 'paused') await control('paused', (a) => a.step(), null);
    },
    stop: async () => {
      const { activity } = get();
      if (activity === 'idle' || activity === 'stopping') return;
      set({ queue: [] });
      await control('stopping', (a) => a.stop(), null);
    },

    share: async (sharing) => {
      const recipe = log.start?.recipe ?? get().draft.recipe;
      if (!recipe) return;
      try {
        const hash = await writeRunLink(recipe, log, sharing);
        history.replaceState(null, '', joinHash(hash, splitHash(location.hash).view));
        if (await copyText(location.href)) set({ said: `Link copied: ${location.href.length} characters` });
        else alert('The link is in the address bar; copy it there: the browser refused the clipboard.');
      } catch (error) {
        tell('error', said(error));
      }
    },
    downloadBundle: async () => {
      try {
        const { shownId } = get();
        const dropped = shownId === null ? undefined : bundles.get(shownId);
        const id = shownId !== null && shownId !== ranId ? shownId : undefined;
        const bytes = dropped ? await wholeOf(dropped) : await api().exportBundle(id);
        saveFile(`${fileStem(log)}.zip`, bytes, 'application/zip');
        set({ said: 'Bundle saved' });
      } catch (error) {
        tell('error', said(error));
      }
    },
    downloadLog: () => {
      try {
        saveFile(`${fileStem(log)}.jsonl`, toJsonLines(log.events), 'application/jsonl');
      } catch (error) {
        tell('error', `The log could not be saved: ${said(error)}. Download the bundle, which has it too.`);
      }
    },
    loadModels: async () => {
      const { shownId: id } = get();
      if (id === null || !canLoadModels(get())) return;
      set({ loadingModels: true, said: 'Reading the bundle' });
      try {
        const bundle = bundles.get(id);
        await api().openModels(bundle ? { bundle } : { kept: id });
        ranId = null;
        set({ workerRunId: id, said: 'The models of this run are loaded' });
      } catch (error) {
        tell('error', said(error));
      } finally {
        set({ loadingModels: false });
      }
    },
    exportCluster: async (arms) => {
      try {
        saveFile(`${fileStem(log)}-cluster.zip`, await api().exportCluster(arms), 'application/zip');
        set({ said: 'Export saved' });
      } catch (error) {
        tell('error', said(error));
      }
    },
    downloadModel: async (arm) => {
      try {
        saveFile(`${fileStem(log)}-${arm}.zip`, writeBundle(await api().exportModel(arm)), 'application/zip');
        set({ said: `Model ${arm} saved` });
      } catch (error) {
        tell('error', said(error));
      }
    },

    drop: (files) => drop(files, false),
    answerAsked: async (goodRowsAlone) => {
      const { recognised } = get();
      const files = askedOf;
      if (!recognised?.asks || !files) return;
      if (goodRowsAlone) return drop(files, true);
      askedOf = null;
      const { asks, ...left } = recognised;
      set({ recognised: isEmpty(left) ? null : left, said: `${asks.file} was left out` });
    },
    forget: async (part) => {
      const { recognised } = get();
      if (!recognised) return;
      try {
        if (part !== 'recipe') {
          await api().forget(part);
          given.push((a) => a.forget(part));
        }
        const left = { ...recognised, [part]: null, problems: [] };
        set((s) => ({
          recognised: isEmpty(left) ? null : left,
          mapping: left.dataset ? s.mapping : null,
          said: `The ${part} was taken back`,
        }));
      } catch (error) {
        tell('error', said(error));
      }
    },
    setMapping: (mapping) => set({ mapping }),
    useDrop: () => {
      const { recognised, mapping } = get();
      if (!recognised || !mapping || missingForRecipe(recognised, mapping)) return;
      set({ draft: draftOf(recipeForDrop(recognised, mapping, recipeOf(basis))), said: 'The recipe now uses what was dropped' });
    },
    useDroppedRecipe: () => {
      const recipe = get().recognised?.recipe;
      if (recipe) set({ draft: draftOf(recipe), said: 'The recipe is now the dropped one' });
    },
    takeRecipeOf: (id) => {
      const entry = entryOf(id);
      if (entry) set({ draft: draftOf(entry.recipe), said: `The recipe is now that of ${entry.name}` });
    },

    choosePreset: (choice) => set({ basis: choice, draft: draftOf(recipeOf(choice)) }),
    setField: (path, value) => set((s) => ({ draft: withField(s.draft, path, value) })),
    setText: (text) => set({ draft: draftOfText(text) }),

    ask: (call) => call(api()),

    seek: (position) => {
      if (!playback) return;
      playback.stop();
      const cut = playback.cutAt(position);
      set({ cut: cut >= playback.length ? WHOLE : cut, playing: false });
    },
    playOrHold: () => {
      if (!playback) return;
      if (get().playing) {
        playback.stop();
        set({ playing: false });
      } else {
        playback.play(get().cut);
      }
    },
    position: () => playback?.positionOf(get().cut) ?? 1,
    fail: (message) => tell('error', message),
    note: (message) => tell('info', message),
    dismissAlert,
  };
}

/** A model or a dataset that was recognised earlier stays until another replaces it; problems are those of the last drop. */
function joined(earlier: Recognised | null, now: Recognised): Recognised {
  if (!earlier) return now;
  const asks = now.asks ?? (now.dataset ? undefined : earlier.asks);
  return {
    ...now,
    model: now.model ?? earlier.model,
    dataset: now.dataset ?? earlier.dataset,
    recipe: now.recipe ?? earlier.recipe,
    ...(asks ? { asks } : {}),
  };
}

const isEmpty = ({ model, dataset, recipe, asks }: Recognised): boolean => !model && !dataset && !recipe && !asks;

/** Whether the run that goes on is the one that is shown. */
export function isLive({ activity, shownId, workerRunId }: Pick<LabState, 'activity' | 'shownId' | 'workerRunId'>): boolean {
  return activity !== 'idle' && shownId === workerRunId;
}

/** Whether the shown run's models are in the worker, and nothing runs. */
export function hasModels({ activity, shownId, workerRunId }: Pick<LabState, 'activity' | 'shownId' | 'workerRunId'>): boolean {
  return activity === 'idle' && shownId !== null && shownId === workerRunId;
}

/** Whether the shown run's models can be read from its bundle, and are not held yet. */
export function canLoadModels({
  activity,
  shownId,
  workerRunId,
  loadingModels,
  runs,
}: Pick<LabState, 'activity' | 'shownId' | 'workerRunId' | 'loadingModels' | 'runs'>): boolean {
  const shown = runs.find((run) => run.id === shownId);
  return activity === 'idle' && !loadingModels && shownId !== workerRunId && shown?.bundled === true;
}

/** A dropped file that is no longer as it was cannot be read. */
async function wholeOf(file: File): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new Error(`${file.name} can no longer be read (${said(error)}). It was moved, deleted or changed: drop it again.`);
  }
}

function fileStem(log: RunLog): string {
  const name = (log.start?.recipe.name ?? 'ra3-lab').toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return name.replace(/^-|-$/g, '').slice(0, 60) || 'ra3-lab';
}
