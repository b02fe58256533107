// Text from a model folder: prompt in, tokens and their log-probabilities out, as they come.
// Refuses: prompts as text without a tokenizer, prompts that do not fit the context.
import type { DroppedModel } from '../formats/dropped.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Generator } from '../model/decode.ts';
import { ModelError } from '../model/modelError.ts';
import { loadFolder } from './session.ts';

export interface TextRequest {
  prompt: { text: string } | { ids: readonly number[] };
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  seed: number;
}

export interface GeneratedText {
  ids: number[];
  /** Empty when there is no tokenizer. */
  text: string;
  /** log p(ids[i] | prompt, ids[<i]) under the model, temperature 1, before any filter. */
  logprobs: number[];
}

export async function generateText(
  gpu: GpuContext,
  folder: DroppedModel,
  request: TextRequest,
  onText?: (text: string) => void,
): Promise<GeneratedText> {
  const { tokenizer, config } = folder;
  let ids: readonly number[];
  if ('ids' in request.prompt) ids = request.prompt.ids;
  else if (tokenizer) ids = tokenizer.encode(request.prompt.text, { addBos: true });
  else throw new ModelError('This model folder has no tokenizer.json, so a prompt can be given as token ids only.');
  const need = ids.length + request.maxTokens;
  if (need > config.architecture.maxPositions)
    throw new ModelError(
      `A prompt of ${ids.length} tokens and ${request.maxTokens} new ones exceed the context of ${config.architecture.maxPositions}. Shorten one of them.`,
    );
  const model = await loadFolder(gpu, folder);
  let generator: Generator | null = null;
  try {
    const filter = request.temperature > 0 && (request.topK > 0 || request.topP < 1);
    generator = await Generator.make(model, 1, need, filter);
    const shown: number[] = [];
    const said = { length: 0 };
    const options = {
      maxTokens: request.maxTokens,
      temperature: request.temperature,
      topK: request.topK,
      topP: request.topP,
      seed: request.seed,
      stopIds: config.eosIds,
    };
    const [result] = await generator.generate([ids], options, (more) => {
      shown.push(...more);
      if (onText && tokenizer) {
        // a multi-byte character may be cut between tokens: what is not whole yet waits for the next ones
        const text = tokenizer.decode(shown).replace(/\uFFFD+$/, '');
        if (text.length > said.length) onText(text.slice(said.length));
        said.length = Math.max(said.length, text.length);
      }
      return true;
    });
    if (!result) throw new ModelError('Nothing was generated.');
    return { ...result, text: tokenizer ? tokenizer.decode(result.ids) : '' };
  } finally {
    generator?.destroy();
    model.destroy();
  }
}
