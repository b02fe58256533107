// config.json as a checked Architecture, for every family of families.ts, and back so that Python transformers 4 and 5 open it.
// Refuses families that are not among them, whatever a config asks for that is not done here, and absurd sizes: all named at once in one FormatError.
import type { Architecture } from './architecture.ts';
import { ConfigReader, show } from './configReader.ts';
import { FAMILIES, familyOf } from './families.ts';
import type { Family } from './families/family.ts';
import { FormatError } from './formatError.ts';
import { isObject, parseJson } from './json.ts';

export interface ModelConfig {
  architecture: Architecture;
  bosId: number | null;
  eosIds: number[];
  /** The file as it was read, for writing back. */
  raw: Record<string, unknown>;
}

const MAX_TEXT = 1_000_000;
const MOST_HEAD_DIM = 256;
/** Keys that name foreign code or a storage form that writing back does not keep. */
const NOT_WRITTEN = ['auto_map', '_name_or_path', 'quantization_config'];
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
  const written: Record<string, unknown> = {
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
  // transformers opens no model whose padding id has no embedding, and small models have not that of their family
  if (Number(written.pad_token_id ?? 0) >= config.architecture.vocabulary) written.pad_token_id = null;
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
