#!/usr/bin/env node
// The command line: installs and builds what is missing (said on stderr), then hands over to src/headless/lab.ts. stdout carries only what the
// command itself writes.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { ensureHeadless, ensurePage } from './build.mjs';
import { HEADLESS_DIR } from './paths.mjs';
import { ensureInstalled } from './prepare.mjs';

/** @returns {Promise<number>} */
async function run() {
  await ensureInstalled();
  await ensureHeadless();
  const { main } = await import(pathToFileURL(join(HEADLESS_DIR, 'lab.js')).href);
  return main(process.argv.slice(2), { ensurePage });
}

/** Ends the process once what was written has left it: an open GPU would keep it alive. @param {number} code */
function exitWhenWritten(code) {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

// A reader that has seen enough (such as `head`) closes the pipe: that is no failure.
process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

run().then(exitWhenWritten, (error) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  exitWhenWritten(1);
});
