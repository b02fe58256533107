// The verb `results`: runs what is missing of the studies in recipes/ and writes docs/results.md with its figures from the logs alone. Refuses studies
// that are not well formed before anything is run. A run that fails is reported and does not keep the others from running.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CACHE, ROOT } from '../../../scripts/paths.mjs';
import { type TheoryReport, theoryReport } from '../../midtrain/theory/instruments.ts';
import { InputError, number, readOptions } from '../arguments.ts';
import { writeFiles } from '../files.ts';
import { resultsReport } from './report.ts';
import { findRun, type RunChild, runInChild, runMissing, runsOf } from './runs.ts';
import type { StudyLogs } from './studyLogs.ts';
import { parseStudy, type Study } from './study.ts';

export const RESULTS_USAGE =
  '  results  [--study NAME,NAME] [--seeds N] [--jobs 1] [--write-only] [--recipes recipes] [--out .cache/results] [--docs docs]\n';

/** Where runs and the theory's numbers come from. */
export interface Sources {
  child: RunChild;
  theory: () => TheoryReport;
}

/** Returns 0, or 1 when a run did not finish; what has finished is written about in either case. */
export async function results(argv: string[], { child, theory }: Sources = { child: runInChild, theory: theoryReport }): Promise<number> {
  const { options } = readOptions('results', argv, ['study', 'seeds', 'jobs', 'recipes', 'out', 'docs'], ['write-only', 'json']);
  const folder = (name: 'recipes' | 'out' | 'docs', fallback: string): string =>
    typeof options[name] === 'string' ? options[name] : fallback;
  const studies = readStudies(folder('recipes', join(ROOT, 'recipes')));
  const chosen = typeof options.study === 'string' ? chooseStudies(options.study, studies) : studies;
  const seeds = number(options, 'seeds', { lo: 1, hi: 100, integer: true }, 100);
  const jobs = number(options, 'jobs', { lo: 1, hi: 64, integer: true }, 1);
  const out = folder('out', join(CACHE, 'results'));
  const docs = folder('docs', join(ROOT, 'docs'));
  let failed = 0;
  if (!options['write-only']) {
    const runs = chosen.flatMap((study) => runsOf(study, out, seeds));
    failed = await runMissing(runs, jobs, child, (line) => process.stderr.write(`${line}\n`));
  }
  writeResults(
    studies.map((study) => readLogs(study, out)),
    docs,
    theory,
  );
  return failed > 0 ? 1 : 0;
}

/** Every *.json of the folder, by name. */
export function readStudies(dir: string): Study[] {
  const names = existsSync(dir)
    ? readdirSync(dir)
        .filter((name) => name.endsWith('.json'))
        .sort()
    : [];
  if (names.length === 0) throw new InputError(`${dir} holds no study. A study is a .json file; see recipes/README.md.`);
  return names.map((name) => parseStudy(name.replace(/\.json$/, ''), join(dir, name), readFileSync(join(dir, name), 'utf8')));
}

function chooseStudies(wanted: string, studies: readonly Study[]): Study[] {
  return wanted.split(',').map((name) => {
    const found = studies.find((study) => study.name === name);
    if (!found) throw new InputError(`--study ${name} is not known; there are ${studies.map((study) => study.name).join(', ')}.`);
    return found;
  });
}

export function readLogs(study: Study, out: string): StudyLogs {
  const runs = runsOf(study, out).map((run) => ({ run, found: findRun(run) }));
  return {
    study,
    variants: study.variants.map((variant) => {
      const own = runs.filter(({ run }) => run.variant === variant);
      return {
        variant,
        logs: own.flatMap(({ found }) => ('log' in found ? [found.log] : [])),
        absent: own.flatMap(({ run, found }) => ('log' in found ? [] : [{ seed: run.seed, why: found.why, failed: found.failed ?? null }])),
      };
    }),
  };
}

/** Writes the report; figures of an earlier one that this has no use for are taken away. */
export function writeResults(studies: readonly StudyLogs[], docs: string, theory: () => TheoryReport): void {
  if (!studies.some(({ variants }) => variants.some(({ logs }) => logs.length > 0)))
    throw new InputError('There is no finished run to write about. Leave out --write-only, or give --out the folder of the runs.');
  const files = resultsReport(studies, theory());
  rmSync(join(docs, 'figures', 'results'), { recursive: true, force: true });
  writeFiles(docs, files);
  process.stderr.write(`Written: ${relative(process.cwd(), join(docs, 'results.md'))} and ${files.size - 1} figures\n`);
}
