// R07 for GGUF, tokenizers and chat templates: whatever the bytes are, an answer or FormatError, quickly, and no more memory than the file allows.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ByteSource, fromBytes } from '../../src/formats/byteSource.ts';
import { renderChat } from '../../src/formats/chatTemplate.ts';
import { recognise } from '../../src/formats/dropped.ts';
import { FormatError } from '../../src/formats/formatError.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { readGgufModel } from '../../src/formats/ggufModel.ts';
import { readGgufTokenizer } from '../../src/formats/ggufTokenizer.ts';
import { loadTokenizer } from '../../src/formats/tokenizer.ts';
import { f32Tensor, float32s, int32s, str, strings, u32, writeGguf } from '../support/ggufWriter.ts';

const RUNS = 400;
const golden = (name: string) => new Uint8Array(readFileSync(new URL(`../golden/${name}`, import.meta.url)));

const SMALL = writeGguf(
  {
    'general.architecture': str('llama'),
    'llama.context_length': u32(16),
    'llama.embedding_length': u32(4),
    'llama.block_count': u32(1),
    'llama.feed_forward_length': u32(4),
    'llama.attention.head_count': u32(1),
    'llama.attention.layer_norm_rms_epsilon': { type: 6, value: 1e-5 },
    'tokenizer.ggml.model': str('llama'),
    'tokenizer.ggml.tokens': strings(['<unk>', '<s>', 'a', 'b', 'ab', '▁']),
    'tokenizer.ggml.scores': float32s([0, 0, -1, -2, -3, -4]),
    'tokenizer.ggml.token_type': int32s([2, 3, 1, 1, 1, 1]),
    'tokenizer.ggml.bos_token_id': u32(1),
  },
  [
    f32Tensor('token_embd.weight', [6, 4], (i) => i),
    f32Tensor('blk.0.attn_q.weight', [4, 4], (i) => i),
    { name: 'blk.0.ffn_down.weight', shape: [2, 32], type: 8, bytes: new Uint8Array(68) },
  ],
);

async function readAllOf(source: ByteSource): Promise<void> {
  const file = await readGguf(source);
  for (const [name, { elements }] of file.tensors) await file.read(name, 0, Math.min(elements, 1000));
  for (const [key, { strings: isText }] of file.arrays) await (isText ? file.readStrings(key) : file.readNumbers(key));
  const { weights, architecture } = await readGgufModel(source);
  for (const [name, { shape }] of weights.tensors) await weights.read(name, 0, Math.min(shape[0] ?? 1, 64));
  const tokenizer = await readGgufTokenizer(file, architecture);
  if (tokenizer) loadTokenizer(tokenizer.tokenizerJson, tokenizer.tokenizerConfigJson).encode('ab b', { addBos: true });
}

/** Runs it; anything but FormatError fails. Reads are counted: never more at once than the file holds. */
async function survives(bytes: Uint8Array): Promise<void> {
  const inner = fromBytes('fuzz.gguf', bytes);
  const source: ByteSource = {
    ...inner,
    read(offset, length) {
      expect(length).toBeLessThanOrEqual(bytes.length);
      return inner.read(offset, length);
    },
  };
  const t0 = performance.now();
  try {
    await readAllOf(source);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
  const { recognised } = await recognise([{ path: 'fuzz.gguf', source: inner }]);
  expect(recognised.problems.every(({ message }) => message.length < 1500)).toBe(true);
  expect(performance.now() - t0).toBeLessThan(1000);
}

const change = (length: number) =>
  fc.record({
    kind: fc.constantFrom('set', 'cut', 'double', 'insert', 'number'),
    at: fc.nat(length - 1),
    length: fc.nat(16),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255)),
    number: fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
  });

function mutate(valid: Uint8Array, changes: { kind: string; at: number; length: number; value: number; number: bigint }[]): Uint8Array {
  let bytes = [...valid];
  for (const { kind, at, length, value, number } of changes) {
    const from = Math.min(at, bytes.length);
    if (kind === 'set') bytes.fill(value, from, from + length);
    else if (kind === 'cut') bytes.splice(from, length);
    else if (kind === 'insert') bytes.splice(from, 0, ...Array(length).fill(value));
    else if (kind === 'number') bytes.splice(from, 8, ...new Uint8Array(BigUint64Array.of(number).buffer));
    else bytes = [...bytes.slice(0, from + length), ...bytes.slice(from)];
  }
  return Uint8Array.from(bytes);
}

describe('GGUF', () => {
  test('random bytes behind the magic', async () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map((rest) => Uint8Array.from([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0, ...rest]));
    await fc.assert(fc.asyncProperty(bytes, survives), { numRuns: RUNS });
  });

  test('a small valid file, mutated', async () => {
    await survives(SMALL);
    const changes = fc.array(change(SMALL.length), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(changes, (each) => survives(mutate(SMALL, each))),
      { numRuns: RUNS },
    );
  });

  test('a file of the Python package, its header mutated', async () => {
    const valid = golden('gguf/llama.gguf');
    const changes = fc.array(change(2000), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(changes, (each) => survives(mutate(valid, each))),
      { numRuns: 60 },
    );
  });
});

test('tokenizer files, mutated in their JSON', () => {
  const names = ['gpt2', 'llamaLegacy', 'unigram', 'wordPiece'];
  const valid = names.map((name) => JSON.parse(new TextDecoder().decode(golden(`tokenizers/${name}.json`))));
  const odd = fc.constantFrom<unknown>(null, 0, -1, 1e9, 0.5, '', 'x', [], {}, [[]], { type: 'Split' }, { type: 'ByteLevel' }, true);
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.array(fc.nat(1e6), { minLength: 1, maxLength: 4 }), odd, (which, path, value) => {
      const definition = structuredClone(valid[which]);
      let holder: Record<string, unknown> = definition;
      path.forEach((step, i) => {
        const keys = Object.keys(holder);
        const key = keys[step % keys.length];
        if (key === undefined) return;
        const next = holder[key];
        if (i === path.length - 1 || typeof next !== 'object' || next === null) holder[key] = structuredClone(value);
        else holder = next as Record<string, unknown>;
      });
      try {
        const tokenizer = loadTokenizer(JSON.stringify(definition), null);
        tokenizer.decode(tokenizer.encode('Hello <|end|> wörld 12', { addBos: true }));
        tokenizer.decodeToken(3);
        tokenizer.encodeContinuation('ab');
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
      }
    }),
    { numRuns: RUNS },
  );
});

test('chat templates, mutated', () => {
  const { templates } = JSON.parse(new TextDecoder().decode(golden('chat.json'))) as { templates: Record<string, string> };
  const sources = Object.values(templates);
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
  ];
  const edit = fc.record({
    at: fc.nat(4000),
    length: fc.nat(12),
    insert: fc.constantFrom('', '{%', '%}', '{{', "'", '(', ' if ', '|x', '[-1]', '}}'),
  });
  fc.assert(
    fc.property(fc.nat(sources.length - 1), fc.array(edit, { minLength: 1, maxLength: 3 }), (which, edits) => {
      let template = sources[which]!;
      for (const { at, length, insert } of edits) {
        const from = at % template.length;
        template = template.slice(0, from) + insert + template.slice(from + length);
      }
      try {
        expect(typeof renderChat(template, messages, { addGenerationPrompt: true, bos: '<s>', eos: '</s>' })).toBe('string');
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
      }
    }),
    { numRuns: RUNS },
  );
});
