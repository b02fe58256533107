// Every kernel case in a real browser. No browser, or a browser without WebGPU, is a failure.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type OpenBrowser, openBrowser } from '../../scripts/browser.mjs';
import { kernelCaseFiles } from '../support/kernelCase.ts';
import { buildAndServe, type ServedPage } from '../support/servedPage.ts';

describe('Chromium', () => {
  let served: ServedPage;
  let browser: OpenBrowser;
  let page: Page;

  beforeAll(async () => {
    served = await buildAndServe('test/support/kernelPage.html');
    browser = await openBrowser();
    page = await browser.context.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => typeof window.runKernelCase === 'function', undefined, { timeout: 60_000 });
  });
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  for (const { file, cases } of kernelCaseFiles()) {
    describe(file, () => {
      test.each(cases)('$name', async ({ name }) => {
        const failure = await page.evaluate(([f, n]) => window.runKernelCase(f, n), [file, name] as const);
        if (failure !== null) throw new Error(failure);
      });
    });
  }
});
