// R07: whatever bytes a file holds, a reader answers or throws FormatError, quickly. Random bytes, and valid files mutated.
import { gzipSync } from 'fflate';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { parseLlamaConfig, writeLlamaConfig } from '../../src/formats/config.ts';
import { recognise } from '../../src/formats/dropped.ts';
import { FormatError } from '../../src/formats/formatError.ts';
import { readRows } from '../../src/formats/jsonl.ts';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts';
import { loadTokenizer } from '../../src/formats/tokenizer.ts';
import { writeBundle } from '../../src/share/bundle.ts';

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
const WEIGHTS = writeSafetensors([
  { name: 'model.embed_tokens.weight', shape: [4, 8], data: new Float32Array(32) },
  { name: 'model.norm.weight', shape: [8], data: new Float32Array(8) },
]);
const ROWS = encoder.encode('{"prompt":"a","code":"b"}\n'.repeat(30));
const RECIPE = '{"version":1,"name":"x","arms":["ra3"],"task":{"kind":"recall-lines"}}';

const READERS: Record<string, { valid: Uint8Array; read: (bytes: Uint8Array) => unknown }> = {
  safetensors: {
    valid: WEIGHTS,
    async read(bytes) {
      const file = await readSafetensors(fromBytes('model.safetensors', bytes));
      for (const name of file.tensors.keys()) await file.readFloat32(name);
    },
  },
  config: { valid: encoder.encode(CONFIG), read: (bytes) => writeLlamaConfig(parseLlamaConfig(new TextDecoder().decode(bytes))) },
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
  array: { valid: encoder.encode('[{"a":1},{"a":2}]'), read: (bytes) => readRows(bytes, 'rows.json') },
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
    'tokenizer.json',
    'tokenizer_config.json',
    'recipe.json',
    'rows.jsonl',
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
      const file = await readSafetensors(fromBytes('m', writeSafetensors(tensors)));
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
