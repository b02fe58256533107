// Every verb of the page as one list of actions: those of the run, and those of the page around it. Buttons, keys, the list of keys and the command
// palette read the same objects. Promises that no two actions have the same key.
import type { Action, Actions } from './actions.ts';
import type { Lab } from './lab.ts';
import { PRESETS } from './presets.ts';
import { goTo, keyOfPanel, openDialog, PLACES, tourTo } from './shell.ts';
import type { ViewStore } from './view.ts';

const always = () => true;
const nothing = () => '';

/** What the page can do that is no verb of the run. The palette is opened by Ctrl+K as well, which keys of one letter cannot say. */
export function createPageActions(lab: Lab, view: ViewStore): Action[] {
  const simple = (id: string, label: string, key: string | null, about: string, perform: () => void): Action => ({
    id,
    label: () => label,
    key,
    about,
    enabled: always,
    why: nothing,
    perform,
  });
  return [
    simple('commands', 'Commands', 'k', 'Find anything that the page can do', () => openDialog('commands')),
    simple('keys', 'Keys', '?', 'The list of keys', () => openDialog('keys')),
    simple('export', 'Export', 'e', 'What a link holds; the run as a bundle, or for a cluster', () => openDialog('export')),
    simple('panels', 'Panels', 'v', 'Choose which panels are shown, here and in the link', () => openDialog('panels')),
    simple('tour', 'Tour', 't', 'Be shown around', () => tourTo(0)),
    simple('privacy', 'Privacy', null, "The page's own policy, and what it has refused", () => openDialog('privacy')),
    ...PLACES.map(({ name, title }) => simple(`go-${name}`, title, keyOfPanel(name), 'Go to this panel', () => goTo(name))).map(
      (action, i) => ({
        ...action,
        enabled: () => !view.store.getState().hidden.includes(PLACES[i]!.name),
        why: () => (view.store.getState().hidden.includes(PLACES[i]!.name) ? 'Hidden: choose Panels to show it' : ''),
      }),
    ),
    simple('whole', 'Show every panel', null, 'Nothing is hidden any more', () => view.set({ hidden: [] })),
    ...PRESETS.map(({ choice, label }) => ({
      ...simple(`preset-${choice.task}-${choice.size}`, `Preset: ${label}`, null, 'Put this preset into the recipe', () => {
        lab.choosePreset(choice);
      }),
    })),
  ];
}

/** Those of the runs that are listed now. */
function runActions(lab: Lab): Action[] {
  return lab.store.getState().runs.flatMap(({ id, name }) => [
    {
      id: `show-${id}`,
      label: () => `Show run: ${name}`,
      key: null,
      about: 'The panels show it',
      enabled: always,
      why: nothing,
      perform: () => void lab.showRun(id),
    },
    {
      id: `delete-${id}`,
      label: () => `Delete run: ${name}`,
      key: null,
      about: 'Take it off the list for good',
      enabled: always,
      why: nothing,
      perform: () => lab.deleteRun(id),
    },
  ]);
}

export interface Commands {
  /** Those that stay, in the order of the list of keys. */
  lasting: readonly Action[];
  /** With those of the runs listed now. */
  all(): Action[];
}

export function createCommands(actions: Actions, lab: Lab, view: ViewStore): Commands {
  const lasting = [...Object.values(actions as unknown as Record<string, Action>), ...createPageActions(lab, view)];
  return { lasting, all: () => [...lasting, ...runActions(lab)] };
}

export interface Found<T> {
  item: T;
  /** Indices of the characters of its text that the query met. */
  at: number[];
}

/** The items whose text has the query's characters in order, best first: words' beginnings and neighbours count for more, short texts before long. */
export function findByLetters<T>(query: string, items: readonly T[], textOf: (item: T) => string): Found<T>[] {
  const wanted = query.toLowerCase().replace(/\s+/g, '');
  const scored: { found: Found<T>; score: number; order: number }[] = [];
  items.forEach((item, order) => {
    const met = meet(wanted, textOf(item));
    if (met) scored.push({ found: { item, at: met.at }, score: met.score, order });
  });
  return scored.sort((a, b) => b.score - a.score || a.order - b.order).map(({ found }) => found);
}

const WORD_START = 8;
const NEIGHBOUR = 5;
const MET = 1;
const PER_CHARACTER = 0.02;

/** The best way to meet the query in the text: for each place the best score of a match that ends there, letter after letter. */
function meet(wanted: string, text: string): { at: number[]; score: number } | null {
  const lower = text.toLowerCase();
  if (wanted === '') return { at: [], score: 0 };
  if (!hasInOrder(wanted, lower)) return null;
  let best: ({ score: number; at: number[] } | null)[] = [];
  for (let w = 0; w < wanted.length; w++) {
    const next: typeof best = new Array(lower.length).fill(null);
    let before: { score: number; at: number[] } | null = w === 0 ? { score: 0, at: [] } : null;
    for (let i = 0; i < lower.length; i++) {
      if (w > 0 && i > 0) {
        const ending = best[i - 1] ?? null;
        if (ending && (!before || ending.score > before.score)) before = ending;
      }
      if (lower[i] !== wanted[w] || !before) continue;
      const start = i === 0 || !/[\p{L}\p{N}]/u.test(lower[i - 1]!) ? WORD_START : 0;
      const neighbour = w > 0 && i > 0 ? (best[i - 1] ?? null) : null;
      const apart = before.score + MET + start;
      const joined = neighbour ? neighbour.score + MET + start + NEIGHBOUR : Number.NEGATIVE_INFINITY;
      const from = joined >= apart ? neighbour! : before;
      next[i] = { score: Math.max(apart, joined), at: [...from.at, i] };
    }
    best = next;
  }
  const ends = best.filter((end) => end !== null);
  const top = ends.reduce((a, b) => (b.score > a.score ? b : a));
  return { at: top.at, score: top.score - PER_CHARACTER * text.length };
}

/** Tells most texts that do not match apart, cheaply. */
function hasInOrder(wanted: string, text: string): boolean {
  let from = 0;
  for (const letter of wanted) {
    from = text.indexOf(letter, from) + 1;
    if (from === 0) return false;
  }
  return true;
}
