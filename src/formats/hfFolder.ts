// A trained model as a Hugging Face folder, as Python transformers opens it: config, weights, tokenizer and generation settings as they came.
// Refuses nothing of its own: the parts were checked where they were made.
import { type ModelConfig, writeConfig } from './config.ts';
import { fixedFile, type OutputFile } from './outputFile.ts';
import type { FloatDtype } from './safetensorsHeader.ts';
import { safetensorsFiles, type TensorToWrite } from './safetensorsWriter.ts';

export interface ModelFolderParts {
  config: ModelConfig;
  tensors: Iterable<TensorToWrite>;
  /** Kept as they were dropped: tokenizer.json, tokenizer_config.json, generation_config.json and so on. */
  tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  dtype?: FloatDtype;
  /** 2e9 where it is not given. */
  maxShardBytes?: number;
}

const DTYPE_NAMES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

/** The files of the folder; weights are read while they are written. */
export function modelFolder({ config, tensors, tokenizerFiles, dtype = 'F32', maxShardBytes }: ModelFolderParts): OutputFile[] {
  const files = [...tokenizerFiles].map(([name, bytes]) => fixedFile(name, bytes));
  if (!tokenizerFiles.has('generation_config.json')) {
    const eos = config.eosIds.length > 1 ? config.eosIds : config.eosIds[0];
    const generation = { _from_model_config: true, bos_token_id: config.bosId ?? undefined, eos_token_id: eos };
    files.push(fixedFile('generation_config.json', `${JSON.stringify(generation, null, 2)}\n`));
  }
  files.push(fixedFile('config.json', writeConfig(config, DTYPE_NAMES[dtype])));
  return [...files, ...safetensorsFiles(tensors, { dtype, ...(maxShardBytes === undefined ? {} : { maxShardBytes }) })];
}
