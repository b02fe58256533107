// Tokenizers out of GGUF metadata give the ids that the tokenizer.json they were made from gives in Python.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { readGguf } from '../../../src/formats/gguf.ts';
import { readGgufTokenizer } from '../../../src/formats/ggufTokenizer.ts';
import { loadTokenizer } from '../../../src/formats/tokenizer.ts';
import { bool, float32s, int32s, type Metadata, str, strings, u32, writeGguf } from '../../support/ggufWriter.ts';

const GOLDEN = new URL('../../golden/', import.meta.url);
const jsonOf = (name: string) => JSON.parse(readFileSync(new URL(name, GOLDEN), 'utf8'));
const expected = jsonOf('tokenizers/expected.json') as {
  texts: string[];
  tokenizers: Record<string, { ids: number[][]; decoded: string[]; size: number }>;
};

interface Definition {
  added_tokens: { id: number; content: string; special: boolean; lstrip: boolean; rstrip: boolean }[];
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

/** What llama.cpp's converter writes for such a tokenizer.json. */
function metadataOf(name: string, kind: 'gpt2' | 'llama', more: Metadata): Metadata {
  const { added_tokens: added, model } = jsonOf(`tokenizers/${name}.json`) as Definition;
  const addedIds = new Map(added.map((token) => [token.id, token]));
  const tokens = [...Object.entries(model.vocab), ...added.map((token): [string, number] => [token.content, token.id])];
  const byId = [...new Map(tokens.map(([token, id]) => [id, token]))].sort((a, b) => a[0] - b[0]).map(([, token]) => token);
  const types = byId.map((token, id) => {
    const special = addedIds.get(id)?.special;
    if (kind === 'llama' && id === 0) return 2;
    return special === undefined ? (/^<0x..>$/.test(token) ? 6 : 1) : special ? 3 : 4;
  });
  const merges: Metadata = kind === 'gpt2' ? { 'tokenizer.ggml.merges': strings(model.merges.map((pair) => pair.join(' '))) } : {};
  // SentencePiece numbers what it merges from 0 down, after the three special and 256 byte tokens
  const scores: Metadata = kind === 'llama' ? { 'tokenizer.ggml.scores': float32s(byId.map((_, id) => (id < 259 ? 0 : 259 - id))) } : {};
  return {
    'tokenizer.ggml.model': str(kind),
    'tokenizer.ggml.tokens': strings(byId),
    'tokenizer.ggml.token_type': int32s(types),
    ...merges,
    ...scores,
    ...more,
  };
}

async function load(metadata: Metadata, architecture = 'llama') {
  const files = await readGgufTokenizer(await readGguf(fromBytes('m.gguf', writeGguf(metadata, []))), architecture);
  return { files: files!, tokenizer: loadTokenizer(files!.tokenizerJson, files!.tokenizerConfigJson) };
}

/** Added tokens that swallow spaces are not so in GGUF; texts with them are left out. */
const texts = expected.texts.map((text, i) => ({ text, i })).filter(({ text }) => !/<\|(left|right|both)\|>/.test(text));

describe('the same ids as in Python', () => {
  test.each([
    ['gpt2', 'gpt2', 'gpt-2', 'gpt2'],
    ['gpt2', 'gpt2', null, 'gptneox'],
    ['smollm', 'gpt2', 'smollm', 'llama'],
    ['llama3', 'gpt2', 'llama-bpe', 'llama'],
    ['llama3', 'gpt2', null, 'smollm3'],
    ['qwen2', 'gpt2', 'qwen2', 'qwen2'],
    ['llamaMetaspace', 'llama', null, 'llama'],
    ['gemma', 'llama', null, 'gemma3'],
  ] as const)('%s, kind %s, split %s, architecture %s', async (name, kind, pre, architecture) => {
    const { tokenizer } = await load(metadataOf(name, kind, pre === null ? {} : { 'tokenizer.ggml.pre': str(pre) }), architecture);
    const golden = expected.tokenizers[name]!;
    expect(tokenizer.size).toBe(golden.size);
    for (const { text, i } of texts) {
      expect(tokenizer.encode(text, { addBos: false }), JSON.stringify(text)).toEqual(golden.ids[i]);
      expect(tokenizer.decode(golden.ids[i]!)).toBe(golden.decoded[i]);
    }
  });

  test('of a file that the Python package wrote', async () => {
    const file = await readGguf(fromBytes('qwen2.gguf', new Uint8Array(readFileSync(new URL('gguf/qwen2.gguf', GOLDEN)))));
    const files = (await readGgufTokenizer(file, 'qwen2'))!;
    const tokenizer = loadTokenizer(files.tokenizerJson, files.tokenizerConfigJson);
    for (const [text, ids] of Object.entries(jsonOf('gguf/expected.json').qwen2.texts)) {
      expect(tokenizer.encode(text, { addBos: true })).toEqual(ids);
    }
    const config = JSON.parse(files.tokenizerConfigJson);
    expect(config).toMatchObject({ eos_token: '<|end|>', bos_token: null, add_bos_token: false });
    expect(config.chat_template).toMatch(/^{% for message/);
  });
});

describe('settings', () => {
  test('the first token is put before a text where the file or the kind asks for it', async () => {
    const bos = { 'tokenizer.ggml.bos_token_id': u32(1) };
    for (const [metadata, bosId] of [
      [metadataOf('llamaMetaspace', 'llama', bos), 1],
      [metadataOf('llamaMetaspace', 'llama', { ...bos, 'tokenizer.ggml.add_bos_token': bool(false) }), null],
      [metadataOf('llamaMetaspace', 'llama', { 'tokenizer.ggml.bos_token_id': u32(1e9) }), null],
      [metadataOf('llama3', 'gpt2', { ...bos, 'tokenizer.ggml.pre': str('llama-bpe') }), 1],
      [metadataOf('gpt2', 'gpt2', { ...bos, 'tokenizer.ggml.pre': str('gpt-2') }), null],
      [metadataOf('gpt2', 'gpt2', { ...bos, 'tokenizer.ggml.pre': str('gpt-2'), 'tokenizer.ggml.add_bos_token': bool(true) }), 1],
    ] as const) {
      const { tokenizer } = await load(metadata);
      expect(tokenizer.bosId).toBe(bosId);
    }
  });

  test('no space before a text where the file says so', async () => {
    const { tokenizer } = await load(metadataOf('llamaMetaspace', 'llama', { 'tokenizer.ggml.add_space_prefix': bool(false) }));
    const plain = (await load(metadataOf('llamaMetaspace', 'llama', {}))).tokenizer;
    expect(tokenizer.encode(' the', { addBos: false })).toEqual(plain.encode('the', { addBos: false }));
    expect(tokenizer.decode(tokenizer.encode(' the', { addBos: false }))).toBe(' the');
  });

  test('Gemma: runs of spaces stored as spaces are the marks of its vocabulary', async () => {
    const withRuns = (run: (length: number) => string): Metadata => {
      const metadata = metadataOf('gemma', 'llama', {});
      const listOf = (key: string) => (metadata[`tokenizer.ggml.${key}`]!.value as { values: (string | number)[] }).values;
      for (const length of [2, 3, 4]) {
        listOf('tokens').push(run(length));
        listOf('token_type').push(4);
        listOf('scores').push(0);
      }
      return metadata;
    };
    const { tokenizer } = await load(
      withRuns((length) => ' '.repeat(length)),
      'gemma3',
    );
    const marked = await load(
      withRuns((length) => '▁'.repeat(length)),
      'gemma3',
    );
    const size = expected.tokenizers.gemma!.size;
    expect(tokenizer.encode('a    ', { addBos: false })).toContain(size + 2);
    for (const { text } of texts.filter((each) => !each.text.includes('▁'))) {
      expect(tokenizer.encode(text, { addBos: false })).toEqual(marked.tokenizer.encode(text, { addBos: false }));
    }
  });

  test('a file without tokenizer has none', async () => {
    for (const metadata of [{}, { 'tokenizer.ggml.model': str('none') }] as Metadata[]) {
      expect(await readGgufTokenizer(await readGguf(fromBytes('m.gguf', writeGguf(metadata, []))), 'llama')).toBeNull();
    }
  });
});

const sentencePiece = (tokens: string[], scores: number[]): Metadata => ({
  'tokenizer.ggml.model': str('llama'),
  'tokenizer.ggml.tokens': strings(tokens),
  'tokenizer.ggml.scores': float32s(scores),
});

test('scores that are no numbers rank last', async () => {
  const { files } = await load(sentencePiece(['a', 'b', 'ab', 'ba'], [0, 0, Number.NaN, -5]));
  expect(JSON.parse(files.tokenizerJson).model.merges).toEqual([
    ['b', 'a'],
    ['a', 'b'],
  ]);
});

test.each<[string, Metadata, RegExp]>([
  ['another kind', { 'tokenizer.ggml.model': str('t5'), 'tokenizer.ggml.tokens': strings(['a']) }, /kind "t5"; "gpt2"/],
  ['no tokens', { 'tokenizer.ggml.model': str('gpt2') }, /without tokens/],
  ['an unknown split', metadataOf('gpt2', 'gpt2', { 'tokenizer.ggml.pre': str('chatglm-bpe') }), /"chatglm-bpe"/],
  ['an inherited split', metadataOf('gpt2', 'gpt2', { 'tokenizer.ggml.pre': str('constructor') }), /"constructor"/],
  ['no merges', { 'tokenizer.ggml.model': str('gpt2'), 'tokenizer.ggml.tokens': strings(['a']) }, /without merges/],
  ['no scores', { 'tokenizer.ggml.model': str('llama'), 'tokenizer.ggml.tokens': strings(['a']) }, /without scores/],
  ['scores of another length', metadataOf('gemma', 'llama', { 'tokenizer.ggml.scores': float32s([1]) }), /scores has 1 entries/],
  ['types of another length', metadataOf('gpt2', 'gpt2', { 'tokenizer.ggml.token_type': int32s([1]) }), /token_type has 1 entries/],
  ['a merge of one token', metadataOf('gpt2', 'gpt2', { 'tokenizer.ggml.merges': strings(['ab']) }), /merge "ab"/],
  ['an endless token', sentencePiece(['a'.repeat(257)], [0]), /257 characters/],
  ['a token twice', { 'tokenizer.ggml.model': str('llama'), 'tokenizer.ggml.tokens': strings(['a', 'a']) }, /"a" is given twice/],
])('refused: %s', async (_, metadata, message) => {
  const file = await readGguf(fromBytes('m.gguf', writeGguf(metadata, [])));
  await expect(readGgufTokenizer(file, 'llama')).rejects.toThrow(FormatError);
  await expect(readGgufTokenizer(file, 'llama')).rejects.toThrow(message);
});
