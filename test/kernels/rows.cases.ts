// Rotary positions, forward and backward against the reference.
import { flatGrid } from '../../src/engine/matmul.ts';
import { rope } from '../reference/rope.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { expectClose } from './support/compare.ts';
import { randomFloats, randomIds, runKernel } from './support/runKernel.ts';

export const cases: KernelCase[] = [
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
];
