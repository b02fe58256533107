// The command line: `lab VERB ...` in Node on Dawn, the same core as the page. Results are JSON on stdout (one object a line where there are
// many); everything for people, the adapter's name first, goes to stderr.
// Exit codes: 0 done, 1 a failure on the way, 2 bad input (one sentence on stderr).
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { InputError, number, readOptions, text } from './arguments.ts';
import { readDataset, readModelFolder, readText, writeFiles, writeOutput } from './files.ts';
import { GENERATE_USAGE, generate } from './generateVerb.ts';
import { makeDefault } from './makeDefault.ts';
import { ProgressDisplay } from './progress.ts';
import { open, print } from './openLab.ts';
import { PROFILE_USAGE, profile } from './profileVerb.ts';
import { results } from './results.ts';
import { score, TRAIN_USAGE, train } from './trainVerb.ts';
import { summaryTable } from './summaryTable.ts';
import { FormatError } from '../formats/formatError.ts';
import { ModelError } from '../model/modelError.ts';
import { presetRecipe } from '../run/presets.ts';
import { parseRecipe, RecipeError } from '../run/recipe.ts';
import { Session } from '../run/session.ts';
import { CodeTaskError } from '../tasks/code.ts';
import { writeBundle } from '../share/bundle.ts';
import { ROOT } from '../../scripts/paths.mjs';

const USAGE = `Usage: lab VERB [options]
${GENERATE_USAGE}${TRAIN_USAGE}  run      (RECIPE.json | --default [--task recall-lines] [--preset quick]) --out DIR [--seed S] [--model DIR] [--data FILE]
${PROFILE_USAGE}  make-default [--only recall-lines|pointer-lines|demo]
  results  [--task recall-lines] [--preset full] [--seeds 5] [--out .cache/results] [--docs docs] [--write-only]
All write JSON to stdout; --json is accepted and changes nothing.
`;

const VERBS: Record<string, (argv: string[]) => Promise<number>> = {
  generate,
  score,
  train,
  run,
  profile,
  'make-default': makeDefaultVerb,
  results: (argv) => results(argv, run),
};
/** Errors that the input is to blame for. */
const INPUT_ERRORS = [InputError, FormatError, ModelError, RecipeError, CodeTaskError];

export async function main(argv: string[]): Promise<number> {
  const [verb = '', ...rest] = argv;
  if (verb === '' || verb === 'help' || verb === '--help') {
    process.stderr.write(USAGE);
    return verb === '' ? 2 : 0;
  }
  try {
    const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (!run) throw new InputError(`"${verb}" is no verb; there are ${Object.keys(VERBS).join(', ')}.`);
    return await run(rest);
  } catch (e) {
    process.stderr.write(`${(e as Error).message.replace(/\s*\n\s*/g, ' ')}\n`);
    return INPUT_ERRORS.some((type) => e instanceof type) ? 2 : 1;
  }
}

function builtinTaskOf(options: { task?: string | boolean }): 'recall-lines' | 'pointer-lines' {
  const task = options.task ?? 'recall-lines';
  if (task !== 'recall-lines' && task !== 'pointer-lines')
    throw new InputError(`--task ${task} is not built in; there are recall-lines and pointer-lines.`);
  return task;
}

async function run(argv: string[]): Promise<number> {
  const { options, rest } = readOptions('run', argv, ['out', 'seed', 'preset', 'task', 'model', 'data'], ['default', 'json'], 1);
  if ((rest.length === 1) === (options.default === true)) throw new InputError('Give either a RECIPE.json or --default.');
  const out = text(options, 'out');
  const preset = options.preset ?? 'quick';
  if (preset !== 'quick' && preset !== 'full') throw new InputError(`--preset ${preset} is not known; there are quick and full.`);
  let value: unknown;
  if (rest[0] !== undefined) {
    try {
      value = JSON.parse(readText(rest[0], 'The recipe'));
    } catch (e) {
      throw e instanceof InputError ? e : new InputError(`${rest[0]} is not JSON.`);
    }
  } else value = presetRecipe(builtinTaskOf(options), preset);
  let recipe = parseRecipe(value);
  if (options.seed !== undefined) recipe = { ...recipe, seed: number(options, 'seed', { lo: 0, hi: 0xffffffff, integer: true }) };
  const given = {
    model: options.model === undefined ? null : await readModelFolder(text(options, 'model')),
    dataset: options.data === undefined ? null : await readDataset(text(options, 'data')),
  };
  const gpu = await open();
  const session = new Session(gpu, open);
  session.give(given);
  const display = new ProgressDisplay(process.stderr);
  const summary = await session.run(recipe, readEmbedded, (event) => {
    display.show(event);
    if (event.type !== 'progress' && event.type !== 'traces' && event.type !== 'rollouts' && event.type !== 'end') print(event);
  });
  print({ type: 'summary', ...summary });
  const files = await session.bundleFiles();
  writeFiles(out, Object.entries(files));
  writeFiles(out, [['bundle.zip', writeBundle(files)]]);
  process.stderr.write(`${summaryTable(summary)}\n`);
  return summary.status === 'finished' ? 0 : 1;
}

async function readEmbedded(task: string): Promise<{ config: string; weights: Uint8Array }> {
  const dir = join(ROOT, 'public', 'default', task);
  return {
    config: readText(join(dir, 'config.json'), 'The embedded model'),
    weights: new Uint8Array(readFileSync(join(dir, 'model.safetensors'))),
  };
}

/** Makes everything that is shipped in public/: the base models, then the recorded run of the embedded default. */
async function makeDefaultVerb(argv: string[]): Promise<number> {
  const { options } = readOptions('make-default', argv, ['only'], ['json']);
  const parts = ['recall-lines', 'pointer-lines', 'demo'] as const;
  const { only } = options;
  if (only !== undefined && !parts.some((p) => p === only))
    throw new InputError(`--only ${only} is not known; there are ${parts.join(', ')}.`);
  const gpu = await open();
  for (const task of ['recall-lines', 'pointer-lines'] as const) {
    if (only !== undefined && only !== task) continue;
    await writeOutput(join(ROOT, 'public', 'default', task), await makeDefault(gpu, task, (line) => print({ task, ...line })));
  }
  if (only !== undefined && only !== 'demo') return 0;
  const session = new Session(gpu, open);
  const display = new ProgressDisplay(process.stderr);
  const summary = await session.run(presetRecipe('recall-lines', 'quick'), readEmbedded, (event) => display.show(event));
  print({ type: 'summary', ...summary });
  if (summary.status !== 'finished') return 1;
  writeFiles(join(ROOT, 'public', 'demo'), [
    ['log.jsonl.gz', gzipSync((await session.bundleFiles())['log.jsonl'] as string, { level: 9 })],
  ]);
  return 0;
}
