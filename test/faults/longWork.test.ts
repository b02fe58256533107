// R40: long work is split. A step cut into a submission per dispatch gives the bits of the step in one; a step of a larger model, traced on a GPU that
// only counts, has no dispatch of more matrix or attention arithmetic than about a tenth of a second's, none beyond the grid's limit, and takes
// far less memory than its logits would.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pacerOf } from '../../src/engine/pacer.ts';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { countingGpu } from '../../src/gpu/counting.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { makeTrainPlan } from '../../src/model/batch.ts';
import { Generator } from '../../src/model/generator.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';
import { tinyBatch, tinyModel } from './tinyModel.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
});
afterAll(() => gpu?.destroy());

/** Three training steps and a generation, with submissions of at most this cost. */
async function runWith(budget: number) {
  // a context of its own has a pacer of its own
  const own: GpuContext = { ...gpu };
  pacerOf(own).budget = () => budget;
  const { queue } = own.device;
  const submit = queue.submit.bind(queue);
  let submissions = 0;
  queue.submit = (buffers) => {
    submissions += 1;
    submit(buffers);
  };
  try {
    const model = await tinyModel(own);
    const optimizer = await Optimizer.make(model);
    const plan = await makeTrainPlan(model, optimizer, { B: 3, T: 12, W: 0, pinned: false });
    plan.write(tinyBatch(3, 12));
    const before = submissions;
    for (let step = 0; step < 3; step++) optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 1e-2 });
    const ofSteps = submissions - before;
    const reports = await optimizer.reports();
    const weights = (await model.readAll()).map(({ name, data }) => [name, [...new Uint32Array(data.buffer)]]);
    const generator = await Generator.make(model, { slots: 2, capacity: 24 });
    const requests = [
      { promptIds: [1, 2, 3], maxTokens: 9, temperature: 1 },
      { promptIds: [4, 5, 6, 7, 8, 9, 10], maxTokens: 5 },
    ];
    const generated = await generator.generateAll(requests);
    generator.destroy();
    plan.destroy();
    optimizer.destroy();
    model.destroy();
    return {
      submissions: ofSteps,
      dispatches: plan.plan.dispatches.length + optimizer.updatePlan.dispatches.length,
      weights,
      reports,
      generated,
    };
  } finally {
    queue.submit = submit;
  }
}

/** Positions of a step of the larger model. */
const [B, T, C, F, V] = [4, 1024, 768, 2048, 49_152];

/** A training step of the larger model on a device as given, and its memory. */
async function traceLarge(device: Partial<GpuContext>) {
  const counting = countingGpu({ ...gpu, ...device });
  const shape = { hidden: C, intermediate: F, layers: 1, heads: 12, kvHeads: 4, headDim: 64, vocabulary: V, maxPositions: T };
  const model = await Transformer.make(counting, llamaArchitecture({ ...shape, rmsNormEps: 1e-5, ropeTheta: 1e4, tieEmbeddings: true }));
  const optimizer = await Optimizer.make(model);
  const plan = await makeTrainPlan(model, optimizer, { B, T, W: 0, pinned: false }, { checkpoint: true });
  return { dispatches: [...plan.plan.dispatches, ...optimizer.updatePlan.dispatches], peakBytes: counting.peakBytes() };
}

describe('R40 long work is split', () => {
  it('into a submission per dispatch: the same bits as in one', async () => {
    const whole = await runWith(Infinity);
    const cut = await runWith(1);
    // a step is two plans
    expect(whole.submissions).toBe(6);
    expect(cut.submissions).toBe(3 * cut.dispatches);
    expect(cut.reports).toEqual(whole.reports);
    expect(cut.weights).toEqual(whole.weights);
    expect(cut.generated).toEqual(whole.generated);
  });

  it('after work that took longer than expected, into shorter submissions', async () => {
    const own: GpuContext = { ...gpu };
    const pacer = pacerOf(own);
    const before = pacer.budget();
    pacer.submitted(
      { device: { queue: { onSubmittedWorkDone: () => new Promise((done) => setTimeout(done, 30)) } } } as unknown as GpuContext,
      before / 1000,
    );
    await new Promise((done) => setTimeout(done, 60));
    expect(pacer.budget()).toBeLessThan(before / 100);
    expect(pacer.longestMs()).toBeGreaterThan(20);
  });

  it.each([
    // pieces are whole tiles of outputs: the aim of 2e8 may be passed by a part of one
    ['a CPU adapter', { software: true }, 2.1e8],
    ['a CPU adapter without subgroups', { software: true, features: new Set<string>(), subgroupSize: null }, 2 * 64 * 64 * V],
    ['a GPU', { software: false }, 2e10],
  ] as [string, Partial<GpuContext>, number][])('on %s: no dispatch of a larger model is long', async (_, device, most) => {
    const { dispatches, peakBytes } = await traceLarge(device);
    const heavy = dispatches.filter((d) => /^(linear\/matmul|attention\/)/.test(d.kernel));
    expect(heavy.length).toBeGreaterThan(0);
    const longest = heavy.reduce((a, b) => (a.flops > b.flops ? a : b));
    expect(longest.flops, longest.kernel).toBeLessThanOrEqual(most);
    // all the arithmetic of the products is there: forward, again, and twice backward
    const products = 2 * B * T * (C * (12 + 8) * 64 + 12 * 64 * C + 3 * C * F);
    const flops = dispatches.filter((d) => d.kernel.startsWith('linear/matmul')).reduce((n, d) => n + d.flops, 0);
    expect(flops / (4 * products + 3 * 2 * B * T * C * V)).toBeCloseTo(1, 2);
    for (const d of dispatches)
      for (const n of d.grid) expect(n, d.kernel).toBeLessThanOrEqual(gpu.device.limits.maxComputeWorkgroupsPerDimension);
    // full logits alone would be 805 MB
    const parameters = 4 * (V * C + C * (12 + 8) * 64 + 12 * 64 * C + 3 * C * F);
    expect(peakBytes - 4 * parameters).toBeLessThan(4 * B * T * V);
  });
});
