// Parts of the page on the production build under its real policy: the theory's sliders, wrong fields, files that are refused, a damaged link.
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { button, dropFiles, LabBrowser, logAtEnd, RUN_LIMIT_MS, setRecipe } from './support/labBrowser.ts';

describe('the page', () => {
  let lab: LabBrowser;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    lab = await LabBrowser.start();
  });
  afterAll(() => lab?.close());
  beforeEach(async () => {
    ({ page, faults } = await lab.open());
  });
  afterEach(async () => {
    await page.close();
  });

  it('computes the theory as its sliders move, by keyboard, and sets the run beside it', async () => {
    const panel = page.getByRole('region', { name: 'Why does it work?' });
    await panel.scrollIntoViewIfNeeded();
    await panel.getByText(/^Primitives take 46 sweeps; options of 15 steps in their place take 5/).waitFor();
    await panel.getByText(/^In the run shown, it thinks before/).waitFor();
    await panel.getByLabel('Tolerance ε').press('ArrowRight');
    await panel.getByText(/^Primitives take (?!46)\d+ sweeps/).waitFor();
    await panel.getByRole('button', { name: 'Start values' }).press('Enter');
    await panel.getByText(/^Primitives take 46 sweeps/).waitFor();
    await panel.getByRole('button', { name: 'Pruning' }).press('Enter');
    await panel.getByText(/^With 8 needed among 4,096 candidates/).waitFor();
    expect(await panel.getByRole('img', { name: /over σ: bound/ }).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  it('names the wrong field where it is and does not run it', async () => {
    await page.getByLabel('Seed', { exact: true }).first().fill('abc');
    await page.getByText(/^seed: /).waitFor();
    expect(await button(page, 'Run').isDisabled()).toBe(true);
    await page.getByLabel('Seed', { exact: true }).first().fill('3');
    await page.getByText(/seed 3 instead of/).waitFor();
  });

  it('says of each dropped file what it is or why it was refused, as text', async () => {
    await dropFiles(page, [
      {
        name: '<img src=x onerror=alert(1)>.jsonl',
        mimeType: '',
        buffer: Buffer.from('{"prompt":"def f():","solution":"    return 1"}\n'),
      },
      { name: 'model.bin', mimeType: '', buffer: Buffer.from([0x80, 0x02, 0x7d, 0x71, 0x00, 0x2e]) },
    ]);
    await page.getByRole('list', { name: 'Problems' }).getByText('model.bin').waitFor();
    expect(await page.locator('.recognised img').count()).toBe(0);
    expect(await button(page, 'Use in the recipe').isDisabled()).toBe(true);
  });

  it('R27 messages between page and worker that mean nothing change nothing', async () => {
    await page.getByText(/^Takes about/).waitFor();
    const worker = page.workers().find((each) => each.url().includes('lab.worker'))!;
    await worker.evaluate(() => {
      const junk: unknown[] = [
        0,
        'APPLY',
        [],
        { id: 'a', type: 'APPLY', path: ['run'], argumentList: 'none' },
        { id: 'a', type: 'SET', path: ['__proto__', 'polluted'], value: { type: 'RAW', value: 1 } },
        { id: 'a', type: 'RELEASE', path: [] },
        { id: {}, type: {}, path: {} },
      ];
      for (const data of junk) {
        self.dispatchEvent(new MessageEvent('message', { data }));
        self.postMessage(data);
      }
    });
    // it is asked again, and answers
    await page.getByLabel('Seed', { exact: true }).first().fill('3');
    await page.getByRole('button', { name: 'Text', exact: true }).click();
    await page.getByText(/^Takes about/).waitFor();
    await dropFiles(page, [{ name: 'rows.jsonl', mimeType: '', buffer: Buffer.from('{"prompt":"def f():","solution":"    return 1"}\n') }]);
    expect(await worker.evaluate(() => ({}) as { polluted?: unknown }).then(({ polluted }) => polluted)).toBeUndefined();
    expect(page.workers()).toContain(worker);
    expect(faults).toEqual([]);
  });

  it('R52 clocks that jump under a run make no time of it negative, absurd or going back', async () => {
    const hour = 3_600_000;
    await setRecipe(page, {
      ...LINK_BASE_V1,
      name: 'clocks',
      arms: ['ntp'],
      ntp: { ...LINK_BASE_V1.ntp, steps: 60, batch: 8 },
      rlvr: { ...LINK_BASE_V1.rlvr, steps: 0 },
      evaluate: { prompts: 4, samples: 2 },
    });
    await button(page, 'Run').click({ timeout: RUN_LIMIT_MS });
    await page.waitForFunction(() => /NTP/.test(document.title), undefined, { timeout: RUN_LIMIT_MS });
    await page.workers()[0]!.evaluate((sleptMs) => {
      const now = performance.now.bind(performance);
      performance.now = () => now() + sleptMs;
      Date.now = () => 0;
    }, 8 * hour);
    const log = await logAtEnd(page);
    const times = log.flatMap((e) => ('at' in e && e.at ? [e.at.timeMs] : []));
    expect(times.length).toBeGreaterThan(60);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const spans = log.flatMap((e) => (e.type === 'stage' ? [e.timeMs] : e.type === 'progress' && e.leftMs !== null ? [e.leftMs] : []));
    for (const ms of [...times, ...spans]) expect(ms).toBeGreaterThanOrEqual(0);
    for (const ms of [...times, ...spans]) expect(ms).toBeLessThan(hour);
    expect(log.some((e) => e.type === 'end' && e.summary.status === 'finished')).toBe(true);
    expect(faults).toEqual([]);
  });

  it('opens a damaged link clean and says why', async () => {
    const other = await lab.open('#v1.AAAAAAAA');
    await other.page
      .getByRole('alert')
      .getByText(/cannot be opened/)
      .waitFor();
    await other.page.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
    await other.page.close();
  });
});
