// Finding a browser: the one inside the npm packages computes on a bare machine, and one that does not start is passed over.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openBrowser } from '../../scripts/browser.mjs';
import { canUnpack } from '../../scripts/unpack.mjs';

afterEach(() => vi.unstubAllEnvs());

describe.runIf(canUnpack())('the browser of the npm packages', () => {
  it('gives pages a WebGPU adapter that computes', async () => {
    vi.stubEnv('RA3_BROWSER', 'npm');
    const browser = await openBrowser();
    expect(browser.source).toBe('npm package @sparticuz/chromium');
    expect(browser.adapter.vendor).not.toBe('');
    await browser.close();
  });

  it('steps in for a browser that does not start', async () => {
    vi.stubEnv('CHROME_PATH', process.execPath);
    vi.stubEnv('PATH', '');
    const browser = await openBrowser();
    expect(browser.path).not.toBe(process.execPath);
    await browser.close();
  });
});

describe('openBrowser', () => {
  it('refuses a choice that it does not know', async () => {
    vi.stubEnv('RA3_BROWSER', 'firefox');
    await expect(openBrowser()).rejects.toThrow("RA3_BROWSER is 'firefox'; it may be 'npm' or 'installed', or not set.");
  });
});
