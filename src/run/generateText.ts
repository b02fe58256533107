// Text from a model folder: prompts in, tokens with their log-probabilities and entropies out as they come, many requests side by side.
// Refuses: prompts as text without a tokenizer, conversations without a chat template, prompts that do not fit the context.
import { type ChatMessage, type ChatOptions, readChatTemplate, renderChat } from '../formats/chatTemplate.ts';
import type { DroppedModel } from '../formats/dropped.ts';
import { textOf } from '../formats/json.ts';
import type { PeftAdapter } from '../formats/peft.ts';
import { TextStream } from '../formats/textStream.ts';
import type { GpuContext } from '../gpu/context.ts';
import { bindableSlots } from '../model/decodeStep.ts';
import { type FinishReason, type Generated, type GenerationRequest, Generator } from '../model/generator.ts';
import { ModelError } from '../model/modelError.ts';
import { loadFolder } from './session.ts';

export type Prompt = { text: string } | { ids: readonly number[] } | { messages: readonly ChatMessage[] };

/** Sampling as in model/generator.ts; the model's end-of-sequence tokens stop it as well. */
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

type RenderChat = (template: string, messages: readonly ChatMessage[], options: ChatOptions) => string | Promise<string>;

/** Requests at a time where nothing else is said. */
const SLOTS = { software: 16, gpu: 64 };

/** Ids of a prompt. Throws ModelError, or FormatError by the chat template. */
export async function promptIds(
  folder: Pick<DroppedModel, 'tokenizer' | 'tokenizerFiles'>,
  prompt: Prompt,
  render: RenderChat = renderChat,
): Promise<readonly number[]> {
  if ('ids' in prompt) return prompt.ids;
  const { tokenizer, tokenizerFiles } = folder;
  if (!tokenizer) throw new ModelError('This model folder has no tokenizer.json, so a prompt can be given as token ids only.');
  if ('text' in prompt) return tokenizer.encode(prompt.text, { addBos: true });
  const chat = readChatTemplate({
    tokenizerConfigJson: textOf(tokenizerFiles, 'tokenizer_config.json'),
    chatTemplateJinja: textOf(tokenizerFiles, 'chat_template.jinja'),
  });
  if (!chat)
    throw new ModelError('This model folder has no chat template, so it was not made for conversations. Give the prompt as plain text.');
  const { template, bos, eos } = chat;
  return tokenizer.encode(await render(template, prompt.messages, { addGenerationPrompt: true, bos, eos }), { addBos: false });
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
    prepared.push({ ...sampling, ...text, promptIds: ids, stopIds: config.eosIds });
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
