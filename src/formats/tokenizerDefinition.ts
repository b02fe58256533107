// A tokenizer.json, checked, and rewritten where the library in use reads it otherwise than Python's tokenizers does: splitting by white space,
// digits, punctuation and words is put in terms of Unicode patterns, which both read alike.
// Refuses (FormatError) what is no tokenizer.json, ids out of range, patterns and options that would be passed over without a word.
import { FormatError, quote } from './formatError.ts';
import { isObject, parseJson } from './json.ts';

export interface TokenizerDefinition {
  /** For the library's constructor. */
  definition: Record<string, unknown>;
  /** Ids that decoding leaves out. */
  specialIds: Set<number>;
  /** Characters that a Unigram model lacks are written as the tokens of their bytes. */
  unigramByteFallback: boolean;
}

type Json = Record<string, unknown>;

const MAX_TEXT = 64_000_000;
const MAX_ID = 4_194_304;
const GPT2_SPLIT = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const PUNCTUATION = '[\\p{P}\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E]';

export function readTokenizerDefinition(text: string): TokenizerDefinition {
  if (text.length > MAX_TEXT) throw new FormatError(`tokenizer.json has ${text.length} characters; up to ${MAX_TEXT} are read.`);
  const definition = parseJson(text, 'tokenizer.json');
  const model = isObject(definition) ? definition.model : undefined;
  if (!isObject(definition) || !isObject(model)) throw new FormatError('tokenizer.json does not hold an object with a "model".');
  checkModel(model);
  const added = definition.added_tokens ?? [];
  const specialIds = checkAddedTokens(added);
  for (const part of ['normalizer', 'pre_tokenizer', 'decoder']) checkPatterns(definition[part]);
  return {
    definition: {
      ...definition,
      added_tokens: added,
      decoder: definition.decoder ?? null,
      post_processor: definition.post_processor ?? null,
      normalizer: exactNormalizer(definition.normalizer ?? null),
      pre_tokenizer: exactPreTokenizer(definition.pre_tokenizer ?? null),
    },
    specialIds,
    unigramByteFallback: Array.isArray(model.vocab) && model.byte_fallback === true,
  };
}

function checkModel(model: Json): void {
  const { vocab, merges } = model;
  if (Array.isArray(vocab)) {
    if (vocab.length > MAX_ID || !vocab.every(isScoredToken)) {
      throw new FormatError('tokenizer.json: model.vocab must list [token, score] pairs.');
    }
  } else if (isObject(vocab)) {
    const ids = Object.values(vocab);
    for (const id of ids) checkId(id, 'model.vocab');
    if (new Set(ids).size !== ids.length) throw new FormatError('tokenizer.json: two tokens of model.vocab share an id.');
  } else throw new FormatError('tokenizer.json: model.vocab is missing.');
  if (merges !== undefined && !isMergeList(merges)) throw new FormatError('tokenizer.json: model.merges must list pairs of tokens.');
  const prefix = model.continuing_subword_prefix;
  if (merges !== undefined && typeof prefix === 'string' && prefix !== '') {
    throw new FormatError(`tokenizer.json: a BPE with continuing_subword_prefix ${quote(prefix, 20)} is not supported; one without is.`);
  }
}

function checkAddedTokens(added: unknown): Set<number> {
  if (!Array.isArray(added) || added.length > MAX_ID) throw new FormatError('tokenizer.json: added_tokens must be a list.');
  const specialIds = new Set<number>();
  for (const token of added) {
    if (!isObject(token) || typeof token.content !== 'string' || token.content === '') {
      throw new FormatError('tokenizer.json: every entry of added_tokens needs a content that is not empty.');
    }
    if (token.single_word === true) {
      throw new FormatError(`tokenizer.json: the added token ${quote(token.content, 40)} is a single_word one, which is not supported.`);
    }
    const id = checkId(token.id, 'added_tokens');
    if (token.special === true) specialIds.add(id);
  }
  return specialIds;
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

/** JavaScript lowers a sigma at the end of a word to another letter; Python's tokenizers do not. */
function exactNormalizer(normalizer: unknown): unknown {
  if (!isObject(normalizer)) return normalizer;
  if (normalizer.type === 'Sequence' && Array.isArray(normalizer.normalizers)) {
    return { ...normalizer, normalizers: normalizer.normalizers.map(exactNormalizer) };
  }
  if (normalizer.type === 'Replace') return { ...normalizer, content: literal(normalizer.content) };
  const lowers = normalizer.type === 'Lowercase' || (normalizer.type === 'BertNormalizer' && normalizer.lowercase === true);
  return lowers ? { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' }, normalizer] } : normalizer;
}

/** A text that JavaScript's replaceAll writes as it is. */
export function literal(content: unknown): string {
  return typeof content === 'string' ? content.replaceAll('$', '$$$$') : '';
}

function exactPreTokenizer(part: unknown): unknown {
  if (!isObject(part)) return part;
  const steps = exactSteps(part);
  return steps.length === 1 ? steps[0] : { type: 'Sequence', pretokenizers: steps };
}

function exactSteps(part: Json): Json[] {
  switch (part.type) {
    case 'Sequence':
      return (Array.isArray(part.pretokenizers) ? part.pretokenizers : []).flatMap((each) => (isObject(each) ? exactSteps(each) : [each]));
    case 'ByteLevel': {
      if (part.use_regex === false) return [part];
      const space = { type: 'Replace', pattern: { Regex: '\\A[^ ]' }, content: ' $&' };
      const bytes = { ...part, add_prefix_space: false, use_regex: false };
      return [...(part.add_prefix_space === true ? [space] : []), isolated(GPT2_SPLIT), bytes];
    }
    case 'Digits':
      return [isolated(part.individual_digits === true ? '\\p{N}' : '\\p{N}+')];
    case 'Whitespace':
      return [{ type: 'Split', pattern: { Regex: '\\w+|[^\\w\\s]+' }, behavior: 'Removed', invert: true }];
    case 'WhitespaceSplit':
      return [{ type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'Removed', invert: false }];
    case 'Punctuation':
      return [exactSplit({ pattern: { Regex: PUNCTUATION }, behavior: part.behavior ?? 'Isolated' })];
    case 'Metaspace': {
      const scheme = part.prepend_scheme ?? (part.add_prefix_space === false ? 'never' : 'always');
      const metaspace = { ...part, prepend_scheme: scheme };
      if (part.split === false) return [metaspace];
      return [metaspace, exactSplit({ pattern: { String: part.replacement ?? '▁' }, behavior: 'MergedWithNext' })];
    }
    case 'Split':
      return [exactSplit(part)];
    default:
      return [part];
  }
}

function isolated(pattern: string): Json {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

/** A Split of any behaviour as one that isolates or removes what it matches, which is all that the library does. */
function exactSplit(part: Json): Json {
  const given = isObject(part.pattern) ? part.pattern : {};
  const pattern = typeof given.Regex === 'string' ? given.Regex : escaped(String(given.String));
  const invert = part.invert === true;
  const behavior = String(part.behavior).replaceAll('_', '').toLowerCase();
  if (behavior === 'removed') return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert };
  if (behavior === 'isolated') return isolated(pattern);
  if (!invert && behavior === 'mergedwithprevious') return isolated(`[\\s\\S]*?(?:${pattern})`);
  if (!invert && behavior === 'mergedwithnext') return isolated(`(?:${pattern})(?:(?!${pattern})[\\s\\S])*`);
  if (!invert && behavior === 'contiguous') return isolated(`(?:${pattern})+`);
  throw new FormatError(`tokenizer.json: a Split that is inverted and ${quote(String(part.behavior), 40)} is not supported.`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function isScoredToken(entry: unknown): boolean {
  return Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && typeof entry[1] === 'number';
}

function isMergeList(value: unknown): boolean {
  const isPair = (merge: unknown) => Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
  return Array.isArray(value) && value.every((merge) => typeof merge === 'string' || isPair(merge));
}
