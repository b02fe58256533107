// R18: twelve mixes of what people drop together, as data: the files, and what is to be said of them.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeBundle } from '../../src/share/bundle.ts';
import { familyFolder, loraFolder } from './goldenFolder.ts';

export type Files = Record<string, Uint8Array>;
export const text = (content: string): Uint8Array => new TextEncoder().encode(content);
export const parquet = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../golden/parquet/${name}.parquet`, import.meta.url)));
export const gguf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../golden/gguf/${name}.gguf`, import.meta.url)));

/** The files of a folder, below `under`. */
function folder(path: string, under = ''): Files {
  const names = readdirSync(path).filter((name) => statSync(join(path, name)).isFile());
  return Object.fromEntries(names.map((name) => [under + name, new Uint8Array(readFileSync(join(path, name)))]));
}
export const family = (name: string, under = ''): Files => folder(familyFolder(name), under);
const without = (files: Files, ...names: string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !names.includes(path)));

export const ROWS = text('{"prompt":"p","solution":"s"}\n');
const RECIPE = text(JSON.stringify({ version: 1, name: 'x', task: {}, arms: [] }));
const PICKLE = Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c);

export interface Expected {
  /** Of the model that is taken. */
  family: string | null;
  tokenizer?: boolean;
  dataset?: string;
  /** Of the dataset; 1 where it is left out. */
  rows?: number;
  recipe?: boolean;
  /** Files that are refused, in order of their names. */
  problems: string[];
}

export const MIXES: [string, Files, Expected][] = [
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
    'a folder, Parquet rows, others that are damaged, a picture and a bundle of a run',
    {
      ...family('gemma3_text'),
      'test.parquet': text('PAR1 ... PAR1'),
      'train.parquet': parquet('mbpp'),
      'plot.png': Uint8Array.of(0x89, 0x50, 0x4e, 0x47),
      'run.zip': writeBundle({ 'recipe.json': new TextDecoder().decode(RECIPE), 'model/ra3/config.json': '{}' }),
    },
    { family: 'gemma3_text', dataset: 'train.parquet', rows: 3, recipe: true, problems: ['plot.png', 'test.parquet'] },
  ],
];
