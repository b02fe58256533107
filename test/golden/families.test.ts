// Tiny models of every family, loaded from their folders, against transformers: see make_families.py and make_text.py. On the adapter of the
// command line (RA3_ADAPTER chooses another).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { parseConfig } from '../../src/formats/config.ts';
import { blocksOf, ignoredTensor } from '../../src/formats/families.ts';
import { modelFolder } from '../../src/formats/hfFolder.ts';
import { collect } from '../../src/formats/outputFile.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { readModelFolder } from '../../src/headless/files.ts';
import { Generator } from '../../src/model/generator.ts';
import { Transformer, type TransformerOptions } from '../../src/model/transformer.ts';
import { generateText } from '../../src/run/generateText.ts';
import { promptIds } from '../../src/run/promptText.ts';
import { FAMILY_FOLDERS, familyFolder, type Golden, openWeights, readJson, readTensors, type TextGolden } from '../support/goldenFolder.ts';
import {
  backward,
  largestDifference,
  loadFamily,
  lossOf,
  normalisedError,
  openTestGpu,
  readGradients,
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

describe.each(FAMILY_FOLDERS)('%s', (name) => {
  const folder = familyFolder(name);
  const config = parseConfig(readFileSync(join(folder, 'config.json'), 'utf8'));
  const { architecture } = config;
  const golden = readJson<Golden>(folder, 'golden/golden.json');
  const models: Transformer[] = [];
  const load = async (options: TransformerOptions = {}): Promise<Transformer> => {
    const model = await loadFamily(gpu, name, options);
    models.push(model);
    return model;
  };
  afterEach(() => {
    for (const model of models.splice(0)) model.destroy();
  });

  it('is the same model in the words of transformers 4 and 5', () => {
    expect(parseConfig(readFileSync(join(folder, 'golden/config.4.json'), 'utf8')).architecture).toEqual(architecture);
  });

  it('has every tensor that its config.json promises, and no other', async () => {
    const { tensors } = await openWeights(folder);
    const parts = blocksOf(architecture).flatMap((block) => block.parts);
    for (const part of parts) expect(tensors.get(part.name)?.shape, part.name).toEqual(part.shape);
    const others = [...tensors.keys()].filter((key) => !parts.some((part) => part.name === key) && !ignoredTensor(architecture, key));
    expect(others).toEqual([]);
  });

  it('gives the logits of every position to 1e-4', async () => {
    const model = await load();
    const wanted = await readTensors(folder, 'golden/logits.safetensors');
    for (const [i, prompt] of golden.prompts.entries())
      expect(largestDifference(await readLogits(model, prompt), wanted.get(`logits.${i}`)!), `prompt ${i}`).toBeLessThanOrEqual(1e-4);
  });

  it('continues both prompts side by side as transformers does, greedily, over 64 tokens', async () => {
    const model = await load();
    const capacity = Math.max(...golden.prompts.map((prompt) => prompt.length)) + 64;
    const generator = await Generator.make(model, { slots: 2, capacity });
    const results = await generator.generateAll(golden.prompts.map((promptIds) => ({ promptIds, maxTokens: 64 })));
    generator.destroy();
    expect(results.map(({ ids }) => ids)).toEqual(golden.greedy);
  });

  it('gives the gradient of every parameter to a normalised squared error of 1e-6', async () => {
    const model = await load();
    expect(relative(await lossOf(model, golden.prompts), golden.loss)).toBeLessThan(1e-5);
    const optimizer = await backward(model, golden.prompts);
    const gradients = await readGradients(model, optimizer);
    optimizer.destroy();
    const wanted = await readTensors(folder, 'golden/gradients.safetensors');
    expect([...gradients.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [key, reference] of wanted) expect(normalisedError(gradients.get(key)!, reference), key).toBeLessThanOrEqual(1e-6);
  });

  it('follows ten AdamW steps to 1e-4', async () => {
    const model = await load();
    const { lines, batch, steps, lossAfter, weights } = golden.adamw;
    const reports = await train(model, lines, batch, steps.length, settingsOf(golden.adamw));
    for (const [i, wanted] of steps.entries()) {
      expect(relative(reports[i]!.loss, wanted.loss), `loss of step ${i + 1}`).toBeLessThan(1e-4);
      expect(relative(reports[i]!.gradNorm, wanted.gradNorm), `norm of step ${i + 1}`).toBeLessThan(1e-4);
    }
    expect(relative(await lossOf(model, lines.slice(0, batch)), lossAfter), 'loss after').toBeLessThan(1e-4);
    for (const { name: key, data } of await model.readAll()) {
      const { norm, samples } = weights[key]!;
      if (norm !== null) expect(relative(Math.hypot(...data), norm), key).toBeLessThan(1e-4);
      for (const [index, value] of samples) expect(Math.abs(data[index]! - value), `${key}[${index}]`).toBeLessThan(1e-4);
    }
  });

  it('is written to a folder that reads back with the same bits, in f32 and as it was stored', async () => {
    const model = await load();
    const source = await openWeights(folder);
    const stored = [...source.tensors.values()][0]!.dtype as 'F32' | 'F16' | 'BF16';
    for (const dtype of new Set(['F32', stored] as const)) {
      const files = new Map<string, Uint8Array>();
      for (const file of modelFolder({ config, tensors: model.tensors(), tokenizerFiles: new Map(), dtype }))
        files.set(file.name, await collect(file));
      expect(parseConfig(new TextDecoder().decode(files.get('config.json'))).architecture).toEqual(architecture);
      const written = await readSafetensors(fromBytes('model.safetensors', files.get('model.safetensors')!));
      expect([...written.tensors.keys()].sort()).toEqual([...source.tensors.keys()].sort());
      for (const [key, { shape }] of source.tensors) {
        expect(written.tensors.get(key), key).toMatchObject({ shape, dtype });
        expect(await written.readFloat32(key), key).toEqual(await source.readFloat32(key));
      }
      const again = await Transformer.make(gpu, architecture);
      models.push(again);
      await again.load(written);
      expect(await readLogits(again, golden.prompts[0]!)).toEqual(await readLogits(model, golden.prompts[0]!));
    }
  });

  it('kept in f16 alone: the same where the file has 16 bits, else within what rounding the weights explains', async () => {
    const model = await load({ storage: 'f16' });
    const wanted = await readTensors(folder, 'golden/logits.safetensors');
    const isRounded = [...(await openWeights(folder)).tensors.values()].every(({ dtype }) => dtype !== 'F32');
    const difference = largestDifference(await readLogits(model, golden.prompts[1]!), wanted.get('logits.1')!);
    expect(difference).toBeLessThanOrEqual(isRounded ? 1e-4 : 0.05);
  });
});

it('reads GPT-2 as the first files named it: no "transformer." before the names, attention masks among the weights', async () => {
  const folder = familyFolder('gpt2');
  const source = await openWeights(folder);
  const tensors = new Map([...source.tensors].map(([key, entry]) => [key.replace('transformer.', ''), entry] as const));
  tensors.set('h.0.attn.bias', { ...tensors.get('wte.weight')!, shape: [1, 1, 96, 96] });
  const model = await Transformer.make(gpu, parseConfig(readFileSync(join(folder, 'config.json'), 'utf8')).architecture);
  await model.load({ tensors, read: (key, first, count) => source.read(`transformer.${key}`, first, count) });
  const [prompt] = readJson<Golden>(folder, 'golden/golden.json').prompts;
  const wanted = await readTensors(folder, 'golden/logits.safetensors');
  expect(largestDifference(await readLogits(model, prompt!), wanted.get('logits.0')!)).toBeLessThanOrEqual(1e-4);
  model.destroy();
});

describe.each(['llama2', 'llama_linear', 'qwen2'])('the text of %s', (name) => {
  const golden = readJson<TextGolden>(familyFolder(name), 'golden/text.json');

  it('has the ids and the continuation of transformers', async () => {
    const folder = await readModelFolder(familyFolder(name));
    expect(await promptIds(folder, { text: golden.prompt })).toEqual(golden.ids);
    const result = await generateText(gpu, folder, { prompt: { text: golden.prompt }, maxTokens: golden.continuation.length });
    expect(result.ids).toEqual(golden.continuation);
    expect(result.text).toBe(golden.text);
    if (golden.chat) expect(await promptIds(folder, { messages: golden.chat.messages })).toEqual(golden.chat.ids);
  });
});
