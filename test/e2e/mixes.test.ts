// R18, R15 and R14 on the page: whatever mix of files is dropped, the page says what each was recognised as, or what to do about it. A dataset with many bad
// rows is asked about. Nothing starts by itself. R48: a dropped log with broken numbers has its alerts.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { type Files, MIXES, parquet } from '../support/droppedMixes.ts';
import { dataPage, oneColumn, run, sized } from '../support/parquetBytes.ts';
import { button, dropFiles, LabBrowser } from './support/labBrowser.ts';

/** A hundred bytes that state a million rows. */
const NULLS = { rows: 1_000_000, pages: [dataPage(1_000_000, 0, sized(run(1_000_000, 0)))] };

describe('the page of a drop', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ra3-mixes-'));
  let lab: LabBrowser;
  let page: Page;
  beforeAll(async () => {
    lab = await LabBrowser.start();
    page = (await lab.open()).page;
  });
  afterAll(async () => {
    await lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Gives a folder to the page as its picker does, once what was there is taken back, and waits until it has been read. */
  async function dropFolder(name: string, files: Files): Promise<void> {
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name, path)), { recursive: true });
      writeFileSync(join(folder, name, path), bytes);
    }
    const parts = page.getByRole('button', { name: /^Remove the / });
    for (let left = await parts.count(); left > 0; left--) {
      await parts.first().click();
      await expect.poll(() => parts.count()).toBe(left - 1);
    }
    const read = await page.locator('.drop-zone').evaluateHandle((zone) => {
      let reading = false;
      const done = new Promise<void>((resolve) => {
        new MutationObserver(() => {
          const now = zone.textContent.includes('Reading…');
          if (reading && !now) resolve();
          reading = now;
        }).observe(zone, { childList: true, subtree: true, characterData: true });
      });
      return { done };
    });
    await page.getByLabel('Folder', { exact: true }).setInputFiles(join(folder, name));
    await read.evaluate(({ done }) => done);
  }

  it('R18 mixes: each of the twelve is answered on the page, file by file', { timeout: 180_000 }, async () => {
    expect(MIXES).toHaveLength(12);
    for (const [i, [mix, files, expected]] of MIXES.entries()) {
      const name = `mix-${i}`;
      await dropFolder(name, files);
      const said = (await page.locator('.recognised').innerText()).replace(/\s+/g, ' ');
      const problems = await page.getByRole('list', { name: 'Problems' }).getByRole('listitem').allInnerTexts();
      if (expected.family) expect(said, mix).toMatch(new RegExp(`Model .*${expected.family}, [\\d.,kMB ]+ parameters`));
      else expect(said, mix).not.toMatch(/ parameters, /);
      if (expected.tokenizer !== undefined) expect(said, mix).toContain(expected.tokenizer ? 'with tokenizer' : 'no tokenizer');
      if (expected.dataset) expect(said, mix).toMatch(new RegExp(`Dataset ${name}/${expected.dataset} .*${expected.rows ?? 1} rows`));
      // the recipe of these mixes lacks its task: that is said, too
      const wanted = [...expected.problems.map((file) => `${name}/${file}`), ...(expected.recipe ? ['recipe.json'] : [])].sort();
      expect(problems.map((text) => text.split(' ')[0]).sort(), mix).toEqual(wanted);
      // the file, then a whole sentence
      for (const text of problems) expect(text, mix).toMatch(/^\S+ .{20,}\.$/s);
      expect(await page.title(), mix).toBe('RA3 Lab');
    }
  });

  it('R15 a Parquet file has its rows and fields on the page, a hostile one is refused by name, and the page goes on', async () => {
    await page.reload();
    const dropped = (name: string, bytes: Uint8Array) =>
      dropFiles(page, [{ name, mimeType: 'application/vnd.apache.parquet', buffer: Buffer.from(bytes) }]);
    const problems = page.getByRole('list', { name: 'Problems' });
    await dropped('bomb.parquet', oneColumn(NULLS));
    await problems.getByText(/unpacks to more than 64 MB, which is the limit for its size/).waitFor();
    expect(await problems.innerText()).toContain('bomb.parquet');
    await dropped('packed.parquet', parquet('some_brotli'));
    await problems.getByText(/is packed by BROTLI, which is not read; .* Convert it: /).waitFor();
    await dropped('mbpp.parquet', parquet('mbpp'));
    await page.getByText('3 rows; fields task_id, text, code, test_list, test_setup_code, challenge_test_list').waitFor();
    await page.getByText('MBPP: 3 problems with 4 tests').waitFor();
    await page.getByText('Write a function double.').first().waitFor();
    expect(await page.title()).toBe('RA3 Lab');
  });

  it('R14 on the page: the count, the first bad rows and why, and nothing is used before “Use the 90 good rows”', async () => {
    await page.reload();
    const rows = '{"prompt":"p","solution":"s"}\n'.repeat(90) + '{"prompt":\n[1]\n'.repeat(5);
    await dropFiles(page, [{ name: 'rows.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(rows) }]);
    await page.getByText('10 of 100 rows cannot be read. Nothing of it is used yet.').waitFor();
    const bad = page.getByRole('list', { name: 'Unreadable rows' }).getByRole('listitem');
    expect(await bad.count()).toBe(6);
    expect(await bad.first().innerText()).toMatch(/^line 91: .*not valid JSON/);
    expect(await bad.nth(1).innerText()).toBe('line 92: not a JSON object');
    expect(await bad.last().innerText()).toBe('and 5 more');
    expect(await page.getByText(/^Dataset$/).count()).toBe(0);
    await button(page, 'Leave the file out').click();
    await page.locator('.recognised').waitFor({ state: 'detached' });

    await dropFiles(page, [{ name: 'rows.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(rows) }]);
    await button(page, 'Use the 90 good rows').click();
    await page.getByText(/90 rows, 10 unreadable; fields prompt, solution/).waitFor();
    expect(await button(page, 'Use the 90 good rows').count()).toBe(0);
    expect(await page.title()).toBe('RA3 Lab');
  });

  it('R48 a log with a NaN, a spike, equal rewards and a KL of 50 has an alert for each, at its step', async () => {
    await page.reload();
    const start = {
      type: 'start',
      runId: 'broken-1',
      recipe: { ...LINK_BASE_V1, name: 'broken' },
      adapter: { vendor: 'v', architecture: 'a', description: '', software: true, features: [] },
      version: '0.1.0',
      startedAt: '2026-01-01T00:00:00Z',
      parameters: 1,
      stages: [],
    };
    const metrics = (stage: string, arm: string, count: number, valuesAt: (step: number) => object): object[] =>
      Array.from({ length: count }, (_, i) => ({ type: 'metrics', stage, arm, step: i + 1, values: valuesAt(i + 1) }));
    const cause = 'RLVR of ra3, step 30: the policy is 57.0 nats per token away from the model that it started from (limit 50).';
    const lines = [
      start,
      ...metrics('ntp', 'ntp', 40, (step) => ({ 'loss/nll': step === 31 ? 9 : 2 - step / 50 })),
      ...metrics('ntp', 'ntp-compute', 40, (step) => ({ 'loss/nll': 1, 'grad/norm': step === 7 ? null : 1 })),
      ...metrics('rlvr', 'base', 20, (step) => ({ 'reward/mean': 0, 'group/frac_mixed': step < 5 ? 0.5 : 0 })),
      ...metrics('rlvr', 'ra3', 30, (step) => ({ 'reward/mean': 0.5, 'kl/ref_k3': step === 30 ? 57 : 0.1 })),
      { type: 'notice', level: 'error', message: cause },
      { type: 'end', summary: { status: 'failed', error: cause, results: [], tokPerS: 1, timeMs: 1 } },
    ];
    const buffer = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await page.getByLabel('Files', { exact: true }).setInputFiles([{ name: 'log.jsonl', mimeType: 'application/jsonl', buffer }]);
    await page.getByRole('list', { name: 'Runs' }).getByRole('button', { name: 'broken', exact: true }).waitFor();
    const alerts = page.getByRole('list', { name: 'Alerts' }).getByRole('listitem');
    await expect
      .poll(() => alerts.allInnerTexts(), { timeout: 10_000 })
      .toEqual([
        expect.stringMatching(/^NTP, step 31 The loss jumped to 9/),
        expect.stringMatching(/step 7 grad\/norm is not a finite number/),
        expect.stringMatching(/^RLVR RA3, step 30 The KL to the reference is 57/),
        expect.stringMatching(/^RLVR base, step 5 For 10 steps no group had rewards that differ/i),
      ]);
    await page.getByText(cause).first().waitFor();
  });
});
