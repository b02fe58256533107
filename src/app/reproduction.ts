// "Run it here": the recipe of a run that was opened from a link or a bundle runs on this page, and its numbers are compared with those that were sent: equal
// bit for bit, or first different where, or not comparable and why. Equal bits are promised per adapter, browser and version, for the same model and data.
// Refuses to start while a run goes on, without a model or data that the recipe asks for.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { compareLogs, compareWithDigest, type DigestComparison, type LogPlace } from '../share/logDigest.ts';
import { stageLabel } from './curves.ts';
import type { Lab, LabState } from './lab.ts';
import type { AdapterReport, Recipe, RunLog } from './runLog.ts';

export type Verdict =
  | { kind: 'equal'; count: number }
  | { kind: 'different'; where: string }
  /** Something else than the page differs, or what was sent is not enough to tell. */
  | { kind: 'incomparable'; why: string[]; equal: boolean }
  | { kind: 'unfinished' };

export interface Reproduction {
  referenceId: string | null;
  runId: string | null;
  /** null while it runs. */
  verdict: Verdict | null;
}

export interface Reproducer {
  store: StoreApi<Reproduction>;
  runHere(referenceId: string): Promise<void>;
}

export function createReproducer(lab: Lab): Reproducer {
  const store = createStore<Reproduction>(() => ({ referenceId: null, runId: null, verdict: null }));
  return {
    store,
    runHere: async (referenceId) => {
      const state = lab.store.getState();
      const recipe = state.runs.find((run) => run.id === referenceId)?.recipe;
      if (!recipe || whyNotHere(state, recipe) !== null) return;
      let reference: RunLog;
      try {
        reference = await lab.loadRun(referenceId);
      } catch (error) {
        lab.fail(`The run that was sent cannot be read, so nothing was started: ${(error as Error).message}`);
        return;
      }
      lab.setText(JSON.stringify(recipe, null, 2));
      const ended = lab.run();
      const runId = lab.store.getState().workerRunId;
      if (runId === null) return;
      store.setState({ referenceId, runId, verdict: null });
      if (!lab.store.getState().compared.includes(referenceId)) await lab.toggleCompared(referenceId);
      await ended;
      const mine = lab.logOf(runId);
      if (mine && store.getState().runId === runId) store.setState({ verdict: compareRuns(reference, mine) });
    },
  };
}

/** Why a recipe cannot run on this page now; null where it can. */
export function whyNotHere(
  { activity, adapter, recognised }: Pick<LabState, 'activity' | 'adapter' | 'recognised'>,
  recipe: Recipe,
): string | null {
  if (activity !== 'idle') return 'A run is under way';
  if (adapter.kind === 'checking') return 'Looking for a WebGPU adapter';
  if (adapter.kind === 'none') return `Cannot run here: ${adapter.reason}`;
  if (recipe.model === 'dropped' && !recognised?.model) return 'The recipe is for a dropped model: drop the same model first';
  if ('maxTokens' in recipe.task && !recognised?.dataset) return 'The recipe is for a dropped dataset: drop the same dataset first';
  return null;
}

/** Compares what ran here with what was sent. */
export function compareRuns(reference: RunLog, mine: RunLog): Verdict {
  if (mine.end?.status !== 'finished') return { kind: 'unfinished' };
  const there = reference.start;
  if (!there) return { kind: 'incomparable', why: ['the link does not say where it ran: it was made by an older release'], equal: false };
  const compared = comparison(reference, mine);
  if (!compared) return { kind: 'incomparable', why: ['the run that was sent did not finish'], equal: false };
  const why = differentCauses(there, mine.start);
  if (why.length > 0) return { kind: 'incomparable', why, equal: compared.equal };
  return compared.equal ? { kind: 'equal', count: compared.count } : { kind: 'different', where: placeOf(compared) };
}

function comparison(reference: RunLog, mine: RunLog): DigestComparison | null {
  const digest = reference.start?.digest;
  if (digest) return compareWithDigest(mine.events, digest);
  return reference.end?.status === 'finished' ? compareLogs(mine.events, reference.events) : null;
}

type Start = NonNullable<RunLog['start']>;

function differentCauses(there: Start, here: Start | null): string[] {
  if (!here) return ['the run here did not say where it ran'];
  const why: string[] = [];
  if (nameOf(there.adapter) !== nameOf(here.adapter)) why.push(`it ran on ${nameOf(there.adapter)}, and here on ${nameOf(here.adapter)}`);
  if (there.version !== here.version) why.push(`it ran with version ${there.version}, and here with ${here.version}`);
  if (there.inputs && here.inputs) {
    if (there.inputs.model !== here.inputs.model) why.push('its model has other weights than the one here');
    if (there.inputs.data !== here.inputs.data) why.push('its dataset is another file than the one here');
  } else if (there.recipe.model === 'dropped') why.push('it does not say which model and data it had');
  return why;
}

function nameOf({ vendor, architecture, description, software }: AdapterReport): string {
  const name = [vendor, architecture, description].filter(Boolean).join(' ') || 'an unnamed adapter';
  return software ? `${name} (software)` : name;
}

function placeOf({ after, upTo }: Extract<DigestComparison, { equal: false }>): string {
  if (!upTo) return after ? `after ${placeLabel(after)}` : 'from the beginning';
  if (!after) return `by ${placeLabel(upTo)}`;
  const same = JSON.stringify(after) === JSON.stringify(upTo);
  return same ? `at ${placeLabel(upTo)}` : `after ${placeLabel(after)}, by ${placeLabel(upTo)}`;
}

function placeLabel(place: LogPlace): string {
  return place.step === null ? stageLabel(place) : `${stageLabel(place)} step ${place.step}`;
}

/** The verdict as the page says it. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'equal':
      return `Reproduced bit for bit: all ${verdict.count.toLocaleString('en-GB')} sets of numbers are equal.`;
    case 'different':
      return `Not reproduced, though adapter, version and inputs are the same: the numbers first differ ${verdict.where}.`;
    case 'incomparable': {
      const yet = verdict.equal ? ' Yet all numbers are equal.' : '';
      return `Equal bits cannot be expected: ${verdict.why.join('; ')}.${yet}`;
    }
    case 'unfinished':
      return 'The run here did not finish, so it was not compared.';
  }
}
