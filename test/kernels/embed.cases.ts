// Tables of rows: gathering (f32 and f16, whole and in pieces, onto what is there) and the gradient of the rows, against the reference.
import { flatGrid } from '../../src/engine/matmul.ts';
import { sortIds } from '../../src/model/batch.ts';
import { embeddingBackward, embeddingForward } from '../reference/linear.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { expectClose, expectSame } from './support/compare.ts';
import { randomFloats, randomIds, runKernel, UNTOUCHED, untouched } from './support/runKernel.ts';

/** (R, C): one row, one column, odd widths, widths beyond a workgroup. */
const ROWS: [number, number][] = [
  [1, 1],
  [1, 7],
  [5, 12],
  [67, 13],
  [3, 129],
];
const V = 11;

/** Values that f16 holds exactly, and their packed pairs. */
function halves(length: number): { values: Float64Array; words: Uint32Array } {
  const codes = randomIds(length, 2048, 6);
  const values = Float64Array.from(codes, (c) => 1 + c / 1024 - (c >= 1024 ? 1 + 1 : 0));
  const words = new Uint32Array(Math.ceil(length / 2));
  values.forEach((v, i) => {
    const bits = new Uint32Array(Float32Array.of(v).buffer)[0] as number;
    const exponent = ((bits >>> 23) & 0xff) - 112;
    // of the values that are made here only 0 is no normal number of f16
    const half = v === 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
    words[i >> 1] = (words[i >> 1] as number) | (half << (16 * (i % 2)));
  });
  return { values, words };
}

export const cases: KernelCase[] = [
  {
    name: 'embed/gather looks up the rows of its piece, scaled, and leaves the others alone',
    async run(gpu) {
      for (const [R, C] of ROWS) {
        for (const [lo, rows, ADD] of [
          [0, V, 0],
          [4, 5, 0],
          [4, 5, 1],
        ] as const) {
          const table = randomFloats(V * C, 1);
          const ids = randomIds(R, V, 2);
          const { y } = await runKernel(gpu, 'embed/gather', {
            bindings: { table: table.slice(lo * C, (lo + rows) * C), ids, y: untouched(R * C) },
            overrides: { ADD },
            args: { R, C, lo, rows, scale: 1.5 },
            grid: flatGrid(R * C),
          });
          const expected = embeddingForward(table, ids, C).map((v, i) => {
            const id = ids[Math.floor(i / C)] as number;
            return id >= lo && id < lo + rows ? 1.5 * v + ADD * UNTOUCHED : UNTOUCHED;
          });
          expectClose(`R ${R} C ${C} [${lo}, ${lo + rows}) ADD ${ADD}`, y!.floats, expected);
        }
      }
    },
  },
  {
    name: 'embed/gather_f16 reads packed halves exactly',
    async run(gpu) {
      for (const [R, C] of ROWS) {
        const { values, words } = halves(V * C);
        const ids = randomIds(R, V, 2);
        const { y } = await runKernel(gpu, 'embed/gather_f16', {
          bindings: { table: words, ids, y: untouched(R * C) },
          args: { R, C, lo: 0, rows: V, scale: 1 },
          grid: flatGrid(R * C),
        });
        expectSame(`R ${R} C ${C}`, y!.floats, embeddingForward(values, ids, C));
      }
    },
  },
  {
    name: 'embed/scatter adds the rows of each id of its piece to what is there',
    async run(gpu) {
      for (const [R, C] of ROWS) {
        for (const [lo, rows] of [
          [0, V],
          [3, 4],
        ] as const) {
          const dy = randomFloats(R * C, 3);
          const ids = randomIds(R, 7, 4); // ids 7 to 10 stand in no row
          const old = randomFloats(rows * C, 5);
          const { dtable } = await runKernel(gpu, 'embed/scatter', {
            bindings: { dy, ...sortIds(ids), dtable: old },
            args: { R, C, lo, rows, scale: 0.5 },
            grid: flatGrid(R * C),
          });
          const expected = embeddingBackward(dy, ids, V, C)
            .slice(lo * C, (lo + rows) * C)
            .map((v, i) => 0.5 * v + old[i]!);
          expectClose(`R ${R} C ${C} [${lo}, ${lo + rows})`, dtable!.floats, expected);
        }
      }
    },
  },
  {
    name: 'bias/sum adds two tensors',
    async run(gpu) {
      for (const N of [1, 64, 131]) {
        const [a, b] = [randomFloats(N, 7), randomFloats(N, 8)];
        const { y } = await runKernel(gpu, 'bias/sum', { bindings: { a, b, y: untouched(N) }, args: { N }, grid: flatGrid(N) });
        expectClose(
          `N ${N}`,
          y!.floats,
          a.map((v, i) => v + b[i]!),
        );
      }
    },
  },
];
