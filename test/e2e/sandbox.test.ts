// The Python sandbox's frame on two hosts, ours and one that sends no headers and serves from below a path: what it lets out (nothing), what it may
// touch (nothing), and that Python works there, with and without memory that can be shared.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_DIR } from '../../scripts/paths.mjs';
import type { NumberedOutcome } from '../../src/headless/page.ts';
import type { PythonJob } from '../../src/verify/python.ts';
import type { SandboxNews } from '../../src/verify/sandboxNews.ts';
import { LabBrowser } from './support/labBrowser.ts';

const START_LIMIT_MS = 400_000;
const PREFIX = '/some/where/';

/** A static host that knows nothing but types. */
function plainHost(): Server {
  const types: Record<string, string> = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.mjs': 'text/javascript',
    '.wasm': 'application/wasm',
  };
  return createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    try {
      const body = readFileSync(join(PAGE_DIR, path.startsWith(PREFIX) ? path.slice(PREFIX.length) : 'missing'));
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

/** Runs in the sandbox's frame. */
async function tryFrame(url: string): Promise<Record<string, string>> {
  const tried = async (act: () => unknown): Promise<string> => {
    try {
      return String(await act());
    } catch (e) {
      return (e as Error).name;
    }
  };
  const form = document.createElement('form');
  Object.assign(form, { action: url, method: 'post' });
  document.documentElement.append(form);
  new WebSocket(url.replace('http', 'ws'));
  new Image().src = url;
  return {
    origin: self.origin,
    fetch: await tried(async () => (await fetch(url)).status),
    beacon: await tried(() => navigator.sendBeacon(url, 'x') && 'queued'),
    form: await tried(() => form.submit()),
    window: await tried(() => open(url)),
    parent: await tried(() => parent.document.title),
    top: await tried(() => top?.location.href),
    indexedDB: await tried(() => indexedDB.open('x')),
    localStorage: await tried(() => localStorage.length),
    cookie: await tried(() => document.cookie),
    eval: await tried(() => new Function('return 1')()),
    frame: await tried(() => document.documentElement.append(Object.assign(document.createElement('iframe'), { src: url }))),
    worker: await tried(async () => {
      const script = `
        const tried = async (act) => { try { return String(await act()); } catch (e) { return e.name; } };
        const url = ${JSON.stringify(url)};
        const inner = () => new Promise((resolve) => {
          const text = 'fetch(' + JSON.stringify(url) + ').then(() => postMessage("reached"), (e) => postMessage(e.name))';
          const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
          worker.onmessage = ({ data }) => resolve(data);
        });
        (async () => {
          const socket = new Promise((resolve) => { const s = new WebSocket(url.replace('http', 'ws')); s.onopen = () => resolve('open'); s.onerror = () => resolve('refused'); });
          const events = new Promise((resolve) => { const s = new EventSource(url); s.onopen = () => resolve('open'); s.onerror = () => resolve('refused'); });
          postMessage(await Promise.all([
            tried(async () => (await fetch(url)).status),
            tried(() => { const x = new XMLHttpRequest(); x.open('GET', url, false); x.send(); return x.status; }),
            tried(() => importScripts(url)), tried(() => import(url)), tried(() => socket), tried(() => events),
            tried(() => indexedDB.open('x')), tried(() => eval('1')), inner(),
          ]));
        })();`;
      const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
      return new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
      });
    }),
  };
}

describe("the Python sandbox's frame", () => {
  let lab: LabBrowser;
  let plain: Server;
  let outside: Server;
  let outsideUrl: string;
  let hits = 0;
  const hosts: Record<string, string> = {};

  beforeAll(async () => {
    lab = await LabBrowser.start();
    plain = plainHost();
    outside = createServer((_, response) => {
      hits++;
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
      response.end('here');
    });
    hosts['our server'] = lab.url;
    hosts['a plain host'] = `http://localhost:${await listening(plain)}${PREFIX}`;
    outsideUrl = `http://localhost:${await listening(outside)}/`;
  });
  afterAll(async () => {
    await lab?.close();
    for (const server of [plain, outside]) server?.close();
  });

  /** The page that starts nothing by itself; outcomes are collected. */
  async function open(
    host: string,
  ): Promise<{ page: Page; requests: string[]; outcomes: Map<number, NumberedOutcome[1]>; told: () => Promise<SandboxNews[]> }> {
    const context = await (lab.browser.context.browser() as Browser).newContext();
    const page = await context.newPage();
    page.on('close', () => void context.close().catch(() => undefined));
    const requests: string[] = [];
    const outcomes = new Map<number, NumberedOutcome[1]>();
    page.on('request', (request) => requests.push(request.url()));
    await page.exposeBinding('takeOutcomes', (_source, batch: NumberedOutcome[]) => {
      for (const [number, outcome] of batch) outcomes.set(number, outcome);
    });
    await page.goto(`${hosts[host]}headless.html`);
    await page.waitForFunction(() => typeof window.runJobs === 'function');
    // what the frame tells its page
    await page.evaluate(() => {
      const told: unknown[] = [];
      addEventListener('message', ({ data }) => typeof data === 'object' && told.push(data));
      Object.assign(window, { told });
    });
    const told = (): Promise<SandboxNews[]> => page.evaluate(() => (window as unknown as { told: SandboxNews[] }).told);
    return { page, requests, outcomes, told };
  }

  it.each(['our server', 'a plain host'])('R25 on %s, lets nothing out, from the frame or from workers in it', async (host) => {
    expect(await (await fetch(outsideUrl)).text()).toBe('here');
    const before = hits;
    const { page, requests, told } = await open(host);
    expect(requests.filter((url) => /pyodide|python|sandbox/.test(url))).toEqual([]);
    await page.evaluate(() => window.runJobs([[1, { source: '', deadlineMs: 1000 }]]));
    await page.waitForFunction(() => document.querySelector('iframe') !== null);
    await expect.poll(() => page.frames().some((f) => f.url().endsWith('/sandbox.html'))).toBe(true);
    const frame = page.frames().find((f) => f.url().endsWith('/sandbox.html'))!;
    expect(await page.locator('iframe').getAttribute('sandbox')).toBe('allow-scripts');
    expect(await frame.evaluate(tryFrame, outsideUrl)).toEqual({
      origin: 'null',
      fetch: 'TypeError',
      beacon: expect.stringMatching(/false|queued|Error/),
      form: 'undefined',
      window: 'null',
      parent: 'SecurityError',
      top: 'SecurityError',
      indexedDB: 'SecurityError',
      localStorage: 'SecurityError',
      cookie: 'SecurityError',
      eval: expect.stringMatching(/^(EvalError|1)$/),
      frame: 'undefined',
      worker: [
        'TypeError',
        'NetworkError',
        'NetworkError',
        'TypeError',
        'refused',
        'refused',
        'SecurityError',
        'EvalError',
        'TypeError',
      ].join(),
    });
    await frame.evaluate((url) => void setTimeout(() => location.assign(url), 0), outsideUrl);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(hits).toBe(before);
    const refused = new Set((await told()).map((news) => ('refused' in news ? news.refused.directive : '')));
    expect([...refused]).toEqual(expect.arrayContaining(['connect-src', 'img-src', 'frame-src']));
    expect(requests.filter((url) => !url.startsWith(hosts[host] as string) && !/^(blob|data|ws):/.test(url) && url !== outsideUrl)).toEqual(
      [],
    );
    await page.close();
  });

  it(
    'R26 without shared memory, Python works and is ended at its deadline; who tries to leave is ended, and the page is told',
    async () => {
      const { page, requests, outcomes, told } = await open('a plain host');
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
      const jobs: PythonJob[] = [
        { source: 'def f(x): return x + 1', calls: ['f(1)'], deadlineMs: START_LIMIT_MS },
        { source: 'while True: pass', deadlineMs: 1000 },
        { source: 'while True:\n  try:\n    while True: pass\n  except BaseException: pass', deadlineMs: 1000 },
        { source: 'import socket\nsocket.gethostbyname("example.com")', deadlineMs: START_LIMIT_MS },
        { source: 'def f(x): return x + 2', calls: ['f(1)'], deadlineMs: START_LIMIT_MS },
      ];
      await page.evaluate((given) => window.runJobs(given.map((job, i) => [i, job])), jobs);
      await expect.poll(() => outcomes.size, { timeout: START_LIMIT_MS, interval: 200 }).toBe(5);
      expect([0, 1, 2, 3, 4].map((i) => outcomes.get(i))).toMatchObject([
        { end: 'finished', calls: [{ ok: true, value: { t: 'int', v: '2' } }] },
        { end: 'timeout', message: 'not done after 1000 ms', calls: [] },
        { end: 'timeout', message: 'not done after 1000 ms', calls: [] },
        { end: 'killed', message: 'it tried to leave the sandbox: Python called getaddrinfo', calls: [] },
        { end: 'finished', calls: [{ ok: true, value: { t: 'int', v: '3' } }] },
      ]);
      expect((await told()).filter((news) => 'ended' in news)).toEqual([{ ended: true }]);
      expect(requests.filter((url) => !url.startsWith(hosts['a plain host'] as string) && !url.startsWith('blob:'))).toEqual([]);
      // What is left of a scope in which Python runs. Workers that were ended are listed still.
      const forbidden = [
        'fetch',
        'postMessage',
        'Worker',
        'importScripts',
        'indexedDB',
        'caches',
        'navigator',
        'XMLHttpRequest',
        'WebSocket',
      ].concat([
        'EventSource',
        'BroadcastChannel',
        'MessageChannel',
        'location',
        'close',
        'addEventListener',
        'Response',
        'Request',
        'Blob',
        'URL',
      ]);
      const clean = async (): Promise<number> => {
        const present = page.workers().map((worker) => {
          const found = worker.evaluate((names) => names.filter((name) => name in self), forbidden).catch(() => forbidden);
          return Promise.race([found, new Promise<string[]>((resolve) => setTimeout(resolve, 10_000, forbidden))]);
        });
        return (await Promise.all(present)).filter((names) => names.length === 0).length;
      };
      // a spare that is still starting is looked at again
      await expect.poll(clean, { timeout: START_LIMIT_MS / 2, interval: 1000 }).toBeGreaterThanOrEqual(2);
      // Had a program found a way to ask for a script, it would be refused, and the page told.
      const url = `${outsideUrl}x.js`;
      for (const worker of page.workers()) void worker.evaluate(`import('${url}')`).catch(() => undefined);
      const wanted = { refused: { directive: 'script-src-elem', address: url } };
      await expect.poll(told, { timeout: START_LIMIT_MS / 2, interval: 200 }).toContainEqual(wanted);
      await page.close();
    },
    START_LIMIT_MS,
  );
});
