// LoRA adapters, loaded from their folders, against peft: see make_lora.py.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { parseConfig } from '../../src/formats/config.ts';
import { writePeft } from '../../src/formats/peft.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { readAdapterFolder } from '../../src/headless/files.ts';
import { Generator } from '../../src/model/generator.ts';
import type { Transformer, TransformerOptions } from '../../src/model/transformer.ts';
import { familyFolder, LORA_FOLDERS, type LoraGolden, loraFolder, openWeights, readJson, readTensors } from '../support/goldenFolder.ts';
import {
  backward,
  largestDifference,
  loadFamily,
  lossOf,
  normalisedError,
  openTestGpu,
  readLogits,
  relative,
  settingsOf,
  train,
} from '../support/goldenModel.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openTestGpu();
});
afterAll(() => gpu?.destroy());

describe.each(LORA_FOLDERS)('the adapter of %s', (name) => {
  const folder = loraFolder(name);
  const golden = readJson<LoraGolden>(folder, 'golden/golden.json');
  const { architecture } = parseConfig(readFileSync(join(familyFolder(golden.base), 'config.json'), 'utf8'));
  const models: Transformer[] = [];
  const load = async (options: TransformerOptions = {}): Promise<Transformer> => {
    const adapter = await readAdapterFolder(folder, architecture);
    const model = await loadFamily(gpu, golden.base, { ...options, lora: adapter });
    models.push(model);
    await model.loadAdapter(adapter.layers);
    return model;
  };
  afterEach(() => {
    for (const model of models.splice(0)) model.destroy();
  });

  /** The adapter's tensors under the names that PEFT gives them. */
  async function written(model: Transformer): Promise<Map<string, Float32Array>> {
    const { settings } = model.adapters!;
    const { rank, alpha, dropout, targets } = settings;
    const files = await writePeft(architecture, { rank, alpha, dropout, targets: [...targets], layers: await model.readAdapter() });
    const file = await readSafetensors(fromBytes('adapter_model.safetensors', files.get('adapter_model.safetensors')!));
    const tensors = new Map<string, Float32Array>();
    for (const key of file.tensors.keys()) tensors.set(key, await file.readFloat32(key));
    return tensors;
  }

  it('is written back from the GPU as peft saved it', async () => {
    const tensors = await written(await load());
    const saved = await readTensors(folder, 'adapter_model.safetensors');
    expect([...tensors.keys()].sort()).toEqual([...saved.keys()].sort());
    for (const [key, values] of saved) expect(tensors.get(key), key).toEqual(values);
  });

  it.each(['f32', 'f16'] as const)('gives the logits of every position, over weights in %s', async (storage) => {
    const model = await load({ storage });
    const wanted = await readTensors(folder, 'golden/logits.safetensors');
    for (const [i, prompt] of golden.prompts.entries())
      expect(largestDifference(await readLogits(model, prompt), wanted.get(`logits.${i}`)!), `prompt ${i}`).toBeLessThanOrEqual(
        storage === 'f32' ? 1e-4 : 0.05,
      );
  });

  it('continues prompts as peft does, greedily, over 64 tokens', async () => {
    const model = await load();
    const generator = await Generator.make(model, { slots: 2, capacity: Math.max(...golden.prompts.map((p) => p.length)) + 64 });
    const results = await generator.generateAll(golden.prompts.map((promptIds) => ({ promptIds, maxTokens: 64 })));
    generator.destroy();
    expect(results.map(({ ids }) => ids)).toEqual(golden.greedy);
  });

  it('has the gradient of every A and B to a normalised squared error of 1e-6', async () => {
    const model = await load();
    expect(relative(await lossOf(model, golden.prompts), golden.loss)).toBeLessThan(1e-5);
    const optimizer = await backward(model, golden.prompts);
    // the adapter's values become its gradients, so that they are written under the names of the file
    model.adapters!.arena.copyFrom(optimizer.gradients);
    optimizer.destroy();
    const gradients = await written(model);
    const wanted = await readTensors(folder, 'golden/gradients.safetensors');
    expect([...gradients.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [key, reference] of wanted) expect(normalisedError(gradients.get(key)!, reference), key).toBeLessThanOrEqual(1e-6);
  });

  it('follows ten AdamW steps of the adapter alone to 1e-4, and leaves the model as it was', async () => {
    const model = await load();
    const { lines, batch, steps, lossAfter, weights } = golden.adamw;
    const reports = await train(model, lines, batch, steps.length, settingsOf(golden.adamw));
    for (const [i, wanted] of steps.entries()) {
      expect(relative(reports[i]!.loss, wanted.loss), `loss of step ${i + 1}`).toBeLessThan(1e-4);
      expect(relative(reports[i]!.gradNorm, wanted.gradNorm), `norm of step ${i + 1}`).toBeLessThan(1e-4);
    }
    expect(relative(await lossOf(model, lines.slice(0, batch)), lossAfter), 'loss after').toBeLessThan(1e-4);
    for (const [key, data] of await written(model)) {
      const { norm, samples } = weights[key]!;
      if (norm !== null) expect(relative(Math.hypot(...data), norm), key).toBeLessThan(1e-4);
      for (const [index, value] of samples) expect(Math.abs(data[index]! - value), `${key}[${index}]`).toBeLessThan(1e-4);
    }
    const source = await openWeights(familyFolder(golden.base));
    for (const { name: key, data } of await model.readAll()) expect(data, key).toEqual(await source.readFloat32(key));
  });

  it('merges into the weights as peft merges it', async () => {
    const model = await load();
    const wanted = await readTensors(folder, 'golden/merged.safetensors');
    const source = await openWeights(familyFolder(golden.base));
    for (const { name: key, read } of model.tensors({ merge: true })) {
      const values = await read();
      if (wanted.has(key)) expect(largestDifference(values, wanted.get(key)!), key).toBeLessThanOrEqual(1e-6);
      else expect(values, key).toEqual(await source.readFloat32(key));
    }
  });
});
