// npm start: installs and builds what is missing, then serves the page and opens a browser on it, or, with --headless, runs the embedded
// default in a headless browser to its end.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureHeadless, ensurePage } from './build.mjs';
import { HEADLESS_DIR, PAGE_DIR } from './paths.mjs';
import { ensureInstalled } from './prepare.mjs';
import { serve } from './serve.mjs';

const USAGE = `npm start                      build, serve on localhost and open the page
npm start -- --headless        run the embedded default in a headless browser to its end
  --preset quick|full          size of the headless run (default: quick)
  --task recall-lines|...        
                               built-in task of the headless run (default: recall-lines)
  --out DIR                    where the headless run writes its bundle (default: run-<preset>)
  --port N                     port to serve on (default: 4173, or the next free one)
  --no-open                    do not open a browser
`;

/** @returns {Promise<number | null>} the exit code, or null to keep serving */
async function main() {
  const { values } = parseArgs({
    options: {
      headless: { type: 'boolean', default: false },
      preset: { type: 'string', default: 'quick' },
      task: { type: 'string', default: 'recall-lines' },
      out: { type: 'string' },
      port: { type: 'string', default: '4173' },
      'no-open': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { preset, task } = values;
  const port = Number(values.port);
  if (preset !== 'quick' && preset !== 'full') throw new Error(`--preset is '${preset}'; it may be quick or full.`);
  if (!Number.isInteger(port) || port < 0 || port > 65_000)
    throw new Error(`--port is '${values.port}'; it may be a whole number from 0 to 65000.`);
  await ensureInstalled();
  await ensurePage();
  if (values.headless) {
    await ensureHeadless();
    const { BUILTIN_KINDS, presetRecipe, runHeadless } = await import(pathToFileURL(join(HEADLESS_DIR, 'driver.js')).href);
    if (!BUILTIN_KINDS.includes(task)) throw new Error(`--task is '${task}'; it may be ${BUILTIN_KINDS.join(', ')}.`);
    return runHeadless({ recipe: presetRecipe(task, preset), out: values.out ?? `run-${preset}` });
  }
  const { url } = await serve({ dir: PAGE_DIR, port });
  process.stdout.write(`RA3 Lab is at ${url} (Ctrl+C ends it)\n`);
  if (!values['no-open'] && !process.env.CI) openInBrowser(url);
  return null;
}

/** Asks the desktop to open the address; where there is none, the printed address is enough. @param {string} url */
function openInBrowser(url) {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', url]]
        : ['xdg-open', [url]];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

main().then(
  (code) => {
    if (code !== null) process.exit(code);
  },
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  },
);
