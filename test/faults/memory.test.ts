// R38: memory runs out at allocation n, for every n until none fails, in everything that allocates on the GPU. Nothing stays allocated beyond what was
// there before, the error is GpuError 'memory', and its sentence offers something smaller.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tuneAttention } from '../../src/engine/attention.ts';
import { tune } from '../../src/engine/tuner.ts';
import { Evaluator } from '../../src/evaluate/evaluator.ts';
import { blocksOf } from '../../src/formats/families.ts';
import { GpuError, type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { elboSettings } from '../../src/midtrain/elbo.ts';
import { EStep } from '../../src/midtrain/eStep.ts';
import { SupervisedTrainer } from '../../src/midtrain/supervised.ts';
import { Adapters } from '../../src/model/adapters.ts';
import { makeScorePlan, makeTrainPlan } from '../../src/model/batch.ts';
import { Generator } from '../../src/model/generator.ts';
import { LatentRollout } from '../../src/model/latentRollout.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { PRESETS } from '../../src/rlvr/objective.ts';
import { LatentSource } from '../../src/rlvr/source.ts';
import { RlvrTrainer } from '../../src/rlvr/trainer.ts';
import { FineTune, type FineTuneSettings } from '../../src/run/fineTune.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';
import { TINY, tinyBatch, tinyModel } from './tinyModel.ts';
import { tinyRun } from './tinyRun.ts';

/** Allocations until the one that fails. */
let untilFailure = Infinity;
let gpu: GpuContext;
let model: Transformer;
let optimizer: Optimizer;

interface Freed {
  destroy(): void;
}
type Make = () => Promise<Freed | null>;

/** Fails each allocation of `make` in turn until it passes, at least `least` of them, or until `most` have failed. */
async function failEach(make: Make, least: number, most = Infinity): Promise<void> {
  await make().then((made) => made?.destroy()); // what is made once for the device is there now
  const before = gpu.bytesInUse();
  for (let n = 1; n <= most; n++) {
    untilFailure = n;
    let failure: unknown = null;
    let made: Freed | null = null;
    try {
      made = await make();
    } catch (e) {
      failure = e;
    } finally {
      untilFailure = Infinity;
    }
    if (failure === null) {
      made?.destroy();
      expect(gpu.bytesInUse(), 'bytes after what passed was destroyed').toBe(before);
      expect(n - 1, 'allocations that failed in turn').toBeGreaterThanOrEqual(least);
      return;
    }
    expect(failure).toBeInstanceOf(GpuError);
    const { kind, message } = failure as GpuError;
    expect(kind, message).toBe('memory');
    expect(message).toMatch(/^The GPU is out of memory while making .+\. Use a smaller batch, a shorter context or a smaller model\.$/);
    expect(gpu.bytesInUse() - before, `bytes left when allocation ${n} failed (${message})`).toBe(0);
  }
}

const TASK = builtinTask('recall-lines');
const POLICY = { form: TASK.latent, symbolLo: TASK.symbolLo, symbolHi: TASK.symbolHi, bias: 0 };
const T = TASK.maxTokens;
const LORA = { rank: 2, alpha: 4, targets: ['all-linear'], dropout: 0.1 };
const TUNE: FineTuneSettings = {
  steps: 2,
  batch: 2,
  microBatch: 1,
  T: 6,
  pack: false,
  adamw: ADAMW_DEFAULTS,
  schedule: { kind: 'constant', warmupSteps: 0, minRatio: 0 },
  lora: null,
  storage: 'f32',
  checkpoint: false,
  moments: 'f32',
  ema: 0,
  seed: 1,
};
const SHAPE = { ...TINY, vocabulary: TASK.tokens.length };
const ARCHITECTURE = llamaArchitecture(SHAPE);

beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter, { failAllocation: () => --untilFailure === 0 });
  model = await tinyModel(gpu, SHAPE);
  optimizer = await Optimizer.make(model);
});
afterAll(() => gpu?.destroy());

const CASES: [string, Make, number][] = [
  ['a model', () => Transformer.make(gpu, ARCHITECTURE), 2],
  ['a model in mixed storage with adapters', () => Transformer.make(gpu, ARCHITECTURE, { storage: 'mixed', lora: LORA }), 5],
  ['adapters', async () => new Adapters(gpu, blocksOf(ARCHITECTURE), LORA), 2],
  ['an optimiser', () => Optimizer.make(model), 10],
  ['an optimiser with 8-bit moments and an average', () => Optimizer.make(model, { moments: '8bit', ema: 0.9 }), 10],
  ['a training plan', () => makeTrainPlan(model, optimizer, { B: 2, T: 8, W: 0, pinned: false }), 10],
  [
    'a training plan with checkpoints',
    () => makeTrainPlan(model, optimizer, { B: 2, T: 8, W: 0, pinned: false }, { checkpoint: true }),
    10,
  ],
  ['a scoring plan', () => makeScorePlan(model, { B: 2, T: 8, W: 0, pinned: false }), 10],
  ['fine-tuning', () => FineTune.make(model, TUNE), 20],
  ['a supervised trainer', () => SupervisedTrainer.make(model, optimizer, { B: 2, T, W: TASK.window }, TASK.latent), 10],
  ['a generator', () => Generator.make(model, { slots: 2, capacity: 16 }), 5],
  ['a latent rollout', () => LatentRollout.make(model, 4, T, T, TASK.window, POLICY), 8],
  ['an evaluator', () => Evaluator.make(model, { rows: 4, T, S: T, W: TASK.window }, POLICY), 20],
  [
    'an E-step',
    () => {
      const logZ = Math.log(TASK.symbolHi - TASK.symbolLo);
      const elbo = { settings: elboSettings(presetRecipe(TASK.id, 'quick').ra3, logZ), logZ };
      return EStep.make(model, model, optimizer, { P: 2, G: 2, T, S: T, W: TASK.window, L: TASK.lines }, POLICY, elbo);
    },
    35,
  ],
  ['a source of rollouts', () => LatentSource.make(model, { rows: 4, T, S: T, W: TASK.window }, POLICY), 8],
  [
    'an RLVR trainer',
    async () => {
      const source = await LatentSource.make(model, { rows: 4, T, S: T, W: TASK.window }, POLICY);
      const shape = { prompts: 2, group: 2, T, W: TASK.window, bias: 0 };
      // with a reference and ratios: everything that RLVR may allocate
      const settings = { objective: PRESETS.grpo, updates: 2, minibatches: 2, lr: 1e-3, clipNorm: 1, overlongWindow: 0.2 };
      return RlvrTrainer.make({ policy: model, reference: model }, optimizer, source, shape, settings);
    },
    20,
  ],
  ['filling a model in mixed storage', () => tinyModel(gpu, SHAPE, { storage: 'mixed' }), 10],
  ['filling a model in f16 with adapters', () => tinyModel(gpu, SHAPE, { storage: 'f16', lora: LORA }), 10],
];

describe('R38 out of memory at allocation n', () => {
  it.each(CASES)('of %s: nothing leaks, something smaller is offered', async (_, make, least) => {
    await failEach(make, least);
  });

  it.each([
    ['in f32', TUNE],
    ['with adapters on f16', { ...TUNE, storage: 'f16', lora: LORA }],
  ] as [string, FineTuneSettings][])('of steps, snapshots and reading back %s: nothing leaks', async (_, settings) => {
    const own = await tinyModel(gpu, { ...SHAPE, layers: 1 }, settings);
    const tuned = await FineTune.make(own, settings);
    const ids = [...tinyBatch(1, 6, SHAPE.vocabulary).ids];
    await failEach(async () => {
      await tuned.step(() => ids);
      await tuned.optimizer.snapshot();
      await own.snapshot();
      for (const { read } of own.tensors({ merge: true })) await read();
      return null;
    }, 10);
    tuned.destroy();
    own.destroy();
  });

  it('of choosing kernels by measuring: nothing leaks', async () => {
    // another device for the tuners each time, so that nothing is remembered; measuring takes long, so its first allocations stand for all
    let n = 0;
    const other = (): GpuContext => ({ ...gpu, report: { ...gpu.report, description: `device ${n++}` } });
    await failEach(() => tuneAttention(other(), SHAPE.headDim).then(() => null), 0, 20);
    await failEach(() => tune(other()).then(() => null), 7, 7);
  });

  it('of a burst of generation: nothing leaks, and the generator goes on when there is room again', async () => {
    const request = { promptIds: [1, 2, 3, 4, 5, 6, 7], maxTokens: 5, temperature: 1, repetitionPenalty: 1.2 };
    const whole = await Generator.make(model, { slots: 2, capacity: 16 });
    const [expected] = await whole.generateAll([request]);
    whole.destroy();
    await failEach(async () => {
      const own = await Generator.make(model, { slots: 2, capacity: 16 });
      try {
        expect(await own.generateAll([request])).toEqual([expected]);
        return null;
      } catch (e) {
        untilFailure = Infinity;
        expect(await own.generateAll([request])).toEqual([expected]);
        throw e;
      } finally {
        own.destroy();
      }
    }, 14);
  });

  it('of a whole run: the run ends as failed with that sentence, nothing leaks', async () => {
    await tinyRun(gpu); // what is measured once for the device is known now
    const never = 1e9;
    untilFailure = never;
    const before = gpu.bytesInUse();
    const whole = await tinyRun(gpu);
    const total = never - untilFailure;
    untilFailure = Infinity;
    expect(whole.outcome.summary.status, whole.outcome.summary.error ?? '').toBe('finished');
    expect(gpu.bytesInUse()).toBe(before);
    for (let part = 0; part < 10; part++) {
      untilFailure = Math.max(1, Math.floor((total * (part + 0.5)) / 10));
      const { outcome, events } = await tinyRun(gpu);
      untilFailure = Infinity;
      expect(outcome.summary.status).toBe('failed');
      expect(outcome.summary.error).toMatch(/out of memory while making .*smaller batch, a shorter context or a smaller model/);
      expect(events.at(-1)?.type).toBe('end');
      expect(gpu.bytesInUse() - before, `bytes left in part ${part} of the run`).toBe(0);
    }
  });

  it('that the driver reports later: the same', async () => {
    const { device } = gpu;
    const pop = device.popErrorScope.bind(device);
    const make = (): Promise<Freed> => FineTune.make(model, TUNE);
    (await make()).destroy();
    const before = gpu.bytesInUse();
    try {
      for (let n = 1, passed = false; !passed; n++) {
        let scopes = 0;
        device.popErrorScope = async () => {
          const error = await pop();
          // of the two scopes of a check, the second is the one of memory
          return ++scopes === 2 * n ? new GPUOutOfMemoryError('no room') : error;
        };
        const made = await make().catch((e: unknown) => e as GpuError);
        if (made instanceof Error) {
          expect(made).toBeInstanceOf(GpuError);
          expect((made as GpuError).kind).toBe('memory');
          expect(made.message).toMatch(/smaller batch, a shorter context or a smaller model/);
        } else {
          made.destroy();
          passed = true;
          expect(n).toBeGreaterThan(4);
        }
        expect(gpu.bytesInUse() - before, `bytes left after check ${n}`).toBe(0);
      }
    } finally {
      device.popErrorScope = pop;
    }
  });

  it('beyond what one buffer may have: said before anything is allocated', async () => {
    const before = gpu.bytesInUse();
    const made = Generator.make(model, { slots: 100_000_000, capacity: 64 });
    await expect(made).rejects.toThrow(/this adapter binds at most \d+\. Use \d+ slots or a smaller capacity\./);
    await expect(Transformer.make(gpu, llamaArchitecture({ ...TINY, hidden: 65_536, intermediate: 262_144 }))).rejects.toThrow(
      /this adapter (binds|allows) \d+.*smaller model/i,
    );
    expect(gpu.bytesInUse()).toBe(before);
  });
});
