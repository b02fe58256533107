// npm run bench: training steps, matmuls, decoding and loading of this project, beside jax-js, tfjs-webgpu and onnxruntime-web where they do the
// same, in one browser on one adapter. Prints Markdown; keeps every time in bench/results/, cell by cell; --write puts the same report into
// docs/performance.md. Fails when the contenders' losses or products differ: then they did not compute the same thing.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBrowser } from '../scripts/browser.mjs';
import { ROOT } from '../scripts/paths.mjs';
import { ensureInstalled } from '../scripts/prepare.mjs';
import { serve } from '../scripts/serve.mjs';
import { budgetMs, DECODE_BATCHES, expectations, GROWTH, LOAD_DTYPES, matmulCells, SECTIONS, stepCells, stepFlops } from './cells.mjs';
import { report } from './report.mjs';

const USAGE = `npm run bench -- [options]
  --only NAMES    sections, with commas: train, matmul, decode, load (default: all)
  --full          every cell, with larger budgets (default: what ends within minutes on a software adapter)
  --cells N       the first N cells of each section alone, to see whether everything works
  --rounds N      measured rounds per cell (default 5)
  --budget S      seconds that one contender may take for one cell (default: by section)
  --write         put the report into docs/performance.md
  --from FILE     report on a file of bench/results instead of measuring
`;
/** Rounding differs between libraries; more than this is a different computation. */
const LOSS_TOLERANCE = 2e-3;
const PRODUCT_TOLERANCE = 1e-4;

/** @typedef {import('./report.mjs').Results} Results */
/** @typedef {import('./cells.mjs').Section} Section */
/** @typedef {{ sections: Section[], full: boolean, cells: number, rounds: number, budgetMs: number | null }} Settings */

/** @returns {Promise<void>} */
async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: SECTIONS.join(',') },
      full: { type: 'boolean', default: false },
      cells: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '5' },
      budget: { type: 'string' },
      write: { type: 'boolean', default: false },
      from: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const asked = values.only.split(',');
  const unknown = asked.find((name) => !SECTIONS.some((section) => section === name));
  if (unknown !== undefined) throw new Error(`--only names '${unknown}'; the sections are ${SECTIONS.join(', ')}.`);
  const sections = SECTIONS.filter((section) => asked.includes(section));
  if (values.write && sections.length < SECTIONS.length)
    throw new Error('--write needs every section, as docs/performance.md is written anew. Leave --only out.');
  await ensureInstalled();
  /** @type {Results} */
  let results;
  if (values.from) results = JSON.parse(readFileSync(values.from, 'utf8'));
  else {
    results = await measure({
      sections,
      full: values.full,
      cells: wholeNumber('cells', values.cells, 1000),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      budgetMs: values.budget === undefined ? null : 1000 * wholeNumber('budget', values.budget, 86_400),
    });
  }
  const text = report(results);
  process.stdout.write(text);
  if (values.write) writeFileSync(join(ROOT, 'docs', 'performance.md'), text);
  agree(results);
}

/** @param {string} name @param {string} text @param {number} most */
function wholeNumber(name, text, most) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`--${name} is '${text}'; it may be a whole number from 1 to ${most}.`);
  return value;
}

/** @param {Settings} settings @returns {Promise<Results>} */
async function measure(settings) {
  const outDir = mkdtempSync(join(tmpdir(), 'ra3-lab-bench-'));
  await buildPage(outDir);
  const server = await serve({ dir: outDir, port: 0 });
  const browser = await openBrowser();
  const pages = new Pages(browser, `${server.url}bench/page.html`);
  /** @type {Results} */
  const results = {
    date: new Date().toISOString(),
    command: `npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`,
    commit: commit(),
    adapter: browser.adapter,
    browser: `${browser.version} (${browser.source})`,
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
    cores: cpus().length,
    load: { before: loadavg()[0] ?? 0, after: 0 },
    versions: {
      'jax-js': version('@jax-js/jax'),
      'tfjs-webgpu': version('@tensorflow/tfjs-backend-webgpu'),
      'onnxruntime-web': version('onnxruntime-web'),
    },
    rounds: settings.rounds,
    ceiling: null,
    steps: [],
    matmuls: [],
    decode: [],
    loading: [],
  };
  const folder = join(ROOT, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${results.date.replace(/[:.]/g, '-')}.json`);
  const keep = () => {
    results.load.after = loadavg()[0] ?? 0;
    writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  };
  try {
    await measureSections(settings, pages, results, keep);
    process.stderr.write(`Every time is in ${file}\n`);
    return results;
  } finally {
    await browser.close();
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  }
}

/** @param {Settings} settings @param {Pages} pages @param {Results} results @param {() => void} keep */
async function measureSections(settings, pages, results, keep) {
  const { sections, full, cells, rounds } = settings;
  const say = (/** @type {string} */ line) => void process.stderr.write(`${line}\n`);
  /** @param {Section} section @param {Partial<Record<import('./workload.ts').ContenderName, number>>} expectedMs */
  const budget = (section, expectedMs) => ({
    ms: settings.budgetMs ?? budgetMs(section, full),
    rounds,
    leastRounds: Math.min(2, rounds),
    expectedMs,
  });
  if (sections.some((s) => s === 'train' || s === 'matmul')) {
    say('What the adapter does at best');
    results.ceiling = await pages.fresh((page) => page.evaluate(() => window.measureCeiling()));
    keep();
  }
  for (const shape of sections.includes('train') ? stepCells(full).slice(0, cells) : []) {
    say(`Training step, C=${shape.C} L=${shape.L} T=${shape.T} B=${shape.B}`);
    const flops = stepFlops(shape);
    const given = budget('train', expectations(flops, results.steps, GROWTH.train));
    const timings = await pages.fresh((page) => page.evaluate(([s, b]) => window.measureStep(s, b), /** @type {const} */ ([shape, given])));
    results.steps.push({ shape, flops, timings });
    keep();
  }
  for (const { name, ...shape } of sections.includes('matmul') ? matmulCells(full).slice(0, cells) : []) {
    say(`Matmul, ${name}`);
    const flops = 2 * shape.M * shape.N * shape.K;
    const given = budget('matmul', expectations(flops, results.matmuls, GROWTH.matmul));
    const timings = await pages.same((page) =>
      page.evaluate(([s, b]) => window.measureMatmul(s, b), /** @type {const} */ ([shape, given])),
    );
    results.matmuls.push({ name, shape, flops, timings });
    keep();
  }
  if (sections.includes('decode')) {
    say('Decoding');
    const given = budget('decode', {});
    results.decode = await pages.fresh((page) =>
      page.evaluate(([n, b]) => window.measureDecode(n, b), /** @type {const} */ ([DECODE_BATCHES.slice(0, cells), given])),
    );
    keep();
  }
  for (const dtype of sections.includes('load') ? LOAD_DTYPES.slice(0, cells) : []) {
    say(`Loading a folder in ${dtype}`);
    const given = budget('load', {});
    results.loading.push(
      await pages.fresh((page) => page.evaluate(([d, b]) => window.measureLoad(d, b), /** @type {const} */ ([dtype, given]))),
    );
    keep();
  }
}

/** The browser's pages: a fresh one for what is measured by itself, and one that is kept as long as it works. */
class Pages {
  /** @type {import('playwright-core').Page | null} */
  kept = null;

  /** @param {import('../scripts/browser.mjs').OpenBrowser} browser @param {string} url */
  constructor(browser, url) {
    this.browser = browser;
    this.url = url;
  }

  async open() {
    const page = await this.browser.context.newPage();
    // onnxruntime-web compiles WebAssembly, which the project's own pages may not.
    await page.route(this.url, async (route) => {
      const response = await route.fetch();
      const headers = { ...response.headers(), 'content-security-policy': "default-src 'self' 'wasm-unsafe-eval' data: blob:" };
      await route.fulfill({ response, headers });
    });
    page.on('console', (message) => process.stderr.write(`  ${message.text()}\n`));
    page.on('pageerror', (error) => process.stderr.write(`  ${error.message}\n`));
    await page.goto(this.url);
    await page.waitForFunction(() => typeof window.measureMatmul === 'function', undefined, { timeout: 60_000 });
    return page;
  }

  /** @template T @param {(page: import('playwright-core').Page) => Promise<T>} work @returns {Promise<T>} */
  async fresh(work) {
    const page = await this.open();
    try {
      return await work(page);
    } finally {
      await page.close();
    }
  }

  /** @template T @param {(page: import('playwright-core').Page) => Promise<T>} work @returns {Promise<T>} */
  async same(work) {
    this.kept ??= await this.open();
    try {
      return await work(this.kept);
    } catch (error) {
      await this.kept.close();
      this.kept = null;
      throw error;
    }
  }
}

/** @param {string} outDir */
async function buildPage(outDir) {
  const { build } = await import('vite');
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    base: './',
    publicDir: false,
    build: {
      target: 'es2023',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      outDir,
      emptyOutDir: true,
      chunkSizeWarningLimit: 1e5,
      rolldownOptions: { input: 'bench/page.html' },
    },
  });
}

/** @param {string} name */
function version(name) {
  return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** The commit that was measured, with a plus where files differ from it. */
function commit() {
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short=10', 'HEAD') + (git('status', '--porcelain', '--', 'src', 'shaders', 'bench') ? '+' : '');
  } catch {
    return 'unknown';
  }
}

/** @param {Results} results */
function agree({ steps, matmuls }) {
  const faults = [];
  for (const { shape, timings } of steps) {
    const [ours, ...peers] = timings;
    for (const peer of peers) {
      peer.losses.forEach((loss, i) => {
        const own = ours?.losses[i];
        // A contender may take more steps than another.
        if (own !== undefined && !(Math.abs(loss - own) <= LOSS_TOLERANCE))
          faults.push(`C=${shape.C} T=${shape.T} step ${i + 1}: loss ${own} here, ${loss} in ${peer.contender}`);
      });
    }
  }
  for (const { name, timings } of matmuls)
    for (const t of timings)
      if (!(t.largestDifference <= PRODUCT_TOLERANCE)) faults.push(`matmul ${name}: ${t.contender} differs by ${t.largestDifference}`);
  if (faults.length) throw new Error(`The contenders do not compute the same thing; the times do not compare:\n  ${faults.join('\n  ')}`);
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  },
);
