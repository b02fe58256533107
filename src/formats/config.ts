// config.json as a checked Architecture, for every family of families.ts, and back so that Python transformers 4 and 5 open it.
// Refuses families that are not among them, whatever a config asks for that is not done here, and absurd sizes: all named at once in one FormatError.
import type { Architecture } from './architecture.ts';
import { ConfigReader } from './configReader.ts';
import { FAMILIES, familyOf } from './families.ts';
import type { Family } from './families/family.ts';
import { FormatError, quote } from './formatError.ts';
import { isObject, parseJson } from './json.ts';

export interface ModelConfig {
  architecture: Architecture;
  bosId: number | null;
  eosIds: number[];
  /** The file as it was read, for writing back. */
  raw: Record<string, unknown>;
}

const MOST_HEAD_DIM = 256;
/** Switches that no family here has on. */
const UNSUPPORTED: [key: string, advice: string][] = [
  ['quantization_config', '; save the model in float32, float16 or bfloat16'],
  ['attn_logit_softcapping', '; only null is'],
  ['final_logit_softcapping', '; only null is'],
  ['num_experts', ': mixtures of experts are not'],
  ['num_local_experts', ': mixtures of experts are not'],
  ['n_routed_experts', ': mixtures of experts are not'],
  ['is_encoder_decoder', ''],
  ['add_cross_attention', ''],
  ['pruned_heads', ''],
  ['text_config', '; only models of text alone are'],
  ['vision_config', '; only models of text alone are'],
];

/** Throws FormatError naming every absurdity at once. */
export function parseConfig(text: string): ModelConfig {
  if (text.length > MAX_TEXT) throw new FormatError(`config.json has ${text.length} characters; up to ${MAX_TEXT} are read.`);
  const raw = parseJson(text, 'config.json');
  if (!isObject(raw)) throw new FormatError('config.json does not hold a JSON object.');
  const faults: string[] = [];
  const family = findFamily(raw, faults);
  const reader = new ConfigReader(raw, family.defaults, faults);
  const architecture: Architecture = { family: family.type, ...family.describe(reader) };
  for (const [key, advice] of UNSUPPORTED) reader.refuse(key, advice);
  const { heads, kvHeads, headDim, vocabulary } = architecture;
  const bosId = reader.tokenId('bos_token_id', vocabulary);
  const eosIds = reader.tokenIds('eos_token_id', vocabulary);
  // NaN stands for a value that is already among the faults; no comparison with it adds another.
  if (heads % kvHeads > 0) faults.push(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
  if (headDim % 4 > 0 || headDim > MOST_HEAD_DIM) {
    faults.push(`head_dim ${headDim} must be a multiple of 4 and at most ${MOST_HEAD_DIM}`);
  }
  if (faults.length > 0) {
    throw new FormatError(`config.json does not describe a model that can be run here: ${[...new Set(faults)].join('; ')}.`);
  }
  return { architecture, bosId, eosIds, raw };
}

/** config.json as it came, defaults spelled out, rope in the spellings of transformers 4 and 5, weights stated as `dtype`. */
export function writeConfig(config: ModelConfig, dtype: 'float32' | 'float16' | 'bfloat16' = 'float32'): string {
  const family = familyOf(config.architecture.family);
  const kept = Object.entries(config.raw).filter(([key]) => !NOT_WRITTEN.includes(key) && key !== '__proto__');
  const written = {
    ...family.defaults,
    ...Object.fromEntries(kept),
    architectures: [family.causalLm],
    model_type: family.type,
    ...family.writeRope(new ConfigReader(config.raw, family.defaults, [])),
    bos_token_id: config.bosId,
    eos_token_id: config.eosIds.length > 1 ? config.eosIds : (config.eosIds[0] ?? null),
    torch_dtype: dtype,
    dtype,
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

/** The family by model_type, or by its class where there is none. Throws for a family that is not supported. */
function findFamily(raw: Record<string, unknown>, faults: string[]): Family {
  const classes: unknown[] = Array.isArray(raw.architectures) ? raw.architectures : [];
  const type = raw.model_type ?? undefined;
  const family = FAMILIES.find((each) => (type === undefined ? classes[0] === each.causalLm : type === each.type));
  if (!family) {
    const hint = type === 'gemma3' ? ' (with images; its text model alone, model_type "gemma3_text", is)' : '';
    const supported = FAMILIES.map((each) => each.type).join(', ');
    throw new FormatError(
      `config.json: model family ${show(type ?? classes[0])} is not supported${hint}; supported are ${supported}. Drop a model of one of them.`,
    );
  }
  const other = classes.find((name) => name !== family.causalLm);
  if (other !== undefined) faults.push(`architecture ${show(other)} is not supported; for ${family.type} ${family.causalLm} is`);
  return family;
}

export interface LlamaConfig {
  /** C, F, L, H, K, D, V of the shape letters, in this order. */
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
  bosId: number | null;
  eosIds: number[];
  /** The file as it was read, for writing back. */
  raw: Record<string, unknown>;
}

const MAX_TEXT = 1_000_000;
const MAX_HEAD_DIM = 128;
/** Keys that name foreign code or a storage form that writing back does not keep. */
const NOT_WRITTEN = ['auto_map', '_name_or_path', 'quantization_config'];

/** Throws FormatError naming every absurdity at once. */
export function parseLlamaConfig(text: string): LlamaConfig {
  if (text.length > MAX_TEXT) throw new FormatError(`config.json has ${text.length} characters; up to ${MAX_TEXT} are read.`);
  const raw = parseJson(text, 'config.json');
  if (!isObject(raw)) throw new FormatError('config.json does not hold a JSON object.');
  const faults: string[] = [];
  checkFamily(raw, faults);
  const rope = readRope(raw, faults);
  const int = (key: string, limit: number, fallback?: number) => readInteger(raw, key, limit, fallback, faults);
  const hidden = int('hidden_size', 65_536);
  const heads = int('num_attention_heads', 1_024);
  const layers = int('num_hidden_layers', 1_024);
  const vocabulary = int('vocab_size', 4_194_304);
  const kvHeads = int('num_key_value_heads', 1_024, heads);
  const headDim = int('head_dim', 65_536, hidden / heads);
  const config: LlamaConfig = {
    hidden,
    intermediate: int('intermediate_size', 1_048_576),
    layers,
    heads,
    kvHeads,
    headDim,
    vocabulary,
    maxPositions: int('max_position_embeddings', 16_777_216, 2048),
    rmsNormEps: readReal(raw, 'rms_norm_eps', 1e-6, 1e-12, 1, faults),
    ropeTheta: readReal(rope, 'rope_theta', 10_000, 1, 1e12, faults),
    tieEmbeddings: readFlag(raw, 'tie_word_embeddings', faults),
    bosId: readId(raw.bos_token_id, 'bos_token_id', vocabulary, faults),
    eosIds: readIds(raw.eos_token_id, 'eos_token_id', vocabulary, faults),
    raw,
  };
  // NaN stands for a value that is already among the faults; no comparison with it adds another.
  if (heads % kvHeads > 0) faults.push(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
  if (headDim % 4 > 0 || headDim > MAX_HEAD_DIM) faults.push(`head_dim ${headDim} must be a multiple of 4 and at most ${MAX_HEAD_DIM}`);
  if (faults.length > 0) {
    throw new FormatError(`config.json does not describe a model that can be run here: ${faults.join('; ')}.`);
  }
  return config;
}

/** config.json for transformers 4 (rope_theta) and 5 (rope_parameters), weights stated as float32. */
export function writeLlamaConfig(config: LlamaConfig): string {
  const kept = Object.entries(config.raw).filter(([key]) => !NOT_WRITTEN.includes(key) && key !== '__proto__');
  const eos = config.eosIds.length > 1 ? config.eosIds : (config.eosIds[0] ?? null);
  const written = {
    ...Object.fromEntries(kept),
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: config.hidden,
    intermediate_size: config.intermediate,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    vocab_size: config.vocabulary,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    rope_scaling: null,
    rope_parameters: { rope_theta: config.ropeTheta, rope_type: 'default' },
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: config.tieEmbeddings,
    bos_token_id: config.bosId,
    eos_token_id: eos,
    torch_dtype: 'float32',
    dtype: 'float32',
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

function checkFamily(raw: Record<string, unknown>, faults: string[]): void {
  const type = raw.model_type;
  const architectures = Array.isArray(raw.architectures) ? raw.architectures : [];
  const named = type ?? architectures[0];
  const isLlama = type === undefined || type === null ? architectures.length > 0 : type === 'llama';
  if (!isLlama || !architectures.every((name) => name === 'LlamaForCausalLM')) {
    const shown = type === 'llama' ? architectures.find((name) => name !== 'LlamaForCausalLM') : named;
    faults.push(`model family ${show(shown)} is not supported; Llama (model_type "llama", LlamaForCausalLM) is`);
  }
  for (const key of ['attention_bias', 'mlp_bias']) {
    if (raw[key] !== undefined && raw[key] !== null && raw[key] !== false)
      faults.push(`${key} ${show(raw[key])} is not supported; only false is`);
  }
  const act = raw.hidden_act;
  if (act !== undefined && act !== 'silu') faults.push(`hidden_act ${show(act)} is not supported; only "silu" is`);
  if (raw.quantization_config !== undefined && raw.quantization_config !== null) {
    faults.push('quantization_config is not supported; save the model in float32, float16 or bfloat16');
  }
}

/** The object that holds rope_theta; scaled rope is refused in every spelling. */
function readRope(raw: Record<string, unknown>, faults: string[]): Record<string, unknown> {
  let holder = raw;
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const value = raw[key];
    if (value === undefined || value === null) continue;
    const type = isObject(value) ? (value.rope_type ?? value.type) : value;
    if (!isObject(value) || (type !== undefined && type !== 'default')) {
      faults.push(`${key} ${show(type)} is not supported; only null or rope_type "default" is`);
    } else if (value.rope_theta !== undefined) holder = value;
  }
  const both = holder !== raw && raw.rope_theta !== undefined && raw.rope_theta !== null && raw.rope_theta !== holder.rope_theta;
  if (both) faults.push(`rope_theta is ${show(raw.rope_theta)} in one place and ${show(holder.rope_theta)} in another`);
  return holder;
}

/** A positive integer. NaN when there is none: with its fault noted, or because the fallback follows from a value with one. */
function readInteger(raw: Record<string, unknown>, key: string, limit: number, fallback: number | undefined, faults: string[]): number {
  const value = raw[key] ?? fallback;
  if (Number.isNaN(value)) return Number.NaN;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limit) return value;
  if (value === undefined) faults.push(`${key} is missing`);
  else faults.push(`${key} ${show(value)} is not an integer from 1 to ${limit}`);
  return Number.NaN;
}

function readReal(raw: Record<string, unknown>, key: string, fallback: number, lo: number, hi: number, faults: string[]): number {
  const value = raw[key] ?? fallback;
  if (typeof value === 'number' && value >= lo && value <= hi) return value;
  faults.push(`${key} ${show(value)} is not a number from ${lo} to ${hi}`);
  return fallback;
}

function readFlag(raw: Record<string, unknown>, key: string, faults: string[]): boolean {
  const value = raw[key] ?? false;
  if (typeof value === 'boolean') return value;
  faults.push(`${key} ${show(value)} is not true or false`);
  return false;
}

function readId(value: unknown, key: string, vocabulary: number, faults: string[]): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && !(value >= vocabulary)) return value;
  faults.push(`${key} ${show(value)} is not a token id below vocab_size`);
  return null;
}

function readIds(value: unknown, key: string, vocabulary: number, faults: string[]): number[] {
  const values = Array.isArray(value) ? value.slice(0, 64) : [value];
  return values.map((each) => readId(each, key, vocabulary, faults)).filter((id) => id !== null);
}

function show(value: unknown): string {
  if (typeof value === 'string') return quote(value, 40);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
