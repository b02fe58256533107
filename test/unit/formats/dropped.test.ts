// What a drop is recognised as, and what is said of each file that is refused.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { writeBundle } from '../../../src/share/bundle.ts';
import { FAMILY_FOLDERS, familyFolder } from '../../support/goldenFolder.ts';
import { HOSTILE_ZIPS } from '../../support/hostileZips.ts';
import { safetensorsBytes } from '../../support/safetensorsBytes.ts';
import { benchmarkFile, hasBenchmarks, hasStories, storiesFile } from './publicFiles.ts';

const CONFIG = {
  model_type: 'llama',
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  vocab_size: 4,
  max_position_embeddings: 32,
};
const embedding = (name = 'model.embed_tokens.weight') => safetensorsBytes([{ name, shape: [4, 8], data: new Float32Array(32) }]);
const tokenizerJson = (size: number) => {
  const vocab = Object.fromEntries(Array.from({ length: size }, (_, id) => [String.fromCharCode(97 + id), id]));
  return JSON.stringify({ added_tokens: [], decoder: { type: 'Fuse' }, model: { type: 'BPE', vocab, merges: [] } });
};

function drop(files: Record<string, string | Uint8Array>) {
  const sources = Object.entries(files).map(([path, content]) => {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return { path, source: fromBytes(path.split('/').at(-1)!, bytes) };
  });
  return recognise(sources);
}

test('a model folder is recognised whole; files that say nothing are passed over', async () => {
  const { recognised, model } = await drop({
    'tiny/config.json': JSON.stringify(CONFIG),
    'tiny/model.safetensors': embedding(),
    'tiny/tokenizer.json': tokenizerJson(4),
    'tiny/tokenizer_config.json': '{}',
    'tiny/generation_config.json': '{"a":1}',
    'tiny/README.md': '# Model',
    'tiny/.gitattributes': '*',
    'tiny/LICENSE': 'MIT',
  });
  expect(recognised).toEqual({
    model: { name: 'tiny', family: 'llama', parameters: 32, dtype: 'F32', context: 32, layers: 1, vocabulary: 4, hasTokenizer: true },
    dataset: null,
    problems: [],
  });
  expect([...model!.tokenizerFiles.keys()].sort()).toEqual(['generation_config.json', 'tokenizer.json', 'tokenizer_config.json']);
  expect(new TextDecoder().decode(model!.tokenizerFiles.get('generation_config.json'))).toBe('{"a":1}');
  expect(model!.tokenizer!.size).toBe(4);
});

test('shards of one model are joined and a missing one is named', async () => {
  const files = {
    'config.json': JSON.stringify(CONFIG),
    'model-00001-of-00002.safetensors': embedding(),
    'model-00002-of-00002.safetensors': embedding('lm_head.weight'),
    'model.safetensors.index.json': JSON.stringify({
      weight_map: {
        'model.embed_tokens.weight': 'model-00001-of-00002.safetensors',
        'lm_head.weight': 'model-00002-of-00002.safetensors',
      },
    }),
  };
  const both = await drop(files);
  expect(both.recognised.problems).toEqual([]);
  expect(both.recognised.model!.parameters).toBe(64);
  const { 'model-00002-of-00002.safetensors': _, ...rest } = files;
  expect((await drop(rest)).recognised.problems[0]!.message).toContain('1 of the 2 safetensors files');
  const wrong = { ...files, 'model.safetensors.index.json': '{"weight_map":{"x":"model-00001-of-00002.safetensors"}}' };
  expect((await drop(wrong)).recognised.problems[0]!.message).toContain('holds the tensor "x"; it does not');
});

test.each(FAMILY_FOLDERS)('a folder of transformers is recognised: %s', async (name) => {
  const entries = readdirSync(familyFolder(name), { withFileTypes: true }).filter((entry) => entry.isFile());
  const files = entries.map(({ name: path }) => ({
    path,
    source: fromBytes(path, new Uint8Array(readFileSync(join(familyFolder(name), path)))),
  }));
  const { model, recognised } = await recognise(files);
  expect(recognised.problems).toEqual([]);
  expect(recognised.model!.family).toBe(model!.config.architecture.family);
  expect(recognised.model!.parameters).toBe(
    [...model!.weights.tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
  );
});

test('R09 pickles are recognised by magic, refused unread, with the way to convert', async () => {
  const torchZip = writeBundle({ 'archive/data.pkl': 'x', 'archive/data/0': 'y' });
  const { recognised } = await drop({
    'a.bin': new Uint8Array([0x80, 0x02, 0x8a, 0x0a, 0x6c]),
    'b.dat': new Uint8Array([0x80, 0x04, 0x95, 0x00]),
    'c.bin': torchZip,
    'd.pkl': '(dp0\n.',
    'e.pt': 'anything',
  });
  expect(recognised.problems).toHaveLength(5);
  for (const { message } of recognised.problems) {
    expect(message).toContain('is a Python pickle, which can run any code');
    expect(message).toContain('save_pretrained("out", safe_serialization=True)');
  }
});

test('R13 a tokenizer larger than the embedding is listed and left out', async () => {
  const files = { 'config.json': JSON.stringify(CONFIG), 'model.safetensors': embedding(), 'tokenizer.json': tokenizerJson(5) };
  const { recognised, model } = await drop(files);
  expect(recognised.problems).toEqual([{ file: 'tokenizer.json', message: expect.stringContaining('5 ids but the model embeds 4') }]);
  expect(recognised.model!.hasTokenizer).toBe(false);
  expect(model!.tokenizer).toBeNull();
});

test('R16 a run bundle gives its recipe and its log alone', async () => {
  const recipe = '{"version":1,"arms":[],"task":{}}';
  const bundle = await drop({
    'run.zip': writeBundle({ 'recipe.json': recipe, 'log.jsonl': 'x', 'model/ra3/model.safetensors': embedding() }),
  });
  expect(bundle.recipeText).toBe(recipe);
  expect(bundle.log).toEqual({ file: 'run.zip', text: 'x', hasModels: true });
  expect(bundle.recognised.problems).toEqual([]);
  const alone = await drop({ 'log.jsonl': '{"type":"start","runId":"x"}\n' });
  expect(alone.log).toMatchObject({ file: 'log.jsonl' });
  expect(alone.recognised.dataset).toBeNull();
});

test.each(HOSTILE_ZIPS)('R16 hostile zips are refused by name and nothing of them is taken: %s', async (_, bytes, said) => {
  const { recipeText, log, recognised } = await drop({ 'run.zip': bytes });
  expect([recipeText, log]).toEqual([null, null]);
  expect(recognised.problems).toEqual([{ file: 'run.zip', message: expect.stringMatching(said) }]);
});

test('R14 a dataset with more than five per cent of bad rows is asked about, and nothing of it is taken before', async () => {
  const rows = '{"a":1}\n'.repeat(90) + 'oops\n'.repeat(10);
  const asked = await drop({ 'rows.jsonl': rows, 'other.jsonl': '{"a":1}\n' });
  expect(asked.dataset?.name).toBe('other.jsonl');
  const { recognised, dataset } = await drop({ 'rows.jsonl': rows });
  expect(dataset).toBeNull();
  expect(recognised).toMatchObject({ dataset: null, problems: [] });
  expect(recognised.asks).toMatchObject({
    file: 'rows.jsonl',
    goodRows: 90,
    badRows: 10,
    message: expect.stringMatching(/10 of 100 rows/),
  });
  expect(recognised.asks!.badLines.map((bad) => bad.line)).toEqual([91, 92, 93, 94, 95]);
  const source = fromBytes('rows.jsonl', new TextEncoder().encode(rows));
  const taken = await recognise([{ path: 'rows.jsonl', source }], true);
  expect(taken.recognised).toMatchObject({ dataset: { rows: 90, badRows: 10 }, problems: [] });
  expect(taken.recognised.asks).toBeUndefined();
});

describe('R18 mixes of dropped files', () => {
  const rows = '{"prompt":"p","solution":"s"}\n';
  const recipe = JSON.stringify({ version: 1, name: 'x', task: {}, arms: [] });
  const config = JSON.stringify(CONFIG);
  const mixes: [
    string,
    Record<string, string | Uint8Array>,
    { model: boolean; dataset: string | null; recipe: boolean; problems: string[] },
  ][] = [
    ['nothing', {}, { model: false, dataset: null, recipe: false, problems: [] }],
    [
      'model and rows',
      { 'm/config.json': config, 'm/model.safetensors': embedding(), 'rows.jsonl': rows },
      { model: true, dataset: 'rows.jsonl', recipe: false, problems: [] },
    ],
    [
      'model, rows, recipe',
      { 'config.json': config, 'model.safetensors': embedding(), 'r.jsonl': rows, 'recipe.json': recipe },
      { model: true, dataset: 'r.jsonl', recipe: true, problems: [] },
    ],
    ['config alone', { 'config.json': config }, { model: false, dataset: null, recipe: false, problems: ['config.json'] }],
    [
      'weights alone',
      { 'model.safetensors': embedding() },
      { model: false, dataset: null, recipe: false, problems: ['model.safetensors'] },
    ],
    [
      'bad config, good weights',
      { 'config.json': '{}', 'model.safetensors': embedding() },
      { model: false, dataset: null, recipe: false, problems: ['config.json', 'model.safetensors'] },
    ],
    [
      'weights of another model',
      { 'config.json': config, 'model.safetensors': embedding('x') },
      { model: false, dataset: null, recipe: false, problems: ['model.safetensors'] },
    ],
    [
      'two models',
      { 'a/config.json': config, 'a/model.safetensors': embedding(), 'b/config.json': config, 'b/model.safetensors': embedding() },
      { model: true, dataset: null, recipe: false, problems: ['b/config.json', 'b/model.safetensors'] },
    ],
    ['two datasets', { 'a.jsonl': rows, 'b.jsonl': rows }, { model: false, dataset: 'a.jsonl', recipe: false, problems: ['b.jsonl'] }],
    [
      'rows before text',
      { 'about.txt': 'a note', 'rows.jsonl.gz': gzipSync(new TextEncoder().encode(rows)) },
      { model: false, dataset: 'rows.jsonl.gz', recipe: false, problems: ['about.txt'] },
    ],
    ['a recipe under another name', { 'mine.json': recipe }, { model: false, dataset: null, recipe: true, problems: [] }],
    ['a broken recipe', { 'recipe.json': '{' }, { model: false, dataset: null, recipe: false, problems: ['recipe.json'] }],
    [
      'foreign binaries',
      {
        'a.gguf': 'GGUFxxxx',
        'b.parquet': 'PAR1xxxx',
        'c.png': new Uint8Array([0x89, 0x50, 0x4e, 0x47]),
        'd.h5': new Uint8Array([0x89, 0x48, 0x44, 0x46]),
      },
      { model: false, dataset: null, recipe: false, problems: ['a.gguf', 'b.parquet', 'c.png', 'd.h5'] },
    ],
    [
      'adapter and empty file',
      { 'adapter_model.safetensors': embedding(), 'empty.jsonl': '' },
      { model: false, dataset: null, recipe: false, problems: ['adapter_model.safetensors', 'empty.jsonl'] },
    ],
    ['a text', { 'story.txt': 'Once upon a time' }, { model: false, dataset: 'story.txt', recipe: false, problems: [] }],
  ];
  test.each(mixes)('%s', async (_, files, expected) => {
    const { recognised, recipeText, model, dataset } = await drop(files);
    expect({
      model: recognised.model !== null,
      dataset: recognised.dataset?.name ?? null,
      recipe: recipeText !== null,
      problems: recognised.problems.map((problem) => problem.file).sort(),
    }).toEqual(expected);
    expect(model !== null).toBe(expected.model);
    expect(dataset !== null).toBe(expected.dataset !== null);
    for (const { message } of recognised.problems) expect(message.length).toBeGreaterThan(20);
  });
});

test('rows are shown cut, with prototype names as data', async () => {
  const rows = `{"__proto__":{"x":1},"instruction":"${'p'.repeat(500)}","n":[1,2],"output":"<img src=x onerror=alert(1)>"}\n`;
  const { dataset } = (await drop({ 'rows.jsonl': rows })).recognised;
  expect(dataset!.fields).toEqual(['__proto__', 'instruction', 'n', 'output']);
  expect(dataset!.mapping).toEqual({ prompt: 'instruction', solution: 'output' });
  const shown = dataset!.preview[0]!;
  expect(shown.instruction).toHaveLength(200);
  expect(shown.n).toBe('[1,2]');
  expect(shown.output).toBe('<img src=x onerror=alert(1)>');
  expect(Object.entries(shown)[0]).toEqual(['__proto__', '{"x":1}']);
});

test('rows with text but no pair of fields get no mapping', async () => {
  expect((await drop({ 'a.jsonl': '{"text":"x"}\n' })).recognised.dataset!.mapping).toBeNull();
  expect((await drop({ 'a.jsonl': '{"prompt":1,"code":"x"}\n' })).recognised.dataset!.mapping).toBeNull();
});

test('rows with asserts are Python problems, whatever their fields are called', async () => {
  const { problems } = (
    await drop({ 'a.jsonl': '{"question":"q","answer":"def f(): return 1","unit_tests":["assert f() == 1","assert f()"]}\n' })
  ).recognised.dataset!;
  expect(problems).toEqual({
    shape: 'mapped',
    name: 'Python problems',
    rows: 1,
    tests: 2,
    mapping: { prompt: 'question', solution: 'answer', tests: 'unit_tests', setup: null, entryPoint: null },
  });
  expect((await drop({ 'a.jsonl': '{"prompt":"x","code":"y"}\n' })).recognised.dataset!.problems).toBeNull();
});

test.skipIf(!hasBenchmarks)('HumanEval and MBPP are recognised as they are published', async () => {
  const expected: Record<string, [number, string, string, string]> = {
    'HumanEval.jsonl.gz': [164, 'prompt', 'canonical_solution', 'HumanEval'],
    'HumanEvalPlus-Mini.jsonl.gz': [164, 'prompt', 'canonical_solution', 'HumanEval+'],
    'MbppPlus-NoExtreme.jsonl.gz': [378, 'prompt', 'canonical_solution', 'MBPP+'],
    'mbpp.jsonl.gz': [974, 'text', 'code', 'MBPP'],
    'sanitized-mbpp.json.gz': [427, 'prompt', 'code', 'sanitized MBPP'],
  };
  for (const [name, [rows, prompt, solution, suite]] of Object.entries(expected)) {
    const { dataset, problems } = (await drop({ [name]: benchmarkFile(name) })).recognised;
    expect(problems).toEqual([]);
    expect(dataset).toMatchObject({ name, kind: 'rows', rows, mapping: { prompt, solution }, problems: { name: suite, rows } });
  }
});

test.skipIf(!hasStories)('stories260K is recognised with its tokenizer', async () => {
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  const { recognised } = await drop(Object.fromEntries(names.map((name) => [`stories260K/${name}`, storiesFile(name)])));
  expect(recognised.problems).toEqual([]);
  expect(recognised.model).toMatchObject({
    name: 'stories260K',
    dtype: 'F32',
    context: 512,
    layers: 5,
    vocabulary: 512,
    hasTokenizer: true,
  });
});
