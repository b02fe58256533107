// The optimiser's kernels: global norm, clip factor, AdamW, the step's report, against the references with PyTorch's semantics.
import { flatGrid } from '../../src/engine/matmul.ts';
import { adamw, clipFactor, globalNorm } from '../reference/optimiser.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { dot, expectClose, expectSame } from './support/compare.ts';
import { randomFloats, runKernel, UNTOUCHED, untouched } from './support/runKernel.ts';

const SETTINGS = { lr: 3e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1 };

function hyperOf(step: number, clip: number, slot = 0): Float64Array {
  const { lr, beta1, beta2, eps, weightDecay } = SETTINGS;
  return Float64Array.of(lr, beta1, beta2, eps, weightDecay, 1 - beta1 ** step, 1 - beta2 ** step, clip, slot);
}

export const cases: KernelCase[] = [
  {
    name: 'optim/square_sums and optim/clip_factor give the global norm',
    async run(gpu) {
      for (const { N, P, clip } of [
        { N: 1, P: 1, clip: 1 },
        { N: 509, P: 3, clip: 0.5 },
        { N: 5000, P: 130, clip: 100 },
        { N: 77, P: 64, clip: 0 },
      ]) {
        const what = `N ${N} P ${P} clip ${clip}`;
        const g = randomFloats(N, 41, 2);
        const { parts } = await runKernel(gpu, 'optim/square_sums', {
          bindings: { g, parts: untouched(P + 1) },
          args: { N, P },
          grid: Math.ceil(P / 64),
        });
        expectSame(`${what}, beyond the parts`, parts!.floats.slice(P), [UNTOUCHED]);
        const expected = new Float64Array(P);
        g.forEach((v, i) => {
          expected[i % P] = expected[i % P]! + v * v;
        });
        expectClose(`${what}, parts`, parts!.floats.slice(0, P), expected);
        const { norm } = await runKernel(gpu, 'optim/clip_factor', {
          bindings: { parts: expected, hyper: hyperOf(1, clip), norm: untouched(2) },
          args: { P },
          grid: 1,
        });
        const whole = globalNorm([g]);
        expectClose(`${what}, norm`, norm!.floats, [whole, clipFactor(whole, clip)], 1e-12);
      }
    },
  },
  {
    name: 'optim/adamw follows the reference over ten steps',
    async run(gpu) {
      for (const N of [1, 67, 509]) {
        const p = randomFloats(N, 42);
        const [m, v] = [new Float64Array(N), new Float64Array(N)];
        let state = { p, m, v } as Record<'p' | 'm' | 'v', Float64Array | Float32Array>;
        const reference = { p: p.slice(), m: m.slice(), v: v.slice() };
        for (let step = 1; step <= 10; step++) {
          const g = randomFloats(N, 100 + step, step === 4 ? 0 : 1e-2);
          const factor = Math.fround(1 / step);
          const result = await runKernel(gpu, 'optim/adamw', {
            bindings: { ...state, g, norm: Float64Array.of(1, factor), hyper: hyperOf(step, 1) },
            args: { N },
            grid: flatGrid(N),
          });
          state = { p: result.p!.floats, m: result.m!.floats, v: result.v!.floats };
          adamw(reference.p, g, reference.m, reference.v, step, factor, SETTINGS);
        }
        for (const name of ['p', 'm', 'v'] as const) expectClose(`N ${N}, ${name}`, state[name], reference[name], 1e-9);
        // the update by itself, which the parameters dwarf
        const moved = (x: ArrayLike<number>): Float64Array => p.map((old, i) => x[i]! - old);
        expectClose(`N ${N}, update`, moved(state.p), moved(reference.p));
      }
    },
  },
  {
    name: 'optim/log_step reports loss, weight, norm and clip factor in its slot',
    async run(gpu) {
      for (const { R, slots, slot } of [
        { R: 1, slots: 1, slot: 0 },
        { R: 200, slots: 4, slot: 2 },
        { R: 63, slots: 4, slot: 7 },
      ]) {
        const weight = randomFloats(R, 43);
        const logprob = randomFloats(R, 44, 5);
        const { ring } = await runKernel(gpu, 'optim/log_step', {
          bindings: { weight, logprob, norm: Float64Array.of(2.5, 0.25), hyper: hyperOf(1, 1, slot), ring: untouched(4 * slots) },
          args: { R, slots },
          grid: 1,
        });
        const at = 4 * (slot % slots);
        const report = [-dot(weight, logprob), weight.reduce((a, b) => a + b, 0), 2.5, 0.25];
        expectClose(`R ${R}`, ring!.floats.slice(at, at + 4), report, 1e-12);
        const others = Array.from(ring!.floats).filter((_, i) => i < at || i >= at + 4);
        expectSame(`R ${R}, other slots`, others, new Float64Array(others.length).fill(UNTOUCHED));
      }
    },
  },
];
