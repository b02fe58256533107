// The command line: `lab VERB ...` in Node on Dawn, the same core as the page. Results are JSON on stdout (one object a line where there are
// many); everything for people, the adapter's name first, goes to stderr.
// Exit codes: 0 done, 1 a failure on the way, 2 bad input (one sentence on stderr).
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { InputError, number, readOptions, text } from './arguments.ts';
import { readDataset, readModelFolder, readText, writeFiles, writeOutput } from './files.ts';
import { EVALUATE_USAGE, evaluate } from './evaluateVerb.ts';
import { EXPORT_USAGE, exportRun } from './exportVerb.ts';
import { GENERATE_USAGE, generate } from './generateVerb.ts';
import { ProgressDisplay } from './progress.ts';
import { open, print } from './openLab.ts';
import { PROFILE_USAGE, profile } from './profileVerb.ts';
import { RESULTS_USAGE, results } from './results/results.ts';
import { score, TRAIN_USAGE, train } from './trainVerb.ts';
import { summaryTable } from './summaryTable.ts';
import { SampleError } from '../evaluate/suites.ts';
import { FormatError } from '../formats/formatError.ts';
import { ModelError } from '../model/modelError.ts';
import { BASE_TRAINING, presetRecipe } from '../run/presets.ts';
import { type BuiltinKind, BUILTIN_KINDS, parseRecipe, type Recipe, RecipeError } from '../run/recipe.ts';
import { Session } from '../run/session.ts';
import { LogError } from '../share/logReader.ts';
import { CodeTaskError } from '../tasks/code.ts';
import { lastingSandbox } from '../verify/lastingSandbox.ts';
import { writeBundle } from '../share/bundle.ts';
import { ROOT } from '../../scripts/paths.mjs';

const USAGE = `Usage: lab VERB [options]
${GENERATE_USAGE}${TRAIN_USAGE}${EVALUATE_USAGE}  run      (RECIPE.json | --default [--task recall-lines] [--preset quick]) --out DIR [--seed S] [--model DIR] [--data FILE] [--log-only]
             (--log-only: recipe.json and log.jsonl without its rollouts; no weights)
${EXPORT_USAGE}${PROFILE_USAGE}  make-default [--only TASK|demo]
${RESULTS_USAGE}All write JSON to stdout; --json is accepted and changes nothing.
`;

/** What the script that starts the command line does for it. */
export interface Host {
  /** Builds the page where it is missing or old: Python is judged in its sandbox. */
  ensurePage(): Promise<void>;
}

const VERBS: Record<string, (argv: string[], host: Host) => Promise<number>> = {
  generate,
  evaluate: async (argv, host) => {
    await host.ensurePage();
    return evaluate(argv);
  },
  score,
  train,
  run,
  export: exportRun,
  profile,
  'make-default': makeDefaultVerb,
  results: (argv) => results(argv),
};
/** Errors that the input is to blame for. */
const INPUT_ERRORS = [InputError, FormatError, ModelError, RecipeError, CodeTaskError, SampleError, LogError];

export async function main(argv: string[], host: Host): Promise<number> {
  const [verb = '', ...rest] = argv;
  if (verb === '' || verb === 'help' || verb === '--help') {
    process.stderr.write(USAGE);
    return verb === '' ? 2 : 0;
  }
  try {
    const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (!run) throw new InputError(`"${verb}" is no verb; there are ${Object.keys(VERBS).join(', ')}.`);
    return await run(rest, host);
  } catch (e) {
    process.stderr.write(`${(e as Error).message.replace(/\s*\n\s*/g, ' ')}\n`);
    return INPUT_ERRORS.some((type) => e instanceof type) ? 2 : 1;
  }
}

function builtinTaskOf(options: { task?: string | boolean }): BuiltinKind {
  const task = BUILTIN_KINDS.find((kind) => kind === (options.task ?? 'recall-lines'));
  if (!task) throw new InputError(`--task ${options.task} is not built in; there are ${BUILTIN_KINDS.join(', ')}.`);
  return task;
}

async function run(argv: string[], host: Host): Promise<number> {
  const { options, rest } = readOptions(
    'run',
    argv,
    ['out', 'seed', 'preset', 'task', 'model', 'data'],
    ['default', 'log-only', 'json'],
    1,
  );
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
  // nothing is opened before the first program is to be judged
  const sandbox = lastingSandbox(async () => {
    await host.ensurePage();
    return (await import('./pythonSandbox.ts')).openHeadlessSandbox();
  });
  const session = new Session(gpu, open, () => sandbox);
  session.give(given);
  const display = new ProgressDisplay(process.stderr);
  const summary = await session
    .run(recipe, readEmbedded, (event) => {
      display.show(event);
      if (event.type !== 'progress' && event.type !== 'traces' && event.type !== 'rollouts' && event.type !== 'end') print(event);
    })
    .finally(() => sandbox.close());
  print({ type: 'summary', ...summary });
  if (options['log-only'])
    writeFiles(
      out,
      session.logFiles((event) => event.type !== 'rollouts'),
    );
  else {
    const files = await session.bundleFiles();
    writeFiles(out, Object.entries(files));
    writeFiles(out, [['bundle.zip', writeBundle(files)]]);
  }
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
  const parts = [...BUILTIN_KINDS, 'demo'] as const;
  const { only } = options;
  if (only !== undefined && !parts.some((p) => p === only))
    throw new InputError(`--only ${only} is not known; there are ${parts.join(', ')}.`);
  const gpu = await open();
  const session = new Session(gpu, open);
  const made = async (recipe: Recipe): Promise<boolean> => {
    const display = new ProgressDisplay(process.stderr);
    const summary = await session.run(recipe, readEmbedded, (event) => {
      display.show(event);
      if (event.type === 'metrics' && event.step === 0) print({ task: recipe.task.kind, ...event.values });
    });
    print({ type: 'summary', ...summary });
    return summary.status === 'finished';
  };
  for (const task of BUILTIN_KINDS) {
    if (only !== undefined && only !== task) continue;
    const preset = presetRecipe(task, 'quick');
    const { seed } = BASE_TRAINING[task];
    if (!(await made({ ...preset, model: 'fresh', seed, arms: ['base'], rlvr: { ...preset.rlvr, steps: 0 } }))) return 1;
    await writeOutput(join(ROOT, 'public', 'default', task), session.exportModel('base'));
  }
  if (only !== undefined && only !== 'demo') return 0;
  if (!(await made(presetRecipe('recall-lines', 'quick')))) return 1;
  writeFiles(join(ROOT, 'public', 'demo'), [
    ['log.jsonl.gz', gzipSync((await session.bundleFiles())['log.jsonl'] as string, { level: 9 })],
  ]);
  return 0;
}
