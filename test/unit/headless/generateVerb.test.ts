// What the verb generate refuses before it opens a GPU, one sentence each; options that may be given several times.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../../scripts/paths.mjs';
import { readOptions } from '../../../src/headless/arguments.ts';
import { generate } from '../../../src/headless/generateVerb.ts';

const MODEL = join(ROOT, 'test/golden/families/llama2');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-generate-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const refusal = (...argv: string[]): Promise<string> =>
  generate(['--model', MODEL, ...argv]).then(
    () => 'nothing',
    (e: Error) => `${e.name}: ${e.message}`,
  );

describe('generate', () => {
  it('takes prompts in exactly one way', async () => {
    const wanted = 'InputError: Give one of --prompt TEXT, --prompt-ids ARRAY and --prompts FILE.jsonl.';
    expect(await refusal('--max-tokens', '5')).toBe(wanted);
    expect(await refusal('--max-tokens', '5', '--prompt', 'x', '--prompt-ids', '[1]')).toBe(wanted);
  });

  it.each([
    [['--prompt', 'x'], /--max-tokens is missing/],
    [['--prompt', 'x', '--max-tokens', '0'], /--max-tokens is "0"; it must be an integer from 1/],
    [['--prompt', 'x', '--max-tokens', '5', '--min-p', '2'], /--min-p is "2"; it must be a number from 0 to 1/],
    [['--prompt', 'x', '--max-tokens', '5', '--repetition-penalty', '0'], /--repetition-penalty is "0"/],
    [['--prompt', 'x', '--max-tokens', '5', '--samples', '1.5'], /--samples is "1.5"/],
    [['--prompt', 'x', '--max-tokens', '5', '--stop='], /--stop is empty/],
    [['--prompt', 'x', '--max-tokens', '5', '--dtype', 'f64'], /--dtype f64 is not known; there are f32, f16/],
    [['--prompt-ids', '[1, 999999]', '--max-tokens', '5'], /--prompt-ids holds 999999; token ids are integers from 0 to/],
    [['--prompt-ids', '[1', '--max-tokens', '5'], /--prompt-ids is not JSON/],
    [['--prompts', '/nowhere.jsonl', '--max-tokens', '5'], /--prompts \/nowhere\.jsonl does not exist/],
  ])('refuses %j', async (argv, message) => {
    expect(await refusal(...argv)).toMatch(message);
  });

  it.each([
    ['{"prompt": "a"}\n{oops', /line 2 is not JSON/],
    ['{"text": "a"}', /line 1 holds no \{"prompt": TEXT\}, \{"ids": \[\.\.\.\]\} or \{"messages"/],
    ['{"messages": []}', /line 1 holds no/],
    ['{"messages": [{"role": "user"}]}', /line 1 holds no/],
    ['{"ids": []}', /line 1: "ids" must be a JSON array of at least one token id/],
    ['\n\n', /holds no prompt/],
  ])('refuses the prompts %j', async (text, message) => {
    const path = join(dir, 'prompts.jsonl');
    writeFileSync(path, text);
    expect(await refusal('--prompts', path, '--max-tokens', '5')).toMatch(message);
  });
});

describe('options', () => {
  it('that may be repeated are lists in the order of the command line', () => {
    const { options, lists } = readOptions('v', ['--stop', 'a', '--seed', '3', '--stop', 'b'], ['seed'], [], 0, ['stop']);
    expect(lists).toEqual({ stop: ['a', 'b'] });
    expect(options).toEqual({ seed: '3' });
  });
  it('that may not are taken once', () => {
    expect(readOptions('v', ['--seed', '3', '--seed', '4'], ['seed'], []).options).toEqual({ seed: '4' });
  });
});
