// A model folder that is written is recognised again, with every value, in each precision and in shards.
import { expect, test } from 'vitest';
import type { WeightSource } from '../../../src/formats/architecture.ts';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { parseConfig } from '../../../src/formats/config.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { blocksOf } from '../../../src/formats/families.ts';
import { float16Bits } from '../../../src/formats/halves.ts';
import { modelFolder } from '../../../src/formats/hfFolder.ts';
import { collect } from '../../../src/formats/outputFile.ts';
import { FAMILY_FOLDERS, familyFolder, openWeights, readText } from '../../support/goldenFolder.ts';

async function f32(weights: WeightSource, { name, shape }: { name: string; shape: readonly number[] }): Promise<Float32Array> {
  const { dtype, bytes } = await weights.read(
    name,
    0,
    shape.reduce((a, b) => a * b, 1),
  );
  if (dtype === 'F32') return new Float32Array(bytes.buffer);
  const bits = new Uint16Array(bytes.buffer);
  return new Float32Array(Uint32Array.from(bits, (half) => (dtype === 'F16' ? float16Bits(half) : half << 16)).buffer);
}

async function rewrite(name: string, dtype: 'F32' | 'F16' | 'BF16', maxShardBytes: number) {
  const config = parseConfig(readText(familyFolder(name), 'config.json'));
  const source = await openWeights(familyFolder(name));
  const parts = blocksOf(config.architecture).flatMap((block) => block.parts);
  const tensors = parts.map((part) => ({ name: part.name, shape: part.shape, read: () => source.readFloat32(part.name) }));
  const tokenizerFiles = new Map([['tokenizer_config.json', new TextEncoder().encode('{}')]]);
  const files = modelFolder({ config, tensors, tokenizerFiles, dtype, maxShardBytes });
  const bytes = await Promise.all(files.map(async (file) => ({ path: file.name, source: fromBytes(file.name, await collect(file)) })));
  return { config, source, tensors, files, found: await recognise(bytes) };
}

test.each(FAMILY_FOLDERS)('%s comes back as it was', async (name) => {
  const { config, source, files, found, tensors } = await rewrite(name, 'F32', 10_000);
  expect(files.map((file) => file.name)).toContain('model.safetensors.index.json');
  expect(found.recognised.problems).toEqual([]);
  expect(found.model!.config.architecture).toEqual(config.architecture);
  expect(found.model!.weights.tensors.size).toBe(source.tensors.size);
  for (const tensor of tensors) expect(await f32(found.model!.weights, tensor)).toEqual(await tensor.read());
  for (const dtype of ['F16', 'BF16'] as const) {
    const half = await rewrite(name, dtype, 1e9);
    expect(half.found.recognised.model!.dtype).toBe(dtype);
    const raw = half.found.model!.config.raw;
    expect(raw.dtype).toBe(dtype === 'F16' ? 'float16' : 'bfloat16');
    for (const tensor of tensors) {
      const [have, wanted] = [await f32(half.found.model!.weights, tensor), await tensor.read()];
      const worst = have.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!) - Math.abs(wanted[i]!) / 256), 0);
      expect(worst).toBeLessThan(1e-7);
    }
  }
});

test('generation settings that came are kept; else the token ids of the config are written', async () => {
  const config = parseConfig(readText(familyFolder('llama2'), 'config.json'));
  const files = (tokenizerFiles: Map<string, Uint8Array>) => modelFolder({ config, tensors: [], tokenizerFiles });
  const text = async (name: string, list: ReturnType<typeof files>) =>
    new TextDecoder().decode(await collect(list.find((file) => file.name === name)!));
  const made = files(new Map());
  expect(made.map((file) => file.name)).toEqual(['generation_config.json', 'config.json', 'model.safetensors']);
  expect(JSON.parse(await text('generation_config.json', made))).toEqual({ _from_model_config: true, bos_token_id: 1, eos_token_id: 2 });
  const kept = files(new Map([['generation_config.json', new TextEncoder().encode('{"a":1}')]]));
  expect(await text('generation_config.json', kept)).toBe('{"a":1}');
  expect(kept).toHaveLength(3);
});
