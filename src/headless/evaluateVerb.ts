// The verb evaluate: samples of a suite, or its reference solutions, or what a model writes, judged in the browser's Python sandbox by the official
// rules. Result files and sample files are in the official formats; scores are JSON on stdout. Refuses files of another suite than the one asked for.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  canonicalSamples,
  gradeSamples,
  isPlus,
  matchSamples,
  resultFile,
  type Sample,
  sampleRow,
  scores,
  SUITES,
  type Suite,
  writeRow,
} from '../evaluate/suites.ts';
import { type ExactRow, readExactRows } from '../formats/jsonl.ts';
import { sampleProblems } from '../run/sampleProblems.ts';
import { type PythonProblem, readProblemFile } from '../tasks/pythonProblems.ts';
import type { PythonSandbox } from '../verify/python.ts';
import { sanitise } from '../verify/sanitise.ts';
import { InputError, number, type Options, readOptions, text } from './arguments.ts';
import { readAdapterFolder, readModelFolder, writeText } from './files.ts';
import { open, print } from './openLab.ts';
import { openHeadlessSandbox } from './pythonSandbox.ts';

export const EVALUATE_USAGE = `  evaluate --suite ${SUITES.join('|')} --problems FILE --out FILE.jsonl
           (--samples FILE.jsonl [--ignore-incomplete] | --canonical | --model DIR --samples FILE.jsonl [--n 1] [--temperature 0] [--top-p 1]
            [--max-tokens 512] [--seed 0] [--dtype f32|f16] [--adapter DIR])
           [--split train|validation|test|prompt] [--limit N] [--k 1,10,100] [--timeout SECONDS]
           lines of --samples: {"task_id", "completion"} or {"task_id", "solution"}; with --model they are written there
           --timeout: of a program with its tests (3); with the plus suites of one input, at the least (1)
`;

const VALUES = 'suite,problems,samples,out,k,timeout,split,limit,model,n,temperature,top-p,max-tokens,seed,dtype,adapter'.split(',');
/** Of one program: a reference solution of MBPP+ has half a gigabyte of results. The official tools allow four. */
const MEMORY_LIMIT_BYTES = 2 ** 31 - 65_536;
const MBPP_SPLITS: Record<string, [number, number]> = { prompt: [1, 10], test: [11, 510], validation: [511, 600], train: [601, 974] };

export async function evaluate(argv: string[]): Promise<number> {
  const { options } = readOptions('evaluate', argv, VALUES, ['canonical', 'ignore-incomplete', 'json']);
  const suite = suiteOf(options);
  const out = text(options, 'out');
  const ks = ksOf(options);
  const timeout = options.timeout === undefined ? {} : { timeoutMs: 1000 * number(options, 'timeout', { lo: 0.1, hi: 600 }) };
  const given = { model: options.model !== undefined, canonical: options.canonical === true, samples: options.samples !== undefined };
  if (given.canonical ? given.model || given.samples : !given.samples)
    throw new InputError('Give --samples FILE.jsonl, or --canonical, or --model DIR with --samples for what it writes.');
  const sampling = given.model ? samplingOf(options) : null;
  const { problems, md5 } = await readSuite(options, suite);
  const rows = given.samples && !given.model ? await readSampleRows(text(options, 'samples')) : [];
  let samples: Sample[] = given.canonical ? canonicalSamples(suite, problems) : [];
  if (rows.length > 0) samples = matched(suite, problems, rows, options['ignore-incomplete'] === true);
  const completions = sampling ? await writeCompletions(options, suite, problems, sampling) : [];

  const startMs = performance.now();
  const sandbox = await openHeadlessSandbox({ memoryLimitBytes: MEMORY_LIMIT_BYTES });
  try {
    // the sandbox is open before its first interpreter is ready
    await sandbox.run({ source: '', deadlineMs: 60_000 });
    const readyMs = performance.now();
    if (sampling) {
      const written = await completionRows(sandbox, suite, problems, completions);
      writeText(text(options, 'samples'), written.map((row) => `${writeRow(row)}\n`).join(''));
      samples = matched(suite, problems, written, false);
    }
    const gradeStartMs = performance.now();
    const grades = await gradeSamples(sandbox, suite, samples, { ...timeout, onDone: reporter('judged') });
    const gradeMs = performance.now() - gradeStartMs;
    writeText(out, resultFile(suite, samples, grades, ks, { date: dateText(new Date()), md5 }));
    const { passAtK, basePassAtK, basePassed, ...counts } = scores(suite, samples, grades, ks);
    print({
      suite,
      ...counts,
      ...(basePassed !== null && { base_passed: basePassed }),
      pass_at_k: basePassAtK === null ? passAtK : { base: basePassAtK, plus: passAtK },
      time: { start_s: seconds(readyMs - startMs), grade_s: seconds(gradeMs) },
      out,
    });
  } finally {
    await sandbox.close();
  }
  return 0;
}

function suiteOf(options: Options): Suite {
  const name = text(options, 'suite');
  const suite = SUITES.find((each) => each === name);
  if (!suite) throw new InputError(`--suite ${name} is not known; there are ${SUITES.join(', ')}.`);
  return suite;
}

function ksOf(options: Options): number[] {
  const list = String(options.k ?? '1,10,100').split(',');
  const ks = list.map((word) => Number(word));
  if (ks.some((k, i) => !Number.isInteger(k) || k < 1 || list[i]?.trim() === ''))
    throw new InputError(`--k is "${options.k}"; it must be integers from 1, separated by commas.`);
  return [...new Set(ks)].sort((a, b) => a - b);
}

async function readSuite(options: Options, suite: Suite): Promise<{ problems: PythonProblem[]; md5: string }> {
  const path = text(options, 'problems');
  const bytes = readBytes(path, '--problems');
  const set = await readProblemFile(bytes, basename(path));
  if (set.shape !== suite)
    throw new InputError(`${path} holds ${set.name} problems (--suite ${set.shape}), not those of --suite ${suite}. Give the right file.`);
  for (const wrong of set.wrongRows)
    process.stderr.write(`${path}, row ${wrong.row}${wrong.id ? ` (${wrong.id})` : ''}: ${wrong.message}\n`);
  let problems = set.problems;
  if (options.split !== undefined) {
    const split = String(options.split);
    const range = Object.hasOwn(MBPP_SPLITS, split) ? MBPP_SPLITS[split] : undefined;
    if (!range || suite !== 'mbpp')
      throw new InputError(`--split ${split} is not known; MBPP alone has ${Object.keys(MBPP_SPLITS).join(', ')}.`);
    problems = problems.filter(({ id }) => Number(id) >= range[0] && Number(id) <= range[1]);
  }
  if (options.limit !== undefined) problems = problems.slice(0, number(options, 'limit', { lo: 1, hi: 1e6, integer: true }));
  const unpacked = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  return { problems, md5: createHash('md5').update(unpacked).digest('hex') };
}

async function readSampleRows(path: string): Promise<ExactRow[]> {
  const { rows, badRows } = await readExactRows(readBytes(path, '--samples'), basename(path));
  const bad = badRows[0];
  if (bad) throw new InputError(`${path}, line ${bad.line}: ${bad.message}.`);
  return rows;
}

function readBytes(path: string, option: string): Uint8Array {
  if (!existsSync(path)) throw new InputError(`${option} ${path} does not exist.`);
  return new Uint8Array(readFileSync(path));
}

function matched(suite: Suite, problems: PythonProblem[], rows: ExactRow[], ignoreIncomplete: boolean): Sample[] {
  const { samples, unknown } = matchSamples(suite, problems, rows, ignoreIncomplete);
  for (const id of unknown) process.stderr.write(`Samples of ${JSON.stringify(id)} are passed over: it is not among the problems.\n`);
  return samples;
}

interface Sampling {
  n: number;
  temperature: number;
  topP: number;
  maxTokens: number;
  seed: number;
  storage: 'f32' | 'f16';
}

function samplingOf(options: Options): Sampling {
  const n = number(options, 'n', { lo: 1, hi: 1e4, integer: true }, 1);
  const temperature = number(options, 'temperature', { lo: 0, hi: 100 }, 0);
  if (n > 1 && temperature === 0)
    throw new InputError(`--n ${n} at --temperature 0 gives the same completion ${n} times. Give a temperature.`);
  const storage = options.dtype ?? 'f32';
  if (storage !== 'f32' && storage !== 'f16') throw new InputError(`--dtype ${storage} is not known; there are f32, f16.`);
  return {
    n,
    temperature,
    topP: number(options, 'top-p', { lo: 0, hi: 1 }, 1),
    maxTokens: number(options, 'max-tokens', { lo: 1, hi: 1e6, integer: true }, 512),
    seed: number(options, 'seed', { lo: 0, hi: 0xffffffff, integer: true }, 0),
    storage,
  };
}

async function writeCompletions(options: Options, suite: Suite, problems: PythonProblem[], sampling: Sampling): Promise<string[][]> {
  const folder = await readModelFolder(text(options, 'model'));
  const adapter = options.adapter === undefined ? null : await readAdapterFolder(String(options.adapter), folder.config.architecture);
  const gpu = await open();
  const { completions, tooLong } = await sampleProblems(gpu, folder, problems, { ...sampling, adapter }, reporter('written'));
  if (tooLong.length > 0)
    process.stderr.write(
      `${tooLong.length} prompts of ${suite} do not fit the model's context of ${folder.config.architecture.maxPositions} tokens and have empty completions, the first ${tooLong[0]}.\n`,
    );
  return completions;
}

/** Rows of a sample file; EvalPlus's are cleaned up as its generation does. */
async function completionRows(
  sandbox: PythonSandbox,
  suite: Suite,
  problems: PythonProblem[],
  completions: string[][],
): Promise<ExactRow[]> {
  const rows = problems.flatMap((problem, p) =>
    (completions[p] as string[]).map((completion) => ({ problem, row: sampleRow(suite, problem, completion) })),
  );
  if (!isPlus(suite)) return rows.map(({ row }) => row);
  return Promise.all(
    rows.map(async ({ problem, row }) => ({ ...row, solution: await sanitise(sandbox, String(row.solution), problem.entryPoint ?? '') })),
  );
}

/** A line on stderr now and then. */
function reporter(what: string): (done: number, total: number) => void {
  let lastMs = performance.now();
  return (done, total) => {
    if (performance.now() - lastMs < 5000 && done < total) return;
    lastMs = performance.now();
    process.stderr.write(`${done} of ${total} ${what}\n`);
  };
}

const seconds = (ms: number): number => Math.round(ms) / 1000;

/** As EvalPlus writes it: local time, to the minute. */
function dateText(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
