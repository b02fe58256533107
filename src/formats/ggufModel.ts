// A GGUF file as a model in Hugging Face's terms: its metadata as the text of a config.json, its tensors under the names and in the order of values
// that transformers uses. llama.cpp stores the rows of q and k interleaved (llama, smollm3), GPT-NeoX's q, k, v one after the other, GPT-2's
// matrices transposed and Gemma's norms with 1 added: all of it is undone while slices are read.
// Refuses (FormatError) architectures that are not in FAMILIES, missing metadata, tensors that the family does not have, and settings that
// config.json cannot say.
import type { WeightSource } from './architecture.ts';
import type { ByteSource } from './byteSource.ts';
import { FormatError, quote } from './formatError.ts';
import { checkRange, type GgufFile, type GgufScalar, readGguf, type StoredRows } from './gguf.ts';
import { readRopeScaling } from './ggufRope.ts';

export interface GgufModel {
  file: GgufFile;
  /** general.architecture, e.g. "qwen2". */
  architecture: string;
  /** Text of the config.json that says the same. */
  configText: string;
  weights: WeightSource;
}

/** How the values of a tensor lie in the file, against transformers' order. */
type Order =
  | { kind: 'plain' }
  /** The file holds (out, in), transformers (in, out). */
  | { kind: 'transposed' }
  /** Within each head of `unit` rows the file holds rows 2i and 2i + 1 where transformers holds i and unit / 2 + i. */
  | { kind: 'interleaved'; unit: number }
  /** The file holds all heads of q, then of k, then of v; transformers q, k, v of each head: `unit` rows each. */
  | { kind: 'partMajor'; unit: number; heads: number }
  /** The file holds the values plus one. */
  | { kind: 'plusOne' };

interface Family {
  modelType: string;
  className: string;
  /** Tensor names without layers: GGUF -> transformers. */
  outer: Record<string, string>;
  /** Tensor names within `blk.N.` -> within the layer. */
  layer: Record<string, string>;
  layerPrefix: string;
  order(name: string, shape: Shape): Order;
  config(metadata: Metadata, shape: Shape): Record<string, unknown>;
}

/** Sizes that the order of values depends on. */
interface Shape {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
}

type Values = Awaited<ReturnType<WeightSource['read']>>;

/** Elements of rows in another order that are read at once. */
const READ_ELEMENTS = 1_048_576;

const PLAIN: Order = { kind: 'plain' };

const DECODER_OUTER = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' };
const DECODER_LAYER = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const DECODER = { outer: DECODER_OUTER, layer: DECODER_LAYER, layerPrefix: 'model.layers' };
const HEAD_NORMS = { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' };

/** Layers of SmolLM3 without rotary positions and layers of Gemma 3 with global attention: every n-th, as llama.cpp has it built in. */
const NOPE_EVERY = 4;
const GLOBAL_EVERY = 6;
const GEMMA_27B_LAYERS = 62;

const interleaved = (name: string, { headDim }: Shape): Order =>
  /\.attn_[qk]\.(weight|bias)$/.test(name) ? { kind: 'interleaved', unit: headDim } : PLAIN;

export const FAMILIES: Readonly<Record<string, Family>> = {
  llama: {
    ...DECODER,
    modelType: 'llama',
    className: 'LlamaForCausalLM',
    order: interleaved,
    config: (metadata, shape) => {
      const window = metadata.optionalNumber('attention.sliding_window') ?? 0;
      const mistral = { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: window };
      return { ...decoderConfig(metadata, shape), ...(window > 0 ? mistral : { attention_bias: metadata.hasTensor('blk.0.attn_q.bias') }) };
    },
  },
  smollm3: {
    ...DECODER,
    modelType: 'smollm3',
    className: 'SmolLM3ForCausalLM',
    order: interleaved,
    config: (metadata, shape) => ({
      ...decoderConfig(metadata, shape),
      attention_bias: metadata.hasTensor('blk.0.attn_q.bias'),
      no_rope_layer_interval: NOPE_EVERY,
      no_rope_layers: Array.from({ length: shape.layers }, (_, i) => ((i + 1) % NOPE_EVERY === 0 ? 0 : 1)),
      use_sliding_window: false,
    }),
  },
  qwen2: {
    ...DECODER,
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    order: () => PLAIN,
    config: (metadata, shape) => ({ ...decoderConfig(metadata, shape), use_sliding_window: false }),
  },
  qwen3: {
    ...DECODER,
    layer: { ...DECODER_LAYER, ...HEAD_NORMS },
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    order: () => PLAIN,
    config: (metadata, shape) => ({
      ...decoderConfig(metadata, shape),
      attention_bias: metadata.hasTensor('blk.0.attn_q.bias'),
      use_sliding_window: false,
    }),
  },
  gemma3: {
    ...DECODER,
    layer: {
      ...DECODER_LAYER,
      ...HEAD_NORMS,
      post_attention_norm: 'post_attention_layernorm',
      ffn_norm: 'pre_feedforward_layernorm',
      post_ffw_norm: 'post_feedforward_layernorm',
    },
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    order: (name) => (/norm\.weight$/.test(name) ? { kind: 'plusOne' } : PLAIN),
    config: gemmaConfig,
  },
  gpt2: {
    modelType: 'gpt2',
    className: 'GPT2LMHeadModel',
    outer: {
      token_embd: 'transformer.wte',
      position_embd: 'transformer.wpe',
      output_norm: 'transformer.ln_f',
      output: 'lm_head',
    },
    layer: {
      attn_norm: 'ln_1',
      attn_qkv: 'attn.c_attn',
      attn_output: 'attn.c_proj',
      ffn_norm: 'ln_2',
      ffn_up: 'mlp.c_fc',
      ffn_down: 'mlp.c_proj',
    },
    layerPrefix: 'transformer.h',
    order: (name) => (/\.(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(name) ? { kind: 'transposed' } : PLAIN),
    config: (metadata, { hidden, layers, heads, vocabulary }) => ({
      n_embd: hidden,
      n_layer: layers,
      n_head: heads,
      n_positions: metadata.number('context_length'),
      n_ctx: metadata.number('context_length'),
      n_inner: metadata.optionalNumber('feed_forward_length') ?? 4 * hidden,
      vocab_size: vocabulary,
      layer_norm_epsilon: metadata.epsilon('attention.layer_norm_epsilon'),
      activation_function: 'gelu_new',
    }),
  },
  gptneox: {
    modelType: 'gpt_neox',
    className: 'GPTNeoXForCausalLM',
    outer: { token_embd: 'gpt_neox.embed_in', output_norm: 'gpt_neox.final_layer_norm', output: 'embed_out' },
    layer: {
      attn_norm: 'input_layernorm',
      attn_qkv: 'attention.query_key_value',
      attn_output: 'attention.dense',
      ffn_norm: 'post_attention_layernorm',
      ffn_up: 'mlp.dense_h_to_4h',
      ffn_down: 'mlp.dense_4h_to_h',
    },
    layerPrefix: 'gpt_neox.layers',
    order: (name, { heads, headDim }) => (/\.attn_qkv\.(weight|bias)$/.test(name) ? { kind: 'partMajor', unit: headDim, heads } : PLAIN),
    config: (metadata, shape) => ({
      hidden_size: shape.hidden,
      intermediate_size: metadata.number('feed_forward_length'),
      num_hidden_layers: shape.layers,
      num_attention_heads: shape.heads,
      vocab_size: shape.vocabulary,
      max_position_embeddings: metadata.number('context_length'),
      layer_norm_eps: metadata.epsilon('attention.layer_norm_epsilon'),
      rotary_pct: metadata.number('rope.dimension_count') / shape.headDim,
      rotary_emb_base: metadata.optionalNumber('rope.freq_base') ?? 10_000,
      use_parallel_residual: metadata.scalar('use_parallel_residual') ?? true,
      hidden_act: 'gelu',
      attention_bias: true,
    }),
  },
};

export async function readGgufModel(source: ByteSource): Promise<GgufModel> {
  const file = await readGguf(source);
  const architecture = String(file.scalars.get('general.architecture') ?? '');
  const family = Object.hasOwn(FAMILIES, architecture) ? FAMILIES[architecture] : undefined;
  if (!family) {
    throw new FormatError(
      `${quote(source.name)} holds a model of the architecture ${quote(architecture, 40)}, which is not supported; ` +
        `${Object.keys(FAMILIES).join(', ')} are.`,
    );
  }
  const metadata = new Metadata(file, architecture);
  const shape = readShape(metadata, file);
  const names = mapNames(file, family, shape);
  const scaling = await readRopeScaling(file, architecture, shape.headDim);
  const config = {
    architectures: [family.className],
    model_type: family.modelType,
    ...family.config(metadata, shape),
    ...(scaling && { rope_scaling: scaling }),
    tie_word_embeddings: !file.tensors.has('output.weight'),
    ...specialIds(file),
    torch_dtype: 'float32',
  };
  return {
    file,
    architecture,
    configText: `${JSON.stringify(config, null, 2)}\n`,
    weights: makeWeights(file, names, (stored) => family.order(stored, shape)),
  };
}

/** Metadata of the model, without its prefix. */
class Metadata {
  private readonly file: GgufFile;
  private readonly prefix: string;

  constructor(file: GgufFile, prefix: string) {
    this.file = file;
    this.prefix = prefix;
  }

  scalar(key: string): GgufScalar | undefined {
    const full = `${this.prefix}.${key}`;
    if (this.file.arrays.has(full)) {
      throw new FormatError(`${quote(this.file.name)}: ${quote(full)} differs from layer to layer, which is not supported.`);
    }
    return this.file.scalars.get(full);
  }

  optionalNumber(key: string): number | undefined {
    const value = this.scalar(key);
    if (value === undefined || typeof value === 'number') return value;
    throw new FormatError(`${quote(this.file.name)}: ${quote(`${this.prefix}.${key}`)} is no number.`);
  }

  number(key: string): number {
    const value = this.optionalNumber(key);
    if (value !== undefined) return value;
    throw new FormatError(`${quote(this.file.name)} lacks ${quote(`${this.prefix}.${key}`)}. Convert the model again with llama.cpp.`);
  }

  /** A small constant that is written in F32: the shortest decimal that means it. */
  epsilon(key: string): number {
    return Number(Math.fround(this.number(key)).toPrecision(7));
  }

  hasTensor(name: string): boolean {
    return this.file.tensors.has(name);
  }
}

function readShape(metadata: Metadata, file: GgufFile): Shape {
  const hidden = metadata.number('embedding_length');
  const heads = metadata.number('attention.head_count');
  const headDim = metadata.optionalNumber('attention.key_length') ?? hidden / heads;
  const valueDim = metadata.optionalNumber('attention.value_length') ?? headDim;
  const fault = (what: string): never => {
    throw new FormatError(`${quote(file.name)}: ${what}. Such a model is not supported.`);
  };
  if (valueDim !== headDim) fault(`heads are ${headDim} wide for keys and ${valueDim} for values`);
  if (!(Number.isInteger(headDim) && headDim > 0)) fault(`a hidden size of ${hidden} gives ${heads} heads no whole width`);
  if ((metadata.optionalNumber('expert_count') ?? 0) > 0) fault('it is a mixture of experts');
  const embedding = file.tensors.get('token_embd.weight')?.shape;
  if (embedding?.length !== 2) return fault('it has no table of embeddings (token_embd.weight)');
  const layers = metadata.number('block_count');
  const kvHeads = metadata.optionalNumber('attention.head_count_kv') ?? heads;
  return { hidden, layers, heads, kvHeads, headDim, vocabulary: embedding[0] as number };
}

/** transformers' tensor name -> GGUF's. Refuses tensors that the family does not have: the model would compute something else. */
function mapNames(file: GgufFile, family: Family, { layers }: Shape): Map<string, string> {
  const names = new Map<string, string>();
  const unknown: string[] = [];
  for (const stored of file.tensors.keys()) {
    if (stored === 'rope_freqs.weight' || stored.endsWith('.attn_rot_embd')) continue;
    const match = /^(?:blk\.(\d+)\.)?([a-z0-9_]+)\.(weight|bias)$/.exec(stored);
    const table = match?.[1] === undefined ? family.outer : family.layer;
    const part = match?.[2] !== undefined && Object.hasOwn(table, match[2]) ? table[match[2]] : undefined;
    const layer = match?.[1];
    if (part === undefined || (layer !== undefined && !(Number(layer) < layers))) unknown.push(stored);
    else names.set(`${layer === undefined ? '' : `${family.layerPrefix}.${Number(layer)}.`}${part}.${match?.[3]}`, stored);
  }
  if (unknown.length === 0) return names;
  throw new FormatError(
    `${quote(file.name)} has tensors that ${quote(family.modelType)} does not: ${unknown
      .slice(0, 5)
      .map((name) => quote(name))
      .join(', ')}` + `${unknown.length > 5 ? ` and ${unknown.length - 5} more` : ''}. It would not compute what it was made for.`,
  );
}

function decoderConfig(metadata: Metadata, shape: Shape): Record<string, unknown> {
  const rotated = metadata.optionalNumber('rope.dimension_count') ?? shape.headDim;
  if (rotated !== shape.headDim) {
    throw new FormatError(`The GGUF model rotates ${rotated} of ${shape.headDim} dimensions of a head; its family rotates all of them.`);
  }
  return {
    hidden_size: shape.hidden,
    intermediate_size: metadata.number('feed_forward_length'),
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocabulary,
    max_position_embeddings: metadata.number('context_length'),
    rms_norm_eps: metadata.epsilon('attention.layer_norm_rms_epsilon'),
    rope_theta: metadata.optionalNumber('rope.freq_base') ?? 10_000,
    hidden_act: 'silu',
  };
}

function gemmaConfig(metadata: Metadata, shape: Shape): Record<string, unknown> {
  const { hidden_act: _, ...config } = decoderConfig(metadata, shape);
  const softcap = metadata.optionalNumber('final_logit_softcapping') ?? 0;
  if (softcap !== 0) throw new FormatError(`The GGUF model caps its logits at ${softcap}, which is not supported.`);
  return {
    ...config,
    hidden_activation: 'gelu_pytorch_tanh',
    query_pre_attn_scalar: shape.layers === GEMMA_27B_LAYERS ? shape.hidden / shape.heads : shape.headDim,
    rope_theta: metadata.optionalNumber('rope.freq_base') ?? 1_000_000,
    rope_local_base_freq: metadata.optionalNumber('rope.freq_base_swa') ?? 10_000,
    sliding_window: metadata.number('attention.sliding_window'),
    layer_types: Array.from({ length: shape.layers }, (_each, i) =>
      (i + 1) % GLOBAL_EVERY === 0 ? 'full_attention' : 'sliding_attention',
    ),
    attention_bias: metadata.hasTensor('blk.0.attn_q.bias'),
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
  };
}

function specialIds({ scalars }: GgufFile): Record<string, unknown> {
  const id = (name: string): number | undefined => {
    const value = scalars.get(`tokenizer.ggml.${name}_token_id`);
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
  };
  const ends = [...new Set([id('eos'), id('eot')].filter((end) => end !== undefined))];
  return { bos_token_id: id('bos') ?? null, eos_token_id: ends.length > 1 ? ends : (ends[0] ?? null), pad_token_id: id('padding') };
}

function makeWeights(file: GgufFile, names: Map<string, string>, orderOf: (stored: string) => Order): WeightSource {
  const tensors = new Map<string, { shape: readonly number[]; dtype: string }>();
  for (const [name, stored] of names) {
    const tensor = file.tensors.get(stored);
    if (!tensor) continue;
    const { kind } = orderOf(stored);
    const shape = kind === 'transposed' ? [...tensor.shape].reverse() : tensor.shape;
    tensors.set(name, { shape, dtype: tensor.type });
  }
  const readTransposed = transposedReader(file);
  return {
    tensors,
    async read(name, first, count) {
      const stored = names.get(name);
      const elements = file.tensors.get(stored ?? '')?.elements;
      if (stored === undefined || elements === undefined) throw new FormatError(`${quote(file.name)} has no tensor for ${quote(name)}.`);
      checkRange(file, stored, first, count, elements);
      const order = orderOf(stored);
      switch (order.kind) {
        case 'plain':
          return file.read(stored, first, count);
        case 'transposed':
          return readTransposed(stored, first, count);
        case 'plusOne':
          return readPlusOne(file, stored, first, count);
        default:
          return readPermuted(file, stored, order, first, count);
      }
    },
  };
}

async function readPlusOne(file: GgufFile, stored: string, first: number, count: number) {
  const { dtype, bytes } = await file.read(stored, first, count);
  if (dtype !== 'F32')
    throw new FormatError(`${quote(file.name)}: the norm ${quote(stored)} is stored in ${dtype}; norms are F32 in GGUF.`);
  const values = new Float32Array(bytes.buffer);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) - 1;
  return { dtype, bytes };
}

/** Rows come in units (a head, or one of its q, k, v) that the file holds whole, each somewhere else or in another order within. */
async function readPermuted(
  file: GgufFile,
  stored: string,
  order: Extract<Order, { unit: number }>,
  first: number,
  count: number,
): Promise<Values> {
  const [rows = 0, width = 1] = file.tensors.get(stored)?.shape ?? [];
  const { unit } = order;
  const isPartMajor = order.kind === 'partMajor';
  if (rows % unit !== 0 || unit % 2 !== 0 || (isPartMajor && rows !== 3 * order.heads * unit)) {
    throw new FormatError(`${quote(file.name)}: ${quote(stored)} has ${rows} rows, which are no whole heads of ${unit}.`);
  }
  const unitElements = unit * width;
  const storedUnit = (u: number): number => (isPartMajor ? (u % 3) * order.heads + Math.floor(u / 3) : u);
  // neighbours stay neighbours unless they change places
  const unitsAtOnce = isPartMajor ? 1 : Math.max(1, Math.floor(READ_ELEMENTS / unitElements));
  const endUnit = Math.ceil((first + count) / unitElements);
  let values: Values = await file.read(stored, 0, 0);
  for (let u = Math.floor(first / unitElements); u < endUnit; u += unitsAtOnce) {
    const start = u * unitElements;
    const length = Math.min(unitsAtOnce, endUnit - u) * unitElements;
    const part = await file.read(stored, storedUnit(u) * unitElements, length);
    const sizeBytes = part.bytes.length / length;
    if (values.bytes.length === 0) values = { dtype: part.dtype, bytes: new Uint8Array(count * sizeBytes) };
    const ordered = isPartMajor ? part.bytes : halvesOf(part.bytes, unit, width * sizeBytes);
    const begin = Math.max(0, first - start);
    const end = Math.min(length, first + count - start);
    values.bytes.set(ordered.subarray(begin * sizeBytes, end * sizeBytes), (start + begin - first) * sizeBytes);
  }
  return values;
}

/** Rows 0, 1, 2, 3, ... of every unit become its first half (the even ones) and its second half. */
function halvesOf(bytes: Uint8Array, unit: number, rowBytes: number): Uint8Array {
  const ordered = new Uint8Array(bytes.length);
  for (let row = 0; row * rowBytes < bytes.length; row++) {
    const within = row % unit;
    const to = row - within + (within >> 1) + (within & 1) * (unit / 2);
    ordered.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
  }
  return ordered;
}

/** Slices of a matrix against the order of its rows touch all of them, so the stored bytes of the last such tensor are kept while it is read. */
function transposedReader(file: GgufFile): (stored: string, first: number, count: number) => Promise<Values> {
  let kept: { stored: string; values: Promise<StoredRows> } | null = null;
  return async (stored, first, count) => {
    if (kept?.stored !== stored) kept = { stored, values: file.readStored(stored) };
    const rows = await kept.values;
    const [outputs = 0, inputs = 0] = file.tensors.get(stored)?.shape ?? [];
    const { dtype } = rows;
    const firstColumn = Math.floor(first / outputs);
    const columns = count === 0 ? 0 : Math.ceil((first + count) / outputs) - firstColumn;
    const out = dtype === 'F32' ? new Float32Array(count) : new Uint16Array(count);
    for (let row = 0; row < outputs && columns > 0; row++) {
      const line = rows.slice(row * inputs + firstColumn, columns);
      for (let i = 0, at = row - (first - firstColumn * outputs); i < columns; i++, at += outputs) {
        if (at >= 0 && at < count) out[at] = line[i] as number;
      }
    }
    return { dtype, bytes: new Uint8Array(out.buffer) };
  };
}
