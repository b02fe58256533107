// The token sampler: the token that the reference's Gumbel-max draws from the reference's filtered distribution, untempered log-probabilities,
// prompts that are forced; the counter-based generator bit for bit.
import { createState, freeState, readFloats } from '../../src/engine/graph.ts';
import { logitStride } from '../../src/engine/ops.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { philox, unitFloat } from '../../src/tasks/rng.ts';
import { gumbelMax } from '../reference/gumbel.ts';
import { type SamplerSettings, samplerDistribution } from '../reference/sampler.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectFrequencies, expectSame, expectWithin } from './support/compare.ts';
import { randomFloats, randomIds, rowGroups, runKernel, strided, UNTOUCHED, untouched } from './support/runKernel.ts';
import RNG from '/shaders/lib/rng.wgsl?raw';

const SEED = 0xdeadbeef;
const STREAM = 7;

const bitsOf = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0]!;
const settingsOf = ({ temperature, topK, topP }: SamplerSettings): Uint32Array =>
  Uint32Array.of(SEED, STREAM, bitsOf(temperature), topK, bitsOf(topP), 0, 0, 0);

function logSoftmax(x: Float64Array): Float64Array {
  const top = x.reduce((a, b) => Math.max(a, b));
  const l = top + Math.log(x.reduce((sum, v) => sum + Math.exp(v - top), 0));
  return x.map((v) => v - l);
}

interface Table {
  rows: number;
  V: number;
  settings: SamplerSettings;
  firstRow?: number;
  /** The same logits in every row. */
  same?: boolean;
}

/** Runs the sampler at position 2 of sequences of 5 and returns the drawn ids after checking every row against the reference. */
async function compare(gpu: GpuContext, overrides: { LANES: number; FILTER: number }, t: Table): Promise<Uint32Array> {
  const { rows, V, settings, firstRow = 0 } = t;
  const what = JSON.stringify({ ...overrides, ...t });
  const T = 5;
  const at = 2;
  const B = firstRow + rows;
  const ld = logitStride(V);
  const one = randomFloats(V, 51, 3);
  const logits = t.same ? Float64Array.from({ length: rows * V }, (_, i) => one[i % V]!) : randomFloats(rows * V, 51, 3);
  const before = {
    ids: new Uint32Array(B * T).fill(999),
    position: new Uint32Array(B).fill(at),
    current: new Uint32Array(B).fill(999),
  };
  const result = await runKernel(gpu, 'sample/token', {
    bindings: {
      logits: strided(logits, rows, V, ld, 100),
      settings: settingsOf(settings),
      promptLength: new Uint32Array(B).fill(1),
      ...before,
      logprob: untouched(B * T),
    },
    args: { rows, firstRow, V, ld, T },
    overrides,
    grid: rowGroups(rows, overrides.LANES),
  });
  const drawn = new Uint32Array(rows);
  let close = 0;
  const expectedIds = before.ids.slice();
  const expectedLogprob = untouched(B * T);
  for (let r = 0; r < rows; r++) {
    const row = firstRow + r;
    const x = logits.subarray(r * V, (r + 1) * V);
    const p = samplerDistribution(x, settings);
    const id = result.ids!.words[row * T + at + 1]!;
    drawn[r] = id;
    check(p[id]! > 0, `${what}: row ${row} drew ${id}, which the filters exclude.`);
    const greedy = settings.temperature === 0;
    const want = greedy
      ? { id: p.indexOf(1), margin: 1 }
      : gumbelMax({ seed: SEED, stream: STREAM, step: at, row }, 0, V, (v) =>
          p[v]! > 0 ? x[v]! / settings.temperature : Number.NEGATIVE_INFINITY,
        );
    if (want.margin < 1e-3) close += 1;
    else check(id === want.id, `${what}: row ${row} drew ${id}, expected ${want.id} (margin ${want.margin}).`);
    expectedIds[row * T + at + 1] = id;
    expectedLogprob[row * T + at + 1] = logSoftmax(x)[id]!;
  }
  check(close <= 1 + rows / 50, `${what}: ${close} of ${rows} draws are too close to call.`);
  const moved = (x: Uint32Array, value: (row: number) => number): Uint32Array => x.map((v, row) => (row < firstRow ? v : value(row)));
  expectSame(`${what}, ids`, result.ids!.words, expectedIds);
  expectWithin(`${what}, logprob`, result.logprob!.floats, expectedLogprob, 1e-5);
  expectSame(
    `${what}, current`,
    result.current!.words,
    moved(before.current, (row) => drawn[row - firstRow]!),
  );
  expectSame(
    `${what}, position`,
    result.position!.words,
    moved(before.position, () => at + 1),
  );
  return drawn;
}

const plain = (temperature: number): SamplerSettings => ({ temperature, topK: 0, topP: 1 });

export const cases: KernelCase[] = [
  {
    name: 'lib/rng equals src/tasks/rng.ts bit for bit',
    async run(gpu) {
      const N = 256;
      const cells = randomIds(N * 5, 0xffffffff, 52);
      cells.set([0, 0, 0, 0, 0, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]);
      const code = `${RNG}
        @group(0) @binding(0) var<storage, read_write> cells: array<u32>;
        @group(0) @binding(1) var<storage, read_write> words: array<vec4<u32>>;
        @group(0) @binding(2) var<storage, read_write> uniforms: array<f32>;
        @compute @workgroup_size(64)
        fn main(@builtin(global_invocation_id) id: vec3<u32>) {
          let at = 5u * id.x;
          let w = philox(vec2<u32>(cells[at], cells[at + 1u]), vec4<u32>(cells[at + 2u], cells[at + 3u], cells[at + 4u], 0u));
          words[id.x] = w;
          uniforms[id.x] = unitFloat(w.x);
        }`;
      const { device } = gpu;
      const pipeline = await device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
      });
      const tensors = [
        createState(gpu, 'cells', [N * 5], 'u32'),
        createState(gpu, 'words', [N * 4], 'u32'),
        createState(gpu, 'uniforms', [N]),
      ] as const;
      device.queue.writeBuffer(tensors[0].buffer!, 0, cells as Uint32Array<ArrayBuffer>);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      const entries = tensors.map((t, binding) => ({ binding, resource: { buffer: t.buffer! } }));
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(N / 64);
      pass.end();
      device.queue.submit([encoder.finish()]);
      const words = new Uint32Array((await readFloats(gpu, tensors[1])).buffer);
      const uniforms = await readFloats(gpu, tensors[2]);
      for (const t of tensors) freeState(gpu, t);
      for (let n = 0; n < N; n++) {
        const want = philox(...(Array.from(cells.subarray(5 * n, 5 * n + 5)) as [number, number, number, number, number]));
        expectSame(`cell ${n}`, words.subarray(4 * n, 4 * n + 4), want);
        expectSame(`cell ${n}, uniform`, [uniforms[n]!], [unitFloat(want[0])]);
      }
    },
  },
  ...[1, 16, 64].map((LANES) => ({
    name: `sample/token with filters and ${LANES} threads per row`,
    async run(gpu: GpuContext) {
      const overrides = { LANES, FILTER: 1 };
      await compare(gpu, overrides, { rows: 1, V: 11, settings: plain(0) });
      await compare(gpu, overrides, { rows: 70, V: 13, settings: { temperature: 0.8, topK: 4, topP: 1 } });
      await compare(gpu, overrides, { rows: 9, V: 509, settings: { temperature: 1.3, topK: 0, topP: 0.7 }, firstRow: 3 });
      await compare(gpu, overrides, { rows: 20, V: 67, settings: { temperature: 1, topK: 20, topP: 0.5 } });
      await compare(gpu, overrides, { rows: 5, V: 64, settings: { temperature: 2, topK: 1, topP: 0.01 } });
      await compare(gpu, overrides, { rows: 5, V: 12, settings: { temperature: 1, topK: 100, topP: 1 } });
    },
  })),
  ...[1, 64].map((LANES) => ({
    name: `sample/token without filters and with ${LANES} threads per row`,
    async run(gpu: GpuContext) {
      const overrides = { LANES, FILTER: 0 };
      await compare(gpu, overrides, { rows: 33, V: 13, settings: plain(0) });
      await compare(gpu, overrides, { rows: 3, V: 509, settings: plain(1), firstRow: 2 });
      await compare(gpu, overrides, { rows: 66, V: 11, settings: plain(0.3) });
    },
  })),
  {
    name: 'sample/token draws with the frequencies of the filtered distribution',
    async run(gpu) {
      for (const settings of [plain(1), { temperature: 0.7, topK: 6, topP: 1 }, { temperature: 1.5, topK: 0, topP: 0.8 }]) {
        const V = 13;
        const drawn = await compare(gpu, { LANES: 1, FILTER: 1 }, { rows: 2000, V, settings, same: true });
        expectFrequencies(JSON.stringify(settings), drawn, samplerDistribution(randomFloats(V, 51, 3), settings));
      }
    },
  },
  {
    name: 'sample/token takes the lowest id among equals, keeps what ties at the k-th place, and walks prompts to their end',
    async run(gpu) {
      const [B, T, V] = [4, 6, 5];
      const logits = strided([1, 3, 3, 0, 3, 1, 3, 3, 0, 3, 1, 3, 3, 0, 3, 1, 3, 3, 0, 3], B, V, 8);
      const ids = Uint32Array.from({ length: B * T }, (_, i) => i % V);
      const position = Uint32Array.of(1, 1, 4, 5);
      const promptLength = Uint32Array.of(2, 3, 6, 1); // sampled, forced, forced, at the end
      const run = await runKernel(gpu, 'sample/token', {
        bindings: {
          logits,
          settings: settingsOf({ temperature: 0, topK: 2, topP: 1 }),
          promptLength,
          position,
          current: new Uint32Array(B).fill(77),
          ids,
          logprob: untouched(B * T),
        },
        args: { rows: B, firstRow: 0, V, ld: 8, T },
        overrides: { LANES: 1, FILTER: 1 },
        grid: 1,
      });
      const forced = [ids[T + 2]!, ids[2 * T + 5]!];
      expectSame('current', run.current!.words, [1, ...forced, 77]);
      expectSame('position', run.position!.words, [2, 2, 5, 5]);
      const want = ids.slice();
      want[2] = 1;
      expectSame('ids', run.ids!.words, want);
      const lp = logSoftmax(Float64Array.of(1, 3, 3, 0, 3));
      const expected = untouched(B * T);
      expected[2] = lp[1]!;
      expected[T + 2] = lp[forced[0]!]!;
      expected[2 * T + 5] = lp[forced[1]!]!;
      expectWithin('logprob', run.logprob!.floats, expected, 1e-5);
      check(UNTOUCHED === run.logprob!.floats[3 * T + 5], 'A row at its last position was written.');
      const tied = await runKernel(gpu, 'sample/token', {
        bindings: {
          logits: Float64Array.from({ length: 400 * 8 }, (_, i) => logits[i % 8]!),
          settings: settingsOf({ temperature: 1, topK: 2, topP: 1 }),
          promptLength: new Uint32Array(400).fill(1),
          position: new Uint32Array(400),
          current: new Uint32Array(400),
          ids: new Uint32Array(800),
          logprob: untouched(800),
        },
        args: { rows: 400, firstRow: 0, V, ld: 8, T: 2 },
        overrides: { LANES: 1, FILTER: 1 },
        grid: 7,
      });
      expectFrequencies('ties', tied.current!.words, [0, 1 / 3, 1 / 3, 0, 1 / 3]);
    },
  },
];
