// From tokens to text as Python's tokenizers does it, byte for byte: also for bytes that are no UTF-8, which come out as U+FFFD as often as there.
// Refuses (FormatError) decoders that it does not know.
import { ReplaceDecoder } from '@huggingface/tokenizers';
import { FormatError, quote } from './formatError.ts';
import { isObject } from './json.ts';
import { literal } from './tokenizerDefinition.ts';

/** Tokens in, texts out; the text is their concatenation. */
export type TokenDecoder = (tokens: string[]) => string[];

type Json = Record<string, unknown>;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** @param decoder the "decoder" of a tokenizer.json; null joins tokens by spaces. */
export function makeTokenDecoder(decoder: unknown): TokenDecoder {
  if (decoder === null) return (tokens) => [tokens.join(' ')];
  if (!isObject(decoder)) throw new FormatError('tokenizer.json: its decoder is no object.');
  switch (decoder.type) {
    case 'Sequence': {
      const steps = (Array.isArray(decoder.decoders) ? decoder.decoders : []).map(makeTokenDecoder);
      return (tokens) => steps.reduce((texts, step) => step(texts), tokens);
    }
    case 'ByteLevel':
      return (tokens) => [utf8.decode(Uint8Array.from(tokens.flatMap(bytesOfToken)))];
    case 'ByteFallback':
      return joinByteTokens;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Replace': {
      const replace = new ReplaceDecoder({
        type: 'Replace',
        pattern: decoder.pattern as { Regex?: string; String?: string },
        content: literal(decoder.content),
      });
      return (tokens) => replace.decode_chain(tokens);
    }
    case 'Strip':
      return stripper(decoder);
    case 'Metaspace':
      return metaspaceDecoder(decoder);
    case 'WordPiece':
      return wordPieceDecoder(decoder);
    case 'BPEDecoder': {
      const suffix = typeof decoder.suffix === 'string' ? decoder.suffix : '</w>';
      if (suffix === '') return (tokens) => tokens;
      return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '));
    }
    default:
      throw new FormatError(`tokenizer.json: the decoder ${quote(String(decoder.type), 40)} is not supported.`);
  }
}

/** The characters that byte-level tokens write bytes with: printable ones as themselves, the others from U+0100 on. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  (() => {
    const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    let next = 0x100;
    return Array.from({ length: 256 }, (_, byte): [string, number] => [String.fromCharCode(isPrintable(byte) ? byte : next++), byte]);
  })(),
);

/** The character that stands for each byte in byte-level tokens. */
export const CHARACTER_OF_BYTE: readonly string[] = [...BYTE_OF_CHARACTER.keys()];

function bytesOfToken(token: string): number[] {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTE_OF_CHARACTER.get(character);
    if (byte === undefined) return [...new TextEncoder().encode(token)];
    bytes.push(byte);
  }
  return bytes;
}

/** `<0xE2>` and its like: runs of them are text when the run is UTF-8, else one U+FFFD each. */
function joinByteTokens(tokens: string[]): string[] {
  const texts: string[] = [];
  let run: number[] = [];
  const endRun = () => {
    if (run.length === 0) return;
    try {
      texts.push(strictUtf8.decode(Uint8Array.from(run)));
    } catch {
      texts.push(...run.map(() => '\ufffd'));
    }
    run = [];
  };
  for (const token of tokens) {
    if (isByteToken(token)) run.push(Number.parseInt(token.slice(3, 5), 16));
    else {
      endRun();
      texts.push(token);
    }
  }
  endRun();
  return texts;
}

export function isByteToken(token: string): boolean {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(token);
}

function stripper(decoder: Json): TokenDecoder {
  const content = typeof decoder.content === 'string' ? decoder.content : ' ';
  const limit = (value: unknown) => (typeof value === 'number' ? value : 0);
  const start = limit(decoder.start);
  const stop = limit(decoder.stop);
  return (tokens) =>
    tokens.map((token) => {
      const characters = [...token];
      let from = 0;
      while (from < start && characters[from] === content) from++;
      let to = characters.length;
      while (characters.length - to < stop && to > from && characters[to - 1] === content) to--;
      return characters.slice(from, to).join('');
    });
}

/** The first token loses its marks of spaces where encoding puts one before the text. */
function metaspaceDecoder(decoder: Json): TokenDecoder {
  const mark = typeof decoder.replacement === 'string' ? decoder.replacement : '▁';
  const prepends = (decoder.prepend_scheme ?? (decoder.add_prefix_space === false ? 'never' : 'always')) !== 'never';
  return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && prepends ? '' : ' '));
}

const CLEAN_UP: [string, string][] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function wordPieceDecoder(decoder: Json): TokenDecoder {
  const prefix = typeof decoder.prefix === 'string' ? decoder.prefix : '##';
  const cleans = decoder.cleanup !== false;
  return (tokens) =>
    tokens.map((token, i) => {
      const text = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return cleans ? CLEAN_UP.reduce((cleaned, [before, after]) => cleaned.replaceAll(before, after), text) : text;
    });
}
