// A model folder that is written is recognised again, with every value, in each precision and in shards.
import { expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { parseConfig } from '../../../src/formats/config.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { blocksOf } from '../../../src/formats/families.ts';
import { modelFolder } from '../../../src/formats/hfFolder.ts';
import { collect } from '../../../src/formats/outputFile.ts';
import { goldenNames, goldenText, goldenWeights } from './goldenFolder.ts';

async function rewrite(name: string, dtype: 'F32' | 'F16' | 'BF16', maxShardBytes: number) {
  const config = parseConfig(goldenText(`families/${name}/config.json`));
  const source = await goldenWeights(`families/${name}`);
  const parts = blocksOf(config.architecture).flatMap((block) => block.parts);
  const tensors = parts.map((part) => ({ name: part.name, shape: part.shape, read: () => source.readFloat32(part.name) }));
  const tokenizerFiles = new Map([['tokenizer_config.json', new TextEncoder().encode('{}')]]);
  const files = modelFolder({ config, tensors, tokenizerFiles, dtype, maxShardBytes });
  const bytes = await Promise.all(files.map(async (file) => ({ path: file.name, source: fromBytes(file.name, await collect(file)) })));
  return { config, source, tensors, files, found: await recognise(bytes) };
}

test.each(goldenNames('families'))('%s comes back as it was', async (name) => {
  const { config, source, files, found, tensors } = await rewrite(name, 'F32', 10_000);
  expect(files.map((file) => file.name)).toContain('model.safetensors.index.json');
  expect(found.recognised.problems).toEqual([]);
  expect(found.model!.config.architecture).toEqual(config.architecture);
  expect(found.model!.weights.tensors.size).toBe(source.tensors.size);
  for (const tensor of tensors) expect(await found.model!.weights.readFloat32(tensor.name)).toEqual(await tensor.read());
  for (const dtype of ['F16', 'BF16'] as const) {
    const half = await rewrite(name, dtype, 1e9);
    expect(half.found.recognised.model!.dtype).toBe(dtype);
    const raw = half.found.model!.config.raw;
    expect(raw.dtype).toBe(dtype === 'F16' ? 'float16' : 'bfloat16');
    for (const tensor of tensors) {
      const [have, wanted] = [await half.found.model!.weights.readFloat32(tensor.name), await tensor.read()];
      const worst = have.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!) - Math.abs(wanted[i]!) / 256), 0);
      expect(worst).toBeLessThan(1e-7);
    }
  }
});

test('generation settings that came are kept; else the token ids of the config are written', async () => {
  const config = parseConfig(goldenText('families/llama2/config.json'));
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
