// A tokenizer of one token per character: 0 unknown, 1 begins, 2 ends a text, then newline and printable ASCII.
import type { Tokenizer } from '../../src/formats/tokenizer.ts';

const CHARACTERS = ['\n', ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))];
export const END_ID = 2;
export const CHAR_VOCABULARY = 3 + CHARACTERS.length;

const encode = (text: string): number[] => Array.from(text, (c) => (CHARACTERS.includes(c) ? 3 + CHARACTERS.indexOf(c) : 0));

export const charTokenizer: Tokenizer = {
  size: CHAR_VOCABULARY,
  bosId: 1,
  encode: (text, { addBos }) => [...(addBos ? [1] : []), ...encode(text)],
  decode: (ids) => ids.map((id) => CHARACTERS[id - 3] ?? '').join(''),
  decodeToken: (id) => CHARACTERS[id - 3] ?? (['<unk>', '<s>', '</s>'][id] as string),
  encodeContinuation: encode,
};
