// One kernel per WGSL file, named for it, with the head that says what it computes, how it is launched and how exact it is.
import { describe, expect, it } from 'vitest';
import { listFiles, readText } from './sources.ts';

const HEAD = ['formula', 'in', 'out', 'grid', 'cost', 'tolerance', 'guard'];
const ENTRY = /@compute\b/g;
const MAIN = /@compute\s+@workgroup_size\([^)]*\)\s*fn\s+main\s*\(|@workgroup_size\([^)]*\)\s*@compute\s*fn\s+main\s*\(/g;

const files = listFiles('shaders', ['.wgsl']);
/** Files that kernels include: functions, and bodies that variants share. */
const isPart = (path: string) => path.startsWith('shaders/lib/') || path.endsWith('_body.wgsl');
const kernels = files.filter((path) => !isPart(path));

describe('shaders', () => {
  it('are named in snake_case', () => {
    expect(files.filter((path) => !/^[a-z0-9_]+\.wgsl$/.test(path.split('/').at(-1)!))).toEqual([]);
  });

  it.each(files.filter((path) => path.startsWith('shaders/lib/')))('%s has no entry point', (path) => {
    expect(withoutComments(readText(path)).match(ENTRY)).toBeNull();
  });

  it.each(kernels)('%s has the entry point main and no other', (path) => {
    const code = withIncludes(path);
    expect({ entries: code.match(ENTRY)?.length ?? 0, mains: code.match(MAIN)?.length ?? 0 }).toEqual({ entries: 1, mains: 1 });
  });

  it.each(kernels)('%s begins with a complete head', (path) => {
    const head = headOf(readText(path));
    expect(HEAD.filter((key) => !head.some((line) => new RegExp(`^// ${key}:\\s*\\S`).test(line)))).toEqual([]);
  });

  it.each(files)('%s includes files that exist', (path) => {
    const missing = includesOf(readText(path)).filter((name) => !files.includes(`shaders/${name}`));
    expect(missing).toEqual([]);
  });
});

/** The lines of the comment that a file begins with; includes may stand before or in it. */
function headOf(text: string): string[] {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines.slice(0, end < 0 ? lines.length : end);
}

function includesOf(text: string): string[] {
  return [...text.matchAll(/^\/\/!include "([^"]+)"/gm)].map((match) => match[1]!);
}

function withoutComments(text: string): string {
  return text.replace(/\/\/.*$/gm, '');
}

/** The kernel's text with everything that it includes, each file once: variants may share a body with its entry point. */
function withIncludes(path: string, seen = new Set<string>()): string {
  if (seen.has(path) || !files.includes(path)) return '';
  seen.add(path);
  const text = readText(path);
  const included = includesOf(text).map((name) => withIncludes(`shaders/${name}`, seen));
  return [...included, withoutComments(text)].join('\n');
}
