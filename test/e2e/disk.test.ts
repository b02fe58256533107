// What is on disk, in a real browser. R28, R29 on its file system itself: whichever of its calls fails, and at whichever of them the worker ends, with its
// last write torn, what was acknowledged is found again whole, and the run goes on from it. R28, R32, R35, R45, R53 on the page.
import { createHash } from 'node:crypto';
import { unzipSync } from 'fflate';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenBrowser, openBrowser } from '../../scripts/browser.mjs';
import type { RunEvent } from '../../src/run/events.ts';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { digestLog } from '../../src/share/logDigest.ts';
import { ENDED, wrongWith } from '../support/diskStory.ts';
import { buildAndServe, type ServedPage } from '../support/servedPage.ts';
import { FIRST_DATABASE, FIRST_LOG, FIRST_LOG_PATH, FIRST_ROW } from '../support/storedRows.ts';
import type { DiskAnswer, DiskRequest, Fault } from './support/disk.worker.ts';
import { button, downloadBy, LabBrowser, logAtEnd, RUN_LIMIT_MS, setRecipe } from './support/labBrowser.ts';

/** So many workers go through the calls side by side. */
const LANES = 4;

describe('the store of runs on a real file system', () => {
  let served: ServedPage;
  let browser: OpenBrowser;
  let page: Page;
  let calls: string[];

  const ask = (lane: number, request: DiskRequest, ends = false): Promise<DiskAnswer> =>
    page.evaluate(([l, r, e]) => window.askDisk(l, r, e), [lane, request, ends] as const);

  beforeAll(async () => {
    served = await buildAndServe('test/e2e/support/diskPage.html');
    browser = await openBrowser();
    page = await browser.context.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => typeof window.askDisk === 'function');
    const unbroken = await ask(0, { do: 'write', id: 'unbroken' });
    expect(unbroken.acknowledged).toBe(ENDED);
    calls = unbroken.calls;
    expect(new Set(calls)).toContain('removeEntry');
  });
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  /** What was lost, by the call that the fault fell on. The lane's share of the calls. */
  async function lostIn(lane: number, kinds: readonly Fault[], shares: readonly number[]): Promise<string[]> {
    const wrong: string[] = [];
    for (let i = lane; i < calls.length; i += LANES)
      for (const kind of kinds)
        for (const share of calls[i] === 'write' ? shares : [0]) {
          // a full disk is met where something is written
          if (kind !== 'throws' && kind !== 'ends' && calls[i] !== 'write') continue;
          const id = `${kind}-${i}-${Math.round(share * 100)}`;
          const written = await ask(lane, { do: 'write', id, fault: { at: i + 1, kind, share } }, kind === 'ends');
          const { found, gone } = await ask(lane, { do: 'find', id });
          const loss = wrongWith(found!, written.acknowledged) ?? (gone && wrongWith(gone, found!.n + 1));
          if (loss) wrong.push(`${calls[i]}, call ${i + 1} ${kind} at ${share}: ${loss}`);
          if (written.calls[i] !== calls[i]) wrong.push(`call ${i + 1} is not ${calls[i]}: the fault fell on ${written.calls[i]}`);
        }
    return wrong;
  }

  const lost = async (kinds: readonly Fault[], shares: readonly number[]): Promise<string[]> =>
    (await Promise.all(Array.from({ length: LANES }, (_, lane) => lostIn(lane, kinds, shares)))).flat();

  it('R28 any call of the browser fails, or is told that there is no room, or writes a part and says nothing', async () => {
    expect(await lost(['throws', 'quota', 'short'], [0.5])).toEqual([]);
  });

  it('R29 the worker ends at any call, the last write torn', async () => {
    expect(await lost(['ends'], [0.4, 1])).toEqual([]);
  });
});

const TINY = {
  ...LINK_BASE_V1,
  name: 'tiny',
  arms: ['ra3'],
  ra3: {
    ...LINK_BASE_V1.ra3,
    emIterations: 1,
    eSteps: 12,
    programs: 4,
    group: 4,
    infuse: 16,
    m: { ...LINK_BASE_V1.ra3.m, steps: 4, batch: 8 },
  },
  rlvr: { ...LINK_BASE_V1.rlvr, steps: 4, prompts: 4, group: 4 },
  evaluate: { prompts: 4, samples: 2 },
};
/** The page's thread does nothing else for so long, again and again. */
const BLOCK_MS = 4000;

type Metrics = Extract<RunEvent, { type: 'metrics' }>;
const metricsOf = (events: readonly RunEvent[]): Metrics[] => events.filter((e) => e.type === 'metrics');
const progressOf = (events: readonly RunEvent[]): number => events.filter((e) => e.type === 'progress').length;
const lines = (bytes: Buffer): RunEvent[] =>
  bytes
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);

/** All that a run computed: the numbers of its log and the weights of its arm. */
async function outcomeOf(page: Page): Promise<{ events: RunEvent[]; digest: unknown; weights: string }> {
  const events = await logAtEnd(page);
  expect(events.at(-1)).toMatchObject({ type: 'end', summary: { status: 'finished', error: null } });
  const weights = unzipSync(await downloadBy(page, 'Download bundle'))['model/ra3/model.safetensors']!;
  return { events, digest: digestLog(events), weights: createHash('sha256').update(weights).digest('hex') };
}

describe('the page and its disk', () => {
  let lab: LabBrowser;
  let unbroken: Awaited<ReturnType<typeof outcomeOf>>;

  beforeAll(async () => {
    lab = await LabBrowser.start();
  });
  afterAll(() => lab?.close());

  async function begin(page: Page): Promise<void> {
    page.setDefaultTimeout(RUN_LIMIT_MS);
    await setRecipe(page, TINY);
    await button(page, 'Run').click();
    await page.waitForFunction(() => /E-step/.test(document.title));
  }

  it('R35 runs that the first release left are listed, opened and deleted; a row of a later one is left alone', async () => {
    const seed = async (context: BrowserContext): Promise<void> => {
      const page = await context.newPage();
      await page.goto(`${lab.url}default/recall-lines/config.json`);
      const rows = [FIRST_ROW, { ...FIRST_ROW, id: 'later', name: 'later', version: 1000 }];
      await page.evaluate(
        async ([{ name, version, table, keyPath }, all, path, text]) => {
          const opening = indexedDB.open(name, version);
          opening.onupgradeneeded = () => opening.result.createObjectStore(table, { keyPath });
          await new Promise((resolve) => {
            opening.onsuccess = resolve;
          });
          const writing = opening.result.transaction(table, 'readwrite');
          for (const row of all) writing.objectStore(table).put(row);
          await new Promise((resolve) => {
            writing.oncomplete = resolve;
          });
          opening.result.close();
          let folder = await navigator.storage.getDirectory();
          for (const part of path.slice(0, -1)) folder = await folder.getDirectoryHandle(part, { create: true });
          const file = await (await folder.getFileHandle(path.at(-1)!, { create: true })).createWritable();
          await file.write(text);
          await file.close();
        },
        [FIRST_DATABASE, rows, FIRST_LOG_PATH, FIRST_LOG] as const,
      );
      await page.close();
    };
    const { page, faults } = await lab.open('', seed);
    const runs = page.getByRole('list', { name: 'Runs' });
    await runs.getByRole('button', { name: FIRST_ROW.name, exact: true }).click();
    await runs.getByText('interrupted').waitFor();
    await page.getByText('As the first release kept it.').waitFor();
    expect(metricsOf(lines(await downloadBy(page, 'Download the log')))).toMatchObject([{ step: 1, values: { 'reward/mean': 0.25 } }]);
    expect(await runs.getByRole('button', { name: 'later' }).count()).toBe(0);
    await runs.getByRole('button', { name: 'Delete…' }).click();
    await runs.getByRole('button', { name: 'Delete', exact: true }).click();
    await runs.getByRole('button', { name: FIRST_ROW.name, exact: true }).waitFor({ state: 'detached' });
    const left = await page.evaluate(async ({ name, table }) => {
      const opening = indexedDB.open(name);
      await new Promise((resolve) => {
        opening.onsuccess = resolve;
      });
      const asked = opening.result.transaction(table).objectStore(table).getAllKeys();
      return new Promise((resolve) => {
        asked.onsuccess = () => resolve(asked.result);
      });
    }, FIRST_DATABASE);
    expect(left).toEqual(['later']);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('R45 R53 beside a page that hangs no step waits or is lost, only progress', { timeout: 300_000 }, async () => {
    const { page } = await lab.open();
    await begin(page);
    for (let title = ''; !/^(Done|failed|stopped) · /.test(title); )
      title = await page.evaluate((ms) => {
        const since = performance.now();
        while (performance.now() - since < ms);
        return document.title;
      }, BLOCK_MS);
    unbroken = await outcomeOf(page);
    const { events } = unbroken;
    const eSteps = metricsOf(events).filter(({ stage }) => stage === 'e-step');
    expect(eSteps.map(({ step }) => step)).toEqual(Array.from({ length: TINY.ra3.eSteps }, (_, i) => i + 1));
    // a worker that waited for the page would make a step in each of its turns
    const gapsMs = eSteps.slice(1).map(({ at }, i) => at!.timeMs - eSteps[i]!.at!.timeMs);
    expect(gapsMs.sort((x, y) => x - y)[gapsMs.length >> 1]).toBeLessThan(BLOCK_MS / 2);
    expect(progressOf(events)).toBeLessThan(metricsOf(events).length);
    await page.close();
  });

  it('R28 R32 R45 a part of a write is lost, the disk fails, a bit of the newest checkpoint flips: each is said, and the run, resumed in its own profile, ends with the numbers and weights of the unbroken one', {
    timeout: 300_000,
  }, async () => {
    const { page } = await lab.open();
    await page.getByText(/^Takes about/).waitFor();
    const worker = page.workers().find((each) => each.url().includes('lab.worker'))!;
    await worker.evaluate(() => {
      const scope = self as unknown as { fails: string };
      const prototype = FileSystemSyncAccessHandle.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
      const { write, flush } = prototype as Record<'write' | 'flush', (...args: unknown[]) => unknown>;
      prototype.write = function (...args) {
        const [bytes, ...rest] = args;
        return write.call(
          this,
          scope.fails === 'write' ? (bytes as Uint8Array).subarray(0, (bytes as Uint8Array).length >> 1) : bytes,
          ...rest,
        );
      };
      prototype.flush = function () {
        if (scope.fails === 'flush') throw new DOMException('the disk failed', 'UnknownError');
        return flush.call(this);
      };
    });
    const fail = (name: string) => worker.evaluate((call) => Object.assign(self, { fails: call }), name);
    await begin(page);
    await button(page, 'Pause').click();
    await button(page, 'Resume').waitFor();
    await fail('write');
    await button(page, 'Step').click();
    await page
      .getByText(/The run is paused: delete stored runs, then press Resume/)
      .first()
      .waitFor();
    await fail('');
    await button(page, 'Resume').click();
    await button(page, 'Pause').click();
    await button(page, 'Resume').waitFor();
    const safe = metricsOf(lines(await downloadBy(page, 'Download the log')));
    await fail('flush');
    await button(page, 'Step').click();
    await page
      .getByText(/From here on the run is in memory alone/)
      .first()
      .waitFor();
    await button(page, 'Resume').click();
    const inMemory = await outcomeOf(page);
    expect(inMemory.digest).toEqual(unbroken.digest);
    expect(inMemory.weights).toBe(unbroken.weights);
    expect(progressOf(unbroken.events)).toBeLessThan(progressOf(inMemory.events));

    await page.reload();
    const runs = page.getByRole('list', { name: 'Runs' });
    await runs.getByRole('button', { name: 'tiny', exact: true }).click();
    await runs.getByText('interrupted').waitFor();
    const found = metricsOf(lines(await downloadBy(page, 'Download the log')));
    expect(found.slice(0, safe.length)).toEqual(safe);
    const flipped = await page.evaluate(async () => {
      const runs = await (await navigator.storage.getDirectory()).getDirectoryHandle('runs');
      let folder: FileSystemDirectoryHandle | null = null;
      for await (const [, run] of runs.entries()) folder = run as FileSystemDirectoryHandle;
      const number = async (file: FileSystemFileHandle): Promise<number> =>
        Number(new DataView(await (await file.getFile()).arrayBuffer()).getBigUint64(8, true));
      const both = await Promise.all(['checkpoint.even', 'checkpoint.odd'].map((name) => folder!.getFileHandle(name)));
      const newest = (await number(both[0]!)) > (await number(both[1]!)) ? both[0]! : both[1]!;
      const bytes = new Uint8Array(await (await newest.getFile()).arrayBuffer());
      bytes[bytes.length >> 1]! ^= 16;
      const file = await newest.createWritable();
      await file.write(bytes);
      await file.close();
      return number(newest);
    });
    expect(flipped).toBeGreaterThan(1);
    await page.getByRole('button', { name: 'Resume tiny' }).click();
    await page
      .getByText(/One of its two checkpoints is damaged and was left out/)
      .first()
      .waitFor();
    const resumed = await outcomeOf(page);
    expect(resumed.digest).toEqual(unbroken.digest);
    expect(resumed.weights).toBe(unbroken.weights);
    await page.close();
  });
});
