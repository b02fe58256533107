// The verb `profile` on the embedded base model: a line per kernel, a table, and a trace whose spans are the step's dispatches.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensurePage } from '../../scripts/build.mjs';
import { ROOT } from '../../scripts/paths.mjs';
import type { TraceEvent } from '../../src/engine/profile.ts';
import { main } from '../../src/headless/lab.ts';

const MODEL = join(ROOT, 'public', 'default', 'recall-lines');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-profile-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function profile(...options: string[]) {
  const out = join(dir, 'trace.json');
  let stdout = '';
  let stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += text)));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += text)));
  let code: number;
  try {
    code = await main(['profile', '--model', MODEL, '--rounds', '2', '--out', out, ...options], { ensurePage });
  } finally {
    vi.restoreAllMocks();
  }
  const lines = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, stderr, lines, out };
}

describe('lab profile', () => {
  it.each([
    ['a training step', ['--batch', '2', '--length', '32'], 'backward, layer 1', 'optim/'],
    ['a decoding step', ['--batch', '3', '--length', '32', '--decode'], 'forward, layer 1', 'sample/'],
  ])('times every dispatch of %s', async (name, options, track, kernel) => {
    const { code, stderr, lines, out } = await profile(...options);
    expect(code, stderr).toBe(0);
    const total = lines.at(-1) as { type: string; plan: string; dispatches: number; timeMs: number };
    expect(total).toMatchObject({ type: 'total', plan: expect.stringContaining(name.replace('a ', '')) });
    expect(total.timeMs).toBeGreaterThan(0);
    const kernels = lines.slice(0, -1) as { kernel: string; calls: number; share: number }[];
    expect(kernels.reduce((n, k) => n + k.calls, 0)).toBe(total.dispatches);
    expect(kernels.reduce((n, k) => n + k.share, 0)).toBeCloseTo(1, 6);
    expect(kernels.some((k) => k.kernel.startsWith(kernel))).toBe(true);
    expect(stderr).toMatch(/^kernel +calls +ms +share/m);
    const { traceEvents } = JSON.parse(readFileSync(out, 'utf8')) as { traceEvents: TraceEvent[] };
    expect(traceEvents.filter((e) => e.ph === 'X')).toHaveLength(total.dispatches);
    expect(traceEvents.map((e) => e.args.name)).toContain(track);
  });

  it('refuses a length beyond the context, naming the limit', async () => {
    const { code, stderr } = await profile('--length', '100000');
    expect(code).toBe(2);
    expect(stderr).toMatch(/--length is "100000"; it must be an integer from 2 to \d+\./);
  });
});
