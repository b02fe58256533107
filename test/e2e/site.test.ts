// The built page on a plain host: under a sub-path, from a server that sends no header but the type. The service worker gives it isolation and
// policy, opens it offline, and shows a newer release without ever reloading by itself.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser, BrowserContext, Page, Worker } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PAGE_DIR } from '../../scripts/paths.mjs';
import { button, LabBrowser } from './support/labBrowser.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const RECORDED = 'Recorded run of the embedded default; Run makes it live.';
const LIMIT_MS = 60_000;

/** What the host has; a release replaces some of it. */
let released: Record<string, string> = {};
let asked: string[] = [];
let host: Server;
let url: string;
let lab: LabBrowser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  lab = await LabBrowser.start();
  host = createServer((request, response) => {
    const path = /^\/a\/b\/([^?]*)/.exec(request.url ?? '')?.[1] ?? 'none';
    const file = join(PAGE_DIR, path || 'index.html');
    asked.push(path);
    if (!existsSync(file) || !statSync(file).isFile()) response.statusCode = 404;
    else response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.end(request.method === 'HEAD' || response.statusCode === 404 ? undefined : (released[path] ?? readFileSync(file)));
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  url = `http://localhost:${(host.address() as AddressInfo).port}/a/b/`;
  context = await (lab.browser.context.browser() as Browser).newContext({ locale: 'en-US' });
  page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
});
afterAll(async () => {
  await context?.close();
  host?.closeAllConnections();
  host?.close();
  await lab?.close();
});

it('the first load runs its worker under the policy, the next one is isolated, with the sandbox of opaque origin', async () => {
  await page.goto(url);
  await page.getByText(RECORDED).waitFor();
  await page.locator('.badge-ok').waitFor();
  const refused = await (page.workers()[0] as Worker).evaluate(
    () =>
      new Promise((resolve) => {
        addEventListener('securitypolicyviolation', (event) => resolve((event as SecurityPolicyViolationEvent).effectiveDirective));
        fetch('http://127.0.0.1:1/').catch(() => undefined);
      }),
  );
  expect(refused).toBe('connect-src');
  await expect.poll(() => asked.filter((path) => /stdlib/.test(path)).length, { timeout: LIMIT_MS }).toBe(1);
  await page.reload();
  await page.locator('.badge-ok').waitFor();
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(await page.evaluate(sandboxOrigin)).toBe('null');
});

/** As src/verify/sandbox.ts opens its frame under a service worker: sandbox.html speaks only where its origin is opaque. */
function sandboxOrigin(): Promise<string> {
  const frame = document.createElement('iframe');
  frame.src = 'sandbox.html';
  document.body.append(frame);
  return new Promise((resolve) => addEventListener('message', ({ source, origin }) => source === frame.contentWindow && resolve(origin)));
}

/** How many of Python's large files are kept. */
async function pythonKept(): Promise<number> {
  const files = await page.evaluate(async () => {
    const [name] = await caches.keys();
    return (await (await caches.open(name!)).keys()).map((request) => new URL(request.url).pathname);
  });
  return files.filter((path) => /python_stdlib|pyodide\.asm/.test(path)).length;
}

it('R55 a newer release is shown and waits for its reader; another tab holds it back', async () => {
  const build = (await page.locator('meta[name="build"]').getAttribute('content'))!;
  const index = readFileSync(join(PAGE_DIR, 'index.html'), 'utf8');
  const newIndex = index.replace(build, '0123456789abcdef').replace('<title>RA3 Lab', '<title>RA3 Lab 2');
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  released = {
    '': newIndex,
    'index.html': newIndex,
    'sw.js': readFileSync(join(PAGE_DIR, 'sw.js'), 'utf8').replace(build, '0123456789abcdef').replace(hash(index), hash(newIndex)),
  };
  await expect.poll(pythonKept, { timeout: 60_000 }).toBe(3);
  const other = await context.newPage();
  await other.goto(url);
  await page.getByText('A new version is there.').waitFor();
  expect(await other.title()).toBe('RA3 Lab');
  await button(page, 'Reload').click();
  await page.getByText('Another tab of the lab still uses this version.').waitFor();
  expect(await page.title()).toBe('RA3 Lab');
  await other.close();
  asked = [];
  await button(page, 'Reload').click();
  await page.waitForFunction(() => document.querySelector('meta[name="build"]')?.getAttribute('content') === '0123456789abcdef');
  // what has not changed is not fetched again
  expect(asked.filter((path) => path.startsWith('assets/'))).toEqual([]);
});

it('opens without the network, Python too', async () => {
  await page.locator('.badge-ok').waitFor();
  host.closeAllConnections();
  await new Promise((resolve) => host.close(resolve));
  await page.goto(url);
  await page.getByText(RECORDED).waitFor();
  await page.locator('.badge-ok').waitFor();
  expect(await page.evaluate(sandboxOrigin)).toBe('null');
  expect(await pythonKept()).toBe(3);
});
