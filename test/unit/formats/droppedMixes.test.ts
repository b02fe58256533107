// R18: twelve mixes of what people drop together, with GGUF files and folders of every family: at most one model, the right one, every file that is left
// out named with a sentence that says what to do, and nothing thrown.
import { describe, expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { family, type Files, gguf, MIXES, ROWS } from '../../support/droppedMixes.ts';
import { FAMILY_FOLDERS } from '../../support/goldenFolder.ts';

const drop = (files: Files) =>
  recognise(Object.entries(files).map(([path, bytes]) => ({ path, source: fromBytes(path.split('/').at(-1)!, bytes) })));

describe('R18 mixes of dropped files', () => {
  test.each(MIXES)('%s', async (_, files, expected) => {
    const { recognised, recipeText, model } = await drop(files);
    const said = {
      family: recognised.model?.family ?? null,
      ...(expected.tokenizer === undefined ? {} : { tokenizer: recognised.model?.hasTokenizer ?? false }),
      dataset: recognised.dataset?.name ?? null,
      ...(recognised.dataset ? { rows: recognised.dataset.rows } : {}),
      recipe: recipeText !== null,
      problems: recognised.problems.map((p) => p.file).sort(),
    };
    expect(said, JSON.stringify(recognised.problems, null, 1)).toEqual({
      dataset: null,
      recipe: false,
      ...(expected.dataset ? { rows: 1 } : {}),
      ...expected,
    });
    expect(model !== null).toBe(expected.family !== null);
    for (const { message } of recognised.problems) expect(message).toMatch(/^.{20,}[.]$/s);
  });

  test.each(FAMILY_FOLDERS)('the files of %s one by one: none is a model, none is thrown at', async (name) => {
    for (const [path, bytes] of Object.entries(family(name))) expect((await drop({ [path]: bytes })).model).toBeNull();
  });

  test('any order of the files gives the same', async () => {
    const files = Object.entries({ ...family('qwen2'), 'q.gguf': gguf('qwen3'), 'rows.jsonl': ROWS });
    const expected = (await drop(Object.fromEntries(files))).recognised;
    for (let turn = 1; turn < files.length; turn++) {
      const turned = Object.fromEntries([...files.slice(turn), ...files.slice(0, turn)]);
      expect((await drop(turned)).recognised).toEqual(expected);
    }
  });
});
