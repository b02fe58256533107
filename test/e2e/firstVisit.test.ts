// A first visit: whoever opens the page in a fresh profile sees the recorded run play without a click and every question answered; then, with the keyboard alone,
// brings a file, changes the recipe, runs it, pauses, goes one step, shares and stops. axe finds nothing serious, before and during the run.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findings } from './support/axe.ts';
import { button, LabBrowser, RUN_LIMIT_MS } from './support/labBrowser.ts';

const STAGES = [
  ...['Test base', 'NTP', 'Test NTP', 'E-step 1', 'Infuse 1', 'M-step 1', 'E-step 2', 'Infuse 2', 'M-step 2', 'Test RA3'],
  ...['RLVR base', 'Test base', 'RLVR NTP', 'Test NTP', 'RLVR RA3', 'Test RA3'],
];
const MOST_TABS = 150;

let lab: LabBrowser;
beforeAll(async () => {
  lab = await LabBrowser.start();
});
afterAll(() => lab?.close());

/** By Tab alone, as someone without a mouse. */
async function tabTo(page: Page, name: string): Promise<void> {
  const passed: string[] = [];
  for (let i = 0; i < MOST_TABS; i++) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement & { labels?: NodeListOf<HTMLElement> };
      return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
    });
    if (here.trim() === name) return;
    passed.push(here.trim().slice(0, 30));
  }
  throw new Error(`Tab does not reach ${name}; it passed ${passed.join(' | ')}`);
}

/** A number once it has stood still for a second and a half. */
async function settled(read: () => Promise<number>): Promise<number> {
  for (let last = await read(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const now = await read();
    if (now === last) return now;
    last = now;
  }
}

it('plays the recorded run, answers the questions, and runs the default by keyboard alone', { timeout: 400_000 }, async () => {
  const { page, faults } = await lab.open('', (context) =>
    Promise.resolve(context.on('page', (of) => void of.emulateMedia({ reducedMotion: 'no-preference' }))),
  );
  await page.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
  await button(page, 'Hold').waitFor();
  const scrubber = page.getByLabel('Position in the recorded run');
  const early = Number(await scrubber.inputValue());
  await expect.poll(async () => Number(await scrubber.inputValue())).toBeGreaterThan(early);
  await page.keyboard.press(' ');
  await button(page, 'Play').waitFor();
  expect(Number(await scrubber.inputValue())).toBeLessThan(1);
  await scrubber.press('End');
  expect(Number(await scrubber.inputValue())).toBe(1);

  const panel = (question: string) => page.getByRole('region', { name: question });
  await panel('Is it learning?')
    .getByRole('img', { name: /^Reward in RLVR over RLVR step: / })
    .waitFor();
  await panel('What did it find?').locator('.trace').first().waitFor();
  await panel('What did the model write?').locator('.rollout').first().waitFor();
  await panel('What ran?').getByRole('table').first().waitFor();
  await panel('Why does it work?').scrollIntoViewIfNeeded();
  await panel('Why does it work?')
    .getByText(/^In the run shown, it thinks before/)
    .waitFor();
  await page.evaluate(() => scrollTo(0, 0));
  expect(await findings(page)).toEqual([]);

  const chooser = page.waitForEvent('filechooser');
  await tabTo(page, 'Drop a model or a dataset');
  await page.keyboard.press('Enter');
  await (await chooser).setFiles([{ name: 'rows.jsonl', mimeType: '', buffer: Buffer.from('{"prompt":"p","solution":"s"}\n') }]);
  await page.getByText(/^1 rows?/).waitFor();
  await tabTo(page, 'Seed');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('4');
  await page.getByText(/seed 4 instead of 1/).waitFor();
  await page.locator('.badge-ok').waitFor();
  await tabTo(page, 'Run');
  await page.keyboard.press('Enter');
  const stages = page.getByRole('list', { name: 'Stages' }).getByRole('listitem');
  await expect.poll(() => stages.allTextContents(), { timeout: RUN_LIMIT_MS }).toEqual(STAGES);
  await page.waitForFunction(() => /^\d+ % · NTP/.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
  await tabTo(page, 'Pause');
  await page.keyboard.press('Enter');
  await button(page, 'Resume').waitFor({ timeout: RUN_LIMIT_MS });
  const count = async () => Number.parseInt((await page.locator('.left .num').first().textContent()) ?? '', 10);
  const held = await settled(count);
  expect(await findings(page)).toEqual([]);
  await tabTo(page, 'Step');
  await page.keyboard.press('Enter');
  await expect.poll(count, { timeout: RUN_LIMIT_MS }).toBe(held + 1);
  await tabTo(page, 'Share');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /^#v\d+\./.test(location.hash));
  await tabTo(page, 'Resume');
  await page.keyboard.press('Enter');
  await expect.poll(count, { timeout: RUN_LIMIT_MS }).toBeGreaterThan(held + 2);
  // R56 closing the tab of a run asks first
  const asked = page.waitForEvent('dialog');
  void page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe('beforeunload');
  await dialog.dismiss();
  await tabTo(page, 'Stop');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.title.startsWith('stopped'), undefined, { timeout: RUN_LIMIT_MS });
  expect(await button(page, 'Run').isEnabled()).toBe(true);
  expect(faults).toEqual([]);
  await page.close();
});
