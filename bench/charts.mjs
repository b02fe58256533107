// node bench/charts.mjs: what the charts cost the main thread of a page, in a headless browser: 8 charts of 4 runs with 50,000 points each, while one run
// grows. Main-thread time is CPU time as the browser counts it for its tasks (scripts, style, layout, painting commands), less that of an update in which
// nothing happens; wall time is from the change to the end of its task. Prints Markdown.
// Fails when a page error was seen or a chart is missing.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from '../scripts/browser.mjs';
import { ROOT } from '../scripts/paths.mjs';
import { ensureInstalled } from '../scripts/prepare.mjs';
import { serve } from '../scripts/serve.mjs';

const RUNS = 4;
const POINTS = 50_000;
const CHARTS = 8;
const UPDATES = 30;
const WARM_UP = 3;
/** Steps that arrive between two redraws. */
const STEPS = 5;
const LIMIT_MS = 300_000;
const PICTURE = process.argv[2];

await ensureInstalled();
const outDir = mkdtempSync(join(tmpdir(), 'ra3-charts-'));
const { build } = await import('vite');
await build({
  root: ROOT,
  configFile: false,
  logLevel: 'error',
  base: './',
  publicDir: false,
  worker: { format: 'es' },
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    outDir,
    emptyOutDir: true,
    chunkSizeWarningLimit: 1e5,
    rolldownOptions: { input: 'bench/charts.html' },
  },
});
const load = loadavg()[0] ?? 0;
const server = await serve({ dir: outDir, port: 0 });
const browser = await openBrowser({ viewport: { width: 1280, height: 1400 } });
/** @type {string[]} */
const rows = [];
try {
  for (const seedsAlone of [false, true]) {
    const page = await browser.context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    /** @type {string[]} */
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(`${server.url}bench/charts.html`, { timeout: LIMIT_MS });
    await page.waitForFunction(() => 'chartBench' in globalThis);
    const drawn = await page.evaluate(
      ([runs, points, seeds]) => globalThis.chartBench.start(runs, points, seeds),
      /** @type {const} */ ([RUNS, POINTS, seedsAlone]),
    );
    if (drawn !== CHARTS) throw new Error(`${drawn} charts were drawn instead of ${CHARTS}; the times mean nothing.`);
    const cdp = await browser.context.newCDPSession(page);
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    const busyMs = async () => {
      const { metrics } = await cdp.send('Performance.getMetrics');
      return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
    };
    /** @param {string} what @param {(i: number) => Promise<number>} work @param {number} idleMs */
    const measure = async (what, work, idleMs) => {
      /** @type {number[]} */
      const busy = [];
      /** @type {number[]} */
      const wall = [];
      for (let i = -WARM_UP; i < UPDATES; i++) {
        const before = await busyMs();
        const ms = await work(i);
        const spent = (await busyMs()) - before - idleMs;
        if (i >= 0) {
          busy.push(spent);
          wall.push(ms);
        }
      }
      const row = `| ${seedsAlone ? `${RUNS} seeds of one recipe, mean and band` : `${RUNS} runs`} | ${what} | ${[busy, wall].map((ms) => `${at(ms, 0.5)} | ${at(ms, 0.95)}`).join(' | ')} |`;
      rows.push(row);
      process.stderr.write(`${row}\n`);
      return sorted(busy)[Math.floor(UPDATES / 2)] ?? 0;
    };
    const idle = await measure('nothing (taken off below)', () => page.evaluate(() => globalThis.chartBench.nothing()), 0);
    await measure(`live update, ${STEPS} steps`, () => page.evaluate((steps) => globalThis.chartBench.update(steps), STEPS), idle);
    await measure(
      'zoom of five charts',
      (i) => page.evaluate((n) => globalThis.chartBench.zoom(1000 * n, 1000 * n + 5000), i + WARM_UP),
      idle,
    );
    await measure(
      'smoothing moved',
      (i) => page.evaluate((weight) => globalThis.chartBench.smooth(weight), 0.5 + (i + WARM_UP) / 100),
      idle,
    );
    if (PICTURE) await page.screenshot({ path: PICTURE.replace('.png', seedsAlone ? '-seeds.png' : '.png'), fullPage: true });
    if (errors.length > 0) throw new Error(`The page reported: ${errors[0]}`);
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(outDir, { recursive: true, force: true });
}
process.stdout.write(
  `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}; ${browser.version}; load average ${load.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after\n\n` +
    `${CHARTS} charts x ${RUNS} runs x ${POINTS.toLocaleString('en-GB')} points, ${UPDATES} of each change, ms:\n\n` +
    '| lines | change | main thread, median | main thread, p95 | wall, median | wall, p95 |\n| --- | --- | ---: | ---: | ---: | ---: |\n' +
    `${rows.join('\n')}\n`,
);

/** @param {number[]} values */
function sorted(values) {
  return [...values].sort((a, b) => a - b);
}

/** @param {number[]} values @param {number} share */
function at(values, share) {
  const all = sorted(values);
  return (all[Math.min(all.length - 1, Math.floor(share * all.length))] ?? Number.NaN).toFixed(1);
}
