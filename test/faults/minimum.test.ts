// R39: the least that WebGPU promises (128 MiB bindings, 256 MiB buffers, 8 storage buffers, 16 KiB workgroup memory, no feature: no f16, no subgroups,
// no timestamps) trains and generates with the same result as all that an adapter has; models beyond a binding are cut; an adapter that gives no
// device is an error that says what to do. A browser without WebGPU or without an adapter is in test/e2e/guards.test.ts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tuneAttention } from '../../src/engine/attention.ts';
import { tune } from '../../src/engine/tuner.ts';
import { parseConfig } from '../../src/formats/config.ts';
import { GpuError, type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { countingGpu } from '../../src/gpu/counting.ts';
import { listAdapterChoices, openNodeGpu } from '../../src/headless/adapter.ts';
import { makeTrainPlan } from '../../src/model/batch.ts';
import { Generator } from '../../src/model/generator.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { Transformer, type TransformerOptions } from '../../src/model/transformer.ts';
import { normalisedError } from '../kernels/support/compare.ts';
import { TINY, tinyBatch, tinyModel } from './tinyModel.ts';

const LORA = { rank: 4, alpha: 8, targets: ['q_proj', 'down_proj'], dropout: 0.2 };

/** Losses of five steps, the weights after them, and what is then generated. */
async function live(gpu: GpuContext, options: TransformerOptions) {
  const model = await tinyModel(gpu, { ...TINY, hidden: 32, headDim: 16 }, options);
  const optimizer = await Optimizer.make(model, { seed: 2 });
  const plan = await makeTrainPlan(model, optimizer, { B: 4, T: 20, W: 0, pinned: false }, { checkpoint: true });
  plan.write(tinyBatch(4, 20));
  for (let step = 0; step < 5; step++) optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 3e-3 });
  const losses = (await optimizer.reports()).map((r) => r.loss);
  const weights = (await model.readAll()).map((t) => t.data);
  if (model.adapters) for (const { a, b } of (await model.readAdapter()).values()) weights.push(new Float32Array(a), new Float32Array(b));
  const generator = await Generator.make(model, { slots: 2, capacity: 32 });
  const generated = await generator.generateAll([
    { promptIds: [3, 1, 4, 1, 5], maxTokens: 12 },
    { promptIds: [2, 7], maxTokens: 12, temperature: 1, topK: 10, repetitionPenalty: 1.1, seed: 4 },
    { promptIds: [1], maxTokens: 6, temperature: 0.8, topP: 0.9 },
  ]);
  generator.destroy();
  plan.destroy();
  optimizer.destroy();
  model.destroy();
  return { losses, weights, generated };
}

const choices = await listAdapterChoices();
describe.each(choices)('R39 minimum limits and no features, adapter %s', (choice) => {
  let full: GpuContext;
  let least: GpuContext;
  beforeAll(async () => {
    full = await openGpu((await openNodeGpu(choice)).adapter);
    least = await openGpu((await openNodeGpu(choice)).adapter, { minimum: true });
  });
  afterAll(() => {
    full?.destroy();
    least?.destroy();
  });

  it('are what the device has', () => {
    const { limits } = least.device;
    expect(limits.maxStorageBufferBindingSize).toBe(128 * 2 ** 20);
    expect(limits.maxBufferSize).toBe(256 * 2 ** 20);
    expect(limits.maxStorageBuffersPerShaderStage).toBe(8);
    expect(limits.maxComputeWorkgroupStorageSize).toBe(16_384);
    expect(limits.maxComputeInvocationsPerWorkgroup).toBe(256);
    expect([...least.features].filter((f) => f !== 'core-features-and-limits')).toEqual([]);
    expect(least.subgroupSize).toBeNull();
  });

  it.each([
    ['in f32', {}],
    ['in mixed storage', { storage: 'mixed' }],
    ['with adapters on f16', { storage: 'f16', lora: LORA }],
  ] as [string, TransformerOptions][])('training and generation %s have the same result', async (_, options) => {
    const [a, b] = [await live(full, options), await live(least, options)];
    expect(normalisedError(b.losses, a.losses)).toBeLessThan(1e-10);
    a.weights.forEach((values, i) => {
      expect(normalisedError(b.weights[i]!, values)).toBeLessThan(1e-7);
    });
    expect(b.generated.map((g) => g.ids)).toEqual(a.generated.map((g) => g.ids));
    b.generated.forEach((g, i) => {
      g.logprobs.forEach((lp, k) => {
        expect(Math.abs(lp - a.generated[i]!.logprobs[k]!)).toBeLessThan(1e-3);
      });
    });
    expect(b.losses.at(-1)!).toBeLessThan(b.losses[0]!);
  });

  it('choosing kernels by measuring finds some that run', async () => {
    const report = await tune(least);
    expect(report.choices.size).toBeGreaterThan(0);
    for (const kernel of report.choices.values()) expect(kernel).not.toMatch(/quad/);
    expect(report.notices).toEqual([]);
    await tuneAttention(least, 16);
  });

  it('a vocabulary of 151,936 is cut into bindings of 128 MiB, and the plan of a step still compiles', async () => {
    const config = {
      model_type: 'qwen2',
      architectures: ['Qwen2ForCausalLM'],
      hidden_size: 896,
      intermediate_size: 4864,
      num_hidden_layers: 1,
      num_attention_heads: 14,
      num_key_value_heads: 2,
      vocab_size: 151_936,
      max_position_embeddings: 32_768,
      rms_norm_eps: 1e-6,
      rope_theta: 1e6,
      tie_word_embeddings: true,
    };
    const counting = countingGpu(least);
    const { architecture } = parseConfig(JSON.stringify(config));
    for (const lora of [null, LORA]) {
      const model = await Transformer.make(counting, architecture, { lora });
      expect(model.embedding.pieces.length).toBeGreaterThanOrEqual(5);
      const optimizer = await Optimizer.make(model);
      const plan = await makeTrainPlan(model, optimizer, { B: 1, T: 512, W: 0, pinned: false }, { checkpoint: true });
      for (const d of [...plan.plan.dispatches, ...optimizer.updatePlan.dispatches]) {
        expect(d.tensors.length).toBeLessThanOrEqual(8);
        for (const t of d.tensors) expect(t.sizeBytes, `${t.label} in ${d.kernel}`).toBeLessThanOrEqual(128 * 2 ** 20);
      }
      plan.destroy();
      optimizer.destroy();
      model.destroy();
      expect(counting.bytesInUse()).toBe(0);
    }
  });
});

describe('R39 no device', () => {
  it('an adapter that refuses gives GpuError missing with what to do', async () => {
    const { adapter } = await openNodeGpu();
    const refusing = new Proxy(adapter, {
      get: (target, key) =>
        key === 'requestDevice' ? () => Promise.reject(new Error('no more devices')) : Reflect.get(target, key, target),
    });
    const error = await openGpu(refusing).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GpuError);
    expect(error).toMatchObject({
      kind: 'missing',
      message: 'The GPU adapter gave no device (no more devices). Close other tabs that use the GPU and try again.',
    });
  });

  it('a kernel that needs a feature says which, and that there is a twin without it', async () => {
    const gpu = await openGpu((await openNodeGpu()).adapter, { minimum: true });
    await expect(gpu.pipeline('linear/matmul_nt_quad_8x8', { MODE: 0 })).rejects.toThrow(
      /needs the feature subgroups.*Use its twin without it/,
    );
    gpu.destroy();
  });
});
