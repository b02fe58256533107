// Strict UTF-8 and JSON with a bounded depth, so that no later walk over the value can overflow the stack.
// Refuses bytes that are not UTF-8, text that is not JSON, and nesting deeper than asked.
import { FormatError } from './formatError.ts';

const DEFAULT_DEPTH = 64;

/** Decodes UTF-8 (a leading byte-order mark is dropped). `what` names the file in the error (quoted by the caller where it is foreign). */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError(`${what} is not UTF-8 text. Save it as UTF-8 and drop it again.`);
  }
}

/** Text of one of a folder's files; null where there is none of that name. */
export function textOf(files: ReadonlyMap<string, Uint8Array>, name: string): string | null {
  const bytes = files.get(name);
  return bytes ? decodeUtf8(bytes, name) : null;
}

/** Parses JSON of at most `maxDepth` levels. Own keys named `__proto__` stay ordinary keys; no prototype is touched. */
export function parseJson(text: string, what: string, maxDepth = DEFAULT_DEPTH): unknown {
  if (deeperThan(text, maxDepth)) throw new FormatError(`${what} is nested more than ${maxDepth} levels deep; it is not read.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(`${what} is not valid JSON: ${reason.slice(0, 160)}`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy at every level without prototypes: reading, spreading or assigning a key `__proto__` is then harmless. */
export function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototypes);
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value)) copy[key] = withoutPrototypes(value[key]);
  return copy;
}

function deeperThan(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      i++;
      for (; i < text.length; i++) {
        const inner = text.charCodeAt(i);
        if (inner === 0x5c) i++;
        else if (inner === 0x22) break;
      }
    } else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return false;
}
