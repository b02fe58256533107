// Text of tokens that arrive one by one: stop strings across their borders, characters across them, and bytes that never become one.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FormatError } from '../../../src/formats/formatError.ts';
import { TextStream } from '../../../src/formats/textStream.ts';
import { loadTokenizer } from '../../../src/formats/tokenizer.ts';

const load = (name: string) => loadTokenizer(readFileSync(new URL(`../../golden/tokenizers/${name}.json`, import.meta.url), 'utf8'), null);
const byteLevel = load('gpt2');
const byteFallback = load('gemma');

/** One token per character. */
const letters = { decode: (ids: readonly number[]) => String.fromCharCode(...ids) };
const codes = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

test('a stop string ends the text before its first character, wherever tokens end', () => {
  for (const [text, stopStrings, out, used] of [
    ['say hello\nUser: hi', ['\nUser:'], 'say hello', 15],
    ['aaab', ['aab'], 'a', 4],
    ['abcd', ['abcd', 'bc'], 'a', 3],
    ['abc', ['c', 'bc'], 'a', 3],
    ['no stop here', ['x'], 'no stop here', 12],
    ['ends with a beginning <|e', ['<|end|>'], 'ends with a beginning <|e', 25],
  ] as const) {
    for (const size of [1, 3, 100]) {
      const stream = new TextStream(letters, { stopStrings });
      const ids = codes(text);
      let streamed = '';
      let taken = 0;
      let stopped: string | null = null;
      for (let at = 0; at < ids.length && stopped === null; at += size) {
        const pushed = stream.push(ids.slice(at, at + size));
        streamed += pushed.text;
        taken += pushed.used;
        stopped = pushed.stopped;
      }
      expect(streamed + stream.end(), text).toBe(out);
      expect(taken, text).toBe(used);
      if (stopped !== null) expect(stream.push([97])).toEqual({ text: '', stopped, used: 0 });
    }
  }
});

test('what cannot be the beginning of a stop string is out at once', () => {
  const stream = new TextStream(letters, { stopStrings: ['END'] });
  expect(stream.push(codes('abE')).text).toBe('ab');
  expect(stream.push(codes('Nx')).text).toBe('ENx');
  expect(stream.push(codes('EN')).text).toBe('');
  expect(stream.push(codes('D')).stopped).toBe('END');
});

test('a character of several tokens comes whole, the text before it at once', () => {
  for (const tokenizer of [byteLevel, byteFallback]) {
    const stream = new TextStream(tokenizer);
    const ids = tokenizer.encode('ab🦊cd🦊🦊', { addBos: false });
    const pieces = ids.map((id) => stream.push([id]).text);
    expect(pieces.join('')).toBe('ab🦊cd🦊🦊');
    expect(pieces.join('|')).not.toContain('\ufffd');
  }
});

test('bytes that are no text are given out, if late', () => {
  for (const [tokenizer, name] of [
    [byteLevel, 'ĳ'],
    [byteFallback, '<0x91>'],
  ] as const) {
    const id = Array.from({ length: tokenizer.size }, (_, i) => i).find(
      (i) => tokenizer.decodeToken(i) === name || tokenizer.decode([i]) === '\ufffd',
    );
    const stream = new TextStream(tokenizer);
    const text = Array.from({ length: 100 }, () => stream.push([id!]).text).join('');
    expect(text).toMatch(/^\ufffd{90,100}$/);
    expect(stream.push(tokenizer.encode('abc', { addBos: false })).text + stream.end()).toContain('abc');
  }
});

test('any text with any stop strings: out comes what stands before the one that is complete first', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '🦊', '\n'), minLength: 1, maxLength: 4 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '🦊', '\n'), maxLength: 24 });
  fc.assert(
    fc.property(text, fc.array(word, { maxLength: 3 }), fc.integer({ min: 1, max: 5 }), (whole, stopStrings, size) => {
      let best: { start: number; end: number } | null = null;
      for (const stop of stopStrings) {
        const start = whole.indexOf(stop);
        const end = start + stop.length;
        if (start >= 0 && (!best || end < best.end || (end === best.end && start < best.start))) best = { start, end };
      }
      const ids = byteLevel.encode(whole, { addBos: false });
      const stream = new TextStream(byteLevel, { stopStrings });
      let out = '';
      for (let at = 0; at < ids.length; at += size) out += stream.push(ids.slice(at, at + size)).text;
      expect(out + stream.end()).toBe(best ? whole.slice(0, best.start) : whole);
    }),
  );
});

test('an empty stop string is refused', () => {
  expect(() => new TextStream(letters, { stopStrings: ['a', ''] })).toThrow(FormatError);
});
