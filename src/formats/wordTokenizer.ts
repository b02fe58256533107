// A tokenizer.json and tokenizer_config.json for a vocabulary of whole words between spaces, as transformers opens them: what a model whose ids are words
// needs outside of this lab. Ids are places in the list. Refuses words that are empty, hold white space or come twice.
import { FormatError, quote } from './formatError.ts';

/** Text of messages one after the other, nothing around them: base models know no turns. */
export const PASS_THROUGH_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}";

/** @param ends a word that begins texts and so ends them, for engines that want an end and a padding. */
export function wordTokenizer(words: readonly string[], ends: string): Map<string, Uint8Array> {
  const vocab: Record<string, number> = Object.create(null);
  words.forEach((word, id) => {
    if (word === '' || /\s/.test(word)) throw new FormatError(`${quote(word)} is no word between spaces.`);
    if (Object.hasOwn(vocab, word)) throw new FormatError(`The word ${quote(word)} comes twice.`);
    vocab[word] = id;
  });
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab, unk_token: ends },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    eos_token: ends,
    pad_token: ends,
    chat_template: PASS_THROUGH_TEMPLATE,
  };
  const file = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  return new Map([
    ['tokenizer.json', file(tokenizer)],
    ['tokenizer_config.json', file(config)],
  ]);
}
