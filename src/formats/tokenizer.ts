// A tokenizer.json as a checked tokenizer: same ids as Python's, text that continues a document without a phantom space, printable tokens.
// Refuses (FormatError) files that are not a tokenizer.json, ids out of range, and text that it has no tokens for. A hostile pattern can make
// encode slow, so call it where it can be killed: in a worker with a deadline.
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { FormatError, quote } from './formatError.ts';
import { isObject, parseJson } from './json.ts';

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

const MAX_TEXT = 64_000_000;
const MAX_ID = 4_194_304;
/** Texts that may stand before a continuation; one whose tokens do not merge with it is dropped again. */
const ANCHORS = ['\n', 'a', ':', ')', '.', '"', '0'];

export function loadTokenizer(tokenizerJson: string, tokenizerConfigJson: string | null): Tokenizer {
  const { definition, specialIds } = checkDefinition(tokenizerJson);
  const config = tokenizerConfigJson === null ? {} : checkConfig(tokenizerConfigJson);
  let inner: HuggingFaceTokenizer;
  let size = 0;
  try {
    inner = new HuggingFaceTokenizer(definition, config);
    for (const id of inner.get_vocab(true).values()) size = Math.max(size, id + 1);
  } catch (error) {
    throw new FormatError(`tokenizer.json cannot be used: ${reasonOf(error)}. Save it again with a current version of transformers.`);
  }
  return wrap(inner, size, specialIds, config);
}

/** Refuses a tokenizer that can write ids for which the model has no embedding. */
export function checkTokenizerFits(tokenizer: Pick<Tokenizer, 'size'>, vocabulary: number): void {
  if (tokenizer.size <= vocabulary) return;
  throw new FormatError(
    `The tokenizer has ${tokenizer.size} ids but the model embeds ${vocabulary} (vocab_size). Drop the tokenizer.json that belongs to this model.`,
  );
}

function wrap(inner: HuggingFaceTokenizer, size: number, specialIds: Set<number>, config: Record<string, unknown>): Tokenizer {
  const plain = (text: string): number[] => {
    if (text === '') return [];
    const ids = guarded(() => inner.encode(text, { add_special_tokens: false }).ids);
    if (ids.every((id) => Number.isInteger(id) && id >= 0 && id < size)) return ids;
    throw new FormatError(`The tokenizer has no token for some character of ${quote(text)} and no unknown token.`);
  };
  const known = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < size && inner.id_to_token(id) !== undefined;
  const decode = (ids: readonly number[]): string => {
    const kept = ids.filter((id) => known(id) && !specialIds.has(id));
    return kept.length === 0 ? '' : guarded(() => inner.decode(kept, { clean_up_tokenization_spaces: false }));
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

function checkDefinition(text: string): { definition: Record<string, unknown>; specialIds: Set<number> } {
  if (text.length > MAX_TEXT) throw new FormatError(`tokenizer.json has ${text.length} characters; up to ${MAX_TEXT} are read.`);
  const definition = parseJson(text, 'tokenizer.json');
  const model = isObject(definition) ? definition.model : undefined;
  if (!isObject(definition) || !isObject(model)) throw new FormatError('tokenizer.json does not hold an object with a "model".');
  const vocab = model.vocab;
  if (Array.isArray(vocab)) {
    if (vocab.length > MAX_ID || !vocab.every(isScoredToken))
      throw new FormatError('tokenizer.json: model.vocab must list [token, score] pairs.');
  } else if (isObject(vocab)) {
    const ids = Object.values(vocab);
    for (const id of ids) checkId(id, 'model.vocab');
    if (new Set(ids).size !== ids.length) throw new FormatError('tokenizer.json: two tokens of model.vocab share an id.');
  } else throw new FormatError('tokenizer.json: model.vocab is missing.');
  if (model.merges !== undefined && !isMergeList(model.merges)) {
    throw new FormatError('tokenizer.json: model.merges must list pairs of tokens.');
  }
  const added = definition.added_tokens ?? [];
  if (!Array.isArray(added) || added.length > MAX_ID) throw new FormatError('tokenizer.json: added_tokens must be a list.');
  const specialIds = new Set<number>();
  for (const token of added) {
    if (!isObject(token) || typeof token.content !== 'string' || token.content === '') {
      throw new FormatError('tokenizer.json: every entry of added_tokens needs a content that is not empty.');
    }
    const id = checkId(token.id, 'added_tokens');
    if (token.special === true) specialIds.add(id);
  }
  for (const part of ['normalizer', 'pre_tokenizer', 'decoder']) checkPatterns(definition[part]);
  const optional = { decoder: null, post_processor: null, pre_tokenizer: null, normalizer: null };
  return { definition: { ...optional, ...definition, added_tokens: added }, specialIds };
}

function checkConfig(text: string): Record<string, unknown> {
  const config = parseJson(text, 'tokenizer_config.json');
  if (!isObject(config)) throw new FormatError('tokenizer_config.json does not hold a JSON object.');
  return config;
}

function checkId(id: unknown, where: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < MAX_ID) return id;
  throw new FormatError(`tokenizer.json: ${where} holds the id ${quote(String(id), 40)}; ids are integers from 0 to ${MAX_ID - 1}.`);
}

/** The library passes over a pattern that it does not know; the ids would then be wrong without a word. */
function checkPatterns(part: unknown): void {
  if (Array.isArray(part)) part.forEach(checkPatterns);
  if (!isObject(part)) return;
  if (part.type === 'Replace' || part.type === 'Split') {
    const pattern = part.pattern;
    const isPattern = isObject(pattern) && (typeof pattern.String === 'string' || typeof pattern.Regex === 'string');
    if (!isPattern) throw new FormatError(`tokenizer.json: the pattern of a ${part.type} must be a String or a Regex.`);
  }
  Object.values(part).forEach(checkPatterns);
}

function isScoredToken(entry: unknown): boolean {
  return Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && typeof entry[1] === 'number';
}

function isMergeList(value: unknown): boolean {
  const isPair = (merge: unknown) => Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
  return Array.isArray(value) && value.every((merge) => typeof merge === 'string' || isPair(merge));
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
