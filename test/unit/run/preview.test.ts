// The first rows of a dataset as they will be used: by the code that a run makes programs with, for every way in which rows can be read.
import { describe, expect, it } from 'vitest';
import { guessMapping, taskOfMapping } from '../../../src/app/droppedTask.ts';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { datasetOf } from '../../../src/run/datasetCorpus.ts';
import { previewDataset } from '../../../src/run/preview.ts';

async function dropped(name: string, content: string) {
  const { recognised, dataset } = await recognise([{ path: name, source: fromBytes(name, new TextEncoder().encode(content)) }]);
  const mapping = guessMapping({ ...recognised, recipe: null, run: null })!;
  return {
    mapping,
    look: (change: Partial<typeof mapping> = {}) =>
      previewDataset(datasetOf(dataset!), taskOfMapping(recognised.dataset!, { ...mapping, ...change }, 512)),
  };
}
const jsonl = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const MBPP = {
  text: 'Write a function to add.',
  code: 'def add(a, b):\r\n  # the sum\r\n  return a + b',
  task_id: 601,
  test_setup_code: '',
  test_list: ['assert add(1, 2) == 3', 'assert add(0, 0) == 0'],
  challenge_test_list: [],
};

describe('a preview', () => {
  it('of published problems has the prompt with its first test, the lines without comments, and the tests', async () => {
    const { mapping, look } = await dropped(
      'mbpp.jsonl',
      jsonl(MBPP, { ...MBPP, task_id: 602, test_list: 7 }, ...Array.from({ length: 20 }, (_, i) => ({ ...MBPP, task_id: 603 + i }))),
    );
    expect(mapping.kind).toBe('suite');
    const { rows, unusable } = look();
    expect(rows[0]).toEqual({
      row: 1,
      prompt: '"""\nWrite a function to add.\nassert add(1, 2) == 3\n"""',
      lines: ['def add(a, b):', '  return a + b'],
      moreLines: 0,
      comments: 1,
      tests: MBPP.test_list,
      moreTests: 0,
      problem: null,
    });
    expect(rows[1]!.problem).toMatch(/test_list/);
    expect(unusable).toBeNull();
  });

  it('follows the mapping: other fields, other tests, no tests, plain text', async () => {
    const row = { q: 'Add two numbers.', a: 'def f(x, y):\n    return x + y\n', checks: 'assert f(1, 2) == 3', other: 'words' };
    const { mapping, look } = await dropped('rows.jsonl', jsonl(row, { ...row, a: '' }));
    expect(mapping.kind).toBe('text');
    const mapped = look({ kind: 'mapped', prompt: 'q', solution: 'a', tests: 'checks' }).rows[0]!;
    expect(mapped).toMatchObject({
      prompt: '"""\nAdd two numbers.\n"""',
      lines: ['def f(x, y):', '    return x + y'],
      tests: ['assert f(1, 2) == 3'],
    });
    expect(look({ kind: 'mapped', prompt: 'q', solution: 'a', tests: 'other' }).rows[0]!.problem).toMatch(/no tests/);
    const plain = look({ kind: 'code', prompt: 'other', solution: 'a' });
    expect(plain.rows[0]).toMatchObject({ prompt: '"""\nwords\n"""', tests: [] });
    expect(plain.unusable).toBe(1);
    expect(look({ kind: 'text', text: 'q' }).rows[0]).toMatchObject({ prompt: 'Add two numbers.', lines: [], tests: [] });
  });

  it('of a text file is its beginning, and long texts, solutions and lists of tests are cut and counted', async () => {
    const file = await dropped('story.txt', `${'word '.repeat(1000)}\n`);
    expect(file.look().rows[0]!.prompt).toMatch(/^word .*…$/s);
    const long = {
      ...MBPP,
      code: `def f():\n${'  pass\n'.repeat(100)}`,
      test_list: Array.from({ length: 50 }, (_, i) => `assert f() == ${i}`),
    };
    const [row] = (await dropped('mbpp.jsonl', jsonl(long))).look().rows;
    expect([row!.lines.length + row!.moreLines, row!.tests.length + row!.moreTests]).toEqual([101, 50]);
  });
});
