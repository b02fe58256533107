// stories260K writes what is published for it: 255 greedy tokens in one go, from any place in the middle, and up to stop strings that cross the
// borders of tokens. Needs the model in ../shared/models/stories260K; without it the tests are skipped and say so.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../scripts/paths.mjs';
import type { DroppedModel } from '../../src/formats/dropped.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { readModelFolder } from '../../src/headless/files.ts';
import { generateText, generateTexts } from '../../src/run/generateText.ts';
import { openTestGpu } from '../support/goldenModel.ts';

const MODEL = join(ROOT, '../shared/models/stories260K');
const isThere = existsSync(join(MODEL, 'golden.json'));
if (!isThere) console.log(`Skipped: ${MODEL} holds no golden.json. Put stories260K there to run its golden tests.`);

interface Golden {
  greedy_ids: number[];
  greedy_text: string;
  mean_nll_greedy_ids: number;
}

describe.skipIf(!isThere)('stories260K', () => {
  let gpu: GpuContext;
  let folder: DroppedModel;
  let golden: Golden;
  beforeAll(async () => {
    gpu = await openTestGpu();
    folder = await readModelFolder(MODEL);
    golden = JSON.parse(readFileSync(join(MODEL, 'golden.json'), 'utf8')) as Golden;
  });
  afterAll(() => gpu?.destroy());

  it('writes the published story, with its text as it comes and its mean log-probability', async () => {
    const pieces: string[] = [];
    const result = await generateText(gpu, folder, { prompt: { ids: [1] }, maxTokens: 255 }, (text) => pieces.push(text));
    expect([1, ...result.ids]).toEqual(golden.greedy_ids);
    expect(golden.greedy_text.startsWith(result.text)).toBe(true);
    expect(pieces.join('')).toBe(result.text);
    expect(pieces.length).toBeGreaterThan(20);
    expect(result.reason).toBe('length');
    const mean = -result.logprobs.reduce((a, b) => a + b, 0) / result.logprobs.length;
    expect(Math.abs(mean - golden.mean_nll_greedy_ids)).toBeLessThan(1e-4);
    expect(result.entropies.every((h) => h >= 0 && h <= Math.log(512))).toBe(true);
  });

  it('continues it from anywhere, many prompts at a time', async () => {
    const { greedy_ids: all } = golden;
    const cuts = [1, 2, 3, 8, 20, 65, 66, 130, 200];
    const requests = cuts.map((n) => ({ prompt: { ids: all.slice(0, n) }, maxTokens: 12 }));
    const results = await generateTexts(gpu, folder, requests, { slots: 4 });
    results.forEach((result, i) => {
      expect(result.ids, `after ${cuts[i]}`).toEqual(all.slice(cuts[i]!, cuts[i]! + 12));
    });
  });

  it('stops at strings across the borders of tokens, without them', async () => {
    for (const stop of ['little girl', 'e pa', 'y. She']) {
      const result = await generateText(gpu, folder, { prompt: { text: 'Once upon a time' }, maxTokens: 60, stop: ['@', stop] });
      const whole = golden.greedy_text.slice('Once upon a time'.length);
      expect(result).toMatchObject({ reason: 'stop string', text: whole.slice(0, whole.indexOf(stop)) });
      expect(result.logprobs.length).toBe(result.ids.length);
    }
  });
});
