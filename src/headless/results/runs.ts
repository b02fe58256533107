// The runs of studies on disk: which are there, and those that are missing run as child processes, several side by side. A run is kept as long as its
// recipe (its name aside) is what the study says. Refuses nothing: a run that fails is told of and the others go on.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/paths.mjs';
import { parseRecipe, type Recipe } from '../../run/recipe.ts';
import { writeFiles } from '../files.ts';
import { readSeedLog, type SeedLog } from './seedLog.ts';
import { type Study, type Variant, withSeed } from './study.ts';

export interface Run {
  study: Study;
  variant: Variant;
  seed: number;
  recipe: Recipe;
  dir: string;
}

/** Of the first `seeds` seeds; all variants of a seed before the next seed, so that early results are of the whole study. */
export function runsOf(study: Study, out: string, seeds = study.seeds.length): Run[] {
  return study.seeds.slice(0, seeds).flatMap((seed) =>
    study.variants.map((variant) => ({
      study,
      variant,
      seed,
      recipe: withSeed(variant.recipe, seed),
      dir: join(out, study.name, variant.folder, `seed-${seed}`),
    })),
  );
}

export const runName = ({ study, variant, seed }: Run): string => `${study.name}${variant.label ? `, ${variant.label}` : ''}, seed ${seed}`;

/** The finished log of a run, or why there is none; `failed` holds what a run that did not finish said. */
export type Found = { log: SeedLog } | { why: string; failed?: string };

export function findRun({ dir, recipe }: Pick<Run, 'dir' | 'recipe'>): Found {
  const path = join(dir, 'log.jsonl');
  if (!existsSync(path)) return { why: 'it has not been run' };
  let log: SeedLog;
  try {
    log = readSeedLog(readFileSync(path, 'utf8'));
  } catch {
    return { why: 'its log is not that of a run that has ended' };
  }
  if (!sameRecipe(log.start.recipe, recipe)) return { why: 'it was run with another recipe' };
  const { status, error } = log.summary;
  if (status !== 'finished') return { why: `it ${status}`, ...(status === 'failed' ? { failed: error ?? 'without a message' } : {}) };
  return { log };
}

/** Recipes written before a setting was there mean its default. */
function sameRecipe(logged: unknown, wanted: Recipe): boolean {
  try {
    return isDeepStrictEqual({ ...parseRecipe(logged), name: '' }, { ...wanted, name: '' });
  } catch {
    return false;
  }
}

/** Runs a recipe into a folder; its exit code. `say` takes what it reports for people, line by line. */
export type RunChild = (run: Run, say: (line: string) => void) => Promise<number>;

/** `lab run` in a process of its own. */
export const runInChild: RunChild = (run, say) => {
  rmSync(run.dir, { recursive: true, force: true });
  writeFiles(run.dir, [['recipe.json', `${JSON.stringify(run.recipe, null, 2)}\n`]]);
  const lab = join(ROOT, 'scripts', 'lab.mjs');
  const child = spawn(process.execPath, [lab, 'run', join(run.dir, 'recipe.json'), '--out', run.dir, '--log-only'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let rest = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) say(line);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (rest) say(rest);
      resolve(code ?? 1);
    });
  });
};

/** Runs what is missing, `jobs` at a time. Returns how many runs did not finish. */
export async function runMissing(runs: readonly Run[], jobs: number, child: RunChild, write: (line: string) => void): Promise<number> {
  const missing = runs.filter((run) => !('log' in findRun(run)));
  write(`${runs.length} runs, ${runs.length - missing.length} there already, ${missing.length} to do.`);
  let next = 0;
  let failed = 0;
  const worker = async (): Promise<void> => {
    while (next < missing.length) {
      const run = missing[next]!;
      next += 1;
      const name = runName(run);
      write(`${name}: run ${next} of ${missing.length}, into ${run.dir}`);
      const code = await child(run, (line) => write(`${name}: ${line}`));
      if (code === 0) continue;
      failed += 1;
      write(`${name}: it did not finish (code ${code}).`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, missing.length)) }, worker));
  return failed;
}
