// The tokenizer in a GGUF file's metadata as tokenizer.json and tokenizer_config.json, as transformers would have written them: byte-level BPE with the
// split that the file names, and SentencePiece BPE with byte fallback, its merges found again from the scores (Gemma's from the order of its tokens).
// Refuses (FormatError) other kinds of tokenizers, splits that are not known, tokens given twice, lists that do not fit together.
import { FormatError, quote } from './formatError.ts';
import type { GgufFile } from './gguf.ts';
import { CHARACTER_OF_BYTE } from './tokenDecoder.ts';

export interface GgufTokenizer {
  tokenizerJson: string;
  /** With the chat template, where the file has one. */
  tokenizerConfigJson: string;
}

interface Vocabulary {
  file: GgufFile;
  architecture: string;
  tokens: string[];
  /** One per token, see TYPE; all normal where the file says nothing. */
  types: ArrayLike<number>;
  special: Record<'bos' | 'eos' | 'unknown' | 'padding', number | null>;
  addBos: boolean | null;
}

const TYPE = { unknown: 2, control: 3, userDefined: 4, unused: 5 };
const MAX_TOKENS = 4_194_304;
/** Of a token that is cut in every way to find its merges. */
const MAX_CHARACTERS = 256;

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 = LLAMA3.replace('{1,3}', '');
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const TEKKEN =
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*` +
  '|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** How a text is split before merging; each pattern isolates what it matches, one after the other. */
interface Split {
  patterns: string[];
  normalizer?: string;
  /** A whole piece that is a token is taken as it is. */
  ignoreMerges?: boolean;
  addBos?: boolean;
}

const SPLITS: Readonly<Record<string, Split>> = {
  'gpt-2': { patterns: [GPT2] },
  smollm: { patterns: ['\\p{N}', GPT2] },
  'llama-bpe': { patterns: [LLAMA3], ignoreMerges: true, addBos: true },
  qwen2: { patterns: [QWEN2], normalizer: 'NFC' },
  'deepseek-r1-qwen': { patterns: [QWEN2] },
  tekken: { patterns: [TEKKEN], ignoreMerges: true },
  default: { patterns: ['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2, '\\p{N}+', '[0-9][0-9][0-9]'] },
};

/** tokenizer.ggml.pre -> SPLITS, where several names mean the same. */
const SAME_SPLIT: Readonly<Record<string, string>> = {
  ...names('gpt-2', ['phi-2', 'mpt', 'olmo', 'jais', 'gigachat', 'mellum', 'a.x-4.0']),
  ...names('smollm', ['starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b']),
  ...names('llama-bpe', ['llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2', 'smaug-bpe', 'dbrx']),
  ...names('qwen2', ['stablelm2', 'megrez']),
};
/** Files from before tokenizer.ggml.pre was written. */
const SPLIT_OF_ARCHITECTURE: Readonly<Record<string, string>> = {
  ...names('gpt-2', ['gpt2', 'gptneox']),
  ...names('qwen2', ['qwen2', 'qwen3']),
  smollm3: 'llama-bpe',
};

/** null when the file has no tokenizer. */
export async function readGgufTokenizer(file: GgufFile, architecture: string): Promise<GgufTokenizer | null> {
  const kind = file.scalars.get('tokenizer.ggml.model');
  if (kind === undefined || kind === 'none' || kind === 'no_vocab') return null;
  const vocabulary = await readVocabulary(file, architecture);
  if (kind === 'gpt2') return byteLevel(vocabulary);
  if (kind === 'llama') return sentencePiece(vocabulary);
  throw new FormatError(
    `${quote(file.name)}: its tokenizer is of the kind ${quote(String(kind), 40)}; "gpt2" (byte-level BPE) and "llama" (SentencePiece BPE) are read. ` +
      'Drop the tokenizer.json of the model beside the file.',
  );
}

async function readVocabulary(file: GgufFile, architecture: string): Promise<Vocabulary> {
  const tokens = await file.readStrings('tokenizer.ggml.tokens');
  if (!tokens) throw new FormatError(`${quote(file.name)} has a tokenizer without tokens (tokenizer.ggml.tokens).`);
  if (tokens.length > MAX_TOKENS) throw new FormatError(`${quote(file.name)} has ${tokens.length} tokens; up to ${MAX_TOKENS} are read.`);
  const types = (await file.readNumbers('tokenizer.ggml.token_type')) ?? new Uint8Array(tokens.length).fill(1);
  checkLength(file, 'tokenizer.ggml.token_type', types.length, tokens.length);
  const id = (name: string): number | null => {
    const value = file.scalars.get(`tokenizer.ggml.${name}_token_id`);
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < tokens.length ? value : null;
  };
  const addBos = file.scalars.get('tokenizer.ggml.add_bos_token');
  return {
    file,
    architecture,
    tokens,
    types,
    special: { bos: id('bos'), eos: id('eos'), unknown: id('unknown') ?? indexOrNull(types, TYPE.unknown), padding: id('padding') },
    addBos: typeof addBos === 'boolean' ? addBos : null,
  };
}

async function byteLevel(vocabulary: Vocabulary): Promise<GgufTokenizer> {
  const { file, tokens, types } = vocabulary;
  const split = splitOf(vocabulary);
  const merges = await readMerges(file);
  if (!merges) throw new FormatError(`${quote(file.name)} has a BPE tokenizer without merges (tokenizer.ggml.merges).`);
  const alphabet = new Set(CHARACTER_OF_BYTE);
  const spelled = (token: string): string =>
    [...token].every((character) => alphabet.has(character))
      ? token
      : Array.from(new TextEncoder().encode(token), (byte) => CHARACTER_OF_BYTE[byte]).join('');
  const inModel = (i: number): boolean => types[i] !== TYPE.control && types[i] !== TYPE.userDefined && types[i] !== TYPE.unused;
  const vocab = toVocab(
    file,
    tokens.map((token, i): [string, number] => [spelled(token), i]).filter(([, i]) => inModel(i)),
  );
  const isolated = split.patterns.map((pattern) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }));
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return finish(vocabulary, vocabulary.addBos ?? split.addBos ?? false, {
    added_tokens: addedTokens(vocabulary, (token) => token),
    normalizer: split.normalizer ? { type: split.normalizer } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...isolated, bytes] },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: split.ignoreMerges ?? false,
      vocab,
      merges,
    },
  });
}

function splitOf({ file, architecture }: Vocabulary): Split {
  const pre = file.scalars.get('tokenizer.ggml.pre');
  const named = typeof pre === 'string' ? pre : (own(SPLIT_OF_ARCHITECTURE, architecture) ?? 'default');
  const split = own(SPLITS, own(SAME_SPLIT, named) ?? named);
  if (split) return split;
  throw new FormatError(
    `${quote(file.name)}: its tokenizer splits texts by ${quote(named, 40)} (tokenizer.ggml.pre), which is not known here. ` +
      'Drop the tokenizer.json of the model beside the file.',
  );
}

async function sentencePiece(vocabulary: Vocabulary): Promise<GgufTokenizer> {
  const { file, special } = vocabulary;
  const isGemma = vocabulary.architecture.startsWith('gemma');
  // Gemma's runs of spaces are stored as such, its vocabulary has marks for them
  const tokens = vocabulary.tokens.map((token) => (isGemma && /^ +$/.test(token) ? '▁'.repeat(token.length) : token));
  const vocab = toVocab(
    file,
    tokens.map((token, i) => [token, i]),
  );
  const merges = (await readMerges(file)) ?? mergesOf(tokens, await rankOf(file, tokens.length, isGemma));
  const addsSpace = !isGemma && file.scalars.get('tokenizer.ggml.add_space_prefix') !== false;
  const decoders = [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }];
  const strip = addsSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  return finish(vocabulary, vocabulary.addBos ?? true, {
    // runs of spaces are merged like any other text
    added_tokens: addedTokens(vocabulary, (token, type) => (type === TYPE.userDefined && /^ +$/.test(token) ? null : token)),
    normalizer: isGemma ? { type: 'Replace', pattern: { String: ' ' }, content: '▁' } : null,
    pre_tokenizer: isGemma ? null : { type: 'Metaspace', replacement: '▁', prepend_scheme: addsSpace ? 'first' : 'never', split: false },
    decoder: { type: 'Sequence', decoders: [...decoders, ...strip] },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: special.unknown === null ? null : tokens[special.unknown],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges,
    },
  });
}

/** What tokens are merged first by: their scores, or where they stand. */
async function rankOf(file: GgufFile, count: number, isGemma: boolean): Promise<(id: number) => number> {
  if (isGemma) return (id) => -id;
  const scores = await file.readNumbers('tokenizer.ggml.scores');
  if (!scores) throw new FormatError(`${quote(file.name)} has a SentencePiece tokenizer without scores (tokenizer.ggml.scores).`);
  checkLength(file, 'tokenizer.ggml.scores', scores.length, count);
  return (id) => (Number.isNaN(scores[id]) ? Number.NEGATIVE_INFINITY : (scores[id] as number));
}

interface Merge {
  pair: [string, string];
  left: number;
  right: number;
}

/** Every way to put a token together from two others, best first, as transformers' generate_merges orders them. */
function mergesOf(tokens: string[], rank: (id: number) => number): [string, string][] {
  const tooLong = tokens.find((token) => token.length > MAX_CHARACTERS);
  if (tooLong !== undefined) {
    throw new FormatError(
      `The token ${quote(tooLong, 40)} of the GGUF file has ${tooLong.length} characters; up to ${MAX_CHARACTERS} are read.`,
    );
  }
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const order = tokens.map((_, id) => id).sort((a, b) => rank(b) - rank(a));
  const merges: [string, string][] = [];
  for (let first = 0; first < order.length; ) {
    // tokens of the same rank share their place: longer left parts first, then longer right ones
    const ways: Merge[] = [];
    const shared = rank(order[first] as number);
    for (; first < order.length && rank(order[first] as number) === shared; first++)
      ways.push(...waysOf(tokens[order[first] as number] as string, ids));
    ways.sort((a, b) => b.left - a.left || b.right - a.right);
    for (const { pair } of ways) merges.push(pair);
  }
  return merges;
}

/** The pairs of tokens that a token can be cut into, in the order of their ids. */
function waysOf(token: string, ids: ReadonlyMap<string, number>): Merge[] {
  const ways: (Merge & { leftId: number; rightId: number })[] = [];
  const characters = [...token];
  let at = 0;
  for (let left = 1; left < characters.length; left++) {
    at += (characters[left - 1] as string).length;
    const before = token.slice(0, at);
    const leftId = ids.get(before);
    if (leftId === undefined) continue;
    const after = token.slice(at);
    const rightId = ids.get(after);
    if (rightId !== undefined) ways.push({ pair: [before, after], leftId, rightId, left, right: characters.length - left });
  }
  return ways.sort((a, b) => a.leftId - b.leftId || a.rightId - b.rightId);
}

async function readMerges(file: GgufFile): Promise<[string, string][] | null> {
  const merges = await file.readStrings('tokenizer.ggml.merges');
  return (
    merges?.map((merge) => {
      const space = merge.indexOf(' ', 1);
      if (space > 0 && space < merge.length - 1) return [merge.slice(0, space), merge.slice(space + 1)];
      throw new FormatError(`${quote(file.name)}: the merge ${quote(merge, 40)} is no pair of tokens.`);
    }) ?? null
  );
}

function toVocab(file: GgufFile, entries: [string, number][]): Record<string, number> {
  const seen = new Set<string>();
  for (const [token] of entries) {
    if (seen.has(token)) throw new FormatError(`${quote(file.name)}: the token ${quote(token, 40)} is given twice.`);
    seen.add(token);
  }
  return Object.fromEntries(entries);
}

/** Control and user-defined tokens, found whole in texts; `spell` gives null for those that are not. */
function addedTokens({ tokens, types }: Vocabulary, spell: (token: string, type: number) => string | null) {
  return tokens.flatMap((token, id) => {
    const type = types[id] ?? 1;
    const isSpecial = type === TYPE.control || type === TYPE.unknown;
    const content = isSpecial || type === TYPE.userDefined ? spell(token, type) : null;
    if (!content) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: isSpecial }];
  });
}

function finish({ file, tokens, special }: Vocabulary, addBos: boolean, definition: Record<string, unknown>): GgufTokenizer {
  const token = (id: number | null): string | null => (id === null ? null : (tokens[id] ?? null));
  const bos = token(special.bos);
  const text = { Sequence: { id: 'A', type_id: 0 } };
  const begin = { SpecialToken: { id: bos, type_id: 0 } };
  const template = {
    type: 'TemplateProcessing',
    single: [begin, text],
    pair: [begin, text, begin, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [bos ?? '']: { id: bos, ids: [special.bos], tokens: [bos] } },
  };
  const addsBos = addBos && bos !== null;
  const chatTemplate = file.scalars.get('tokenizer.chat_template');
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: addsBos,
    bos_token: bos,
    eos_token: token(special.eos),
    unk_token: token(special.unknown),
    pad_token: token(special.padding),
    clean_up_tokenization_spaces: false,
    ...(typeof chatTemplate === 'string' && { chat_template: chatTemplate }),
  };
  return {
    tokenizerJson: JSON.stringify({
      version: '1.0',
      truncation: null,
      padding: null,
      ...definition,
      post_processor: addsBos ? template : null,
    }),
    tokenizerConfigJson: `${JSON.stringify(config, null, 2)}\n`,
  };
}

function checkLength(file: GgufFile, key: string, length: number, expected: number): void {
  if (length !== expected) throw new FormatError(`${quote(file.name)}: ${key} has ${length} entries for ${expected} tokens.`);
}

function indexOrNull(types: ArrayLike<number>, type: number): number | null {
  const index = Array.prototype.indexOf.call(types, type);
  return index < 0 ? null : index;
}

function names(meaning: string, others: string[]): Record<string, string> {
  return Object.fromEntries(others.map((name) => [name, meaning]));
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
