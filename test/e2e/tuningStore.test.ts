// The tuner's memory in a real browser: what is written is there after a reload, what is not written is null.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenBrowser, openBrowser } from '../../scripts/browser.mjs';
import { buildAndServe, type ServedPage } from '../support/servedPage.ts';

let served: ServedPage;
let browser: OpenBrowser;

beforeAll(async () => {
  served = await buildAndServe('test/support/tuningPage.html');
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await served?.close();
});

it('keeps choices over a reload, and overwrites them', async () => {
  const page = await browser.context.newPage();
  const open = async (): Promise<void> => {
    await page.goto(served.url);
    await page.waitForFunction(() => 'tuningStore' in window, undefined, { timeout: 60_000 });
  };
  await open();
  expect(await page.evaluate(() => window.tuningStore.read('an adapter'))).toBe(null);
  await page.evaluate(() => window.tuningStore.write('an adapter', 'first'));
  await page.evaluate(() => window.tuningStore.write('an adapter', 'second'));
  await open();
  expect(await page.evaluate(() => window.tuningStore.read('an adapter'))).toBe('second');
  expect(await page.evaluate(() => window.tuningStore.read('another adapter'))).toBe(null);
});
