// The safetensors reader: what it accepts, what it refuses and how fast.
import { expect, test } from 'vitest';
import { fromBlob, fromBytes } from '../../../src/formats/byteSource.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { toBfloat16, toFloat16 } from '../../../src/formats/halves.ts';
import { collect } from '../../../src/formats/outputFile.ts';
import { checkIndex, joinShards, readSafetensors, type SafetensorsFile } from '../../../src/formats/safetensors.ts';
import { safetensorsFiles, type WriteOptions } from '../../../src/formats/safetensorsWriter.ts';
import { safetensorsBytes } from '../../support/safetensorsBytes.ts';
import { hasStories, storiesFile } from './publicFiles.ts';

const encoder = new TextEncoder();

function file(header: string | Uint8Array, dataBytes = 0, statedLength?: bigint): Uint8Array {
  const bytes = typeof header === 'string' ? encoder.encode(header) : header;
  const whole = new Uint8Array(8 + bytes.length + dataBytes);
  new DataView(whole.buffer).setBigUint64(0, statedLength ?? BigInt(bytes.length), true);
  whole.set(bytes, 8);
  return whole;
}

function read(bytes: Uint8Array) {
  return readSafetensors(fromBytes('model.safetensors', bytes));
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await read(bytes).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  return (error as FormatError).message;
}

const f32 = (shape: string, begin: number | string, end: number | string) =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;

test('R01 absurd header lengths are refused before anything is allocated', async () => {
  for (const length of [0n, 1n, 3n, 1_000n, 100_000_001n, 1n << 53n, (1n << 64n) - 1n]) {
    expect(await refusal(file('{}', 0, length))).toMatch(/states a header of|near character/);
  }
  for (const size of [0, 7, 8, 9]) expect(await refusal(new Uint8Array(size))).toContain('no safetensors file');
});

test('R02 a 30 MB header is read or refused quickly; depth 100,000 and a million entries are refused', async () => {
  const padding = file(`{"a":${f32('[1]', 0, 4)}}${' '.repeat(30_000_000)}`, 4);
  const note = file(`{"__metadata__":{"note":"${'x'.repeat(30_000_000)}"}}`);
  const million = file(`{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":${f32('[0]', 0, 0)}`).join(',')}}`);
  // CPU time, because a busy machine is not a slow reader.
  const before = process.cpuUsage();
  expect((await read(padding)).tensors.size).toBe(1);
  expect((await read(note)).metadata.note).toHaveLength(30_000_000);
  expect(await refusal(file(`{"a":${'['.repeat(100_000)}`))).toContain('"{" expected');
  expect(await refusal(file(`{"a":{"shape":${'['.repeat(100_000)}`))).toContain('not an integer');
  expect(await refusal(million)).toContain('more than 100000 tensors');
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(3000);
});

test('R03 offsets that overlap, leave holes, are reversed, negative or fractional, and trailing bytes are refused', async () => {
  const two = (a: string, b: string) => `{"a":${a},"b":${b}}`;
  expect(await refusal(file(two(f32('[2]', 0, 8), f32('[2]', 4, 12)), 12))).toContain('overlaps');
  expect(await refusal(file(two(f32('[1]', 0, 4), f32('[1]', 8, 12)), 12))).toContain('leaves a hole');
  expect(await refusal(file(`{"a":${f32('[1]', 4, 8)}}`, 8))).toContain('leaves a hole');
  expect(await refusal(file(`{"a":${f32('[1]', 4, 0)}}`, 4))).toContain('reversed');
  expect(await refusal(file(`{"a":${f32('[1]', -4, 0)}}`, 4))).toContain('negative');
  expect(await refusal(file(`{"a":${f32('[1]', 0, '4.0')}}`, 4))).toContain('fractional');
  expect(await refusal(file(`{"a":${f32('[1]', 0, '4e0')}}`, 4))).toContain('fractional');
  expect(await refusal(file(`{"a":${f32('[1]', 0, '04')}}`, 4))).toContain('not an integer');
  expect(await refusal(file(`{"a":${f32('[1]', 0, '99999999999999999999')}}`, 4))).toContain('not an integer below 2^53');
  expect(await refusal(file(`{"a":${f32('[1]', 0, 4)}}`, 5))).toContain('trailing bytes');
  expect(await refusal(file(`{"a":${f32('[1]', 0, 4)}}`, 3))).toContain('cut short');
  expect(await refusal(file(`{"a":${f32('[1]', 0, 4)}} x`, 4))).toContain('text after');
});

test('R04 shape x dtype must be the bytes; zero-size and rank-0 are accepted; an unknown dtype is named', async () => {
  expect(await refusal(file(`{"a":${f32('[3]', 0, 8)}}`, 8))).toContain('F32 [3] is 12 bytes');
  const huge = f32('[9007199254740991,9007199254740991]', 0, 4);
  expect(await refusal(file(`{"a":${huge}}`, 4))).toContain('bytes but its data_offsets span 4');
  expect(await refusal(file('{"w":{"dtype":"Q4","shape":[1],"data_offsets":[0,8]}}', 8))).toMatch(/"w" has dtype "Q4"; F32, F16 and BF16/);
  expect(await refusal(file('{"w":{"dtype":"toString","shape":[1],"data_offsets":[0,8]}}', 8))).toContain('"toString"');
  // Masks of integers lie beside the weights of real models: only reading them is refused.
  const mask = await read(file('{"mask":{"dtype":"BOOL","shape":[2,4],"data_offsets":[0,8]}}', 8));
  expect(mask.tensors.get('mask')).toMatchObject({ dtype: 'BOOL', shape: [2, 4] });
  await expect(mask.read('mask', 0, 1)).rejects.toThrow('"mask" has dtype "BOOL"; F32, F16 and BF16');
  await expect(mask.readFloat32('mask')).rejects.toBeInstanceOf(FormatError);
  expect(await refusal(file('{"w":{"dtype":"F32","shape":[1]}}'))).toContain('needs dtype, shape and two data_offsets');
  expect(await refusal(file('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}}', 4))).toContain('"extra"');
  const accepted = await read(file(`{"scalar":${f32('[]', 0, 4)},"none":${f32('[0,9007199254740991,3]', 4, 4)}}`, 4));
  expect((await accepted.readFloat32('scalar')).length).toBe(1);
  expect((await accepted.readFloat32('none')).length).toBe(0);
  expect((await read(file('{}'))).tensors.size).toBe(0);
});

test('R05 duplicate names are refused and prototype names are ordinary names', async () => {
  const twice = `{"a":${f32('[0]', 0, 0)},"\\u0061":${f32('[0]', 0, 0)}}`;
  expect(await refusal(file(twice))).toContain('"a" is given twice');
  expect(await refusal(file('{"__metadata__":{"k":"1","k":"2"}}'))).toContain('"k" is given twice');
  expect(await refusal(file('{"__metadata__":{},"__metadata__":{}}'))).toContain('given twice');
  expect(await refusal(file('{"__metadata__":{"k":1}}'))).toContain('expected');
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const entries = names.map((name) => `"${name}":${f32('[0]', 0, 0)}`);
  const metadata = names.map((name) => `"${name}":"text"`);
  const accepted = await read(file(`{"__metadata__":{${metadata.join(',')}},${entries.join(',')}}`));
  expect([...accepted.tensors.keys()]).toEqual(names);
  expect(Object.keys(accepted.metadata)).toEqual(names);
  expect(Object.getPrototypeOf(accepted.metadata)).toBeNull();
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  await expect(accepted.readFloat32('valueOf')).rejects.toBeInstanceOf(FormatError);
});

test('R06 a header that is not UTF-8, or begins with a byte-order mark, is refused', async () => {
  expect(await refusal(file(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])))).toContain('not UTF-8');
  expect(await refusal(file(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])))).toContain('begins with "{"');
  expect(await refusal(file('{"\\ud800":{}}'))).toContain('surrogate');
  expect(await refusal(file('{"a\nb":{}}'))).toContain('control character');
});

test('every F16 and BF16 value converts exactly', async () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  for (const dtype of ['F16', 'BF16']) {
    const bytes = file(`{"a":{"dtype":"${dtype}","shape":[65536],"data_offsets":[0,131072]}}`, 131_072);
    bytes.set(new Uint8Array(halves.buffer), bytes.length - 131_072);
    const values = await (await read(bytes)).readFloat32('a');
    for (let i = 0; i < 65_536; i++) {
      const wanted = dtype === 'F16' ? halfValue(i) : new Float32Array(new Uint32Array([i << 16]).buffer)[0]!;
      if (!Object.is(values[i], wanted)) expect.fail(`${dtype} ${i}: ${values[i]} instead of ${wanted}`);
    }
  }
});

function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return exponent ? sign * (1 + fraction / 1024) * 2 ** (exponent - 15) : sign * fraction * 2 ** -24;
}

test('a file is read from bytes and from a blob', async () => {
  const tensors = [
    { name: 'b', shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, -0]) },
    { name: 'a"\\é', shape: [], data: Float32Array.from([0.5]) },
    { name: 'none', shape: [0, 4], data: new Float32Array(0) },
  ];
  const bytes = safetensorsBytes(tensors, { note: 'x' });
  expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
  for (const source of [fromBytes('m', bytes), fromBlob('m', new Blob([bytes]))]) {
    const back = await readSafetensors(source);
    expect({ ...back.metadata }).toEqual({ format: 'pt', note: 'x' });
    for (const { name, shape, data } of tensors) {
      expect(back.tensors.get(name)?.shape).toEqual(shape);
      expect(await back.readFloat32(name)).toEqual(data);
    }
  }
});

test('slices of a tensor come as they are stored, and only from within it', async () => {
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    const tensor = { name: 'a', shape: [3, 4], read: async () => Float32Array.from({ length: 12 }, (_, i) => i - 5) };
    const before = { name: 'b', shape: [3], read: async () => Float32Array.of(7, 8, 9) };
    const source = await read(await collect(safetensorsFiles([before, tensor], { dtype })[0]!));
    const size = dtype === 'F32' ? 4 : 2;
    const whole = await source.read('a', 0, 12);
    expect(whole).toMatchObject({ dtype, bytes: { length: 12 * size } });
    const slice = await source.read('a', 5, 3);
    expect(slice.bytes).toEqual(whole.bytes.slice(5 * size, 8 * size));
    expect((await source.read('a', 12, 0)).bytes.length).toBe(0);
    expect([...(await source.readFloat32('a'))]).toEqual([...(await tensor.read())]);
    for (const [first, count] of [
      [-1, 2],
      [12, 1],
      [0, 13],
      [Number.NaN, 1],
      [0, -1],
    ] as const) {
      await expect(source.read('a', first, count)).rejects.toBeInstanceOf(FormatError);
    }
    await expect(source.read('c', 0, 1)).rejects.toBeInstanceOf(FormatError);
  }
});

test('F32 rounds to the nearest F16 and BF16, ties to even, NaN and infinities kept', () => {
  const edges = [
    0,
    -0,
    1,
    65504,
    65519.99,
    65520,
    -1e30,
    Infinity,
    -Infinity,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.0001,
    2 ** -14,
    2 ** -14 - 2 ** -25,
    3e38,
  ];
  let state = 1;
  const random = Float32Array.from({ length: 200_000 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return new Float32Array(Uint32Array.of(state).buffer)[0]!;
  });
  const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  for (const [convert, value] of [
    [toFloat16, halfValue],
    [toBfloat16, bfloatValue],
  ] as const) {
    // What is exact stays: also as the middle of two others.
    const exact = Float32Array.from(halves, value);
    const back = convert(exact);
    for (let i = 0; i < 65_536; i++) {
      const isNan = Number.isNaN(exact[i]!);
      if (isNan ? !Number.isNaN(value(back[i]!)) : back[i] !== i) expect.fail(`${convert.name} ${i}: ${back[i]}`);
    }
    const middles = Float32Array.from({ length: 31_000 }, (_, i) => (value(i) + value(i + 1)) / 2);
    const values = Float32Array.from([...edges, ...middles, ...random]);
    convert(values).forEach((bits, i) => {
      const x = values[i]!;
      const got = value(bits);
      if (Number.isNaN(x) || Math.abs(x) === Infinity) return void (Object.is(got, x) || expect.fail(`${x} gives ${got}`));
      // No neighbour is nearer; at equal distance the last bit is 0. Infinity counts as the next step beyond the largest.
      const next = (step: number) => {
        const neighbour = value(bits + step);
        const last = convert === toFloat16 ? 2 ** 16 : 2 ** 128;
        return Math.abs(neighbour) === Infinity ? Math.sign(neighbour) * last : neighbour;
      };
      const distance = Math.abs(x - next(0));
      const others = [1, -1].filter((step) => (bits & 0x7fff) + step >= 0 && !Number.isNaN(value(bits + step)));
      const nearest = Math.min(...others.map((step) => Math.abs(x - next(step))));
      const beyond = Math.abs(got) === Infinity && Math.abs(x) >= Math.abs(next(0));
      if (!beyond && (nearest < distance || (nearest === distance && (bits & 1) === 1))) expect.fail(`${convert.name}: ${x} gives ${got}`);
    });
  }
});

function bfloatValue(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}

async function written(names: Record<string, number[]>, options: WriteOptions) {
  let atOnce = 0;
  let most = 0;
  const tensors = Object.entries(names).map(([name, shape], t) => ({
    name,
    shape,
    async read() {
      most = Math.max(most, ++atOnce);
      await null;
      atOnce--;
      return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => t + i / 8);
    },
  }));
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const each of safetensorsFiles(tensors, options)) {
    const bytes = await collect(each);
    expect(bytes.length).toBe(each.sizeBytes);
    files.set(each.name, bytes);
  }
  return { files, most, tensors };
}

test('a model is written in shards with their index, one tensor in memory at a time', async () => {
  const shapes = { a: [4, 4], b: [8], 'c"é': [2, 2], none: [0, 3], scalar: [], large: [40] };
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    const one = await written(shapes, { dtype, metadata: { note: 'x' } });
    expect([...one.files.keys()]).toEqual(['model.safetensors']);
    const { files, most, tensors } = await written(shapes, { dtype, maxShardBytes: 50 });
    const names = [...files.keys()];
    expect(names.at(-1)).toBe('model.safetensors.index.json');
    const shardNames = names.slice(0, -1);
    expect(shardNames[0]).toBe(`model-00001-of-${String(shardNames.length).padStart(5, '0')}.safetensors`);
    expect(shardNames.length).toBe(dtype === 'F32' ? 4 : 3);
    expect(most).toBe(1);
    const shards = new Map<string, SafetensorsFile>();
    for (const name of shardNames) {
      const bytes = files.get(name)!;
      expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
      shards.set(name, await read(bytes));
    }
    const index = new TextDecoder().decode(files.get('model.safetensors.index.json'));
    checkIndex(index, shards);
    expect(JSON.parse(index).metadata.total_size).toBe((16 + 8 + 4 + 1 + 40) * (dtype === 'F32' ? 4 : 2));
    for (const source of [joinShards([...shards.values()]), await read(one.files.get('model.safetensors')!)]) {
      for (const { name, shape, read: values } of tensors) {
        expect(source.tensors.get(name)!.shape).toEqual(shape);
        expect(await source.readFloat32(name)).toEqual(await values());
      }
    }
  }
  const twice = { name: 'a', shape: [1], read: async () => new Float32Array(1) };
  expect(() => safetensorsFiles([twice, twice])).toThrow(FormatError);
  await expect(collect(safetensorsFiles([{ ...twice, shape: [2] }])[0]!)).rejects.toBeInstanceOf(FormatError);
});

test('an index that does not fit its shards is refused', async () => {
  const shard = await read(safetensorsBytes([{ name: 'a', shape: [1], data: Float32Array.of(1) }]));
  const shards = new Map([['one.safetensors', shard]]);
  checkIndex('{"weight_map":{"a":"one.safetensors"}}', shards);
  for (const [index, message] of [
    ['{}', 'no weight_map'],
    ['[]', 'no weight_map'],
    ['{', 'not valid JSON'],
    ['{"weight_map":{"a":"two.safetensors"}}', '"two.safetensors", which was not dropped'],
    ['{"weight_map":{"b":"one.safetensors"}}', 'holds the tensor "b"; it does not'],
    ['{"weight_map":{"a":1}}', 'is no text'],
  ] as const) {
    expect(() => checkIndex(index, shards)).toThrow(message);
    expect(() => checkIndex(index, shards)).toThrow(FormatError);
  }
});

test('shards are read as one model and a tensor in two of them is refused', async () => {
  const one = await read(safetensorsBytes([{ name: 'a', shape: [1], data: Float32Array.of(1) }]));
  const two = await read(safetensorsBytes([{ name: 'b', shape: [1], data: Float32Array.of(2) }]));
  expect([...(await joinShards([one, two]).readFloat32('b'))]).toEqual([2]);
  expect(() => joinShards([one, one])).toThrow(FormatError);
});

test.skipIf(!hasStories)('a real model is read and written back tensor by tensor', async () => {
  const model = await read(storiesFile('model.safetensors'));
  const tensors = [];
  for (const [name, { shape }] of model.tensors) tensors.push({ name, shape, data: await model.readFloat32(name) });
  const again = await read(safetensorsBytes(tensors));
  expect(again.tensors.size).toBe(47);
  for (const { name, data } of tensors) expect(await again.readFloat32(name)).toEqual(data);
});
