// The page's shell in a real browser: what axe finds, the flow by keyboard alone, and a panel that fails. The recorded run is on show throughout; nothing is trained.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findings } from './support/axe.ts';
import { button, LabBrowser } from './support/labBrowser.ts';

const RECORDED = 'Recorded run of the embedded default; Run makes it live.';

describe('the shell', () => {
  let lab: LabBrowser;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    lab = await LabBrowser.start();
    ({ page, faults } = await lab.open());
    await page.getByText(RECORDED).waitFor();
    await page.locator('.uplot canvas').first().waitFor();
  });
  afterAll(() => lab?.close());

  it('axe finds nothing serious in light and dark, wide and narrow, with each dialog open', async () => {
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    const found: Record<string, string[]> = { 'light, 1280': await findings(page) };
    await page.setViewportSize({ width: 390, height: 844 });
    found['light, 390'] = await findings(page);
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    found['dark, 390'] = await findings(page);
    await page.setViewportSize({ width: 1280, height: 900 });
    found['dark, 1280'] = await findings(page);
    for (const key of ['k', '?', 'v']) {
      await page.keyboard.press(key);
      await page.locator('dialog[open]').waitFor();
      found[`dialog of ${key}`] = await findings(page);
      await page.keyboard.press('Escape');
      await page.locator('dialog[open]').waitFor({ state: 'detached' });
    }
    expect(Object.entries(found).filter(([, list]) => list.length > 0)).toEqual([]);
  });

  it('has one main heading, a heading for each panel and every landmark once', async () => {
    expect(await page.locator('h1').count()).toBe(1);
    for (const role of ['banner', 'main', 'complementary', 'contentinfo'] as const)
      expect(await page.getByRole(role).count(), role).toBe(1);
    for (const panel of await page.getByRole('main').locator('.panel-place').all())
      expect(await panel.locator('h2').count()).toBeGreaterThan(0);
  });

  it('nothing is cut off or scrolls sideways at 390 wide and at 200 % zoom', async () => {
    for (const width of [390, 640]) {
      await page.setViewportSize({ width, height: 480 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), String(width)).toBeLessThanOrEqual(0);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('the command palette finds, goes there and comes back, by keyboard alone', async () => {
    await page.keyboard.press('Control+k');
    const field = page.getByRole('combobox', { name: 'Find a command' });
    await field.pressSequentially('why');
    await page.getByRole('option', { name: /^Why does it work\?/, selected: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'panel-theory');
    await page.keyboard.press('Control+k');
    await field.pressSequentially('macro full');
    await page.keyboard.press('Enter');
    await page.getByText(/^Exactly the preset Macro lists, full/).waitFor();
    await page.keyboard.press('Control+k');
    await field.pressSequentially('zzzz');
    await page.getByText('No command has these letters in this order.').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('1');
    await page.waitForFunction(() => document.activeElement?.id === 'panel-learning');
    expect(faults).toEqual([]);
  });

  it('the tour goes round by arrows and leaves the keyboard where it was', async () => {
    const link = button(page, 'Take the tour');
    await link.focus();
    await page.keyboard.press('Enter');
    const titles: string[] = [];
    const title = page.locator('.tour h2');
    for (let last = ''; (await title.count()) > 0; ) {
      last = (await title.textContent()) ?? '';
      titles.push(last);
      expect(await page.locator('[data-toured]').count()).toBe(1);
      await page.keyboard.press('ArrowRight');
      await page.waitForFunction((before) => document.querySelector('.tour h2')?.textContent !== before, last);
    }
    expect(titles.length).toBe(8);
    await page.waitForFunction(() => document.activeElement?.textContent === 'Take the tour');
    await page.keyboard.press('t');
    await title.waitFor();
    await page.keyboard.press('Escape');
    await title.waitFor({ state: 'detached' });
  });

  it('R54 a panel that throws takes only itself down', async () => {
    const context = await lab.browser.context.browser()!.newContext({ reducedMotion: 'reduce' });
    const broken = await context.newPage();
    // charts wait to be seen too: only the theory panel looks up what it is of
    await broken.addInitScript(() => {
      window.IntersectionObserver = class extends IntersectionObserver {
        constructor(callback: IntersectionObserverCallback, options?: IntersectionObserverInit) {
          if (String(callback).includes('.look(')) throw new Error('broken on purpose');
          super(callback, options);
        }
      };
    });
    await broken.goto(lab.url);
    const panel = broken.locator('#panel-theory');
    await panel.getByText('This panel failed: broken on purpose').waitFor();
    await broken.locator('.uplot canvas').first().waitFor();
    await button(broken, 'Play').click();
    await button(broken, 'Hold').waitFor();
    expect(await broken.getByText(/^This panel failed/).count()).toBe(1);
    await context.close();
  });
});
