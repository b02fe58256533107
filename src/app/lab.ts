// The lab's state and what may be done with it, without React: one store for what changes at a person's pace, the run's log beside it.
// Promises that no failure is silent (each lands in `messages` or in the log) and that opening a page or a link starts nothing.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { writeBundle } from '../share/bundle.ts';
import type { GenerateOptions, LabApi, LabConnection } from '../worker/client.ts';
import { WorkerGone } from '../worker/liveness.ts';
import { fetchRecordedRun } from './demo.ts';
import { saveFile } from './download.ts';
import { type FieldMapping, guessMapping, missingForRecipe, type Recognised, recipeForDrop } from './droppedTask.ts';
import { Playback } from './playback.ts';
import { type PresetChoice, recipeOf } from './presets.ts';
import { type Draft, draftOf, draftOfText, withField } from './recipeDraft.ts';
import { type AdapterReport, type Arm, type Notice, type RunEvent, RunLog, toJsonLines, WHOLE } from './runLog.ts';
import { openRunLink, writeRunLink } from './runLink.ts';

export type { GenerateOptions };

/** What the panels show: nothing yet, the recorded run, a link's curves, or a run of this page. */
export type Shown = 'nothing' | 'demo' | 'link' | 'run';
export type Activity = 'idle' | 'running' | 'pausing' | 'paused' | 'stopping';

export interface Trial {
  busy: boolean;
  text: string;
  error: string | null;
  tokens: number;
  tokPerS: number | null;
}

export interface LabState {
  adapter: { kind: 'checking' } | { kind: 'ok'; report: AdapterReport } | { kind: 'none'; reason: string };
  activity: Activity;
  shown: Shown;
  /** Grows when the log has more to show; at most ten times a second. */
  logVersion: number;
  cut: number;
  playing: boolean;
  draft: Draft;
  basis: PresetChoice;
  dropping: boolean;
  recognised: Recognised | null;
  mapping: FieldMapping | null;
  trial: Trial;
  /** What the page itself has to say, newest last; shown beside the run's own notices. */
  messages: Notice[];
  /** The last thing done, for a polite live region. */
  said: string;
  /** Failures, oldest first, each once: shown on top until dismissed or a run starts. */
  alerts: string[];
}

const BUMP_MS = 100;
const MAX_ALERTS = 4;
const IDLE_TRIAL: Trial = { busy: false, text: '', error: null, tokens: 0, tokPerS: null };

export interface Lab {
  store: StoreApi<LabState>;
  /** The log that the panels show now; replaced, not emptied, when another is shown. */
  log(): RunLog;
  open(hash: string): Promise<void>;
  run(): Promise<void>;
  pauseOrResume(): Promise<void>;
  step(): Promise<void>;
  stop(): Promise<void>;
  share(): Promise<void>;
  downloadBundle(): Promise<void>;
  downloadLog(): void;
  downloadModel(arm: Arm): Promise<void>;
  drop(files: { path: string; file: File }[]): Promise<void>;
  setMapping(mapping: FieldMapping): void;
  useDrop(): void;
  useDroppedRecipe(): void;
  choosePreset(choice: PresetChoice): void;
  setField(path: string, value: unknown): void;
  setText(text: string): void;
  generate(options: GenerateOptions, arm: Arm | null): Promise<void>;
  seek(position: number): void;
  playOrHold(): void;
  position(): number;
  /** Tells a failure that the page met outside the lab's own calls. */
  fail(message: string): void;
  dismissAlert(message: string): void;
}

export function createLab(connect: () => LabConnection): Lab {
  const basis: PresetChoice = { task: 'recall-lines', size: 'quick' };
  const store = createStore<LabState>(() => ({
    adapter: { kind: 'checking' },
    activity: 'idle',
    shown: 'nothing',
    logVersion: 0,
    cut: WHOLE,
    playing: false,
    draft: draftOf(recipeOf(basis)),
    basis,
    dropping: false,
    recognised: null,
    mapping: null,
    trial: IDLE_TRIAL,
    messages: [],
    said: '',
    alerts: [],
  }));
  const { getState: get, setState: set } = store;

  let log = new RunLog();
  let playback: Playback | null = null;
  let connection: LabConnection | null = null;
  const drops: { path: string; file: File }[][] = [];
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

  /** The worker's API; starts a worker where there is none, and gives it again what was dropped before. */
  function api(): LabApi {
    if (connection) return connection.api;
    const opened = connect();
    connection = opened;
    opened.onDeath((error) => {
      if (connection === opened) connection = null;
      tell('error', error.message);
    });
    for (const files of drops) opened.api.drop(files).catch((error: unknown) => tell('error', said(error)));
    return opened.api;
  }

  function show(shown: Shown, events: readonly RunEvent[]): void {
    playback?.stop();
    log = new RunLog();
    log.append(events);
    playback =
      shown === 'demo'
        ? new Playback(events, (cut, playing) => set({ cut: playing ? cut : cut >= events.length ? WHOLE : cut, playing }))
        : null;
    set((s) => ({ shown, cut: WHOLE, playing: false, logVersion: s.logVersion + 1 }));
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
      if (get().activity !== 'idle') {
        tell('warning', 'The link was not opened because a run is under way. Stop it first, or open the link in another tab.');
        return;
      }
      try {
        const { recipe, events } = await openRunLink(hash);
        set({ draft: draftOf(recipe) });
        show('link', events);
        return;
      } catch (error) {
        tell('warning', said(error));
      }
    }
    if (get().shown !== 'nothing') return;
    try {
      const events = await fetchRecordedRun('demo/log.jsonl.gz');
      if (get().shown !== 'nothing') return;
      show('demo', events);
    } catch (error) {
      tell('warning', said(error));
    }
  }

  /** Runs one control call; a failure is told, not thrown. */
  async function control(during: Activity, call: (api: LabApi) => Promise<void>, after: Activity | null): Promise<void> {
    set({ activity: during });
    try {
      await call(api());
      if (after && get().activity === during) set({ activity: after });
    } catch (error) {
      tell('error', said(error));
    }
  }

  return {
    store,
    log: () => log,
    open: async (hash) => {
      await Promise.all([askAdapter(), showFirst(hash)]);
    },

    run: async () => {
      const { draft, activity } = get();
      if (activity !== 'idle' || !draft.recipe) return;
      show('run', []);
      set({ activity: 'running', alerts: [], said: 'Run started' });
      const mine = log;
      try {
        await api().run(draft.recipe, (events) => {
          mine.append(events);
          for (const event of events) if (event.type === 'notice' && event.level === 'error') alert(event.message);
          bump();
        });
        set({ said: 'Run ended' });
      } catch (error) {
        mine.append([{ type: 'notice', level: 'error', message: said(error) }]);
        if (!(error instanceof WorkerGone)) tell('error', said(error));
      } finally {
        set((s) => ({ activity: 'idle', logVersion: s.logVersion + 1 }));
      }
    },
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
      if (activity !== 'idle' && activity !== 'stopping') await control('stopping', (a) => a.stop(), null);
    },

    share: async () => {
      const recipe = log.start?.recipe ?? get().draft.recipe;
      if (!recipe) return;
      try {
        const hash = await writeRunLink(recipe, log);
        history.replaceState(null, '', hash);
        const copied = await navigator.clipboard.writeText(location.href).then(
          () => true,
          () => false,
        );
        set({
          said: copied ? `Link copied: ${location.href.length} characters` : 'The link is in the address bar; the clipboard was refused',
        });
      } catch (error) {
        tell('error', said(error));
      }
    },
    downloadBundle: async () => {
      try {
        saveFile(`${fileStem(log)}.zip`, await api().exportBundle(), 'application/zip');
        set({ said: 'Bundle saved' });
      } catch (error) {
        tell('error', said(error));
      }
    },
    downloadLog: () => saveFile(`${fileStem(log)}.jsonl`, toJsonLines(log.events), 'application/jsonl'),
    downloadModel: async (arm) => {
      try {
        saveFile(`${fileStem(log)}-${arm}.zip`, writeBundle(await api().exportModel(arm)), 'application/zip');
        set({ said: `Model ${arm} saved` });
      } catch (error) {
        tell('error', said(error));
      }
    },

    drop: async (files) => {
      if (files.length === 0) return;
      set({ dropping: true, said: `Reading ${files.length} ${files.length === 1 ? 'file' : 'files'}` });
      try {
        const recognised = joined(get().recognised, await api().drop(files));
        drops.push(files);
        set({ recognised, mapping: guessMapping(recognised), said: 'Files read' });
      } catch (error) {
        tell('error', said(error));
      } finally {
        set({ dropping: false });
      }
    },
    setMapping: (mapping) => set({ mapping }),
    useDrop: () => {
      const { recognised, mapping } = get();
      if (!recognised || !mapping || missingForRecipe(recognised)) return;
      set({ draft: draftOf(recipeForDrop(recognised, mapping, recipeOf(basis))), said: 'The recipe now uses what was dropped' });
    },
    useDroppedRecipe: () => {
      const recipe = get().recognised?.recipe;
      if (recipe) set({ draft: draftOf(recipe), said: 'The recipe is now the dropped one' });
    },

    choosePreset: (choice) => set({ basis: choice, draft: draftOf(recipeOf(choice)) }),
    setField: (path, value) => set((s) => ({ draft: withField(s.draft, path, value) })),
    setText: (text) => set({ draft: draftOfText(text) }),

    generate: async (options, arm) => {
      if (get().trial.busy) return;
      set({ trial: { ...IDLE_TRIAL, busy: true } });
      const startedAt = performance.now();
      try {
        const { text, ids } = await api().generate(options, arm, (piece) =>
          set((s) => ({ trial: { ...s.trial, text: s.trial.text + piece } })),
        );
        const seconds = (performance.now() - startedAt) / 1000;
        set({ trial: { busy: false, text, error: null, tokens: ids.length, tokPerS: seconds > 0 ? ids.length / seconds : null } });
      } catch (error) {
        set((s) => ({ trial: { ...s.trial, busy: false, error: said(error) } }));
      }
    },

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
    dismissAlert: (message) => set((s) => ({ alerts: s.alerts.filter((a) => a !== message) })),
  };
}

/** A model or a dataset that was recognised earlier stays until another replaces it; problems are those of the last drop. */
function joined(earlier: Recognised | null, now: Recognised): Recognised {
  if (!earlier) return now;
  return { ...now, model: now.model ?? earlier.model, dataset: now.dataset ?? earlier.dataset };
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fileStem(log: RunLog): string {
  const name = (log.start?.recipe.name ?? 'ra3-lab').toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return name.replace(/^-|-$/g, '').slice(0, 60) || 'ra3-lab';
}
