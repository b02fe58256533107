// R41: over 2,000 training steps of a tiny model, with scoring, reports and generation on the way, nothing grows: buffers, GPU bytes, pipelines, bind
// groups, Node's heap and the memory of the process.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openGpu } from '../../src/gpu/context.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { makeScorePlan, makeTrainPlan } from '../../src/model/batch.ts';
import { Generator } from '../../src/model/generator.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { TINY, tinyBatch, tinyModel } from './tinyModel.ts';

const STEPS = 2000;
const EVERY = 50;
const WARM_UP = 400;
const MIB = 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

it(`R41 over ${STEPS} steps buffers, bytes, pipelines and heap stay flat`, async () => {
  const gpu = await openGpu((await openNodeGpu()).adapter);
  const { device } = gpu;
  const made = { buffers: 0, pipelines: 0, bindGroups: 0 };
  let destroyed = 0;
  const { createBuffer, destroyBuffer } = gpu;
  gpu.createBuffer = (...args) => {
    made.buffers += 1;
    return createBuffer.apply(gpu, args);
  };
  gpu.destroyBuffer = (buffer) => {
    destroyed += 1;
    destroyBuffer.call(gpu, buffer);
  };
  const pipelineAsync = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = (descriptor) => {
    made.pipelines += 1;
    return pipelineAsync(descriptor);
  };
  const bindGroup = device.createBindGroup.bind(device);
  device.createBindGroup = (descriptor) => {
    made.bindGroups += 1;
    return bindGroup(descriptor);
  };

  const shape = { ...TINY, hidden: 8, intermediate: 12, layers: 1, heads: 1, vocabulary: 13, maxPositions: 16 };
  const model = await tinyModel(gpu, shape);
  const optimizer = await Optimizer.make(model);
  const plan = await makeTrainPlan(model, optimizer, { B: 2, T: 4, W: 0, pinned: false });
  const score = await makeScorePlan(model, { B: 2, T: 4, W: 0, pinned: false });
  const generator = await Generator.make(model, { slots: 1, capacity: 8 });

  const samples: { bytes: number; live: number; pipelines: number; bindGroups: number; heap: number; outside: number; rss: number }[] = [];
  let losses: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const rows = tinyBatch(2, 4, shape.vocabulary, step % 4);
    plan.write(rows);
    optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 3e-3 });
    if (step % EVERY !== 0) continue;
    losses = (await optimizer.reports()).map((r) => r.loss);
    score.write(rows);
    score.plan.run();
    await score.readRows();
    await generator.generateAll([{ promptIds: [1, 2], maxTokens: 3 }]);
    if (step < WARM_UP) continue;
    await gpu.idle();
    collectGarbage();
    const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
    const { pipelines, bindGroups, buffers } = made;
    samples.push({
      bytes: gpu.bytesInUse(),
      live: buffers - destroyed,
      pipelines,
      bindGroups,
      heap: heapUsed,
      outside: external + arrayBuffers,
      rss,
    });
  }
  const first = samples[0]!;
  for (const sample of samples) {
    const { bytes, live, pipelines, bindGroups } = sample;
    expect({ bytes, live, pipelines, bindGroups }).toEqual({
      bytes: first.bytes,
      live: first.live,
      pipelines: first.pipelines,
      bindGroups: first.bindGroups,
    });
  }
  const third = Math.floor(samples.length / 3);
  const growth = (of: 'heap' | 'outside' | 'rss'): number => {
    const least = (part: typeof samples): number => Math.min(...part.map((s) => s[of]));
    return least(samples.slice(-third)) - least(samples.slice(0, third));
  };
  console.log(`growth in bytes: heap ${growth('heap')}, outside ${growth('outside')}, process ${growth('rss')}`);
  expect(growth('heap')).toBeLessThan(MIB);
  expect(growth('outside')).toBeLessThan(MIB);
  expect(growth('rss')).toBeLessThan(32 * MIB);
  expect(Math.max(...losses)).toBeLessThan(2);

  generator.destroy();
  score.destroy();
  plan.destroy();
  optimizer.destroy();
  model.destroy();
  expect(gpu.bytesInUse()).toBe(0);
  expect(made.buffers).toBe(destroyed);
  gpu.destroy();
});
