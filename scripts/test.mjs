// npm test: types, lint and format, then every test. The last line says how many passed and failed; the exit code is 0 only when none failed.
// Arguments are handed to vitest (npm test -- test/unit).
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureHeadless, ensurePage } from './build.mjs';
import { ROOT } from './paths.mjs';
import { ensureInstalled } from './prepare.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/** @param {string} title @param {() => Promise<Count>} part @returns {Promise<Count>} */
async function runPart(title, part) {
  process.stdout.write(`\n== ${title}\n`);
  const started = Date.now();
  try {
    const count = await part();
    process.stdout.write(`== ${title}: ${sentence(count)} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
    return count;
  } catch (error) {
    process.stdout.write(`== ${title} failed: ${error instanceof Error ? error.message : error}\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** A program that passes as a whole. @param {string} entry its JavaScript entry under node_modules @param {string[]} args */
async function check(entry, args) {
  const passed = (await runNode(join(ROOT, 'node_modules', entry), args)) === 0;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

/** @returns {Promise<Count>} */
async function runVitest() {
  const dir = mkdtempSync(join(tmpdir(), 'ra3-lab-test-'));
  const report = join(dir, 'report.json');
  try {
    const code = await runNode(join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ]);
    return countReport(JSON.parse(readFileSync(report, 'utf8')), code);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * Counts tests; a file that could not be loaded, and an error outside any test, count as one failure each.
 * @param {{ testResults: { status: string, assertionResults: { status: string }[] }[] }} report
 * @param {number} code
 * @returns {Count}
 */
function countReport(report, code) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    const statuses = file.assertionResults.map((test) => test.status);
    const failed = statuses.filter((status) => status === 'failed').length;
    const passed = statuses.filter((status) => status === 'passed').length;
    count.passed += passed;
    count.failed += failed === 0 && file.status === 'failed' ? 1 : failed;
    count.skipped += statuses.length - passed - failed;
  }
  if (code !== 0 && count.failed === 0) count.failed = 1;
  return count;
}

/** @param {string} entry @param {string[]} args @returns {Promise<number>} */
function runNode(entry, args) {
  const child = spawn(process.execPath, [entry, ...args], { cwd: ROOT, stdio: ['ignore', 1, 2] });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** @param {Count} count */
function sentence({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** @type {Count[]} */
const counts = [];
try {
  await ensureInstalled();
  counts.push(await runPart('types', () => check('typescript/bin/tsc', ['--noEmit'])));
  counts.push(await runPart('lint and format', () => check('@biomejs/biome/bin/biome', ['check', '--diagnostic-level=warn'])));
  counts.push(
    await runPart('build', async () => {
      await ensurePage();
      await ensureHeadless();
      return { passed: 1, failed: 0, skipped: 0 };
    }),
  );
  counts.push(await runPart('tests', runVitest));
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
  counts.push({ passed: 0, failed: 1, skipped: 0 });
}
const total = counts.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }), {
  passed: 0,
  failed: 0,
  skipped: 0,
});
process.stdout.write(`\n${sentence(total)}\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
