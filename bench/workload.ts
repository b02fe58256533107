// What every contender computes: the shapes, the initial parameters and the batches, all from seeds, so that losses can be compared.
// Parameters carry Hugging Face's names and layout: a matrix is (out, in), y = x W^T.
import { type LlamaShape, layoutOf, type NamedTensor } from '../src/model/llama.ts';

export interface StepShape {
  C: number;
  L: number;
  T: number;
  B: number;
}

export const HEADS = 4;
export const VOCABULARY = 512;
export const ROPE_THETA = 10_000;
export const NORM_EPS = 1e-5;
export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** Width of the SwiGLU MLP: 8/3 C rounded up to 16, so that its parameters are those of a two-matrix MLP of width 4 C. */
export const feedForward = (C: number): number => Math.ceil((8 * C) / 3 / 16) * 16;

export function llamaShape({ C, L, T }: StepShape): LlamaShape {
  return {
    hidden: C,
    intermediate: feedForward(C),
    layers: L,
    heads: HEADS,
    kvHeads: HEADS,
    headDim: C / HEADS,
    vocabulary: VOCABULARY,
    maxPositions: T,
    rmsNormEps: NORM_EPS,
    ropeTheta: ROPE_THETA,
    tieEmbeddings: true,
  };
}

/** Uniform numbers in [0, 1) (mulberry32). */
export function uniform(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function gaussian(seed: number): () => number {
  const next = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Initial parameters: matrices normal with deviation 0.05, norms 1. */
export function initialTensors(shape: StepShape): NamedTensor[] {
  const normal = gaussian(1);
  return layoutOf(llamaShape(shape)).blocks.flatMap((block) =>
    block.parts.map((part) => {
      const data = new Float32Array(part.shape.reduce((n, s) => n * s, 1));
      for (let i = 0; i < data.length; i++) data[i] = part.shape.length === 1 ? 1 : 0.05 * normal();
      return { name: part.name, shape: part.shape, data };
    }),
  );
}

/** Token ids (B, T) and the ids to be predicted (B, T). */
export interface Batch {
  ids: Int32Array;
  targets: Int32Array;
}

export function makeBatch({ T, B }: StepShape, step: number): Batch {
  const next = uniform(1000 + step);
  const ids = new Int32Array(B * T);
  const targets = new Int32Array(B * T);
  for (let b = 0; b < B; b++) {
    let token = Math.floor(next() * VOCABULARY);
    for (let t = 0; t < T; t++) {
      ids[b * T + t] = token;
      // Half of the tokens follow a fixed rule, so that there is something to learn.
      token = next() < 0.5 ? (token * 7 + 3) % VOCABULARY : Math.floor(next() * VOCABULARY);
      targets[b * T + t] = token;
    }
  }
  return { ids, targets };
}

/** Square factors of a matmul; x -> a x keeps the size of x about the same, so that products can be chained. */
export function matmulFactors(n: number): { a: Float32Array; x: Float32Array } {
  const normal = gaussian(2);
  const fill = (scale: number) => Float32Array.from({ length: n * n }, () => scale * normal());
  return { a: fill(1 / Math.sqrt(n)), x: fill(1) };
}

/** cos and sin of the rotary angles, (T, D/2) each. */
export function rotaryAngles(T: number, D: number): { cos: Float32Array; sin: Float32Array } {
  const half = D / 2;
  const cos = new Float32Array(T * half);
  const sin = new Float32Array(T * half);
  for (let t = 0; t < T; t++) {
    for (let d = 0; d < half; d++) {
      const angle = t * ROPE_THETA ** (-d / half);
      cos[t * half + d] = Math.cos(angle);
      sin[t * half + d] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** A trainer or multiplier of one library, on its own device of the same adapter. */
export interface Contender {
  name: 'RA3 Lab' | 'jax-js' | 'tfjs-webgpu';
  device: GPUDevice;
  prepareStep(shape: StepShape, tensors: NamedTensor[]): Promise<TrainingStep>;
  prepareMatmul(n: number): Promise<Matmul>;
}

export interface TrainingStep {
  /** One step of forward, backward and Adam; resolves with the loss (mean nats per token) once it is on the host. */
  step(batch: Batch): Promise<number>;
}

export interface Matmul {
  /** x -> a x, `times` times in a row from the same x; resolves with the result on the host. `times` is even. */
  run(times: number): Promise<Float32Array>;
}

/** (out, in) -> (in, out). */
export function transposed(data: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c] as number;
  return out;
}
