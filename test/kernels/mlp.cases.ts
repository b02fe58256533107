// Activations, gated products and biases as ops, forward and backward, against the float64 references.
import type { Graph, Tensor } from '../../src/engine/graph.ts';
import { addBias } from '../../src/engine/biasOps.ts';
import { emitReduce, flatGrid } from '../../src/engine/matmul.ts';
import { type Activation, ACTIVATION_CODES, activate, gated } from '../../src/engine/mlpOps.ts';
import { ACTIVATIONS, gatedBackward, gatedForward } from '../reference/mlp.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose, expectSame, expectWithin } from './support/compare.ts';
import { randomFloats, runKernel, UNTOUCHED, untouched } from './support/runKernel.ts';
import { runOp } from './support/runOp.ts';

const NAMES = Object.keys(ACTIVATION_CODES) as Activation[];
/** (R, F): one element, odd widths, wide rows, several workgroups. */
const ROWS: [number, number][] = [
  [1, 1],
  [1, 7],
  [5, 12],
  [67, 13],
  [3, 132],
];
const added = (values: Float64Array, old?: Float64Array): Float64Array => values.map((v, i) => v + (old?.[i] ?? 0));

/** A copy that is a temporary, for ops that work in place. */
function copy(graph: Graph, x: Tensor): Tensor {
  const y = graph.temp('copy', x.shape);
  emitReduce(
    graph,
    x,
    y,
    1,
    x.shape.reduce((a, b) => a * b, 1),
    false,
  );
  return y;
}

export const cases: KernelCase[] = [
  {
    // kernels: 'mlp/activate' 'mlp/activate_backward'
    name: 'activations and their slopes over the whole range: mlp/activate and mlp/activate_backward',
    async run(gpu) {
      const grid = Float64Array.from({ length: 4001 }, (_, i) => Math.fround((i - 2000) / 100));
      const x = Float64Array.of(...grid, -1e4, 1e4, -90, 90, -1e-6, 1e-6, -1e-30, 0, 1.5);
      for (const activation of NAMES) {
        const { value, slope } = ACTIVATIONS[activation];
        const { y, gradients } = await runOp(gpu, {
          inputs: { u: { data: x, shape: [1, x.length] } },
          dy: new Float64Array(x.length).fill(1),
          op: (g, t) => activate(g, t.u!, activation),
        });
        x.forEach((v, i) => {
          // relative where f32's exp can be, absolute in the far tail
          const off = Math.abs(y.floats[i]! - value(v));
          const allowed = 1e-6 * Math.abs(value(v)) * (1 + v * v * 0.2) + 1e-30;
          check(off <= allowed, `${activation}(${v}) = ${y.floats[i]}, expected ${value(v)}.`);
          const error = Math.abs(gradients.u!.floats[i]! - slope(v));
          check(
            error <= 1e-6 * (1 + Math.abs(v)) * Math.min(1, Math.exp(-Math.abs(v) / 8) + 0.5),
            `${activation}'(${v}) = ${gradients.u!.floats[i]}, expected ${slope(v)}.`,
          );
        });
        expectClose(activation, y.floats.slice(0, 4001), Array.from(grid, value), 1e-13);
        expectClose(`${activation}'`, gradients.u!.floats.slice(0, 4001), Array.from(grid, slope), 1e-13);
      }
    },
  },
  {
    name: 'a NaN stays one through activations, forward and backward',
    async run(gpu) {
      for (const activation of NAMES) {
        const { y, gradients } = await runOp(gpu, {
          inputs: { u: { data: Float64Array.of(Number.NaN, 1, 2, 3), shape: [1, 4] } },
          dy: new Float64Array(4).fill(1),
          op: (g, t) => activate(g, t.u!, activation),
        });
        check(
          Number.isNaN(y.floats[0]) && Number.isNaN(gradients.u!.floats[0]),
          `${activation}: NaN became ${y.floats[0]}, ${gradients.u!.floats[0]}.`,
        );
        check(Number.isFinite(y.floats[1]!), `${activation}: NaN spread to its neighbour.`);
      }
    },
  },
  {
    // kernels: 'mlp/gated' 'mlp/gated_backward' 'mlp/gated_odd' 'mlp/gated_odd_backward'
    name: 'gated products of any width, gradients stored and added',
    async run(gpu) {
      for (const activation of NAMES) {
        for (const [R, F] of ROWS) {
          const gu = randomFloats(R * 2 * F, 15, 6);
          const dy = randomFloats(R * F, 16);
          for (const old of [undefined, randomFloats(R * 2 * F, 17)]) {
            const what = `${activation} R ${R} F ${F}${old ? ', added' : ''}`;
            const { y, gradients } = await runOp(gpu, {
              inputs: { gu: { data: gu, shape: [R, 2 * F] } },
              dy,
              ...(old ? { old: { gu: old } } : {}),
              op: (g, t) => gated(g, t.gu!, activation),
            });
            expectClose(`${what}, h`, y.floats, gatedForward(gu, F, activation), 1e-12);
            expectClose(`${what}, dgu`, gradients.gu!.floats, added(gatedBackward(dy, gu, F, activation), old), 1e-12);
          }
        }
      }
    },
  },
  {
    // kernels: 'bias/add' 'bias/add_odd' 'bias/column_sums' 'bias/column_sums_odd'
    name: 'a bias is added to every row; its gradient is the column sums',
    async run(gpu) {
      for (const [R, N] of [...ROWS, [300, 8]] as const) {
        const what = `R ${R} N ${N}`;
        const x = randomFloats(R * N, 25);
        const bias = randomFloats(N, 26);
        const dy = randomFloats(R * N, 27);
        const old = randomFloats(N, 28);
        const { y, gradients } = await runOp(gpu, {
          inputs: { x: { data: x, shape: [R, N] }, bias: { data: bias, shape: [N] } },
          dy,
          old: { bias: old },
          op: (g, t) => {
            const out = copy(g, t.x!);
            addBias(g, out, t.bias!);
            return out;
          },
        });
        expectSame(
          `${what}, y`,
          y.floats,
          x.map((v, i) => Math.fround(v + bias[i % N]!)),
        );
        const sums = old.slice();
        dy.forEach((d, i) => {
          sums[i % N] = sums[i % N]! + d;
        });
        expectClose(`${what}, dbias`, gradients.bias!.floats, sums, 1e-12);
      }
    },
  },
  {
    name: 'bias/sum adds two tensors',
    async run(gpu) {
      for (const N of [1, 67, 300]) {
        const [a, b] = [randomFloats(N, 45), randomFloats(N, 46)];
        const { y } = await runKernel(gpu, 'bias/sum', { bindings: { a, b, y: untouched(N + 1) }, args: { N }, grid: flatGrid(N) });
        expectSame(`N ${N}`, y!.floats, [...a.map((v, i) => Math.fround(v + b[i]!)), UNTOUCHED]);
      }
    },
  },
  {
    name: 'frozen inputs of activations and biases get no gradient',
    async run(gpu) {
      const u = { data: randomFloats(8, 35), shape: [2, 4] };
      const bias = { data: randomFloats(4, 36), shape: [4] };
      const dy = randomFloats(8, 37);
      for (const op of [activate, gated]) {
        const cut = op === gated ? { ...u, shape: [1, 8] } : u;
        const { gradients, outputFrozen } = await runOp(gpu, {
          inputs: { u: cut },
          frozen: ['u'],
          dy: dy.slice(0, op === gated ? 4 : 8),
          op: (g, t) => op(g, t.u!, 'gelu'),
        });
        check(gradients.u === null && outputFrozen, `${op.name}: a frozen input got a gradient.`);
      }
      const { y, gradients } = await runOp(gpu, {
        inputs: { u, bias },
        frozen: ['bias'],
        dy,
        op: (g, t) => {
          const out = copy(g, t.u!);
          addBias(g, out, t.bias!);
          return out;
        },
      });
      check(gradients.bias === null, 'A frozen bias got a gradient.');
      expectWithin(
        'y',
        y.floats,
        u.data.map((v, i) => v + bias.data[i % 4]!),
        1e-6,
      );
    },
  },
];
