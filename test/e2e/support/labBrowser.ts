// What the stories share: the built page behind its own server, a browser with WebGPU, and pages in fresh profiles whose faults are kept.
// Refuses nothing; a fault is anything that a person would find in the console: an error, or a request that leaves the page's origin.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Download, Page } from 'playwright-core';
import { type OpenBrowser, openBrowser } from '../../../scripts/browser.mjs';
import { ensurePage } from '../../../scripts/build.mjs';
import { PAGE_DIR, ROOT } from '../../../scripts/paths.mjs';
import { serve } from '../../../scripts/serve.mjs';
import type { RunEvent } from '../../../src/run/events.ts';

/** How long a run of a few steps may take on a software adapter of a busy machine. */
export const RUN_LIMIT_MS = 150_000;

export interface OpenedPage {
  page: Page;
  faults: string[];
}

export class LabBrowser {
  readonly url: string;
  readonly browser: OpenBrowser;
  private readonly server: { close: () => Promise<void> };

  private constructor(server: { url: string; close: () => Promise<void> }, browser: OpenBrowser) {
    this.server = server;
    this.url = server.url;
    this.browser = browser;
  }

  static async start(): Promise<LabBrowser> {
    await ensurePage();
    const server = await serve({ dir: PAGE_DIR, port: 0 });
    try {
      return new LabBrowser(server, await openBrowser({ viewport: { width: 1280, height: 900 } }));
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** The page in a profile of its own: no storage, no cache, nothing dropped. Closing the page closes the profile. */
  async open(hash = ''): Promise<OpenedPage> {
    return openPage(this.browser.context.browser() as Browser, this.url, hash);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.close();
  }
}

export async function openPage(browser: Browser, url: string, hash: string): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US' });
  const page = await context.newPage();
  page.on('close', () => void context.close().catch(() => undefined));
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(url + hash);
  await page.getByRole('heading', { name: 'RA3 Lab' }).waitFor();
  return { page, faults };
}

export function button(page: Page, name: string) {
  return page.getByRole('button', { name, exact: true });
}

export async function setRecipe(page: Page, recipe: object): Promise<void> {
  await button(page, 'Text').click();
  await page.getByLabel('Recipe as JSON').fill(JSON.stringify(recipe));
}

/** The recipe as the text view has it. */
export async function recipeOnPage(page: Page): Promise<unknown> {
  await button(page, 'Text').click();
  return JSON.parse(await page.getByLabel('Recipe as JSON').inputValue());
}

/** Presses Run and waits for the run's end, however it ends. Returns the log as the page saves it. */
export async function runToEnd(page: Page): Promise<RunEvent[]> {
  await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
  await page.waitForFunction(() => /^(Done|failed|stopped) · /.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
  const bytes = await downloadBy(page, 'Download the log');
  return bytes
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);
}

/** Presses a button and returns what it downloads. */
export async function downloadBy(page: Page, name: string): Promise<Buffer> {
  return bytesOf((await Promise.all([page.waitForEvent('download'), button(page, name).click()]))[0]);
}

async function bytesOf(download: Download): Promise<Buffer> {
  return readFileSync(await download.path());
}

/** Gives files to the page as its picker does and waits until they are read. */
export async function dropFiles(page: Page, files: Parameters<ReturnType<Page['getByLabel']>['setInputFiles']>[0]): Promise<void> {
  await page.getByLabel('Files', { exact: true }).setInputFiles(files);
  await page.locator('.recognised').waitFor();
  await page.getByRole('region', { name: 'Model and dataset' }).getByText('Reading…').waitFor({ state: 'hidden' });
}

const SAMPLES = join(ROOT, '..', 'shared');

/** Paths of sample files beside the repository, or null, having said which is missing. */
export function samples(...names: string[]): string[] | null {
  const paths = names.map((name) => join(SAMPLES, name));
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length === 0) return paths;
  console.warn(`Skipped: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not there.`);
  return null;
}
