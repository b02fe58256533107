// What a model is sent: a text, a conversation as the chat template in its folder writes it, or ids.
// Refuses: prompts as text without a tokenizer, conversations without a chat template. A template is foreign code: a caller gives what renders it where it can
// be ended.
import { type ChatMessage, type ChatOptions, type ChatTemplate, readChatTemplate, renderChat } from '../formats/chatTemplate.ts';
import type { DroppedModel } from '../formats/dropped.ts';
import { textOf } from '../formats/json.ts';
import { ModelError } from '../model/modelError.ts';

export type WrittenPrompt = { text: string } | { messages: readonly ChatMessage[] };
export type Prompt = WrittenPrompt | { ids: readonly number[] };

export type RenderChat = (template: string, messages: readonly ChatMessage[], options: ChatOptions) => string | Promise<string>;

/** The chat template in a model folder; null where it has none. Throws FormatError for one that cannot be read. */
export function chatTemplateOf({ tokenizerFiles }: Pick<DroppedModel, 'tokenizerFiles'>): ChatTemplate | null {
  return readChatTemplate({
    tokenizerConfigJson: textOf(tokenizerFiles, 'tokenizer_config.json'),
    chatTemplateJinja: textOf(tokenizerFiles, 'chat_template.jinja'),
  });
}

/** The text that a model is sent; a conversation as its chat template writes it. Throws ModelError, or FormatError by the chat template. */
export async function promptText(
  folder: Pick<DroppedModel, 'tokenizerFiles'>,
  prompt: WrittenPrompt,
  render: RenderChat = renderChat,
): Promise<{ text: string; addBos: boolean }> {
  if ('text' in prompt) return { text: prompt.text, addBos: true };
  const chat = chatTemplateOf(folder);
  if (!chat)
    throw new ModelError('This model folder has no chat template, so it was not made for conversations. Give the prompt as plain text.');
  const { template, bos, eos } = chat;
  return { text: await render(template, prompt.messages, { addGenerationPrompt: true, bos, eos }), addBos: false };
}

/** Ids of a prompt. Throws as promptText does, and ModelError without a tokenizer. */
export async function promptIds(
  folder: Pick<DroppedModel, 'tokenizer' | 'tokenizerFiles'>,
  prompt: Prompt,
  render: RenderChat = renderChat,
): Promise<readonly number[]> {
  if ('ids' in prompt) return prompt.ids;
  const { tokenizer } = folder;
  if (!tokenizer) throw new ModelError('This model folder has no tokenizer.json, so a prompt can be given as token ids only.');
  const { text, addBos } = await promptText(folder, prompt, render);
  return tokenizer.encode(text, { addBos });
}
