// The verb `profile`: where the time of a training step or of a decoding step of a model goes, kernel by kernel. A table for people on stderr,
// a JSON line per kernel and one of totals on stdout, a trace for ui.perfetto.dev in --out. The model on disk is left as it is.
// Refuses batches and lengths that the model or the adapter does not take.
import { chromeTrace, measureCeiling, type Profile, profilePlan } from '../engine/profile.ts';
import type { GpuContext } from '../gpu/context.ts';
import { makeTrainPlan } from '../model/batch.ts';
import { Optimizer } from '../model/optimizer.ts';
import { SlotDecoder } from '../model/slotDecoder.ts';
import type { Transformer } from '../model/transformer.ts';
import { loadFolder } from '../run/session.ts';
import { profileTrainingStep } from '../run/stepProfile.ts';
import { EXACT_TIMESTAMPS } from './adapter.ts';
import { InputError, number, readOptions, text } from './arguments.ts';
import { readModelFolder, writeFiles } from './files.ts';
import { open, print } from './openLab.ts';
import { profileTable } from './profileTable.ts';
import { basename, dirname } from 'node:path';

export const PROFILE_USAGE = `  profile  --model DIR [--batch 4] [--length 128] [--decode] [--rounds 5] [--dtype f32|f16] [--checkpointing] --out TRACE.json
`;

interface Work {
  B: number;
  T: number;
  rounds: number;
  checkpoint: boolean;
}

export async function profile(argv: string[]): Promise<number> {
  const { options } = readOptions(
    'profile',
    argv,
    ['model', 'batch', 'length', 'rounds', 'dtype', 'out'],
    ['decode', 'checkpointing', 'json'],
  );
  const folder = await readModelFolder(text(options, 'model'));
  const out = text(options, 'out');
  const work = {
    B: number(options, 'batch', { lo: 1, hi: 65_536, integer: true }, 4),
    T: number(options, 'length', { lo: 2, hi: folder.config.architecture.maxPositions, integer: true }, 128),
    rounds: number(options, 'rounds', { lo: 1, hi: 1000, integer: true }, 5),
    checkpoint: options.checkpointing === true,
  };
  const dtype = options.dtype ?? 'f32';
  if (dtype !== 'f32' && dtype !== 'f16') throw new InputError(`--dtype ${dtype} is not known; there are f32, f16.`);
  const gpu = await open([EXACT_TIMESTAMPS]);
  const storage = dtype === 'f32' ? 'f32' : options.decode ? 'f16' : 'mixed';
  const model = await loadFolder(gpu, folder, { storage });
  const measured = options.decode ? await profileDecode(model, work) : await profileTraining(model, work);
  await report(gpu, measured, out);
  return 0;
}

/** Forward, backward and update of one batch of random tokens. */
async function profileTraining(model: Transformer, { B, T, rounds, checkpoint }: Work): Promise<Profile> {
  const optimizer = await Optimizer.make(model);
  const plan = await makeTrainPlan(model, optimizer, { B, T, W: 0, pinned: false }, { checkpoint });
  return profileTrainingStep(model, plan, optimizer, `training step, B ${B}, T ${T}`, { B, T, rounds });
}

/** One new token for each of B rows whose caches hold T - 1. */
async function profileDecode(model: Transformer, { B, T, rounds }: Work): Promise<Profile> {
  const decoder = await SlotDecoder.make(model, B, T);
  const V = model.architecture.vocabulary;
  const request = { promptIds: [], maxTokens: 1, temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
  for (let slot = 0; slot < B; slot++) decoder.admit(slot, { ...request, seed: 0, stream: slot, stopIds: [], text: null }, T - 1);
  const rows = Array.from({ length: B }, (_, slot) => ({ slot, position: T - 2, id: (7919 * slot + 13) % V }));
  const plan = await decoder.prepare(rows, false);
  const measured = await profilePlan(plan, { rounds, before: () => decoder.prepare(rows, false) });
  return { ...measured, plan: `decoding step, ${B} rows at position ${T - 2}` };
}

async function report(gpu: GpuContext, measured: Profile, out: string): Promise<void> {
  const ceiling = await measureCeiling(gpu);
  process.stderr.write(`${profileTable(measured, ceiling)}\n`);
  for (const kernel of measured.kernels) print(kernel);
  const { plan, method, resolutionUs, rounds, timeMs, dispatches } = measured;
  print({ type: 'total', plan, method, resolutionUs, rounds, timeMs, dispatches: dispatches.length, ceiling });
  writeFiles(dirname(out), [[basename(out), `${JSON.stringify(chromeTrace(measured))}\n`]]);
  process.stderr.write(`The trace is in ${out}: open it in ui.perfetto.dev or chrome://tracing.\n`);
}
