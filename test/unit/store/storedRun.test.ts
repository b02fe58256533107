// R35: rows of the index as releases wrote them, frozen here; each is read for ever, field by field, and what is no row is left alone.
import { describe, expect, it } from 'vitest';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import { parseStoredRun, ROW_VERSION } from '../../../src/store/storedRun.ts';
import { FIRST_ROW as FIRST } from '../../support/storedRows.ts';

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
