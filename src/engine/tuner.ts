// Which matmul kernel is the fastest here: measured once per adapter and class of shapes, checked against the simple kernel, remembered.
// Promises: no kernel is taken whose numbers differ from the simple one's (it is dropped with a notice); a remembered choice is taken again as it
// is, so that two runs on one adapter give the same bits; a store that fails costs a measurement, never the run.
// Refuses nothing; a lost device or one out of memory throws GpuError.
import { type GpuContext, GpuError } from '../gpu/context.ts';
import { kernelSource } from '../gpu/shaders.ts';
import { createState, elements, freeState, Graph, type Plan, readFloats, type Tensor, writeTensor } from './graph.ts';
import {
  choicesOf,
  emitMatmul,
  fits,
  type Layout,
  type MatmulShape,
  type ShapeClass,
  shapeClass,
  type Stored,
  suits,
  VARIANTS,
  type Variant,
} from './matmul.ts';

/** Where choices outlive the process. Both may fail; the tuner then measures again. */
export interface TuningStore {
  read(key: string): Promise<string | null>;
  write(key: string, value: string): Promise<void>;
}

export interface TuningReport {
  /** Kernel by class of shapes: what decides the bits of a run beside recipe, seed and adapter, so it belongs in the run's log. */
  choices: ReadonlyMap<ShapeClass, string>;
  /** What was measured now; empty when all was remembered. A kernel without a rival is checked, not timed: timeMs and gflops are 0. */
  measured: { shapeClass: ShapeClass; kernel: string; timeMs: number; gflops: number }[];
  /** Sentences about kernels that were dropped and stores that failed. */
  notices: string[];
  timeMs: number;
}

/** Relative squared difference from the simple kernel's result; rounding in another order gives 1e-13. */
const TOLERANCE = 1e-9;
/** Times this close are taken as equal: the earlier kernel of the table wins, so that noise seldom changes the choice. */
const TIE = 1.15;
const ROUNDS = 8;
/** What a kernel is repeated to take in a round. */
const MEASURE_MS = 3;

const stores = new WeakMap<GpuContext, TuningStore>();
/** Choices of this process by key: a device that is opened again on the same adapter goes on with the same kernels. */
const remembered = new Map<string, Map<ShapeClass, string>>();
const running = new WeakMap<GpuContext, Promise<unknown>>();

/** The store that tune() of this device uses from now on. */
export function attachTuningStore(gpu: GpuContext, store: TuningStore): void {
  stores.set(gpu, store);
}

/** Sets the matmul kernels of this device: from memory, from the store, else by measuring. Again at no cost. */
export function tune(gpu: GpuContext, store = stores.get(gpu), stored: readonly Stored[] = ['f32']): Promise<TuningReport> {
  const before = running.get(gpu) ?? Promise.resolve();
  const made = before.then(() => settle(gpu, store, stored));
  running.set(
    gpu,
    made.catch(() => undefined),
  );
  return made;
}

async function settle(gpu: GpuContext, store: TuningStore | undefined, stored: readonly Stored[]): Promise<TuningReport> {
  const started = performance.now();
  const report: TuningReport = { choices: choicesOf(gpu), measured: [], notices: [], timeMs: 0 };
  const samples = samplesOf(gpu).filter((s) => stored.includes(s.stored));
  const missing = (): Sample[] => samples.filter((s) => !choicesOf(gpu).has(s.shapeClass));
  if (missing().length > 0) {
    const key = adapterKey(gpu);
    take(gpu, remembered.get(key) ?? new Map());
    if (missing().length > 0 && store) {
      const text = await store.read(key).catch((e) => {
        report.notices.push(`The remembered choice of kernels could not be read (${(e as Error).message}); it is measured again.`);
        return null;
      });
      take(gpu, parseChoices(text));
    }
    if (missing().length > 0) {
      await measure(gpu, missing(), report);
      await store?.write(key, JSON.stringify(Object.fromEntries(choicesOf(gpu)))).catch((e) => {
        report.notices.push(`The choice of kernels could not be stored (${(e as Error).message}); it is measured again next time.`);
      });
    }
    remembered.set(key, new Map(choicesOf(gpu)));
  }
  report.timeMs = performance.now() - started;
  return report;
}

/** The adapter, its driver (which the description names) and the text of every kernel: another of any is another key. */
export function adapterKey(gpu: GpuContext): string {
  const { vendor, architecture, description } = gpu.report;
  let hash = 0x811c9dc5;
  for (const v of Object.values(VARIANTS).flat()) {
    const { code } = kernelSource(v.kernel);
    for (let i = 0; i < code.length; i++) hash = Math.imul(hash ^ code.charCodeAt(i), 0x01000193);
  }
  const able = [...gpu.features].sort().join(' ');
  return [vendor, architecture, description, able, gpu.subgroupSize ?? 0, (hash >>> 0).toString(16)].join(' | ');
}

/** Choices as stored; what is not readable is none. */
function parseChoices(text: string | null): Map<string, string> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    if (typeof value !== 'object' || value === null) return new Map();
    return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return new Map();
  }
}

/** Adopts what is still valid: the kernel exists, is of the class and suits the device. */
function take(gpu: GpuContext, choices: ReadonlyMap<string, string>): void {
  for (const s of samplesOf(gpu)) {
    const kernel = choices.get(s.shapeClass);
    const variant = VARIANTS[s.layout].find((v) => v.kernel === kernel);
    if (variant && variant.stored === s.stored && suits(gpu, variant)) choicesOf(gpu).set(s.shapeClass, variant.kernel);
  }
}

interface Sample {
  shapeClass: ShapeClass;
  layout: Layout;
  stored: Stored;
  shape: MatmulShape;
}

/** A typical product of each class; rows that are no multiple of a block, so that edges are run too. */
function samplesOf(gpu: GpuContext): Sample[] {
  const sizes: [Layout, number, number, number][] = gpu.software
    ? [
        ['nt', 1, 512, 256],
        ['nt', 8, 256, 128],
        ['nt', 250, 192, 64],
        ['nn', 250, 128, 96],
        ['tn', 124, 128, 512],
      ]
    : [
        ['nt', 1, 4096, 1024],
        ['nt', 8, 4096, 1024],
        ['nt', 64, 2048, 1024],
        ['nt', 500, 768, 768],
        ['nt', 2044, 2048, 1024],
        ['nn', 500, 768, 768],
        ['nn', 2044, 2048, 1024],
        ['tn', 764, 768, 1024],
        ['tn', 2044, 2048, 1024],
      ];
  return sizes.flatMap(([layout, M, N, K]) =>
    (layout === 'tn' ? (['f32'] as const) : (['f32', 'f16'] as const)).map((stored) => ({
      shapeClass: shapeClass(gpu, layout, stored, M, N),
      layout,
      stored,
      shape: { M, N, K, lda: layout === 'tn' ? M : K, ldb: layout === 'nt' ? K : N, ldy: N },
    })),
  );
}

/** What may win: where quads run, plain registers are slower but for single rows; a block far beyond the rows computes in vain. */
function candidatesOf(gpu: GpuContext, { layout, stored, shape }: Sample): Variant[] {
  const all = VARIANTS[layout].filter(
    (v) => v.stored === stored && v.kind !== 'simple' && suits(gpu, v) && fits(v, shape) && v.block <= shape.M,
  );
  const quads = all.some((v) => v.kind === 'quads');
  return all.filter((v) => !(quads && v.kind === 'registers') && !(v.kind === 'lanes' && shape.M > 8));
}

async function measure(gpu: GpuContext, samples: readonly Sample[], report: TuningReport): Promise<void> {
  const lists = samples.map((s) => candidatesOf(gpu, s));
  const simple = samples.map((s) => VARIANTS[s.layout].find((v) => v.kind === 'simple' && v.stored === s.stored) as Variant);
  const compiled = await compileAll(gpu, [...new Set([...lists.flat(), ...simple])], report);
  for (const [i, sample] of samples.entries()) {
    const candidates = (lists[i] as Variant[]).filter((v) => compiled.has(v));
    choicesOf(gpu).set(sample.shapeClass, (await fastest(gpu, sample, candidates, simple[i] as Variant, report)).kernel);
  }
}

/** Compiles all at once; a kernel that the driver refuses is dropped. */
async function compileAll(gpu: GpuContext, variants: readonly Variant[], report: TuningReport): Promise<Set<Variant>> {
  const compiled = new Set<Variant>();
  const refused = (v: Variant, e: unknown): void => {
    if (e instanceof GpuError && (e.kind === 'lost' || e.kind === 'memory')) throw e;
    report.notices.push(`Kernel ${v.kernel} was dropped: ${(e as Error).message}`);
  };
  const compile = (v: Variant): Promise<unknown> =>
    gpu.pipeline(v.kernel, { MODE: 0 }).then(
      () => compiled.add(v),
      (e) => refused(v, e),
    );
  try {
    await gpu.guarded('matmul kernels', () => Promise.all(variants.map(compile)));
  } catch (e) {
    // what was refused has its notice
    if (!(e instanceof GpuError && e.kind === 'invalid')) throw e;
  }
  return compiled;
}

async function fastest(
  gpu: GpuContext,
  { shapeClass, layout, stored, shape }: Sample,
  candidates: readonly Variant[],
  simple: Variant,
  report: TuningReport,
): Promise<Variant> {
  const { M, N, K, lda } = shape;
  const owned: Tensor[] = [];
  const state = (label: string, size: number, dtype: Stored = 'f32'): Tensor => {
    const t = createState(gpu, `tuning ${label}`, [size], dtype);
    owned.push(t);
    return t;
  };
  const plans = new Map<Variant, Plan>();
  try {
    const [a, b, y] = [state('a', (layout === 'tn' ? K : M) * lda), state('b', K * N, stored), state('y', M * N)];
    writeTensor(gpu, a, randomFloats(elements(a.shape), 1));
    writeTensor(gpu, b, stored === 'f16' ? randomHalves(K * N, 2) : randomFloats(K * N, 2));
    for (const v of [...candidates, simple]) {
      const graph = new Graph(gpu, `tuning ${v.kernel}`);
      emitMatmul(graph, layout, a, b, y, shape, { force: v.kernel });
      plans.set(v, await graph.compile());
    }
    const resultOf = (v: Variant): Promise<Float32Array> => {
      plans.get(v)?.run();
      return readFloats(gpu, y);
    };
    const expected = await resultOf(simple);
    const right: Variant[] = [];
    for (const v of candidates) {
      const difference = relativeDifference(await resultOf(v), expected);
      if (difference <= TOLERANCE) right.push(v);
      else
        report.notices.push(
          `Kernel ${v.kernel} was dropped: its result differs from the simple kernel's by ${difference.toExponential(1)} (relative, squared; ${TOLERANCE} is allowed).`,
        );
    }
    const times = await timesOf(right.map((v) => plans.get(v) as Plan));
    for (const [i, v] of right.entries()) {
      const timeMs = times[i] as number;
      report.measured.push({ shapeClass, kernel: v.kernel, timeMs, gflops: timeMs > 0 ? (2 * M * N * K) / timeMs / 1e6 : 0 });
    }
    const best = Math.min(...times);
    return right.find((_, i) => (times[i] as number) <= TIE * best) ?? simple;
  } finally {
    for (const plan of plans.values()) plan.destroy();
    for (const t of owned) freeState(gpu, t);
  }
}

/** Milliseconds of one run of each plan, the best of several rounds: in turn, so that what else the machine does meets all of them. */
async function timesOf(plans: readonly Plan[]): Promise<number[]> {
  if (plans.length < 2) return plans.map(() => 0);
  const repeats: number[] = [];
  const best = plans.map(() => Infinity);
  for (const plan of plans) repeats.push(Math.max(1, Math.min(64, Math.ceil(MEASURE_MS / (await plan.runTimed())))));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, plan] of plans.entries()) {
      const times = repeats[i] as number;
      best[i] = Math.min(best[i] as number, (await plan.runTimed(times)) / times);
    }
  }
  return best;
}

/** sum (x - e)^2 / sum e^2; infinite where x is not finite. */
function relativeDifference(x: Float32Array, e: Float32Array): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < e.length; i++) {
    difference += ((x[i] as number) - (e[i] as number)) ** 2;
    size += (e[i] as number) ** 2;
  }
  return Number.isFinite(difference) ? difference / size : Infinity;
}

function* bits(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 16;
  }
}
/** In (-1, 1). */
function randomFloats(n: number, seed: number): Float32Array {
  const source = bits(seed);
  return Float32Array.from({ length: n }, () => source.next().value / 32768 - 1);
}
/** Halves of either sign between 1/16 and 1, two to a word. */
function randomHalves(n: number, seed: number): Uint32Array {
  const source = bits(seed);
  const half = (): number => {
    const x = source.next().value;
    return (x & 0x83ff) | ((11 + ((x >> 10) & 3)) << 10);
  };
  return Uint32Array.from({ length: Math.ceil(n / 2) }, () => (half() | (half() << 16)) >>> 0);
}
