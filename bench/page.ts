// The measurements, in one page on one adapter. Contenders take turns round by round, so that a change in the machine's load meets all of
// them. A contender that would take longer than its budget stops where it is, and its cell says so with what was measured or expected; one
// that fails says why. Memory is counted per device; a fresh page per training step keeps one measurement's memory out of the next.
import { countBuffers, peakBytes, restartPeak } from './memory.ts';
import {
  type Contender,
  type ContenderName,
  initialTensors,
  type MatmulShape,
  makeBatch,
  matmulFactors,
  type StepShape,
} from './workload.ts';

/** How long each contender may take for one cell. */
export interface Budget {
  /** For the measured rounds of one contender, ms; the first call, which compiles, is not counted. */
  ms: number;
  /** Wanted, and the fewest that count as a measurement. */
  rounds: number;
  leastRounds: number;
  /** Milliseconds per round that earlier cells lead to expect. */
  expectedMs: Partial<Record<ContenderName, number>>;
}

export interface Timing {
  contender: ContenderName;
  /** Per measured round, ms. Empty when it was left out or failed. */
  timesMs: number[];
  /** Why there are no times: over budget or an error. */
  absent: string | null;
  /** One round took so long, or is expected to, where it was too long to be measured. */
  estimateMs: number | null;
}
export interface StepTiming extends Timing {
  /** Opening the device, tuning, tracing, compiling and the first step. */
  firstLossMs: number;
  /** Losses of every step, warm-up included. */
  losses: number[];
  peakBytes: number;
}
export interface MatmulTiming extends Timing {
  /** Products per round. */
  chain: number;
  /** Largest difference from this project's result, relative to the largest element. */
  largestDifference: number;
}
export interface DecodeTiming {
  parameters: number;
  batch: number;
  newTokens: number;
  /** Per round: all rows' new tokens after prompts of one. */
  timesMs: number[];
  peakBytes: number;
}
export interface LoadTiming {
  dtype: 'F32' | 'BF16';
  parameters: number;
  fileBytes: number;
  /** Per round: from the files to weights on the GPU, checked and complete. */
  timesMs: number[];
  peakBytes: number;
}
export interface Ceiling {
  gflopPerS: number;
  gbPerS: number;
}

declare global {
  interface Window {
    measureStep(shape: StepShape, budget: Budget): Promise<StepTiming[]>;
    measureMatmul(shape: MatmulShape, budget: Budget): Promise<MatmulTiming[]>;
    measureDecode(batches: number[], budget: Budget): Promise<DecodeTiming[]>;
    measureLoad(dtype: LoadTiming['dtype'], budget: Budget): Promise<LoadTiming>;
    measureCeiling(): Promise<Ceiling>;
  }
}

countBuffers();

// Each is imported only when it is needed, and after the buffers are counted.
const OPEN: Record<ContenderName, () => Promise<Contender>> = {
  'RA3 Lab': async () => (await import('./ra3Lab.ts')).openRa3Lab(),
  'jax-js': async () => (await import('./jaxJs.ts')).openJaxJs(),
  'tfjs-webgpu': async () => (await import('./tfjs.ts')).openTfjs(),
  'onnxruntime-web': async () => (await import('./onnxRuntime.ts')).openOnnxRuntime(),
};
interface Opened {
  contender: Contender;
  openMs: number;
}
const opened = new Map<ContenderName, Promise<Opened>>();
/** What a device has reported and its library has not thrown. */
const deviceErrors = new Map<ContenderName, string>();

function open(name: ContenderName): Promise<Opened> {
  let promise = opened.get(name);
  if (!promise) {
    promise = timed(OPEN[name]).then(({ value: contender, timeMs: openMs }) => {
      contender.device.addEventListener('uncapturederror', (e) => {
        if (!deviceErrors.has(name)) deviceErrors.set(name, e.error.message);
      });
      return { contender, openMs };
    });
    opened.set(name, promise);
  }
  return promise;
}

/** Throws what the contender's device has reported since the last check. */
function checkDevice(name: ContenderName): void {
  const error = deviceErrors.get(name);
  deviceErrors.delete(name);
  if (error !== undefined) throw new Error(error);
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; timeMs: number }> {
  const started = performance.now();
  const value = await work();
  return { value, timeMs: performance.now() - started };
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 200) ?? 'failed';
const seconds = (ms: number): string => `${(ms / 1000).toPrecision(2)} s`;

/** A contender within a cell: `once` does one round's work. */
interface Lane {
  timing: Timing;
  once: () => Promise<void>;
  free: () => void;
}

/** Prepares every contender that is not expected to be hopeless; those that fail stay as lanes that have failed. */
async function prepare<T extends Timing>(
  timings: T[],
  budget: Budget,
  make: (timing: T) => Promise<Omit<Lane, 'timing'>>,
): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (const timing of timings) {
    const expected = budget.expectedMs[timing.contender];
    if (expected !== undefined && expected * budget.leastRounds > budget.ms) {
      timing.absent = 'left out';
      timing.estimateMs = expected;
      console.info(`${timing.contender}: left out, about ${seconds(expected)} expected per round`);
      continue;
    }
    try {
      lanes.push({ timing, ...(await make(timing)) });
      checkDevice(timing.contender);
    } catch (error) {
      timing.absent = said(error);
      console.info(`${timing.contender}: ${timing.absent}`);
    }
  }
  return lanes;
}

/** Takes turns until every lane has its rounds, has used its budget, or has failed. */
async function takeTurns(lanes: Lane[], budget: Budget): Promise<void> {
  const spent = new Map<Lane, number>();
  for (let round = 0; round < budget.rounds; round++) {
    for (const lane of lanes) {
      const { timing } = lane;
      const used = spent.get(lane) ?? 0;
      const last = timing.timesMs.at(-1) ?? 0;
      const missing = budget.leastRounds - timing.timesMs.length;
      if (timing.absent !== null || (missing <= 0 && used + last > budget.ms)) continue;
      try {
        const { timeMs } = await timed(lane.once);
        checkDevice(timing.contender);
        spent.set(lane, used + timeMs);
        timing.timesMs.push(timeMs);
        console.info(`${timing.contender}: ${timeMs.toFixed(1)} ms`);
        if (missing > 1 && used + timeMs * missing > budget.ms) {
          timing.absent = 'stopped after one round';
          timing.estimateMs = timeMs;
          timing.timesMs = [];
        }
      } catch (error) {
        timing.absent = said(error);
        timing.timesMs = [];
        console.info(`${timing.contender}: ${timing.absent}`);
      }
    }
  }
  for (const lane of lanes) lane.free();
}

const blank = (contender: ContenderName): Timing => ({ contender, timesMs: [], absent: null, estimateMs: null });

window.measureStep = async (shape, budget) => {
  const tensors = initialTensors(shape);
  const names: ContenderName[] = ['RA3 Lab', 'jax-js', 'tfjs-webgpu'];
  const timings = names.map((name): StepTiming => ({ ...blank(name), firstLossMs: 0, losses: [], peakBytes: 0 }));
  const lanes = await prepare(timings, budget, async (timing) => {
    const { contender, openMs } = await open(timing.contender);
    if (!contender.prepareStep) throw new Error('does not train');
    restartPeak(contender.device);
    const { value: training, timeMs } = await timed(() => contender.prepareStep!(shape, tensors));
    const once = async (): Promise<void> => {
      timing.losses.push(await training.step(makeBatch(shape, timing.losses.length)));
      timing.peakBytes = peakBytes(contender.device);
    };
    // The first two steps warm up; the second only where it is cheap, or it is the one that says how long a step takes.
    const first = await timed(once);
    timing.firstLossMs = openMs + timeMs + first.timeMs;
    console.info(`${timing.contender}: first loss ${timing.losses[0]?.toFixed(5)} after ${seconds(timing.firstLossMs)}`);
    if (first.timeMs < budget.ms / (2 * budget.rounds)) await once();
    return { once, free: () => undefined };
  });
  await takeTurns(lanes, budget);
  return timings;
};

/** A round of products lasts about this long, so that the wait at its end does not count. */
const CHAIN_MS = 300;

window.measureMatmul = async (shape, budget) => {
  const factors = matmulFactors(shape);
  const names: ContenderName[] = ['RA3 Lab', 'jax-js', 'tfjs-webgpu', 'onnxruntime-web'];
  const timings = names.map((name): MatmulTiming => ({ ...blank(name), chain: 1, largestDifference: 0 }));
  let reference: Float32Array | null = null;
  // One product, then: so that expectations are of one product too.
  const single = { ...budget, leastRounds: 1 };
  const lanes = await prepare(timings, single, async (timing) => {
    const { contender } = await open(timing.contender);
    const matmul = await contender.prepareMatmul(shape, factors);
    try {
      const product = await matmul.read();
      reference ??= product;
      timing.largestDifference = difference(product, reference);
      const { timeMs } = await timed(() => matmul.run(1));
      const longest = budget.ms / budget.leastRounds;
      if (timeMs > longest) {
        timing.estimateMs = timeMs;
        throw new Error('stopped after one product');
      }
      timing.chain = Math.max(1, Math.min(128, Math.round(Math.min(CHAIN_MS, longest) / timeMs)));
    } catch (error) {
      matmul.free();
      throw error;
    }
    return { once: () => matmul.run(timing.chain), free: () => matmul.free() };
  });
  await takeTurns(lanes, budget);
  for (const timing of timings) {
    timing.timesMs = timing.timesMs.map((ms) => ms / timing.chain);
    if (timing.estimateMs !== null && timing.absent?.startsWith('stopped after one round')) timing.estimateMs /= timing.chain;
  }
  return timings;
};

function difference(x: Float32Array, y: Float32Array): number {
  if (x.length !== y.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let apart = 0;
  for (let i = 0; i < y.length; i++) {
    largest = Math.max(largest, Math.abs(y[i] as number));
    const d = Math.abs((x[i] as number) - (y[i] as number));
    if (!(d <= apart)) apart = d;
  }
  return apart / largest;
}

window.measureCeiling = async () => (await import('./ra3Lab.ts')).ceiling();
window.measureDecode = async (batches, budget) => (await import('./ra3Lab.ts')).measureDecode(batches, budget);
window.measureLoad = async (dtype, budget) => (await import('./ra3Lab.ts')).measureLoad(dtype, budget);
