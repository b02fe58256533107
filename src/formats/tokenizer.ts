// A tokenizer.json as a checked tokenizer: same ids as Python's, text that continues a document without a phantom space, printable tokens.
// Refuses (FormatError) files that are not a tokenizer.json, ids out of range, and text that it has no tokens for. A hostile pattern can make
// encode slow, so call it where it can be killed: in a worker with a deadline.
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { FormatError, quote } from './formatError.ts';
import { isObject, parseJson } from './json.ts';
import { makeTokenDecoder, type TokenDecoder } from './tokenDecoder.ts';
import { readTokenizerDefinition, type TokenizerDefinition } from './tokenizerDefinition.ts';

export interface Tokenizer {
  /** Highest id + 1, added tokens included. */
  size: number;
  /** The beginning-of-sequence id that this tokenizer puts before a text by itself; null when it puts none. */
  bosId: number | null;
  /** Ids of a text; with addBos the beginning-of-sequence id first, where the tokenizer has one. */
  encode(text: string, options: { addBos: boolean }): number[];
  /** Text of ids without special tokens; ids outside the vocabulary are left out. */
  decode(ids: readonly number[]): string;
  /** One token as it reads inside a text (a leading space is kept); special tokens and stray bytes by their name, e.g. `</s>`, `<0xE2>`. */
  decodeToken(id: number): string;
  /** Ids of a text that continues a document: no BOS and no space put before it. */
  encodeContinuation(text: string): number[];
}

/** Texts that may stand before a continuation; one whose tokens do not merge with it is dropped again. */
const ANCHORS = ['\n', 'a', ':', ')', '.', '"', '0'];

export function loadTokenizer(tokenizerJson: string, tokenizerConfigJson: string | null): Tokenizer {
  const checked = readTokenizerDefinition(tokenizerJson);
  const config = tokenizerConfigJson === null ? {} : checkConfig(tokenizerConfigJson);
  try {
    const inner = new HuggingFaceTokenizer(checked.definition, config);
    let size = 0;
    for (const id of inner.get_vocab(true).values()) size = Math.max(size, id + 1);
    return wrap({ inner, size, decodeTokens: makeTokenDecoder(checked.definition.decoder), ...checked }, config);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`tokenizer.json cannot be used: ${reasonOf(error)}. Save it again with a current version of transformers.`);
  }
}

/** Refuses a tokenizer that can write ids for which the model has no embedding. */
export function checkTokenizerFits(tokenizer: Pick<Tokenizer, 'size'>, vocabulary: number): void {
  if (tokenizer.size <= vocabulary) return;
  throw new FormatError(
    `The tokenizer has ${tokenizer.size} ids but the model embeds ${vocabulary} (vocab_size). Drop the tokenizer.json that belongs to this model.`,
  );
}

interface Parts extends TokenizerDefinition {
  inner: HuggingFaceTokenizer;
  size: number;
  decodeTokens: TokenDecoder;
}

function wrap({ inner, size, specialIds, unigramByteFallback, decodeTokens }: Parts, config: Record<string, unknown>): Tokenizer {
  const plain = (text: string): number[] => {
    if (text === '') return [];
    const encoded = guarded(() => inner.encode(text, { add_special_tokens: false }));
    const ids = unigramByteFallback ? encoded.tokens.flatMap((token, i) => withByteTokens(inner, token, encoded.ids[i])) : encoded.ids;
    if (ids.every((id) => Number.isInteger(id) && id >= 0 && id < size)) return ids;
    throw new FormatError(`The tokenizer has no token for some character of ${quote(text)} and no unknown token.`);
  };
  const known = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < size && inner.id_to_token(id) !== undefined;
  const decode = (ids: readonly number[]): string => {
    const tokens = ids.filter((id) => known(id) && !specialIds.has(id)).map((id) => inner.id_to_token(id) as string);
    return tokens.length === 0 ? '' : guarded(() => decodeTokens(tokens).join(''));
  };
  const printed = new Map<number, string>();
  const bosId = findBos(inner, config, plain);
  return {
    size,
    bosId,
    encode: (text, { addBos }) => (addBos && bosId !== null ? [bosId, ...plain(text)] : plain(text)),
    decode,
    decodeToken(id) {
      let text = printed.get(id);
      if (text === undefined) printed.set(id, (text = printToken(id, inner, known(id) && !specialIds.has(id), plain, decode)));
      return text;
    },
    encodeContinuation: (text) => encodeAfter(text, plain, decode),
  };
}

/** A piece that the vocabulary lacks as the tokens of its bytes, where it has all of them. */
function withByteTokens(inner: HuggingFaceTokenizer, token: string, id: number | undefined): number[] {
  if (inner.token_to_id(token) === undefined) {
    const name = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    const bytes = [...new TextEncoder().encode(token)].map((byte) => inner.token_to_id(name(byte)));
    if (bytes.every((each) => each !== undefined)) return bytes;
  }
  return [id ?? Number.NaN];
}

/** What the tokenizer's own post-processor puts first; else bos_token where add_bos_token asks for it. */
function findBos(inner: HuggingFaceTokenizer, config: Record<string, unknown>, plain: (text: string) => number[]): number | null {
  const bare = plain('a');
  const withSpecial = guarded(() => inner.encode('a', { add_special_tokens: true }).ids);
  const first = withSpecial[0];
  if (withSpecial.length > bare.length && first !== undefined && first !== bare[0]) return first;
  if (config.add_bos_token !== true) return null;
  const token = isObject(config.bos_token) ? config.bos_token.content : config.bos_token;
  return typeof token === 'string' ? (inner.token_to_id(token) ?? null) : null;
}

function encodeAfter(text: string, plain: (text: string) => number[], decode: (ids: number[]) => string): number[] {
  if (text === '') return [];
  let inexact: number[] | null = null;
  for (const anchor of ANCHORS) {
    const before = plain(anchor);
    const whole = plain(anchor + text);
    if (!before.every((id, i) => whole[i] === id)) continue;
    const ids = whole.slice(before.length);
    if (decode(whole) === decode(before) + text) return ids;
    inexact ??= ids;
  }
  // A tokenizer that normalises or has unknown tokens never gives the text back; a clean boundary is then all that can be asked.
  if (inexact !== null) return inexact;
  throw new FormatError(`The tokenizer cannot write ${quote(text)} as the continuation of a text.`);
}

function decodeAfter(before: number[], ids: number[], decode: (ids: number[]) => string): string {
  return decode([...before, ...ids]).slice(decode(before).length);
}

function printToken(
  id: number,
  inner: HuggingFaceTokenizer,
  isText: boolean,
  plain: (text: string) => number[],
  decode: (ids: number[]) => string,
): string {
  const name = inner.id_to_token(id) ?? `<id ${id}>`;
  if (!isText) return name;
  const anchor = plain('a');
  const text = decodeAfter(anchor, [id], decode);
  return name.startsWith('<0x') && !/^[\n\t\x20-\x7e]$/.test(text) ? name : text;
}

function checkConfig(text: string): Record<string, unknown> {
  const config = parseJson(text, 'tokenizer_config.json');
  if (!isObject(config)) throw new FormatError('tokenizer_config.json does not hold a JSON object.');
  return config;
}

/** Whatever the library throws on a file that it does not understand becomes a FormatError. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new FormatError(`The tokenizer failed: ${reasonOf(error)}. Its tokenizer.json is not one that can be used here.`);
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 160);
}
