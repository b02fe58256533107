// R07: whatever bytes a file holds, a reader answers or throws FormatError, quickly. Random bytes, and valid files mutated.
import { gzipSync } from 'fflate';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { parseConfig, writeConfig } from '../../src/formats/config.ts';
import { recognise } from '../../src/formats/dropped.ts';
import { blocksOf, FAMILIES } from '../../src/formats/families.ts';
import { FormatError } from '../../src/formats/formatError.ts';
import { readExactRows, readRows } from '../../src/formats/jsonl.ts';
import { collect } from '../../src/formats/outputFile.ts';
import { readPeft } from '../../src/formats/peft.ts';
import { checkIndex, readSafetensors } from '../../src/formats/safetensors.ts';
import { safetensorsFiles } from '../../src/formats/safetensorsWriter.ts';
import { loadTokenizer } from '../../src/formats/tokenizer.ts';
import { writeBundle } from '../../src/share/bundle.ts';
import { safetensorsBytes } from '../support/safetensorsBytes.ts';

const RUNS = 300;
const encoder = new TextEncoder();

const CONFIG = JSON.stringify({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 4,
  vocab_size: 4,
  rope_parameters: { rope_theta: 10000, rope_type: 'default' },
  bos_token_id: 1,
  eos_token_id: [2],
});
const SIZES = {
  hidden_size: 8,
  n_embd: 8,
  n_head: 2,
  n_layer: 2,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 4,
  intermediate_size: 8,
  vocab_size: 4,
  eos_token_id: null,
  bos_token_id: null,
};
const ADAPTED = parseConfig(CONFIG).architecture;
const ADAPTER = JSON.stringify({
  peft_type: 'LORA',
  r: 1,
  lora_alpha: 2,
  bias: 'none',
  rank_pattern: {},
  use_dora: false,
  target_modules: ['q_proj'],
});
const PATH = 'base_model.model.model.layers.0.self_attn.q_proj';
const ADAPTER_WEIGHTS = safetensorsBytes([
  { name: `${PATH}.lora_A.weight`, shape: [1, 8], data: new Float32Array(8) },
  { name: `${PATH}.lora_B.weight`, shape: [8, 1], data: new Float32Array(8) },
]);
const TOKENIZER = JSON.stringify({
  added_tokens: [{ id: 3, content: '<s>', special: true }],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: {},
  },
  decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'Fuse' }] },
  model: { type: 'BPE', unk_token: 'a', byte_fallback: false, vocab: { a: 0, b: 1, '▁a': 2 }, merges: [['▁', 'a']] },
});
const WEIGHTS = safetensorsBytes([
  { name: 'model.embed_tokens.weight', shape: [4, 8], data: new Float32Array(32) },
  { name: 'model.norm.weight', shape: [8], data: new Float32Array(8) },
]);
const ROWS = encoder.encode('{"prompt":"a","code":"b"}\n'.repeat(30));
const RECIPE = '{"version":1,"name":"x","arms":["ra3"],"task":{"kind":"recall-lines"}}';

/** A small config of every family, rope and layer types spelled out. */
const CONFIGS: Record<string, string> = Object.fromEntries(
  FAMILIES.map(({ type, defaults }) => {
    const rope = {
      rope_type: 'yarn',
      factor: 2,
      original_max_position_embeddings: 8,
      beta_fast: 32,
      mscale: 1,
      mscale_all_dim: 0.5,
      truncate: true,
    };
    const parameters = type === 'gemma3_text' ? { full_attention: rope, sliding_attention: { rope_theta: 1e4 } } : rope;
    const { rope_theta: _, rotary_emb_base: __, ...rest } = defaults;
    const types = type === 'mistral' ? {} : { layer_types: ['full_attention', 'full_attention'] };
    return [type, JSON.stringify({ model_type: type, ...rest, ...SIZES, ...types, rope_parameters: parameters })];
  }),
);

function readConfig(bytes: Uint8Array): void {
  const config = parseConfig(new TextDecoder().decode(bytes));
  blocksOf(config.architecture);
  parseConfig(writeConfig(config));
}

const READERS: Record<string, { valid: Uint8Array; read: (bytes: Uint8Array) => unknown }> = {
  safetensors: {
    valid: WEIGHTS,
    async read(bytes) {
      const file = await readSafetensors(fromBytes('model.safetensors', bytes));
      for (const name of file.tensors.keys()) await file.readFloat32(name);
    },
  },
  'safetensors index': {
    valid: encoder.encode('{"metadata":{"total_size":160},"weight_map":{"model.norm.weight":"model.safetensors"}}'),
    async read(bytes) {
      const shard = await readSafetensors(fromBytes('model.safetensors', WEIGHTS));
      checkIndex(new TextDecoder().decode(bytes), new Map([['model.safetensors', shard]]));
    },
  },
  adapter: {
    valid: encoder.encode(ADAPTER),
    read: async (bytes) => readPeft(ADAPTED, new TextDecoder().decode(bytes), await readSafetensors(fromBytes('a', ADAPTER_WEIGHTS))),
  },
  'adapter weights': {
    valid: ADAPTER_WEIGHTS,
    read: async (bytes) => readPeft(ADAPTED, ADAPTER, await readSafetensors(fromBytes('a', bytes))),
  },
  config: { valid: encoder.encode(CONFIG), read: readConfig },
  ...Object.fromEntries(FAMILIES.map(({ type }) => [`${type} config`, { valid: encoder.encode(CONFIGS[type] ?? ''), read: readConfig }])),
  tokenizer: {
    valid: encoder.encode(TOKENIZER),
    read(bytes) {
      const tokenizer = loadTokenizer(new TextDecoder().decode(bytes), null);
      tokenizer.decode(tokenizer.encode('a b', { addBos: true }));
      tokenizer.decodeToken(0);
      tokenizer.encodeContinuation('a b');
    },
  },
  jsonl: { valid: ROWS, read: (bytes) => readRows(bytes, 'rows.jsonl') },
  'gzipped jsonl': { valid: gzipSync(ROWS), read: (bytes) => readRows(bytes, 'rows.jsonl.gz') },
  'exact rows': { valid: ROWS, read: (bytes) => readExactRows(bytes, 'rows.jsonl') },
  array: { valid: encoder.encode('[{"a":1},{"a":2}]'), read: (bytes) => readRows(bytes, 'rows.json') },
  csv: { valid: encoder.encode('prompt,code\r\n"a ""b"", c","d\ne"\r\nf,g\r\n'), read: (bytes) => readRows(bytes, 'rows.csv') },
  'gzipped tsv': { valid: gzipSync(encoder.encode('prompt\tcode\na\tb\n')), read: (bytes) => readRows(bytes, 'rows.tsv.gz') },
  text: { valid: encoder.encode('Once upon a time\n'), read: (bytes) => readRows(bytes, 'story.txt') },
  zip: {
    valid: writeBundle({ 'recipe.json': RECIPE, 'log.jsonl': 'x' }),
    read: (bytes) => recognise([{ path: 'run.zip', source: fromBytes('run.zip', bytes) }]),
  },
};

/** Valid bytes with a few changes: overwritten, removed, doubled or inserted spans. */
function mutated(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    kind: fc.constantFrom('set', 'cut', 'double', 'insert'),
    at: fc.nat(valid.length - 1),
    length: fc.nat(16),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom('"', '[', '{', '-', '1e999', 'null', '\\ud800', '__proto__').map((s) => encoder.encode(s)),
    ),
  });
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    let bytes = Uint8Array.from(valid);
    for (const { kind, at, length, bytes: inserted } of changes) {
      const head = bytes.subarray(0, at);
      const span = bytes.subarray(at, at + length);
      const rest = bytes.subarray(at + length);
      if (kind === 'set') bytes.set(inserted.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
      else if (kind === 'cut') bytes = join(head, rest);
      else if (kind === 'double') bytes = join(head, span, span, rest);
      else bytes = join(head, inserted, span, rest);
    }
    return bytes;
  });
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

for (const [name, { valid, read }] of Object.entries(READERS)) {
  const check = async (bytes: Uint8Array): Promise<number> => {
    const before = process.cpuUsage();
    try {
      await read(bytes);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };

  test(`R07 any bytes and mutated valid bytes make the ${name} reader answer or throw FormatError within 50 ms`, async () => {
    await read(valid);
    const times: number[] = [];
    const bytes = fc.oneof({ weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }) }, { weight: 3, arbitrary: mutated(valid) });
    await fc.assert(
      fc.asyncProperty(bytes, async (input) => void times.push(await check(input))),
      { numRuns: RUNS },
    );
    // CPU time; one collection of garbage is not a slow reader, two slow inputs are.
    expect(times.filter((time) => time > 50).length).toBeLessThan(2);
  });
}

test('R07 any mix of files under any known name gives a recognition and never throws', async () => {
  const name = fc.constantFrom(
    'config.json',
    'model.safetensors',
    'model-00001-of-00001.safetensors',
    'model.safetensors.index.json',
    'adapter_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'recipe.json',
    'rows.jsonl',
    'rows.csv',
    'rows.parquet',
    'a.json',
    'x.zip',
    'a.bin',
    'a.txt.gz',
    'README.md',
    'x',
  );
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(...Object.values(READERS).map((reader) => reader.valid)).chain((valid) => fc.oneof(fc.constant(valid), mutated(valid))),
  );
  const files = fc.uniqueArray(fc.record({ path: name, content }), { maxLength: 6, selector: (file) => file.path });
  await fc.assert(
    fc.asyncProperty(files, async (dropped) => {
      const found = await recognise(dropped.map(({ path, content: bytes }) => ({ path, source: fromBytes(path, bytes) })));
      structuredClone(found.recognised);
      expect(found.recognised.problems.every(({ file, message }) => file !== '' && message.length > 10)).toBe(true);
    }),
    { numRuns: RUNS },
  );
});

test('any tensors survive writing and reading', async () => {
  const tensor = fc.record({ name: fc.string({ unit: 'grapheme', maxLength: 20 }), shape: fc.array(fc.nat(5), { maxLength: 4 }) });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(tensor, { maxLength: 8, selector: (each) => each.name }), async (drawn) => {
      const tensors = drawn.map(({ name, shape }) => {
        const count = shape.reduce((product, size) => product * size, 1);
        return { name, shape, data: Float32Array.from({ length: count }, (_, i) => i / 3) };
      });
      const file = await readSafetensors(fromBytes('m', safetensorsBytes(tensors)));
      const streamed = safetensorsFiles(tensors.map(({ name, shape, data }) => ({ name, shape, read: async () => data })));
      expect(await collect(streamed[0]!)).toEqual(safetensorsBytes(tensors));
      for (const { name, shape, data } of tensors) {
        expect(file.tensors.get(name)!.shape).toEqual(shape);
        expect(await file.readFloat32(name)).toEqual(data);
      }
    }),
    { numRuns: RUNS },
  );
});

test('any rows survive JSONL, whatever their keys', async () => {
  const row = fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: false });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 10 }), fc.constantFrom('\n', '\r\n', '\n\n'), async (rows, lineEnd) => {
      const text = rows.map((each) => JSON.stringify(each)).join(lineEnd);
      const file = await readRows(encoder.encode(text), 'rows.jsonl');
      expect(file.rows.map((each) => JSON.stringify(each))).toEqual(rows.map((each) => JSON.stringify(JSON.parse(JSON.stringify(each)))));
    }),
    { numRuns: RUNS },
  );
});
