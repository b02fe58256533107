// A teaching link: a teacher hides what the lesson does not need and shares the run; a student's fresh profile shows those panels alone, nothing runs, and
// what is hidden is one click away. The page without its inputs is a page of its own: no other site can frame it.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { button, curves, expectSameCurves, LabBrowser } from './support/labBrowser.ts';

let lab: LabBrowser;
let school: Server;

beforeAll(async () => {
  lab = await LabBrowser.start();
  school = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><title>school</title><iframe src="${lab.url}#view=1&embed=1"></iframe>`);
  });
  await new Promise<void>((resolve) => school.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await lab?.close();
  school?.close();
});

/** Once the last panel is there: they come one after another. */
async function titles(page: Page): Promise<string[]> {
  await page.getByRole('heading', { name: 'What ran?' }).waitFor();
  return page.getByRole('heading', { level: 2 }).allTextContents();
}

it('a lesson hides panels in its link; a fresh profile shows the others alone and can show them all', async () => {
  const teacher = (await lab.open()).page;
  await teacher.getByText('Recorded run of the embedded default; Run makes it live.').waitFor();
  await teacher.keyboard.press('v');
  const dialog = teacher.getByRole('dialog', { name: 'Panels' });
  for (const panel of ['Why does it work?', 'Which runs?', 'What is in the weights?'])
    await dialog.getByRole('checkbox', { name: panel }).uncheck();
  await dialog.getByText(/Another site cannot show it in a frame/).waitFor();
  expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
  await teacher.keyboard.press('Escape');
  await teacher.waitForFunction(() => location.hash === '#view=1&hide=theory,runs,inspector');
  await button(teacher, 'Share').click();
  await teacher.waitForFunction(() => /^#v\d+\..*&view=1&hide=theory,runs,inspector$/.test(location.hash));
  const link = new URL(teacher.url()).hash;

  const { page, faults } = await lab.open(link);
  await page.getByText(/^Recipe and curves from a link/).waitFor();
  await page.getByText('3 panels are hidden.').waitFor();
  const shown = await titles(page);
  expect(shown).toContain('What did it find?');
  expect(shown.filter((title) => ['Why does it work?', 'Which runs?', 'What is in the weights?'].includes(title))).toEqual([]);
  expectSameCurves(await curves(teacher), await curves(page));
  const results = (on: Page) => on.getByRole('table', { name: /^Results of each arm/ });
  expect(await results(page).textContent()).toBe(await results(teacher).textContent());
  expect(await page.getByRole('list', { name: 'Notices' }).count()).toBe(0);
  expect(await page.title()).toBe('RA3 Lab');
  await button(page, 'Show them').click();
  await page.getByRole('heading', { name: 'Why does it work?' }).waitFor();
  await page.waitForFunction(() => /^#v\d+\.[^&]*$/.test(location.hash));

  await page.keyboard.press('v');
  await page.getByRole('checkbox', { name: /^Only what comes out/ }).check();
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => location.hash.endsWith('&view=1&embed=1'));
  const slide = await lab.open(new URL(page.url()).hash);
  await slide.page.getByText(/^Recipe and curves from a link/).waitFor();
  expect((await titles(slide.page)).filter((title) => ['What will run?', 'Which runs?'].includes(title))).toEqual([]);
  expect(await button(slide.page, 'Run').count()).toBe(0);
  await button(slide.page, 'Open the whole lab').click();
  await button(slide.page, 'Run').waitFor();
  expect([...faults, ...slide.faults]).toEqual([]);

  await slide.page.goto(`http://127.0.0.1:${(school.address() as AddressInfo).port}/`);
  await expect.poll(() => slide.faults.some((fault) => /frame-ancestors/.test(fault))).toBe(true);
  expect(await slide.page.frameLocator('iframe').getByText('RA3 Lab').count()).toBe(0);
  for (const opened of [slide.page, page, teacher]) await opened.close();
});
