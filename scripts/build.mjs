// Builds the page (dist/page) and the command line (dist/headless) when their sources have changed: each result carries the hash of what it
// was built from. A build is made beside the old one and put in place by renaming. Writes to stderr only.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { CACHE, HEADLESS_DIR, PAGE_DIR, ROOT } from './paths.mjs';
import { ensureInstalled } from './prepare.mjs';

const SHARED_SOURCES = ['src', 'shaders', 'scripts', 'package-lock.json'];

/** Makes sure that dist/page is the page of the present sources. */
export async function ensurePage() {
  await ensureBuilt('page', PAGE_DIR, [...SHARED_SOURCES, 'public', 'index.html', 'headless.html', 'vite.config.ts'], async (outDir) => {
    const { build } = await import('vite');
    await build({ root: ROOT, configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn', build: { outDir, emptyOutDir: true } });
  });
}

/** Makes sure that dist/headless is the command line of the present sources. */
export async function ensureHeadless() {
  await ensureBuilt('headless', HEADLESS_DIR, SHARED_SOURCES, async (outDir) => {
    const { build } = await import('vite');
    await build({
      root: ROOT,
      configFile: false,
      logLevel: 'warn',
      publicDir: false,
      // One flat folder of plain modules; only the native addon stays in node_modules. dist/headless lies as deep as src/headless, so paths
      // relative to a module's own address mean the same in both.
      ssr: { noExternal: true, external: ['webgpu', 'playwright-core'] },
      build: {
        ssr: true,
        outDir,
        emptyOutDir: true,
        target: 'node20',
        minify: false,
        rolldownOptions: {
          checks: { bundlerTimings: false },
          input: Object.fromEntries(
            ['lab', 'driver', 'textThread', 'pythonSandbox'].map((name) => [name, join(ROOT, 'src', 'headless', `${name}.ts`)]),
          ),
          output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
        },
      },
    });
  });
}

/**
 * @param {string} name
 * @param {string} dir
 * @param {string[]} sources
 * @param {(outDir: string) => Promise<void>} make
 */
async function ensureBuilt(name, dir, sources, make) {
  const hash = hashSources(sources);
  const stamp = join(dir, '.built-from');
  const isCurrent = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
  if (isCurrent()) return;
  await withLock(join(CACHE, `build-${name}.lock`), async () => {
    if (isCurrent()) return;
    process.stderr.write(`Building ${name === 'page' ? 'the page' : 'the command line'} ...\n`);
    const part = join(dirname(dir), `.${name}.part`);
    // Libraries are built for use whatever the caller (a test, say) is run as.
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    try {
      await make(part);
    } finally {
      if (before === undefined) delete process.env.NODE_ENV;
      else process.env.NODE_ENV = before;
    }
    writeFileSync(join(part, '.built-from'), hash);
    rmSync(dir, { recursive: true, force: true });
    renameSync(part, dir);
  });
}

/** @param {string[]} sources files and folders relative to the root */
function hashSources(sources) {
  const hash = createHash('sha256').update(process.versions.node);
  /** @param {string} path */
  const add = (path) => {
    const absolute = join(ROOT, path);
    if (!existsSync(absolute)) return;
    if (!statSync(absolute).isDirectory()) hash.update(`${path}\0`).update(readFileSync(absolute)).update('\0');
    else for (const name of readdirSync(absolute).sort()) add(`${path}/${name}`);
  };
  for (const source of sources) add(source);
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureInstalled();
  await ensurePage();
  await ensureHeadless();
}
