// Runs a recipe of a built-in task in a real headless browser, through the same page code and worker as a person's tab: progress on stderr, the run
// bundle into a folder, the closing table on stdout. Refuses to call a run that did not finish a success.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { openBrowser } from '../../scripts/browser.mjs';
import { PAGE_DIR } from '../../scripts/paths.mjs';
import { serve } from '../../scripts/serve.mjs';
import type { RunEvent, RunSummary } from '../run/events.ts';
import { presetRecipe } from '../run/presets.ts';
import { BUILTIN_KINDS, type Recipe } from '../run/recipe.ts';
import { ProgressDisplay } from './progress.ts';
import { summaryTable } from './summaryTable.ts';

export { BUILTIN_KINDS, presetRecipe };

export interface HeadlessOptions {
  recipe: Recipe;
  /** Folder for the bundle, made when missing. */
  out: string;
}

const CHUNK_BYTES = 1 << 20;

/** Returns the exit code: 0 when the run finished and its bundle is written. */
export async function runHeadless({ recipe, out }: HeadlessOptions): Promise<number> {
  const dir = resolve(out);
  mkdirSync(dir, { recursive: true });
  const server = await serve({ dir: PAGE_DIR, port: 0 });
  const browser = await openBrowser();
  const events: RunEvent[] = [];
  try {
    process.stderr.write(`Browser: ${browser.path} ${browser.version} (${browser.source})\n`);
    const page = await browser.context.newPage();
    const display = new ProgressDisplay(process.stderr);
    await page.exposeBinding('takeEvents', (_source, batch: RunEvent[]) => {
      for (const event of batch) {
        events.push(event);
        display.show(event);
      }
    });
    await Promise.race([failureOf(page), runOn(page, `${server.url}headless.html`, recipe)]);
    const summary = closingSummary(events);
    const files = await fetchBundle(page, dir);
    process.stdout.write(`${summaryTable(summary)}\n`);
    process.stderr.write(`The bundle (${files} files, and all of them in bundle.zip) is in ${dir}\n`);
    return 0;
  } catch (error) {
    const log = join(dir, 'log.jsonl');
    writeFileSync(log, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    process.stderr.write(`\nThe run failed: ${plainMessage(error)}\nWhat it had reported is in ${log}\n`);
    return 1;
  } finally {
    await browser.close();
    await server.close();
  }
}

/** The sentence alone: without the names of the call and the class that playwright puts before it, and without the page's stack. */
function plainMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^page\.\w+: /, '')
    .replace(/^\w*Error: /, '')
    .replace(/\n\s+at [\s\S]*$/, '');
}

async function runOn(page: Page, url: string, recipe: Recipe): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => typeof window.runLab === 'function', undefined, { timeout: 30_000 });
  await page.evaluate((given) => window.runLab(given), recipe);
}

/** Rejects when the page cannot go on; never resolves. */
function failureOf(page: Page): Promise<never> {
  return new Promise((_, reject) => {
    page.on('crash', () => reject(new Error('the page crashed (out of memory, most likely): try --preset quick, or close other programs')));
    page.on('close', () => reject(new Error('the browser was closed')));
    page.on('pageerror', (error) => reject(error));
  });
}

function closingSummary(events: RunEvent[]): RunSummary {
  const end = events.findLast((event) => event.type === 'end');
  if (!end) throw new Error('it ended without a summary');
  if (end.summary.status !== 'finished') throw new Error(end.summary.error ?? `it was ${end.summary.status}`);
  return end.summary;
}

/** Writes the bundle and, beside it, what is in it. Returns the number of files in it. */
async function fetchBundle(page: Page, dir: string): Promise<number> {
  const sizeBytes = await page.evaluate(() => window.packBundle());
  const parts: Buffer[] = [];
  for (let from = 0; from < sizeBytes; from += CHUNK_BYTES) {
    const part = await page.evaluate(([lo, hi]) => window.readBundle(lo, hi), [from, Math.min(from + CHUNK_BYTES, sizeBytes)] as const);
    parts.push(Buffer.from(part, 'base64'));
  }
  const bundle = Buffer.concat(parts);
  writeFileSync(join(dir, 'bundle.zip'), bundle);
  const files = Object.entries(unzipSync(bundle)).filter(([name]) => !name.endsWith('/'));
  for (const [name, bytes] of files) {
    const path = resolve(dir, name);
    if (!path.startsWith(dir + sep)) throw new Error(`the bundle holds a file outside its folder: ${name}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  return files.length;
}
