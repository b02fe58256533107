// The row-wise kernels: embedding, RMSNorm, rotary positions, SwiGLU; forward and backward against the references.
import { flatGrid } from '../../src/engine/matmul.ts';
import { swigluBackward, swigluForward } from '../reference/mlp.ts';
import { rmsNormBackward, rmsNormForward } from '../reference/norm.ts';
import { rope } from '../reference/rope.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { expectClose, expectSame } from './support/compare.ts';
import { randomFloats, randomIds, runKernel, untouched } from './support/runKernel.ts';

/** (R, C): one row, one column, odd widths, widths beyond a workgroup. */
const ROWS: [number, number][] = [
  [1, 1],
  [1, 7],
  [5, 12],
  [67, 13],
  [3, 129],
];
const EPS = 1e-5;

export const cases: KernelCase[] = [
  {
    name: 'a row of zeros has a norm of 0',
    async run(gpu) {
      const { y, rstd } = await runKernel(gpu, 'norm/rms_forward', {
        bindings: { x: new Float64Array(5), gamma: randomFloats(5, 1), y: untouched(5), rstd: untouched(1) },
        args: { R: 1, C: 5, eps: EPS },
        overrides: { LANES: 1 },
        grid: 1,
      });
      expectSame('y', y!.floats, new Float64Array(5));
      expectClose('rstd', rstd!.floats, [1 / Math.sqrt(EPS)]);
    },
  },
  {
    name: 'norm/rms_gamma sums the parts of dgamma',
    async run(gpu) {
      for (const [R, C, rowsPerPart] of [
        [1, 1, 16],
        [67, 13, 16],
        [33, 5, 7],
      ] as const) {
        const P = Math.ceil(R / rowsPerPart);
        const x = randomFloats(R * C, 10);
        const gamma = randomFloats(C, 11);
        const dy = randomFloats(R * C, 12);
        const { rstd } = rmsNormForward(x, gamma, EPS);
        const { parts } = await runKernel(gpu, 'norm/rms_gamma', {
          bindings: { dy, x, rstd, parts: untouched(P * C) },
          args: { R, C, P, rowsPerPart },
          grid: flatGrid(P * C),
        });
        const expected = Array.from({ length: P }, (_, p) => {
          const rows = [p * rowsPerPart * C, Math.min(R, (p + 1) * rowsPerPart) * C] as const;
          const of = rstd.subarray(p * rowsPerPart, (p + 1) * rowsPerPart);
          return Array.from(rmsNormBackward(dy.subarray(...rows), x.subarray(...rows), gamma, of).dgamma);
        }).flat();
        expectClose(`R ${R} C ${C} P ${P}`, parts!.floats, expected);
      }
    },
  },
  {
    name: 'rope/rotate turns queries and keys, leaves values, and backward undoes forward',
    async run(gpu) {
      for (const { R, H, K, D } of [
        { R: 1, H: 1, K: 1, D: 4 },
        { R: 7, H: 4, K: 2, D: 12 },
        { R: 70, H: 3, K: 1, D: 20 },
      ]) {
        const P = 64;
        const theta = 10_000;
        const width = (H + 2 * K) * D;
        const positions = randomIds(R, P, 13);
        const table = Float64Array.from({ length: P * D }, (_, i) => {
          const angle = Math.floor(i / D) * theta ** ((-2 * Math.floor((i % D) / 2)) / D);
          return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
        });
        const x = randomFloats(R * width, 14);
        for (const sign of [1, -1] as const) {
          const { qkv } = await runKernel(gpu, 'rope/rotate', {
            bindings: { positions, table, qkv: x },
            args: { R, heads: H + K, D, width, P, sign },
            grid: flatGrid((R * (H + K) * D) / 2),
          });
          expectClose(`R ${R} D ${D} sign ${sign}`, qkv!.floats, rope(x, positions, { heads: H + 2 * K, rotated: H + K, D, theta }, sign));
        }
      }
    },
  },
  {
    name: 'mlp/swiglu_forward and mlp/swiglu_backward equal the reference',
    async run(gpu) {
      for (const [R, F] of ROWS) {
        const gu = randomFloats(R * 2 * F, 15, 6);
        const dh = randomFloats(R * F, 16);
        const grid = flatGrid(R * F);
        const { h } = await runKernel(gpu, 'mlp/swiglu_forward', { bindings: { gu, h: untouched(R * F) }, args: { R, F }, grid });
        expectClose(`R ${R} F ${F}, h`, h!.floats, swigluForward(gu, F));
        const { dgu } = await runKernel(gpu, 'mlp/swiglu_backward', {
          bindings: { dh, gu, dgu: untouched(R * 2 * F) },
          args: { R, F },
          grid,
        });
        expectClose(`R ${R} F ${F}, dgu`, dgu!.floats, swigluBackward(dh, gu, F));
      }
    },
  },
];
