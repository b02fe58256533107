// Makes node_modules what package-lock.json says, with nothing but Node and npm: every other script calls this first. Quiet: all output goes
// to stderr, and there is none when nothing is missing. Refuses Node older than 20.19.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { CACHE, ROOT } from './paths.mjs';

const NPM_CI = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];

/** Installs what package-lock.json lists if node_modules lacks any of it. Concurrent calls wait for the first. */
export async function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(
      `Node ${process.versions.node} is too old: 20.19 or newer is needed. Install it from https://nodejs.org and run this again.`,
    );
  }
  if (isInstalled()) return;
  await withLock(join(CACHE, 'install.lock'), async () => {
    if (isInstalled()) return;
    process.stderr.write('Installing packages (npm ci) ...\n');
    await runNpm(NPM_CI);
  });
}

/** Whether npm's own record of node_modules holds every package of package-lock.json at its version. */
function isInstalled() {
  const record = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.keys(wanted).every((path) => path === '' || wanted[path].optional || present[path]?.version === wanted[path].version);
}

/** @param {string[]} args */
function runNpm(args) {
  // npm tells scripts where its own entry file is; running that with this Node needs neither a shell nor a PATH.
  const entry = process.env.npm_execpath;
  const [command, head] = entry?.endsWith('.js') ? [process.execPath, [entry]] : ['npm', []];
  const child = spawn(command, [...head, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: command === 'npm' && process.platform === 'win32',
  });
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      child.on('error', (error) =>
        reject(new Error(`npm could not be started (${error.message}). Install Node with npm and run this again.`)),
      );
      child.on('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`npm ci failed with exit code ${code}. Its message is above; check the network and run this again.`));
      });
    })
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensureInstalled();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
