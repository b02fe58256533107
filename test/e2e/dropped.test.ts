// Stories of a person's own files: a dropped model writes what it should, learns a dropped text, and goes through RA3 on a dropped dataset; what
// comes out opens again.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { parseConfig } from '../../src/formats/config.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import type { ArmResult, RunEvent } from '../../src/run/events.ts';
import { CODE_DEFAULTS, type Recipe } from '../../src/run/recipe.ts';
import { findings } from './support/axe.ts';
import {
  button,
  downloadBy,
  dropFiles,
  LabBrowser,
  type OpenedPage,
  RUN_LIMIT_MS,
  runToEnd,
  samples,
  setRecipe,
} from './support/labBrowser.ts';

const MODEL = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((name) => `models/stories260K/${name}`);
const model = samples(...MODEL, 'models/stories260K/golden.json');
const mbpp = samples('data/mbpp.jsonl.gz');
const modelFiles = (model ?? []).slice(0, MODEL.length);

const START = presetRecipe('recall-lines', 'quick');
const FAST = { batch: 4, lr: 1e-3, weightDecay: 0.01 };

/** Next-token prediction alone, ten steps. */
const TEXT: Recipe = {
  ...START,
  name: 'own text',
  model: 'dropped',
  task: { kind: 'text', field: 'text', maxTokens: 64, heldOut: 0, maxRows: 10 },
  arms: ['base', 'ntp'],
  ntp: { ...FAST, steps: 10 },
  rlvr: { ...START.rlvr, steps: 0 },
  evaluate: { prompts: 4, samples: 1, ranges: ['in'] },
};

/** Every stage that a dropped dataset has, a few steps of each. */
const CODE: Recipe = {
  ...START,
  name: 'own code',
  model: 'dropped',
  task: { kind: 'code', ...CODE_DEFAULTS, promptField: 'text', solutionField: 'code', maxTokens: 160, heldOut: 0.2, maxRows: 60 },
  arms: ['base', 'ra3'],
  ra3: {
    ...START.ra3,
    emIterations: 1,
    eSteps: 2,
    programs: 2,
    group: 2,
    lr: 1e-4,
    c: 0.05,
    tokenPenalty: 0.005,
    capPenalty: 0.02,
    lengthNormalised: true,
    thinkFloor: 0.2,
    maxLatentTokens: 4,
    infuse: 8,
    m: { ...FAST, steps: 4, batch: 2 },
  },
  rlvr: { ...START.rlvr, steps: 0 },
  evaluate: { prompts: 4, samples: 1, ranges: ['in'] },
};

const resultsOf = (log: RunEvent[]): ArmResult[] => log.flatMap((e) => (e.type === 'end' ? e.summary.results : []));
const nllOf = (log: RunEvent[], arm: string): number => resultsOf(log).find((r) => r.arm === arm)?.heldOutNll ?? Number.NaN;
const failuresOf = (log: RunEvent[]): string[] => log.flatMap((e) => (e.type === 'notice' && e.level === 'error' ? [e.message] : []));

describe.runIf(model)('a dropped model', () => {
  let lab: LabBrowser;
  let opened: OpenedPage;
  let page: Page;

  beforeAll(async () => {
    lab = await LabBrowser.start();
  });
  afterAll(() => lab?.close());
  beforeEach(async () => {
    opened = await lab.open();
    page = opened.page;
    await dropFiles(page, modelFiles);
    await page.getByText(/llama.*260 k parameters, 5 layers, context 512, vocabulary 512/i).waitFor();
  });
  afterEach(async () => {
    expect(opened.faults).toEqual([]);
    await page.close();
  });

  async function write(prompt: string, maxTokens: number): Promise<string> {
    await page.getByLabel(/^Prompt for/).fill(prompt);
    await page.getByLabel('Max tokens').fill(String(maxTokens));
    await page.getByLabel('Temperature').fill('0');
    await button(page, 'Write').click();
    const rate = page.getByText(/^\d+ tokens, [\d.]+ per second$/);
    const refused = page.locator('form.trial').getByRole('alert');
    await rate.or(refused).waitFor({ timeout: RUN_LIMIT_MS });
    expect(await refused.allTextContents()).toEqual([]);
    return (await page.getByLabel('Written by the model').textContent()) ?? '';
  }

  /** Drops the model with other contents of one of its files. */
  async function dropWith(on: Page, changed: string, change: (json: object) => object): Promise<void> {
    const files = modelFiles.map((path) => {
      const buffer = readFileSync(path);
      const isIt = basename(path) === changed;
      return {
        name: basename(path),
        mimeType: '',
        buffer: isIt ? Buffer.from(JSON.stringify(change(JSON.parse(String(buffer))))) : buffer,
      };
    });
    await dropFiles(on, files);
    await on.getByText(/260 k parameters/).waitFor();
  }

  /** The longest time between two pictures of the page, over three seconds. */
  const longestGapMs = (on: Page): Promise<number> =>
    on.evaluate(async () => {
      const until = performance.now() + 3000;
      let longest = 0;
      for (let last = performance.now(); last < until; ) {
        const now = await new Promise<number>((resolve) => requestAnimationFrame(() => resolve(performance.now())));
        longest = Math.max(longest, now - last);
        last = now;
      }
      return longest;
    });

  it('R11 with a tokenizer whose pattern has no end is stopped at 2 s on a page that stays fluid, and goes on', async () => {
    const pattern = { type: 'Split', pattern: { Regex: '(?:a+)+b|[A-Za-z ]+' }, behavior: 'Isolated', invert: false };
    const hostile = await lab.open();
    await dropWith(hostile.page, 'tokenizer.json', (tokenizer) => ({ ...tokenizer, pre_tokenizer: pattern }));
    await hostile.page.getByLabel(/^Prompt for/).fill(`${'a'.repeat(40)}!`);
    await hostile.page.getByLabel('Max tokens').fill('4');
    const longestGap = longestGapMs(hostile.page);
    await button(hostile.page, 'Write').click();
    await hostile.page
      .getByText(/tokenizer took longer than 2 s and was stopped/)
      .first()
      .waitFor();
    expect(await longestGap).toBeLessThan(1000);
    await hostile.page.getByLabel(/^Prompt for/).fill('Once upon a time');
    await button(hostile.page, 'Write').click();
    await hostile.page.getByText('4 tokens,').waitFor({ timeout: RUN_LIMIT_MS });

    const rows = [`return "${'a'.repeat(40)}!"`, 'return 1', 'return 2'].map((body) =>
      JSON.stringify({ prompt: 'def f():', solution: `    ${body}` }),
    );
    await dropFiles(hostile.page, [{ name: 'rows.jsonl', mimeType: '', buffer: Buffer.from(rows.join('\n')) }]);
    await button(hostile.page, 'Use in the recipe').click();
    await hostile.page.getByText(/^It could not run as it is: The tokenizer took longer than 2 s/).waitFor();
    expect(hostile.faults).toEqual([]);
    await hostile.page.close();
  });

  const endless = '{% for a in range(100000) %}'.repeat(3) + '{% endfor %}'.repeat(3);
  const exploding = "{% set a = namespace(t='x') %}{% for i in range(100000) %}{% set a.t = (a.t ~ a.t) | upper %}{% endfor %}{{ a.t }}";

  it('R12 with a chat template without end, or one that explodes, is stopped at 2 s on a page that stays fluid, and plain text and a good one go on', async () => {
    await page.getByLabel('Max tokens').fill('4');
    for (const [chat_template, why] of [
      [endless, /^The chat template took longer than 2 s and was stopped\. Give the prompt as plain text\.$/],
      [exploding, /^The chat template (took longer than 2 s and was stopped|cannot be used: .*)\. Give the prompt as plain text\.$/],
    ] as const) {
      await dropWith(page, 'tokenizer_config.json', (config) => ({ ...config, chat_template }));
      await page.getByLabel(/^Message to/).fill('Once upon a time');
      const longestGap = longestGapMs(page);
      await button(page, 'Send').click();
      const sentAt = performance.now();
      const alert = page.locator('form.trial').getByRole('alert');
      await alert.waitFor();
      expect(performance.now() - sentAt).toBeLessThan(5000);
      expect(await alert.textContent()).toMatch(why);
      expect(await longestGap).toBeLessThan(1000);
      expect(await page.getByRole('list', { name: 'Conversation' }).count()).toBe(0);
    }
    await button(page, 'Plain text').click();
    expect((await write('Once upon a time', 4)).length).toBeGreaterThan(16);
    await button(page, 'Chat').click();

    // and a good one: the conversation is what the template makes of it, by hand
    const chat_template = '{{ bos_token }}{% for m in messages %}{{ m.content | trim }} {% endfor %}';
    await dropWith(page, 'tokenizer_config.json', (config) => ({ ...config, chat_template }));
    await page.getByLabel('System message, if any').fill('A story.');
    await page.getByLabel('Max tokens').fill('8');
    await page.getByLabel('Temperature').fill('0');
    const turns = page.getByRole('list', { name: 'Conversation' }).getByRole('paragraph');
    const sent = page.locator('details.sent');
    const messages = ['Once upon a time', 'One day'];
    const byHand = ['A story. '];
    for (const [i, message] of messages.entries()) {
      await page.getByLabel(/^Message to/).fill(message);
      await page.keyboard.press('Enter');
      await page.getByText('8 tokens,').waitFor({ timeout: RUN_LIMIT_MS });
      await expect.poll(() => turns.count()).toBe(2 * i + 2);
      byHand.push(`${byHand.at(-1)}${message} `);
      expect(await sent.locator('pre').textContent()).toBe(`<s>${byHand.at(-1)}`);
      const answer = (await turns.last().textContent()) ?? '';
      byHand.push(`${byHand.at(-1)}${answer.trim()} `);
      await expect.poll(() => page.getByLabel(/^Message to/).inputValue()).toBe('');
    }
    expect(await sent.getAttribute('open')).toBeNull();
    await sent.locator('summary').click();
    await page.setViewportSize({ width: 390, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    expect(await findings(page)).toEqual([]);
    const answers = [await turns.nth(1).textContent(), await turns.nth(3).textContent()];
    expect(answers[0]).not.toBe(answers[1]);

    await button(page, 'Plain text').click();
    expect(await write(byHand[1] as string, 8)).toBe(`${byHand[1]}${answers[0]}`);
    expect(await write(byHand[3] as string, 8)).toBe(`${byHand[3]}${answers[1]}`);
    await button(page, 'Chat').click();
    await button(page, 'New conversation').click();
    expect(await turns.count()).toBe(0);

    await page.getByLabel('Max tokens').fill('600');
    await page.getByLabel(/^Message to/).fill('Tim');
    await button(page, 'Send').click();
    await page.getByText(/^A prompt of \d+ tokens and 600 new ones exceed the context of 512\./).waitFor();
    expect(await page.getByLabel(/^Message to/).inputValue()).toBe('Tim');
  });

  it('writes greedily what the reference wrote, to the last token, from nothing and from the first words', async () => {
    const golden = JSON.parse(readFileSync(model!.at(-1)!, 'utf8')) as { greedy_ids: number[]; greedy_text: string };
    const count = golden.greedy_ids.length - 1;
    expect(await write('', count)).toBe(golden.greedy_text);
    expect(await write('Once upon a time', count - 4)).toBe(golden.greedy_text);
  });

  it('learns a dropped text by next-token prediction', async () => {
    const line = 'The lab counts its steps: one, two, three, four, and then it begins again. ';
    await dropFiles(page, [{ name: 'counting.txt', mimeType: 'text/plain', buffer: Buffer.from(line.repeat(40)) }]);
    await page.getByText('counting.txt').first().waitFor();
    await setRecipe(page, TEXT);
    const log = await runToEnd(page);
    expect(failuresOf(log)).toEqual([]);
    const losses = log.flatMap((e) => (e.type === 'metrics' && e.stage === 'ntp' ? [e.values['loss/nll'] as number] : []));
    expect(losses).toHaveLength(10);
    expect(losses[9]).toBeLessThan(losses[0]! - 0.3);
    expect(nllOf(log, 'ntp')).toBeLessThan(nllOf(log, 'base'));
  });

  const long = { timeout: 400_000 };
  it.runIf(mbpp)(
    'goes through RA3 with thoughts as text on a dropped dataset, and is saved as a folder that opens again',
    long,
    async () => {
      await dropFiles(page, mbpp!);
      await page.getByText(/^974 rows/).waitFor();
      await button(page, 'Use in the recipe').click();
      await page.getByText('For the dropped model; the presets are for the embedded one.').waitFor();
      await setRecipe(page, CODE);
      const log = await runToEnd(page);
      expect(failuresOf(log)).toEqual([]);
      expect(
        log.some((e) => e.type === 'traces' && e.stage === 'e-step' && e.traces.some((t) => t.lines.some((l) => l.thought !== null))),
      ).toBe(true);
      expect(nllOf(log, 'ra3')).toBeLessThan(nllOf(log, 'base'));

      const folder = unzipSync(await downloadBy(page, 'Download RA3'));
      const before = await readSafetensors(fromBytes('before', readFileSync(modelFiles[1]!)));
      const after = await readSafetensors(fromBytes('after', folder['model.safetensors']!));
      const shapeOf = (json: string) => ({ ...parseConfig(json), raw: null });
      expect(shapeOf(new TextDecoder().decode(folder['config.json']!))).toEqual(shapeOf(readFileSync(modelFiles[0]!, 'utf8')));
      expect(Buffer.from(folder['tokenizer.json']!).equals(readFileSync(modelFiles[2]!))).toBe(true);
      const shapes = (file: typeof before) => [...file.tensors].map(([name, { shape }]) => `${name} (${shape})`).sort();
      expect(shapes(after)).toEqual(shapes(before));
      const name = 'model.embed_tokens.weight';
      const [old, now] = [await before.readFloat32(name), await after.readFloat32(name)];
      expect(now.every(Number.isFinite)).toBe(true);
      expect(now.some((x, i) => x !== old[i])).toBe(true);

      // and the page writes with the weights that it has just trained
      await page.getByRole('combobox', { name: 'Weights' }).selectOption('ra3');
      expect((await write('def ', 8)).length).toBeGreaterThan(4);
    },
  );
});
