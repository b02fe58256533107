// A dropped GGUF file is a whole model: config, weights and tokenizer; what stands beside it wins or is named.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { str, writeGguf } from '../../support/ggufWriter.ts';

const golden = (name: string) => new Uint8Array(readFileSync(new URL(`../../golden/${name}`, import.meta.url)));
const drop = (files: Record<string, Uint8Array>) =>
  recognise(Object.entries(files).map(([path, bytes]) => ({ path, source: fromBytes(path, bytes) })));

test('one file is a model with its tokenizer, which is kept for writing back', async () => {
  const { recognised, model } = await drop({ 'models/Qwen2-tiny-Q8_0.gguf': golden('gguf/qwen2.gguf') });
  expect(recognised.problems).toEqual([]);
  expect(recognised.model).toMatchObject({
    name: 'Qwen2-tiny-Q8_0',
    family: 'qwen2',
    dtype: 'Q8_0/F32',
    context: 64,
    layers: 2,
    hasTokenizer: true,
  });
  expect(model!.config.eosIds).toEqual(model!.tokenizer!.encode('<|end|>', { addBos: false }));
  expect([...model!.tokenizerFiles.keys()].sort()).toEqual(['tokenizer.json', 'tokenizer_config.json']);
  expect((await model!.weights.read('model.norm.weight', 0, 32)).bytes.length).toBe(128);
});

test('a tokenizer.json beside it wins; a config.json beside it is not needed', async () => {
  const { recognised, model } = await drop({
    'gpt2.gguf': golden('gguf/gpt2.gguf'),
    'tokenizer.json': new TextEncoder().encode(
      JSON.stringify({ model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] }, decoder: { type: 'Fuse' } }),
    ),
    'config.json': golden('families/qwen2/config.json'),
  });
  expect(recognised).toMatchObject({ model: { name: 'gpt2', family: 'gpt2', hasTokenizer: true }, problems: [] });
  expect(model!.tokenizer!.size).toBe(2);
});

test('a second file, a folder beside it, a tokenizer that is not read: named, the rest works', async () => {
  const two = await drop({ 'a.gguf': golden('gguf/gpt2.gguf'), 'b.gguf': golden('gguf/qwen3.gguf') });
  expect(two.recognised).toMatchObject({ model: { name: 'a', hasTokenizer: false }, problems: [{ file: 'b.gguf' }] });
  const bytes = golden('gguf/qwen2.gguf');
  const at = Buffer.from(bytes).indexOf('tokenizer.ggml.pre') + 'tokenizer.ggml.pre'.length + 12;
  bytes.set(new TextEncoder().encode('qwen9'), at);
  const unknown = await drop({ 'm.gguf': bytes });
  expect(unknown.recognised).toMatchObject({
    model: { hasTokenizer: false },
    problems: [{ file: 'm.gguf', message: expect.stringMatching('"qwen9"') }],
  });
  const foreign = await drop({ 'm.gguf': writeGguf({ 'general.architecture': str('clip') }, []) });
  expect(foreign.recognised).toMatchObject({ model: null, problems: [{ file: 'm.gguf', message: expect.stringMatching('"clip"') }] });
});
