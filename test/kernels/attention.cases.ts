// Attention as the engine emits it, with each of its kernels in turn: forward, backward and cached, over head widths, windows, pinned ranges, packed
// documents, grouped queries and partial rotation, against the float64 reference; and that a cut of long work changes no bit.
import {
  ATTENTION_VARIANTS,
  type AttentionPass,
  type AttentionOptions,
  attention,
  attentionCandidates,
  cachedAttention,
  recallAttention,
  rememberedAttention,
  tuneAttention,
} from '../../src/engine/attention.ts';
import { Graph, type Tensor, createState, freeState, readTensors, writeTensor } from '../../src/engine/graph.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { type AttentionShape as Reference, attentionBackward, attentionForward } from '../reference/attention.ts';
import { rope } from '../reference/rope.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose, expectSame } from './support/compare.ts';
import { randomFloats, randomIds, runKernel, untouched, upload } from './support/runKernel.ts';

/** What the table of variants must hold, all of it run below. */
const KERNELS = [
  'attention/forward_tiled',
  'attention/forward_d16',
  'attention/forward_blocks',
  'attention/backward_q_tiled',
  'attention/backward_q_d16',
  'attention/backward_q_d32',
  'attention/backward_q_blocks',
  'attention/backward_kv_tiled',
  'attention/backward_kv_d16',
  'attention/backward_kv_d32',
  'attention/backward_kv_blocks',
  'attention/cached_tiled',
  'attention/cached_blocks',
];

interface Form {
  B: number;
  T: number;
  H: number;
  K: number;
  D: number;
  W: number;
  pins?: boolean;
  /** Lengths of the documents of every batch row; the rest of the row is documents of one token. */
  documents?: number[];
  /** D when left out, 0 for none. */
  rotaryDim?: number;
  scale?: number;
}

const FORMS: Form[] = [
  { B: 1, T: 1, H: 1, K: 1, D: 4, W: 0 },
  { B: 2, T: 67, H: 2, K: 1, D: 4, W: 9, pins: true, rotaryDim: 2 },
  { B: 2, T: 9, H: 4, K: 2, D: 8, W: 4, pins: true },
  { B: 1, T: 7, H: 2, K: 2, D: 12, W: 0, rotaryDim: 6 },
  { B: 3, T: 5, H: 3, K: 1, D: 12, W: 1, pins: true },
  { B: 1, T: 13, H: 4, K: 4, D: 16, W: 6 },
  { B: 2, T: 70, H: 4, K: 1, D: 16, W: 6, pins: true, documents: [1, 1, 31, 2, 1, 20, 13] },
  { B: 2, T: 33, H: 2, K: 2, D: 16, W: 0, documents: [1, 5, 26, 1] },
  { B: 1, T: 6, H: 2, K: 1, D: 20, W: 100, pins: true },
  { B: 2, T: 11, H: 6, K: 2, D: 20, W: 0, rotaryDim: 0 },
  { B: 1, T: 66, H: 3, K: 1, D: 32, W: 0, documents: [40, 20], scale: 0.3 },
  { B: 2, T: 10, H: 2, K: 2, D: 32, W: 3, pins: true, rotaryDim: 8 },
  { B: 1, T: 75, H: 2, K: 1, D: 64, W: 35, pins: true },
  { B: 2, T: 4, H: 1, K: 1, D: 64, W: 0 },
  { B: 1, T: 35, H: 2, K: 1, D: 80, W: 0, rotaryDim: 20 },
  { B: 1, T: 6, H: 2, K: 1, D: 96, W: 2, pins: true, documents: [2, 3] },
  { B: 1, T: 37, H: 2, K: 1, D: 128, W: 8, documents: [36] },
  { B: 1, T: 9, H: 2, K: 1, D: 256, W: 0, scale: 1 / 16 },
];

const P = 80;
const THETA = 10_000;

const ropeTable = (rotaryDim: number): Float64Array =>
  Float64Array.from({ length: P * rotaryDim }, (_, i) => {
    const angle = Math.floor(i / rotaryDim) * THETA ** ((-2 * Math.floor((i % rotaryDim) / 2)) / rotaryDim);
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });

interface Built {
  spans: Uint32Array;
  positions: Uint32Array;
  reference: Reference;
}

/** Pins: empty ranges, ranges inside the window, ranges that straddle its edge, ranges in the future and in the document before. */
function build(f: Form): Built {
  const { B, T } = f;
  const starts = new Uint32Array(B * T);
  const ends = new Uint32Array(B * T).fill(T);
  if (f.documents) {
    for (let b = 0; b < B; b++) {
      const lengths = [...f.documents];
      for (let at = 0; at < T; ) {
        const end = Math.min(T, at + (lengths.shift() ?? 1));
        starts.fill(at, b * T + at, b * T + end);
        ends.fill(end, b * T + at, b * T + end);
        at = end;
      }
    }
  }
  const pinLo = f.pins ? randomIds(B * T, T, 21) : new Uint32Array(B * T);
  const lengths = randomIds(B * T, 5, 22);
  const pinHi = pinLo.map((lo, r) => (f.pins ? Math.min(T, lo + lengths[r]!) : 0));
  const spans = Uint32Array.from({ length: 4 * B * T }, (_, i) => [starts, ends, pinLo, pinHi][i % 4]![i >> 2]!);
  const positions = Uint32Array.from({ length: B * T }, (_, r) => (r % T) - starts[r]!);
  return { spans, positions, reference: { ...f, pinLo, pinHi, starts } };
}

const widthOf = ({ H, K, D }: Form): number => (H + 2 * K) * D;
const rotaryOf = (f: Form): number => f.rotaryDim ?? f.D;

interface Passed {
  o: Float32Array;
  dqkv: Float32Array;
}

/** o and dqkv of one attention over qkv, its kernels as given. */
async function runAttention(
  gpu: GpuContext,
  f: Form,
  built: Built,
  qkv: Float64Array,
  dO: Float64Array,
  options: AttentionOptions,
): Promise<Passed> {
  const { B, T, H, K, D, W } = f;
  const R = B * T;
  const rotaryDim = rotaryOf(f);
  const spanned = f.pins === true || f.documents !== undefined;
  const tensors = {
    qkv: upload(gpu, 'qkv', qkv, [R, widthOf(f)]),
    dO: upload(gpu, 'dO', dO, [R, H * D]),
    dqkv: upload(gpu, 'dqkv', untouched(qkv.length), [R, widthOf(f)]),
    positions: upload(gpu, 'positions', built.positions),
    // where nothing is packed or pinned the spans are not read
    spans: upload(gpu, 'spans', spanned ? built.spans : new Uint32Array(4 * R).fill(7), [R, 4]),
    table: upload(gpu, 'table', ropeTable(Math.max(2, rotaryDim)), [P, Math.max(1, rotaryDim / 2), 2]),
  };
  const graph = new Graph(gpu, 'attention');
  const inputs = { positions: tensors.positions, spans: tensors.spans, pinned: f.pins === true, packed: f.documents !== undefined };
  const rotary = rotaryDim > 0 ? { table: tensors.table, rotaryDim } : null;
  const o = graph.keep(attention(graph, tensors.qkv, { B, T, H, K, D, W, scale: f.scale ?? 1 / Math.sqrt(D) }, inputs, rotary, options));
  graph.bindGradient(o, tensors.dO, true);
  graph.bindGradient(tensors.qkv, tensors.dqkv);
  graph.backward();
  const plan = await graph.compile();
  try {
    plan.run();
    const [read, dqkv] = (await readTensors(gpu, [o, tensors.dqkv])) as [Float32Array, Float32Array];
    return { o: read, dqkv };
  } finally {
    plan.destroy();
    for (const t of Object.values(tensors)) freeState(gpu, t);
  }
}

/** Every kernel that takes the head width, in as few runs as there are kernels for one pass. */
function choicesFor(D: number): AttentionOptions[] {
  const able = (pass: AttentionPass): string[] => ATTENTION_VARIANTS[pass].filter((v) => v.D === null || v.D === D).map((v) => v.kernel);
  const [forward, q, kv] = [able('forward'), able('backward_q'), able('backward_kv')];
  const runs = Math.max(forward.length, q.length, kv.length);
  return Array.from({ length: runs }, (_, i) => ({
    kernels: { forward: forward[i % forward.length]!, backward_q: q[i % q.length]!, backward_kv: kv[i % kv.length]! },
  }));
}

async function compareFull(gpu: GpuContext, f: Form): Promise<void> {
  const { B, T, H, K, D } = f;
  const built = build(f);
  const width = widthOf(f);
  const qkv = randomFloats(B * T * width, 1, 2);
  const dO = randomFloats(B * T * H * D, 2);
  const turn = { heads: H + 2 * K, rotated: H + K, D, theta: THETA, rotaryDim: rotaryOf(f) };
  const rotated = rope(qkv, built.positions, turn);
  const { o, L } = attentionForward(rotated, built.reference);
  const want = rope(attentionBackward(dO, rotated, o, L, built.reference), built.positions, turn, -1);
  for (const options of choicesFor(D)) {
    const what = `${JSON.stringify(f)} by ${Object.values(options.kernels!).join(', ')}`;
    const got = await runAttention(gpu, f, built, qkv, dO, options);
    expectClose(`${what}, o`, got.o, o);
    // queries, keys and values apart: none hides the others
    const part = (x: ArrayLike<number>, from: number, to: number): number[] =>
      Array.from(x).filter((_, i) => i % width >= from && i % width < to);
    const [q, k] = [H * D, (H + K) * D];
    for (const [name, from, to] of [['dq', 0, q] as const, ['dk', q, k] as const, ['dv', k, width] as const]) {
      if (T === 1 && name !== 'dv') continue; // one key: the softmax is constant, dq and dk are 0 up to rounding
      expectClose(`${what}, ${name}`, part(got.dqkv, from, to), part(want, from, to));
    }
  }
}

/** Two sequences through a cache of three slots, pieces of prompts and single tokens mixed: what attends equals the full pass at every position. */
const STEPS: { sequence: number; position: number }[][] = [
  [0, 1, 2, 3, 4].map((position) => ({ sequence: 0, position })),
  [...[5, 6].map((position) => ({ sequence: 0, position })), ...[0, 1, 2].map((position) => ({ sequence: 1, position }))],
  [
    { sequence: 1, position: 3 },
    { sequence: 0, position: 7 },
  ],
  [
    { sequence: 0, position: 8 },
    { sequence: 1, position: 4 },
  ],
];
const SLOT_OF = [2, 0];

async function compareCached(gpu: GpuContext, D: number): Promise<void> {
  for (const { W, pins, H, K, rotaryDim } of [
    { W: 0, pins: false, H: 4, K: 2, rotaryDim: D },
    { W: 3, pins: true, H: 3, K: 1, rotaryDim: D > 8 ? 8 : 0 },
  ]) {
    const f: Form = { B: 2, T: 9, H, K, D, W, pins };
    const { reference } = build(f);
    const [R, S, T, width] = [6, 3, 11, widthOf(f)];
    const scale = 0.4;
    const raw = randomFloats(2 * 9 * width, 3, 2);
    const all = Uint32Array.from({ length: 18 }, (_, r) => r % 9);
    const rotated = rope(raw, all, { heads: H + 2 * K, rotated: H + K, D, theta: THETA, rotaryDim });
    const expected = attentionForward(rotated, { ...reference, scale }).o;
    for (const { kernel } of ATTENTION_VARIANTS.cached.filter((v) => v.D === null || v.D === D)) {
      const tensors = {
        qkv: upload(gpu, 'qkv', new Float64Array(R * width), [R, width]),
        cache: upload(gpu, 'cache', untouched(S * T * 2 * K * D), [S, T, 2, K, D]),
        slots: upload(gpu, 'slots', new Uint32Array(R)),
        positions: upload(gpu, 'positions', new Uint32Array(R)),
        pins: upload(gpu, 'pins', new Uint32Array(2 * R), [R, 2]),
        table: upload(gpu, 'table', ropeTable(Math.max(2, rotaryDim)), [P, Math.max(1, rotaryDim / 2), 2]),
      };
      const graph = new Graph(gpu, kernel);
      const rotary = rotaryDim > 0 ? { table: tensors.table, rotaryDim } : null;
      const inputs = { slots: tensors.slots, positions: tensors.positions, pins: tensors.pins, pinned: pins };
      const o = graph.keep(
        cachedAttention(graph, tensors.qkv, tensors.cache, { R, S, T, H, K, D, W, scale }, inputs, rotary, { kernels: { cached: kernel } }),
      );
      const plan = await graph.compile();
      try {
        for (const [step, rows] of STEPS.entries()) {
          // rows without work: beyond the slots, or beyond the positions
          const slots = Uint32Array.from({ length: R }, (_, r) => (rows[r] ? SLOT_OF[rows[r].sequence]! : r % 2 === 0 ? S : 1));
          const positions = Uint32Array.from({ length: R }, (_, r) => rows[r]?.position ?? (r % 2 === 0 ? 0 : T));
          const at = rows.map((row) => row.sequence * 9 + row.position);
          const qkv = new Float64Array(R * width).fill(0.5);
          const pinRows = new Uint32Array(2 * R).fill(pins ? 0 : 5);
          const want = new Float64Array(R * H * D);
          at.forEach((from, r) => {
            qkv.set(raw.subarray(from * width, (from + 1) * width), r * width);
            if (pins) pinRows.set([reference.pinLo![from]!, reference.pinHi![from]!], 2 * r);
            want.set(expected.subarray(from * H * D, (from + 1) * H * D), r * H * D);
          });
          writeTensor(gpu, tensors.qkv, Float32Array.from(qkv));
          writeTensor(gpu, tensors.slots, slots);
          writeTensor(gpu, tensors.positions, positions);
          writeTensor(gpu, tensors.pins, pinRows);
          plan.run();
          const [read] = (await readTensors(gpu, [o])) as [Float32Array];
          expectClose(`${JSON.stringify(f)} by ${kernel}, step ${step}`, read, want);
        }
        const [cache] = (await readTensors(gpu, [tensors.cache])) as [Float32Array];
        const slot = T * 2 * K * D;
        expectSame(`${kernel}: the slot of the idle rows`, cache.subarray(slot, 2 * slot), untouched(slot));
      } finally {
        plan.destroy();
        for (const t of Object.values(tensors)) freeState(gpu, t);
      }
    }
  }
}

/** A graph with one attention that is not run, its output's gradient given. */
function traced(gpu: GpuContext, f: Form, frozen = false): { graph: Graph; qkv: Tensor; o: Tensor; free: () => void } {
  const { B, T, H, K, D, W } = f;
  const R = B * T;
  const graph = new Graph(gpu, 'traced');
  const owned = [
    createState(gpu, 'qkv', [R, widthOf(f)]),
    createState(gpu, 'dO', [R, H * D]),
    createState(gpu, 'positions', [R], 'u32'),
    createState(gpu, 'spans', [R, 4], 'u32'),
    createState(gpu, 'table', [P, 4]),
  ] as const;
  const [qkv, dO, positions, spans, table] = owned;
  const free = (): void => owned.forEach((t) => freeState(gpu, t));
  try {
    if (frozen) graph.freeze(qkv);
    const rotary = { table, rotaryDim: rotaryOf(f) };
    const inputs = { positions, spans, pinned: false, packed: false };
    const o = attention(graph, qkv, { B, T, H, K, D, W, scale: 1 }, inputs, rotary, { largestFlops: 500_000 });
    graph.bindGradient(o, dO, true);
    return { graph, qkv, o, free };
  } catch (e) {
    free();
    throw e;
  }
}

/** Cut into dispatches of few units or not at all: the same bits. */
async function compareCuts(gpu: GpuContext): Promise<void> {
  const f: Form = { B: 2, T: 40, H: 2, K: 1, D: 16, W: 7, pins: true, documents: [11, 1, 28] };
  const built = build(f);
  const qkv = randomFloats(80 * widthOf(f), 1, 2);
  const dO = randomFloats(80 * 32, 2);
  for (const options of choicesFor(16)) {
    const whole = await runAttention(gpu, f, built, qkv, dO, options);
    for (const largestFlops of [1, 3000, 30_000]) {
      const cut = await runAttention(gpu, f, built, qkv, dO, { ...options, largestFlops });
      const what = `by ${Object.values(options.kernels!).join(', ')} in dispatches of ${largestFlops} flops`;
      expectSame(`o ${what}`, cut.o, whole.o);
      expectSame(`dqkv ${what}`, cut.dqkv, whole.dqkv);
    }
  }
}

const WIDTHS = [...new Set(FORMS.map((f) => f.D))];

export const cases: KernelCase[] = [
  ...WIDTHS.map((D) => ({
    name: `attention forward and backward with heads of ${D}`,
    async run(gpu: GpuContext) {
      for (const f of FORMS) if (f.D === D) await compareFull(gpu, f);
    },
  })),
  ...WIDTHS.map((D) => ({
    name: `attention/cache_rows and cached attention with heads of ${D} equal the full pass`,
    run: (gpu: GpuContext) => compareCached(gpu, D),
  })),
  { name: 'attention cut into many dispatches gives the same bits', run: compareCuts },
  {
    name: 'attention counts the arithmetic that it needs, in dispatches below the limit',
    async run(gpu) {
      for (const [W, pairs] of [
        [0, (100 * 101) / 2],
        [7, 7 * 100 - 21],
      ] as const) {
        const { graph, free } = traced(gpu, { B: 2, T: 100, H: 4, K: 2, D: 64, W });
        graph.backward();
        const flops = (name: string): number[] => graph.dispatches.filter((d) => d.kernel.includes(name)).map((d) => d.flops);
        for (const [name, each] of [
          ['/forward_', 4],
          ['/backward_q_', 6],
          ['/backward_kv_', 8],
        ] as const) {
          const given = flops(name);
          expectClose(`flops of ${name} with a window of ${W}`, [given.reduce((a, b) => a + b, 0)], [2 * 4 * pairs * 64 * each]);
          // the limit is 500,000, but a tile of 64 rows (the shape for GPUs) is one piece whatever it takes
          check(given.length > 2 && Math.max(...given) <= 800_000, `${name} in dispatches of ${given}; at most 800000 were to be.`);
        }
        free();
      }
    },
  },
  {
    name: 'attention of what is frozen has no backward pass',
    async run(gpu) {
      const { graph, o, free } = traced(gpu, { B: 1, T: 8, H: 1, K: 1, D: 16, W: 0 }, true);
      check(graph.frozen(o), 'The output of frozen inputs is to be frozen.');
      const before = graph.dispatches.length;
      graph.backward();
      expectSame('dispatches of the backward pass', [graph.dispatches.length - before], [0]);
      free();
    },
  },
  {
    name: 'attention refuses heads that no kernel takes',
    async run(gpu) {
      for (const [form, words] of [
        [{ H: 2, K: 1, D: 6 }, 'Head width 6'],
        [{ H: 2, K: 1, D: 260 }, 'Head width 260'],
        [{ H: 3, K: 2, D: 8 }, '3 query heads'],
        [{ H: 2, K: 1, D: 8, rotaryDim: 3 }, '3 rotated dimensions'],
        [{ H: 2, K: 1, D: 8, rotaryDim: 10 }, '10 rotated dimensions'],
      ] as const) {
        let message = '';
        try {
          traced(gpu, { B: 1, T: 1, W: 0, ...form }).free();
        } catch (e) {
          message = (e as Error).message;
        }
        check(message.includes(words), `${JSON.stringify(form)} gives "${message}"; expected a refusal with "${words}".`);
      }
    },
  },
  {
    name: 'rope/rotate_part leaves what it does not rotate, and its backward undoes it',
    async run(gpu) {
      const [R, heads, D, rotary] = [3, 2, 12, 4];
      const positions = Uint32Array.from([0, 5, 400]);
      const x = randomFloats(R * 3 * D, 4);
      const turn = (qkv: Float64Array | Float32Array, sign: number) =>
        runKernel(gpu, 'rope/rotate_part', {
          bindings: { positions, table: ropeTable(rotary), qkv },
          args: { R, heads, D, rotary, width: 3 * D, P, sign },
          grid: 1,
        });
      const { qkv } = await turn(x, 1);
      expectClose('rotated', qkv!.floats, rope(x, [0, 5, P - 1], { heads: 3, rotated: heads, D, theta: THETA, rotaryDim: rotary }));
      expectClose('turned back', (await turn(qkv!.floats, -1)).qkv!.floats, x);
    },
  },
  {
    name: 'attention/cache_rows writes each row to its place and nothing else',
    async run(gpu) {
      const [H, K, D, rotary, S, T] = [2, 1, 12, 4, 2, 3];
      const width = (H + 2 * K) * D;
      const [slots, positions] = [Uint32Array.from([1, 0, 5, 0]), Uint32Array.from([2, 0, 1, 3])]; // the last two are idle
      const qkv = randomFloats(4 * width, 5);
      const held = await runKernel(gpu, 'attention/cache_rows', {
        bindings: { slots, positions, table: ropeTable(rotary), qkv, cache: untouched(S * T * 2 * K * D) },
        args: { R: 4, S, T, H, K, D, rotary, P },
        grid: Math.ceil((4 * (H + 2 * K) * D) / 128),
      });
      const turned = rope(qkv, positions, { heads: H + 2 * K, rotated: H + K, D, theta: THETA, rotaryDim: rotary });
      const wantCache = untouched(S * T * 2 * K * D);
      const wantQkv = qkv.slice();
      for (const r of [0, 1]) {
        wantCache.set(turned.subarray(r * width + H * D, (r + 1) * width), (slots[r]! * T + positions[r]!) * 2 * K * D);
        wantQkv.set(turned.subarray(r * width, r * width + H * D), r * width);
      }
      expectClose('cache', held.cache!.floats, wantCache);
      expectClose('qkv', held.qkv!.floats, wantQkv);
    },
  },
  {
    name: 'attention kernels are chosen by measuring, and the choice is remembered',
    async run(gpu) {
      const named = Object.values(ATTENTION_VARIANTS).flatMap((list) => list.map((v) => v.kernel));
      expectSame(
        'the table of variants',
        [...named]
          .sort()
          .map((k) => KERNELS.indexOf(k))
          .filter((i) => i < 0),
        [],
      );
      await tuneAttention(gpu, 16, (_, pass) => ATTENTION_VARIANTS[pass].filter((v) => v.D === null || v.D === 16));
      const record = rememberedAttention(gpu);
      expectSame('passes measured', [Object.keys(record).length], [4]);
      for (const [key, kernel] of Object.entries(record)) {
        const pass = key.split(' ')[0] as AttentionPass;
        check(
          ATTENTION_VARIANTS[pass].some((v) => v.kernel === kernel),
          `${key} is served by ${kernel}, which is no kernel of it.`,
        );
        check(attentionCandidates(gpu, pass, 16).length > 0, `No kernel serves ${key} on this device.`);
      }
      const other = Object.fromEntries(Object.keys(record).map((key) => [key, `attention/${key.split(' ')[0]}_blocks`]));
      recallAttention(gpu, other);
      check(JSON.stringify(rememberedAttention(gpu)) === JSON.stringify(other), 'What was recalled is not what is remembered.');
      recallAttention(gpu, record);
      recallAttention(gpu, {
        'forward 8': 'attention/no_such',
        'forward 12': 'attention/forward_d16',
        'nothing 8': 'attention/forward_blocks',
      });
      expectSame(
        'entries after a record that names no kernel',
        [Object.keys(rememberedAttention(gpu)).length],
        [Object.keys(record).length],
      );
    },
  },
];
