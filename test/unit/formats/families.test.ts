// Which tensors of a family's files make up which blocks, against files that transformers wrote.
import { describe, expect, test } from 'vitest';
import type { TensorPart } from '../../../src/formats/architecture.ts';
import { parseConfig } from '../../../src/formats/config.ts';
import { blocksOf, FAMILIES, ignoredTensor } from '../../../src/formats/families.ts';
import { FAMILY_FOLDERS, familyFolder, openWeights, readText } from '../../support/goldenFolder.ts';

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const architectureOf = (name: string) => parseConfig(readText(familyFolder(name), 'config.json')).architecture;

describe.each(FAMILY_FOLDERS)('%s', (name) => {
  const architecture = architectureOf(name);
  const blocks = blocksOf(architecture);

  test('every tensor of the file is a part of one block, with its shape', async () => {
    const { tensors } = await openWeights(familyFolder(name));
    const used = new Set<string>();
    for (const part of blocks.flatMap((block) => block.parts)) {
      const found = [part.name, ...part.aliases].find((each) => tensors.has(each));
      expect(found, part.name).toBe(part.name);
      expect(used.has(part.name)).toBe(false);
      used.add(part.name);
      expect(tensors.get(part.name)!.shape, part.name).toEqual(part.shape);
    }
    for (const tensor of tensors.keys()) expect(used.has(tensor) || ignoredTensor(architecture, tensor), tensor).toBe(true);
  });

  test('the parts of a block fill it, and every linear layer names its module', () => {
    expect(new Set(blocks.map((block) => block.key)).size).toBe(blocks.length);
    for (const { key, shape, parts } of blocks) {
      expect(parts.reduce((sum, part) => sum + count(part.shape), 0)).toBe(count(shape));
      const isLinear = /^\d+\.(qkv|o|up|down)$/.test(key);
      for (const part of parts) {
        expect(part.module).toBe(isLinear ? part.name.split('.').at(-2) : null);
        const rows = part.layout === 'transposed' ? part.shape[1]! : part.shape[0]!;
        const columns = count(part.shape) / rows;
        if (shape.length === 2) expect(columns).toBe(shape[1]);
      }
    }
  });
});

test('keys come in the order of the forward pass', () => {
  const keys = (name: string) => blocksOf({ ...architectureOf(name), layers: 1 }).map((block) => block.key);
  const layer = ['0.norm1', '0.qkv', '0.o', '0.norm2', '0.up', '0.down'];
  expect(keys('llama3')).toEqual(['embed', ...layer, 'norm']);
  expect(keys('llama2')).toEqual(['embed', ...layer, 'norm', 'head']);
  expect(keys('gemma3_text')).toEqual([
    'embed',
    '0.norm1',
    '0.qkv',
    '0.qNorm',
    '0.kNorm',
    '0.o',
    '0.postNorm1',
    '0.norm2',
    '0.up',
    '0.down',
    '0.postNorm2',
    'norm',
  ]);
  const withBiases = layer.flatMap((key) => [key, `${key}.bias`]);
  expect(keys('gpt2')).toEqual(['embed', 'positions', ...withBiases, 'norm', 'norm.bias']);
  expect(keys('gpt_neox')).toEqual(['embed', ...withBiases, 'norm', 'norm.bias', 'head']);
});

test('GPT-2 stores matrices transposed, GPT-NeoX q, k and v by heads, and other names are found', () => {
  const part = (name: string, key: string): TensorPart => blocksOf(architectureOf(name)).find((block) => block.key === key)!.parts[0]!;
  expect(part('gpt2', '1.qkv')).toEqual({
    name: 'transformer.h.1.attn.c_attn.weight',
    aliases: ['h.1.attn.c_attn.weight'],
    shape: [24, 72],
    layout: 'transposed',
    module: 'c_attn',
  });
  expect(part('gpt2', '1.qkv.bias')).toMatchObject({ shape: [72], layout: 'plain', module: null });
  expect(part('gpt_neox', '0.qkv')).toMatchObject({ layout: 'headMajorQkv', module: 'query_key_value' });
  expect(part('gpt_neox', '0.qkv.bias')).toMatchObject({ layout: 'headMajorQkv' });
  expect(part('gpt_neox', '0.o')).toMatchObject({ layout: 'plain', module: 'dense' });
  expect(part('gpt_neox', 'head')).toMatchObject({ name: 'embed_out.weight', aliases: ['lm_head.weight'] });
  expect(part('llama2', 'embed')).toMatchObject({ aliases: ['embed_tokens.weight'] });
});

test('masks, rotary frequencies and tied heads are passed over, biases are not', () => {
  const gpt2 = architectureOf('gpt2');
  const neox = architectureOf('gpt_neox');
  for (const name of ['transformer.h.0.attn.bias', 'h.3.attn.masked_bias', 'lm_head.weight']) expect(ignoredTensor(gpt2, name)).toBe(true);
  expect(ignoredTensor(gpt2, 'transformer.h.0.attn.c_attn.bias')).toBe(false);
  for (const name of ['gpt_neox.layers.0.attention.bias', 'gpt_neox.layers.0.attention.rotary_emb.inv_freq']) {
    expect(ignoredTensor(neox, name)).toBe(true);
  }
  expect(ignoredTensor(neox, 'lm_head.weight')).toBe(false);
  expect(ignoredTensor(neox, 'gpt_neox.layers.0.attention.dense.bias')).toBe(false);
});

test('a family is described once', () => {
  expect(new Set(FAMILIES.map((family) => family.type)).size).toBe(FAMILIES.length);
});
