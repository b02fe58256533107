// What the verb evaluate refuses before it opens a browser or a GPU, one sentence each.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../../src/headless/evaluateVerb.ts';

const PROBLEM = {
  task_id: 'T/0',
  prompt: 'def f():\n',
  entry_point: 'f',
  canonical_solution: '    return 1\n',
  test: 'def check(c): assert c() == 1',
};
let dir: string;
let base: string[];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-evaluate-'));
  writeFileSync(join(dir, 'problems.jsonl'), JSON.stringify(PROBLEM));
  writeFileSync(join(dir, 'bad.jsonl'), '{"task_id": "T/9", "completion": ""}\n');
  writeFileSync(join(dir, 'none.jsonl'), '{oops\n');
  base = ['--suite', 'humaneval', '--problems', join(dir, 'problems.jsonl'), '--out', join(dir, 'out.jsonl')];
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const refusal = (...argv: string[]): Promise<string> =>
  evaluate(argv).then(
    () => 'nothing',
    (e: Error) => `${e.name}: ${e.message}`,
  );

describe('evaluate refuses', () => {
  it.each<[string[], RegExp]>([
    [[], /--suite is missing/],
    [['--suite', 'apps'], /--suite apps is not known; there are humaneval, mbpp/],
    [['--suite', 'humaneval', '--problems', 'x'], /--out is missing/],
    [['--suite', 'humaneval', '--out', 'x', '--canonical'], /--problems is missing/],
  ])('%j', async (argv, message) => {
    expect(await refusal(...argv)).toMatch(message);
  });

  it.each<[string[], RegExp]>([
    [[], /Give --samples FILE.jsonl, or --canonical, or --model DIR with --samples/],
    [['--canonical', '--samples', 'x'], /Give --samples FILE.jsonl, or --canonical/],
    [['--model', 'x'], /with --samples for what it writes/],
    [['--canonical', '--k', '1,0'], /--k is "1,0"; it must be integers from 1/],
    [['--canonical', '--timeout', '0'], /--timeout is "0"; it must be a number from 0.1 to 600/],
    [['--canonical', '--split', 'test'], /--split test is not known; MBPP alone has prompt, test, validation, train/],
    [['--samples', '/nowhere.jsonl'], /--samples \/nowhere.jsonl does not exist/],
    [['--model', 'x', '--samples', 'y', '--n', '2'], /--n 2 at --temperature 0 gives the same completion 2 times/],
    [['--model', '/nowhere', '--samples', 'y'], /--model \/nowhere does not exist/],
  ])('%j with the rest as it should be', async (argv, message) => {
    expect(await refusal(...base, ...argv)).toMatch(message);
  });

  it('problems of another suite, and samples that are not for these', async () => {
    expect(await refusal(...base, '--suite', 'mbpp', '--canonical')).toMatch(
      /holds HumanEval problems \(--suite humaneval\), not those of --suite mbpp/,
    );
    expect(await refusal(...base, '--samples', join(dir, 'bad.jsonl'))).toMatch(/SampleError: Sample 1 is for the task "T\/9"/);
    expect(await refusal(...base, '--samples', join(dir, 'none.jsonl'))).toMatch(/FormatError: "none.jsonl"/);
  });
});
