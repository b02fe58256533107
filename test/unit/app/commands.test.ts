// The page's verbs as one list, found by letters; the tour and the panels that they lead to; the policy in words.
import { describe, expect, it } from 'vitest';
import { META_POLICY, RESPONSE_HEADERS } from '../../../scripts/policy.mjs';
import { actionForKey, createActions } from '../../../src/app/actions.ts';
import { createCommands, findByLetters } from '../../../src/app/commands.ts';
import { createLab } from '../../../src/app/lab.ts';
import { directivesOf, keepsWithin } from '../../../src/app/privacy.ts';
import { keyOfPanel, PLACES, shell } from '../../../src/app/shell.ts';
import { TOUR } from '../../../src/app/tour.ts';
import { createView } from '../../../src/app/view.ts';
import { PANELS } from '../../../src/app/viewState.ts';

function commandsOf() {
  const lab = createLab(() => {
    throw new Error('no worker here');
  });
  const view = createView({ hash: () => '', replace: () => undefined });
  return { lab, view, commands: createCommands(createActions(lab, view), lab, view) };
}

const press = (key: string) => ({ key, ctrlKey: false, metaKey: false, altKey: false, target: null });

describe('the commands', () => {
  it('have names and ids of their own, and no two the same key', () => {
    const { lab, commands } = commandsOf();
    const all = commands.all();
    const twice = (values: readonly unknown[]) => values.filter((value, i) => values.indexOf(value) !== i);
    expect(twice(all.map((action) => action.id))).toEqual([]);
    expect(twice(all.map((action) => action.label(lab.store.getState())))).toEqual([]);
    expect(twice(all.flatMap((action) => action.key ?? []))).toEqual([]);
  });

  it('are reached by their keys', () => {
    const { lab, view, commands } = commandsOf();
    view.zoomTo('rlvr', [1, 2]);
    actionForKey(commands.lasting, lab.store.getState(), press('F'))?.perform();
    expect(view.store.getState().zoom).toEqual({});
    actionForKey(commands.lasting, lab.store.getState(), press('?'))?.perform();
    expect(shell.getState().dialog).toBe('keys');
    expect(actionForKey(commands.lasting, lab.store.getState(), press('1'))?.id).toBe('go-learning');
    view.setHidden('learning', true);
    expect(actionForKey(commands.lasting, lab.store.getState(), press('1'))).toBeNull();
  });

  it('put presets into the recipe, and list the runs that there are', () => {
    const { lab, commands } = commandsOf();
    const preset = commands.all().find((action) => action.id === 'preset-macro-lists-full')!;
    preset.perform();
    expect(lab.store.getState().basis).toEqual({ task: 'macro-lists', size: 'full' });
    const id = lab.addRun('link', lab.store.getState().draft.recipe!, []);
    const names = commands.all().map((action) => action.label(lab.store.getState()));
    expect(names.filter((name) => /^(Show|Delete) run: /.test(name)).length).toBe(2);
    commands
      .all()
      .find((action) => action.id === `delete-${id}`)!
      .perform();
    expect(commands.all().some((action) => action.id === `delete-${id}`)).toBe(false);
  });
});

describe('finding by letters', () => {
  const found = (query: string, texts: string[]) => findByLetters(query, texts, (text) => text).map(({ item }) => item);

  it('takes what has the letters in order, best at the beginnings of words', () => {
    const texts = ['Download bundle', 'Delete run: double', 'Pause', 'Preset: Recall lines, quick', 'Run'];
    expect(found('', texts)).toEqual(texts);
    expect(found('r', texts)[0]).toBe('Run');
    expect(found('db', texts)[0]).toBe('Download bundle');
    expect(found('pres rec', texts)).toEqual(['Preset: Recall lines, quick']);
    expect(found('xyz', texts)).toEqual([]);
    expect(found('RUN', texts)).toEqual(['Run', 'Delete run: double']);
  });

  it('says which letters were met', () => {
    expect(findByLetters('db', ['Download bundle'], (text) => text)[0]!.at).toEqual([0, 9]);
    expect(findByLetters('run', ['rx run'], (text) => text)[0]!.at).toEqual([3, 4, 5]);
  });
});

describe('places and tour', () => {
  it('are panels that an address may hide, the first outputs with a key', () => {
    expect(PLACES.filter(({ name }) => !(PANELS as readonly string[]).includes(name))).toEqual([]);
    expect(keyOfPanel('learning')).toBe('1');
    expect(keyOfPanel('recipe')).toBeNull();
  });

  it('the tour has six to eight steps, each at a panel or a verb', () => {
    const { commands } = commandsOf();
    expect(TOUR.length).toBeGreaterThanOrEqual(6);
    expect(TOUR.length).toBeLessThanOrEqual(8);
    for (const { anchor, text } of TOUR) {
      const panel = /^#panel-(.+)$/.exec(anchor)?.[1];
      const verb = /^\[data-verb="(.+)"\]$/.exec(anchor)?.[1];
      expect(PLACES.some(({ name }) => name === panel) || commands.lasting.some(({ id }) => id === verb), anchor).toBe(true);
      expect(text.length).toBeLessThan(240);
    }
  });
});

describe('the policy in words', () => {
  it("P1 the page's own policy keeps everything within; one with another origin, or none for forms, does not", () => {
    expect(keepsWithin(META_POLICY)).toBe(true);
    expect(keepsWithin(RESPONSE_HEADERS['Content-Security-Policy'])).toBe(true);
    expect(keepsWithin(META_POLICY.replace("connect-src 'self'", "connect-src 'self' https://a.example"))).toBe(false);
    expect(keepsWithin(META_POLICY.replace("form-action 'none'; ", ''))).toBe(false);
    expect(keepsWithin('')).toBe(false);
  });

  it('names each directive and what it is about', () => {
    const directives = directivesOf(RESPONSE_HEADERS['Content-Security-Policy']);
    expect(directives.find(({ name }) => name === 'connect-src')).toEqual({
      name: 'connect-src',
      about: 'requests, sockets and beacons',
      sources: "'self'",
    });
    expect(directives.filter(({ about }) => about === '')).toEqual([]);
  });
});
