// The headless run: the built page in a real browser, from a recipe to a bundle on disk and the closing table.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensurePage } from '../../scripts/build.mjs';
import { presetRecipe, runHeadless } from '../../src/headless/driver.ts';
import type { Recipe } from '../../src/run/recipe.ts';

const QUICK = presetRecipe('recall-lines', 'quick');
/** Every stage of one arm, a step or two of each. */
const TINY: Recipe = {
  ...QUICK,
  name: 'tiny',
  arms: ['ra3'],
  ra3: { ...QUICK.ra3, emIterations: 1, eSteps: 1, programs: 4, group: 4, infuse: 16, m: { ...QUICK.ra3.m, steps: 2, batch: 8 } },
  rlvr: { ...QUICK.rlvr, steps: 1, prompts: 4, group: 4 },
  evaluate: { prompts: 8, samples: 2, ranges: ['in'] },
};

let dir: string;
let stdout = '';
let stderr = '';

beforeAll(async () => {
  await ensurePage();
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-headless-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

async function run(recipe: Recipe, out: string): Promise<number> {
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += text)));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += text)));
  try {
    return await runHeadless({ recipe, out });
  } finally {
    vi.restoreAllMocks();
  }
}

describe('a headless run', () => {
  it('runs a recipe to its end, writes its bundle and prints the table', async () => {
    const out = join(dir, 'good');
    const code = await run(TINY, out);
    expect(stderr).not.toContain('failed');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^arm +phase +pass@1 \[95 %\]/);
    expect(stdout).toMatch(/^RA3 +before RLVR +\d/m);
    expect(stdout).toMatch(/^RA3 +after RLVR +\d/m);
    expect(stdout).toMatch(/tokens\/s over/);
    const zipped = unzipSync(readFileSync(join(out, 'bundle.zip')));
    for (const name of [
      'recipe.json',
      'log.jsonl',
      'summary.json',
      'environment.json',
      'traces.jsonl',
      'traces.parquet',
      'model/ra3/model.safetensors',
    ]) {
      expect(readFileSync(join(out, name)).equals(zipped[name]!), name).toBe(true);
    }
    expect(JSON.parse(readFileSync(join(out, 'recipe.json'), 'utf8'))).toEqual(TINY);
  });

  it('says in one sentence why a recipe was refused, and leaves no bundle', async () => {
    const out = join(dir, 'bad');
    const code = await run({ ...TINY, ra3: { ...TINY.ra3, group: 0 } }, out);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The run failed: The recipe does not fit: ra3\.group/m);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(existsSync(join(out, 'bundle.zip'))).toBe(false);
  });
});
