// What the stories share: the built page behind its own server, a browser with WebGPU, and pages in fresh profiles whose faults are kept.
// Refuses nothing; a fault is anything that a person would find in the console: an error, or a request that leaves the page's origin.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Download, Page } from 'playwright-core';
import { expect } from 'vitest';
import { type OpenBrowser, openBrowser } from '../../../scripts/browser.mjs';
import { ensurePage } from '../../../scripts/build.mjs';
import { PAGE_DIR, ROOT } from '../../../scripts/paths.mjs';
import { serve } from '../../../scripts/serve.mjs';
import type { RunEvent } from '../../../src/run/events.ts';

/** How long a run of a few steps may take on a software adapter of a busy machine. */
export const RUN_LIMIT_MS = 150_000;
/** The same of a run with its start: kernels that are compiled and timed, Python that is loaded. */
export const WHOLE_RUN_LIMIT_MS = 300_000;

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
  async open(hash = '', prepare?: Prepare): Promise<OpenedPage> {
    return openPage(this.browser.context.browser() as Browser, this.url, hash, prepare);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.close();
  }
}

/** What is done to a profile before its page opens. */
type Prepare = (context: BrowserContext) => Promise<unknown>;

/** No flag takes navigator.gpu away: the worker, which alone asks for it, begins without. */
export const withoutWebGpu: Prepare = (context) =>
  context.route(/lab\.worker[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `delete WorkerNavigator.prototype.gpu;${await response.text()}` });
  });

export async function openPage(browser: Browser, url: string, hash: string, prepare?: Prepare): Promise<OpenedPage> {
  // the recorded run does not play by itself for whoever asks for less motion, so that tests find the whole of it
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US', reducedMotion: 'reduce' });
  await prepare?.(context);
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
  return logAtEnd(page);
}

/** The same of a run that goes on. */
export async function logAtEnd(page: Page): Promise<RunEvent[]> {
  await page.waitForFunction(() => /^(Done|failed|stopped) · /.test(document.title), undefined, { timeout: WHOLE_RUN_LIMIT_MS });
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

/** The tab dies as it does when its process is killed. */
export async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash');
  await page.goto('chrome://crash').catch(() => undefined);
  await crashed;
  await page.close();
}

/** What each chart of the shown run says of its lines, for those who cannot see it. */
export async function curves(page: Page): Promise<string[]> {
  const charts = page.getByRole('region', { name: 'Is it learning?' }).getByRole('img', { name: / over (RLVR step|E-step|step): / });
  await charts.first().waitFor();
  return Promise.all((await charts.all()).map(async (chart) => (await chart.getAttribute('aria-label')) ?? ''));
}

const NUMBER = /[−-]?\d+(\.\d+)?/g;
const numbersOf = (label: string): number[] => (label.match(NUMBER) ?? []).map((text) => Number(text.replace('−', '-')));
const withoutNumbers = (label: string): string => label.replace(NUMBER, '#');

/** A link's curves are those that were sent, to the digits that links keep. */
export function expectSameCurves(sent: string[], opened: string[]): void {
  expect(opened.map(withoutNumbers)).toEqual(sent.map(withoutNumbers));
  sent.flatMap(numbersOf).forEach((value, i) => {
    expect(Math.abs(opened.flatMap(numbersOf)[i]! - value)).toBeLessThanOrEqual(0.002 * Math.max(1, Math.abs(value)));
  });
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
