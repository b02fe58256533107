// A study, from the drop to the link: one's own model and dataset, a run that is paused, whose tab crashes, and that goes on with the same files and with no
// others; a second run beside it; a link that a fresh profile without a GPU opens as it was sent.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../../scripts/browser.mjs';
import type { ArmResult, RunEvent } from '../../src/run/events.ts';
import type { Recipe } from '../../src/run/recipe.ts';
import type { SampleRow } from '../../src/run/verified.ts';
import {
  button,
  crash,
  downloadBy,
  logAtEnd,
  curves,
  dropFiles,
  expectSameCurves,
  LabBrowser,
  recipeOnPage,
  WHOLE_RUN_LIMIT_MS,
  samples,
  setRecipe,
  withoutWebGpu,
} from './support/labBrowser.ts';

const files = samples(
  ...['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((name) => `models/stories260K/${name}`),
  'data/mbpp.jsonl.gz',
);
const [, weights = ''] = files ?? [];

/** A few steps of everything. */
function few(proposed: Recipe): Recipe {
  const learn = { ...proposed.ntp, steps: 2, batch: 2 };
  return {
    ...proposed,
    name: 'study',
    task: { ...proposed.task, maxTokens: 160, maxNewTokens: 16 } as Recipe['task'],
    arms: ['ra3'],
    ra3: { ...proposed.ra3, emIterations: 1, eSteps: 3, programs: 2, group: 2, infuse: 2, m: learn },
    rlvr: { ...proposed.rlvr, steps: 1, prompts: 2, group: 2 },
    evaluate: { ...proposed.evaluate, prompts: 2, samples: 2 },
  };
}

const problemsOf = (log: RunEvent[]): string[] => log.flatMap((e) => (e.type === 'notice' && e.level !== 'info' ? [e.message] : []));
const resultsOf = (log: RunEvent[]): ArmResult[] => log.flatMap((e) => (e.type === 'end' ? e.summary.results : []));

/** What the browser's own clearing may do: the copy of one dropped file is gone. */
function loseCopyOf(page: Page, file: string): Promise<void> {
  return page.evaluate(
    async (ending) => {
      const root = await navigator.storage.getDirectory();
      for await (const run of (await root.getDirectoryHandle('runs')).values()) {
        const inputs = await (run as FileSystemDirectoryHandle).getDirectoryHandle('inputs').catch(() => null);
        if (!inputs) continue;
        for await (const name of inputs.keys()) if (name.endsWith(ending)) await inputs.removeEntry(name);
      }
    },
    Buffer.from(`/${file}`).toString('hex'),
  );
}

describe.runIf(files)('a study', () => {
  const profile = mkdtempSync(join(tmpdir(), 'ra3-study-'));
  let lab: LabBrowser;
  let browser: Awaited<ReturnType<typeof openBrowser>>;

  beforeAll(async () => {
    lab = await LabBrowser.start();
    browser = await openBrowser({ profile, viewport: { width: 1280, height: 900 } });
  });
  afterAll(async () => {
    await browser?.close();
    await lab?.close();
    rmSync(profile, { recursive: true, force: true });
  });

  async function open(): Promise<Page> {
    const page = await browser.context.newPage();
    await page.goto(lab.url);
    await page.getByRole('heading', { name: 'RA3 Lab' }).waitFor();
    return page;
  }

  it('is dropped, run, paused, crashed, resumed with its own files alone, run again otherwise, compared, shared', {
    timeout: 1_200_000,
  }, async () => {
    const first = await open();
    await dropFiles(first, files!);
    await first.getByText('MBPP: 974 problems with').waitFor();
    await button(first, 'Use in the recipe').click();
    const proposed = (await recipeOnPage(first)) as Recipe;
    expect(proposed.task).toMatchObject({ kind: 'code', suite: 'mbpp', split: 'dataset', verify: true });
    expect(proposed.rlvr.steps).toBeGreaterThan(0);
    await setRecipe(first, few(proposed));
    await button(first, 'Run').click({ timeout: WHOLE_RUN_LIMIT_MS });
    await first.waitForFunction(() => /E-step/.test(document.title), undefined, { timeout: WHOLE_RUN_LIMIT_MS });
    await button(first, 'Pause').click();
    await button(first, 'Resume').waitFor({ timeout: WHOLE_RUN_LIMIT_MS });
    await first.getByText('Every byte, by run').click();
    await first
      .getByRole('table', { name: 'Stored bytes of each run' })
      .getByText(/checkpoints .*dropped files/)
      .waitFor();
    await loseCopyOf(first, 'model.safetensors');
    await crash(first);

    const page = await open();
    const row = page.getByRole('list', { name: 'Runs' });
    const resume = page.getByRole('button', { name: 'Resume study' });
    await resume.click({ timeout: WHOLE_RUN_LIMIT_MS });
    const refused = page.getByRole('alert');
    await refused
      .getByText(/^study goes on with the files that it was started with; not kept with it: model\.safetensors \([\d,]+ bytes\)\./)
      .waitFor();
    await row.getByText('interrupted').waitFor();

    const wrong = readFileSync(weights);
    wrong[wrong.length - 1]! ^= 1;
    await dropFiles(page, [{ name: 'model.safetensors', mimeType: '', buffer: wrong }]);
    await resume.click();
    await refused.getByText(/The model\.safetensors dropped here is another file\. Drop that file, then press Resume\.$/).waitFor();

    await dropFiles(page, files!);
    await resume.click();
    await page.waitForFunction(() => /^\d+ % · /.test(document.title), undefined, { timeout: WHOLE_RUN_LIMIT_MS });
    const log = await logAtEnd(page);
    expect(problemsOf(log)).toEqual([expect.stringMatching(/share 10 words in a row with a training one/)]);
    expect(log.filter((e) => e.type === 'notice' && /goes on from its last checkpoint/.test(e.message))).toHaveLength(1);
    expect(resultsOf(log).map((r) => [r.arm, r.phase, Object.keys(r.passAt)])).toEqual([
      ['ra3', 'before', ['1', '2']],
      ['ra3', 'after', ['1', '2']],
    ]);
    await page.getByRole('img', { name: '0 of 3 tests held' }).first().waitFor();
    const tests = page.getByRole('table', { name: 'Each test on each rollout' });
    expect(await tests.getByRole('rowheader', { name: /^assert / }).count()).toBe(3);
    expect((await tests.getByRole('cell').allInnerTexts()).join('')).toMatch(/^[✗·]{6}$/);
    const bundle = unzipSync(await downloadBy(page, 'Download bundle'));
    const written = new TextDecoder().decode(bundle['samples/ra3-after.jsonl']).trim().split('\n');
    expect(written.map((text) => (JSON.parse(text) as SampleRow).tests.length)).toEqual([3, 3, 3, 3]);
    expect(bundle['model/ra3/model.safetensors']!.length).toBeGreaterThan(1e6);
    await row.getByText('finished').waitFor();

    await button(page, 'Use its recipe').click();
    await button(page, 'Form').click();
    await page
      .locator('summary')
      .filter({ hasText: /^RA3 mid-training/ })
      .click();
    await page.getByLabel('Penalty c').fill('0.5');
    await page.getByText(/^Unlike the last run: /).waitFor();
    await button(page, 'Run').click();
    await page.waitForFunction(() => /^\d+ % · /.test(document.title), undefined, { timeout: WHOLE_RUN_LIMIT_MS });
    await logAtEnd(page);

    await row
      .getByRole('checkbox', { name: /^Compare study/ })
      .last()
      .check();
    const settings = page.getByRole('table', { name: 'What their recipes differ in' });
    expect(
      await settings
        .getByRole('rowheader')
        .filter({ has: page.locator('code') })
        .allTextContents(),
    ).toEqual(['ra3.c']);
    expect(
      await page
        .getByRole('table', { name: /^What RA3 reached/ })
        .getByRole('rowheader')
        .count(),
    ).toBeGreaterThan(3);

    await button(page, 'Share').click();
    await page.waitForFunction(() => /^#v\d+\./.test(location.hash));
    const link = new URL(page.url()).hash;
    expect(page.url().length).toBeLessThanOrEqual(8192);
    const fresh = await lab.open(link, withoutWebGpu);
    await fresh.page.getByText('Recipe and curves from a link, as they were sent; nothing has run here.').waitFor();
    await fresh.page.getByText(/^Replay only: This browser has no WebGPU\./).waitFor();
    expectSameCurves(await curves(page), await curves(fresh.page));
    expect(await fresh.page.getByRole('list', { name: 'Runs' }).getByRole('listitem').count()).toBe(1);
    expect(await recipeOnPage(fresh.page)).toEqual(await recipeOnPage(page));
    expect(await button(fresh.page, 'Run').isDisabled()).toBe(true);
    expect(await button(fresh.page, 'Run it here').isDisabled()).toBe(true);
    expect(fresh.faults).toEqual([]);
    await fresh.page.close();
    await page.close();
  });
});
