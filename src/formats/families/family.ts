// What describes a family of models: its defaults, how its config.json becomes an Architecture, and how its files name the tensors.
// Here also what most families share: the gated decoder with RMS norms and rotary positions, read with the switches of Llama.
import type { Activation, Architecture, LayerKind, PartLayout } from '../architecture.ts';
import type { ConfigReader, Settings } from '../configReader.ts';
import { readRope, ropeSettings, ropeTheta, writeRope } from '../rope.ts';

export type Description = Omit<Architecture, 'family'>;

export interface TensorNames {
  /** Prefix of the base model's tensors; files of the base model alone leave it out. */
  base: string;
  /** Of a layer, after base: `${layers}.${l}.` */
  layers: string;
  embed: string;
  positions?: string;
  norm: string;
  /** Without the prefix, first the name that is written. */
  head: string[];
  norm1: string;
  postNorm1?: string;
  norm2: string;
  postNorm2?: string;
  qNorm?: string;
  kNorm?: string;
  qkv: string[];
  o: string;
  up: string[];
  down: string;
  /** Of the matrices of layers. */
  matrices: PartLayout;
  /** Of a fused qkv matrix and its bias. */
  fusedQkv?: PartLayout;
}

export interface Family {
  /** model_type of config.json. */
  type: string;
  /** Its class with a language-modelling head. */
  causalLm: string;
  /** What a missing key of config.json means. */
  defaults: Settings;
  /** Notes faults in the reader instead of throwing. */
  describe(config: ConfigReader): Description;
  /** The rope keys of config.json in the spellings of transformers 4 and 5. */
  writeRope(config: ConfigReader): Record<string, unknown>;
  names: TensorNames;
}

/** Names of activations in config.json. gelu_new, gelu_fast and gelu_pytorch_tanh are the same function. */
export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
};

export const MAX_LAYERS = 1_024;
export const MAX_HEADS = 1_024;
export const MAX_HIDDEN = 65_536;
export const MAX_INTERMEDIATE = 1_048_576;
export const MAX_VOCABULARY = 4_194_304;
export const MAX_POSITIONS = 16_777_216;

export const LLAMA_NAMES: TensorNames = {
  base: 'model.',
  layers: 'layers',
  embed: 'embed_tokens',
  norm: 'norm',
  head: ['lm_head'],
  norm1: 'input_layernorm',
  norm2: 'post_attention_layernorm',
  qNorm: 'self_attn.q_norm',
  kNorm: 'self_attn.k_norm',
  qkv: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  o: 'self_attn.o_proj',
  up: ['mlp.gate_proj', 'mlp.up_proj'],
  down: 'mlp.down_proj',
  matrices: 'plain',
};

/** Llama without biases: RMS norms, grouped heads, rotary positions on every layer, gated MLP. */
export function describeDecoder(config: ConfigReader, activationKey = 'hidden_act'): Description {
  const hidden = config.integer('hidden_size', MAX_HIDDEN);
  const heads = config.integer('num_attention_heads', MAX_HEADS);
  const layers = config.integer('num_hidden_layers', MAX_LAYERS);
  const headDim = config.has('head_dim') ? config.integer('head_dim', MAX_HIDDEN) : hidden / heads;
  const maxPositions = config.integer('max_position_embeddings', MAX_POSITIONS);
  refusePartial(config, config.raw);
  return {
    hidden,
    intermediate: config.integer('intermediate_size', MAX_INTERMEDIATE),
    layers,
    heads,
    kvHeads: config.has('num_key_value_heads') ? config.integer('num_key_value_heads', MAX_HEADS) : heads,
    headDim,
    vocabulary: config.integer('vocab_size', MAX_VOCABULARY),
    maxPositions,
    norm: { kind: 'rms', eps: config.real('rms_norm_eps', 1e-12, 1), unitOffset: false },
    ropes: [],
    rotaryDim: headDim,
    layerKinds: layerKinds(layers),
    learnedPositions: false,
    bias: { qkv: false, o: false, mlp: false },
    qkNorm: false,
    attentionScale: headDim ** -0.5,
    mlp: { gated: true, activation: config.choice(activationKey, ACTIVATIONS) },
    parallelResidual: false,
    postNorms: false,
    embedScale: 1,
    tieEmbeddings: config.flag('tie_word_embeddings'),
  };
}

/** The decoder with one rope for all layers. */
export function describeRotaryDecoder(config: ConfigReader): Description {
  const decoder = describeDecoder(config);
  const settings = ropeSettings(config);
  const { headDim: dim, maxPositions } = decoder;
  refusePartial(config, settings);
  return { ...decoder, ropes: [readRope(config, settings, ropeTheta(config, settings), { dim, maxPositions })] };
}

export function writeOneRope(config: ConfigReader): Record<string, unknown> {
  const settings = ropeSettings(config);
  return writeRope(settings, ropeTheta(config, settings));
}

export function refusePartial(config: ConfigReader, settings: Settings): void {
  const factor = settings.partial_rotary_factor;
  if (factor !== undefined && factor !== null && factor !== 1) config.fault('partial_rotary_factor other than 1 is not supported here');
}

/** One kind per layer. */
export function layerKinds(layers: number, window: (l: number) => number = () => 0, rope: (l: number) => number = () => 0): LayerKind[] {
  return Array.from({ length: layers || 0 }, (_, l) => ({ rope: rope(l), window: window(l) }));
}

/** Windows by layer_types, or by `slides` where config.json has none. */
export function readWindows(config: ConfigReader, layers: number, isUsed: boolean, slides: (l: number) => boolean): number[] {
  const window = isUsed && config.has('sliding_window') ? config.integer('sliding_window', MAX_POSITIONS) : 0;
  const types = config.list('layer_types', layers);
  const bad = types?.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (bad !== undefined)
    config.fault(`layer_types: ${JSON.stringify(bad)?.slice(0, 40)} is not supported; full_attention and sliding_attention are`);
  if (window === 0 && types?.includes('sliding_attention')) {
    config.fault('layer_types asks for sliding_attention, but config.json switches the sliding window off');
  }
  return Array.from({ length: layers || 0 }, (_, l) => ((types ? types[l] === 'sliding_attention' : slides(l)) ? window : 0));
}
