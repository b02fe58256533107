// Stories of the page, on the production build under its real policy: it opens alive and quiet, names what is wrong, runs, shares, and
// opens what was shared without starting anything.
import { parseRecipe } from '../../src/run/recipe.ts';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import {
  button,
  curves,
  downloadBy,
  dropFiles,
  expectSameCurves,
  LabBrowser,
  recipeOnPage,
  RUN_LIMIT_MS,
  runToEnd,
  setRecipe,
} from './support/labBrowser.ts';

/** Seconds on any adapter: every stage, a step or two of each. */
const TINY = {
  ...LINK_BASE_V1,
  name: 'tiny',
  ra3: { ...LINK_BASE_V1.ra3, eSteps: 3, programs: 4, group: 4, infuse: 16, m: { ...LINK_BASE_V1.ra3.m, steps: 2, batch: 8 } },
  ntp: { ...LINK_BASE_V1.ntp, steps: 2, batch: 8 },
  rlvr: { ...LINK_BASE_V1.rlvr, steps: 2, prompts: 4, group: 4 },
  evaluate: { prompts: 8, samples: 2 },
};

const PRESET_STAGES = [
  ...['Test base', 'NTP', 'Test NTP', 'E-step 1', 'Infuse 1', 'M-step 1', 'E-step 2', 'Infuse 2', 'M-step 2', 'Test RA3'],
  ...['RLVR base', 'Test base', 'RLVR NTP', 'Test NTP', 'RLVR RA3', 'Test RA3'],
];

describe('the page', () => {
  let lab: LabBrowser;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    lab = await LabBrowser.start();
  });
  afterAll(() => lab?.close());
  beforeEach(async () => {
    ({ page, faults } = await lab.open());
  });
  afterEach(async () => {
    await page.close();
  });

  it('opens with the recorded run, asks for nothing off its origin and has no errors', async () => {
    await page.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
    for (const name of ['Run', 'Pause', 'Step', 'Share', 'Download bundle', 'Drop a model or a dataset']) {
      expect(await button(page, name).count(), name).toBe(1);
    }
    for (const question of [
      'Is it learning?',
      'What did it find?',
      'Why does it work?',
      'What did the model write?',
      'Try the model',
      'What ran?',
    ]) {
      expect(await page.getByRole('heading', { name: question }).count(), question).toBe(1);
    }
    await page.locator('.uplot canvas').first().waitFor();
    expect(faults).toEqual([]);
  });

  it('plays the recorded run back with the keyboard alone', async () => {
    await button(page, 'Play').waitFor();
    await page.keyboard.press(' ');
    await button(page, 'Hold').waitFor();
    await page.keyboard.press(' ');
    await button(page, 'Play').waitFor();
    const scrubber = page.getByLabel('Position in the recorded run');
    expect(Number(await scrubber.inputValue())).toBeLessThan(1);
    await scrubber.focus();
    await page.keyboard.press('End');
    expect(Number(await scrubber.inputValue())).toBe(1);
  });

  it('computes the theory as its sliders move, by keyboard, and sets the run beside it', async () => {
    const panel = page.getByRole('region', { name: 'Why does it work?' });
    await panel.scrollIntoViewIfNeeded();
    await panel.getByText(/^Primitives take 46 sweeps; options of 15 steps in their place take 5/).waitFor();
    await panel.getByText(/^In the run shown, it thinks before/).waitFor();
    await panel.getByLabel('Tolerance ε').press('ArrowRight');
    await panel.getByText(/^Primitives take (?!46)\d+ sweeps/).waitFor();
    await panel.getByRole('button', { name: 'Start values' }).press('Enter');
    await panel.getByText(/^Primitives take 46 sweeps/).waitFor();
    await panel.getByRole('button', { name: 'Pruning' }).press('Enter');
    await panel.getByText(/^With 8 needed among 4,096 candidates/).waitFor();
    expect(await panel.getByRole('img', { name: /over σ: bound/ }).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  it('names the wrong field where it is and does not run it', async () => {
    await page.getByLabel('Seed', { exact: true }).first().fill('abc');
    await page.getByText(/^seed: /).waitFor();
    expect(await button(page, 'Run').isDisabled()).toBe(true);
    await page.getByLabel('Seed', { exact: true }).first().fill('3');
    await page.getByText(/seed 3 instead of/).waitFor();
  });

  it('says of each dropped file what it is or why it was refused, as text', async () => {
    await dropFiles(page, [
      {
        name: '<img src=x onerror=alert(1)>.jsonl',
        mimeType: '',
        buffer: Buffer.from('{"prompt":"def f():","solution":"    return 1"}\n'),
      },
      { name: 'model.bin', mimeType: '', buffer: Buffer.from([0x80, 0x02, 0x7d, 0x71, 0x00, 0x2e]) },
    ]);
    await page.getByRole('list', { name: 'Problems' }).getByText('model.bin').waitFor();
    expect(await page.locator('.recognised img').count()).toBe(0);
    expect(await button(page, 'Use in the recipe').isDisabled()).toBe(true);
  });

  it('opens a damaged link clean and says why', async () => {
    const other = await lab.open('#v1.AAAAAAAA');
    await other.page
      .getByRole('alert')
      .getByText(/cannot be opened/)
      .waitFor();
    await other.page.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
    await other.page.close();
  });

  it('runs the preset live at one click; pauses, goes one step, goes on, and stops', async () => {
    const count = page.locator('.left .num').first();
    await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
    const stages = page.getByRole('list', { name: 'Stages' }).getByRole('listitem');
    await expect.poll(() => stages.allTextContents(), { timeout: RUN_LIMIT_MS }).toEqual(PRESET_STAGES);
    await page.waitForFunction(() => /^\d+ % · NTP/.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
    await page.keyboard.press('p');
    await button(page, 'Resume').waitFor({ timeout: RUN_LIMIT_MS });
    const held = await settled(() => count.textContent());
    await button(page, 'Step').click();
    await expect.poll(() => count.textContent(), { timeout: RUN_LIMIT_MS }).toBe(held.replace(/^\d+/, (done) => String(Number(done) + 1)));
    await button(page, 'Resume').click();
    await expect
      .poll(async () => Number.parseInt((await count.textContent()) ?? '', 10), { timeout: RUN_LIMIT_MS })
      .toBeGreaterThan(Number.parseInt(held, 10) + 2);
    // R56 closing the tab of a run asks first
    const asked = page.waitForEvent('dialog');
    void page.close({ runBeforeUnload: true });
    const dialog = await asked;
    expect(dialog.type()).toBe('beforeunload');
    await dialog.dismiss();
    await button(page, 'Stop').click();
    await page.waitForFunction(() => document.title.startsWith('stopped'), undefined, { timeout: RUN_LIMIT_MS });
    expect(await button(page, 'Run').isEnabled()).toBe(true);
    expect(faults).toEqual([]);
  });

  it('runs a recipe to its end, saves it, and shares it as a link that a fresh profile opens without running', async () => {
    await setRecipe(page, TINY);
    const log = await runToEnd(page);
    expect(log.at(-1)).toMatchObject({ type: 'end', summary: { status: 'finished', error: null } });
    const results = (on: Page) => on.getByRole('table', { name: /^Results of each arm/ });
    for (const arm of ['base', 'NTP', 'RA3']) {
      expect(await results(page).getByRole('rowheader', { name: arm, exact: true }).count(), arm).toBe(1);
    }
    expect(await page.locator('.trace').count()).toBeGreaterThan(0);
    expect(await page.locator('.rollout').count()).toBeGreaterThan(0);
    expect((await downloadBy(page, 'Download bundle')).subarray(0, 2).toString()).toBe('PK');

    await button(page, 'Share').click();
    await page.waitForFunction(() => location.hash.startsWith('#v2.'));
    const other = await lab.open(new URL(page.url()).hash);
    await other.page.getByText('Recipe and curves from a link, as they were sent; nothing has run here.').waitFor();
    expect(await results(other.page).textContent()).toBe(await results(page).textContent());
    expectSameCurves(await curves(page), await curves(other.page));
    expect(await recipeOnPage(other.page)).toEqual(parseRecipe(TINY));
    expect(await other.page.title()).toBe('RA3 Lab');
    expect(await other.page.getByRole('list', { name: 'Notices' }).count()).toBe(0);
    expect([...faults, ...other.faults]).toEqual([]);
    await other.page.close();
  });
});

/** A text once it has stood still for a second and a half. */
async function settled(read: () => Promise<string | null>): Promise<string> {
  for (let last = await read(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const now = await read();
    if (now === last) return now ?? '';
    last = now;
  }
}
