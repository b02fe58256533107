// R35: rows of the index as releases wrote them, frozen here; each is read for ever, field by field, and what is no row is left alone.
import { describe, expect, it } from 'vitest';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import { parseStoredRun, ROW_VERSION } from '../../../src/store/storedRun.ts';

/** As the first release with an index wrote it. Never changed: a later version of rows gets a fixture of its own. */
const FIRST = {
  version: 1,
  id: '20261126-000000-a1b2c3',
  name: 'tiny',
  origin: 'run',
  status: 'running',
  startedAt: '2026-11-26T00:00:00.000Z',
  recipe: LINK_BASE_V1,
  tone: 3,
  scores: [{ arm: 'ra3', kind: 'pass@1', value: 0.5 }],
};

describe('rows of the index', () => {
  it('R35 a row of the first index is read, its recipe filled with what later releases added', () => {
    const read = parseStoredRun(structuredClone(FIRST));
    expect(read).toMatchObject({ id: FIRST.id, name: 'tiny', origin: 'run', status: 'running', tone: 3, scores: FIRST.scores });
    expect(read?.recipe.seed).toBe(LINK_BASE_V1.seed);
    expect(read).not.toHaveProperty('version');
    expect(ROW_VERSION).toBe(1);
  });

  it('keeps nothing of a row but what it knows', () => {
    const row = JSON.parse(JSON.stringify({ ...FIRST, extra: 1 }).replace('"extra"', '"__proto__"')) as unknown;
    expect(Object.keys(parseStoredRun(row)!)).toEqual(['id', 'name', 'origin', 'status', 'startedAt', 'tone', 'scores', 'recipe']);
    expect(({} as { extra?: number }).extra).toBeUndefined();
  });

  it.each([
    ['a newer release', { ...FIRST, version: 2 }],
    ['a name that leaves the folder', { ...FIRST, id: '../x' }],
    ['no recipe', { ...FIRST, recipe: {} }],
    ['another status', { ...FIRST, status: 'gone' }],
    ['no object', 'row'],
    ['nothing', null],
  ])('leaves %s alone', (_, row) => {
    expect(parseStoredRun(row)).toBeNull();
  });
});
