// Dropout and scaling as ops: masks against the reference stream, forward and backward alike, and how often they drop.
import { dropout, scale } from '../../src/engine/dropoutOps.ts';
import { createState, freeState, Graph, type Tensor } from '../../src/engine/graph.ts';
import { philox, unitFloat } from '../../src/tasks/rng.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose } from './support/compare.ts';
import { randomFloats } from './support/runKernel.ts';
import { runOp } from './support/runOp.ts';

// kernels: 'lora/dropout' 'lora/scale'
/** 1 / (1 - probability) where an element is kept, else 0. */
function maskOf(R: number, C: number, probability: number, seed: number, step: number, stream: number): Float64Array {
  return new Float64Array(R * C).map((_, i) => {
    const [row, column] = [Math.floor(i / C), i % C];
    const u = unitFloat(philox(seed, stream, step, row, column >> 2)[column & 3]!);
    return u >= Math.fround(probability) ? 1 / (1 - probability) : 0;
  });
}

export const cases: KernelCase[] = [
  {
    name: 'dropout has the mask of its seed, step and stream, forward and backward',
    async run(gpu) {
      for (const [R, C] of [
        [1, 1],
        [5, 7],
        [67, 132],
      ] as const) {
        for (const [probability, seed, step, stream] of [
          [0.1, 7, 0, 0],
          [0.5, 4e9, 123456, 3],
          [0.9, 1, 2, 4294967295],
        ] as const) {
          const x = randomFloats(R * C, 1);
          const dy = randomFloats(R * C, 2);
          const old = randomFloats(R * C, 3);
          const mask = maskOf(R, C, probability, seed, step, stream);
          for (const add of [false, true]) {
            const { y, gradients } = await runOp(gpu, {
              inputs: { x: { data: x, shape: [R, C] }, state: { data: Uint32Array.of(seed, step), shape: [2] } },
              dy,
              ...(add ? { old: { x: old } } : {}),
              op: (g, t) => dropout(g, t.x!, { probability, seed: t.state!, stream }),
            });
            const what = `R ${R} C ${C} probability ${probability}`;
            expectClose(
              `${what}, y`,
              y.floats,
              x.map((v, i) => v * mask[i]!),
              1e-12,
            );
            expectClose(
              `${what}, dx`,
              gradients.x!.floats,
              dy.map((v, i) => v * mask[i]! + (add ? old[i]! : 0)),
              1e-12,
            );
          }
          const kept = mask.filter((m) => m > 0).length;
          const spread = 5 * Math.sqrt(R * C * probability * (1 - probability)) + 1;
          check(Math.abs(kept - R * C * (1 - probability)) <= spread, `${kept} of ${R * C} kept with probability ${probability}.`);
        }
      }
    },
  },
  {
    name: 'dropout of probability 0 emits nothing; impossible ones are refused',
    async run(gpu) {
      const graph = new Graph(gpu, 'none');
      const [x, seed] = [createState(gpu, 'x', [2, 4]), createState(gpu, 'seed', [2], 'u32')];
      try {
        check(dropout(graph, x, { probability: 0, seed, stream: 0 }) === x, 'A copy was made.');
        check(graph.dispatches.length === 0, 'A dispatch was emitted.');
        for (const probability of [-0.1, 1, Number.NaN]) {
          let refused = '';
          try {
            dropout(graph, x, { probability, seed, stream: 0 });
          } catch (e) {
            refused = (e as Error).message;
          }
          check(refused.includes(String(probability)), `Probability ${probability} was not refused.`);
        }
      } finally {
        freeState(gpu, x);
        freeState(gpu, seed);
      }
    },
  },
  {
    name: 'scaling multiplies values and gradients, and freezes with its input',
    async run(gpu) {
      for (const N of [1, 7, 300]) {
        const x = { data: randomFloats(N, 4), shape: [1, N] };
        const dy = randomFloats(N, 5);
        const old = randomFloats(N, 6);
        const { y, gradients } = await runOp(gpu, { inputs: { x }, dy, old: { x: old }, op: (g, t) => scale(g, t.x!, 2.5) });
        expectClose(
          `N ${N}, y`,
          y.floats,
          x.data.map((v) => 2.5 * v),
          1e-12,
        );
        expectClose(
          `N ${N}, dx`,
          gradients.x!.floats,
          dy.map((v, i) => 2.5 * v + old[i]!),
          1e-12,
        );
        for (const op of [
          (g: Graph, t: Tensor, seed: Tensor) => dropout(g, t, { probability: 0.5, seed, stream: 1 }),
          (g: Graph, t: Tensor) => scale(g, t, 2),
        ]) {
          const seed = { data: Uint32Array.of(1, 2), shape: [2] };
          const frozen = await runOp(gpu, { inputs: { x, seed }, frozen: ['x'], dy, op: (g, t) => op(g, t.x!, t.seed!) });
          check(frozen.outputFrozen && frozen.gradients.x === null, 'A frozen input got a gradient.');
        }
      }
    },
  },
];
