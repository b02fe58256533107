// Work on texts that foreign files steer: patterns of a tokenizer.json and chat templates, which can loop. Here is what is asked and answered, and the
// side that does the work, one request at a time, in a thread or worker of its own; formats/textWorker.ts asks and keeps the time.
// Refuses nothing itself: errors are answers.
import { type ChatMessage, type ChatOptions, renderChat } from './chatTemplate.ts';
import { FormatError } from './formatError.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

export interface TokenizerFiles {
  tokenizerJson: string;
  tokenizerConfigJson: string | null;
}

/** Every call with what it takes and gives. */
export interface TextCalls {
  load: { takes: TokenizerFiles; gives: { size: number; bosId: number | null } };
  encode: { takes: { texts: string[]; addBos: boolean }; gives: number[][] };
  encodeContinuations: { takes: { texts: string[] }; gives: number[][] };
  decode: { takes: { ids: readonly number[] }; gives: string };
  renderChat: { takes: { template: string; messages: readonly ChatMessage[]; options: ChatOptions }; gives: string };
}

export type TextCall = keyof TextCalls;
export type TextRequest = { [C in TextCall]: { id: number; call: C; takes: TextCalls[C]['takes'] } }[TextCall];
export type TextAnswer = { id: number; value: TextCalls[TextCall]['gives'] } | { id: number; error: string; isFormat: boolean };

/** Sent once by the thread or worker itself, when its script runs. */
export const READY = 'ready';

/** Answers requests; keeps the tokenizer that was loaded last. */
export function makeTextWork(): (request: TextRequest) => TextAnswer {
  let tokenizer: Tokenizer | null = null;
  const loaded = (): Tokenizer => {
    if (tokenizer) return tokenizer;
    throw new Error('No tokenizer was loaded before its first use.');
  };
  const work = ({ call, takes }: TextRequest): TextCalls[TextCall]['gives'] => {
    switch (call) {
      case 'load':
        tokenizer = loadTokenizer(takes.tokenizerJson, takes.tokenizerConfigJson);
        return { size: tokenizer.size, bosId: tokenizer.bosId };
      case 'encode':
        return takes.texts.map((text) => loaded().encode(text, { addBos: takes.addBos }));
      case 'encodeContinuations':
        return takes.texts.map((text) => loaded().encodeContinuation(text));
      case 'decode':
        return loaded().decode(takes.ids);
      case 'renderChat':
        return renderChat(takes.template, takes.messages, takes.options);
    }
  };
  return (request) => {
    try {
      return { id: request.id, value: work(request) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { id: request.id, error: message, isFormat: error instanceof FormatError };
    }
  };
}
