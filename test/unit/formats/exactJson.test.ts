import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonNumber, parseExactJson, toPlain, toPython, writeExactJson } from '../../../src/formats/exactJson.ts';
import { FormatError } from '../../../src/formats/formatError.ts';

const read = (text: string) => parseExactJson(text, 'the text');

describe('exact JSON', () => {
  it('reads whatever JSON.parse reads, to the same values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(JSON.stringify(toPlain(read(text)))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('answers or throws FormatError on any text, as strict as JSON.parse but for NaN and Infinity', () => {
    const pieces = fc.array(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'u00', '1', '-', '.', 'e', '0', 'true', ' ', 'a', '\n'),
      {
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        let strict = true;
        try {
          JSON.parse(text);
        } catch {
          strict = false;
        }
        let ours = true;
        try {
          read(text);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          ours = false;
        }
        expect(ours).toBe(strict);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps every digit, tells 1 from 1.0, and reads what Python writes bare', () => {
    const text = '[123456789012345678901, 1, 1.0, 1e400, -0.0, Infinity, -Infinity, NaN]';
    expect(writeExactJson(read(text))).toBe(text);
    expect((read('1.0') as JsonNumber).isInteger).toBe(false);
    expect(() => read('-NaN')).toThrow(FormatError);
    expect(() => read('01')).toThrow(FormatError);
    expect(() => read('1 2')).toThrow('the end expected, found "2"');
  });

  it('keeps the order of keys, the last value of a repeated one, and __proto__ as a key', () => {
    expect(writeExactJson(read('{"2": 1, "1": 2, "2": 3, "__proto__": {"a": null}}'))).toBe('{"2": 3, "1": 2, "__proto__": {"a": null}}');
    expect(Object.getPrototypeOf(toPlain(read('{"__proto__": 1}')))).toBeNull();
  });

  it('refuses nesting beyond its depth and never overflows the stack', () => {
    expect(() => read('['.repeat(65) + ']'.repeat(65))).toThrow('nested more than 64 levels');
    expect(() => read('['.repeat(1_000_000))).toThrow('nested more than 64 levels');
    expect(() => parseExactJson('[[1]]', 'it', 1)).toThrow('it is nested more than 1 levels');
  });

  it('becomes Python source that names no builtin', () => {
    expect(toPython(read('[null, true, false, 1.5, {"a\\n": ["é\\ud800"]}, NaN, -Infinity]'))).toBe(
      '[None, True, False, 1.5, {"a\\n": ["é\\ud800"]}, (1e999 - 1e999), -1e999]',
    );
  });

  it('shows numbers in previews as numbers where they are exact', () => {
    expect(JSON.stringify([new JsonNumber('1.5'), new JsonNumber('12345678901234567890'), new JsonNumber('NaN')])).toBe(
      '[1.5,"12345678901234567890","NaN"]',
    );
  });
});
