// The token sampler: the token that the reference's Gumbel-max draws from the reference's filtered distribution, log-probability and entropy of the
// raw one, settings per slot, what it writes and what it leaves alone; the counter-based generator bit for bit.
import { createState, freeState, readFloats } from '../../src/engine/graph.ts';
import { logitStride } from '../../src/engine/ops.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { philox, unitFloat } from '../../src/tasks/rng.ts';
import { gumbelMax } from '../reference/gumbel.ts';
import { PLAIN, penalised, type SamplerSettings, samplerDistribution } from '../reference/sampler.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectFrequencies, expectSame, expectWithin } from './support/compare.ts';
import { type Held, randomFloats, randomIds, runKernel, strided, UNTOUCHED } from './support/runKernel.ts';
import RNG from '/shaders/lib/rng.wgsl?raw';

const SEED = 0xdeadbeef;
const RING = 5;

const bitsOf = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0]!;
const settingsOf = (s: SamplerSettings, stream: number, last: number): number[] => [
  SEED,
  stream,
  bitsOf(s.temperature),
  s.topK,
  bitsOf(s.topP),
  bitsOf(s.minP),
  bitsOf(s.repetitionPenalty),
  last,
];

function logSoftmax(x: ArrayLike<number>): Float64Array {
  const all = Float64Array.from(x);
  const top = all.reduce((a, b) => Math.max(a, b));
  const l = top + Math.log(all.reduce((sum, v) => sum + Math.exp(v - top), 0));
  return all.map((v) => v - l);
}

/** A row of a step: its slot (>= S: idle), its position, and the tokens that its sequence holds already. */
interface Row {
  slot: number;
  position: number;
  seen: Set<number>;
  logits: Float64Array;
}
interface Step {
  S: number;
  V: number;
  rows: Row[];
  /** Rows before the chunk. */
  firstRow?: number;
  /** Per slot; the stream is the slot plus 40, the last position 1000. */
  settings: SamplerSettings[];
  last?: number;
  /** One stream for all slots. */
  stream?: number;
}
interface Shape {
  LANES: number;
  GROUP: number;
  FILTER: number;
}

function bitSet(S: number, words: number, rows: readonly Row[]): Uint32Array {
  const out = new Uint32Array(S * words);
  for (const { slot, seen } of rows) for (const id of seen) if (slot < S) out[slot * words + (id >>> 5)]! |= 1 << (id & 31);
  return out;
}

async function runStep(gpu: GpuContext, shape: Shape, step: Step): Promise<Record<string, Held>> {
  const { S, V, rows, firstRow = 0 } = step;
  const ld = logitStride(V);
  const R = firstRow + rows.length;
  const stride = Math.ceil(R / 64) * 64;
  const words = Math.ceil(V / 32);
  const state = new Uint32Array(3 * stride).fill(S);
  rows.forEach((row, r) => {
    state[firstRow + r] = row.slot;
    state[stride + firstRow + r] = row.position;
    state[2 * stride + firstRow + r] = 999;
  });
  const logits = new Float64Array(rows.length * V);
  rows.forEach((row, r) => logits.set(row.logits, r * V));
  return runKernel(gpu, 'sample/token', {
    bindings: {
      logits: strided(logits, rows.length, V, ld, 100),
      settings: Uint32Array.from(step.settings.flatMap((s, slot) => settingsOf(s, step.stream ?? 40 + slot, step.last ?? 1000))),
      state,
      seen: bitSet(S, words, rows),
      ring: new Float64Array(S * RING * 4).fill(UNTOUCHED),
    },
    args: { rows: rows.length, firstRow, V, ld, S, stride, words, ring: RING, lanes: shape.LANES },
    overrides: { ...shape },
    grid: Math.ceil(rows.length / (shape.GROUP / shape.LANES)),
  });
}

/** Token, logprob and entropy of a slot in the ring, at the position that the row has moved to. */
function written(result: Record<string, Held>, row: Row): { token: number; logprob: number; entropy: number; position: number } {
  const at = 4 * (row.slot * RING + ((row.position + 1) % RING));
  const { words, floats } = result.ring!;
  return { token: words[at]!, logprob: floats[at + 1]!, entropy: floats[at + 2]!, position: words[at + 3]! };
}

/** Runs the step, checks every row against the reference, and returns the drawn ids. */
async function compare(gpu: GpuContext, shape: Shape, step: Step): Promise<Uint32Array> {
  const { S, rows, firstRow = 0 } = step;
  const what = JSON.stringify({ ...shape, rows: rows.length, V: step.V, settings: step.settings[0] });
  const result = await runStep(gpu, shape, step);
  const stride = Math.ceil((firstRow + rows.length) / 64) * 64;
  const words = Math.ceil(step.V / 32);
  let close = 0;
  const ring = new Float32Array(S * RING * 4).fill(UNTOUCHED);
  const seen = bitSet(S, words, rows);
  const drawn = rows.map((row, r) => {
    const state = [0, 1, 2].map((i) => result.state!.words[i * stride + firstRow + r]!);
    if (row.slot >= S) {
      expectSame(`${what}: idle row ${r}`, state, [row.slot, row.position, 999]);
      return 0;
    }
    const settings = shape.FILTER ? step.settings[row.slot]! : { ...PLAIN, temperature: step.settings[row.slot]!.temperature };
    const p = samplerDistribution(row.logits, settings, row.seen);
    const got = written(result, row);
    check(p[got.token]! > 0, `${what}: row ${r} drew ${got.token}, which the filters exclude.`);
    const scores = penalised(row.logits, settings.repetitionPenalty, row.seen);
    const want =
      settings.temperature === 0
        ? { id: p.indexOf(1), margin: 1 }
        : gumbelMax({ seed: SEED, stream: 40 + row.slot, step: row.position, row: 0 }, 0, step.V, (v) =>
            p[v]! > 0 ? scores[v]! / settings.temperature : Number.NEGATIVE_INFINITY,
          );
    if (want.margin < 1e-3) close += 1;
    else check(got.token === want.id, `${what}: row ${r} drew ${got.token}, expected ${want.id} (margin ${want.margin}).`);
    const lp = logSoftmax(row.logits);
    expectWithin(`${what}: row ${r}, logprob`, [got.logprob], [lp[got.token]!], 1e-5);
    expectWithin(`${what}: row ${r}, entropy`, [got.entropy], [-lp.reduce((sum, v) => sum + v * Math.exp(v), 0)], 2e-5);
    const last = row.position + 1 >= (step.last ?? 1000);
    expectSame(`${what}: row ${r}, state`, state, [last ? S : row.slot, row.position + 1, got.token]);
    check(got.position === row.position + 1, `${what}: row ${r} reports position ${got.position}.`);
    const at = 4 * (row.slot * RING + ((row.position + 1) % RING));
    ring.set(result.ring!.floats.subarray(at, at + 4), at);
    seen[row.slot * words + (got.token >>> 5)]! |= 1 << (got.token & 31);
    return got.token;
  });
  check(close <= 1 + rows.length / 50, `${what}: ${close} of ${rows.length} draws are too close to call.`);
  expectSame(`${what}, ring`, result.ring!.words, new Uint32Array(ring.buffer));
  expectSame(`${what}, seen`, result.seen!.words, seen);
  return Uint32Array.from(drawn);
}

/** Rows of random logits in slots of their own, at position 2, each with some tokens behind it; every fifth is idle when there are several. */
function randomStep(rows: number, V: number, settings: SamplerSettings, more: Partial<Step> = {}): Step {
  const S = rows + 2;
  const behind = randomIds(rows * 4, V, 57);
  return {
    S,
    V,
    rows: Array.from({ length: rows }, (_, r) => ({
      slot: rows > 4 && r % 5 === 3 ? S : S - 1 - r,
      position: 2 + (r % 3),
      seen: new Set(behind.subarray(4 * r, 4 * r + 4)),
      logits: randomFloats(V, 51 + r, 3),
    })),
    settings: Array.from({ length: S }, () => settings),
    ...more,
  };
}

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
  ...[1, 16, 256].map((LANES) => ({
    name: `sample/token with filters and ${LANES} threads per row`,
    async run(gpu: GpuContext) {
      const shape = { LANES, GROUP: Math.max(64, LANES), FILTER: 1 };
      const check = (rows: number, V: number, settings: Partial<SamplerSettings>, more: Partial<Step> = {}) =>
        compare(gpu, shape, randomStep(rows, V, { ...PLAIN, ...settings }, more));
      await check(1, 11, { temperature: 0 });
      await check(40, 13, { temperature: 0.8, topK: 4 });
      await check(9, 509, { temperature: 1.3, topP: 0.7 }, { firstRow: 3 });
      await check(20, 67, { topK: 20, topP: 0.5 });
      await check(5, 64, { temperature: 2, topK: 1, topP: 0.01 });
      await check(5, 12, { topK: 100 });
      await check(7, 65, { temperature: 0.6, minP: 0.2 });
      await check(7, 130, { repetitionPenalty: 1.7 });
      await check(6, 33, { temperature: 0, repetitionPenalty: 4 });
      await check(12, 301, { temperature: 1.5, topK: 60, topP: 0.9, minP: 0.05, repetitionPenalty: 0.8 });
    },
  })),
  ...[1, 64, 256].map((LANES) => ({
    name: `sample/token without filters and with ${LANES} threads per row`,
    async run(gpu: GpuContext) {
      const shape = { LANES, GROUP: Math.max(64, LANES), FILTER: 0 };
      await compare(gpu, shape, randomStep(33, 13, { ...PLAIN, temperature: 0, topK: 1 }));
      await compare(gpu, shape, randomStep(3, 509, { ...PLAIN, repetitionPenalty: 2 }, { firstRow: 2 }));
      await compare(gpu, shape, randomStep(66, 11, { ...PLAIN, temperature: 0.3 }, { last: 4 }));
    },
  })),
  {
    name: 'sample/token lowers penalised logits that are negative too, and scales min-p with the temperature',
    async run(gpu) {
      const step = (logits: number[], seen: number[], settings: Partial<SamplerSettings>): Step => ({
        S: 48,
        V: logits.length,
        rows: Array.from({ length: 48 }, (_, slot) => ({ slot, position: 2, seen: new Set(seen), logits: Float64Array.from(logits) })),
        settings: Array.from({ length: 48 }, () => ({ ...PLAIN, ...settings })),
      });
      const shape = { LANES: 1, GROUP: 64, FILTER: 1 };
      const penalised = await compare(gpu, shape, step([-1, -1.25, -3, 0.5, -1.5], [0, 3], { temperature: 0, repetitionPenalty: 4 }));
      check(
        penalised.every((id) => id === 3),
        'A positive logit is penalised too much.',
      );
      const negative = await compare(gpu, shape, step([-1, -1.25, -3, -9, -1.5], [0, 3], { temperature: 0, repetitionPenalty: 4 }));
      check(
        negative.every((id) => id === 1),
        'A negative logit is not lowered.',
      );
      // weights down to half of the largest, at temperature 0.5: logits down to -0.35
      const kept = await compare(gpu, shape, step([0, -0.3, -0.5, -0.6], [], { temperature: 0.5, minP: 0.5 }));
      check(new Set(kept).size === 2, `${new Set(kept).size} ids were drawn, 2 expected.`);
    },
  },
  {
    name: 'sample/token takes the settings of each row from its slot',
    async run(gpu) {
      const step = randomStep(40, 67, PLAIN);
      step.settings = step.settings.map((_, slot) => ({
        temperature: (slot % 3) * 0.7,
        topK: slot % 2 ? 5 : 0,
        topP: slot % 5 ? 1 : 0.6,
        minP: slot % 7 ? 0 : 0.1,
        repetitionPenalty: slot % 4 ? 1 : 1.5,
      }));
      await compare(gpu, { LANES: 1, GROUP: 64, FILTER: 1 }, step);
      await compare(gpu, { LANES: 16, GROUP: 64, FILTER: 1 }, step);
    },
  },
  {
    name: 'sample/token draws the same for a request in whatever slot, row and company',
    async run(gpu) {
      const V = 67;
      const logits = randomFloats(V, 58, 3);
      const draw = async (slot: number, firstRow: number, before: number): Promise<number> => {
        const rows = Array.from({ length: before + 1 }, (_, r) => ({
          slot: r === before ? slot : (slot + 1 + r) % 8,
          position: 6,
          seen: new Set<number>(),
          logits: r === before ? logits : randomFloats(V, 60 + r, 3),
        }));
        const settings = Array.from({ length: 8 }, () => PLAIN);
        const result = await runStep(gpu, { LANES: 1, GROUP: 64, FILTER: 0 }, { S: 8, V, rows, firstRow, settings, stream: 44 });
        return written(result, rows.at(-1)!).token;
      };
      const drawn = [await draw(4, 0, 0), await draw(1, 5, 0), await draw(6, 0, 4)];
      expectSame(
        'tokens',
        drawn,
        drawn.map(() => drawn[0]!),
      );
    },
  },
  {
    name: 'sample/token finds top-k and top-p among ties, outliers and equal logits',
    async run(gpu) {
      const V = 203;
      const base = randomFloats(V, 59, 2);
      const shapes = {
        equal: base.map(() => 1.5),
        tied: base.map((x) => Math.round(x)),
        outliers: base.map((x, i) => (i % 50 === 7 ? 1e6 + 64 * i : i % 50 === 9 ? -1e6 : x)),
        tiny: base.map((x) => Math.fround(x * 1e-20)),
        negative: base.map((x) => Math.fround(x - 1000)),
      };
      for (const [name, logits] of Object.entries(shapes)) {
        const rows = Array.from({ length: 24 }, (_, r) => ({ slot: r, position: r, seen: new Set<number>(), logits }));
        for (const filter of [{ topK: 7 }, { topK: 1 }, { topP: 0.3 }, { topK: 150, topP: 0.999 }]) {
          // the reference's top-p breaks ties by id, the kernel keeps them
          if (filter.topP !== undefined && name !== 'outliers' && name !== 'negative') continue;
          await compare(gpu, { LANES: 16, GROUP: 64, FILTER: 1 }, { S: 24, V, rows, settings: rows.map(() => ({ ...PLAIN, ...filter })) });
        }
      }
    },
  },
  {
    name: 'sample/token draws with the frequencies of the filtered distribution',
    async run(gpu) {
      const V = 13;
      const logits = randomFloats(V, 51, 3);
      const seen = new Set([1, 4]);
      for (const change of [{}, { temperature: 0.7, topK: 6, repetitionPenalty: 1.3 }, { temperature: 1.5, topP: 0.8, minP: 0.2 }]) {
        const settings = { ...PLAIN, ...change };
        const rows = Array.from({ length: 2000 }, (_, slot) => ({ slot, position: 3, seen, logits }));
        const step = { S: rows.length, V, rows, settings: rows.map(() => settings) };
        const result = await runStep(gpu, { LANES: 1, GROUP: 64, FILTER: 1 }, step);
        const drawn = rows.map((row) => written(result, row).token);
        expectFrequencies(JSON.stringify(settings), drawn, samplerDistribution(logits, settings, seen));
      }
    },
  },
  {
    name: 'sample/token over 151,936 ids',
    async run(gpu) {
      const V = 151_936;
      for (const LANES of [1, 256])
        await compare(gpu, { LANES, GROUP: Math.max(64, LANES), FILTER: 1 }, randomStep(2, V, { ...PLAIN, topK: 50, topP: 0.9 }));
    },
  },
  {
    name: 'sample/token takes the lowest id among equals and keeps what ties at the k-th place',
    async run(gpu) {
      const logits = Float64Array.of(1, 3, 3, 0, 3);
      for (const LANES of [1, 16]) {
        const row = { slot: 0, position: 1, seen: new Set<number>(), logits };
        const step = { S: 1, V: 5, rows: [row], settings: [{ ...PLAIN, temperature: 0, topK: 2 }] };
        const result = await runStep(gpu, { LANES, GROUP: 64, FILTER: 1 }, step);
        check(written(result, row).token === 1, `Greedy takes ${written(result, row).token} with ${LANES} threads per row, not 1.`);
      }
      const rows = Array.from({ length: 400 }, (_, slot) => ({ slot, position: 0, seen: new Set<number>(), logits }));
      const step = { S: 400, V: 5, rows, settings: rows.map(() => ({ ...PLAIN, topK: 2 })) };
      const tied = await runStep(gpu, { LANES: 1, GROUP: 64, FILTER: 1 }, step);
      expectFrequencies(
        'ties',
        rows.map((row) => written(tied, row).token),
        [0, 1 / 3, 1 / 3, 0, 1 / 3],
      );
    },
  },
];
