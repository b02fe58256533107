// Finds a Chrome or Chromium that gives pages WebGPU, and starts it headless through playwright-core. Order: CHROME_PATH, installed browsers,
// the Chromium inside the npm package @sparticuz/chromium. A browser that does not start, or has no WebGPU adapter, is passed over; when
// none is left the error names everything that was tried and why it failed.
//
// RA3_BROWSER=npm uses the npm package's Chromium alone, RA3_BROWSER=installed the installed ones alone.
// RA3_ADAPTER=swiftshader makes the browser use its software adapter even where there is a GPU.
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { canUnpack, unpackChromium } from './unpack.mjs';

/**
 * @typedef {{ path: string, source: string, env: Record<string, string> }} Candidate
 * @typedef {{ vendor: string, architecture: string, description: string, software: boolean }} BrowserAdapter
 * @typedef {{ context: import('playwright-core').BrowserContext, path: string, source: string, version: string, adapter: BrowserAdapter, close: () => Promise<void> }} OpenBrowser
 */

const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--disable-background-networking',
  '--disable-component-update',
];
/** Hidden pages run as seen ones do. The driver gives these too. */
const AWAKE_FLAGS = [
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];
const SOFTWARE_FLAG = '--use-webgpu-adapter=swiftshader';
/** Without a language of the system, Chromium reports one that Intl refuses (en-US@posix). */
const LOCALE = 'en-US';
const START_LIMIT_MS = 60_000;
const PROBE_LIMIT_MS = 30_000;

/** The browser runs, but a page in it cannot compute. */
class AdapterError extends Error {
  name = 'AdapterError';
}

/**
 * Opens a browser with WebGPU. `profile` is a folder for a lasting profile; without it the profile is thrown away at the end. `throttled` lets the
 * browser slow hidden tabs down as it does for people.
 * @param {{ profile?: string, args?: string[], viewport?: { width: number, height: number }, throttled?: boolean }} [options]
 * @returns {Promise<OpenBrowser>}
 */
export async function openBrowser(options = {}) {
  /** @type {string[]} */
  const tried = [];
  for await (const candidate of candidates()) {
    // Without the flag Chromium takes a GPU where it finds one; some versions need the flag to fall back on software.
    const attempts = process.env.RA3_ADAPTER === 'swiftshader' ? [[SOFTWARE_FLAG]] : [[], [SOFTWARE_FLAG]];
    for (const flags of attempts) {
      try {
        return await start(candidate, [...flags, ...(options.args ?? [])], options);
      } catch (error) {
        const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
        tried.push(`  ${candidate.path} (${candidate.source}${flags.length ? ', software adapter' : ''}): ${message}`);
        if (!(error instanceof AdapterError)) break;
      }
    }
  }
  if (!canUnpack()) tried.push(`  @sparticuz/chromium: has no browser for ${process.platform} ${process.arch}, or is not installed`);
  throw new Error(
    `No browser with WebGPU was found. Tried:\n${tried.join('\n')}\nInstall Chrome or Chromium, or set CHROME_PATH to the program of one, and run this again.`,
  );
}

/** @returns {AsyncGenerator<Candidate>} */
async function* candidates() {
  const only = process.env.RA3_BROWSER;
  if (only !== undefined && only !== 'npm' && only !== 'installed') {
    throw new Error(`RA3_BROWSER is '${only}'; it may be 'npm' or 'installed', or not set.`);
  }
  if (only !== 'npm') {
    if (process.env.CHROME_PATH) yield { path: process.env.CHROME_PATH, source: 'CHROME_PATH', env: {} };
    const seen = new Set();
    for (const path of installedPaths().filter(isProgram)) {
      const real = realpathSync(path);
      if (!seen.has(real)) yield { path, source: 'installed', env: {} };
      seen.add(real);
    }
  }
  if (only !== 'installed' && canUnpack()) yield { ...(await unpackChromium()), source: 'npm package @sparticuz/chromium' };
}

/** Usual names on PATH, then usual places. */
function installedPaths() {
  const { platform, env } = process;
  const onPath = (env.PATH ?? '').split(delimiter).filter(Boolean);
  if (platform === 'win32') {
    const folders = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter((dir) => dir !== undefined);
    return folders.flatMap((dir) => [
      join(dir, 'Google', 'Chrome', 'Application', 'chrome.exe'),
      join(dir, 'Chromium', 'Application', 'chrome.exe'),
      join(dir, 'Microsoft', 'Edge', 'Application', 'msedge.exe'),
    ]);
  }
  if (platform === 'darwin') {
    return ['/', env.HOME ?? '/'].flatMap((dir) =>
      ['Google Chrome', 'Chromium', 'Google Chrome Canary', 'Microsoft Edge'].map((name) =>
        join(dir, 'Applications', `${name}.app`, 'Contents', 'MacOS', name),
      ),
    );
  }
  const names = ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser', 'chrome', 'microsoft-edge'];
  return [
    ...names.flatMap((name) => onPath.map((dir) => join(dir, name))),
    '/opt/google/chrome/chrome',
    '/snap/bin/chromium',
    '/usr/lib/chromium/chromium',
  ];
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {Candidate} candidate
 * @param {string[]} args
 * @param {{ profile?: string, viewport?: { width: number, height: number }, throttled?: boolean }} options
 * @returns {Promise<OpenBrowser>}
 */
async function start(candidate, args, { profile, viewport, throttled = false }) {
  const { chromium } = await import('playwright-core');
  const launch = {
    executablePath: candidate.path,
    headless: true,
    args: [...FLAGS, ...(throttled ? [] : AWAKE_FLAGS), ...args],
    ...(throttled ? { ignoreDefaultArgs: AWAKE_FLAGS } : {}),
    env: { ...process.env, ...candidate.env },
    timeout: START_LIMIT_MS,
  };
  const browser = profile === undefined ? await chromium.launch(launch) : null;
  const context = browser
    ? await browser.newContext({ viewport, locale: LOCALE })
    : await chromium.launchPersistentContext(/** @type {string} */ (profile), { ...launch, viewport, locale: LOCALE });
  const close = async () => {
    await context.close();
    await browser?.close();
  };
  try {
    const version = (browser ?? context.browser())?.version() ?? 'unknown';
    return { context, path: candidate.path, source: candidate.source, version, adapter: await findAdapter(context), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The adapter that pages get, proved by a compute shader.
 * @param {import('playwright-core').BrowserContext} context
 * @returns {Promise<BrowserAdapter>}
 */
async function findAdapter(context) {
  const page = await context.newPage();
  try {
    // WebGPU needs a secure context; localhost is one. The request is answered here and never leaves the process.
    await page.route('http://localhost/', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>probe</title>' }),
    );
    await page.goto('http://localhost/');
    const found = await Promise.race([
      page.evaluate(probe),
      sleep(PROBE_LIMIT_MS, 'it starts, but WebGPU does not answer', { ref: false }),
    ]);
    if (typeof found === 'string') throw new AdapterError(found);
    return found;
  } finally {
    await page.close();
  }
}

/** Runs in the page. Returns the adapter, or the reason why there is none. */
async function probe() {
  if (!navigator.gpu) return 'it starts, but its pages have no WebGPU (navigator.gpu is missing)';
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) return 'it starts, but gives no WebGPU adapter';
  const device = await adapter.requestDevice();
  const module = device.createShaderModule({
    code: '@group(0) @binding(0) var<storage, read_write> o: array<u32>; @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) g: vec3u) { o[g.x] = g.x * 3u + 1u; }',
  });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const output = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const read = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: output } }] }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(output, 0, read, 0, 16);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const values = [...new Uint32Array(read.getMappedRange())].join();
  device.destroy();
  if (values !== '1,4,7,10') return `its WebGPU adapter computes ${values} where 1,4,7,10 is right`;
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  return { vendor, architecture, description, software: isFallbackAdapter || architecture === 'swiftshader' };
}
