// R18: twelve mixes of what people drop together, with GGUF files and folders of every family: at most one model, the right one, every file that is left
// out named with a sentence that says what to do, and nothing thrown. R15: Parquet, hostile or not, is refused by its first bytes.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { writeBundle } from '../../../src/share/bundle.ts';
import { FAMILY_FOLDERS, familyFolder, loraFolder } from '../../support/goldenFolder.ts';

type Files = Record<string, Uint8Array>;
const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const gguf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../../golden/gguf/${name}.gguf`, import.meta.url)));

/** The files of a folder, below `under`. */
function folder(path: string, under = ''): Files {
  const names = readdirSync(path).filter((name) => statSync(join(path, name)).isFile());
  return Object.fromEntries(names.map((name) => [under + name, new Uint8Array(readFileSync(join(path, name)))]));
}
const family = (name: string, under = ''): Files => folder(familyFolder(name), under);
const without = (files: Files, ...names: string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !names.includes(path)));

const drop = (files: Files) =>
  recognise(Object.entries(files).map(([path, bytes]) => ({ path, source: fromBytes(path.split('/').at(-1)!, bytes) })));

const ROWS = text('{"prompt":"p","solution":"s"}\n');
const RECIPE = text(JSON.stringify({ version: 1, name: 'x', task: {}, arms: [] }));
const PICKLE = Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c);

interface Expected {
  /** Of the model that is taken. */
  family: string | null;
  tokenizer?: boolean;
  dataset?: string;
  recipe?: boolean;
  /** Files that are refused, in order of their names. */
  problems: string[];
}

const MIXES: [string, Files, Expected][] = [
  [
    'a GGUF file, rows and a recipe',
    { 'm.gguf': gguf('qwen3'), 'rows.jsonl': ROWS, 'recipe.json': RECIPE },
    { family: 'qwen3', tokenizer: false, dataset: 'rows.jsonl', recipe: true, problems: [] },
  ],
  ['two GGUF files', { 'a.gguf': gguf('gpt2'), 'b.gguf': gguf('qwen2') }, { family: 'gpt2', problems: ['b.gguf'] }],
  [
    'a folder and a GGUF file of the same model',
    { ...family('qwen2'), 'q.gguf': gguf('qwen2') },
    { family: 'qwen2', tokenizer: true, problems: ['q.gguf'] },
  ],
  [
    'a GGUF file, which has a config of its own, beside the config.json of another family',
    { 'm.gguf': gguf('gemma3'), 'config.json': family('gpt2')['config.json']! },
    { family: 'gemma3_text', problems: [] },
  ],
  [
    'two folders of two families',
    { ...family('llama2', 'llama/'), ...family('gpt_neox', 'neox/') },
    { family: 'llama', problems: ['neox/config.json', 'neox/model.safetensors'] },
  ],
  [
    'a folder with a pickle of the same weights beside',
    { ...family('gpt2'), 'pytorch_model.bin': PICKLE },
    { family: 'gpt2', problems: ['pytorch_model.bin'] },
  ],
  [
    'a folder and a LoRA adapter',
    { ...family('qwen2'), ...folder(loraFolder('qwen2')) },
    { family: 'qwen2', tokenizer: true, problems: ['adapter_config.json', 'adapter_model.safetensors'] },
  ],
  ['an adapter alone', folder(loraFolder('gpt2')), { family: null, problems: ['adapter_config.json', 'adapter_model.safetensors'] }],
  [
    'shards of which one is missing',
    without(family('mistral'), 'model-00002-of-00003.safetensors'),
    { family: null, problems: ['model-00003-of-00003.safetensors'] },
  ],
  [
    'weights of one family with the config of another',
    { ...without(family('llama2'), 'config.json'), 'config.json': family('gpt2')['config.json']! },
    { family: null, problems: ['model.safetensors'] },
  ],
  [
    'a folder with the tokenizer of a larger vocabulary',
    { ...family('llama_linear'), 'tokenizer.json': family('qwen2')['tokenizer.json']! },
    { family: 'llama', tokenizer: false, problems: ['tokenizer.json'] },
  ],
  [
    'a folder, Parquet rows, a picture and a bundle of a run',
    {
      ...family('gemma3_text'),
      'train.parquet': text('PAR1 ... PAR1'),
      'plot.png': Uint8Array.of(0x89, 0x50, 0x4e, 0x47),
      'run.zip': writeBundle({ 'recipe.json': new TextDecoder().decode(RECIPE), 'model/ra3/config.json': '{}' }),
    },
    { family: 'gemma3_text', recipe: true, problems: ['plot.png', 'train.parquet'] },
  ],
];

describe('R18 mixes of dropped files', () => {
  test.each(MIXES)('%s', async (_, files, expected) => {
    const { recognised, recipeText, model } = await drop(files);
    const said = {
      family: recognised.model?.family ?? null,
      ...(expected.tokenizer === undefined ? {} : { tokenizer: recognised.model?.hasTokenizer ?? false }),
      dataset: recognised.dataset?.name ?? null,
      recipe: recipeText !== null,
      problems: recognised.problems.map((p) => p.file).sort(),
    };
    expect(said, JSON.stringify(recognised.problems, null, 1)).toEqual({ dataset: null, recipe: false, ...expected });
    expect(model !== null).toBe(expected.family !== null);
    for (const { message } of recognised.problems) expect(message).toMatch(/^.{20,}[.]$/s);
  });

  test.each(FAMILY_FOLDERS)('the files of %s one by one: none is a model, none is thrown at', async (name) => {
    for (const [path, bytes] of Object.entries(family(name))) expect((await drop({ [path]: bytes })).model).toBeNull();
  });

  test('any order of the files gives the same', async () => {
    const files = Object.entries({ ...family('qwen2'), 'q.gguf': gguf('qwen3'), 'rows.jsonl': ROWS });
    const expected = (await drop(Object.fromEntries(files))).recognised;
    for (let turn = 1; turn < files.length; turn++) {
      const turned = Object.fromEntries([...files.slice(turn), ...files.slice(0, turn)]);
      expect((await drop(turned)).recognised).toEqual(expected);
    }
  });
});

describe('R15 hostile Parquet', () => {
  test.each([
    ['valid first and last bytes', text('PAR1....PAR1')],
    ['a footer that states 4 GB', Uint8Array.of(...text('PAR1'), 0xff, 0xff, 0xff, 0xff, ...text('PAR1'))],
    ['four bytes', text('PAR1')],
    ['another name', text(`PAR1${'x'.repeat(1000)}`)],
  ])('%s: refused by its first bytes, with the way to convert', async (name, bytes) => {
    let read = 0;
    const source = fromBytes('rows.parquet', bytes);
    const path = name === 'another name' ? 'rows.jsonl' : 'rows.parquet';
    const counted = {
      ...source,
      read: (offset: number, length: number) => {
        read += length;
        return source.read(offset, length);
      },
    };
    const { recognised, dataset } = await recognise([{ path, source: counted }]);
    expect(dataset).toBeNull();
    expect(recognised.problems).toEqual([
      { file: path, message: expect.stringMatching(/is a Parquet file, which is not read\. Convert it: .*to_json/) },
    ]);
    expect(read).toBeLessThanOrEqual(1024);
  });
});
