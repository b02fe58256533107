// The verb `results`: runs a preset on several seeds into folders of their own, leaving out those that are there already, and writes
// docs/results.md with its figures from the logs alone. Refuses to write from runs that were made with other recipes than the present ones.
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { join, relative } from 'node:path';
import { CACHE, ROOT } from '../../scripts/paths.mjs';
import { presetRecipe } from '../run/presets.ts';
import { InputError, number, readOptions } from './arguments.ts';
import { writeFiles } from './files.ts';
import { type ResultsGroup, type SeedLog, readSeedLog, resultsReport } from './resultsReport.ts';

/** In the order of the report. */
const TASKS = ['recall-lines', 'pointer-lines'] as const;
const PRESETS = ['full', 'quick'] as const;
type Task = (typeof TASKS)[number];
type Preset = (typeof PRESETS)[number];

/** `run` is the verb of that name, given its arguments. Returns the exit code: that of the first run that did not finish, or 0. */
export async function results(argv: string[], run: (argv: string[]) => Promise<number>): Promise<number> {
  const { options } = readOptions('results', argv, ['task', 'preset', 'seeds', 'out', 'docs'], ['write-only', 'json']);
  const task = oneOf('task', options.task ?? 'recall-lines', TASKS);
  const preset = oneOf('preset', options.preset ?? 'full', PRESETS);
  const seeds = number(options, 'seeds', { lo: 1, hi: 100, integer: true }, 5);
  const out = typeof options.out === 'string' ? options.out : join(CACHE, 'results');
  const docs = typeof options.docs === 'string' ? options.docs : join(ROOT, 'docs');
  if (!options['write-only']) {
    for (let seed = 1; seed <= seeds; seed++) {
      const dir = join(out, `${task}-${preset}`, `seed-${seed}`);
      if ('log' in readSeed(dir, task, preset, seed)) {
        process.stderr.write(`Seed ${seed} is there already: ${dir}\n`);
        continue;
      }
      process.stderr.write(`Seed ${seed} of ${seeds}: ${dir}\n`);
      const code = await run(['--default', '--task', task, '--preset', preset, '--seed', String(seed), '--out', dir]);
      if (code !== 0) return code;
    }
  }
  writeResults(readGroups(out), docs);
  return 0;
}

function oneOf<T extends string>(name: string, value: string | boolean, known: readonly T[]): T {
  const found = known.find((k) => k === value);
  if (!found) throw new InputError(`--${name} ${value} is not known; there are ${known.join(' and ')}.`);
  return found;
}

/** The finished log of a seed's folder, or why there is none. */
export function readSeed(dir: string, task: Task, preset: Preset, seed: number): { log: SeedLog } | { why: string } {
  const path = join(dir, 'log.jsonl');
  if (!existsSync(path)) return { why: 'it has no log.jsonl' };
  let log: SeedLog;
  try {
    log = readSeedLog(readFileSync(path, 'utf8'));
  } catch {
    return { why: 'its log is not that of a run that has ended' };
  }
  if (log.summary.status !== 'finished') return { why: `it ${log.summary.status}` };
  if (!isDeepStrictEqual(log.start.recipe, { ...presetRecipe(task, preset), seed })) return { why: 'it was run with another recipe' };
  return { log };
}

/** Every task and preset that has a finished run of its present recipe below `out`. */
export function readGroups(out: string): ResultsGroup[] {
  return TASKS.flatMap((task) =>
    PRESETS.flatMap((preset) => {
      const dir = join(out, `${task}-${preset}`);
      const logs: SeedLog[] = [];
      const passedOver: string[] = [];
      for (const seed of seedsIn(dir)) {
        const read = readSeed(join(dir, `seed-${seed}`), task, preset, seed);
        if ('log' in read) logs.push(read.log);
        else passedOver.push(`Seed ${seed} is not among these: ${read.why}.`);
      }
      return logs.length > 0 ? [{ task, preset, logs, passedOver }] : [];
    }),
  );
}

function seedsIn(dir: string): number[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .flatMap((name) => /^seed-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Writes the report; figures of an earlier one that this has no use for are taken away. */
export function writeResults(groups: readonly ResultsGroup[], docs: string): void {
  if (groups.length === 0)
    throw new InputError('There is no finished run to write about. Leave out --write-only, or give --out the folder of the runs.');
  const files = resultsReport(groups);
  const figures = join(docs, 'figures');
  if (existsSync(figures)) {
    for (const name of readdirSync(figures))
      if (/^(recall|pointer)-lines-(quick|full)-\w+\.svg$/.test(name) && !files.has(`figures/${name}`)) rmSync(join(figures, name));
  }
  writeFiles(docs, files);
  process.stderr.write(`Written: ${relative(process.cwd(), join(docs, 'results.md'))} and ${files.size - 1} figures\n`);
}
