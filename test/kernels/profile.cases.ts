// The two kernels that find an adapter's ceiling equal their references, the ceiling is plausible, and a profile accounts for every dispatch of
// a plan with both methods, leaving its results as plan.run() gives them.
import { createState, freeState, Graph, type Plan, readFloats, writeTensor } from '../../src/engine/graph.ts';
import { emitMatmul, flatGrid } from '../../src/engine/matmul.ts';
import { chromeTrace, measureCeiling, profilePlan } from '../../src/engine/profile.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose, expectSame } from './support/compare.ts';
import { randomFloats, runKernel, untouched } from './support/runKernel.ts';

/** x (64, 64) <- w x, then scaled down: every run changes x, so a lost or doubled dispatch shows. */
async function twoKernels(gpu: GpuContext): Promise<{ plan: Plan; read: () => Promise<Float32Array>; free: () => void }> {
  const graph = new Graph(gpu, 'profiled');
  const [w, x] = ['w', 'x'].map((label) => createState(gpu, label, [64, 64])) as [
    ReturnType<typeof createState>,
    ReturnType<typeof createState>,
  ];
  const y = graph.temp('y', [64, 64]);
  for (let i = 0; i < 3; i++) {
    const shape = { M: 64, N: 64, K: 64, lda: 64, ldb: 64, ldy: 64 };
    emitMatmul(graph, 'nn', w, x, y, shape);
    graph.dispatch('profile/stream_copy', [y, x], { args: { N: 1024 }, grid: flatGrid(1024) });
  }
  const plan = await graph.compile();
  writeTensor(gpu, w, Float32Array.from(randomFloats(4096, 1, 0.2)));
  writeTensor(gpu, x, Float32Array.from(randomFloats(4096, 2)));
  return {
    plan,
    read: () => readFloats(gpu, x),
    free: () => {
      plan.destroy();
      for (const t of [w, x]) freeState(gpu, t);
    },
  };
}

/** The same context as an adapter without timestamps gives it. */
const withoutTimestamps = (gpu: GpuContext): GpuContext =>
  Object.create(gpu, {
    device: {
      value: new Proxy(gpu.device, {
        get(device, key) {
          if (key === 'features') return new Set<string>();
          const value = Reflect.get(device, key, device) as unknown;
          return typeof value === 'function' ? value.bind(device) : value;
        },
      }),
    },
  }) as GpuContext;

async function profileOf(gpu: GpuContext): Promise<void> {
  const plain = await twoKernels(gpu);
  plain.plan.run(3);
  const expected = await plain.read();
  plain.free();
  const { plan, read, free } = await twoKernels(gpu);
  let profile = await profilePlan(plan, { rounds: 2 });
  expectSame('what the plan computes while it is profiled', await read(), expected);
  // Browsers tell time in steps of 100 us: a fast GPU is seen only now and then.
  if (profile.timeMs === 0) profile = await profilePlan(plan, { rounds: 200 });
  free();
  const { dispatches, kernels } = profile;
  check(dispatches.length === plan.dispatches.length, `${dispatches.length} dispatches timed of ${plan.dispatches.length}.`);
  check(
    dispatches.every((d) => Number.isFinite(d.timeUs) && d.timeUs >= 0),
    'A time is negative or not finite.',
  );
  check(profile.timeMs > 0, `The times sum to ${profile.timeMs}.`);
  check(kernels.reduce((n, k) => n + k.calls, 0) === dispatches.length, 'Not every dispatch is in the table of kernels.');
  check(Math.abs(kernels.reduce((n, k) => n + k.share, 0) - 1) < 1e-9, 'The shares do not sum to 1.');
  const spans = chromeTrace(profile).traceEvents.filter((e) => e.ph === 'X');
  check(spans.length === dispatches.length, `${spans.length} spans in the trace.`);
}

export const cases: KernelCase[] = [
  {
    name: 'profile/stream_copy equals its input',
    async run(gpu) {
      for (const N of [1, 65, 5000]) {
        const x = randomFloats(4 * N, N);
        const { y } = await runKernel(gpu, 'profile/stream_copy', { bindings: { x, y: untouched(4 * N) }, args: { N }, grid: flatGrid(N) });
        expectSame(`N ${N}`, y!.floats, x);
      }
    },
  },
  {
    name: 'profile/multiply_add equals the reference',
    async run(gpu) {
      for (const { N, steps } of [
        { N: 1, steps: 4 },
        { N: 130, steps: 64 },
        { N: 64, steps: 0 },
      ]) {
        const { y } = await runKernel(gpu, 'profile/multiply_add', {
          bindings: { y: untouched(N) },
          args: { N, steps, a: 0.75, b: 0.2 },
          grid: flatGrid(N),
        });
        const expected = Float64Array.from({ length: N }, (_, i) => {
          let sum = 0;
          for (let s = 0; s < 8; s++) {
            let x = i / N + s / 8;
            for (let n = 0; n < steps; n++) x = 0.75 * x + Math.fround(0.2);
            sum += x;
          }
          return sum;
        });
        expectClose(`N ${N}, steps ${steps}`, y!.floats, expected);
      }
    },
  },
  { name: 'a profile accounts for every dispatch and leaves the results as they are', run: profileOf },
  { name: 'a profile without timestamps does too', run: (gpu) => profileOf(withoutTimestamps(gpu)) },
  {
    name: 'the ceiling of an adapter is measured',
    async run(gpu) {
      const before = gpu.bytesInUse();
      const { gflopPerS, gbPerS } = await measureCeiling(gpu, 5);
      check(gflopPerS > 0.1 && gflopPerS < 1e6, `${gflopPerS} GFLOP/s is not plausible.`);
      check(gbPerS > 0.01 && gbPerS < 1e5, `${gbPerS} GB/s is not plausible.`);
      check(gpu.bytesInUse() === before, `${gpu.bytesInUse() - before} bytes are left in use.`);
    },
  },
];
