// How training is done changes no number: schedules and a curve of 200 steps as in transformers and torch (see make_training.py), 8-bit moments close
// to it, and for every family the golden gradients again with documents packed into a row, summed over micro-batches, with recomputed activations, and
// over weights in f16.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { ROOT } from '../../scripts/paths.mjs';
import type { GpuContext } from '../../src/gpu/context.ts';
import { BatchRows, makeTrainPlan } from '../../src/model/batch.ts';
import { Optimizer } from '../../src/model/optimizer.ts';
import { learningRate, type Schedule } from '../../src/model/schedule.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import {
  type AdamWGolden,
  FAMILY_FOLDERS,
  familyFolder,
  type Golden,
  openWeights,
  readJson,
  readTensors,
} from '../support/goldenFolder.ts';
import {
  backward,
  loadFamily,
  longest,
  lossOf,
  normalisedError,
  openTestGpu,
  readGradients,
  relative,
  settingsOf,
  shapeOf,
  train,
} from '../support/goldenModel.ts';

const FOLDER = join(ROOT, 'test/golden/training');

describe('the learning rate', () => {
  const golden = readJson<{ totalSteps: number; warmupSteps: number; decaySteps: number; factors: Record<string, number[]> }>(
    FOLDER,
    'schedules.json',
  );
  const { totalSteps, warmupSteps, decaySteps } = golden;
  const decay = { kind: 'warmupStableDecay', warmupSteps, decaySteps, minRatio: 0 } as const;
  const schedules: Record<string, Omit<Schedule, 'peak'>> = {
    constant: { kind: 'constant', warmupSteps: 0, minRatio: 0 },
    constantWithWarmup: { kind: 'constant', warmupSteps, minRatio: 0 },
    linear: { kind: 'linear', warmupSteps, minRatio: 0 },
    cosine: { kind: 'cosine', warmupSteps, minRatio: 0 },
    cosineToTenth: { kind: 'cosine', warmupSteps, minRatio: 0.1 },
    warmupStableDecayLinear: { ...decay, decayShape: 'linear' },
    warmupStableDecayCosine: { ...decay, decayShape: 'cosine' },
    warmupStableDecaySqrt: { ...decay, decayShape: 'sqrt' },
  };

  it.each(Object.keys(golden.factors))('of the schedule %s is that of transformers', (name) => {
    for (const [step, factor] of golden.factors[name]!.entries())
      expect(learningRate({ ...schedules[name]!, peak: 1 }, step, totalSteps), `step ${step}`).toBeCloseTo(factor, 12);
  });
});

describe('on a GPU', () => {
  let gpu: GpuContext;
  beforeAll(async () => {
    gpu = await openTestGpu();
  });
  afterAll(() => gpu?.destroy());

  describe('200 steps', () => {
    type Curve = Pick<AdamWGolden, 'lr' | 'betas' | 'eps' | 'weightDecay' | 'clipNorm' | 'batch' | 'lines'> & {
      base: string;
      losses: number[];
    };
    const golden = readJson<Curve>(FOLDER, 'curve.json');
    const end = (losses: number[]): number => losses.slice(-20).reduce((sum, loss) => sum + loss, 0) / 20;
    const run = async (moments: 'f32' | '8bit'): Promise<number[]> => {
      const model = await loadFamily(gpu, golden.base);
      const reports = await train(model, golden.lines, golden.batch, golden.losses.length, settingsOf(golden), { moments });
      model.destroy();
      return reports.map(({ loss }) => loss);
    };

    it('follow torch to 1e-3', async () => {
      const losses = await run('f32');
      for (const [step, loss] of golden.losses.entries()) expect(relative(losses[step]!, loss), `step ${step}`).toBeLessThan(1e-3);
    });

    it('with 8-bit moments end within 1 % of the loss with f32 moments', async () => {
      expect(relative(end(await run('8bit')), end(golden.losses))).toBeLessThan(0.01);
    });
  });

  describe.each(FAMILY_FOLDERS)('%s', (name) => {
    const folder = familyFolder(name);
    const golden = readJson<Golden>(folder, 'golden/golden.json');
    const { prompts } = golden;
    const expectGolden = async (model: Transformer, optimizer: Optimizer, limit: number): Promise<void> => {
      const gradients = await readGradients(model, optimizer);
      const wanted = await readTensors(folder, 'golden/gradients.safetensors');
      for (const [key, reference] of wanted) expect(normalisedError(gradients.get(key)!, reference), key).toBeLessThanOrEqual(limit);
    };

    it('has the same gradients with both prompts packed into one row', async () => {
      const model = await loadFamily(gpu, name);
      const optimizer = await Optimizer.make(model);
      const T = prompts.reduce((sum, ids) => sum + ids.length, 0) + 4;
      const plan = await makeTrainPlan(model, optimizer, { ...shapeOf(1, T), packed: true });
      const rows = new BatchRows(1, T);
      for (const [d, begin] of rows.setDocuments(0, prompts).entries())
        for (let i = 0; i + 1 < prompts[d]!.length; i++) rows.setRow(0, begin + i, prompts[d]![i + 1]!, 1);
      rows.normaliseWeights();
      plan.write(rows);
      optimizer.begin(false);
      optimizer.add(plan);
      await expectGolden(model, optimizer, 1e-6);
      for (const made of [plan, optimizer, model]) made.destroy();
    });

    it('has the same gradients summed over two micro-batches', async () => {
      const model = await loadFamily(gpu, name);
      const optimizer = await Optimizer.make(model);
      const T = longest(prompts);
      const plan = await makeTrainPlan(model, optimizer, shapeOf(1, T), { accumulate: true });
      const tokens = prompts.reduce((sum, ids) => sum + ids.length - 1, 0);
      optimizer.begin(true);
      for (const ids of prompts) {
        const rows = new BatchRows(1, T);
        rows.setNextToken(0, ids);
        for (let r = 0; r < T; r++) rows.weight[r]! /= tokens;
        plan.write(rows);
        optimizer.add(plan);
      }
      await expectGolden(model, optimizer, 1e-6);
      for (const made of [plan, optimizer, model]) made.destroy();
    });

    it('has the same bits with recomputed activations', async () => {
      const model = await loadFamily(gpu, name);
      const kept = await backward(model, prompts);
      const recomputed = await backward(model, prompts, { checkpoint: true });
      const wanted = await readGradients(model, kept);
      for (const [key, values] of await readGradients(model, recomputed)) expect(values, key).toEqual(wanted.get(key));
      for (const made of [kept, recomputed, model]) made.destroy();
    });

    it('trains over weights in f16 with f32 masters', async () => {
      const isRounded = [...(await openWeights(folder)).tensors.values()].every(({ dtype }) => dtype !== 'F32');
      const model = await loadFamily(gpu, name, { storage: 'mixed' });
      const optimizer = await backward(model, prompts);
      // rounded weights are another model; where the file has them rounded, they are the same one
      await expectGolden(model, optimizer, isRounded ? 1e-6 : 1e-3);
      optimizer.destroy();
      const { lines, batch, steps, lossAfter } = golden.adamw;
      const reports = await train(model, lines, batch, steps.length, settingsOf(golden.adamw));
      for (const [i, { loss }] of steps.entries()) expect(relative(reports[i]!.loss, loss), `loss of step ${i + 1}`).toBeLessThan(2e-3);
      expect(relative(await lossOf(model, lines.slice(0, batch)), lossAfter), 'loss after').toBeLessThan(2e-3);
      model.destroy();
    });
  });
});
