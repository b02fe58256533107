// A step of the embedded recall model under the profiler: its kernels are those of a step, its memory adds up, and nothing is left on the device.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GpuContext, openGpu } from '../../../src/gpu/context.ts';
import { kernelNames, kernelSource } from '../../../src/gpu/shaders.ts';
import { openNodeGpu } from '../../../src/headless/adapter.ts';
import { embeddedModel } from '../../../src/run/session.ts';
import { memoryByUse, profileStep } from '../../../src/run/stepProfile.ts';

const BASE = 'public/default/recall-lines';
let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
});
afterAll(() => gpu?.destroy());

it('tells where the time and the memory of a training step go, and leaves nothing behind', async () => {
  const base = await embeddedModel({
    config: readFileSync(`${BASE}/config.json`, 'utf8'),
    weights: readFileSync(`${BASE}/model.safetensors`),
  });
  const before = gpu.bytesInUse();
  const profile = await profileStep(gpu, base, { B: 4, T: 16, W: 5 });
  expect(gpu.bytesInUse()).toBe(before);
  const phases = new Set(profile.dispatches.map((d) => d.phase));
  expect([...phases].sort()).toEqual(['backward', 'forward', 'loss', 'optimiser']);
  expect(profile.kernels.reduce((n, k) => n + k.calls, 0)).toBe(profile.dispatches.length);
  expect(profile.kernels.reduce((n, k) => n + k.share, 0)).toBeCloseTo(1, 6);
  for (const { kernel } of profile.kernels) {
    expect(kernelNames()).toContain(kernel);
    expect(kernelSource(kernel).code).toContain('fn main(');
  }
  const sizes = Object.fromEntries(profile.memory.map((m) => [m.use, m.sizeBytes]));
  const parameters = 20_992 * 4;
  for (const use of ['weights', 'gradients', 'optimiser']) expect(sizes[use], use).toBeGreaterThanOrEqual(parameters);
  expect(sizes.optimiser).toBe(2 * sizes.gradients!);
  expect(sizes['activations and temporaries']).toBeGreaterThan(0);
  expect(profile.ceiling.gflopPerS).toBeGreaterThan(0);
});

it('buffers are told apart by their labels', () => {
  const sized = (label: string) => ({ label, sizeBytes: 16 });
  const found = memoryByUse(
    ['parameters 0', 'f16 parameters 1', 'm 0', 'v codes 3', 'train/arena 0', 'rollout/cache 1', 'train/ids'].map(sized),
  );
  expect(Object.fromEntries(found.map((m) => [m.use, m.sizeBytes]))).toEqual({
    weights: 32,
    optimiser: 32,
    'activations and temporaries': 16,
    'keys and values': 16,
    'inputs, arguments, results': 16,
  });
});
