// Ablation on the embedded recall model, taught in a few steps to think the key before the first line: without thoughts it solves what a model that was
// never taught to think does; without one latent, only the programs that need it change.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GpuContext, openGpu } from '../../../src/gpu/context.ts';
import { openNodeGpu } from '../../../src/headless/adapter.ts';
import { SupervisedTrainer } from '../../../src/midtrain/supervised.ts';
import { Optimizer } from '../../../src/model/optimizer.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { Ablation, latentsByText } from '../../../src/run/ablation.ts';
import { makeCorpus } from '../../../src/run/corpus.ts';
import type { AblationResult } from '../../../src/run/events.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import { embeddedModel } from '../../../src/run/session.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence } from '../../../src/tasks/sequence.ts';

const BASE = 'public/default/recall-lines';
const recipe = presetRecipe('recall-lines', 'quick');
recipe.evaluate = { prompts: 32, samples: 4, ranges: ['in'] };
const TASK = makeCorpus(recipe, 11, { tokenizer: null, dataset: null });

let gpu: GpuContext;
let base: Awaited<ReturnType<typeof embeddedModel>>;

beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
  const [config, weights] = [readFileSync(`${BASE}/config.json`, 'utf8'), readFileSync(`${BASE}/model.safetensors`)];
  base = await embeddedModel({ config, weights });
});
afterAll(() => gpu?.destroy());

/** The base after 60 updates on expert programs, with the oracle's thoughts or without any. */
async function taught(thinking: boolean): Promise<Transformer> {
  const model = await Transformer.make(gpu, base.config.architecture);
  await model.load(base.weights);
  const optimizer = await Optimizer.make(model);
  const trainer = await SupervisedTrainer.make(model, optimizer, { B: 32, T: TASK.maxTokens, W: TASK.window }, TASK.form);
  const rng = makeRng(1, 77);
  for (let step = 0; step < 60; step++) {
    const programs = TASK.train(rng, 32);
    trainer.step(
      programs.map((p) =>
        buildSequence(
          p,
          p.truth.map(({ oracle }) => (thinking ? oracle : null)),
          TASK.form,
        ),
      ),
      { lr: 2e-3 },
    );
  }
  await gpu.idle();
  trainer.destroy();
  optimizer.destroy();
  return model;
}

/** The measurement with its reports, one before the last. */
async function measure(ablation: Ablation, thoughts: string[] | null): Promise<{ result: AblationResult; reports: AblationResult[] }> {
  const reports: AblationResult[] = [];
  return { result: await ablation.measure(thoughts, (r) => reports.push(r)), reports };
}

describe('switching latents off', () => {
  it('all thoughts: pass@1 falls to that of next-token prediction; one latent: only the programs whose key it is change', async () => {
    const [thinker, ntp] = [await taught(true), await taught(false)];
    const [ablation, plain] = [await Ablation.make(thinker, TASK, recipe), await Ablation.make(ntp, TASK, recipe)];
    const { result: all, reports } = await measure(ablation, null);
    const { result: never } = await measure(plain, null);
    expect(reports.map((r) => [r.programs, r.of])).toEqual([
      [16, 32],
      [32, 32],
    ]);
    expect(all.whole.mean).toBeGreaterThan(0.85);
    expect(all.thoughts.whole).toBeGreaterThan(0.9);
    expect(all.thoughts.ablated).toBe(0);
    expect(all.ablated.mean).toBeLessThan(never.whole.mean + 0.15);
    expect(all.difference.hi).toBeLessThan(-0.3);
    expect(all.difference.mean).toBeCloseTo(all.ablated.mean - all.whole.mean, 12);

    // programs by key: the second token of the prompt
    const programs = TASK.heldOut(32);
    const names = new Map([...latentsByText(TASK, programs[0]!)].map(([text, id]) => [id, text]));
    const keys = programs.map((p) => p.prompt[1]!);
    const most = [...new Set(keys)].sort((a, b) => keys.filter((k) => k === b).length - keys.filter((k) => k === a).length)[0]!;
    const share = keys.filter((k) => k === most).length / keys.length;
    const { result: one } = await measure(ablation, [names.get(most)!]);
    expect(one.whole).toEqual(all.whole);
    expect(one.difference.hi).toBeLessThan(0);
    // those that thought it anew, and none beyond: rollouts of other keys seldom think it
    expect(one.changed).toBeGreaterThan(0.8 * share * 128);
    expect(one.changed).toBeLessThan(share * 128 + 16);
    for (const a of [ablation, plain]) a.destroy();
    for (const m of [thinker, ntp]) m.destroy();
  });

  it('a latent that nothing uses changes nothing, bit for bit', async () => {
    const model = await taught(false);
    const ablation = await Ablation.make(model, TASK, recipe);
    const [first] = latentsByText(TASK, TASK.heldOut(1)[0]!).keys();
    const { result } = await measure(ablation, [first!]);
    expect(result).toMatchObject({ changed: 0, ablated: { mean: result.whole.mean }, difference: { mean: 0, lo: 0, hi: 0 } });
    await expect(ablation.measure(['no such latent'], () => undefined)).rejects.toThrow(
      /"no such latent" is no latent of this task: they are /,
    );
    await expect(ablation.measure([], () => undefined)).rejects.toThrow(/Nothing was named/);
    ablation.destroy();
    model.destroy();
  });
});
