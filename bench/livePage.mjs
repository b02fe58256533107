// node bench/livePage.mjs [pairs]: what the page costs a run, and a run the page. Turn about, the same training on the same browser: by a page that draws
// nothing, and by the lab's own page with its charts in sight; the medians of their tokens per second and their ratio; and on the lab's page the longest
// tasks of the main thread while the run goes on. Then the longest frame of the page with 200 runs listed, while it is scrolled. Prints Markdown.
// Numbers mean the machine as it is: say what else it did. Fails when a run does.
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { openBrowser } from '../scripts/browser.mjs';
import { ensurePage } from '../scripts/build.mjs';
import { PAGE_DIR } from '../scripts/paths.mjs';
import { ensureInstalled } from '../scripts/prepare.mjs';
import { serve } from '../scripts/serve.mjs';

const VIEWPORT = { width: 1280, height: 900 };
const LIMIT_MS = 600_000;
const STEPS = 120;
const RUNS = 200;
const LIST_MS = 3000;

/** @typedef {{ type: string, values?: Record<string, number | null>, stage?: string, step?: number }} LoggedEvent */

/** In the page, before its scripts: every task over 50 ms, and the gaps between frames. */
function watch() {
  const seen = { tasks: /** @type {number[]} */ ([]), frames: /** @type {number[]} */ ([]) };
  Object.assign(window, { seen });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.tasks.push(Math.round(duration));
  }).observe({ type: 'longtask', buffered: true });
  let last = performance.now();
  const frame = (/** @type {number} */ at) => {
    seen.frames.push(Math.round(at - last));
    last = at;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

await ensureInstalled();
await ensurePage();
const pairs = Number(process.argv[2] ?? 3);
if (!Number.isInteger(pairs) || pairs < 1 || pairs > 50)
  throw new Error(`The count is '${process.argv[2]}'; it may be a whole number from 1 to 50.`);
const load = loadavg()[0] ?? 0;
const server = await serve({ dir: PAGE_DIR, port: 0 });
const opened = await openBrowser({ viewport: VIEWPORT });
const browser = /** @type {import('playwright-core').Browser} */ (opened.context.browser());
/** @type {Record<'closed' | 'open', number[]>} */
const speeds = { closed: [], open: [] };
/** @type {number[]} */
const tasks = [];
let ranMs = 0;
let listed = { tasks: /** @type {number[]} */ ([]), frames: /** @type {number[]} */ ([]) };
try {
  /** @type {any} */
  let recipe = null;
  for (let pair = 0; pair < pairs; pair++) {
    const lab = await newPage('');
    recipe ??= await recipeOf(lab);
    // which goes first changes, as machines warm up
    for (const which of pair % 2 === 0 ? /** @type {const} */ (['closed', 'open']) : /** @type {const} */ (['open', 'closed'])) {
      if (which === 'closed') speeds.closed.push(await closedRun(recipe));
      else {
        const { speed, long, ms } = await openRun(lab, recipe);
        speeds.open.push(speed);
        tasks.push(...long);
        ranMs += ms;
      }
    }
    await lab.context().close();
  }
  listed = await listOfRuns(recipe);
} finally {
  await opened.close();
  await server.close();
}
const [closed, open] = [median(speeds.closed), median(speeds.open)];
process.stdout.write(
  `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}; ${opened.version}; load average ${load.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after\n\n` +
    `| NTP, ${STEPS} steps, ${pairs} pairs | tokens/s, median (least to most) |\n| --- | ---: |\n` +
    `| a page that draws nothing | ${spread(speeds.closed)} |\n| the lab's page | ${spread(speeds.open)} |\n\n` +
    `Ratio ${(open / closed).toFixed(3)}; by pairs ${speeds.open.map((speed, i) => (speed / (speeds.closed[i] ?? Number.NaN)).toFixed(3)).join(', ')}.\n\n` +
    `Main thread of the lab's page in ${(ranMs / 1000).toFixed(0)} s of runs: ${tasks.length} tasks over 50 ms, the longest ${Math.max(0, ...tasks)} ms.\n\n` +
    `${RUNS} runs listed: longest frame ${Math.max(...listed.frames)} ms, ${listed.tasks.length} tasks over 50 ms while the list is scrolled to its end and back and the recorded run plays.\n`,
);

/** @param {string} path */
async function newPage(path) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  await page.addInitScript(watch);
  await page.goto(server.url + path, { timeout: LIMIT_MS });
  return page;
}

/** The page's own recipe with nothing but NTP. @param {import('playwright-core').Page} page */
async function recipeOf(page) {
  await page.getByRole('button', { name: 'Text', exact: true }).click();
  const whole = JSON.parse(await page.getByLabel('Recipe as JSON').inputValue());
  return {
    ...whole,
    name: 'NTP',
    arms: ['ntp'],
    ntp: { ...whole.ntp, steps: STEPS },
    rlvr: { ...whole.rlvr, steps: 0 },
    evaluate: { prompts: 8, samples: 2, ranges: ['in'] },
  };
}

/** @param {LoggedEvent[]} events */
function speedOf(events) {
  const end = events.find(({ type }) => type === 'end');
  const speeds = events.flatMap(({ type, stage, step, values }) =>
    type === 'metrics' && stage === 'ntp' && (step ?? 0) > STEPS / 10 && values?.tok_per_s ? [values.tok_per_s] : [],
  );
  if (!end || speeds.length === 0) throw new Error('The run did not end; the speeds mean nothing.');
  return median(speeds);
}

/** @param {object} recipe */
async function closedRun(recipe) {
  const page = await newPage('headless.html');
  /** @type {LoggedEvent[]} */
  const events = [];
  await page.exposeFunction('takeEvents', (/** @type {LoggedEvent[]} */ more) => void events.push(...more));
  await page.waitForFunction(() => 'runLab' in globalThis);
  await page.evaluate((given) => /** @type {any} */ (globalThis).runLab(given), recipe);
  await page.context().close();
  return speedOf(events);
}

/** @param {import('playwright-core').Page} page @param {object} recipe */
async function openRun(page, recipe) {
  await page.getByRole('button', { name: 'Text', exact: true }).click();
  await page.getByLabel('Recipe as JSON').fill(JSON.stringify(recipe));
  await page.evaluate('seen.tasks.length = 0');
  const began = performance.now();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForFunction(() => /^(Done|failed|stopped) · /.test(document.title));
  const ms = performance.now() - began;
  const long = /** @type {number[]} */ (await page.evaluate('seen.tasks'));
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the log', exact: true }).click(),
  ]);
  const text = readFileSync(await download.path(), 'utf8');
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { speed: speedOf(events), long, ms };
}

/** The page with stored runs, scrolled through to the end and back while it plays the recorded one. @param {object} recipe */
async function listOfRuns(recipe) {
  const page = await newPage('');
  const list = page.getByRole('list', { name: 'Runs' });
  await list.waitFor();
  await page.evaluate(
    ([of, count]) =>
      new Promise((resolve, reject) => {
        const opening = indexedDB.open('ra3-lab-runs', 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore('runs', { keyPath: 'id' });
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const write = opening.result.transaction('runs', 'readwrite');
          for (let i = 0; i < count; i++) {
            const [id, startedAt] = [`stored-${i}`, new Date(1.8e12 + 1e6 * i).toISOString()];
            const scores = ['base', 'ntp', 'ra3'].map((arm, k) => ({ arm, kind: 'pass@1', value: ((i * 7 + k * 31) % 100) / 100 }));
            write
              .objectStore('runs')
              .put({ version: 1, id, name: `Run ${i}`, origin: 'run', status: 'finished', startedAt, recipe: of, tone: i, scores });
          }
          write.oncomplete = () => {
            opening.result.close();
            resolve(null);
          };
        };
      }),
    /** @type {const} */ ([recipe, RUNS]),
  );
  await page.reload();
  await page.waitForFunction((count) => document.querySelectorAll('ol[aria-label="Runs"] > li').length > count, RUNS);
  await page.waitForTimeout(LIST_MS);
  const seen = await page.evaluate(async (ms) => {
    const { seen } = /** @type {any} */ (globalThis);
    const column = /** @type {HTMLElement} */ (document.querySelector('.inputs'));
    seen.tasks.length = 0;
    seen.frames.length = 0;
    const began = performance.now();
    for (let at = 0; at < 1; at = (performance.now() - began) / ms) {
      column.scrollTop = (1 - Math.abs(2 * at - 1)) * column.scrollHeight;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return seen;
  }, LIST_MS);
  await page.context().close();
  return seen;
}

/** @param {number[]} values */
function median(values) {
  const all = [...values].sort((a, b) => a - b);
  return all[Math.floor(all.length / 2)] ?? Number.NaN;
}

/** @param {number[]} values */
function spread(values) {
  return `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;
}
