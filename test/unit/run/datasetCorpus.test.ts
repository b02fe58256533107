// A dropped dataset as a corpus: what is kept apart, what is said, what is refused before anything runs, and what a judge is given.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../../scripts/paths.mjs';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { makeCorpus } from '../../../src/run/corpus.ts';
import { type Dataset, type DroppedParts, problemsFor } from '../../../src/run/datasetCorpus.ts';
import { judgeIn, type ProgramJudge } from '../../../src/run/judge.ts';
import { labelsOf } from '../../../src/run/labels.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import { CODE_DEFAULTS, parseRecipe, type Recipe } from '../../../src/run/recipe.ts';
import type { PolicyRollout } from '../../../src/rlvr/source.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import type { PythonProblem } from '../../../src/tasks/pythonProblems.ts';
import { CHAR_VOCABULARY, charTokenizer, END_ID } from '../../support/charTokenizer.ts';
import { fakeSandbox } from '../../support/fakeSandbox.ts';

const rowsOf = (rows: object[]): Dataset => ({
  rows: rows as Dataset['rows'],
  file: fromBytes('rows.jsonl', new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n'))),
});
const mbpp = (task_id: number, code: string, text = `Task ${task_id}.`) => ({
  task_id,
  text,
  code,
  test_list: ['assert f(1) == 1'],
  test_setup_code: '',
  challenge_test_list: [],
});
const MBPP = rowsOf([
  mbpp(11, 'def f(x):\r\n  return x'),
  mbpp(601, '# same\ndef f(x):\n  # back\n  return x'),
  mbpp(602, 'def f(x):\n  return 1'),
]);

type CodeTask = Extract<Recipe['task'], { kind: 'code' }>;
function recipeOf(task: Partial<CodeTask>, arms: Recipe['arms'] = ['base', 'ntp', 'ra3']): Recipe {
  const start = presetRecipe('recall-lines', 'quick');
  const own: CodeTask = {
    ...CODE_DEFAULTS,
    kind: 'code',
    promptField: 'text',
    solutionField: 'code',
    maxTokens: 200,
    heldOut: 0,
    maxRows: 100,
    ...task,
  };
  return { ...start, model: 'dropped', task: own, arms, ra3: { ...start.ra3, maxLatentTokens: 6 } };
}
const SUITE: Partial<CodeTask> = { suite: 'mbpp', split: 'dataset', verify: true, maxNewTokens: 30 };

const heard: { problem: PythonProblem; completion: string }[] = [];
const judge: ProgramJudge = {
  unjudged: new Map(),
  judge: async (problem, completion) => {
    heard.push({ problem, completion });
    return { reward: completion.includes('x') ? 1 : 0, lineOk: [], tests: [{ text: 't', ok: true }], end: 'finished' };
  },
};

async function corpusOf(recipe: Recipe, dataset = MBPP, parts: Partial<DroppedParts> = {}) {
  const problems = await problemsFor(recipe, dataset);
  return makeCorpus(recipe, CHAR_VOCABULARY, { tokenizer: charTokenizer, dataset, endIds: [END_ID], problems, judge, ...parts });
}
const said = (corpus: Awaited<ReturnType<typeof corpusOf>>) => corpus.notices.map((n) => `${n.level}: ${n.message}`).join('\n');

describe('a corpus of problems', () => {
  it('keeps training and held-out problems apart and says how much they share', async () => {
    const corpus = await corpusOf(recipeOf(SUITE));
    const rng = makeRng(1, 1);
    const trained = new Set(corpus.train(rng, 50).map((p) => corpus.problemOf(p)!.id));
    expect(trained).toEqual(new Set(['601', '602']));
    expect(corpus.heldOut(9).map((p) => corpus.problemOf(p)!.id)).toEqual(['11']);
    expect(said(corpus)).toMatch(/info: 3 rows: 2 programs to train on, 1 held out, 0 too long/);
    expect(said(corpus)).toMatch(/info: Training and held-out problems: 0 of 1 held-out ones share 10 words/);
    const sameText = 'one two three four five six seven eight nine ten eleven';
    const shared = rowsOf([mbpp(11, 'def f(x):\n  return x', sameText), mbpp(601, 'def f(x):\n  return x', sameText)]);
    expect(said(await corpusOf(recipeOf(SUITE), shared))).toMatch(
      /warning: .* 1 of 1 held-out ones share 10 words in a row .*one two three/,
    );
  });
  it('gives solution comments to the arm that learns from them, and to no other', async () => {
    const corpus = await corpusOf(recipeOf(SUITE, ['comments']));
    const label = labelsOf('comments', corpus, makeRng(0, 0));
    const [commented, plain] = ['601', '602'].map((id) => corpus.train(makeRng(1, 1), 50).find((p) => corpus.problemOf(p)!.id === id)!);
    expect(label(commented!).map((thought) => thought && charTokenizer.decode(thought))).toEqual([' same', ' back']);
    expect(label(plain!)).toEqual([null, null]);
    expect(charTokenizer.decode(commented!.lines.flatMap((l) => l.tokens))).toBe('def f(x):\n  return x\n');
  });
  it('gives the judge the problem and what was written, with the deadline of the recipe', async () => {
    const corpus = await corpusOf(recipeOf({ ...SUITE, deadlineMs: 77 }));
    const [program] = corpus.heldOut(1);
    const rollout = (completion: string) => ({ program, completion }) as unknown as PolicyRollout;
    const verdicts = await corpus.verify!([rollout('x'), rollout('y')]);
    expect(verdicts.map((v) => v.reward)).toEqual([1, 0]);
    expect(heard.splice(0).map(({ problem, completion }) => [problem.id, problem.deadlineMs, completion])).toEqual([
      ['11', 77, 'x'],
      ['11', 77, 'y'],
    ]);
  });
  it('writes with its stop strings, comments not among them, no longer than there is room', async () => {
    const { free } = await corpusOf(recipeOf(SUITE));
    const [program] = (await corpusOf(recipeOf(SUITE))).heldOut(1);
    const corpus = await corpusOf(recipeOf({ suite: 'humaneval', verify: true }, ['base']), HUMANEVAL);
    const [own] = corpus.train(makeRng(1, 1), 1);
    const text = corpus.free!.text(own!);
    expect(text.push(charTokenizer.encodeContinuation('  a\n# thought\n  b\ndef g')).stopped).toBe('\ndef');
    expect(free!.form.endsLine(charTokenizer.encodeContinuation('\n')[0]!)).toBe(true);
    expect(free!.T).toBe(program!.prompt.length + 1 + 30); // "Task 601." is one longer than "Task 11."
  });
  it('leaves judging out where nothing can judge, and says why', async () => {
    const corpus = await corpusOf(recipeOf(SUITE), MBPP, { judge: { missing: 'it rains' } });
    expect([corpus.verify, corpus.free, corpus.unverified]).toEqual([null, null, 'it rains']);
    expect(said(corpus)).toMatch(/warning: Nothing written can be judged here: it rains\./);
    const unasked = await corpusOf(recipeOf({ ...SUITE, verify: false }));
    expect([unasked.verify, unasked.unverified]).toEqual([null, expect.stringMatching(/task\.verify/)]);
  });
  it('takes problems without solutions for what needs none', async () => {
    const rows = rowsOf([1, 2, 3, 4].map((id) => ({ id, question: `q${id}`, test_cases: ['assert f(1) == 1'] })));
    const task: Partial<CodeTask> = { suite: 'acecode', verify: true, heldOut: 0.5, maxNewTokens: 10 };
    const corpus = await corpusOf(recipeOf(task, ['base']), rows);
    expect(corpus.practice(makeRng(1, 1), 3).every((p) => p.lines.length === 0)).toBe(true);
    expect(said(corpus)).toMatch(/info: 4 problems have no solution/);
    await expect(corpusOf(recipeOf(task), rows)).rejects.toThrow(/None of the 2 problems has a solution.*"base"/);
  });
  it('reads mapped fields', async () => {
    const rows = rowsOf([{ ask: 'say one', answer: 'def f(x):\n  return 1', checks: 'assert f(0) == 1', before: 'import math', fn: 'f' }]);
    const task: Partial<CodeTask> = {
      suite: 'mapped',
      promptField: 'ask',
      solutionField: 'answer',
      testsField: 'checks',
      setupField: 'before',
    };
    const corpus = await corpusOf(recipeOf({ ...task, entryPointField: 'fn', verify: true }), rows);
    const [program] = corpus.train(makeRng(1, 1), 1);
    expect(corpus.problemOf(program!)).toMatchObject({ setup: 'import math', entryPoint: 'f', tests: { asserts: ['assert f(0) == 1'] } });
    await expect(corpusOf(recipeOf({ ...task, testsField: '' }), rows)).rejects.toThrow(/task\.testsField/);
  });
  it('refuses, before anything runs, what cannot come to an end', async () => {
    await expect(corpusOf(recipeOf({ verify: true }))).rejects.toThrow(/task\.verify needs tests: set task\.suite/);
    await expect(corpusOf(recipeOf(SUITE, ['oracle']))).rejects.toThrow(/oracle and shuffled.*Leave them out/);
    const bare = rowsOf([mbpp(11, 'x = 1'), mbpp(601, 'x = 1')]);
    await expect(corpusOf(recipeOf(SUITE, ['comments']), bare)).rejects.toThrow(/comments needs solutions with comments/);
    await expect(corpusOf(recipeOf({ ...SUITE, maxTokens: 20 }))).rejects.toThrow(/fits 20 tokens/);
  });
});

const HUMANEVAL = rowsOf([
  {
    task_id: 'T/0',
    prompt: 'def f(x):\n',
    entry_point: 'f',
    canonical_solution: '    return x\n',
    test: 'def check(candidate):\n    assert candidate(1) == 1\n',
  },
]);

it('the recipes of single runs are recipes', () => {
  const dir = join(ROOT, 'recipes', 'runs');
  const names = readdirSync(dir);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(parseRecipe(JSON.parse(readFileSync(join(dir, name), 'utf8'))).model, name).toBe('dropped');
});

describe('a judge', () => {
  it('says what is missing before the run', async () => {
    expect(await judgeIn(null)).toEqual({ missing: 'there is no Python sandbox here' });
    const gone = fakeSandbox(() => 0);
    gone.left = 0;
    expect(await judgeIn(gone)).toEqual({ missing: 'the Python sandbox could not be opened: the fake sandbox is gone' });
  });
  it('names a problem whose reference solution fails, and calls nothing written for it right', async () => {
    const made = (await judgeIn(fakeSandbox(() => null))) as ProgramJudge;
    const problem = {
      id: 'Mbpp/2',
      suite: 'mbpp-plus',
      prompt: '',
      solution: '',
      setup: '',
      entryPoint: 'f',
      deadlineMs: 9,
      caveat: null,
    } as const;
    const tests = { kind: 'inputs' as const, base: [{ source: '1' }], plus: [], atol: 0 };
    expect((await made.judge({ ...problem, tests } as unknown as PythonProblem, 'x')).reward).toBe(0);
    expect([...made.unjudged]).toEqual([['Mbpp/2', expect.stringMatching(/reference solution of Mbpp\/2 fails/)]]);
  });
});
