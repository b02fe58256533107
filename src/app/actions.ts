// One object per verb of the run: button, key, the list of keys and the command palette read the same one (commands.ts has the page's others). Keys
// are single letters, ignored while typing.
import type { Lab, LabState } from './lab.ts';
import type { ViewStore } from './view.ts';

export interface Action {
  id: string;
  label: (state: LabState) => string;
  /** As in KeyboardEvent.key, lower case; null where only the palette has it. */
  key: string | null;
  /** What it does, for the list of keys. */
  about: string;
  enabled: (state: LabState) => boolean;
  /** Why it is disabled, for the tooltip; empty when enabled. */
  why: (state: LabState) => string;
  perform: () => void;
}

export interface Actions {
  run: Action;
  pause: Action;
  step: Action;
  stop: Action;
  share: Action;
  bundle: Action;
  play: Action;
  frame: Action;
}

export function createActions(lab: Lab, view: Pick<ViewStore, 'frame' | 'store'>): Actions {
  const busy = (s: LabState) => s.activity !== 'idle';
  const hasRun = (s: LabState) => s.shown === 'run' && s.shownId === s.workerRunId && !hasBundle(s);
  const hasBundle = (s: LabState) => {
    const shown = s.runs.find((run) => run.id === s.shownId);
    return shown?.bundled === true;
  };
  return {
    run: {
      id: 'run',
      label: () => 'Run',
      key: 'r',
      about: 'Run the recipe',
      enabled: (s) => !busy(s) && s.draft.recipe !== null && s.adapter.kind === 'ok',
      why: (s) => {
        if (busy(s)) return 'A run is under way';
        if (s.adapter.kind === 'checking') return 'Looking for a WebGPU adapter';
        if (s.adapter.kind === 'none') return `Cannot run here: ${s.adapter.reason}`;
        return s.draft.recipe ? '' : 'The recipe has errors';
      },
      perform: () => void lab.run(),
    },
    pause: {
      id: 'pause',
      label: (s) => (s.activity === 'paused' ? 'Resume' : s.activity === 'pausing' ? 'Pausing…' : 'Pause'),
      key: 'p',
      about: 'Pause at the next step, or resume',
      enabled: (s) => s.activity === 'running' || s.activity === 'paused',
      why: (s) => (busy(s) ? '' : 'Nothing is running'),
      perform: () => void lab.pauseOrResume(),
    },
    step: {
      id: 'step',
      label: () => 'Step',
      key: 's',
      about: 'When paused: one step further',
      enabled: (s) => s.activity === 'paused',
      why: (s) => (s.activity === 'paused' ? '' : 'Pause first'),
      perform: () => void lab.step(),
    },
    stop: {
      id: 'stop',
      label: () => 'Stop',
      key: 'x',
      about: 'Stop the run and keep what it has',
      enabled: (s) => busy(s) && s.activity !== 'stopping',
      why: (s) => (busy(s) ? '' : 'Nothing is running'),
      perform: () => void lab.stop(),
    },
    share: {
      id: 'share',
      label: () => 'Share',
      key: 'l',
      about: 'Put recipe and curves into a link and copy it',
      enabled: (s) => s.draft.recipe !== null || s.shown !== 'nothing',
      why: (s) => (s.draft.recipe || s.shown !== 'nothing' ? '' : 'The recipe has errors'),
      perform: () => void lab.share({ view: view.store.getState(), onlyShown: false }),
    },
    bundle: {
      id: 'bundle',
      label: () => 'Download bundle',
      key: 'b',
      about: 'Save the whole run as one zip',
      enabled: (s) => (hasRun(s) ? s.activity === 'idle' || s.activity === 'paused' : hasBundle(s)),
      why: (s) => {
        if (hasBundle(s)) return '';
        if (s.shown !== 'run') return 'Run something first';
        if (!hasRun(s)) return 'No bundle of this run is kept; its log can be saved under “What ran?”';
        return s.activity === 'running' ? 'Pause the run or let it end first' : '';
      },
      perform: () => void lab.downloadBundle(),
    },
    play: {
      id: 'play',
      label: (s) => (s.playing ? 'Hold' : 'Play'),
      key: ' ',
      about: 'Play the recorded run, or hold it',
      enabled: (s) => s.shown === 'demo',
      why: (s) => (s.shown === 'demo' ? '' : 'No recorded run is shown'),
      perform: () => lab.playOrHold(),
    },
    frame: {
      id: 'frame',
      label: () => 'Frame',
      key: 'f',
      about: 'Charts show all they have again',
      enabled: () => true,
      why: () => '',
      perform: () => view.frame(),
    },
  };
}

/** Finds the enabled action of a key press; null while typing, with modifiers held, or when none is meant. */
export function actionForKey(
  actions: readonly Action[],
  state: LabState,
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'target'>,
): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (takesKeys(event.target, event.key)) return null;
  const action = actions.find((a) => a.key === event.key.toLowerCase());
  return action?.enabled(state) ? action : null;
}

function takesKeys(target: EventTarget | null, key: string): boolean {
  const element = target as { tagName?: string; type?: string; isContentEditable?: boolean } | null;
  const tag = element?.tagName;
  if (tag === 'TEXTAREA' || tag === 'SELECT' || element?.isContentEditable) return true;
  if (tag === 'INPUT') return !['range', 'checkbox', 'radio', 'button'].includes(element?.type ?? 'text') || key === ' ';
  return key === ' ' && (tag === 'BUTTON' || tag === 'SUMMARY' || tag === 'A');
}
