// A trained model as a Hugging Face folder, file name -> bytes, as Python transformers opens it.
// Refuses nothing of its own: the parts were checked where they were made.
import { type LlamaConfig, writeLlamaConfig } from './config.ts';
import { type NamedTensor, writeSafetensors } from './safetensors.ts';

export interface HfFolderParts {
  config: LlamaConfig;
  tensors: NamedTensor[];
  /** Kept as they were dropped: tokenizer.json, tokenizer_config.json, generation_config.json and so on. */
  tokenizerFiles: ReadonlyMap<string, Uint8Array>;
}

export function writeHfFolder({ config, tensors, tokenizerFiles }: HfFolderParts): Map<string, Uint8Array> {
  const folder = new Map<string, Uint8Array>(tokenizerFiles);
  const encoder = new TextEncoder();
  if (!folder.has('generation_config.json')) {
    const eos = config.eosIds.length > 1 ? config.eosIds : config.eosIds[0];
    const generation = { _from_model_config: true, bos_token_id: config.bosId ?? undefined, eos_token_id: eos };
    folder.set('generation_config.json', encoder.encode(`${JSON.stringify(generation, null, 2)}\n`));
  }
  folder.set('config.json', encoder.encode(writeLlamaConfig(config)));
  folder.set('model.safetensors', writeSafetensors(tensors));
  return folder;
}
