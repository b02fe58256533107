// Stories of what must not happen: a page without WebGPU that is dead or silent, and markup that is more than text. What leaves the tab is privacy.test.ts's.
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackChromium } from '../../scripts/unpack.mjs';
import { button, dropFiles, LabBrowser, openPage, withoutWebGpu } from './support/labBrowser.ts';

const MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

describe('the guards', () => {
  let lab: LabBrowser;

  beforeAll(async () => {
    lab = await LabBrowser.start();
  });
  afterAll(() => lab?.close());

  it.each([
    ['WebGPU', /^Replay only: This browser has no WebGPU\..*recorded runs still play here/],
    ['an adapter', /^Replay only: WebGPU is there, but gives no adapter\..*recorded runs still play here/],
  ])('R39 without %s the page says why, plays the recorded run and looks at drops', async (what, reason) => {
    const { path, source } = lab.browser;
    const env = source.startsWith('npm') ? (await unpackChromium()).env : {};
    const browser = await chromium.launch({
      executablePath: path,
      args: ['--no-sandbox', '--disable-gpu', '--disable-software-rasterizer'],
      env: { ...process.env, ...env } as Record<string, string>,
    });
    try {
      const { page, faults } = await openPage(browser, lab.url, '', what === 'WebGPU' ? withoutWebGpu : undefined);
      await page.getByText(reason).waitFor();
      expect(await button(page, 'Run').isDisabled()).toBe(true);
      await page.locator('.uplot canvas').first().waitFor();
      await button(page, 'Play').click();
      await button(page, 'Hold').waitFor();
      await dropFiles(page, [{ name: 'a.jsonl', mimeType: '', buffer: Buffer.from('{"prompt":"p","solution":"s"}\n') }]);
      await page.getByText(/^1 rows?/).waitFor();
      expect(faults).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it('shows markup in names and rows of a dropped dataset as text', async () => {
    const { page, faults } = await lab.open();
    const row = JSON.stringify({ prompt: MARKUP, solution: MARKUP, [MARKUP]: MARKUP });
    await dropFiles(page, [{ name: `${MARKUP.replaceAll('/', '')}.jsonl`, mimeType: '', buffer: Buffer.from(`${row}\n`) }]);
    await page.locator('.mapping pre').getByText(MARKUP).waitFor();
    expect(await page.locator('.recognised :is(img, script)').count()).toBe(0);
    expect(await page.title()).toBe('RA3 Lab');
    expect(faults).toEqual([]);
    await page.close();
  });
});
