// Numbers of files put in place and read back on the GPU: every f16, the borders of rounding, every layout cut at awkward places, bit for bit.
import { createState, freeState, type Tensor } from '../../src/engine/graph.ts';
import { convertInto, extractFrom, type FileDtype, type FileLayout, sliceBytes } from '../../src/engine/loadOps.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { bfloatToNumber, halfToNumber, headMajorQkvPlace, numberToBfloat, numberToHalf, transposedPlace } from '../reference/floatBits.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectSame } from './support/compare.ts';
import { download, randomFloats } from './support/runKernel.ts';

// kernels: 'load/convert' 'load/extract'
const DTYPES: FileDtype[] = ['F32', 'F16', 'BF16'];
const bitsOf = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0]!;
const bytesOf = (a: Uint32Array | Uint16Array | Float32Array): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
const halves = (words: Uint32Array): Uint16Array => new Uint16Array(words.buffer, words.byteOffset, words.length * 2);
const isNaNHalf = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;

/** Numbers of a file as bytes of that dtype, and their values. */
function fileOf(count: number, dtype: FileDtype, seed: number): { bytes: Uint8Array; values: Float64Array } {
  const x = randomFloats(count, seed, 3);
  if (dtype === 'F32') return { bytes: bytesOf(Float32Array.from(x)), values: x };
  const [narrow, wide] = dtype === 'F16' ? [numberToHalf, halfToNumber] : [numberToBfloat, bfloatToNumber];
  const bits = Uint16Array.from(x, narrow);
  return { bytes: bytesOf(bits), values: Float64Array.from(bits, wide) };
}

async function withTensor(gpu: GpuContext, size: number, dtype: 'f32' | 'f16', use: (t: Tensor) => Promise<void>): Promise<void> {
  const t = createState(gpu, 'block', [size], dtype);
  try {
    // a fill that conversion must not touch outside its slice
    const fill = dtype === 'f32' ? bytesOf(new Float32Array(size).fill(7)) : bytesOf(new Uint16Array(size).fill(0x4700));
    await convertInto(gpu, t, 0, fill, dtype === 'f32' ? 'F32' : 'F16', { kind: 'plain' });
    await use(t);
  } finally {
    freeState(gpu, t);
  }
}

const valuesOf = async (gpu: GpuContext, t: Tensor): Promise<Float32Array> =>
  new Float32Array((await extractFrom(gpu, t, 0, t.shape[0]!, 'F32', { kind: 'plain' })).buffer);

const FLOATS = [
  ...[0, -0, 1, -1, 65504, 65519.99, 65520, -65520, 1e38, -1e38, 2 ** -14, 2 ** -24, 2 ** -25, 1.0001 * 2 ** -25, 3 * 2 ** -26, 2 ** -30],
  ...[
    1e-45,
    -1e-40,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    1 + 2 ** -11 + 2 ** -20,
    2047.5,
    2048.5,
    2049,
    2051,
    1023.75 * 2 ** -24,
    1023.5 * 2 ** -24,
  ],
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Math.PI, 3.4028235e38, 3.39e38, 1 + 2 ** -8, 1 + 3 * 2 ** -8],
].map(Math.fround);

export const cases: KernelCase[] = [
  {
    name: 'every f16 becomes the f32 of its value and itself again, NaN and subnormals by bits',
    async run(gpu) {
      const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
      await withTensor(gpu, 65536, 'f32', async (t) => {
        await convertInto(gpu, t, 0, bytesOf(all), 'F16', { kind: 'plain' });
        const { words } = (await download(gpu, [t]))[0]!;
        all.forEach((h) => {
          const expected = isNaNHalf(h) ? ((h & 0x8000) << 16) | 0x7f800000 | ((h & 0x3ff) << 13) : bitsOf(halfToNumber(h));
          check(words[h] === expected >>> 0, `f16 ${h.toString(16)} became ${words[h]!.toString(16)}.`);
        });
        const back = new Uint16Array((await extractFrom(gpu, t, 0, 65536, 'F16', { kind: 'plain' })).buffer);
        expectSame(
          'and back',
          back,
          all.map((h) => (isNaNHalf(h) ? h | 0x200 : h)),
        );
      });
      await withTensor(gpu, 65536, 'f16', async (t) => {
        await convertInto(gpu, t, 1, bytesOf(all.subarray(0, 65535)), 'F16', { kind: 'plain' });
        expectSame('f16 by an odd offset', halves((await download(gpu, [t]))[0]!.words), [0x4700, ...all.subarray(0, 65535)]);
      });
    },
  },
  {
    name: 'f32 is rounded to f16 and bf16 to nearest even, at borders and at random',
    async run(gpu) {
      const random = randomFloats(3000, 3).map((v, i) => Math.fround(v * 2 ** ((i % 50) - 30)));
      const values = Float32Array.of(...FLOATS, ...random, 0);
      const n = values.length;
      await withTensor(gpu, n, 'f16', async (t) => {
        await convertInto(gpu, t, 0, bytesOf(values), 'F32', { kind: 'plain' });
        const got = halves((await download(gpu, [t]))[0]!.words);
        values.forEach((v, i) => {
          check(got[i] === numberToHalf(v), `${v} became f16 ${got[i]!.toString(16)}, expected ${numberToHalf(v).toString(16)}.`);
        });
        await convertInto(gpu, t, 0, bytesOf(Uint32Array.of(0x7f800001, 0xffc00000, 0x7fc12345)), 'F32', { kind: 'plain' });
        expectSame('NaN', halves((await download(gpu, [t]))[0]!.words).slice(0, 3), [0x7e00, 0xfe00, 0x7e09]);
      });
      await withTensor(gpu, n, 'f32', async (t) => {
        await convertInto(gpu, t, 0, bytesOf(values), 'F32', { kind: 'plain' });
        const bf16 = new Uint16Array((await extractFrom(gpu, t, 0, n, 'BF16', { kind: 'plain' })).buffer);
        values.forEach((v, i) => {
          check(bf16[i] === numberToBfloat(v), `${v} became bf16 ${bf16[i]!.toString(16)}, expected ${numberToBfloat(v).toString(16)}.`);
        });
        await convertInto(gpu, t, 0, bytesOf(Uint16Array.of(0x7f81, 0xffc0, 0x0001, 0x8000)), 'BF16', { kind: 'plain' });
        expectSame('bf16 bits', (await download(gpu, [t]))[0]!.words.slice(0, 4), [0x7f810000, 0xffc00000, 0x00010000, 0x80000000]);
      });
    },
  },
  {
    name: 'layouts are put in place slice by slice, wherever the slices are cut, and nothing else is touched',
    async run(gpu) {
      const layouts: { total: number; layout: FileLayout; place(s: number): number }[] = [
        { total: 35, layout: { kind: 'plain' }, place: (s) => s },
        { total: 35, layout: { kind: 'transposed', rows: 5, cols: 7, firstElement: 0 }, place: (s) => transposedPlace(s, 5, 7) },
        { total: 130 * 6, layout: { kind: 'transposed', rows: 130, cols: 6, firstElement: 0 }, place: (s) => transposedPlace(s, 130, 6) },
        { total: 9, layout: { kind: 'transposed', rows: 1, cols: 9, firstElement: 0 }, place: (s) => transposedPlace(s, 1, 9) },
        {
          total: 2 * 3 * 3 * 5,
          layout: { kind: 'headMajorQkv', heads: 2, headDim: 3, columns: 5, firstElement: 0 },
          place: (s) => headMajorQkvPlace(s, 2, 3, 5),
        },
        {
          total: 4 * 3 * 3,
          layout: { kind: 'headMajorQkv', heads: 4, headDim: 3, columns: 1, firstElement: 0 },
          place: (s) => headMajorQkvPlace(s, 4, 3, 1),
        },
      ];
      for (const { total, layout, place } of layouts) {
        for (const dtype of DTYPES) {
          for (const held of ['f32', 'f16'] as const) {
            for (const [offset, step] of [
              [0, total],
              [5, 2 * Math.ceil(total / 7) + 1],
            ] as const) {
              const what = `${layout.kind} ${total} ${dtype} to ${held} at ${offset} by ${step}`;
              const { bytes, values } = fileOf(total, dtype, 5);
              const size = bytes.length / total;
              await withTensor(gpu, offset + total + 3, held, async (t) => {
                const cut = (first: number): FileLayout => (layout.kind === 'plain' ? layout : { ...layout, firstElement: first });
                const back: number[] = [];
                for (let first = 0; first < total; first += step) {
                  const n = Math.min(step, total - first);
                  const at = layout.kind === 'plain' ? offset + first : offset;
                  await convertInto(gpu, t, at, bytes.subarray(first * size, (first + n) * size), dtype, cut(first));
                }
                const expected = new Float64Array(offset + total + 3).fill(7);
                values.forEach((v, s) => {
                  expected[offset + place(s)] = held === 'f16' ? halfToNumber(numberToHalf(v)) : v;
                });
                expectSame(what, await valuesOf(gpu, t), expected);
                for (let first = 0; first < total; first += step) {
                  const n = Math.min(step, total - first);
                  const at = layout.kind === 'plain' ? offset + first : offset;
                  back.push(...(await extractFrom(gpu, t, at, n, dtype, cut(first))));
                }
                if (held === 'f32' || dtype === 'F16') expectSame(`${what}, back`, back, bytes);
              });
            }
          }
        }
      }
    },
  },
  {
    name: 'more than a slice goes up in several, and what does not fit is refused',
    async run(gpu) {
      const n = sliceBytes(gpu) / 2 + 5;
      const bits = new Uint16Array(n).map((_, i) => i % 31000);
      await withTensor(gpu, n, 'f32', async (t) => {
        await convertInto(gpu, t, 0, bytesOf(bits), 'F16', { kind: 'plain' });
        const back = new Uint16Array((await extractFrom(gpu, t, 0, n, 'F16', { kind: 'plain' })).buffer);
        expectSame('bits', back, bits);
      });
      await withTensor(gpu, 8, 'f32', async (t) => {
        const refused = async (slice: Uint8Array, offset: number, layout: FileLayout): Promise<void> => {
          const error = await convertInto(gpu, t, offset, slice, 'F32', layout).catch((e: Error) => e);
          check(error instanceof Error && /do not fit|no whole number/.test(error.message), `Not refused: ${layout.kind} at ${offset}.`);
        };
        await refused(new Uint8Array(16), 5, { kind: 'plain' });
        await refused(new Uint8Array(6), 0, { kind: 'plain' });
        await refused(new Uint8Array(16), 0, { kind: 'transposed', rows: 3, cols: 3, firstElement: 0 });
        await refused(new Uint8Array(16), 0, { kind: 'transposed', rows: 2, cols: 3, firstElement: 3 });
      });
    },
  },
];
