// What every contender computes: the shapes, the initial parameters and the batches, all from seeds, so that losses and products can be
// compared. Parameters carry Hugging Face's names and layout: a matrix is (out, in), y = x W^T.
import { feedForward, VOCABULARY } from './cells.mjs';

export interface StepShape {
  C: number;
  L: number;
  T: number;
  B: number;
}

export interface NamedTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

export const HEADS = 4;
export const ROPE_THETA = 10_000;
export const NORM_EPS = 1e-5;
export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** config.json of a Llama whose output matrix is its embedding. */
export function llamaConfig(shape: { C: number; F: number; L: number; H: number; V: number; T: number }): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.C,
    intermediate_size: shape.F,
    num_hidden_layers: shape.L,
    num_attention_heads: shape.H,
    num_key_value_heads: shape.H,
    head_dim: shape.C / shape.H,
    vocab_size: shape.V,
    max_position_embeddings: shape.T,
    rms_norm_eps: NORM_EPS,
    rope_theta: ROPE_THETA,
    hidden_act: 'silu',
    tie_word_embeddings: true,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: 0,
    eos_token_id: 1,
    torch_dtype: 'float32',
  };
}

/** Names and shapes of that Llama's tensors. */
export function llamaTensors({ C, F, L, V }: { C: number; F: number; L: number; V: number }): { name: string; shape: number[] }[] {
  const layers = Array.from({ length: L }, (_, l) => {
    const at = `model.layers.${l}`;
    return [
      { name: `${at}.input_layernorm.weight`, shape: [C] },
      ...['q', 'k', 'v', 'o'].map((part) => ({ name: `${at}.self_attn.${part}_proj.weight`, shape: [C, C] })),
      { name: `${at}.post_attention_layernorm.weight`, shape: [C] },
      { name: `${at}.mlp.gate_proj.weight`, shape: [F, C] },
      { name: `${at}.mlp.up_proj.weight`, shape: [F, C] },
      { name: `${at}.mlp.down_proj.weight`, shape: [C, F] },
    ];
  });
  return [{ name: 'model.embed_tokens.weight', shape: [V, C] }, ...layers.flat(), { name: 'model.norm.weight', shape: [C] }];
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
export function initialTensors({ C, L }: StepShape): NamedTensor[] {
  const normal = gaussian(1);
  return llamaTensors({ C, F: feedForward(C), L, V: VOCABULARY }).map(({ name, shape }) => {
    const data = new Float32Array(shape.reduce((n, s) => n * s, 1));
    for (let i = 0; i < data.length; i++) data[i] = shape.length === 1 ? 1 : 0.05 * normal();
    return { name, shape, data };
  });
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

/** y (M, N) = x (M, K) w. The contenders may keep w as (K, N) or (N, K), whichever they like better; `stored` says how it is given. */
export interface MatmulShape {
  M: number;
  N: number;
  K: number;
  stored: 'KN' | 'NK';
}

export interface Factors {
  x: Float32Array;
  w: Float32Array;
}

/** Uniform in (-1, 1), w scaled so that products are about as large as x. */
export function matmulFactors({ M, N, K }: MatmulShape): Factors {
  const next = uniform(2);
  const fill = (length: number, scale: number): Float32Array => {
    const out = new Float32Array(length);
    for (let i = 0; i < length; i++) out[i] = scale * (2 * next() - 1);
    return out;
  };
  return { x: fill(M * K, 1), w: fill(K * N, Math.sqrt(3 / K)) };
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

export type ContenderName = 'RA3 Lab' | 'jax-js' | 'tfjs-webgpu' | 'onnxruntime-web';

/** One library, on its own device of the same adapter. */
export interface Contender {
  name: ContenderName;
  device: GPUDevice;
  /** Null where the library does not train. */
  prepareStep: ((shape: StepShape, tensors: NamedTensor[]) => Promise<TrainingStep>) | null;
  prepareMatmul(shape: MatmulShape, factors: Factors): Promise<Matmul>;
}

export interface TrainingStep {
  /** One step of forward, backward and Adam; resolves with the loss (mean nats per token) once it is on the host. */
  step(batch: Batch): Promise<number>;
}

export interface Matmul {
  /** The same product `times` times; resolves once all are done on the device. Nothing is read back. */
  run(times: number): Promise<void>;
  /** The product on the host. */
  read(): Promise<Float32Array>;
  free(): void;
}

/** (out, in) -> (in, out). */
export function transposed(data: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c] as number;
  return out;
}

/** w as (K, N), for those who multiply x @ w. */
export const asKN = ({ N, K, stored }: MatmulShape, w: Float32Array): Float32Array => (stored === 'KN' ? w : transposed(w, N, K));
