// node bench/firstPicture.mjs [times]: how long a first visit takes until the recorded run's curves are drawn, in a browser whose profile is new
// each time, from the built page on its own server; and the longest tasks of the page's main thread until then and while the recorded run plays.
// Nothing of the page is watched: a debugger that watches requests has the browser read all scripts twice, for a fifth of a second.
// Prints one JSON line per visit. Numbers mean the machine as it is: say what else it did.
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser } from '../scripts/browser.mjs';
import { ensurePage } from '../scripts/build.mjs';
import { PAGE_DIR } from '../scripts/paths.mjs';
import { ensureInstalled } from '../scripts/prepare.mjs';
import { serve } from '../scripts/serve.mjs';

const VIEWPORT = { width: 1280, height: 900 };
/** From the visit on, the recorded run's first seconds among it. */
const VISIT_MS = 10_000;
/** Until an empty tab is there as one is that a person has opened. */
const SETTLE_MS = 1000;

/** What the browser has noted by itself. */
const READ = `new Promise((resolve) => {
  const picture = performance.getEntriesByName('first picture')[0]?.startTime ?? null;
  const tasks = [];
  const done = () => resolve({
    charts: document.querySelectorAll('.uplot canvas').length,
    picture,
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
    before: tasks.filter(({ startTime }) => startTime < picture).map(({ duration }) => duration),
    after: tasks.filter(({ startTime }) => startTime >= picture).map(({ duration }) => duration),
  });
  new PerformanceObserver((list) => tasks.push(...list.getEntries())).observe({ type: 'longtask', buffered: true });
  setTimeout(done, 200);
})`;

async function main() {
  const times = Number(process.argv[2] ?? 3);
  if (!Number.isInteger(times) || times < 1 || times > 100)
    throw new Error(`The count is '${process.argv[2]}'; it may be a whole number from 1 to 100.`);
  await ensureInstalled();
  await ensurePage();
  const server = await serve({ dir: PAGE_DIR, port: 0 });
  const opened = await openBrowser({ viewport: VIEWPORT });
  const browser = /** @type {import('playwright-core').Browser} */ (opened.context.browser());
  try {
    const control = await browser.newBrowserCDPSession();
    for (let i = 0; i < times; i++) {
      const { browserContextId } = await control.send('Target.createBrowserContext');
      const { targetId } = await control.send('Target.createTarget', { url: 'about:blank', browserContextId, ...VIEWPORT });
      const tab = await attach(control, targetId);
      await sleep(SETTLE_MS);
      await tab.send('Page.navigate', { url: server.url });
      await sleep(VISIT_MS);
      const { result } = await tab.send('Runtime.evaluate', { expression: READ, awaitPromise: true, returnByValue: true });
      const seen = result.value;
      if (seen.picture === null || seen.charts === 0) throw new Error(`No picture within ${VISIT_MS / 1000} s.`);
      const longest = (/** @type {number[]} */ all) => Math.round(Math.max(0, ...all));
      process.stdout.write(
        `${JSON.stringify({
          firstPaintMs: Math.round(seen.paint),
          firstPictureMs: Math.round(seen.picture),
          longestTaskBeforeMs: longest(seen.before),
          longestTaskAfterMs: longest(seen.after),
          tasksOver50MsAfter: seen.after.length,
        })}\n`,
      );
      await control.send('Target.disposeBrowserContext', { browserContextId });
    }
  } finally {
    await opened.close();
    await server.close();
  }
}

/** Nothing of the tab is watched; it is only told where to go and asked at the end. @param {import('playwright-core').CDPSession} control @param {string} targetId */
async function attach(control, targetId) {
  const { sessionId } = await control.send('Target.attachToTarget', { targetId, flatten: false });
  let id = 0;
  return {
    /** @param {string} method @param {object} params @returns {Promise<any>} */
    async send(method, params) {
      id += 1;
      /** @type {Promise<string>} */
      const answered = new Promise((resolve) => control.once('Target.receivedMessageFromTarget', ({ message }) => resolve(message)));
      await control.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) });
      const { result, error } = JSON.parse(await answered);
      if (error || result.exceptionDetails) throw new Error(error?.message ?? result.exceptionDetails.exception?.description);
      return result;
    },
  };
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
});
