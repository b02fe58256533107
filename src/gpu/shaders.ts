// WGSL sources by kernel name ("norm/rms_norm"), with `//!include "lib/x.wgsl"` resolved: textual, each file once, errors with file and
// line. Also reads off a kernel what a dispatch needs: its storage bindings, its Args struct and its override constants.
// Refuses: unknown kernels and includes, a kernel whose Args holds anything but scalars, an `enable` after other code.

const FILES = import.meta.glob('/shaders/**/*.wgsl', { query: '?raw', import: 'default', eager: true }) as Record<string, string>;

export interface ArgField {
  name: string;
  type: 'u32' | 'i32' | 'f32';
}
export interface KernelSource {
  name: string;
  code: string;
  /** Names of the storage bindings in order of @binding (1-based; binding 0 is the uniform Args). */
  bindings: string[];
  args: ArgField[];
  overrides: string[];
  /** Extensions that the kernel enables, e.g. "f16". */
  enables: string[];
}

const cache = new Map<string, KernelSource>();

export function kernelNames(): string[] {
  return Object.keys(FILES)
    .map((p) => p.replace(/^\/shaders\//, '').replace(/\.wgsl$/, ''))
    .filter((n) => !n.startsWith('lib/') && !n.endsWith('_body'))
    .sort();
}

/** The source of a kernel, includes resolved. Throws when the kernel or an include does not exist. */
export function kernelSource(name: string): KernelSource {
  const hit = cache.get(name);
  if (hit) return hit;
  const code = resolve(`${name}.wgsl`, new Set(), name, 0);
  const bindings: string[] = [];
  for (const m of code.matchAll(/@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*read_write>\s*(\w+)/g))
    bindings[Number(m[1]) - 1] = m[2] as string;
  const struct = /struct Args\s*\{([^}]*)\}/.exec(code);
  const args: ArgField[] = [];
  for (const line of (struct?.[1] ?? '').split(',')) {
    const text = line.replace(/\/\/.*$/gm, '').trim();
    if (!text) continue;
    const m = /^(\w+)\s*:\s*(u32|i32|f32)$/.exec(text);
    if (!m) throw new Error(`Kernel ${name}: Args may hold u32, i32 and f32 only, found "${text}".`);
    args.push({ name: m[1] as string, type: m[2] as ArgField['type'] });
  }
  const overrides = [...code.matchAll(/^override\s+(\w+)/gm)].map((m) => m[1] as string);
  const source = { name, code, bindings, args, overrides, enables: enablesOf(name, code) };
  cache.set(name, source);
  return source;
}

/** WGSL wants `enable` before any other code; what an include brings counts too. */
function enablesOf(name: string, code: string): string[] {
  const enables: string[] = [];
  let other = '';
  for (const line of code.split('\n')) {
    const text = line.replace(/\/\/.*$/, '').trim();
    const m = /^enable\s+(\w+)\s*;$/.exec(text);
    if (m && other)
      throw new Error(`Kernel ${name}: "${text}" stands after "${other}"; move it to the first line of code, before any include.`);
    if (m) enables.push(m[1] as string);
    else other ||= text;
  }
  return enables;
}

function resolve(path: string, seen: Set<string>, from: string, line: number): string {
  const text = FILES[`/shaders/${path}`];
  if (text === undefined) throw new Error(line ? `${from}:${line}: include "${path}" does not exist.` : `No kernel shaders/${path}.`);
  if (seen.has(path)) return '';
  seen.add(path);
  return text
    .split('\n')
    .map((l, i) => {
      const m = /^\/\/!include "([^"]+)"/.exec(l);
      return m ? resolve(m[1] as string, seen, path, i + 1) : l;
    })
    .join('\n');
}
