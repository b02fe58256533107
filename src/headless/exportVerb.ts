// The verb `export`: a run, as a folder that `lab run` wrote or as a bundle, for RL engines elsewhere (src/run/cluster). Needs no GPU. One JSON line on
// stdout says what was written. Refuses runs whose task has no reward, and Python problems without the dataset that they came from.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readBundleModels } from '../formats/bundleModels.ts';
import type { DroppedModel } from '../formats/dropped.ts';
import { readZipRun } from '../formats/zipRecipe.ts';
import { clusterFiles } from '../run/cluster/clusterFiles.ts';
import { makeCorpus } from '../run/corpus.ts';
import { problemsFor } from '../run/datasetCorpus.ts';
import { type Arm, ARMS } from '../run/recipe.ts';
import { writeBundle } from '../share/bundle.ts';
import { readLog } from '../share/logReader.ts';
import { InputError, readOptions, text } from './arguments.ts';
import { fileSource, readDataset, readModelFolder, readText, writeFiles } from './files.ts';
import { print } from './openLab.ts';

export const EXPORT_USAGE = `  export   (RUN_DIR | BUNDLE.zip) --out (DIR | FILE.zip) [--arms ra3,ntp] [--data FILE]
             (for verl, TRL, OpenRLHF, NeMo-RL, SkyRL; --data: the dataset of a run on Python problems)
`;

const isArm = (name: string): name is Arm => ARMS.some((arm) => arm === name);

export async function exportRun(argv: string[]): Promise<number> {
  const { options, rest } = readOptions('export', argv, ['out', 'arms', 'data'], ['json'], 1);
  const [from] = rest;
  if (from === undefined) throw new InputError('Name a run: the folder that "lab run" wrote, or its bundle.zip.');
  if (!existsSync(from)) throw new InputError(`${from} does not exist. Name the folder that "lab run" wrote, or its bundle.zip.`);
  const out = text(options, 'out');
  const { log, arms } = statSync(from).isDirectory() ? await readRunFolder(from) : await readRunBundle(from);
  const { recipe, events } = readLog(log, from);
  const [some] = arms.values();
  if (!some) throw new InputError(`${from} holds no models: a run that was written with --log-only cannot be exported.`);
  const asked = options.arms === undefined ? [...arms.keys()] : text(options, 'arms').split(',');
  const chosen = asked.map((name) => {
    if (isArm(name) && arms.has(name)) return name;
    throw new InputError(`--arms ${name} is no arm of this run; there are ${[...arms.keys()].join(', ')}.`);
  });
  const dataset = options.data === undefined ? null : await readDataset(text(options, 'data'));
  if ('maxTokens' in recipe.task && !dataset)
    throw new InputError(`A ${recipe.task.kind} run needs --data FILE: the dataset that it ran on.`);
  const { tokenizer, config } = some;
  const problems = await problemsFor(recipe, dataset);
  const corpus = makeCorpus(recipe, config.architecture.vocabulary, { tokenizer, dataset, endIds: config.eosIds, problems, judge: null });
  const files = await clusterFiles({ recipe, events, arms, corpus }, chosen);
  if (/\.zip$/i.test(out)) writeFiles(dirname(out), [[basename(out), writeBundle(files)]]);
  else writeFiles(out, Object.entries(files));
  print({ out, arms: chosen, files: Object.keys(files).length, parity: String(files['parity.jsonl']).split('\n').length - 1 });
  return 0;
}

interface RunFiles {
  log: string;
  arms: Map<Arm, DroppedModel>;
}

async function readRunFolder(dir: string): Promise<RunFiles> {
  const log = readText(join(dir, 'log.jsonl'), 'The log');
  const models = join(dir, 'model');
  const arms = new Map<Arm, DroppedModel>();
  for (const name of existsSync(models) ? readdirSync(models) : [])
    if (isArm(name)) arms.set(name, await readModelFolder(join(models, name)));
  return { log, arms };
}

async function readRunBundle(path: string): Promise<RunFiles> {
  const source = fileSource(path);
  const { logText } = await readZipRun(source);
  if (logText === null) throw new InputError(`${path} has no log.jsonl. Export the bundle again.`);
  return { log: logText, arms: (await readBundleModels(source, isArm)) as Map<Arm, DroppedModel> };
}
