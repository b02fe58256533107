// The measurements, in one page on one adapter. Contenders take turns step by step, so that a change in the machine's load meets all of
// them. A fresh page per measurement keeps one measurement's memory out of the next.
import { countBuffers, peakBytes, restartPeak } from './memory.ts';
import { type Contender, initialTensors, makeBatch, type StepShape } from './workload.ts';

export interface Timing {
  contender: Contender['name'];
  /** Per round, ms: one training step, or one matmul (the mean of a chain). */
  timesMs: number[];
}
export interface StepTiming extends Timing {
  /** Opening the device, tuning, tracing, compiling and the first step. */
  firstLossMs: number;
  /** Losses of every step, warm-up included. */
  losses: number[];
  peakBytes: number;
}
export interface MatmulTiming extends Timing {
  chain: number;
  /** Largest difference from this project's result, relative to the largest element. */
  largestDifference: number;
}

declare global {
  interface Window {
    measureStep(shape: StepShape, warmUp: number, rounds: number): Promise<StepTiming[]>;
    measureMatmul(n: number, rounds: number): Promise<MatmulTiming[]>;
  }
}

interface Opened {
  contender: Contender;
  /** Device, and for this project the choice among matmul kernels. */
  openMs: number;
}

async function openContenders(): Promise<Opened[]> {
  countBuffers();
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('The browser gives this page no WebGPU adapter.');
  // Imported only now: the peers must open their devices after the buffers are counted.
  const [{ openRa3Lab }, { openJaxJs }, { openTfjs }] = await Promise.all([
    import('./ra3Lab.ts'),
    import('./jaxJs.ts'),
    import('./tfjs.ts'),
  ]);
  const opened: Opened[] = [];
  for (const open of [() => openRa3Lab(adapter), openJaxJs, openTfjs]) {
    const { value: contender, timeMs: openMs } = await timed(open);
    opened.push({ contender, openMs });
  }
  return opened;
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; timeMs: number }> {
  const started = performance.now();
  const value = await work();
  return { value, timeMs: performance.now() - started };
}

window.measureStep = async (shape, warmUp, rounds) => {
  const tensors = initialTensors(shape);
  const lanes = [];
  for (const { contender, openMs } of await openContenders()) {
    restartPeak(contender.device);
    const { value: training, timeMs } = await timed(() => contender.prepareStep(shape, tensors));
    const result: StepTiming = { contender: contender.name, timesMs: [], firstLossMs: openMs + timeMs, losses: [], peakBytes: 0 };
    lanes.push({ contender, training, result });
  }
  for (let n = 0; n < warmUp + rounds; n++) {
    const batch = makeBatch(shape, n);
    for (const { contender, training, result } of lanes) {
      const { value, timeMs } = await timed(() => training.step(batch));
      if (n === 0) result.firstLossMs += timeMs;
      if (n >= warmUp) result.timesMs.push(timeMs);
      result.losses.push(value);
      result.peakBytes = peakBytes(contender.device);
      console.info(`${contender.name}: step ${n + 1}, ${timeMs.toFixed(1)} ms, loss ${value.toFixed(5)}`);
    }
  }
  return lanes.map((lane) => lane.result);
};

const CHAIN_MS = 300;

window.measureMatmul = async (n, rounds) => {
  const lanes = [];
  let reference: Float32Array | null = null;
  for (const { contender } of await openContenders()) {
    const matmul = await contender.prepareMatmul(n);
    const first = await matmul.run(2);
    reference ??= first;
    const { timeMs } = await timed(() => matmul.run(2));
    // Long enough that the readback at the end does not count.
    const chain = Math.min(128, Math.max(2, 2 * Math.round(CHAIN_MS / timeMs)));
    await matmul.run(chain);
    const result: MatmulTiming = { contender: contender.name, timesMs: [], chain, largestDifference: difference(first, reference) };
    lanes.push({ matmul, result });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { matmul, result } of lanes) {
      const { timeMs } = await timed(() => matmul.run(result.chain));
      result.timesMs.push(timeMs / result.chain);
      console.info(`${result.contender}: matmul ${n}, ${(timeMs / result.chain).toFixed(2)} ms`);
    }
  }
  return lanes.map((lane) => lane.result);
};

function difference(x: Float32Array, y: Float32Array): number {
  let largest = 0;
  let apart = 0;
  for (let i = 0; i < y.length; i++) {
    largest = Math.max(largest, Math.abs(y[i] as number));
    apart = Math.max(apart, Math.abs((x[i] as number) - (y[i] as number)));
  }
  return apart / largest;
}
