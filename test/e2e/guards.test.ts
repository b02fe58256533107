// Stories of what must not happen: a page without WebGPU that is dead or silent, and a byte that leaves the tab.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Worker } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackChromium } from '../../scripts/unpack.mjs';
import { button, dropFiles, LabBrowser, openPage, withoutWebGpu } from './support/labBrowser.ts';

const MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

describe('the guards', () => {
  let lab: LabBrowser;
  /** Another origin, which would answer anyone. */
  let outside: Server;
  let outsideUrl: string;
  let hits = 0;

  beforeAll(async () => {
    lab = await LabBrowser.start();
    outside = createServer((_, response) => {
      hits++;
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
      response.end('here');
    });
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
    outsideUrl = `http://localhost:${(outside.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    await lab?.close();
    await new Promise((resolve) => outside?.close(resolve));
  });

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

  it('lets nothing out to another origin, from the page or from its worker', async () => {
    expect(await (await fetch(outsideUrl)).text()).toBe('here');
    expect(hits).toBe(1);
    const { page } = await lab.open();
    await page.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
    const refused = await page.evaluate(async (url) => {
      const broken: string[] = [];
      document.addEventListener('securitypolicyviolation', (event) => broken.push(event.effectiveDirective));
      const fetched = await fetch(url).then(
        () => 'reached',
        () => 'refused',
      );
      new WebSocket(url.replace('http', 'ws'));
      navigator.sendBeacon(url, 'x');
      new Image().src = url;
      const form = document.createElement('form');
      Object.assign(form, { action: url, method: 'post' });
      document.body.append(form);
      form.submit();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return { fetched, broken: [...new Set(broken)].sort() };
    }, outsideUrl);
    expect(refused).toEqual({ fetched: 'refused', broken: ['connect-src', 'form-action', 'img-src'] });

    const worker = page.workers()[0] as Worker;
    const fromWorker = await worker.evaluate(
      (url) =>
        fetch(url).then(
          () => 'reached',
          () => 'refused',
        ),
      outsideUrl,
    );
    expect(fromWorker).toBe('refused');
    expect(hits).toBe(1);
    await page.close();
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
