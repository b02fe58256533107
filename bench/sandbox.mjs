// node bench/sandbox.mjs: how fast the Python sandbox is, in a headless browser: from nothing to the first answer, small programs by the second, each in a
// fresh interpreter, programs that end their interpreter, and HumanEval's own solutions where ../shared/data holds them. Prints Markdown.
// Fails when an outcome is not the right one.
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ensureHeadless, ensurePage } from '../scripts/build.mjs';
import { HEADLESS_DIR, ROOT } from '../scripts/paths.mjs';
import { ensureInstalled } from '../scripts/prepare.mjs';

const HUMAN_EVAL = join(ROOT, '..', 'shared', 'data', 'HumanEval.jsonl.gz');
const DEADLINE_MS = 60_000;

/** @typedef {import('../src/verify/python.ts').PythonJob} PythonJob */
/** @typedef {import('../src/verify/python.ts').PythonOutcome} PythonOutcome */

await ensureInstalled();
await ensurePage();
await ensureHeadless();
/** @type {typeof import('../src/headless/pythonSandbox.ts')} */
const { openHeadlessSandbox } = await import(pathToFileURL(join(HEADLESS_DIR, 'pythonSandbox.js')).href);

const load = loadavg()[0] ?? 0;
/** @type {string[][]} */
const rows = [];
/** @param {string} what @param {number} ms @param {number} [count] */
const row = (what, ms, count) => rows.push([what, `${ms.toFixed(0)} ms`, count ? `${((1000 * count) / ms).toFixed(0)} per second` : '']);
const since = (/** @type {number} */ beganMs) => performance.now() - beganMs;

let beganMs = performance.now();
const sandbox = await openHeadlessSandbox();
row('browser and page', since(beganMs));
try {
  beganMs = performance.now();
  expectEnd(await sandbox.run({ source: '', deadlineMs: DEADLINE_MS }), 'finished');
  row('Python from nothing to the first answer', since(beganMs));
  await all('one after the other', 100, true, trivial, 'finished');
  await all('all at once', 2000, false, trivial, 'finished');
  await all(
    'all at once, each ending its interpreter',
    40,
    false,
    () => ({ source: 'import os\nos._exit(0)', deadlineMs: DEADLINE_MS }),
    'killed',
  );
  if (existsSync(HUMAN_EVAL)) {
    const lines = gunzipSync(readFileSync(HUMAN_EVAL)).toString().trim().split('\n');
    const problems = lines.map((line) => JSON.parse(line));
    /** @param {number} i */
    const program = (i) => {
      const { prompt, canonical_solution, test, entry_point } = problems[i];
      return { source: `${prompt}${canonical_solution}\n${test}\ncheck(${entry_point})\n`, deadlineMs: DEADLINE_MS };
    };
    await all("HumanEval's own solutions with their tests", problems.length, false, program, 'finished');
  }
} finally {
  await sandbox.close();
}
process.stdout.write(
  `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}; load average ${load.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after\n\n` +
    `| what | time | |\n| --- | ---: | ---: |\n${rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}`,
);

/** @param {number} i @returns {PythonJob} */
function trivial(i) {
  return { source: `def f(x):\n    return x * ${i}\n`, calls: ['f(3)'], deadlineMs: DEADLINE_MS };
}

/** @param {string} what @param {number} count @param {boolean} inTurn @param {(i: number) => PythonJob} job @param {PythonOutcome['end']} end */
async function all(what, count, inTurn, job, end) {
  const from = performance.now();
  const running = [];
  for (let i = 0; i < count; i++) {
    const outcome = sandbox.run(job(i)).then((o) => expectEnd(o, end));
    running.push(outcome);
    if (inTurn) await outcome;
  }
  await Promise.all(running);
  row(`${count} programs, ${what}`, since(from), count);
}

/** @param {PythonOutcome} outcome @param {PythonOutcome['end']} end */
function expectEnd(outcome, end) {
  if (outcome.end !== end) throw new Error(`A program ${outcome.end} (${outcome.message}) that had to be ${end}; the times mean nothing.`);
}
