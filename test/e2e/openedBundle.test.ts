// A bundle opened in a fresh profile: nothing starts; its models are loaded when asked for, compared with the base that they came from, measured with thoughts
// off, and exported for a cluster. The bundle is kept with the run where there is room: all of it is there again after a reload.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bytesText } from '../../src/app/storage.ts';
import { writeBundle } from '../../src/share/bundle.ts';
import { button, downloadBy, dropFiles, LabBrowser, RUN_LIMIT_MS } from './support/labBrowser.ts';

const BASE = 'public/default/recall-lines';
let lab: LabBrowser;
beforeAll(async () => {
  lab = await LabBrowser.start();
});
afterAll(() => lab?.close());

it('R24 a bundle opens as its log alone, and its models serve every panel once they are loaded', async () => {
  const { page, faults } = await lab.open();
  const [first, ...rest] = gunzipSync(readFileSync('public/demo/log.jsonl.gz')).toString().split('\n');
  const start = JSON.parse(first!) as { recipe: Record<string, unknown> };
  start.recipe.evaluate = { prompts: 8, samples: 2 };
  start.recipe.name = 'opened';
  const log = [JSON.stringify(start), ...rest].join('\n');
  // the base stands for the trained arm: nothing moved, and thoughts are what the base thinks
  const model = (arm: string) =>
    Object.fromEntries(
      ['config.json', 'model.safetensors'].map((name) => [`model/${arm}/${name}`, new Uint8Array(readFileSync(`${BASE}/${name}`))]),
    );
  const buffer = Buffer.from(
    writeBundle({ 'recipe.json': JSON.stringify(start.recipe), 'log.jsonl': log, ...model('ra3'), ...model('ntp'), ...model('base') }),
  );
  await dropFiles(page, [{ name: 'run.zip', mimeType: 'application/zip', buffer }]);

  const latents = page.getByRole('region', { name: 'Switch latents off' });
  const off = latents.getByRole('button', { name: 'All thoughts off' });
  expect(await off.isDisabled()).toBe(true);
  await latents.getByText(/^The models of this run are in its bundle/).waitFor();
  await latents.getByRole('button', { name: 'Load its models' }).click();
  await off.click({ timeout: RUN_LIMIT_MS });
  await latents.locator('tbody tr[aria-busy=false]').waitFor({ timeout: RUN_LIMIT_MS });
  expect(await latents.locator('tbody').textContent()).toMatch(/all thoughts.*→ 0.*8 of 8 programs/);

  const weights = page.getByRole('region', { name: 'What is in the weights?' });
  await weights.getByLabel('Tensors of').selectOption({ label: 'RA3, trained here, against its base' });
  await weights.getByText(/^20 tensors.*moved by 0/).waitFor();

  await button(page, 'Export').click();
  await page.getByRole('dialog', { name: 'Share and export' }).getByLabel('base').uncheck();
  const files = Object.keys(unzipSync(await downloadBy(page, 'Export for a cluster')));
  expect(files.filter((name) => name.endsWith('.safetensors')).sort()).toEqual([
    'model/ntp/model.safetensors',
    'model/ra3/model.safetensors',
  ]);
  expect(files).toContain('verify.py');

  await page.keyboard.press('Escape');
  await page.getByText('Every byte, by run').click();
  await page.getByText(`bundle ${bytesText(buffer.length)}`).waitFor();
  await page.reload();
  const runs = page.getByRole('list', { name: 'Runs' });
  await runs.getByRole('button', { name: 'opened', exact: true }).click();
  await latents.getByRole('button', { name: 'Load its models' }).click();
  await weights.getByLabel('Tensors of').selectOption({ label: 'RA3, trained here, against its base' });
  await weights.getByText(/^20 tensors.*moved by 0/).waitFor();
  expect(await downloadBy(page, 'Download bundle')).toEqual(buffer);

  // where a copy would take more than half of what is left, the log alone is kept, and that is said
  const short = Buffer.from(
    writeBundle({ 'recipe.json': JSON.stringify(start.recipe), 'log.jsonl': JSON.stringify(start), ...model('ra3'), ...model('ntp') }),
  );
  const usage = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
  const control = await page.context().newCDPSession(page);
  await control.send('Storage.overrideQuotaForOrigin', { origin: new URL(lab.url).origin, quotaSize: usage + 1.5 * short.length });
  await dropFiles(page, [{ name: 'again.zip', mimeType: 'application/zip', buffer: short }]);
  await page
    .getByRole('alert')
    .getByText(/^The models of again\.zip \(.*\) are not kept with the run\. A copy may take half of the room/)
    .waitFor();
  expect(faults).toEqual([]);
  await page.close();
}, 240_000);
