// The command line: `lab VERB ...` in Node on Dawn, the same core as the page. Results are JSON on stdout (one object a line where there are
// many); everything for people, the adapter's name first, goes to stderr.
// Exit codes: 0 done, 1 a failure on the way, 2 bad input (one sentence on stderr).
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { openNodeGpu } from './adapter.ts';
import { InputError, number, readOptions, text, tokenIds } from './arguments.ts';
import { readDataset, readIdLines, readModelFolder, readText, writeFiles } from './files.ts';
import { makeDefault } from './makeDefault.ts';
import { ProgressDisplay } from './progress.ts';
import { results } from './results.ts';
import { summaryTable } from './summaryTable.ts';
import { FormatError } from '../formats/formatError.ts';
import { writeHfFolder } from '../formats/hfFolder.ts';
import { tuneMatmul } from '../engine/matmul.ts';
import { type GpuContext, openGpu } from '../gpu/context.ts';
import { type AdamWSettings, BatchRows, Optimizer, makeScorePlan, makeTrainPlan } from '../model/batch.ts';
import { ModelError } from '../model/llama.ts';
import { generateText } from '../run/generateText.ts';
import { presetRecipe } from '../run/presets.ts';
import { parseRecipe, RecipeError } from '../run/recipe.ts';
import { loadFolder, Session } from '../run/session.ts';
import { CodeTaskError } from '../tasks/code.ts';
import { makeRng } from '../tasks/rng.ts';
import { writeBundle } from '../share/bundle.ts';
import { ROOT } from '../../scripts/paths.mjs';

const USAGE = `Usage: lab VERB [options]
  generate --model DIR (--prompt TEXT | --prompt-ids '[1]') --max-tokens N [--temperature 0] [--top-k 0] [--top-p 1] [--seed 0]
  score    --model DIR --ids FILE.jsonl
  train    --model DIR --ids FILE.jsonl --steps N --batch B --lr LR [--betas .9,.999] [--eps 1e-8] [--weight-decay 0] [--clip 1]
           [--no-shuffle] [--schedule constant] [--seed 0] --out DIR
  run      (RECIPE.json | --default [--task recall-lines] [--preset quick]) --out DIR [--seed S] [--model DIR] [--data FILE]
  make-default [--only recall-lines|pointer-lines|demo]
  results  [--task recall-lines] [--preset full] [--seeds 5] [--out .cache/results] [--docs docs] [--write-only]
All write JSON to stdout; --json is accepted and changes nothing.
`;

const VERBS: Record<string, (argv: string[]) => Promise<number>> = {
  generate,
  score,
  train,
  run,
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

const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

async function open(): Promise<GpuContext> {
  const { adapter, describe } = await openNodeGpu();
  process.stderr.write(`Adapter: ${describe}\n`);
  const gpu = await openGpu(adapter);
  await tuneMatmul(gpu);
  return gpu;
}

async function generate(argv: string[]): Promise<number> {
  const { options } = readOptions(
    'generate',
    argv,
    ['model', 'prompt', 'prompt-ids', 'max-tokens', 'temperature', 'top-k', 'top-p', 'seed'],
    ['json'],
  );
  const dir = text(options, 'model');
  const request = {
    maxTokens: number(options, 'max-tokens', { lo: 1, hi: 1e6, integer: true }),
    temperature: number(options, 'temperature', { lo: 0, hi: 100 }, 0),
    topK: number(options, 'top-k', { lo: 0, hi: 1e7, integer: true }, 0),
    topP: number(options, 'top-p', { lo: 0, hi: 1 }, 1),
    seed: number(options, 'seed', { lo: 0, hi: 0xffffffff, integer: true }, 0),
  };
  if ((options.prompt === undefined) === (options['prompt-ids'] === undefined))
    throw new InputError('Give either --prompt TEXT or --prompt-ids ARRAY.');
  const folder = await readModelFolder(dir);
  let prompt: { text: string } | { ids: number[] };
  if (options.prompt !== undefined) prompt = { text: String(options.prompt) };
  else {
    let ids: unknown;
    try {
      ids = JSON.parse(String(options['prompt-ids']));
    } catch {
      throw new InputError(`--prompt-ids is not JSON: ${String(options['prompt-ids']).slice(0, 60)}`);
    }
    prompt = { ids: tokenIds(ids, '--prompt-ids', folder.config.architecture.vocabulary) };
  }
  print(await generateText(await open(), folder, { prompt, ...request }));
  return 0;
}

/** Rows of a batch that are processed at once on any adapter. */
const SCORE_ROWS = 4096;

async function score(argv: string[]): Promise<number> {
  const { options } = readOptions('score', argv, ['model', 'ids'], ['json']);
  const folder = await readModelFolder(text(options, 'model'));
  const lines = readIdLines(text(options, 'ids'), folder.config.architecture.vocabulary, folder.config.architecture.maxPositions);
  const gpu = await open();
  const model = await loadFolder(gpu, folder);
  const T = Math.max(...lines.map((l) => l.length));
  const B = Math.max(1, Math.min(lines.length, Math.floor(SCORE_ROWS / T)));
  const plan = await makeScorePlan(model, { B, T, W: 0, pinned: false });
  const rows = new BatchRows(B, T);
  for (let first = 0; first < lines.length; first += B) {
    const chunk = lines.slice(first, first + B);
    rows.clear();
    chunk.forEach((ids, b) => rows.setNextToken(b, ids));
    plan.write(rows);
    plan.plan.run();
    const { logprob } = await plan.readRows();
    chunk.forEach((ids, b) => print({ logprobs: [...logprob.subarray(b * T, b * T + ids.length - 1)] }));
  }
  return 0;
}

async function train(argv: string[]): Promise<number> {
  const names = ['model', 'ids', 'steps', 'batch', 'lr', 'betas', 'eps', 'weight-decay', 'clip', 'schedule', 'seed', 'out'];
  const { options } = readOptions('train', argv, names, ['no-shuffle', 'json']);
  const out = text(options, 'out');
  const steps = number(options, 'steps', { lo: 1, hi: 1e7, integer: true });
  const batch = number(options, 'batch', { lo: 1, hi: 65_536, integer: true });
  const settings: AdamWSettings = {
    lr: number(options, 'lr', { lo: 0, hi: 100 }),
    ...betas(options.betas),
    eps: number(options, 'eps', { lo: 0, hi: 1 }, 1e-8),
    weightDecay: number(options, 'weight-decay', { lo: 0, hi: 100 }, 0),
    clip: number(options, 'clip', { lo: 0, hi: 1e9 }, 1),
  };
  if (options.schedule !== undefined && options.schedule !== 'constant')
    throw new InputError(`--schedule ${options.schedule} is not known; there is "constant".`);
  const seed = number(options, 'seed', { lo: 0, hi: 0xffffffff, integer: true }, 0);
  const folder = await readModelFolder(text(options, 'model'));
  const lines = readIdLines(text(options, 'ids'), folder.config.architecture.vocabulary, folder.config.architecture.maxPositions);
  const usable = lines.filter((l) => l.length > 1);
  if (usable.length === 0) throw new InputError('No line of --ids has two tokens, so there is nothing to predict.');
  const gpu = await open();
  const model = await loadFolder(gpu, folder);
  const optimizer = new Optimizer(model);
  const T = Math.max(...lines.map((l) => l.length));
  const plan = await makeTrainPlan(model, optimizer, { B: batch, T, W: 0, pinned: false });
  const rows = new BatchRows(batch, T);
  const next = options['no-shuffle'] ? roundAndRound(lines) : shuffled(lines, seed);
  for (let step = 1; step <= steps; step++) {
    const t0 = performance.now();
    rows.clear();
    for (let b = 0; b < batch; b++) rows.setNextToken(b, next());
    const tokens = rows.normaliseWeights();
    plan.write(rows);
    optimizer.step(plan, settings);
    const [report] = await optimizer.reports();
    print({ step, loss: report?.loss, gradNorm: report?.gradNorm, tokPerS: tokens / ((performance.now() - t0) / 1000) });
    if (!Number.isFinite(report?.loss)) throw new Error(`The loss is ${report?.loss} at step ${step}; nothing was written. Lower --lr.`);
  }
  writeFiles(out, writeHfFolder({ config: folder.config, tensors: await model.read(), tokenizerFiles: folder.tokenizerFiles }));
  return 0;
}

function betas(value: string | boolean | undefined): { beta1: number; beta2: number } {
  const [beta1, beta2, ...more] = value === undefined ? [0.9, 0.999] : String(value).split(',').map(Number);
  const bad = (b: number | undefined): boolean => b === undefined || !(b >= 0 && b < 1);
  if (bad(beta1) || bad(beta2) || more.length)
    throw new InputError(`--betas is "${value}"; it must be two numbers from 0 to below 1, such as .9,.999.`);
  return { beta1: beta1 as number, beta2: beta2 as number };
}

function roundAndRound(lines: readonly number[][]): () => number[] {
  let at = 0;
  return () => lines[at++ % lines.length] as number[];
}

/** Every line once per epoch, in a new order each time. */
function shuffled(lines: readonly number[][], seed: number): () => number[] {
  const rng = makeRng(seed, 1);
  let order: number[] = [];
  return () => {
    if (order.length === 0) {
      order = lines.map((_, i) => i);
      for (let i = order.length - 1; i > 0; i--) {
        const j = rng.int(i + 1);
        [order[i], order[j]] = [order[j] as number, order[i] as number];
      }
    }
    return lines[order.pop() as number] as number[];
  };
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
  const session = new Session(gpu);
  session.give(given);
  const display = new ProgressDisplay(process.stderr);
  const summary = await session.run(recipe, readEmbedded, (event) => {
    display.show(event);
    if (event.type !== 'progress' && event.type !== 'traces' && event.type !== 'rollouts' && event.type !== 'end') print(event);
  });
  print({ type: 'summary', ...summary });
  const files = session.bundleFiles();
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
    writeFiles(join(ROOT, 'public', 'default', task), await makeDefault(gpu, task, (line) => print({ task, ...line })));
  }
  if (only !== undefined && only !== 'demo') return 0;
  const session = new Session(gpu);
  const display = new ProgressDisplay(process.stderr);
  const summary = await session.run(presetRecipe('recall-lines', 'quick'), readEmbedded, (event) => display.show(event));
  print({ type: 'summary', ...summary });
  if (summary.status !== 'finished') return 1;
  writeFiles(join(ROOT, 'public', 'demo'), [['log.jsonl.gz', gzipSync(session.bundleFiles()['log.jsonl'] as string, { level: 9 })]]);
  return 0;
}
