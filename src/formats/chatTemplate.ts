// Chat templates: where a model's files keep them, and the text that one makes of messages, as transformers' apply_chat_template
// (the library prints true and false in small letters and drops what an iteration wrote before it broke off; no known template does either).
// Refuses (FormatError) templates that do not parse, that raise an error themselves, that are too long, or that write too much. A hostile template can
// loop or fill the memory, so render where it can be killed: worker/textClient.ts, headless/textClient.ts.
import { Template } from '@huggingface/jinja';
import { FormatError, quote } from './formatError.ts';
import { isObject, parseJson } from './json.ts';

export interface ChatMessage {
  role: string;
  content: string;
  /** What a template may ask for besides: name, tool_calls, ... */
  [key: string]: unknown;
}

export interface ChatTemplate {
  template: string;
  /** For conversations with tools, where the model has another template for them. */
  toolTemplate: string | null;
  bos: string | null;
  eos: string | null;
}

export interface ChatOptions {
  /** Ends with what begins an answer of the model. */
  addGenerationPrompt: boolean;
  bos?: string | null;
  eos?: string | null;
  /** JSON schemas of functions. */
  tools?: unknown[] | null;
}

const MAX_TEMPLATE = 1_000_000;
/** Of what it makes of a conversation: more than any context here holds. */
const MAX_TEXT = 4_000_000;
/** What to do where a template will not do. */
export const WITHOUT = 'Give the prompt as plain text.';

/**
 * The template among a model's files; null when there is none. chat_template.jinja wins over tokenizer_config.json, whose chat_template is a text or
 * a list of named ones.
 */
export function readChatTemplate(files: { tokenizerConfigJson: string | null; chatTemplateJinja: string | null }): ChatTemplate | null {
  const config = files.tokenizerConfigJson === null ? {} : parseJson(files.tokenizerConfigJson, 'tokenizer_config.json');
  if (!isObject(config)) throw new FormatError('tokenizer_config.json does not hold a JSON object.');
  const given = config.chat_template;
  const named = new Map<string, string>();
  if (typeof given === 'string') named.set('default', given);
  for (const entry of Array.isArray(given) ? given : []) {
    if (!isObject(entry) || typeof entry.name !== 'string' || typeof entry.template !== 'string') {
      throw new FormatError('tokenizer_config.json: every entry of chat_template needs a name and a template.');
    }
    named.set(entry.name, entry.template);
  }
  const template = files.chatTemplateJinja ?? named.get('default');
  if (template === undefined) {
    if (named.size === 0) return null;
    throw new FormatError(
      `tokenizer_config.json has no chat template named "default" among ${[...named.keys()].map((name) => quote(name, 40)).join(', ')}.`,
    );
  }
  return { template, toolTemplate: named.get('tool_use') ?? null, bos: tokenOf(config.bos_token), eos: tokenOf(config.eos_token) };
}

/** The text of a conversation, special tokens included: encode it without adding the beginning-of-sequence token. */
export function renderChat(template: string, messages: readonly ChatMessage[], options: ChatOptions): string {
  if (template.length > MAX_TEMPLATE) {
    throw new FormatError(`The chat template has ${template.length} characters; up to ${MAX_TEMPLATE} are read.`);
  }
  const { addGenerationPrompt, bos, eos, tools } = options;
  // a key that is missing is undefined in the template, null is none: templates tell them apart
  const variables = {
    messages,
    tools: tools ?? null,
    documents: null,
    add_generation_prompt: addGenerationPrompt,
    ...(typeof bos === 'string' && { bos_token: bos }),
    ...(typeof eos === 'string' && { eos_token: eos }),
  };
  let text: string;
  try {
    text = new Template(template).render(variables);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(`The chat template cannot be used: ${quote(reason, 200)}. ${WITHOUT}`);
  }
  if (text.length > MAX_TEXT)
    throw new FormatError(`The chat template makes ${text.length} characters of these messages; up to ${MAX_TEXT} are taken. ${WITHOUT}`);
  return text;
}

function tokenOf(value: unknown): string | null {
  const content = isObject(value) ? value.content : value;
  return typeof content === 'string' ? content : null;
}
