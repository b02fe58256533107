// Reads the project's sources for the house checks: which files there are, what each imports, and its text without comments and strings.
// Reads text, does not compile it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { ROOT } from '../../../scripts/paths.mjs';

export interface Import {
  /** Path from the root, or a package's name. */
  target: string;
  isPackage: boolean;
  typeOnly: boolean;
}

export interface Source {
  /** Path from the root, with forward slashes. */
  path: string;
  text: string;
  /** Comments and the contents of strings are blank. */
  code: string;
  imports: Import[];
}

/** Every file below a folder of the root whose name ends in one of the endings. */
export function listFiles(folder: string, endings: string[]): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function readSources(folder: string): Source[] {
  return listFiles(folder, ['.ts', '.tsx']).map((path) => {
    const text = readText(path);
    return { path, text, code: blank(text, true), imports: readImports(path, text) };
  });
}

const STATEMENT = /^[ \t]*(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?['"]([^'"]+)['"]/gm;
const CALL = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
const ADDRESS = /new URL\(\s*['"](\.[^'"]+\.tsx?)['"]\s*,\s*import\.meta\.url\s*\)/g;

/** Static and dynamic imports, re-exports, and the addresses of workers. */
export function readImports(path: string, text: string): Import[] {
  const code = blank(text, false);
  const imports: Import[] = [];
  for (const [, type, names, target] of code.matchAll(STATEMENT)) {
    const inner = names?.trim() ?? '';
    const everyNameIsType = inner.startsWith('{') && inner.endsWith('}') && splitNames(inner).every((name) => name.startsWith('type '));
    imports.push(resolveTarget(path, target!, type !== undefined || everyNameIsType));
  }
  for (const [, target] of code.matchAll(CALL)) imports.push(resolveTarget(path, target!, false));
  for (const [, target] of code.matchAll(ADDRESS)) imports.push(resolveTarget(path, target!, false));
  return imports;
}

function splitNames(braces: string): string[] {
  return braces
    .slice(1, -1)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function resolveTarget(path: string, target: string, typeOnly: boolean): Import {
  const file = target.replace(/\?.*$/, '');
  if (!file.startsWith('.')) return { target: file, isPackage: true, typeOnly };
  return { target: posix.normalize(posix.join(dirname(path), file)), isPackage: false, typeOnly };
}

/** The text with comments (and, if asked, the contents of strings) replaced by spaces; line ends stay. Templates' insertions count as code. */
export function blank(text: string, stringsToo: boolean): string {
  let out = '';
  const templates: number[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at, at + 2);
    const insertionEnds = text[at] === '}' && templates.length > 0 && templates.at(-1) === depth;
    let end = at + 1;
    let keep = true;
    if (rest === '//') {
      end = indexOrEnd(text, '\n', at);
      keep = false;
    } else if (rest === '/*') {
      end = Math.min(text.length, indexOrEnd(text, '*/', at + 2) + 2);
      keep = false;
    } else if (text[at] === "'" || text[at] === '"') {
      end = stringEnd(text, at, text[at]!);
      keep = !stringsToo;
    } else if (text[at] === '`' || insertionEnds) {
      if (insertionEnds) templates.pop();
      end = templateEnd(text, at);
      if (text[end - 1] === '{') templates.push(depth);
      keep = !stringsToo;
    } else if (text[at] === '{') depth++;
    else if (text[at] === '}') depth--;
    const piece = text.slice(at, end);
    out += keep ? piece : piece.replace(/[^\n]/g, ' ');
    at = end;
  }
  return out;
}

function indexOrEnd(text: string, what: string, from: number): number {
  const index = text.indexOf(what, from);
  return index < 0 ? text.length : index;
}

/** The position after a string's closing quote; a quote that is not closed on its line (one in a regular expression, say) stands alone. */
function stringEnd(text: string, at: number, quote: string): number {
  for (let i = at + 1; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i + 1;
  }
  return at + 1;
}

/** The position after a template's closing backtick, or after the `${` of its next insertion. */
function templateEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '`') return i + 1;
    else if (text[i] === '$' && text[i + 1] === '{') return i + 2;
  }
  return text.length;
}
