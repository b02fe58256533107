// R30, R33, R51, R56 in a real browser with a lasting profile: the tab of a run crashes at random moments; opened again, the page lists the run, resumes
// it at its last checkpoint, at most one interval of checkpoints is lost, and its log is that of an unbroken run. A second tab may look and not touch.
// What has ended is there after a reload, bundle and all. A worker that hangs is ended in time, and its run goes on by itself.
//
// RA3_CRASHES=30 crashes it so many times, with moments further apart.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../../scripts/browser.mjs';
import { ensurePage } from '../../scripts/build.mjs';
import { PAGE_DIR } from '../../scripts/paths.mjs';
import { serve } from '../../scripts/serve.mjs';
import type { RunEvent } from '../../src/run/events.ts';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { button, downloadBy, RUN_LIMIT_MS, setRecipe } from './support/labBrowser.ts';

const CRASHES = Number(process.env.RA3_CRASHES ?? 4);
const MANY = CRASHES > 4;
/** A crash comes at most this long after Resume was pressed. */
const LATEST_CRASH_MS = MANY ? 12_000 : 5_000;
/** Checkpoints are ten seconds and a step apart, or twenty times what one takes, which on a machine with too much to do is more. */
const MOST_LOST_MS = 20_000;

const TINY = {
  ...LINK_BASE_V1,
  name: 'tiny',
  arms: ['ra3'],
  ra3: {
    ...LINK_BASE_V1.ra3,
    emIterations: 1,
    eSteps: MANY ? 400 : 24,
    programs: 4,
    group: 4,
    infuse: 16,
    m: { ...LINK_BASE_V1.ra3.m, steps: 2, batch: 8 },
  },
  rlvr: { ...LINK_BASE_V1.rlvr, steps: MANY ? 40 : 2, prompts: 4, group: 4 },
  evaluate: { prompts: 4, samples: 2 },
};

/** The log without times, progress and what is said about the interruption. */
const logOf = (events: readonly RunEvent[]): unknown[] =>
  events
    .filter((e) => e.type !== 'progress' && e.type !== 'notice' && e.type !== 'end' && e.type !== 'start')
    .map((e) =>
      JSON.parse(
        JSON.stringify(e, (key, value) => (key === 'at' || key === 'timeMs' || key === 'tok_per_s' || key.startsWith('time/') ? 0 : value)),
      ),
    );

async function savedLog(page: Page): Promise<RunEvent[]> {
  const text = (await downloadBy(page, 'Download the log')).toString('utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);
}

const hasEnded = (title: string): boolean => /^(Done|failed|stopped) · /.test(title);
const ended = (page: Page) =>
  page.waitForFunction(() => /^(Done|failed|stopped) · /.test(document.title), undefined, { timeout: 3 * RUN_LIMIT_MS });

const timeOf = (event: RunEvent | undefined): number => (event && 'at' in event ? (event.at?.timeMs ?? 0) : 0);

/** What a crash cost: the run's time between the last event that was on disk and the last that stayed, the checkpoint's. */
function lostMs(before: readonly RunEvent[], after: readonly RunEvent[]): number {
  let kept = 0;
  while (kept < before.length && JSON.stringify(before[kept]) === JSON.stringify(after[kept])) kept++;
  const latest = (events: readonly RunEvent[]): number => Math.max(0, ...events.map(timeOf));
  return kept === before.length ? 0 : latest(before) - latest(before.slice(0, kept));
}

describe('a crashed tab', () => {
  const profile = mkdtempSync(join(tmpdir(), 'ra3-profile-'));
  let server: Awaited<ReturnType<typeof serve>>;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let unbroken: unknown[] = [];

  beforeAll(async () => {
    await ensurePage();
    server = await serve({ dir: PAGE_DIR, port: 0 });
    browser = await openBrowser({ profile, viewport: { width: 1280, height: 900 } });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(profile, { recursive: true, force: true });
  });

  async function open(): Promise<Page> {
    const page = await browser.context.newPage();
    page.setDefaultTimeout(RUN_LIMIT_MS);
    await page.goto(server.url, { timeout: RUN_LIMIT_MS });
    await page.getByRole('heading', { name: 'RA3 Lab' }).waitFor();
    return page;
  }

  it('loses no run: R30 crashes at random moments, R33 two tabs, resume, the log of an unbroken run, everything there after a reload', {
    timeout: MANY ? 3_600_000 : 900_000,
  }, async () => {
    const first = await open();
    await setRecipe(first, TINY);
    await button(first, 'Run').click({ timeout: RUN_LIMIT_MS });
    await first.waitForFunction(() => /E-step/.test(document.title), undefined, { timeout: RUN_LIMIT_MS });

    const second = await open();
    const rows = second.getByRole('list', { name: 'Runs' });
    await rows.getByText(/in another tab/).waitFor();
    await rows.getByRole('button', { name: 'tiny', exact: true }).click();
    await second.getByText(/Another tab has this run/).waitFor();
    expect(await second.getByRole('button', { name: 'Resume tiny' }).count()).toBe(0);
    await second.close();

    const rng = makeRng(30, 0);
    const whole: RunEvent[][] = [];
    const lost: number[] = [];
    let page = first;
    for (let crashes = 0; crashes < CRASHES; ) {
      let before: RunEvent[] | null = null;
      while (crashes < CRASHES) {
        await sleep(rng.uniform() * LATEST_CRASH_MS);
        if (hasEnded(await page.title())) break;
        const crashed = page.waitForEvent('crash');
        await page.goto('chrome://crash').catch(() => undefined);
        await crashed;
        await page.close();
        crashes++;
        page = await open();
        const resume = page.getByRole('button', { name: 'Resume tiny' });
        await resume.waitFor({ timeout: RUN_LIMIT_MS });
        await page.getByRole('list', { name: 'Runs' }).getByRole('button', { name: 'tiny', exact: true }).first().click();
        await page
          .getByText(/E-step/)
          .first()
          .waitFor();
        const now = await savedLog(page);
        if (before) lost.push(lostMs(before, now));
        if (MANY) process.stderr.write(`crash ${crashes}; lost by the one before: ${lost.at(-1) ?? '-'} ms\n`);
        before = now;
        await resume.click({ timeout: RUN_LIMIT_MS });
      }
      await ended(page);
      const log = await savedLog(page);
      if (before) lost.push(lostMs(before, log));
      whole.push(log);
      expect(log.at(-1)).toMatchObject({ type: 'end', summary: { status: 'finished', error: null } });
      if (before) expect(log.some((e) => e.type === 'notice' && /goes on from its last checkpoint/.test(e.message))).toBe(true);
      if (crashes === CRASHES) break;
      await setRecipe(page, TINY);
      await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
      await page.waitForFunction(() => /E-step/.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
    }
    expect(lost).toHaveLength(CRASHES);
    const mean = lost.reduce((sum, ms) => sum + ms, 0) / lost.length;
    if (MANY)
      console.log(
        `${CRASHES} crashes, ${lost.length} resumes, ${whole.length} runs; lost at most ${(Math.max(...lost) / 1000).toFixed(1)} s, ${(mean / 1000).toFixed(1)} s in the mean.`,
      );
    const resumed = whole.at(-1)!;

    await page.reload();
    await page
      .getByRole('list', { name: 'Runs' })
      .getByRole('button', { name: 'tiny', exact: true })
      .first()
      .click({ timeout: RUN_LIMIT_MS });
    await page.getByRole('table', { name: /^Results of each arm/ }).waitFor();
    expect(logOf(await savedLog(page))).toEqual(logOf(resumed));
    expect((await downloadBy(page, 'Download bundle')).subarray(0, 2).toString()).toBe('PK');

    await setRecipe(page, TINY);
    await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
    await page.waitForFunction(() => /^\d+ % · /.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
    await ended(page);
    unbroken = logOf(await savedLog(page));
    for (const log of whole) expect(logOf(log)).toEqual(unbroken);
    for (const ms of lost) expect(ms).toBeLessThan(MOST_LOST_MS);
    await page.close();
  });

  it('R51: a worker that hangs is ended within five seconds, and its run goes on by itself to the log of an unbroken run', {
    timeout: 300_000,
  }, async () => {
    const page = await open();
    await setRecipe(page, TINY);
    await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
    await page.waitForFunction(() => /E-step/.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
    const worker = page.workers().find((w) => /lab\.worker/.test(w.url()));
    // in a task of the worker's own: the browser does not end what a debugger evaluates
    await worker!.evaluate(() => {
      setTimeout(() => {
        for (;;);
      }, 0);
    });
    const hungAt = Date.now();
    await page
      .getByText(/The worker has not answered for 4 s and was ended/)
      .first()
      .waitFor({ timeout: 10_000 });
    // four seconds and a beat where the page's timers are on time; this machine may be busy
    expect(Date.now() - hungAt).toBeLessThan(8_000);
    await page
      .getByText(/goes on from its last checkpoint, in a new worker/)
      .first()
      .waitFor({ timeout: 30_000 });
    await ended(page);
    const log = await savedLog(page);
    expect(log.filter((e) => e.type === 'notice' && /goes on from its last checkpoint/.test(e.message))).toHaveLength(1);
    expect(logOf(log)).toEqual(unbroken);
    await page.close();
  });
});
