// node bench/firstPicture.mjs [times]: how long a first visit takes until the recorded run's curves are drawn, in a browser whose profile is new
// each time, from the built page on its own server; and the longest task of the page's main thread while the recorded run plays. Prints one JSON line
// per visit. Numbers mean the machine as it is: say what else it did.
import { openBrowser } from '../scripts/browser.mjs';
import { ensurePage } from '../scripts/build.mjs';
import { PAGE_DIR } from '../scripts/paths.mjs';
import { ensureInstalled } from '../scripts/prepare.mjs';
import { serve } from '../scripts/serve.mjs';

const VIEWPORT = { width: 1280, height: 900 };
const LIMIT_MS = 120_000;
const PLAY_MS = 8000;

/** In the page, before its scripts: the time of the first frame after a chart has its lines, and the long tasks. */
function watch() {
  const seen = { pictureMs: 0, longest: 0, longTasks: 0 };
  Object.assign(window, { seen });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      seen.longest = Math.max(seen.longest, duration);
      seen.longTasks++;
    }
  }).observe({ type: 'longtask', buffered: true });
  const look = () => {
    if (document.querySelector('.uplot canvas')) requestAnimationFrame(() => (seen.pictureMs = performance.now()));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function main() {
  const times = Number(process.argv[2] ?? 3);
  if (!Number.isInteger(times) || times < 1 || times > 100)
    throw new Error(`The count is '${process.argv[2]}'; it may be a whole number from 1 to 100.`);
  await ensureInstalled();
  await ensurePage();
  const server = await serve({ dir: PAGE_DIR, port: 0 });
  const opened = await openBrowser({ viewport: VIEWPORT });
  try {
    for (let i = 0; i < times; i++) {
      const context = await /** @type {import('playwright-core').Browser} */ (opened.context.browser()).newContext({ viewport: VIEWPORT });
      const page = await context.newPage();
      page.setDefaultTimeout(LIMIT_MS);
      await page.addInitScript(watch);
      const devtools = await context.newCDPSession(page);
      await devtools.send('Performance.enable');
      await page.goto(server.url, { timeout: LIMIT_MS });
      const read = () => page.evaluate(() => /** @type {any} */ (window).seen);
      await page.waitForFunction(() => /** @type {any} */ (window).seen.pictureMs > 0);
      const first = await read();
      const paintMs = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null);
      const { metrics } = await devtools.send('Performance.getMetrics');
      const cpuMs = Math.round(1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0));
      await page.evaluate(() => Object.assign(/** @type {any} */ (window).seen, { longest: 0, longTasks: 0 }));
      // it plays by itself, a moment later
      await page.waitForTimeout(PLAY_MS);
      const playing = await read();
      const round = Math.round;
      process.stdout.write(
        `${JSON.stringify({ firstPaintMs: round(paintMs ?? 0), firstPictureMs: round(first.pictureMs), mainThreadMs: cpuMs, longestTaskMs: round(first.longest), playingLongestTaskMs: round(playing.longest), playingTasksOver50Ms: playing.longTasks })}\n`,
      );
      await context.close();
    }
  } finally {
    await opened.close();
    await server.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
});
