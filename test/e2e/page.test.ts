// Stories of the page, on the production build under its real policy: it opens alive and quiet, names what is wrong, runs, shares, and
// opens what was shared without starting anything.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenBrowser, openBrowser } from '../../scripts/browser.mjs';
import { ROOT } from '../../scripts/paths.mjs';
import { serve } from '../../scripts/serve.mjs';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';

const RUN_LIMIT_MS = 150_000;

/** Seconds on any adapter: every stage, a step or two of each. */
const TINY = {
  ...LINK_BASE_V1,
  name: 'tiny',
  ra3: { ...LINK_BASE_V1.ra3, eSteps: 3, programs: 4, group: 4, infuse: 16, m: { ...LINK_BASE_V1.ra3.m, steps: 2, batch: 8 } },
  ntp: { ...LINK_BASE_V1.ntp, steps: 2, batch: 8 },
  rlvr: { ...LINK_BASE_V1.rlvr, steps: 2, prompts: 4, group: 4 },
  evaluate: { prompts: 8, samples: 2 },
};

describe('the page', () => {
  const outDir = mkdtempSync(join(tmpdir(), 'ra3-lab-e2e-'));
  let server: Awaited<ReturnType<typeof serve>>;
  let browser: OpenBrowser;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    await build({ root: ROOT, configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn', build: { outDir, emptyOutDir: true } });
    server = await serve({ dir: outDir, port: 0 });
    browser = await openBrowser({ viewport: { width: 1280, height: 900 } });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(outDir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    ({ page, faults } = await open(''));
  });
  afterEach(async () => {
    await page.close();
  });

  async function open(hash: string): Promise<{ page: Page; faults: string[] }> {
    const opened = await browser.context.newPage();
    const found: string[] = [];
    opened.on('pageerror', (error) => found.push(error.message));
    opened.on('console', (message) => {
      if (message.type() === 'error') found.push(message.text());
    });
    opened.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !/^(blob|data):/.test(request.url())) found.push(`asked for ${request.url()}`);
    });
    await opened.goto(server.url + hash);
    await opened.getByRole('heading', { name: 'RA3 Lab' }).waitFor();
    return { page: opened, faults: found };
  }

  const button = (name: string, on = page) => on.getByRole('button', { name, exact: true });

  async function setRecipe(recipe: object): Promise<void> {
    await button('Text').click();
    await page.getByLabel('Recipe as JSON').fill(JSON.stringify(recipe));
  }

  it('opens with the recorded run, asks for nothing off its origin and has no errors', async () => {
    await page.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
    for (const name of ['Run', 'Pause', 'Step', 'Share', 'Download bundle', 'Drop a model or a dataset']) {
      expect(await button(name).count(), name).toBe(1);
    }
    for (const question of ['Is it learning?', 'What did it find?', 'What did the model write?', 'Try the model', 'What ran?']) {
      expect(await page.getByRole('heading', { name: question }).count(), question).toBe(1);
    }
    await page.locator('.uplot canvas').first().waitFor();
    expect(faults).toEqual([]);
  });

  it('plays the recorded run back with the keyboard alone', async () => {
    await button('Play').waitFor();
    await page.keyboard.press(' ');
    await button('Hold').waitFor();
    await page.keyboard.press(' ');
    await button('Play').waitFor();
    const scrubber = page.getByLabel('Position in the recorded run');
    expect(Number(await scrubber.inputValue())).toBeLessThan(1);
    await scrubber.focus();
    await page.keyboard.press('End');
    expect(Number(await scrubber.inputValue())).toBe(1);
  });

  it('names the wrong field where it is and does not run it', async () => {
    await page.getByLabel('Seed', { exact: true }).first().fill('abc');
    await page.getByText(/^seed: /).waitFor();
    expect(await button('Run').isDisabled()).toBe(true);
    await page.getByLabel('Seed', { exact: true }).first().fill('3');
    await page.getByText(/seed 3 instead of/).waitFor();
  });

  it('says of each dropped file what it is or why it was refused, as text', async () => {
    await page.getByLabel('Files', { exact: true }).setInputFiles([
      {
        name: '<img src=x onerror=alert(1)>.jsonl',
        mimeType: '',
        buffer: Buffer.from('{"prompt":"def f():","solution":"    return 1"}\n'),
      },
      { name: 'model.bin', mimeType: '', buffer: Buffer.from([0x80, 0x02, 0x7d, 0x71, 0x00, 0x2e]) },
    ]);
    await page.getByRole('list', { name: 'Problems' }).getByText('model.bin').waitFor();
    expect(await page.locator('.recognised img').count()).toBe(0);
    expect(await button('Use in the recipe').isDisabled()).toBe(true);
  });

  it('opens a damaged link clean and says why', async () => {
    const other = await open('#v1.AAAAAAAA');
    await other.page
      .getByRole('alert')
      .getByText(/cannot be opened/)
      .waitFor();
    await other.page.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
    await other.page.close();
  });

  it('runs a recipe to its end, downloads it, and shares it as a link that opens without running', async () => {
    await setRecipe(TINY);
    await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>('button.primary')?.disabled);
    await button('Run').click();
    await page.waitForFunction(() => /^\d+ %/.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
    await page.waitForFunction(() => document.title.startsWith('Done'), undefined, { timeout: RUN_LIMIT_MS });
    const results = (on: Page) => on.getByRole('table', { name: /^Results of each arm/ });
    for (const arm of ['base', 'NTP', 'RA3']) {
      expect(await results(page).getByRole('rowheader', { name: arm, exact: true }).count(), arm).toBe(1);
    }
    expect(await page.locator('.trace').count()).toBeGreaterThan(0);
    expect(await page.locator('.rollout').count()).toBeGreaterThan(0);

    const [download] = await Promise.all([page.waitForEvent('download'), button('Download bundle').click()]);
    expect(download.suggestedFilename()).toBe('tiny.zip');

    await button('Share').click();
    await page.waitForFunction(() => location.hash.startsWith('#v1.'));
    const other = await open(new URL(page.url()).hash);
    await other.page.getByText('Recipe and curves from a link, as they were sent; nothing has run here.').waitFor();
    expect(await results(other.page).getByRole('rowheader', { name: 'RA3', exact: true }).count()).toBe(1);
    expect(await other.page.title()).toBe('RA3 Lab');
    await other.page.close();
    expect(faults).toEqual([]);
  });
});
