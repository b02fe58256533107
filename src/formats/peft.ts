// LoRA adapters in the format of the PEFT library: adapter_config.json and adapter_model.safetensors, written as PEFT writes them and read back checked.
// Refuses (FormatError) what plain low-rank adapters of linear layers are not: DoRA, biases, saved modules, ranks by layer, starts that change the base.
import type { Architecture, TensorPart } from './architecture.ts';
import { ConfigReader, show } from './configReader.ts';
import { blocksOf } from './families.ts';
import { FormatError, quote } from './formatError.ts';
import { isObject, parseJson } from './json.ts';
import { collect } from './outputFile.ts';
import type { SafetensorsFile } from './safetensors.ts';
import { safetensorsFiles, type TensorToWrite } from './safetensorsWriter.ts';

/** W (out, in) += alpha / rank B A, rows of B in the order of the block's rows. */
export interface LoraPair {
  /** (rank, in) */
  a: Float32Array;
  /** (out, rank) */
  b: Float32Array;
}

export interface PeftAdapter {
  rank: number;
  /** Products are scaled by alpha / rank. */
  alpha: number;
  /** Of a layer's input while training. */
  dropout: number;
  /** Names of modules: q_proj, c_attn, ... */
  targets: string[];
  /** By the name of the weight, e.g. model.layers.0.self_attn.q_proj.weight. Layers without one are as they were. */
  layers: Map<string, LoraPair>;
}

const PREFIX = 'base_model.model.';
const MAX_RANK = 1_024;
const MAX_CONFIG_BYTES = 1_000_000;
/** Keys that make an adapter something else when they are on. */
const REFUSED = [
  'use_dora',
  'use_qalora',
  'use_bdlora',
  'lora_bias',
  'modules_to_save',
  'rank_pattern',
  'alpha_pattern',
  'layer_replication',
  'trainable_token_indices',
  'target_parameters',
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
  'velora_config',
];
/** Ways to begin that leave the base model's weights alone. */
const STARTS: unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva'];

interface Linear {
  part: TensorPart;
  out: number;
  in: number;
}

/** The linear layers of a model by the name of their weight. */
function linearsOf(architecture: Architecture): Map<string, Linear> {
  const linears = new Map<string, Linear>();
  for (const { parts } of blocksOf(architecture)) {
    for (const part of parts) {
      if (part.module === null) continue;
      const [first = 0, second = 0] = part.shape;
      const isTransposed = part.layout === 'transposed';
      linears.set(part.name, { part, out: isTransposed ? second : first, in: isTransposed ? first : second });
    }
  }
  return linears;
}

/** The two files as PEFT writes them. Throws FormatError for a layer that the model has not or values of another size. */
export async function writePeft(architecture: Architecture, adapter: PeftAdapter): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const { rank, alpha, dropout, layers } = adapter;
  const linears = linearsOf(architecture);
  const tensors: TensorToWrite[] = [];
  const modules = new Set<string>();
  for (const [name, { a, b }] of layers) {
    const linear = linears.get(name);
    if (!linear) throw new FormatError(`The model has no linear layer ${quote(name)}.`);
    modules.add(linear.part.module ?? '');
    const path = `${PREFIX}${name.slice(0, -'.weight'.length)}`;
    tensors.push({ name: `${path}.lora_A.weight`, shape: [rank, linear.in], read: async () => a });
    tensors.push({
      name: `${path}.lora_B.weight`,
      shape: [linear.out, rank],
      read: async () => (linear.part.layout === 'headMajorQkv' ? reorderHeads(b, architecture, 'to file') : b),
    });
  }
  const config = {
    ...WRITTEN,
    fan_in_fan_out: [...linears.values()].some(({ part }) => part.layout === 'transposed'),
    lora_alpha: alpha,
    lora_dropout: dropout,
    r: rank,
    target_modules: [...modules],
  };
  const files = new Map([['adapter_config.json', new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)]]);
  for (const file of safetensorsFiles(tensors, { name: 'adapter_model', maxShardBytes: Number.POSITIVE_INFINITY })) {
    files.set(file.name, await collect(file));
  }
  return files;
}

/** The keys of adapter_config.json that PEFT has known for long; it fills in the others. */
const WRITTEN = {
  alpha_pattern: {},
  auto_mapping: null,
  base_model_name_or_path: null,
  bias: 'none',
  inference_mode: true,
  init_lora_weights: true,
  layers_pattern: null,
  layers_to_transform: null,
  modules_to_save: null,
  peft_type: 'LORA',
  rank_pattern: {},
  revision: null,
  task_type: 'CAUSAL_LM',
  use_dora: false,
  use_rslora: false,
};

/** @param config text of adapter_config.json; @param weights adapter_model.safetensors. Throws FormatError naming every fault at once. */
export async function readPeft(architecture: Architecture, config: string, weights: SafetensorsFile): Promise<PeftAdapter> {
  const faults: string[] = [];
  const { rank, alpha, dropout } = readSettings(config, faults);
  const linears = linearsOf(architecture);
  const found = new Map<string, { a?: string; b?: string }>();
  for (const [tensor, { shape }] of weights.tensors) {
    const match = /^base_model\.model\.(.*)\.lora_([AB])\.weight$/.exec(tensor);
    const name = `${match?.[1]}.weight`;
    const linear = linears.get(name);
    if (!match || !linear) {
      faults.push(`tensor ${quote(tensor)} belongs to no linear layer of this model`);
      continue;
    }
    const wanted = match[2] === 'A' ? [rank, linear.in] : [linear.out, rank];
    if (!Number.isNaN(rank) && wanted.join() !== shape.join()) faults.push(`tensor ${quote(tensor)} is [${shape}] instead of [${wanted}]`);
    const pair = found.get(name) ?? {};
    found.set(name, match[2] === 'A' ? { ...pair, a: tensor } : { ...pair, b: tensor });
  }
  for (const [name, { a, b }] of found) if (!a || !b) faults.push(`${quote(name)} has lora_${a ? 'A' : 'B'} alone`);
  if (found.size === 0) faults.push('the weights hold no lora_A and lora_B');
  if (faults.length > 0) {
    const more = faults.length > 12 ? `; and ${faults.length - 12} more` : '';
    throw new FormatError(`The adapter cannot be used with this model: ${faults.slice(0, 12).join('; ')}${more}.`);
  }
  const layers = new Map<string, LoraPair>();
  for (const [name, { a = '', b = '' }] of found) {
    const values = await weights.readFloat32(b);
    const isHeadMajor = linears.get(name)?.part.layout === 'headMajorQkv';
    layers.set(name, {
      a: await weights.readFloat32(a),
      b: isHeadMajor ? reorderHeads(values, architecture, 'to block') : values,
    });
  }
  const targets = [...new Set([...layers.keys()].map((name) => linears.get(name)?.part.module ?? ''))];
  return { rank, alpha, dropout, targets, layers };
}

function readSettings(text: string, faults: string[]): { rank: number; alpha: number; dropout: number } {
  if (text.length > MAX_CONFIG_BYTES)
    throw new FormatError(`adapter_config.json has ${text.length} characters; up to ${MAX_CONFIG_BYTES} are read.`);
  const raw = parseJson(text, 'adapter_config.json');
  if (!isObject(raw)) throw new FormatError('adapter_config.json does not hold a JSON object.');
  const config = new ConfigReader(raw, { r: 8, lora_alpha: 8, lora_dropout: 0, bias: 'none' }, faults);
  if (raw.peft_type !== 'LORA') config.fault(`peft_type ${show(raw.peft_type)} is not supported; only "LORA" is`);
  if (config.has('task_type') && raw.task_type !== 'CAUSAL_LM')
    config.fault(`task_type ${show(raw.task_type)} is not supported; only "CAUSAL_LM" is`);
  config.choice('bias', { none: true });
  for (const key of REFUSED) config.refuse(key);
  if (!STARTS.includes(raw.init_lora_weights)) {
    config.fault(
      `init_lora_weights ${show(raw.init_lora_weights)} changes the base model and is not supported; merge the adapter (merge_and_unload)`,
    );
  }
  const rank = config.integer('r', MAX_RANK);
  const alpha = config.real('lora_alpha', 0, 1e6);
  // Rank-stabilised LoRA divides by the root of the rank (arXiv 2312.03732).
  return { rank, alpha: config.flag('use_rslora') ? alpha * Math.sqrt(rank) : alpha, dropout: config.real('lora_dropout', 0, 0.999) };
}

/** Rows by (head, q | k | v, D) as the file has them, and all q, all k, all v as the block has them. */
function reorderHeads(rows: Float32Array, { heads }: Architecture, direction: 'to file' | 'to block'): Float32Array {
  const result = new Float32Array(rows.length);
  const size = rows.length / (3 * heads);
  for (let h = 0; h < heads; h++) {
    for (let part = 0; part < 3; part++) {
      const inFile = (3 * h + part) * size;
      const inBlock = (part * heads + h) * size;
      const [source, place] = direction === 'to file' ? [inBlock, inFile] : [inFile, inBlock];
      result.set(rows.subarray(source, source + size), place);
    }
  }
  return result;
}
