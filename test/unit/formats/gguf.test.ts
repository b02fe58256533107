// GGUF: dequantised values of the reference, models of every architecture as transformers has them, refusal of malformed files (R01 to R07 for GGUF).
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { parseConfig } from '../../../src/formats/config.ts';
import { blocksOf } from '../../../src/formats/families.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { readGguf } from '../../../src/formats/gguf.ts';
import { type BlockTypeName, dequantise } from '../../../src/formats/ggufBlocks.ts';
import { readGgufModel } from '../../../src/formats/ggufModel.ts';
import {
  bool,
  f32,
  f32Tensor,
  int32s,
  type Metadata,
  str,
  strings,
  u32,
  VALUE,
  writeGguf,
  type WrittenTensor,
} from '../../support/ggufWriter.ts';

const FOLDER = new URL('../../golden/gguf/', import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(name, FOLDER)));
const jsonOf = (name: string) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
const open = (name: string) => readGgufModel(fromBytes(name, bytesOf(name)));

interface ExpectedTensor {
  shape: number[];
  dtype: string;
  sha256?: string;
  values?: number[];
}
const expected = jsonOf('expected.json') as Record<string, Record<string, ExpectedTensor>>;
const files = Object.keys(expected);
const tensorsOf = (file: string) => Object.entries(expected[file]!).filter(([name]) => name !== 'texts');

/** Values in F32, whatever they are stored in. */
function toFloat32({ dtype, bytes }: { dtype: string; bytes: Uint8Array }): Float32Array<ArrayBuffer> {
  if (dtype === 'F32') return new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / 4);
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  if (dtype === 'BF16') return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
  return Float32Array.from(halves, (half) => {
    const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 31, half & 1023];
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

describe('dequantised values', () => {
  const blocks = jsonOf('blocks.json') as Record<BlockTypeName, { bytes: string; values: string }>;

  test.each(Object.keys(blocks) as BlockTypeName[])('%s is the reference bit for bit', (type) => {
    const values = dequantise(type, new Uint8Array(Buffer.from(blocks[type].bytes, 'base64')), 6);
    expect(Buffer.from(values.buffer).toString('base64')).toBe(blocks[type].values);
  });
});

describe.each(files)('%s.gguf', (file) => {
  test('every tensor is the one of transformers, whole and in slices that begin anywhere', async () => {
    const { weights } = await open(`${file}.gguf`);
    expect([...weights.tensors.keys()].sort()).toEqual(
      tensorsOf(file)
        .map(([name]) => name)
        .sort(),
    );
    for (const [name, golden] of tensorsOf(file)) {
      const { shape, dtype } = weights.tensors.get(name)!;
      expect([...shape], name).toEqual(golden.shape);
      expect(dtype).toBe(golden.dtype);
      const count = shape.reduce((product, size) => product * size, 1);
      const whole = toFloat32(await weights.read(name, 0, count));
      if (golden.sha256) expect(createHash('sha256').update(new Uint8Array(whole.buffer)).digest('hex'), name).toBe(golden.sha256);
      else golden.values!.forEach((value, i) => expect(whole[i]).toBeCloseTo(value, 6));
      for (const [first, length] of [
        [1, 1],
        [0, 0],
        [count - 1, 1],
        [Math.floor(count / 3), Math.floor(count / 2)],
        [5, count - 7],
      ] as const) {
        const slice = toFloat32(await weights.read(name, first, length));
        expect(Buffer.from(slice.buffer).equals(Buffer.from(whole.slice(first, first + length).buffer)), `${name} ${first} ${length}`).toBe(
          true,
        );
      }
      for (const [first, length] of [
        [-1, 2],
        [0, count + 1],
        [0.5, 1],
      ] as const) {
        await expect(weights.read(name, first, length)).rejects.toThrow(FormatError);
      }
    }
  });

  test('its config.json is read, and asks for the tensors that are there', async () => {
    const { configText, weights } = await open(`${file}.gguf`);
    const { architecture } = parseConfig(configText);
    const parts = blocksOf(architecture).flatMap((block) => block.parts);
    const found = parts.map((part) => [part.name, ...part.aliases].find((name) => weights.tensors.has(name)));
    parts.forEach((part, i) => expect([...weights.tensors.get(found[i]!)!.shape], part.name).toEqual(part.shape));
    expect(new Set(found).size).toBe(weights.tensors.size);
  });
});

describe('settings that config.json gets', () => {
  test('scaled rotary positions: Llama 3 from its factors, linear from metadata', async () => {
    const llama3 = parseConfig((await open('llama.gguf')).configText).raw;
    expect(llama3.rope_theta).toBe(500_000);
    expect(llama3.rope_scaling).toMatchObject({ rope_type: 'llama3', low_freq_factor: 1, high_freq_factor: 4 });
    expect((llama3.rope_scaling as { factor: number }).factor).toBeCloseTo(8, 4);
    const linear = parseConfig((await open('llamaQuantised.gguf')).configText).raw;
    expect(linear.rope_scaling).toEqual({ rope_type: 'linear', factor: 2 });
  });

  test('layers without rotary positions, windows, partial rotation, constants written in F32', async () => {
    const smollm3 = parseConfig((await open('smollm3.gguf')).configText).architecture;
    expect(smollm3.layerKinds.map((kind) => kind.rope)).toEqual([0, 0, 0, -1]);
    const gemma3 = parseConfig((await open('gemma3.gguf')).configText).architecture;
    expect(gemma3).toMatchObject({ embedScale: expect.closeTo(Math.sqrt(32), 1), attentionScale: 0.25, postNorms: true, qkNorm: true });
    expect(gemma3.layerKinds[0]!.window).toBe(16);
    expect(gemma3.norm).toMatchObject({ eps: 1e-6, unitOffset: true });
    const neox = parseConfig((await open('gptneox.gguf')).configText).architecture;
    expect(neox).toMatchObject({ rotaryDim: 2, parallelResidual: true, tieEmbeddings: false });
    const gpt2 = parseConfig((await open('gpt2.gguf')).configText).architecture;
    expect(gpt2).toMatchObject({ learnedPositions: true, tieEmbeddings: true, mlp: { gated: false, activation: 'gelu_tanh' } });
    expect(gpt2.norm.eps).toBe(1e-5);
  });
});

/** A Llama of one layer without tokenizer. */
const LLAMA: Metadata = {
  'general.architecture': str('llama'),
  'llama.context_length': u32(16),
  'llama.embedding_length': u32(8),
  'llama.block_count': u32(1),
  'llama.feed_forward_length': u32(8),
  'llama.attention.head_count': u32(2),
  'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
};
const square = (name: string) => f32Tensor(name, [8, 8], (i) => i);
const TENSORS: WrittenTensor[] = [
  f32Tensor('token_embd.weight', [6, 8], (i) => i),
  f32Tensor('output_norm.weight', [8], () => 1),
  ...['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map((name) => square(`blk.0.${name}.weight`)),
  f32Tensor('blk.0.attn_norm.weight', [8], () => 1),
  f32Tensor('blk.0.ffn_norm.weight', [8], () => 1),
];
const read = (bytes: Uint8Array) => readGguf(fromBytes('m.gguf', bytes));
const readModel = (bytes: Uint8Array) => readGgufModel(fromBytes('m.gguf', bytes));

describe('files made by code', () => {
  test('the smallest Llama is read, as version 2 and 3, at any alignment, without metadata that has defaults', async () => {
    for (const version of [2, 3]) {
      for (const alignment of [1, 32, 256]) {
        const bytes = writeGguf({ ...LLAMA, 'general.alignment': u32(alignment) }, TENSORS, { version, alignment });
        const { configText, weights } = await readModel(bytes);
        expect(parseConfig(configText).architecture).toMatchObject({ hidden: 8, heads: 2, kvHeads: 2, vocabulary: 6, tieEmbeddings: true });
        expect([...toFloat32(await weights.read('model.embed_tokens.weight', 3, 4))]).toEqual([3, 4, 5, 6]);
      }
    }
  });

  test('metadata of every kind comes back, prototypes stay as they were', async () => {
    const metadata: Metadata = {
      __proto__x: u32(1),
      constructor: str('é🦊'),
      flag: bool(true),
      real: f32(0.5),
      long: { type: VALUE.uint64, value: 2 ** 40 },
      words: strings(['a', '', '▁b', '\ufeffc']),
      numbers: int32s([-1, 0, 7]),
    };
    Object.defineProperty(metadata, '__proto__', { value: u32(5), enumerable: true });
    const file = await read(
      writeGguf(metadata, [f32Tensor('__proto__', [2], () => 1), f32Tensor('none', [0, 4], () => 1), f32Tensor('one', [], () => 3)]),
    );
    expect(file.scalars.get('__proto__')).toBe(5);
    expect(file.scalars.get('constructor')).toBe('é🦊');
    expect([file.scalars.get('flag'), file.scalars.get('real'), file.scalars.get('long')]).toEqual([true, 0.5, 2 ** 40]);
    expect(await file.readStrings('words')).toEqual(['a', '', '▁b', '\ufeffc']);
    expect([...(await file.readNumbers('numbers'))!]).toEqual([-1, 0, 7]);
    expect(await file.readStrings('missing')).toBeNull();
    await expect(file.readStrings('numbers')).rejects.toThrow(FormatError);
    await expect(file.readNumbers('words')).rejects.toThrow(FormatError);
    expect([...file.tensors.keys()]).toEqual(['__proto__', 'none', 'one']);
    expect((await file.read('none', 0, 0)).bytes.length).toBe(0);
    expect([...toFloat32(await file.read('one', 0, 1))]).toEqual([3]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('long strings and arrays cross the window in which the header is walked', async () => {
    const words = Array.from({ length: 120_000 }, (_, i) => `word ${i}`);
    const file = await read(
      writeGguf({ a: str('x'.repeat(700_000)), words: strings(words), b: str('y'.repeat(900_000)), c: u32(3) }, TENSORS),
    );
    expect(file.scalars.get('c')).toBe(3);
    expect(await file.readStrings('words')).toEqual(words);
    expect(file.tensors.size).toBe(TENSORS.length);
  });
});

describe('R01 to R07 for GGUF: malformed files are refused with FormatError alone', () => {
  const change = (at: number, bytes: number[]) => {
    const file = writeGguf(LLAMA, TENSORS);
    file.set(bytes, at);
    return file;
  };
  const huge = [255, 255, 255, 255, 255, 255, 255, 255];
  const q4 = (shape: number[], bytes: number) => ({ name: 'q', shape, type: 2, bytes: new Uint8Array(bytes) });
  const valid = writeGguf(LLAMA, TENSORS);

  test.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(0), /no GGUF file/],
    ['too short', valid.slice(0, 20), /no GGUF file/],
    ['another format', change(0, [0x50]), /does not begin with "GGUF"/],
    ['version 1', change(4, [1]), /version 1; versions 2 and 3/],
    ['big-endian', change(4, [0, 0, 0, 3]), /big-endian/],
    ['R01 absurd number of tensors', change(8, huge), /number of tensors is/],
    ['R01 more tensors than fit', change(8, [255, 200]), /do not fit into the file/],
    ['R01 absurd number of keys', change(16, huge), /number of metadata keys/],
    ['R01 absurd key length', change(24, huge), /length of a metadata key/],
    ['R01 key longer than any', change(24, [233, 3]), /1001 bytes; up to 1000 bytes are read/],
    ['cut in the header', valid.slice(0, 200), /fit into the file|cut short/],
    ['cut in the data', valid.slice(0, valid.length - 64), /cut short/],
    ['R03 trailing bytes', Uint8Array.from([...valid, ...new Uint8Array(64)]), /after its last tensor/],
    ['R03 overlapping', writeGguf({}, [f32Tensor('a', [16], () => 1), { ...f32Tensor('b', [16], () => 1), offset: 32 }]), /overlaps/],
    ['R03 with a hole', writeGguf({}, [f32Tensor('a', [16], () => 1), { ...f32Tensor('b', [16], () => 1), offset: 128 }]), /hole/],
    ['R03 beyond the file', writeGguf({}, [{ ...f32Tensor('a', [16], () => 1), offset: 2 ** 50 }]), /hole/],
    ['R04 rows of half blocks', writeGguf({}, [q4([2, 16], 18)]), /no whole blocks of Q4_0/],
    ['R04 unknown type', writeGguf({}, [{ ...q4([32], 18), type: 99 }]), /type number 99/],
    ['R04 type that is not read', writeGguf({}, [{ ...q4([256], 84), type: 10 }]), /type Q2_K/],
    ['R04 five dimensions', writeGguf({}, [f32Tensor('a', [1, 1, 1, 1, 1], () => 1)]), /5 dimensions/],
    ['R04 absurd shape', writeGguf({}, [{ ...f32Tensor('a', [2], () => 1), shape: [2 ** 40, 2 ** 40] }]), /larger than any file/],
    ['R05 tensor name twice', writeGguf({}, [f32Tensor('a', [8], () => 1), f32Tensor('a', [8], () => 1)]), /given twice/],
    ['alignment of 3', writeGguf({ 'general.alignment': u32(3) }, TENSORS), /power of two/],
    ['alignment as text', writeGguf({ 'general.alignment': str('32') }, TENSORS), /power of two/],
    ['unknown value type', writeGguf({ a: { type: 77, value: 1 } }, []), /unknown value type 77/],
    ['array of arrays', writeGguf({ a: { type: 9, value: { type: 9, values: [] } } }, []), /array of the value type 9/],
    ['part of a split model', writeGguf({ 'split.count': u32(3) }, TENSORS), /split model/],
  ])('%s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(FormatError);
    await expect(read(bytes)).rejects.toThrow(message);
  });

  test('R06 keys and strings that are no UTF-8', async () => {
    const file = writeGguf({ key: str('value'), words: strings(['word']) }, []);
    for (const letter of ['k', 'v']) {
      const broken = file.slice();
      broken[broken.indexOf(letter.charCodeAt(0), 24)] = 0xff;
      await expect(read(broken)).rejects.toThrow(/is not UTF-8/);
    }
    const broken = file.slice();
    broken[broken.lastIndexOf('w'.charCodeAt(0))] = 0xff;
    await expect((await read(broken)).readStrings('words')).rejects.toThrow(/is not UTF-8/);
  });

  test('metadata key twice', async () => {
    const bytes = writeGguf({ aa: u32(1), ab: u32(2) }, []);
    bytes[bytes.lastIndexOf('b'.charCodeAt(0))] = 'a'.charCodeAt(0);
    await expect(read(bytes)).rejects.toThrow(/given twice/);
  });

  test.each<[string, Metadata, WrittenTensor[], RegExp]>([
    ['another architecture', { ...LLAMA, 'general.architecture': str('mamba') }, TENSORS, /"mamba", which is not supported; llama/],
    ['no architecture', {}, TENSORS, /architecture "", which/],
    ['an inherited name', { 'general.architecture': str('constructor') }, TENSORS, /not supported/],
    [
      'metadata missing',
      Object.fromEntries(Object.entries(LLAMA).filter(([key]) => !key.includes('block'))),
      TENSORS,
      /lacks "llama.block_count"/,
    ],
    ['metadata of another kind', { ...LLAMA, 'llama.block_count': str('1') }, TENSORS, /is no number/],
    ['heads per layer', { ...LLAMA, 'llama.attention.head_count_kv': int32s([1]) }, TENSORS, /differs from layer to layer/],
    ['a mixture of experts', { ...LLAMA, 'llama.expert_count': u32(8) }, TENSORS, /mixture of experts/],
    ['partial rotation', { ...LLAMA, 'llama.rope.dimension_count': u32(2) }, TENSORS, /rotates 2 of 4/],
    ['another scaling', { ...LLAMA, 'llama.rope.scaling.type': str('longrope') }, TENSORS, /"longrope"/],
    ['other widths of values', { ...LLAMA, 'llama.attention.value_length': u32(2) }, TENSORS, /4 wide for keys and 2/],
    ['no embedding', LLAMA, TENSORS.slice(1), /no table of embeddings/],
    ['an unknown tensor', LLAMA, [...TENSORS, square('blk.0.ffn_gate_exps.weight')], /"blk.0.ffn_gate_exps.weight"/],
    ['a layer too many', LLAMA, [...TENSORS, square('blk.1.attn_q.weight')], /"blk.1.attn_q.weight"/],
    ['an inherited tensor name', LLAMA, [...TENSORS, square('constructor.weight')], /"constructor.weight"/],
    [
      'other factors of rotary positions',
      LLAMA,
      [...TENSORS, f32Tensor('rope_freqs.weight', [2], (i) => 1 + i)],
      /rope_freqs holds factors/,
    ],
  ])('%s', async (_, metadata, tensors, message) => {
    await expect(readModel(writeGguf(metadata, tensors))).rejects.toThrow(FormatError);
    await expect(readModel(writeGguf(metadata, tensors))).rejects.toThrow(message);
  });
});
