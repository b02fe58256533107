// Tiny models of every family against transformers, see make_families.py and make_text.py.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/formats/config.ts';
import { blocksOf, ignoredTensor } from '../../src/formats/families.ts';
import { loadTokenizer } from '../../src/formats/tokenizer.ts';
import { FAMILY_FOLDERS, familyFolder, openWeights, readJson, type TextGolden } from '../support/goldenFolder.ts';

describe.each(FAMILY_FOLDERS)('%s', (name) => {
  const folder = familyFolder(name);
  const config = parseConfig(readFileSync(join(folder, 'config.json'), 'utf8'));
  const { architecture } = config;

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
});

describe.each(['llama2', 'llama_linear', 'qwen2'])('the tokenizer of %s', (name) => {
  const folder = familyFolder(name);
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const golden = readJson<TextGolden>(folder, 'golden/text.json');

  it('gives the ids and the text of transformers', () => {
    const tokenizer = loadTokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
    expect(tokenizer.encode(golden.prompt, { addBos: true })).toEqual(golden.ids);
    expect(tokenizer.decode(golden.continuation)).toBe(golden.text);
  });
});
