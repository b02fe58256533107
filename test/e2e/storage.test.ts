// R31, R34 in real browsers, with no file system of ours: a disk that is really full, in an ordinary profile and in a context like a private window, and a
// browser that gives the page no storage at all. The run pauses, the page says why, room is made on the page, the run goes on; or all is in memory.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../../scripts/browser.mjs';
import { ensurePage } from '../../scripts/build.mjs';
import { PAGE_DIR } from '../../scripts/paths.mjs';
import { serve } from '../../scripts/serve.mjs';
import type { RunEvent } from '../../src/run/events.ts';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { button, downloadBy, dropFiles, RUN_LIMIT_MS, setRecipe } from './support/labBrowser.ts';

const TINY = {
  ...LINK_BASE_V1,
  name: 'tiny',
  arms: ['ntp'],
  ntp: { ...LINK_BASE_V1.ntp, steps: 6, batch: 4 },
  rlvr: { ...LINK_BASE_V1.rlvr, steps: 0 },
  evaluate: { prompts: 4, samples: 1 },
};

/** A log of some megabytes, as an earlier run would leave it. */
function oldLog(): Buffer {
  const lines: object[] = [
    {
      type: 'start',
      runId: 'old-1',
      recipe: { ...TINY, name: 'old' },
      adapter: { vendor: 'v', architecture: 'a', description: '', software: true, features: [] },
      version: '0.1.0',
      startedAt: '2026-01-01T00:00:00Z',
      parameters: 1,
      stages: [{ ref: { stage: 'ntp', arm: 'ntp' }, steps: 30_000 }],
    },
  ];
  for (let step = 0; step < 30_000; step++)
    lines.push({ type: 'metrics', stage: 'ntp', arm: 'ntp', step, values: { 'loss/nats': 1 / (1 + step), 'grad/norm': 1 } });
  lines.push({ type: 'end', summary: { status: 'finished', error: null, results: [], tokPerS: 1, timeMs: 1 } });
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

async function savedLog(page: Page): Promise<RunEvent[]> {
  const text = (await downloadBy(page, 'Download the log')).toString('utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);
}

/** What is stored once the old log is there and nothing is written any more. */
async function settledUsage(page: Page): Promise<number> {
  let usage = 0;
  for (;;) {
    const now = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
    if (now > 2.5e6 && now === usage) return now;
    usage = now;
    await page.waitForTimeout(500);
  }
}

const ended = (page: Page) =>
  page.waitForFunction(() => /^(Done|failed|stopped) · /.test(document.title), undefined, { timeout: RUN_LIMIT_MS });

describe('storage', () => {
  const folders: string[] = [];
  let server: Awaited<ReturnType<typeof serve>>;
  beforeAll(async () => {
    await ensurePage();
    server = await serve({ dir: PAGE_DIR, port: 0 });
  });
  afterAll(async () => {
    await server?.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  function profile(): string {
    const folder = mkdtempSync(join(tmpdir(), 'ra3-profile-'));
    folders.push(folder);
    return folder;
  }

  async function open(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(server.url);
    await page.getByRole('heading', { name: 'RA3 Lab' }).waitFor();
    return page;
  }

  it.each(['an ordinary profile', 'a context like a private window'])(
    'R31 quota, in %s: the run pauses, the page says why, an old run is deleted, the run goes on to its end',
    { timeout: 300_000 },
    async (kind) => {
      const lasting = kind === 'an ordinary profile';
      const browser = await openBrowser({ viewport: { width: 1280, height: 900 }, ...(lasting ? { profile: profile() } : {}) });
      try {
        const page = await open(browser.context);
        await dropFiles(page, [{ name: 'log.jsonl', mimeType: 'application/jsonl', buffer: oldLog() }]);
        const rows = page.getByRole('list', { name: 'Runs' });
        await rows.getByRole('button', { name: 'old', exact: true }).waitFor();
        const usage = await settledUsage(page);
        const control = await browser.context.newCDPSession(page);
        const quota = { origin: new URL(server.url).origin, quotaSize: usage + 60_000 };
        await control.send('Storage.overrideQuotaForOrigin', quota);

        await setRecipe(page, TINY);
        await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
        await page
          .getByText(/The run is paused: delete stored runs, then press Resume/)
          .first()
          .waitFor({ timeout: RUN_LIMIT_MS });
        await button(page, 'Resume').waitFor({ timeout: RUN_LIMIT_MS });

        await rows.getByRole('button', { name: 'old', exact: true }).click();
        await rows.getByRole('button', { name: 'Delete…' }).click();
        await rows.getByRole('button', { name: 'Delete', exact: true }).click();
        await rows.getByRole('button', { name: 'old', exact: true }).waitFor({ state: 'detached' });
        await rows.getByRole('button', { name: 'tiny', exact: true }).click();
        await button(page, 'Resume').click();
        await ended(page);
        const log = await savedLog(page);
        expect(log.at(-1)).toMatchObject({ type: 'end', summary: { status: 'finished', error: null } });
        const steps = log.flatMap((e) => (e.type === 'metrics' && e.stage === 'ntp' ? [e.step] : []));
        expect(steps).toEqual([...new Set(steps)]);
        // what was kept is whole, bundle and all
        await page.reload();
        await rows.getByRole('button', { name: 'tiny', exact: true }).click({ timeout: RUN_LIMIT_MS });
        await page.getByRole('table', { name: /^Results of each arm/ }).waitFor();
        expect((await savedLog(page)).filter((e) => e.type !== 'progress')).toEqual(log.filter((e) => e.type !== 'progress'));
        expect((await downloadBy(page, 'Download bundle')).subarray(0, 2).toString()).toBe('PK');
      } finally {
        await browser.close();
      }
    },
  );

  it('R34 without storage: the page works, says that runs are in memory alone, and gives the bundle of one', {
    timeout: 300_000,
  }, async () => {
    const folder = profile();
    mkdirSync(join(folder, 'Default'), { recursive: true });
    // site data is blocked, as in the browser's settings
    const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
    writeFileSync(join(folder, 'Default', 'Preferences'), JSON.stringify(settings));
    const browser = await openBrowser({ profile: folder, viewport: { width: 1280, height: 900 } });
    try {
      const page = await open(browser.context);
      const why = await page.evaluate(() => navigator.storage.getDirectory().then(() => 'there is storage', String));
      expect(why).not.toBe('there is storage');
      await page
        .getByRole('status')
        .getByText(/in memory alone/)
        .waitFor();
      await setRecipe(page, TINY);
      await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
      await ended(page);
      expect((await savedLog(page)).at(-1)).toMatchObject({ type: 'end', summary: { status: 'finished', error: null } });
      expect((await downloadBy(page, 'Download bundle')).subarray(0, 2).toString()).toBe('PK');
    } finally {
      await browser.close();
    }
  });
});
