// JSON in which nothing is lost: numbers stay as they are written (integers of any length, 1 apart from 1.0), keys keep their order, and Python's bare
// NaN, Infinity and -Infinity are read. Written out again as Python source or as JSON. For rows whose values become arguments of Python calls.
// Refuses (FormatError) text that is not such JSON, nesting deeper than asked, and more values than MAX_VALUES.
import { FormatError } from './formatError.ts';

/** A number as it is written: "12345678901234567890", "1.0", "-Infinity". */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }

  /** The nearest float64. */
  get value(): number {
    return Number(this.text);
  }

  /** For previews. */
  toJSON(): number | string {
    return Number.isFinite(this.value) && (!this.isInteger || Number.isSafeInteger(this.value)) ? this.value : this.text;
  }
}

export type ExactJson = null | boolean | string | JsonNumber | ExactJson[] | Map<string, ExactJson>;

const DEFAULT_DEPTH = 64;
const MAX_VALUES = 20_000_000;
const NUMBER = /-?(?:Infinity|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|NaN/y;
/** Up to the next quote, escape or control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** @param what names the text in errors. A key that is given twice has its last value, as in Python. Throws FormatError. */
export function parseExactJson(text: string, what: string, maxDepth = DEFAULT_DEPTH): ExactJson {
  let at = 0;
  let values = 0;

  const fail = (expected: string): never => {
    const found = at < text.length ? `${JSON.stringify(text.slice(at, at + 12))} at character ${at + 1}` : 'the end of the text';
    throw new FormatError(`${what} is not valid JSON: ${expected} expected, found ${found}.`);
  };
  const skipSpace = (): void => {
    for (; ; at++) {
      const c = text.charCodeAt(at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
    }
  };
  const word = (letters: string): boolean => {
    if (!text.startsWith(letters, at)) return false;
    at += letters.length;
    return true;
  };
  const readString = (): string => {
    at++;
    let out = '';
    for (;;) {
      PLAIN.lastIndex = at;
      const plain = PLAIN.exec(text)?.[0] ?? '';
      out += plain;
      at += plain.length;
      const c = text[at];
      if (c === '"') {
        at++;
        return out;
      }
      if (c !== '\\') return fail('the end of a string');
      const letter = text[at + 1] ?? '';
      if (letter === 'u') {
        const digits = text.slice(at + 2, at + 6);
        if (!/^[\da-fA-F]{4}$/.test(digits)) return fail('four hexadecimal digits');
        out += String.fromCharCode(Number.parseInt(digits, 16));
        at += 6;
      } else {
        const escaped = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
        if (escaped === undefined) return fail('an escape');
        out += escaped;
        at += 2;
      }
    }
  };
  const readArray = (depth: number): ExactJson[] => {
    at++;
    const items: ExactJson[] = [];
    skipSpace();
    if (word(']')) return items;
    for (;;) {
      items.push(readValue(depth));
      skipSpace();
      if (word(']')) return items;
      if (!word(',')) return fail('"," or "]"');
    }
  };
  const readObject = (depth: number): Map<string, ExactJson> => {
    at++;
    const entries = new Map<string, ExactJson>();
    skipSpace();
    if (word('}')) return entries;
    for (;;) {
      skipSpace();
      if (text[at] !== '"') return fail('a key');
      const key = readString();
      skipSpace();
      if (!word(':')) return fail('":"');
      entries.set(key, readValue(depth));
      skipSpace();
      if (word('}')) return entries;
      if (!word(',')) return fail('"," or "}"');
    }
  };
  const readValue = (depth: number): ExactJson => {
    skipSpace();
    if (++values > MAX_VALUES) throw new FormatError(`${what} holds more than ${MAX_VALUES} values, which is the limit. Split it.`);
    const c = text[at];
    if (c === '"') return readString();
    if (c === '[' || c === '{') {
      if (depth >= maxDepth) throw new FormatError(`${what} is nested more than ${maxDepth} levels deep; it is not read.`);
      return c === '[' ? readArray(depth + 1) : readObject(depth + 1);
    }
    if (word('true')) return true;
    if (word('false')) return false;
    if (word('null')) return null;
    NUMBER.lastIndex = at;
    const number = NUMBER.exec(text)?.[0];
    if (number === undefined) return fail('a value');
    at += number.length;
    return new JsonNumber(number);
  };

  const value = readValue(0);
  skipSpace();
  if (at < text.length) fail('the end');
  return value;
}

/** The value as JSON.parse would give it, numbers rounded to float64; objects have no prototype. */
export function toPlain(value: ExactJson): unknown {
  if (value instanceof JsonNumber) return value.value;
  if (Array.isArray(value)) return value.map(toPlain);
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, item] of value) object[key] = toPlain(item);
  return object;
}

/** JSON text, as Python's json.dumps writes it: NaN and Infinity bare, numbers as they were read. */
export function writeExactJson(value: ExactJson): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeExactJson).join(', ')}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  return `{${[...value].map(([key, item]) => `${JSON.stringify(key)}: ${writeExactJson(item)}`).join(', ')}}`;
}

/** A Python expression that has the value which Python's json.loads gives. Names no builtin, so a program cannot change what it means. */
export function toPython(value: ExactJson): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return pythonString(value);
  if (value instanceof JsonNumber) return pythonNumber(value);
  if (Array.isArray(value)) return `[${value.map(toPython).join(', ')}]`;
  return `{${[...value].map(([key, item]) => `${pythonString(key)}: ${toPython(item)}`).join(', ')}}`;
}

/** A JSON string literal is a Python literal of the same text; lone surrogates stay escapes in both. */
export function pythonString(text: string): string {
  return JSON.stringify(text);
}

export function pythonNumber(number: JsonNumber): string {
  if (number.text === 'NaN') return '(1e999 - 1e999)';
  return number.text.replace('Infinity', '1e999');
}
