// The optimiser over segments: norm, clipping and report, AdamW with f32 and 8-bit moments, half copies, moving averages, skipped steps;
// against the references with PyTorch's semantics.
import { asUints, createState, freeState, Graph, readTensors, type Tensor, writeTensor } from '../../src/engine/graph.ts';
import {
  createMoments,
  emitClear,
  emitLoss,
  emitUpdate,
  HYPER_LENGTH,
  hyperValues,
  type Moments,
  momentTensors,
  type OptimiserState,
  type UpdateSettings,
} from '../../src/engine/optimOps.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { halfToNumber, numberToHalf } from '../reference/floatBits.ts';
import { adamw, adamw8Bit, clipFactor, globalNorm, type Moments8Bit, zeroMoments8Bit } from '../reference/optimiser.ts';
import { pcg4 } from '../reference/pcg.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, dot, expectClose, expectSame } from './support/compare.ts';
import { randomFloats, rowGroups, runKernel, untouched, upload } from './support/runKernel.ts';

// kernels: 'optim/sum_squares' 'optim/global_norm' 'optim/accumulate_loss' 'optim/report_step' 'optim/update_f32' 'optim/half_copy' 'optim/average'
const SETTINGS: UpdateSettings = { lr: 3e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1, clip: 1, emaDecay: 0.95 };
const SLOTS = 4;

interface Fixture {
  state: OptimiserState;
  tensors: Tensor[];
}

/** Optimiser state over segments of these sizes with random parameters; every second one is decayed. */
function fixture(gpu: GpuContext, sizes: number[], kind: Moments['kind'], extras: boolean): Fixture {
  const tensors: Tensor[] = [];
  const state = (label: string, shape: number[], dtype: 'f32' | 'u32' | 'f16' = 'f32'): Tensor => {
    const t = createState(gpu, label, shape, dtype);
    tensors.push(t);
    return t;
  };
  const parameters = sizes.map((n, i) => {
    const p = state('p', [n]);
    writeTensor(gpu, p, Float32Array.from(randomFloats(n, 70 + i)));
    return p;
  });
  const moments = createMoments(gpu, parameters, kind);
  tensors.push(...momentTensors(moments));
  return {
    tensors,
    state: {
      parameters: { tensors: parameters, decay: sizes.map((_, i) => i % 2 === 1) },
      gradients: sizes.map((n) => state('g', [n])),
      moments,
      ...(extras
        ? { halves: sizes.map((n, i) => (i === 0 ? null : state('half', [n], 'f16'))), ema: sizes.map((n) => state('ema', [n])) }
        : {}),
      hyper: state('hyper', [HYPER_LENGTH]),
      norm: state('norm', [2]),
      ring: state('ring', [SLOTS, 4]),
      loss: state('loss', [2]),
    },
  };
}

async function withUpdate(
  gpu: GpuContext,
  { state, tensors }: Fixture,
  use: (step: (g: Float64Array[], step: number, settings?: UpdateSettings) => void) => Promise<void>,
): Promise<void> {
  const graph = new Graph(gpu, 'update');
  emitUpdate(graph, state);
  const plan = await graph.compile();
  try {
    await use((g, step, settings = SETTINGS) => {
      g.forEach((values, i) => {
        writeTensor(gpu, state.gradients[i]!, Float32Array.from(values));
      });
      writeTensor(gpu, state.hyper, hyperValues(settings, step, step));
      plan.run();
    });
  } finally {
    plan.destroy();
    for (const t of tensors) freeState(gpu, t);
  }
}

const ROUNDING = 0x0adb17e5;
const noiseOf =
  (segment: number, step: number) =>
  (i: number): [number, number] => {
    const word = pcg4([i >> 2, step, segment, ROUNDING])[i & 3]!;
    return [((word >>> 16) + 0.5) / 65536, ((word & 0xffff) + 0.5) / 65536];
  };

/** Codes may differ by 1 where f32 decides a rounding otherwise than float64, in at most one of 200. */
function expectCodes(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  let different = 0;
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(actual[i]! - expected[i]!);
    check(off <= 1, `${what}: code ${i} is ${actual[i]}, expected ${expected[i]}.`);
    different += off;
  }
  check(different <= Math.max(1, expected.length / 200), `${what}: ${different} of ${expected.length} codes differ.`);
}

/** Logistic regression of 512 random points on 128 features: loss and gradient in float64. */
function regression(features: number): (p: ArrayLike<number>) => { loss: number; gradient: Float64Array } {
  const points = 512;
  const x = randomFloats(points * features, 80);
  const scale = randomFloats(features, 81).map((v) => 10 ** v); // features of very different size
  const truth = randomFloats(features, 82, 2);
  const flip = randomFloats(points, 83);
  for (let i = 0; i < x.length; i++) x[i] = x[i]! * scale[i % features]!;
  const label = Float64Array.from({ length: points }, (_, i) => {
    const row = x.subarray(i * features, (i + 1) * features);
    return dot(row, truth) > 0 === flip[i]! < 0.8 ? 1 : 0;
  });
  return (p) => {
    let loss = 0;
    const gradient = new Float64Array(features);
    for (let i = 0; i < points; i++) {
      let z = 0;
      for (let f = 0; f < features; f++) z += x[i * features + f]! * p[f]!;
      const q = 1 / (1 + Math.exp(-z));
      loss -= Math.log(Math.max(1e-300, label[i] === 1 ? q : 1 - q)) / points;
      for (let f = 0; f < features; f++) gradient[f] = gradient[f]! + ((q - label[i]!) * x[i * features + f]!) / points;
    }
    return { loss, gradient };
  };
}

export const cases: KernelCase[] = [
  {
    name: 'an update follows the reference over ten steps: norm, clipping, decay of some segments, half copies, moving averages',
    async run(gpu) {
      const sizes = [64, 1088, 5056];
      const made = fixture(gpu, sizes, 'f32', true);
      const { state } = made;
      const p = sizes.map((n, i) => randomFloats(n, 70 + i));
      const start = p.map((x) => x.slice());
      const [m, v, ema] = [0, 1, 2].map(() => sizes.map((n) => new Float64Array(n))) as [Float64Array[], Float64Array[], Float64Array[]];
      await withUpdate(gpu, made, async (step) => {
        for (let t = 1; t <= 10; t++) {
          const settings = { ...SETTINGS, clip: t === 3 ? 0 : t === 5 ? 1e6 : 0.5 };
          const g = sizes.map((n, i) => randomFloats(n, 100 + 10 * t + i, t === 4 ? 0 : 0.1));
          step(g, t, settings);
          const norm = globalNorm(g);
          const factor = clipFactor(norm, settings.clip);
          sizes.forEach((_, i) => {
            adamw(p[i]!, g[i]!, m[i]!, v[i]!, t, factor, { ...settings, weightDecay: i % 2 === 1 ? settings.weightDecay : 0 });
            ema[i] = ema[i]!.map((e, j) => 0.95 * e + 0.05 * p[i]![j]!);
          });
          const [ring] = (await readTensors(gpu, [state.ring])) as [Float32Array];
          expectClose(`step ${t}, report`, ring.slice(4 * (t % SLOTS), 4 * (t % SLOTS) + 4), [0, 0, norm, factor], 1e-12);
        }
        const moments = state.moments as Extract<Moments, { kind: 'f32' }>;
        for (const [name, tensors, expected] of [
          ['p', state.parameters.tensors, p],
          ['m', moments.m, m],
          ['v', moments.v, v],
          ['ema', state.ema!, ema],
        ] as const) {
          const held = await readTensors(gpu, tensors);
          held.forEach((actual, i) => {
            expectClose(`${name} ${i}`, actual, expected[i]!, 1e-9);
            const moved = (x: ArrayLike<number>): Float64Array => start[i]!.map((old, j) => x[j]! - old);
            if (name === 'p') expectClose(`update ${i}`, moved(actual), moved(expected[i]!));
          });
        }
        const [now, half] = (await readTensors(gpu, [state.parameters.tensors[2]!, state.halves![2]!])) as [Float32Array, Float32Array];
        const halves = new Uint16Array(half.buffer, half.byteOffset, sizes[2]);
        expectSame(
          'half copy',
          Array.from(halves, halfToNumber),
          Array.from(now, (x) => halfToNumber(numberToHalf(x))),
        );
      });
    },
  },
  {
    name: 'losses of micro-batches add up, are reported once and cleared',
    async run(gpu) {
      const made = fixture(gpu, [64], 'f32', false);
      const { state } = made;
      const sets = [1, 63, 200].map((R, i) => [randomFloats(R, 43 + i), randomFloats(R, 53 + i, 5)] as const);
      const batches = sets.map(([weight, logprob]) => ({
        weight: upload(gpu, 'weight', weight),
        logprob: upload(gpu, 'logprob', logprob),
      }));
      made.tensors.push(...batches.flatMap((b) => [b.weight, b.logprob]));
      const graph = new Graph(gpu, 'losses');
      for (const rows of batches.slice(1)) emitLoss(graph, rows, state.loss);
      emitUpdate(graph, state, batches[0]!);
      const plan = await graph.compile();
      try {
        for (const slot of [2, 7]) {
          writeTensor(gpu, state.hyper, hyperValues(SETTINGS, 1, slot));
          plan.run();
          const [ring, loss] = (await readTensors(gpu, [state.ring, state.loss])) as [Float32Array, Float32Array];
          const total = sets.reduce((sum, [weight, logprob]) => sum - dot(weight, logprob), 0);
          const weights = sets.reduce((sum, [weight]) => sum + weight.reduce((a, b) => a + b, 0), 0);
          expectClose(`slot ${slot}`, ring.slice(4 * (slot % SLOTS), 4 * (slot % SLOTS) + 4), [total, weights, 0, 1], 1e-12);
          expectSame('cleared', loss, [0, 0]);
        }
      } finally {
        plan.destroy();
        for (const t of made.tensors) freeState(gpu, t);
      }
    },
  },
  ...(['f32', '8bit'] as const).map((kind) => ({
    name: `a gradient that is not finite changes nothing and is reported, moments in ${kind}`,
    async run(gpu: GpuContext) {
      const made = fixture(gpu, [64, 128], kind, false);
      const { state } = made;
      const kept = [...state.parameters.tensors, ...momentTensors(state.moments)];
      await withUpdate(gpu, made, async (step) => {
        step([randomFloats(64, 1), randomFloats(128, 2)], 1);
        const before = await readTensors(gpu, kept);
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 1e30]) {
          const g = randomFloats(128, 3);
          g[77] = bad;
          step([randomFloats(64, 4), g], 2);
          const after = await readTensors(gpu, [...kept, state.ring]);
          before.forEach((x, i) => {
            expectSame(`${bad}: ${kept[i]!.label}`, asUints(after[i]!), asUints(x));
          });
          const report = after.at(-1)!.slice(8, 12);
          check(!Number.isFinite(report[2]) && report[3] === 0, `${bad}: reported norm ${report[2]}, factor ${report[3]}.`);
        }
        step([randomFloats(64, 5), randomFloats(128, 6)], 2);
        const [moved] = (await readTensors(gpu, [kept[0]!])) as [Float32Array];
        check(moved.some((x, i) => x !== before[0]![i]) && moved.every(Number.isFinite), 'The next good step did not move the parameters.');
      });
    },
  })),
  {
    name: 'optim/update_8bit equals the reference, codes and all, with 1, 4 and 16 threads per block',
    async run(gpu) {
      for (const lanes of [1, 4, 16]) {
        for (const blocks of [1, 21]) {
          const n = blocks * 64;
          const p = randomFloats(n, 90);
          const moments: Moments8Bit = zeroMoments8Bit(n);
          for (let t = 1; t <= 12; t++) {
            // gradients over six decades; a block of zeros; a step without gradients
            const g = randomFloats(n, 200 + t, t === 7 ? 0 : 1).map((x, i) =>
              Math.fround(i >= 64 && i < 128 ? 0 : x * 10 ** -((i * 7) % 6)),
            );
            const factor = Math.fround(1 / t);
            const settings = { ...SETTINGS, weightDecay: SETTINGS.weightDecay };
            const result = await runKernel(gpu, 'optim/update_8bit', {
              bindings: {
                p,
                g,
                mCodes: new Uint32Array(moments.mCodes.slice().buffer),
                vCodes: new Uint32Array(moments.vCodes.slice().buffer),
                scales: moments.scales,
                norm: Float64Array.of(1, factor),
                hyper: Float64Array.from(hyperValues(SETTINGS, t, 0)),
              },
              args: { blocks, segment: 3, decay: 1 },
              overrides: { LANES: lanes },
              grid: rowGroups(blocks, lanes),
            });
            const old = p.slice();
            adamw8Bit(p, g, moments, t, factor, settings, noiseOf(3, t));
            const what = `${lanes} threads, ${blocks} blocks, step ${t}`;
            expectClose(
              `${what}, update`,
              result.p!.floats.map((x, i) => x - old[i]!),
              p.map((x, i) => x - old[i]!),
              1e-7,
            );
            expectClose(`${what}, scales`, result.scales!.floats, moments.scales, 1e-11);
            const bytes = (name: 'mCodes' | 'vCodes'): ArrayBuffer => result[name]!.words.slice().buffer;
            expectCodes(`${what}, m`, new Int8Array(bytes('mCodes')), moments.mCodes);
            expectCodes(`${what}, v`, new Uint8Array(bytes('vCodes')), moments.vCodes);
            for (let i = 0; i < n; i++) p[i] = Math.fround(p[i]!);
          }
        }
      }
    },
  },
  {
    name: 'moments in 8 bits reach a loss within 1 % of that with f32 after 200 steps',
    async run(gpu) {
      const problem = regression(128);
      const losses: number[] = [];
      for (const kind of ['f32', '8bit'] as const) {
        const made = fixture(gpu, [128], kind, false);
        writeTensor(gpu, made.state.parameters.tensors[0]!, new Float32Array(128));
        await withUpdate(gpu, made, async (step) => {
          let p: ArrayLike<number> = new Float32Array(128);
          for (let t = 1; t <= 200; t++) {
            step([problem(p).gradient], t, { ...SETTINGS, lr: 0.01, weightDecay: 0, clip: 0 });
            p = (await readTensors(gpu, [made.state.parameters.tensors[0]!]))[0]!;
          }
          losses.push(problem(p).loss);
        });
      }
      const [f32, bits8] = losses as [number, number];
      check(f32 < 0.6 && f32 > 0.01, `The problem is too easy or too hard: loss ${f32}.`);
      check(Math.abs(bits8 / f32 - 1) < 0.01, `Loss ${bits8} with 8 bits, ${f32} with f32.`);
    },
  },
  {
    name: 'segments that do not match are refused, naming sizes',
    async run(gpu) {
      const made = fixture(gpu, [64, 128], '8bit', true);
      const { state } = made;
      const odd = createState(gpu, 'odd', [100]);
      try {
        const refusals: [RegExp, OptimiserState][] = [
          [/2 segments of parameters have 1 of gradients/, { ...state, gradients: state.gradients.slice(1) }],
          [
            /gradients 1 has 64 elements; its segment of 128 needs 128/,
            { ...state, gradients: [state.gradients[0]!, state.gradients[0]!] },
          ],
          [/100 parameters is no multiple of 64/, { ...state, parameters: { tensors: [odd, odd], decay: [true, false] } }],
          [/have 1 decay marks/, { ...state, parameters: { ...state.parameters, decay: [true] } }],
          [/hyper has 2 numbers/, { ...state, hyper: state.norm }],
        ];
        for (const [pattern, wrong] of refusals) {
          let message = '';
          try {
            emitUpdate(new Graph(gpu, 'refused'), wrong);
          } catch (e) {
            message = (e as Error).message;
          }
          check(pattern.test(message), `Expected ${pattern}, got '${message}'.`);
        }
      } finally {
        for (const t of [...made.tensors, odd]) freeState(gpu, t);
      }
    },
  },
  {
    name: 'optim/clear zeroes a tensor and only it, past 65,535 workgroups as well',
    async run(gpu) {
      const { x } = await runKernel(gpu, 'optim/clear', { bindings: { x: untouched(12) }, args: { N4: 2 }, grid: 1 });
      expectSame('two of three', x!.floats, [0, 0, 0, 0, 0, 0, 0, 0, ...untouched(4)]);
      const n = 65536 * 256 + 64;
      const large = createState(gpu, 'large', [n]);
      try {
        const marks = Float32Array.of(1, 2, 3, 4);
        for (const at of [0, 65535 * 256 - 4, 65535 * 256, n - 4]) writeTensor(gpu, large, marks, at);
        const graph = new Graph(gpu, 'clear');
        emitClear(graph, [large]);
        const plan = await graph.compile();
        plan.run();
        plan.destroy();
        const [all] = (await readTensors(gpu, [large])) as [Float32Array];
        check(
          all.every((value) => value === 0),
          'Something was left.',
        );
      } finally {
        freeState(gpu, large);
      }
    },
  },
];
