// npm run bench: a training step and a matmul of this project beside jax-js and tfjs-webgpu, in one page of one browser on one adapter.
// Prints Markdown; keeps every time in bench/results/; --write puts the same report into docs/performance.md. Fails when the contenders'
// losses or products differ: then they did not compute the same thing.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBrowser } from '../scripts/browser.mjs';
import { ROOT } from '../scripts/paths.mjs';
import { ensureInstalled } from '../scripts/prepare.mjs';
import { serve } from '../scripts/serve.mjs';
import { report } from './report.mjs';

const USAGE = `npm run bench -- [options]
  --full          every shape (default: the ones that end within minutes on a software adapter)
  --write         put the report into docs/performance.md
  --rounds N      measured rounds per shape (default 5)
`;
const WARM_UP = 2;
const STEPS = [
  { C: 64, L: 2, T: 64, B: 8 },
  { C: 64, L: 4, T: 128, B: 8 },
  { C: 128, L: 4, T: 128, B: 8 },
  { C: 256, L: 4, T: 128, B: 4 },
];
const MATMULS = [256, 512, 1024];
/** Rounding differs between libraries; more than this is a different computation. */
const LOSS_TOLERANCE = 2e-3;
const PRODUCT_TOLERANCE = 1e-4;

/** @returns {Promise<void>} */
async function main() {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
    throw new Error(`--rounds is '${values.rounds}'; it may be a whole number from 1 to 1000.`);
  await ensureInstalled();
  const results = await measure(values.full ? STEPS : STEPS.slice(0, 3), values.full ? MATMULS : MATMULS.slice(0, 2), rounds);
  const command = `npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`;
  const text = report({ ...results, command });
  const folder = join(ROOT, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${results.date.replace(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify({ ...results, command }, null, 1)}\n`);
  process.stdout.write(text);
  process.stderr.write(`Every time is in ${file}\n`);
  if (values.write) writeFileSync(join(ROOT, 'docs', 'performance.md'), text);
  agree(results);
}

/**
 * @param {import('./workload.ts').StepShape[]} shapes
 * @param {number[]} sizes
 * @param {number} rounds
 */
async function measure(shapes, sizes, rounds) {
  const outDir = mkdtempSync(join(tmpdir(), 'ra3-lab-bench-'));
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
  const server = await serve({ dir: outDir, port: 0 });
  const browser = await openBrowser();
  try {
    /** @template T @param {(page: import('playwright-core').Page) => Promise<T>} work @returns {Promise<T>} */
    const inFreshPage = async (work) => {
      const page = await browser.context.newPage();
      page.on('console', (message) => process.stderr.write(`  ${message.text()}\n`));
      page.on('pageerror', (error) => process.stderr.write(`  ${error.message}\n`));
      await page.goto(`${server.url}bench/page.html`);
      await page.waitForFunction(() => typeof window.measureMatmul === 'function', undefined, { timeout: 60_000 });
      try {
        return await work(page);
      } finally {
        await page.close();
      }
    };
    const loadBefore = loadavg()[0];
    const steps = [];
    for (const shape of shapes) {
      process.stderr.write(`Training step, C=${shape.C} L=${shape.L} T=${shape.T} B=${shape.B}\n`);
      steps.push({
        shape,
        timings: await inFreshPage((page) =>
          page.evaluate(([s, w, r]) => window.measureStep(s, w, r), /** @type {const} */ ([shape, WARM_UP, rounds])),
        ),
      });
    }
    const matmuls = [];
    for (const n of sizes) {
      process.stderr.write(`Matmul, ${n} x ${n} x ${n}\n`);
      matmuls.push({
        n,
        timings: await inFreshPage((page) => page.evaluate(([s, r]) => window.measureMatmul(s, r), /** @type {const} */ ([n, rounds]))),
      });
    }
    return {
      date: new Date().toISOString(),
      adapter: browser.adapter,
      browser: `${browser.version} (${browser.source})`,
      machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${process.platform} ${process.arch}`,
      cores: cpus().length,
      load: { before: loadBefore ?? 0, after: loadavg()[0] ?? 0 },
      versions: { 'jax-js': version('@jax-js/jax'), 'tfjs-webgpu': version('@tensorflow/tfjs-backend-webgpu') },
      warmUp: WARM_UP,
      rounds,
      steps,
      matmuls,
    };
  } finally {
    await browser.close();
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  }
}

/** @param {string} name */
function version(name) {
  return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** @param {Awaited<ReturnType<typeof measure>>} results */
function agree({ steps, matmuls }) {
  const faults = [];
  for (const { shape, timings } of steps) {
    const [ours, ...peers] = timings;
    for (const peer of peers) {
      peer.losses.forEach((loss, i) => {
        const own = ours?.losses[i] ?? Number.NaN;
        if (!(Math.abs(loss - own) <= LOSS_TOLERANCE))
          faults.push(`C=${shape.C} step ${i + 1}: loss ${own} here, ${loss} in ${peer.contender}`);
      });
    }
  }
  for (const { n, timings } of matmuls)
    for (const t of timings)
      if (!(t.largestDifference <= PRODUCT_TOLERANCE)) faults.push(`matmul ${n}: ${t.contender} differs by ${t.largestDifference}`);
  if (faults.length) throw new Error(`The contenders do not compute the same thing; the times do not compare:\n  ${faults.join('\n  ')}`);
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  },
);
