// What real small models take, by their shapes alone: every allocation of loading, generating and training is made on a GPU that only counts, under
// WebGPU's default limits and under generous ones.
import { describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../../../src/formats/config.ts';
import { countingGpu } from '../../../src/gpu/counting.ts';
import type { GpuContext } from '../../../src/gpu/context.ts';
import { Generator } from '../../../src/model/generator.ts';
import { ADAMW_DEFAULTS } from '../../../src/model/optimizer.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { estimateMemory, type FineTuneSettings } from '../../../src/run/fineTune.ts';

const QWEN25_05B = {
  model_type: 'qwen2',
  architectures: ['Qwen2ForCausalLM'],
  hidden_size: 896,
  intermediate_size: 4864,
  num_hidden_layers: 24,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  vocab_size: 151_936,
  max_position_embeddings: 32_768,
  rope_theta: 1e6,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
};
const SMOLLM2_135M = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  vocab_size: 49_152,
  max_position_embeddings: 8192,
  rope_theta: 1e5,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};
const GB4 = 4 * 2 ** 30;
/** Node has no WebGPU of its own; a GPU that only counts never looks at the flags. */
vi.stubGlobal('GPUBufferUsage', {});

/** A device of which only the limits are real. */
function deviceOf(bindingBytes: number, bufferBytes: number): GpuContext {
  const limits = {
    maxStorageBufferBindingSize: bindingBytes,
    maxBufferSize: bufferBytes,
    maxComputeWorkgroupsPerDimension: 65_535,
    maxStorageBuffersPerShaderStage: 8,
    minStorageBufferOffsetAlignment: 256,
  };
  return { device: { limits, features: new Set() }, software: false, features: new Set(), subgroupSize: null } as unknown as GpuContext;
}
const DEVICES: [string, GpuContext][] = [
  ['default limits', deviceOf(128 * 2 ** 20, 256 * 2 ** 20)],
  ['2 GiB bindings', deviceOf(2 ** 31 - 4, 4 * 2 ** 30)],
];

const settings = (changes: Partial<FineTuneSettings>): FineTuneSettings => ({
  steps: 1,
  batch: 1,
  microBatch: 1,
  T: 512,
  pack: false,
  adamw: ADAMW_DEFAULTS,
  schedule: { kind: 'constant', warmupSteps: 0, minRatio: 0 },
  lora: null,
  storage: 'f32',
  checkpoint: true,
  moments: 'f32',
  ema: 0,
  seed: 0,
  ...changes,
});

describe.each(DEVICES)('on a device with %s', (_, gpu) => {
  it('a Qwen2.5-0.5B takes LoRA steps of 512 tokens within 4 GB, in f16 and in f32', async () => {
    const { architecture } = parseConfig(JSON.stringify(QWEN25_05B));
    const lora = { rank: 16, alpha: 32, targets: ['all-linear'], dropout: 0 };
    expect(await estimateMemory(gpu, architecture, settings({ lora, storage: 'f16' }))).toBeLessThan(GB4);
    expect(await estimateMemory(gpu, architecture, settings({ lora, storage: 'f32' }))).toBeLessThan(GB4);
  });

  it('a Qwen2.5-0.5B generates 8 texts of 1,024 tokens within 4 GB, without full logits', async () => {
    const { architecture } = parseConfig(JSON.stringify(QWEN25_05B));
    const counting = countingGpu(gpu);
    const model = await Transformer.make(counting, architecture, { storage: 'f16' });
    expect(model.parameterCount).toBe(494_032_768);
    const generator = await Generator.make(model, { slots: 8, capacity: 1024 });
    expect(counting.peakBytes()).toBeLessThan(GB4);
    generator.destroy();
    model.destroy();
    expect(counting.bytesInUse()).toBe(0);
  });

  it('a SmolLM2-135M takes full steps of 512 tokens within 4 GB, with f32 and with 8-bit moments', async () => {
    const { architecture } = parseConfig(JSON.stringify(SMOLLM2_135M));
    const plain = await estimateMemory(gpu, architecture, settings({}));
    const small = await estimateMemory(gpu, architecture, settings({ moments: '8bit' }));
    expect(plain).toBeLessThan(GB4);
    expect(small).toBeLessThan(plain - 5 * 134_515_008);
    expect(await estimateMemory(gpu, architecture, settings({ storage: 'mixed' }))).toBeLessThan(GB4);
  });
});
