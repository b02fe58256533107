// Rotary embeddings as config.json asks for them, in the spelling of transformers 4 (rope_theta, rope_scaling) and 5 (rope_parameters): plain, linear,
// llama3 and YaRN (arXiv 2309.00071), resolved to inverse frequencies in float64, and written back in both spellings.
// Refuses, as faults of the reader: other scalings (dynamic, longrope, ...), bases that contradict each other, absurd factors.
import type { Rope } from './architecture.ts';
import { ConfigReader, type Settings, show } from './configReader.ts';
import { isObject } from './json.ts';

const KINDS = { default: plain, linear, llama3, yarn };
const NONE: Rope = { inverseFrequencies: [], attentionFactor: 1 };
const MAX_FACTOR = 1e6;

/** What a scaling needs to know of its model. */
interface Dimensions {
  /** Rotated dimensions of a head as config.json says; odd ones are rounded up to pairs. */
  dim: number;
  maxPositions: number;
}

/** The one object with the settings of rope: rope_scaling where it is given, else rope_parameters. Empty where neither is. */
export function ropeSettings(config: ConfigReader): Settings {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const value = config.object(key);
    if (value !== null && Object.keys(value).length > 0) return value;
  }
  return {};
}

/** The base, from the settings or from its own key in config.json. */
export function ropeTheta(config: ConfigReader, settings: Settings, key = 'rope_theta'): number {
  const parameters = isObject(config.raw.rope_parameters) ? config.raw.rope_parameters : {};
  const given = [settings.rope_theta, config.raw[key], parameters.rope_theta].filter((each) => each !== undefined && each !== null);
  const [first, ...others] = given;
  const other = others.find((each) => each !== first);
  if (other !== undefined) config.fault(`${key} is ${show(first)} in one place and ${show(other)} in another`);
  return new ConfigReader({ [key]: first }, { [key]: config.value(key) ?? 10_000 }, config.faults).real(key, 1.5, 1e12);
}

/** Inverse frequencies and attention factor of one kind of layer. */
export function readRope(config: ConfigReader, settings: Settings, theta: number, { dim, maxPositions }: Dimensions): Rope {
  const type = settings.rope_type ?? settings.type ?? 'default';
  const scale = Object.entries(KINDS).find(([name]) => name === type)?.[1];
  if (!scale) {
    config.fault(`rope scaling ${show(type)} is not supported; "default", "linear", "llama3" and "yarn" are`);
    return NONE;
  }
  if (Object.values(settings).some(isObject)) config.fault('rope settings by layer type are not supported for this family');
  const defaults = { original_max_position_embeddings: maxPositions };
  const reader = new ConfigReader(settings, defaults, config.faults, 'rope settings: ');
  const original = config.raw.original_max_position_embeddings ?? settings.original_max_position_embeddings;
  if (type !== 'default' && original !== undefined && original !== reader.value('original_max_position_embeddings'))
    config.fault(`original_max_position_embeddings is ${show(original)} in one place and another value among the rope settings`);
  const frequencies = Array.from({ length: Math.ceil(dim / 2) || 0 }, (_, i) => theta ** ((-2 * i) / dim));
  return scale(frequencies, reader, { theta, dim, maxPositions });
}

/** Keys of config.json for transformers 4 (rope_theta, rope_scaling) and 5 (rope_parameters). */
export function writeRope(settings: Settings, theta: number, thetaKey = 'rope_theta'): Record<string, unknown> {
  const { rope_theta: _, type, rope_type = type ?? 'default', ...rest } = settings;
  return {
    [thetaKey]: theta,
    rope_scaling: rope_type === 'default' ? null : { rope_type, ...rest },
    rope_parameters: { rope_theta: theta, rope_type, ...rest },
  };
}

interface Base extends Dimensions {
  theta: number;
}

function plain(frequencies: number[]): Rope {
  return { inverseFrequencies: frequencies, attentionFactor: 1 };
}

function linear(frequencies: number[], settings: ConfigReader): Rope {
  const factor = settings.real('factor', 1e-3, MAX_FACTOR);
  return { inverseFrequencies: frequencies.map((f) => f / factor), attentionFactor: 1 };
}

/** Long waves are stretched, short ones kept, those between interpolated (Llama 3.1). */
function llama3(frequencies: number[], settings: ConfigReader): Rope {
  const factor = settings.real('factor', 1e-3, MAX_FACTOR);
  const low = settings.real('low_freq_factor', 1e-3, MAX_FACTOR);
  const high = settings.real('high_freq_factor', 1e-3, MAX_FACTOR);
  const original = settings.integer('original_max_position_embeddings', 16_777_216);
  if (high <= low) settings.fault(`rope settings: high_freq_factor ${high} must be above low_freq_factor ${low}`);
  const scaled = frequencies.map((f) => {
    const wavelength = (2 * Math.PI) / f;
    if (wavelength < original / high) return f;
    if (wavelength > original / low) return f / factor;
    const smooth = (original / wavelength - low) / (high - low);
    return ((1 - smooth) * f) / factor + smooth * f;
  });
  return { inverseFrequencies: scaled, attentionFactor: 1 };
}

/** NTK by parts, with the attention factor of the paper unless one is given. */
function yarn(frequencies: number[], settings: ConfigReader, { theta, dim, maxPositions }: Base): Rope {
  const original = settings.integer('original_max_position_embeddings', 16_777_216);
  const factor = settings.has('factor') ? settings.real('factor', 1e-3, MAX_FACTOR) : maxPositions / original;
  const optional = (key: string): number => (settings.has(key) ? settings.real(key, 0, MAX_FACTOR) : 0);
  const mscale = optional('mscale');
  const mscaleAllDim = optional('mscale_all_dim');
  const temperature = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const suggested = mscale && mscaleAllDim ? temperature(mscale) / temperature(mscaleAllDim) : temperature(1);
  const truncate = settings.has('truncate') ? settings.flag('truncate') : true;
  // The dimension that makes so many rotations within the original context.
  const correction = (rotations: number): number => (dim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const fast = correction(optional('beta_fast') || 32);
  const slow = correction(optional('beta_slow') || 1);
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, dim - 1);
  const width = high === low ? 0.001 : high - low;
  const scaled = frequencies.map((f, i) => {
    const ramp = Math.min(Math.max((i - low) / width, 0), 1);
    return (f / factor) * ramp + f * (1 - ramp);
  });
  return { inverseFrequencies: scaled, attentionFactor: settings.has('attention_factor') ? optional('attention_factor') : suggested };
}
