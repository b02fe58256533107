// The verbs that read token sequences: score (log-probabilities) and train (in full or by adapters). One {"ids": [...]} a line in, JSON lines out.
// Refuses sequences longer than the model's context, settings out of range, and a loss that is no number: then nothing is written.
import { InputError, number, readOptions, text } from './arguments.ts';
import { readAdapterFolder, readIdLines, readModelFolder, writeFiles, writeOutput } from './files.ts';
import { open, print } from './openLab.ts';
import { modelFolder } from '../formats/hfFolder.ts';
import { writePeft } from '../formats/peft.ts';
import type { FloatDtype } from '../formats/safetensorsHeader.ts';
import type { LoraSettings } from '../model/adapters.ts';
import { BatchRows, makeScorePlan } from '../model/batch.ts';
import { estimateMemory, FineTune, type FineTuneSettings } from '../run/fineTune.ts';
import { loadFolder } from '../run/session.ts';
import { makeRng } from '../tasks/rng.ts';

export const TRAIN_USAGE = `  score    --model DIR --ids FILE.jsonl [--dtype f32|f16] [--adapter DIR]
  train    --model DIR --ids FILE.jsonl --steps N --batch B --lr LR [--betas .9,.999] [--eps 1e-8] [--weight-decay 0] [--clip 1]
           [--no-shuffle] [--seed 0] [--schedule constant|linear|cosine|wsd] [--warm-up 0] [--decay-steps 0] [--min-lr-ratio 0]
           [--micro-batch B] [--length T] [--pack] [--checkpointing] [--dtype f32|f16] [--moments f32|8bit] [--ema 0]
           [--lora-rank R [--lora-alpha 2R] [--lora-targets q_proj,v_proj] [--lora-dropout 0] [--merge]] [--adapter DIR]
           [--save-dtype f32|f16|bf16] [--estimate] --out DIR
`;

type Options = Record<string, string | boolean | undefined>;

function choice<T extends string>(options: Options, name: string, choices: readonly T[], fallback: T): T {
  const value = options[name] ?? fallback;
  const found = choices.find((c) => c === value);
  if (!found) throw new InputError(`--${name} ${value} is not known; there are ${choices.join(', ')}.`);
  return found;
}

/** Rows of a batch that are processed at once on any adapter. */
const SCORE_ROWS = 4096;

export async function score(argv: string[]): Promise<number> {
  const { options } = readOptions('score', argv, ['model', 'ids', 'dtype', 'adapter'], ['json']);
  const folder = await readModelFolder(text(options, 'model'));
  const { architecture } = folder.config;
  const lines = readIdLines(text(options, 'ids'), architecture.vocabulary, architecture.maxPositions);
  const storage = choice(options, 'dtype', ['f32', 'f16'], 'f32');
  const adapter = options.adapter === undefined ? null : await readAdapterFolder(String(options.adapter), architecture);
  const gpu = await open();
  const model = await loadFolder(gpu, folder, { storage, lora: adapter });
  if (adapter) await model.loadAdapter(adapter.layers);
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

/** Names on the command line. */
const SCHEDULES = { constant: 'constant', linear: 'linear', cosine: 'cosine', wsd: 'warmupStableDecay' } as const;

const VALUES = [
  'model,ids,steps,batch,lr,betas,eps,weight-decay,clip,schedule,warm-up,decay-steps,min-lr-ratio,seed,out,micro-batch,length,dtype,moments,ema',
  'lora-rank,lora-alpha,lora-targets,lora-dropout,adapter,save-dtype',
].flatMap((names) => names.split(','));
const FLAGS = ['no-shuffle', 'json', 'pack', 'checkpointing', 'merge', 'estimate'];

export async function train(argv: string[]): Promise<number> {
  const { options } = readOptions('train', argv, VALUES, FLAGS);
  const out = text(options, 'out');
  const folder = await readModelFolder(text(options, 'model'));
  const { architecture } = folder.config;
  const batch = number(options, 'batch', { lo: 1, hi: 65_536, integer: true });
  const lines = readIdLines(text(options, 'ids'), architecture.vocabulary, architecture.maxPositions);
  if (!lines.some((l) => l.length > 1)) throw new InputError('No line of --ids has two tokens, so there is nothing to predict.');
  const longest = Math.max(...lines.map((l) => l.length));
  const adapter = options.adapter === undefined ? null : await readAdapterFolder(String(options.adapter), architecture);
  const lora = adapter ?? loraSettings(options);
  const dtype = choice(options, 'dtype', ['f32', 'f16'], 'f32');
  const saveDtype = choice(options, 'save-dtype', ['f32', 'f16', 'bf16'], 'f32').toUpperCase() as FloatDtype;
  const settings: FineTuneSettings = {
    steps: number(options, 'steps', { lo: 1, hi: 1e7, integer: true }),
    batch,
    microBatch: number(options, 'micro-batch', { lo: 1, hi: batch, integer: true }, batch),
    T: number(options, 'length', { lo: longest, hi: architecture.maxPositions, integer: true }, longest),
    pack: options.pack === true,
    adamw: {
      lr: number(options, 'lr', { lo: 0, hi: 100 }),
      ...betas(options.betas),
      eps: number(options, 'eps', { lo: 0, hi: 1 }, 1e-8),
      weightDecay: number(options, 'weight-decay', { lo: 0, hi: 100 }, 0),
      clip: number(options, 'clip', { lo: 0, hi: 1e9 }, 1),
    },
    schedule: {
      kind: SCHEDULES[choice(options, 'schedule', ['constant', 'linear', 'cosine', 'wsd'], 'constant')],
      warmupSteps: number(options, 'warm-up', { lo: 0, hi: 1e7, integer: true }, 0),
      decaySteps: number(options, 'decay-steps', { lo: 0, hi: 1e7, integer: true }, 0),
      minRatio: number(options, 'min-lr-ratio', { lo: 0, hi: 1 }, 0),
    },
    lora,
    storage: dtype === 'f32' ? 'f32' : lora ? 'f16' : 'mixed',
    checkpoint: options.checkpointing === true,
    moments: choice(options, 'moments', ['f32', '8bit'], 'f32'),
    ema: number(options, 'ema', { lo: 0, hi: 0.999999 }, 0),
    seed: number(options, 'seed', { lo: 0, hi: 0xffffffff, integer: true }, 0),
  };
  const gpu = await open();
  const memoryBytes = await estimateMemory(gpu, architecture, settings);
  const model = await loadFolder(gpu, folder, { storage: settings.storage, lora });
  if (adapter) await model.loadAdapter(adapter.layers);
  else if (lora) {
    const rng = makeRng(settings.seed, 2);
    model.adapters?.randomise(() => rng.uniform());
  }
  const tune = await FineTune.make(model, settings);
  if (options.estimate === true) {
    print({ estimate: { memoryBytes, timeMs: await tune.measure() } });
    return 0;
  }
  const next = options['no-shuffle'] ? roundAndRound(lines) : shuffled(lines, settings.seed);
  for (let step = 1; step <= settings.steps; step++) {
    const { loss, gradNorm, lr, tokens, timeMs } = await tune.step(next);
    print({ step, loss, gradNorm, lr, tokPerS: tokens / (timeMs / 1000) });
    if (!Number.isFinite(loss)) throw new Error(`The loss is ${loss} at step ${step}; nothing was written. Lower --lr.`);
  }
  print({ peakMemoryBytes: gpu.peakBytes(), estimatedMemoryBytes: memoryBytes });
  const { config, tokenizerFiles } = folder;
  if (lora && options.merge !== true) {
    const { rank, alpha, dropout, targets } = lora;
    writeFiles(out, await writePeft(architecture, { rank, alpha, dropout, targets: [...targets], layers: await model.readAdapter() }));
  } else await writeOutput(out, modelFolder({ config, tensors: model.tensors({ merge: true }), tokenizerFiles, dtype: saveDtype }));
  if (tune.optimizer.average) {
    model.trainable.copyFrom(tune.optimizer.average);
    if (!lora) await writeOutput(`${out}/ema`, modelFolder({ config, tensors: model.tensors(), tokenizerFiles, dtype: saveDtype }));
  }
  return 0;
}

function loraSettings(options: Options): LoraSettings | null {
  if (options['lora-rank'] === undefined) {
    const alone = ['lora-alpha', 'lora-targets', 'lora-dropout', 'merge'].find(
      (name) => options[name] !== undefined && options[name] !== false,
    );
    if (alone) throw new InputError(`--${alone} needs --lora-rank.`);
    return null;
  }
  const rank = number(options, 'lora-rank', { lo: 1, hi: 1024, integer: true });
  return {
    rank,
    alpha: number(options, 'lora-alpha', { lo: 0, hi: 1e6 }, 2 * rank),
    targets: options['lora-targets'] === undefined ? ['all-linear'] : String(options['lora-targets']).split(','),
    dropout: number(options, 'lora-dropout', { lo: 0, hi: 0.99 }, 0),
  };
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
