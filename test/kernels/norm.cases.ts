// The normalisations, as kernels with every number of threads per row and as ops with frozen inputs, against the float64 references.
import { headNorm, layerNorm, rmsNorm } from '../../src/engine/normOps.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import {
  headNormBackward,
  headNormForward,
  layerNormBackward,
  layerNormForward,
  rmsNormBackward,
  rmsNormForward,
} from '../reference/norm.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose, expectSame } from './support/compare.ts';
import { randomFloats, rowGroups, runKernel, UNTOUCHED, untouched } from './support/runKernel.ts';
import { runOp } from './support/runOp.ts';

const LANES = [1, 16, 64];
/** (R, C): one row, odd widths, widths beyond a workgroup. Without C = 1, where dx is a difference of equals. */
const ROWS: [number, number][] = [
  [1, 7],
  [5, 12],
  [67, 13],
  [3, 129],
  [9, 132],
];
const EPS = 1e-5;
const added = (values: Float64Array, accumulate: number, old: Float64Array): Float64Array => values.map((v, i) => v + accumulate * old[i]!);

const rmsKernels = (lanes: number): KernelCase => ({
  name: `norm/rms_norm and its backward with ${lanes} threads per row, with and without offset`,
  async run(gpu: GpuContext) {
    for (const [R, C] of ROWS) {
      for (const offset of [0, 1] as const) {
        const what = `R ${R} C ${C} offset ${offset}`;
        const x = randomFloats(R * C, 6, 3);
        const gamma = randomFloats(C, 7, 2);
        const dy = randomFloats(R * C, 8);
        const old = randomFloats(R * C, 9);
        const expected = rmsNormForward(x, gamma, EPS, offset);
        const grid = rowGroups(R, lanes);
        const forward = await runKernel(gpu, C % 4 === 0 ? 'norm/rms_norm' : 'norm/rms_norm_odd', {
          bindings: { x, gamma, y: untouched(R * C), rstd: untouched(R + 1) },
          args: { R, C, eps: EPS, offset },
          overrides: { LANES: lanes },
          grid,
        });
        expectClose(`${what}, y`, forward.y!.floats, expected.y, 1e-12);
        expectClose(`${what}, rstd`, forward.rstd!.floats.slice(0, R), expected.rstd, 1e-12);
        expectSame(`${what}, beyond the rows`, forward.rstd!.floats.slice(R), [UNTOUCHED]);
        for (const accumulate of [0, 1]) {
          const { dx } = await runKernel(gpu, C % 4 === 0 ? 'norm/rms_norm_backward' : 'norm/rms_norm_backward_odd', {
            bindings: { dy, x, gamma, rstd: expected.rstd, dx: old },
            args: { R, C, accumulate, offset },
            overrides: { LANES: lanes },
            grid,
          });
          const want = added(rmsNormBackward(dy, x, gamma, expected.rstd, offset).dx, accumulate, old);
          expectClose(`${what}, dx, accumulate ${accumulate}`, dx!.floats, want, 1e-11);
        }
      }
    }
  },
});

const layerKernels = (lanes: number): KernelCase => ({
  name: `norm/layer_norm and its backward with ${lanes} threads per row`,
  async run(gpu: GpuContext) {
    for (const [R, C] of ROWS) {
      const what = `R ${R} C ${C}`;
      const x = randomFloats(R * C, 16, 3).map((v) => Math.fround(v + 5));
      const gamma = randomFloats(C, 17, 2);
      const beta = randomFloats(C, 18);
      const dy = randomFloats(R * C, 19);
      const old = randomFloats(R * C, 20);
      const expected = layerNormForward(x, gamma, beta, EPS);
      const stats = new Float64Array(2 * R).map((_, i) => (i % 2 === 0 ? expected.mean : expected.rstd)[i >> 1]!);
      const grid = rowGroups(R, lanes);
      const forward = await runKernel(gpu, C % 4 === 0 ? 'norm/layer_norm' : 'norm/layer_norm_odd', {
        bindings: { x, gamma, beta, y: untouched(R * C), stats: untouched(2 * R) },
        args: { R, C, eps: EPS },
        overrides: { LANES: lanes },
        grid,
      });
      expectClose(`${what}, y`, forward.y!.floats, expected.y, 1e-11);
      expectClose(`${what}, mean and rstd`, forward.stats!.floats, stats, 1e-11);
      for (const accumulate of [0, 1]) {
        const { dx } = await runKernel(gpu, C % 4 === 0 ? 'norm/layer_norm_backward' : 'norm/layer_norm_backward_odd', {
          bindings: { dy, x, gamma, stats, dx: old },
          args: { R, C, accumulate },
          overrides: { LANES: lanes },
          grid,
        });
        const want = added(layerNormBackward(dy, x, gamma, expected).dx, accumulate, old);
        expectClose(`${what}, dx, accumulate ${accumulate}`, dx!.floats, want, 1e-11);
      }
    }
  },
});

const HEADS = [
  { R: 1, H: 1, K: 1, D: 4 },
  { R: 7, H: 4, K: 2, D: 12 },
  { R: 70, H: 3, K: 1, D: 67 },
  { R: 5, H: 2, K: 1, D: 80 },
];

const headKernels = (lanes: number): KernelCase => ({
  name: `norm/head_norm and its backward with ${lanes} threads per head: values are copied`,
  async run(gpu: GpuContext) {
    for (const { R, ...heads } of HEADS) {
      const { H, K, D } = heads;
      for (const offset of [0, 1]) {
        const what = `R ${R} H ${H} K ${K} D ${D} offset ${offset}`;
        const N = R * (H + 2 * K) * D;
        const x = randomFloats(N, 26, 3);
        const qGamma = randomFloats(D, 27, 2);
        const kGamma = randomFloats(D, 28, 2);
        const dy = randomFloats(N, 29);
        const old = randomFloats(N, 30);
        const expected = headNormForward(x, qGamma, kGamma, heads, EPS, offset);
        const grid = rowGroups(R * (H + 2 * K), lanes);
        const overrides = { LANES: lanes };
        const forward = await runKernel(gpu, D % 4 === 0 ? 'norm/head_norm' : 'norm/head_norm_odd', {
          bindings: { x, qGamma, kGamma, y: untouched(N), rstd: untouched(R * (H + K)) },
          args: { R, H, K, D, eps: EPS, offset },
          overrides,
          grid,
        });
        expectClose(`${what}, y`, forward.y!.floats, expected.y, 1e-12);
        expectClose(`${what}, rstd`, forward.rstd!.floats, expected.rstd, 1e-12);
        for (const accumulate of [0, 1]) {
          const { dx } = await runKernel(gpu, D % 4 === 0 ? 'norm/head_norm_backward' : 'norm/head_norm_backward_odd', {
            bindings: { dy, x, qGamma, kGamma, rstd: expected.rstd, dx: old },
            args: { R, H, K, D, accumulate, offset },
            overrides,
            grid,
          });
          const want = added(headNormBackward(dy, x, qGamma, kGamma, heads, expected.rstd, offset).dx, accumulate, old);
          expectClose(`${what}, dx, accumulate ${accumulate}`, dx!.floats, want, 1e-11);
        }
      }
    }
  },
});

export const cases: KernelCase[] = [
  ...LANES.map(rmsKernels),
  ...LANES.map(layerKernels),
  ...LANES.map(headKernels),
  {
    name: 'a row of zeros is normed to zeros, a row of equals by layer norm to beta',
    async run(gpu) {
      const gamma = { data: randomFloats(5, 1), shape: [5] };
      const beta = { data: randomFloats(5, 2), shape: [5] };
      const zeros = { data: new Float64Array(5), shape: [1, 5] };
      const equals = { data: new Float64Array(5).fill(3), shape: [1, 5] };
      const rms = await runOp(gpu, { inputs: { x: zeros, gamma }, op: (g, t) => rmsNorm(g, t.x!, t.gamma!, { eps: EPS, offset: 1 }) });
      expectSame('rms', rms.y.floats, zeros.data);
      const layer = await runOp(gpu, {
        inputs: { x: equals, gamma, beta },
        op: (g, t) => layerNorm(g, t.x!, t.gamma!, t.beta!, { eps: EPS }),
      });
      expectSame('layer', layer.y.floats, beta.data);
    },
  },
  {
    name: 'parameters of norms get their gradients from partial sums: norm/rms_gamma, norm/layer_norm_gamma, norm/head_norm_gamma',
    async run(gpu) {
      // kernels: 'norm/rms_gamma' 'norm/layer_norm_gamma' 'norm/head_norm_gamma' 'norm/rms_gamma_odd' 'norm/layer_norm_gamma_odd' 'norm/head_norm_gamma_odd'
      for (const [R, C] of [...ROWS, [301, 6], [37, 8]] as const) {
        const what = `R ${R} C ${C}`;
        const x = { data: randomFloats(R * C, 36, 2), shape: [R, C] };
        const gamma = { data: randomFloats(C, 37), shape: [C] };
        const beta = { data: randomFloats(C, 38), shape: [C] };
        const dy = randomFloats(R * C, 39);
        const old = { gamma: randomFloats(C, 40) };
        const rms = await runOp(gpu, { inputs: { x, gamma }, dy, old, op: (g, t) => rmsNorm(g, t.x!, t.gamma!, { eps: EPS, offset: 1 }) });
        const want = rmsNormBackward(dy, x.data, gamma.data, rmsNormForward(x.data, gamma.data, EPS, 1).rstd, 1);
        expectClose(`${what}, rms dx`, rms.gradients.x!.floats, want.dx, 1e-11);
        expectClose(`${what}, rms dgamma`, rms.gradients.gamma!.floats, added(want.dgamma, 1, old.gamma), 1e-11);
        const layer = await runOp(gpu, {
          inputs: { x, gamma, beta },
          dy,
          old,
          op: (g, t) => layerNorm(g, t.x!, t.gamma!, t.beta!, { eps: EPS }),
        });
        const back = layerNormBackward(dy, x.data, gamma.data, layerNormForward(x.data, gamma.data, beta.data, EPS));
        expectClose(`${what}, layer dx`, layer.gradients.x!.floats, back.dx, 1e-11);
        expectClose(`${what}, layer dgamma`, layer.gradients.gamma!.floats, added(back.dgamma, 1, old.gamma), 1e-11);
        expectClose(`${what}, dbeta`, layer.gradients.beta!.floats, back.dbeta, 1e-11);
      }
      for (const { R, ...heads } of [...HEADS, { R: 300, H: 2, K: 2, D: 8 }]) {
        const { H, K, D } = heads;
        const width = (H + 2 * K) * D;
        const x = { data: randomFloats(R * width, 46, 2), shape: [R, width] };
        const q = { data: randomFloats(D, 47), shape: [D] };
        const k = { data: randomFloats(D, 48), shape: [D] };
        const dy = randomFloats(R * width, 49);
        const op = await runOp(gpu, {
          inputs: { x, q, k },
          dy,
          op: (g, t) => headNorm(g, t.x!, t.q!, t.k!, { ...heads, eps: EPS, offset: 0 }),
        });
        const want = headNormBackward(dy, x.data, q.data, k.data, heads, headNormForward(x.data, q.data, k.data, heads, EPS).rstd);
        expectClose(`R ${R} D ${D}, dx`, op.gradients.x!.floats, want.dx, 1e-11);
        expectClose(`R ${R} D ${D}, dqGamma`, op.gradients.q!.floats, want.dqGamma, 1e-11);
        expectClose(`R ${R} D ${D}, dkGamma`, op.gradients.k!.floats, want.dkGamma, 1e-11);
      }
    },
  },
  {
    name: 'norms write no gradient of what is frozen, and freeze their output only when all inputs are',
    async run(gpu) {
      const inputs = {
        x: { data: randomFloats(12, 56), shape: [3, 4] },
        q: { data: randomFloats(4, 57), shape: [4] },
        k: { data: randomFloats(4, 58), shape: [4] },
      };
      const dy = randomFloats(12, 59);
      const heads = { H: 0, K: 0, D: 4 };
      const ops = {
        layer: (frozen: string[]) => runOp(gpu, { inputs, dy, frozen, op: (g, t) => layerNorm(g, t.x!, t.q!, t.k!, { eps: EPS }) }),
        head: (frozen: string[]) =>
          runOp(gpu, {
            inputs: { ...inputs, x: { ...inputs.x, shape: [1, 12] } },
            dy,
            frozen,
            op: (g, t) => headNorm(g, t.x!, t.q!, t.k!, { ...heads, H: 1, K: 1, eps: EPS, offset: 0 }),
          }),
        rms: (frozen: string[]) =>
          runOp(gpu, {
            inputs,
            dy,
            frozen: [...frozen, 'k'],
            op: (g, t) => rmsNorm(g, t.x!, t.q!, { eps: EPS, offset: 0 }),
          }),
      };
      for (const [name, op] of Object.entries(ops)) {
        for (const frozen of [['x'], ['q'], ['k', 'q'], ['x', 'k'], ['x', 'q', 'k']]) {
          const { gradients, outputFrozen } = await op(frozen);
          for (const [input, gradient] of Object.entries(gradients)) {
            const expected = frozen.includes(input) || (name === 'rms' && input === 'k');
            check(
              (gradient === null) === expected,
              `${name}: frozen ${frozen}: gradient of ${input} ${gradient ? 'written' : 'not written'}.`,
            );
          }
          const all = name === 'rms' ? frozen.includes('x') && frozen.includes('q') : frozen.length === 3;
          check(outputFrozen === all, `${name}: frozen ${frozen}: output ${outputFrozen ? 'frozen' : 'not frozen'}.`);
        }
      }
    },
  },
];
