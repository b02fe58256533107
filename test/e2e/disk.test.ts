// R28, R29 on a browser's real file system: whichever of the browser's own calls fails, and at whichever of them the worker ends, with its last write
// torn, what was acknowledged is found again whole, and the run goes on from it.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenBrowser, openBrowser } from '../../scripts/browser.mjs';
import { ENDED, wrongWith } from '../support/diskStory.ts';
import { buildAndServe, type ServedPage } from '../support/servedPage.ts';
import type { DiskAnswer, DiskRequest, Fault } from './support/disk.worker.ts';

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
