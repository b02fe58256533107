// How rotary positions are scaled, from GGUF metadata, as the rope_scaling of a config.json. Llama 3's scaling has no metadata: llama.cpp writes its
// factors, one per frequency, as the tensor rope_freqs; the four numbers behind them are found again here.
// Refuses (FormatError) scalings of other kinds and factors that Llama 3's rule does not give.
import { FormatError, quote } from './formatError.ts';
import type { GgufFile } from './gguf.ts';

/** All released models with this scaling share these three numbers; what differs is the factor. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
const TOLERANCE = 1e-4;

/** The object that config.json holds as rope_scaling; null when positions are not scaled. */
export async function readRopeScaling(file: GgufFile, architecture: string, headDim: number): Promise<Record<string, unknown> | null> {
  const fault = (what: string): never => {
    throw new FormatError(`${quote(file.name)}: ${what}. Drop the Hugging Face folder of the model instead.`);
  };
  const number = (key: string): number | undefined => {
    const value = file.scalars.get(`${architecture}.rope.${key}`);
    if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value;
    return fault(`${architecture}.rope.${key} is ${quote(String(value), 40)}, which is no number`);
  };
  for (const name of ['rope_factors_long.weight', 'rope_factors_short.weight']) {
    if (file.tensors.has(name)) fault(`rotary positions are scaled by ${quote(name)} (longrope), which is not supported`);
  }
  const base = number('freq_base') ?? 10_000;
  if (file.tensors.has('rope_freqs.weight')) return llama3Scaling(file, base, headDim, fault);
  const type = file.scalars.get(`${architecture}.rope.scaling.type`) ?? 'none';
  const factor = number('scaling.factor') ?? number('scale_linear') ?? 1;
  if (type === 'linear' || (type === 'none' && number('scale_linear') !== undefined))
    return factor === 1 ? null : { rope_type: 'linear', factor };
  if (type === 'none') return null;
  if (type !== 'yarn') return fault(`rotary positions are scaled by ${quote(String(type), 40)}; linear, yarn and llama3 are supported`);
  const attention = number('scaling.attn_factor') ?? number('scaling.yarn_attn_factor') ?? 1;
  const logMultiplier = number('scaling.yarn_log_multiplier') ?? 0;
  if (attention !== 1 || logMultiplier !== 0) fault('yarn comes with an attention factor of its own, which is not supported');
  return {
    rope_type: 'yarn',
    factor,
    original_max_position_embeddings: number('scaling.original_context_length') ?? fault('yarn lacks its original context length'),
    beta_fast: number('scaling.yarn_beta_fast') ?? 32,
    beta_slow: number('scaling.yarn_beta_slow') ?? 1,
  };
}

async function llama3Scaling(
  file: GgufFile,
  base: number,
  headDim: number,
  fault: (what: string) => never,
): Promise<Record<string, unknown> | null> {
  const tensor = file.tensors.get('rope_freqs.weight');
  if (tensor?.type !== 'F32' || tensor.elements !== headDim / 2) {
    return fault(`rope_freqs must hold ${headDim / 2} values in F32, one per frequency of a head`);
  }
  const factors = new Float32Array((await file.read('rope_freqs.weight', 0, tensor.elements)).bytes.buffer);
  const factor = factors.reduce((most, each) => Math.max(most, each), 1);
  const expected = llama3Factors(base, headDim, factor);
  if (!factors.every((each, i) => Math.abs(each - (expected[i] as number)) <= TOLERANCE * (expected[i] as number))) {
    return fault('rope_freqs holds factors that the rule of Llama 3 (low 1, high 4, 8192 positions) does not give');
  }
  return factor === 1 ? null : { rope_type: 'llama3', factor, ...LLAMA3 };
}

/** What each frequency is divided by: 1 for short waves, `factor` for long ones, in between a blend of the inverses. */
export function llama3Factors(base: number, headDim: number, factor: number): number[] {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = LLAMA3;
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const waves = original / (2 * Math.PI * base ** ((2 * i) / headDim));
    const share = Math.min(1, Math.max(0, (waves - low) / (high - low)));
    return 1 / ((1 - share) / factor + share);
  });
}
