// What of the page's shell is open: a dialog, a step of the tour. And where its parts are: the panels in their order, each with the question that is
// its title and the key that goes to it. Nothing here is remembered past the page.
import { createStore } from 'zustand/vanilla';
import { TOUR } from './tour.ts';
import type { PanelName } from './viewState.ts';

export type DialogName = 'commands' | 'keys' | 'panels' | 'privacy' | 'export';

export interface Shell {
  dialog: DialogName | null;
  /** The step of the tour that is shown. */
  tour: number | null;
}

export const shell = createStore<Shell>(() => ({ dialog: null, tour: null }));

export interface PanelPlace {
  name: PanelName;
  title: string;
  side: 'inputs' | 'outputs';
}

export const PLACES: readonly PanelPlace[] = [
  { name: 'drop', title: 'Model and dataset', side: 'inputs' },
  { name: 'recipe', title: 'What will run?', side: 'inputs' },
  { name: 'runs', title: 'Which runs?', side: 'inputs' },
  { name: 'storage', title: 'What is stored?', side: 'inputs' },
  { name: 'learning', title: 'Is it learning?', side: 'outputs' },
  { name: 'compare', title: 'How do runs differ?', side: 'outputs' },
  { name: 'found', title: 'What did it find?', side: 'outputs' },
  { name: 'theory', title: 'Why does it work?', side: 'outputs' },
  { name: 'rollouts', title: 'What did the model write?', side: 'outputs' },
  { name: 'try', title: 'Try the model', side: 'outputs' },
  { name: 'inspector', title: 'What is in the weights?', side: 'outputs' },
  { name: 'ran', title: 'What ran?', side: 'outputs' },
];

/** The panels that have a key of their own: 1 is the first of the outputs. */
export function keyOfPanel(name: PanelName): string | null {
  const at = PLACES.filter((place) => place.side === 'outputs').findIndex((place) => place.name === name);
  return at < 0 || at > 8 ? null : String(at + 1);
}

export function openDialog(dialog: DialogName): void {
  shell.setState({ dialog });
}

export function closeDialog(): void {
  shell.setState({ dialog: null });
}

/** Brings a panel into view and the keyboard's place with it. */
export function goTo(name: PanelName): void {
  const panel = document.getElementById(`panel-${name}`);
  panel?.scrollIntoView({ block: 'start', behavior: calm() ? 'auto' : 'smooth' });
  panel?.focus({ preventScroll: true });
}

/** From a step that is shown to the next one whose place is on the page; past either end the tour is over. */
export function tourTo(step: number, direction: 1 | -1 = 1): void {
  let at = step;
  while (TOUR[at] && !document.querySelector(TOUR[at].anchor)?.checkVisibility()) at += direction;
  shell.setState({ tour: TOUR[at] ? at : null, dialog: null });
}

export function calm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
