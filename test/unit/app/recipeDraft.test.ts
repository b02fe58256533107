// Two views of one draft: what is wrong is named by field, prototypes stay untouched.
import { describe, expect, it } from 'vitest';
import { differences, draftOf, draftOfText, fieldOf, withField } from '../../../src/app/recipeDraft.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';

const draft = draftOf(LINK_BASE_V1);

describe('a recipe draft', () => {
  it('of a good recipe has no issues, in either view', () => {
    expect(draft.issues).toEqual([]);
    expect(draftOfText(draft.text).recipe).toEqual(LINK_BASE_V1);
  });

  it('writes a field into the text and reads it back', () => {
    const changed = withField(draft, 'ra3.m.steps', 7);
    expect(fieldOf(JSON.parse(changed.text), 'ra3.m.steps')).toBe(7);
    expect(changed.recipe?.ra3.m.steps).toBe(7);
    expect(draft.recipe?.ra3.m.steps).toBe(400);
  });

  it('names every wrong field and is then no recipe', () => {
    const wrong = withField(withField(draft, 'seed', 'abc'), 'ra3.group', 0);
    expect(wrong.recipe).toBeNull();
    expect(wrong.issues.map((i) => i.path).sort()).toEqual(['ra3.group', 'seed']);
  });

  it('says when the text is not JSON', () => {
    expect(draftOfText('{ "version": ').issues[0]?.message).toMatch(/not JSON/);
  });

  it('refuses unknown keys and leaves prototypes alone', () => {
    const text = draft.text.replace('{', '{ "__proto__": { "polluted": 1 }, "surprise": 1,');
    expect(draftOfText(text).recipe).toBeNull();
    withField(draft, '__proto__.polluted', 1);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('lists differences by field and passes over the name', () => {
    const changed = withField(withField(draft, 'name', 'other'), 'ra3.c', 0.2);
    expect(differences(changed.value, LINK_BASE_V1)).toEqual([{ path: 'ra3.c', here: 0.2, there: 0.05 }]);
  });
});
