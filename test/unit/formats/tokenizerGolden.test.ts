// Small tokenizers of every kind give the ids and texts that Python's tokenizers gives, for hard strings and for random ids
// (made by test/golden/make_tokenizers.py).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TextStream } from '../../../src/formats/textStream.ts';
import { loadTokenizer } from '../../../src/formats/tokenizer.ts';

const FOLDER = new URL('../../golden/tokenizers/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8');
const expected = JSON.parse(read('expected.json')) as {
  texts: string[];
  tokenizers: Record<string, { size: number; ids: number[][]; decoded: string[]; drawn: number[][]; drawnDecoded: string[] }>;
};

describe.each(Object.entries(expected.tokenizers))('%s', (name, golden) => {
  const tokenizer = loadTokenizer(read(`${name}.json`), null);

  test('ids of every text', () => {
    expect(tokenizer.size).toBe(golden.size);
    expected.texts.forEach((text, i) => {
      expect(tokenizer.encode(text, { addBos: false }), JSON.stringify(text)).toEqual(golden.ids[i]);
    });
  });

  test('text of its ids and of random ones', () => {
    golden.ids.forEach((ids, i) => expect(tokenizer.decode(ids)).toBe(golden.decoded[i]));
    golden.drawn.forEach((ids, i) => expect(tokenizer.decode(ids), `${ids}`).toBe(golden.drawnDecoded[i]));
  });

  test('streamed in pieces of any size, the text is the same and never ends in half a character', () => {
    for (const size of [1, 2, 7]) {
      golden.ids.forEach((ids, i) => {
        const stream = new TextStream(tokenizer);
        let text = '';
        for (let at = 0; at < ids.length; at += size) {
          text += stream.push(ids.slice(at, at + size)).text;
          expect(golden.decoded[i]!.startsWith(text), JSON.stringify(text)).toBe(true);
        }
        expect(text + stream.end()).toBe(golden.decoded[i]);
      });
    }
  });

  test('streamed after a prompt, the text is what follows the prompt', () => {
    golden.ids.forEach((ids) => {
      const cut = ids.length >> 1;
      const before = tokenizer.decode(ids.slice(0, cut));
      const whole = tokenizer.decode(ids);
      if (before.includes('\ufffd') || !whole.startsWith(before)) return;
      const stream = new TextStream(tokenizer, { after: ids.slice(0, cut) });
      const { text } = stream.push(ids.slice(cut));
      expect(before + text + stream.end()).toBe(whole);
    });
  });
});
