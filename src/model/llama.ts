// The Llama family on the GPU: one flat parameter arena laid out so that q, k, v and gate, up are one matrix each, the forward pass as a
// traced graph, and the way to and from Hugging Face tensors. Parameter names outside are Hugging Face's.
// Refuses: missing, surplus or misshapen tensors, all named at once.
import type { NamedTensor } from '../formats/safetensors.ts';
import { GpuError, type GpuContext } from '../gpu/context.ts';
import { type Graph, type Tensor, createState, freeState, readFloats, viewState, writeTensor } from '../engine/graph.ts';
import { type AttentionInputs, type IdOrder, attention, embed, linear, rmsNorm, swiglu } from '../engine/ops.ts';

/** The numbers of a Llama config.json that the engine needs (formats/config.ts reads them). */
export interface LlamaShape {
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
  maxPositions: number;
  rmsNormEps: number;
  ropeTheta: number;
  tieEmbeddings: boolean;
}

export class ModelError extends Error {
  override name = 'ModelError';
}

export type { NamedTensor };

interface Part {
  /** Hugging Face name and shape; parts of a block lie one after the other, row-major. */
  name: string;
  shape: number[];
}
interface Block {
  key: string;
  shape: number[];
  parts: Part[];
  offset: number;
}

const count = (shape: readonly number[]): number => shape.reduce((n, s) => n * s, 1);

/** Blocks of the arena with their offsets in elements (multiples of 64), and the arena's length. */
export function layoutOf(s: LlamaShape): { blocks: Block[]; size: number; parameters: number } {
  const { hidden: C, intermediate: F, heads: H, kvHeads: K, headDim: D, vocabulary: V } = s;
  const blocks: Block[] = [];
  let offset = 0;
  const add = (key: string, shape: number[], parts: Part[]): void => {
    blocks.push({ key, shape, parts, offset });
    offset = Math.ceil((offset + count(shape)) / 64) * 64;
  };
  const single = (key: string, name: string, shape: number[]): void => add(key, shape, [{ name, shape }]);
  single('embed', 'model.embed_tokens.weight', [V, C]);
  for (let l = 0; l < s.layers; l++) {
    const p = `model.layers.${l}`;
    single(`${l}.norm1`, `${p}.input_layernorm.weight`, [C]);
    add(
      `${l}.qkv`,
      [(H + 2 * K) * D, C],
      [
        { name: `${p}.self_attn.q_proj.weight`, shape: [H * D, C] },
        { name: `${p}.self_attn.k_proj.weight`, shape: [K * D, C] },
        { name: `${p}.self_attn.v_proj.weight`, shape: [K * D, C] },
      ],
    );
    single(`${l}.o`, `${p}.self_attn.o_proj.weight`, [C, H * D]);
    single(`${l}.norm2`, `${p}.post_attention_layernorm.weight`, [C]);
    add(
      `${l}.gateUp`,
      [2 * F, C],
      [
        { name: `${p}.mlp.gate_proj.weight`, shape: [F, C] },
        { name: `${p}.mlp.up_proj.weight`, shape: [F, C] },
      ],
    );
    single(`${l}.down`, `${p}.mlp.down_proj.weight`, [C, F]);
  }
  single('norm', 'model.norm.weight', [C]);
  if (!s.tieEmbeddings) single('head', 'lm_head.weight', [V, C]);
  return { blocks, size: offset, parameters: blocks.reduce((n, b) => n + count(b.shape), 0) };
}

/** Graph inputs of a batch of B sequences of T tokens (R = B T rows). */
export interface SequenceInputs extends AttentionInputs {
  ids: Tensor;
  /** Needed for gradients of the embedding. */
  order: IdOrder | null;
}

export class LlamaModel {
  readonly gpu: GpuContext;
  readonly shape: LlamaShape;
  readonly parameterCount: number;
  /** (N): the flat arena, blocks padded to multiples of 64 with zeros. */
  readonly arena: Tensor;
  /** (P, D/2, 2) */
  readonly ropeTable: Tensor;
  readonly blocks: Block[];
  private readonly views = new Map<string, Tensor>();

  /** Parameters are zero until load() or randomise(). Throws GpuError('memory') when the adapter cannot hold them. */
  constructor(gpu: GpuContext, shape: LlamaShape) {
    this.gpu = gpu;
    this.shape = shape;
    if (shape.headDim % 4 !== 0) throw new ModelError(`Head width ${shape.headDim} is not a multiple of 4; such models are not supported.`);
    const { blocks, size, parameters } = layoutOf(shape);
    this.blocks = blocks;
    this.parameterCount = parameters;
    this.arena = createState(gpu, 'parameters', [size]);
    const P = Math.min(shape.maxPositions, 8192);
    this.ropeTable = createState(gpu, 'rope table', [P, shape.headDim / 2, 2]);
    writeTensor(gpu, this.ropeTable, ropeTable(P, shape.headDim, shape.ropeTheta));
    for (const b of blocks) this.views.set(b.key, viewState(this.arena, b.key, b.offset, b.shape));
  }

  parameter(key: string): Tensor {
    const t = this.views.get(key);
    if (!t) throw new GpuError('invalid', `No parameter block ${key}.`);
    return t;
  }
  get head(): Tensor {
    return this.parameter(this.shape.tieEmbeddings ? 'embed' : 'head');
  }

  /** Views of the blocks in another arena of the same layout (gradients, moments). */
  bindGradients(graph: Graph, gradients: Tensor): void {
    for (const b of this.blocks) graph.bindGradient(this.parameter(b.key), viewState(gradients, `d(${b.key})`, b.offset, b.shape));
  }

  /** Final normed hidden states (R, C) of sequences; window W in tokens, 0 = all. */
  forward(graph: Graph, inputs: SequenceInputs, B: number, T: number, W: number): Tensor {
    const { heads: H, kvHeads: K, headDim: D } = this.shape;
    return this.blocksForward(graph, inputs.ids, inputs.order, (qkv) => attention(graph, qkv, { B, T, H, K, D, W }, inputs));
  }

  /** The transformer with attention left open: the full pass and the cached decode differ in nothing else. */
  blocksForward(graph: Graph, ids: Tensor, order: IdOrder | null, attend: (qkv: Tensor, layer: number) => Tensor): Tensor {
    const eps = this.shape.rmsNormEps;
    let x = embed(graph, this.parameter('embed'), ids, order);
    for (let l = 0; l < this.shape.layers; l++) {
      const o = attend(linear(graph, rmsNorm(graph, x, this.parameter(`${l}.norm1`), eps), this.parameter(`${l}.qkv`)), l);
      x = linear(graph, o, this.parameter(`${l}.o`), x);
      const h = swiglu(graph, linear(graph, rmsNorm(graph, x, this.parameter(`${l}.norm2`), eps), this.parameter(`${l}.gateUp`)));
      x = linear(graph, h, this.parameter(`${l}.down`), x);
    }
    return rmsNorm(graph, x, this.parameter('norm'), eps);
  }

  /** Fills the arena from Hugging Face tensors by name. `read` is called once per tensor. Throws ModelError naming what does not fit. */
  async load(available: ReadonlyMap<string, { shape: readonly number[] }>, read: (name: string) => Promise<Float32Array>): Promise<void> {
    const faults: string[] = [];
    const wanted = new Set<string>();
    for (const b of this.blocks) {
      for (const p of b.parts) {
        wanted.add(p.name);
        const have = available.get(p.name);
        if (!have) faults.push(`${p.name} is missing`);
        else if (have.shape.join() !== p.shape.join())
          faults.push(`${p.name} is [${have.shape.join(', ')}], config.json says [${p.shape.join(', ')}]`);
      }
    }
    for (const name of available.keys()) {
      const tied = this.shape.tieEmbeddings && name === 'lm_head.weight';
      if (!wanted.has(name) && !tied && !name.endsWith('rotary_emb.inv_freq')) faults.push(`${name} is not part of this architecture`);
    }
    if (faults.length)
      throw new ModelError(
        `The weights do not fit config.json: ${faults.slice(0, 6).join('; ')}${faults.length > 6 ? `; and ${faults.length - 6} more` : ''}.`,
      );
    for (const b of this.blocks) {
      let at = 0;
      for (const p of b.parts) {
        writeTensor(this.gpu, this.parameter(b.key), await read(p.name), at);
        at += count(p.shape);
      }
    }
  }

  /** Normal(0, std(block)) matrices and unit norms from `gaussian`, for models trained from nothing. */
  randomise(gaussian: () => number, std: (key: string) => number): void {
    for (const b of this.blocks) {
      const data = new Float32Array(count(b.shape));
      for (let i = 0; i < data.length; i++) data[i] = b.shape.length === 1 ? 1 : std(b.key) * gaussian();
      writeTensor(this.gpu, this.parameter(b.key), data);
    }
  }

  /** The parameters as Hugging Face tensors. */
  async read(): Promise<NamedTensor[]> {
    const all = await readFloats(this.gpu, this.arena);
    return this.blocks.flatMap((b) => {
      let at = b.offset;
      return b.parts.map((p) => {
        const data = all.slice(at, at + count(p.shape));
        at += data.length;
        return { name: p.name, shape: p.shape, data };
      });
    });
  }

  /** Copies another model's parameters on the GPU (same shape). */
  copyFrom(other: LlamaModel): void {
    const encoder = this.gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(other.arena.buffer as GPUBuffer, 0, this.arena.buffer as GPUBuffer, 0, this.arena.sizeBytes);
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    freeState(this.gpu, this.arena);
    freeState(this.gpu, this.ropeTable);
  }
}

function ropeTable(P: number, D: number, theta: number): Float32Array {
  const table = new Float32Array(P * D);
  for (let p = 0; p < P; p++) {
    for (let d = 0; d < D / 2; d++) {
      const angle = p * theta ** ((-2 * d) / D);
      table[p * D + 2 * d] = Math.cos(angle);
      table[p * D + 2 * d + 1] = Math.sin(angle);
    }
  }
  return table;
}
