// R50 in a real browser that slows hidden tabs down as it does for people: a run in a tab that another one hides goes on at the same pace, and its title
// still tells how far it is.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../../scripts/browser.mjs';
import { ensurePage } from '../../scripts/build.mjs';
import { PAGE_DIR } from '../../scripts/paths.mjs';
import { serve } from '../../scripts/serve.mjs';
import { RunLog } from '../../src/app/runLog.ts';
import { writeRunLink } from '../../src/app/runLink.ts';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { RUN_LIMIT_MS } from './support/labBrowser.ts';
import { type PlainTab, plainTabs } from './support/plainTab.ts';

/** Next-token prediction alone: steps of one length, more than are waited for. */
const LONG = {
  ...LINK_BASE_V1,
  name: 'long',
  arms: ['ntp' as const],
  ntp: { ...LINK_BASE_V1.ntp, steps: 2000, batch: 8 },
  rlvr: { ...LINK_BASE_V1.rlvr, steps: 0 },
  evaluate: { ...LINK_BASE_V1.evaluate, prompts: 2, samples: 1 },
};
const POINTS = 3;

const percentOf = async (tab: PlainTab): Promise<number> =>
  Number(/^(\d+) % · /.exec(String(await tab.evaluate('document.title')))?.[1] ?? -1);

/** Until the title says at least `percent`; the seconds that it took. */
async function secondsTo(tab: PlainTab, percent: number): Promise<number> {
  const since = performance.now();
  while ((await percentOf(tab)) < percent) {
    if (performance.now() - since > RUN_LIMIT_MS)
      throw new Error(`The title says ${await tab.evaluate('document.title')}; wanted ${percent} %.`);
    await sleep(50);
  }
  return (performance.now() - since) / 1000;
}

describe('a hidden tab', () => {
  let server: Awaited<ReturnType<typeof serve>>;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  beforeAll(async () => {
    await ensurePage();
    server = await serve({ dir: PAGE_DIR, port: 0 });
    browser = await openBrowser({ throttled: true });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it('R50 keeps stepping at the pace of a seen one, with the browser’s timers slowed down', { timeout: 300_000 }, async () => {
    const open = await plainTabs(browser.context.browser()!);
    const tab = await open(`${server.url}${await writeRunLink(LONG, new RunLog())}`);
    const named = (name: string) => `[...document.querySelectorAll('button')].find((b) => b.textContent === '${name}' && !b.disabled)`;
    // a page that is only now loading answers with an error
    for (let tries = 0; !(await tab.evaluate(`!!${named('Run')}`).catch(() => false)); tries++) {
      if (tries > 600) throw new Error('The page has no Run to press.');
      await sleep(100);
    }
    await tab.evaluate(`${named('Run')}.click()`);
    await secondsTo(tab, 1);
    const from = await percentOf(tab);
    const seen = [await secondsTo(tab, from + POINTS)];
    expect(await tab.evaluate('document.hidden')).toBe(false);

    const other = await open('about:blank');
    await other.show();
    await secondsTo(tab, from + POINTS + 1);
    const hiddenFrom = await percentOf(tab);
    const hidden = await secondsTo(tab, hiddenFrom + POINTS);
    // hidden it was, and slowed down: a timer of 10 ms waits for about a second
    expect(await tab.evaluate('document.hidden')).toBe(true);
    const waited = `new Promise((ok) => { const t = performance.now(); let n = 0; const i = setInterval(() => { if (++n === 3) { clearInterval(i); ok(performance.now() - t); } }, 10); })`;
    expect(await tab.evaluate(waited)).toBeGreaterThan(1000);

    await tab.show();
    await secondsTo(tab, hiddenFrom + POINTS + 1);
    seen.push(await secondsTo(tab, (await percentOf(tab)) + POINTS));
    expect(await tab.evaluate('document.hidden')).toBe(false);
    // the title itself is late by a second at most while the tab is hidden
    expect(hidden, `hidden ${hidden.toFixed(2)} s, seen ${seen.map((s) => s.toFixed(2)).join(' and ')} s`).toBeLessThan(
      2 * Math.max(...seen) + 2,
    );
  });
});
