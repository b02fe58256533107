// One training step of a model under the profiler: times by kernel and dispatch, what the adapter does at best, GPU memory by use.
// Promises: the model profiled is a copy of its own, freed at the end. Refuses what the adapter has no room for (GpuError).
import { tune } from '../engine/tuner.ts';
import { joinProfiles, measureCeiling, type Profile, profilePlan } from '../engine/profile.ts';
import type { DroppedModel } from '../formats/dropped.ts';
import type { GpuContext } from '../gpu/context.ts';
import { type BatchPlan, BatchRows, makeTrainPlan } from '../model/batch.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../model/optimizer.ts';
import { Transformer } from '../model/transformer.ts';
import type { StepProfile } from './events.ts';

const ROUNDS = 3;

/** A supervised step of B rows of T tokens, window W. */
export async function profileStep(gpu: GpuContext, folder: DroppedModel, shape: { B: number; T: number; W: number }): Promise<StepProfile> {
  const { B, T, W } = shape;
  await tune(gpu);
  const made: { destroy(): void }[] = [];
  const keep = <M extends { destroy(): void }>(thing: M): M => {
    made.push(thing);
    return thing;
  };
  try {
    const model = keep(await Transformer.make(gpu, folder.config.architecture));
    await model.load(folder.weights);
    const optimizer = keep(await Optimizer.make(model));
    const plan = keep(await makeTrainPlan(model, optimizer, { B, T, W, pinned: W > 0 }));
    const profile = await profileTrainingStep(model, plan, optimizer, `training step, ${B} rows of ${T} tokens`, { B, T, rounds: ROUNDS });
    const memory = memoryByUse(gpu.buffers());
    const dispatches = profile.dispatches.map(({ kernel, phase, layer, timeUs }) => ({ kernel, phase, layer, timeUs }));
    const { method, resolutionUs, rounds, timeMs, kernels } = profile;
    return { plan: profile.plan, method, resolutionUs, rounds, timeMs, ceiling: await measureCeiling(gpu), dispatches, kernels, memory };
  } finally {
    for (const thing of made.reverse()) thing.destroy();
  }
}

/** Forward, backward and update of one batch of B rows of T made-up tokens. */
export async function profileTrainingStep(
  model: Transformer,
  plan: BatchPlan,
  optimizer: Optimizer,
  title: string,
  { B, T, rounds }: { B: number; T: number; rounds: number },
): Promise<Profile> {
  const V = model.architecture.vocabulary;
  const rows = new BatchRows(B, T);
  for (let b = 0; b < B; b++)
    rows.setNextToken(
      b,
      Uint32Array.from({ length: T }, (_, t) => (7919 * (b * T + t) + 13) % V),
    );
  rows.normaliseWeights();
  plan.write(rows);
  // also puts the step's settings in place
  optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 1e-6 });
  return joinProfiles(title, [await profilePlan(plan.plan, { rounds }), await profilePlan(optimizer.updatePlan, { rounds })]);
}

/** What a buffer is for, by its label. */
const USES: [RegExp, string][] = [
  [/^(f16 )?parameters \d|^merged$|adapter/, 'weights'],
  [/^gradients \d/, 'gradients'],
  [/^(m|v|m codes|v codes|moment scales|average) \d/, 'optimiser'],
  [/\/arena \d/, 'activations and temporaries'],
  [/(^|\/)cache \d/, 'keys and values'],
  [/^rope table \d/, 'rotary tables'],
];

/** Most first. */
export function memoryByUse(buffers: readonly { label: string; sizeBytes: number }[]): { use: string; sizeBytes: number }[] {
  const sums = new Map<string, number>();
  for (const { label, sizeBytes } of buffers) {
    const use = USES.find(([pattern]) => pattern.test(label))?.[1] ?? 'inputs, arguments, results';
    sums.set(use, (sums.get(use) ?? 0) + sizeBytes);
  }
  return [...sums].map(([use, sizeBytes]) => ({ use, sizeBytes })).sort((a, b) => b.sizeBytes - a.sizeBytes);
}
