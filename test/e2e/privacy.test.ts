// A privacy check, as someone makes it who does not believe the page: requests to another origin from the page, from its worker and from the Python sandbox
// are refused, that origin hears nothing, and the page shows the policy that it came with and how many requests it has refused.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Frame, Page, Worker } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { button, LabBrowser } from './support/labBrowser.ts';

let lab: LabBrowser;
/** Another origin, which would answer anyone. */
let outside: Server;
let outsideUrl: string;
let hits = 0;

beforeAll(async () => {
  lab = await LabBrowser.start();
  outside = createServer((_, response) => {
    hits++;
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    response.end('here');
  });
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  outsideUrl = `http://localhost:${(outside.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  await lab?.close();
  await new Promise((resolve) => outside?.close(resolve));
});

/** Runs in a page, a worker or a frame. */
const tryFetch = (url: string): Promise<string> =>
  fetch(url).then(
    () => 'reached',
    () => 'refused',
  );

/** Everything else that a document could send with, but forms. */
function tryTheRest(url: string): void {
  new WebSocket(url.replace('http', 'ws'));
  navigator.sendBeacon(url, 'x');
  new Image().src = url;
}

/** What refuses a form. */
function tryForm(url: string): Promise<string> {
  const form = document.createElement('form');
  Object.assign(form, { action: url, method: 'post' });
  document.body.append(form);
  return new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective), { once: true });
    form.submit();
  });
}

/** The sandbox's frame, as src/verify/sandbox.ts opens it. */
async function sandboxOf(page: Page): Promise<Frame> {
  await page.evaluate(() => {
    const frame = document.createElement('iframe');
    frame.setAttribute('sandbox', 'allow-scripts');
    frame.src = 'sandbox.html';
    document.body.append(frame);
    return new Promise((resolve) => addEventListener('message', resolve, { once: true }));
  });
  return page.frames().find((frame) => frame.url().endsWith('sandbox.html')) as Frame;
}

it('R25 lets nothing out to another origin from page, worker or sandbox, shows its own policy (P1), and counts what it refused', async () => {
  expect(await (await fetch(outsideUrl)).text()).toBe('here');
  expect(hits).toBe(1);
  const { page } = await lab.open();
  await page.locator('.badge-ok').waitFor();
  const counted = (text: RegExp) => page.locator('.privacy-line').getByText(text).waitFor();
  await counted(/^Nothing leaves this tab\./);

  expect(await (page.workers()[0] as Worker).evaluate(tryFetch, outsideUrl)).toBe('refused');
  await counted(/; 1 request was refused\./);
  const panel = page.getByRole('region', { name: 'Why does it work?' });
  await panel.scrollIntoViewIfNeeded();
  await expect.poll(() => page.workers().length).toBe(2);
  expect(await (page.workers()[1] as Worker).evaluate(tryFetch, outsideUrl)).toBe('refused');
  await counted(/; 2 requests were refused\./);
  expect(await page.evaluate(tryFetch, outsideUrl)).toBe('refused');
  await counted(/; 3 requests were refused\./);
  await page.evaluate(tryTheRest, outsideUrl);
  await counted(/; [56] requests were refused\./);
  expect(await (await sandboxOf(page)).evaluate(tryFetch, outsideUrl)).toBe('refused');

  await button(page, 'Privacy').click();
  const dialog = page.getByRole('dialog', { name: 'Privacy' });
  await dialog.getByText(/no request to another origin passes it/).waitFor();
  await dialog
    .getByText(
      /^Refused since the page was opened: [34] requests of the page, 2 of its workers, 1 of the Python sandbox; the last by connect-src: http/,
    )
    .waitFor();
  await dialog.getByText(/^This host sends it with every file/).waitFor();
  expect(await dialog.getByRole('row', { name: /^connect-src 'self'/ }).count()).toBe(1);
  expect(await page.evaluate(tryForm, outsideUrl)).toBe('form-action');
  expect(hits).toBe(1);
  await page.close();
});
