// Texts in a thread of their own: the same results as at home, and an end to patterns and templates that have none (R11, R12).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FormatError } from '../../../src/formats/formatError.ts';
import type { TokenizerFiles } from '../../../src/formats/textWork.ts';
import type { TextWorker } from '../../../src/formats/textWorker.ts';
import { openTextWorker, type TextThreadOptions } from '../../../src/headless/textClient.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const golden = (name: string) => readFileSync(join(ROOT, 'test/golden/tokenizers', name), 'utf8');
const expected = JSON.parse(golden('expected.json')) as {
  texts: string[];
  tokenizers: Record<string, { ids: number[][]; decoded: string[] }>;
};
const GPT2: TokenizerFiles = { tokenizerJson: golden('gpt2.json'), tokenizerConfigJson: null };

let dir = '';
const opened: TextWorker[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-text-'));
  const rolldownOptions = { input: join(ROOT, 'src/headless/textThread.ts'), output: { entryFileNames: 'textThread.mjs' } };
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    ssr: { noExternal: true },
    build: { ssr: true, outDir: dir, target: 'node20', rolldownOptions },
  });
});
afterEach(() => {
  for (const worker of opened.splice(0)) worker.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function open(files: TokenizerFiles | null, options: TextThreadOptions = {}): TextWorker {
  const worker = openTextWorker(files, { script: pathToFileURL(join(dir, 'textThread.mjs')), ...options });
  opened.push(worker);
  return worker;
}

/** The longest time for which this thread's loop did not turn while the work went on. */
async function longestPauseMs(work: Promise<unknown>): Promise<number> {
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  await work.catch(() => undefined);
  clearInterval(timer);
  return longest;
}

/** GPT-2's tokenizer with another pattern to split texts by. */
function withPattern(pattern: string): TokenizerFiles {
  const definition = JSON.parse(GPT2.tokenizerJson);
  definition.pre_tokenizer = {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
    ],
  };
  return { tokenizerJson: JSON.stringify(definition), tokenizerConfigJson: null };
}

const HI = [{ role: 'user', content: 'hi' }];
const PROMPT = { addGenerationPrompt: true };

describe('the same as at home', () => {
  test('encode, decode, continuations, chats; calls at once are answered in order', async () => {
    const worker = open(GPT2);
    const { ids, decoded } = expected.tokenizers.gpt2!;
    const [described, all, text, continuation, chat] = await Promise.all([
      worker.describe(),
      worker.encode(expected.texts, { addBos: false }),
      worker.decode(ids[9]!),
      worker.encodeContinuations(['abc']),
      worker.renderChat('{{ messages[0].content }}!', HI, PROMPT),
    ]);
    expect(described).toEqual({ size: 1155, bosId: null });
    expect(all).toEqual(ids);
    expect(text).toBe(decoded[9]);
    expect(continuation.length).toBeGreaterThan(0);
    expect(chat).toBe('hi!');
  });

  test('many texts go in several calls', async () => {
    const texts = Array.from({ length: 60 }, (_, i) => `text ${i} `.repeat(100));
    const ids = await open(GPT2).encode(texts, { addBos: false });
    expect(ids.length).toBe(60);
    expect(ids[7]).toEqual((await open(GPT2).encode([texts[7]!], { addBos: false }))[0]);
  });

  test('errors of the work are errors of the call, and the worker goes on', async () => {
    const worker = open(GPT2);
    await expect(worker.renderChat('{% for', HI, PROMPT)).rejects.toThrow(FormatError);
    await expect(worker.renderChat('{{ 1 }}', HI, { ...PROMPT, tools: [() => 1] })).rejects.toThrow(/cannot be asked/);
    expect(await worker.renderChat('{{ 1 }}', HI, PROMPT)).toBe('1');
    await expect(open({ tokenizerJson: '{}', tokenizerConfigJson: null }).describe()).rejects.toThrow(FormatError);
    await expect(open(null).decode([1])).rejects.toThrow(/no tokenizer/);
  });

  test('a closed worker refuses calls, waiting ones too', async () => {
    const worker = open(GPT2);
    const waiting = worker.encode(['a'], { addBos: false });
    worker.close();
    await expect(waiting).rejects.toThrow(/closed/);
    await expect(worker.decode([1])).rejects.toThrow(/closed/);
  });
});

describe('R11 hostile tokenizer regex', () => {
  test('is killed at 2 s, the page stays fluid, and the next text is encoded', { timeout: 30_000 }, async () => {
    const worker = open(withPattern('(?:a+)+b|[a-z ]+'));
    await worker.describe();
    const t0 = performance.now();
    const hostile = worker.encode([`${'a'.repeat(40)}!`], { addBos: false });
    const pause = await longestPauseMs(hostile);
    const tookMs = performance.now() - t0;
    await expect(hostile).rejects.toThrow(FormatError);
    await expect(hostile).rejects.toThrow(/tokenizer took longer than 2 s and was stopped/);
    expect(tookMs).toBeGreaterThan(1900);
    expect(tookMs).toBeLessThan(4000);
    expect(pause).toBeLessThan(500);
    const [ids] = await worker.encode(['some text'], { addBos: false });
    expect(await worker.decode(ids!)).toBe('some text');
  });

  test('calls that wait behind it are done by the next worker', { timeout: 30_000 }, async () => {
    const worker = open(withPattern('(?:a+)+b|[a-z ]+'), { callMs: 300 });
    await worker.describe();
    const [hostile, next] = await Promise.allSettled([
      worker.encode([`${'a'.repeat(40)}!`], { addBos: false }),
      worker.encode(['fine'], { addBos: false }),
    ]);
    expect(hostile.status).toBe('rejected');
    expect(next.status).toBe('fulfilled');
  });
});

describe('R12 hostile chat template', () => {
  test.each([
    ['loops', '{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}{% endfor %}{% endfor %}{% endfor %}'],
    [
      'doubles a text',
      "{% set ns = namespace(t='x') %}{% for i in range(100000) %}{% set ns.t = ns.t ~ ns.t %}{% set u = ns.t|length %}{% endfor %}",
    ],
    ['makes a huge list', '{{ range(1000000000)|list|length }}'],
  ])('%s: ended, the page stays fluid, and the next one is rendered', async (_, template) => {
    const worker = open(null, { memoryMiB: 256 });
    const t0 = performance.now();
    const hostile = worker.renderChat(template, HI, PROMPT);
    const pause = await longestPauseMs(hostile);
    await expect(hostile).rejects.toThrow(FormatError);
    expect(performance.now() - t0).toBeLessThan(5000);
    expect(pause).toBeLessThan(500);
    expect(await worker.renderChat('{{ messages[0].content }}', HI, PROMPT)).toBe('hi');
  });
});
