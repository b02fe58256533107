// The tokenizer: same ids as published with the model, continuations without a phantom space, refusal of malformed files.
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../../src/formats/formatError.ts';
import { checkTokenizerFits, loadTokenizer } from '../../../src/formats/tokenizer.ts';
import { hasStories, storiesFile } from './publicFiles.ts';

const textOf = (name: string) => new TextDecoder().decode(storiesFile(name));

/** A byte-level BPE of four merges, as GPT-2's family writes it: no BOS, no space put before a text. */
function byteLevel() {
  const letters = [...'abcdefghijklmnopqrstuvwxyz()=:Ċ', 'Ġ', 'Ã', '©'];
  const merges = [
    ['Ġ', 'a'],
    ['Ċ', 'Ċ'],
    ['Ġ', 'Ġ'],
    ['e', 'f'],
  ];
  const tokens = [...letters, ...merges.map((pair) => pair.join('')), '<|end|>'];
  return {
    version: '1.0',
    added_tokens: [{ id: tokens.length - 1, content: '<|end|>', special: true }],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.slice(0, -1).map((token, id) => [token, id])), merges },
  };
}

describe.skipIf(!hasStories)('stories260K', () => {
  const tokenizer = hasStories ? loadTokenizer(textOf('tokenizer.json'), textOf('tokenizer_config.json')) : null!;
  const golden = hasStories
    ? (JSON.parse(textOf('golden.json')) as { prompt_ids: number[]; greedy_ids: number[]; greedy_text: string })
    : null!;

  test('the published ids and text are each other', () => {
    expect(tokenizer.size).toBe(512);
    expect(tokenizer.bosId).toBe(1);
    expect(tokenizer.encode('', { addBos: true })).toEqual(golden.prompt_ids);
    expect(tokenizer.decode(golden.greedy_ids)).toBe(golden.greedy_text);
    expect(tokenizer.encode(golden.greedy_text, { addBos: true })).toEqual(golden.greedy_ids);
    expect(tokenizer.encode(golden.greedy_text, { addBos: false })).toEqual(golden.greedy_ids.slice(1));
  });

  test('tokens print as they read inside a text', () => {
    expect([1, 2, 13, 403, 426, 5, 229].map(tokenizer.decodeToken)).toEqual(['<s>', '</s>', '\n', ' Once', '.', '<0x02>', '<0xE2>']);
    expect(golden.greedy_ids.slice(1).map(tokenizer.decodeToken).join('')).toBe(` ${golden.greedy_text}`);
    expect(tokenizer.decodeToken(9999)).toBe('<id 9999>');
    expect(tokenizer.decode([1, 9999, -1, 0.5, 2])).toBe('');
  });

  test('a continuation gets no space and no BOS, whatever it begins with', () => {
    const before = tokenizer.encode('One day', { addBos: true });
    for (const text of ['return x', ' went', '\n    x = 1\n', '# a comment\n', 'é', 'day', '\n', ' ']) {
      const ids = tokenizer.encodeContinuation(text);
      expect(tokenizer.decode([...before, ...ids])).toBe(`One day${text}`);
      expect(ids).not.toContain(1);
    }
    expect(tokenizer.encodeContinuation('')).toEqual([]);
  });

  test('every byte of a text comes back, letters outside the vocabulary included', () => {
    for (const text of ['def f(x):\n\treturn x**2  # é 🙂\r\n', '  two spaces', 'a']) {
      expect(tokenizer.decode(tokenizer.encode(text, { addBos: true }))).toBe(text);
    }
  });
});

test('a byte-level tokenizer continues texts across its own merges', () => {
  const tokenizer = loadTokenizer(JSON.stringify(byteLevel()), null);
  expect(tokenizer.bosId).toBeNull();
  expect(tokenizer.encode('def', { addBos: true })).toEqual(tokenizer.encode('def', { addBos: false }));
  const before = tokenizer.encode('def f():', { addBos: false });
  for (const text of ['\n\n', '\n a', ' a', 'return', '  ', 'é']) {
    expect(tokenizer.decode([...before, ...tokenizer.encodeContinuation(text)])).toBe(`def f():${text}`);
  }
  expect(tokenizer.decodeToken(tokenizer.size - 1)).toBe('<|end|>');
  expect(tokenizer.decodeToken(tokenizer.encode(' a', { addBos: false })[0]!)).toBe(' a');
});

test('add_bos_token in the settings is followed where the file itself has no rule', () => {
  const settings = JSON.stringify({ bos_token: { content: '<|end|>' }, add_bos_token: true });
  const tokenizer = loadTokenizer(JSON.stringify(byteLevel()), settings);
  expect(tokenizer.encode('a', { addBos: true })).toEqual([tokenizer.size - 1, 0]);
});

test('R13 a tokenizer larger than the embedding is refused', () => {
  expect(() => checkTokenizerFits({ size: 513 }, 512)).toThrow(/513 ids but the model embeds 512/);
  expect(() => checkTokenizerFits({ size: 512 }, 512)).not.toThrow();
  expect(() => checkTokenizerFits({ size: 500 }, 512)).not.toThrow();
});

test('malformed files are refused with FormatError alone', () => {
  const good = byteLevel();
  const malformed: unknown[] = [
    null,
    [],
    1,
    {},
    { model: null },
    { model: {} },
    { ...good, model: { ...good.model, vocab: 7 } },
    { ...good, model: { ...good.model, vocab: { a: -1 } } },
    { ...good, model: { ...good.model, vocab: { a: 1e9 } } },
    { ...good, model: { ...good.model, vocab: { a: 0, b: 0 } } },
    { ...good, model: { ...good.model, vocab: { a: '0' } } },
    { ...good, model: { ...good.model, merges: [1, 2] } },
    { ...good, model: { ...good.model, merges: 'x' } },
    { ...good, model: { ...good.model, type: 'Markov' } },
    { ...good, added_tokens: [{ id: 4e9, content: 'x' }] },
    { ...good, added_tokens: [{ id: 1 }] },
    { ...good, added_tokens: [{ id: 1, content: '' }] },
    { ...good, added_tokens: 'x' },
    { ...good, decoder: { type: 'Unheard' } },
    { ...good, pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } },
    { ...good, normalizer: 5 },
    { ...good, normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: {}, content: '' }] } },
    { ...good, post_processor: { type: 'TemplateProcessing' } },
  ];
  for (const definition of malformed) {
    expect(() => loadTokenizer(JSON.stringify(definition), null).encode('def', { addBos: true }), JSON.stringify(definition)).toThrow(
      FormatError,
    );
  }
  for (const text of ['', '{', 'null']) expect(() => loadTokenizer(text, null)).toThrow(FormatError);
  for (const settings of ['', '[]', 'null']) expect(() => loadTokenizer(JSON.stringify(good), settings)).toThrow(FormatError);
});
