// Text from a model folder: prompts in, tokens with their log-probabilities and entropies out as they come, many requests side by side.
// Refuses what promptText.ts refuses, and prompts that do not fit the context.
import type { DroppedModel } from '../formats/dropped.ts';
import { isObject, parseJson, textOf } from '../formats/json.ts';
import type { PeftAdapter } from '../formats/peft.ts';
import { TextStream } from '../formats/textStream.ts';
import type { GpuContext } from '../gpu/context.ts';
import { bindableSlots } from '../model/decodeStep.ts';
import { type FinishReason, type Generated, type GenerationRequest, Generator } from '../model/generator.ts';
import { ModelError } from '../model/modelError.ts';
import { type Prompt, promptIds, type RenderChat } from './promptText.ts';
import { loadFolder } from './session.ts';

/** Sampling as in model/generator.ts; the ids of `endIds` stop it as well. */
export interface TextRequest
  extends Pick<GenerationRequest, 'maxTokens' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'seed' | 'stream'> {
  prompt: Prompt;
  /** Texts that end the answer and are not part of it. */
  stop?: readonly string[];
}

export interface GeneratedText extends Generated {
  reason: FinishReason;
}

export interface GenerateOptions {
  /** How weights are kept on the GPU. */
  storage?: 'f32' | 'f16';
  adapter?: PeftAdapter | null;
  /** Requests at a time; as many as are sensible by default. */
  slots?: number;
  /** Makes text of conversations; a caller that does not trust the template has it done where it can be ended. */
  renderChat?: RenderChat;
}

/** Requests at a time where nothing else is said. */
const SLOTS = { software: 16, gpu: 64 };

/** Ids that end what the model writes, its turn in a conversation too: those of config.json and of generation_config.json, as transformers' generate has them. */
export function endIds({ config, tokenizerFiles }: Pick<DroppedModel, 'config' | 'tokenizerFiles'>): number[] {
  const text = textOf(tokenizerFiles, 'generation_config.json');
  const generation = text === null ? null : parseJson(text, 'generation_config.json');
  const more = isObject(generation) ? [generation.eos_token_id].flat() : [];
  return [...new Set([...config.eosIds, ...more.filter((id) => typeof id === 'number')])];
}

/** Generates for all requests; `onText` hears new final text (where there is a tokenizer), `onDone` each result, both by the request's index. */
export async function generateTexts(
  gpu: GpuContext,
  folder: DroppedModel,
  requests: readonly TextRequest[],
  options: GenerateOptions = {},
  onText?: (index: number, text: string) => void,
  onDone?: (index: number, result: GeneratedText) => void,
): Promise<GeneratedText[]> {
  const { tokenizer, config } = folder;
  const context = config.architecture.maxPositions;
  const { storage = 'f32', adapter = null } = options;
  const stopIds = endIds(folder);
  const prepared: GenerationRequest[] = [];
  for (const { prompt, stop = [], ...sampling } of requests) {
    const ids = await promptIds(folder, prompt, options.renderChat);
    if (ids.length + sampling.maxTokens > context)
      throw new ModelError(
        `A prompt of ${ids.length} tokens and ${sampling.maxTokens} new ones exceed the context of ${context}. Shorten one of them.`,
      );
    if (stop.length > 0 && !tokenizer)
      throw new ModelError('This model folder has no tokenizer.json, so there is no text in which a stop string could be found.');
    const text = tokenizer ? { text: new TextStream(tokenizer, { stopStrings: stop, after: ids }) } : {};
    prepared.push({ ...sampling, ...text, promptIds: ids, stopIds });
  }
  const model = await loadFolder(gpu, folder, { storage, lora: adapter });
  let generator: Generator | null = null;
  try {
    if (adapter) await model.loadAdapter(adapter.layers);
    const capacity = Math.max(2, ...prepared.map((r) => r.promptIds.length + r.maxTokens));
    const wanted = options.slots ?? (gpu.software ? SLOTS.software : SLOTS.gpu);
    const slots = Math.max(1, Math.min(wanted, prepared.length, bindableSlots(model, capacity)));
    generator = await Generator.make(model, { slots, capacity });
    const results = prepared.map((): GeneratedText => ({ ids: [], logprobs: [], entropies: [], text: '', reason: 'aborted' }));
    const index = new Map(prepared.map((request, i) => [(generator as Generator).submit(request), i]));
    for await (const event of generator.run()) {
      const i = index.get(event.request) as number;
      const result = results[i] as GeneratedText;
      result.ids.push(...event.ids);
      result.logprobs.push(...event.logprobs);
      result.entropies.push(...event.entropies);
      result.text += event.text;
      if (event.text !== '') onText?.(i, event.text);
      if (event.reason === null) continue;
      result.reason = event.reason;
      onDone?.(i, result);
    }
    return results;
  } finally {
    generator?.destroy();
    model.destroy();
  }
}

export async function generateText(
  gpu: GpuContext,
  folder: DroppedModel,
  request: TextRequest,
  onText?: (text: string) => void,
): Promise<GeneratedText> {
  const [result] = await generateTexts(gpu, folder, [request], {}, (_, text) => onText?.(text));
  return result as GeneratedText;
}
