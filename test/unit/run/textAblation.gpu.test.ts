// Text thoughts switched off: a thought that is off is taken back where it comes out and nothing else changes; without any the likelihood is that of the
// programs alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Evaluator } from '../../../src/evaluate/evaluator.ts';
import { type GpuContext, openGpu } from '../../../src/gpu/context.ts';
import { openNodeGpu } from '../../../src/headless/adapter.ts';
import { SupervisedTrainer } from '../../../src/midtrain/supervised.ts';
import { Optimizer } from '../../../src/model/optimizer.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { Ablation } from '../../../src/run/ablation.ts';
import { makeCorpus } from '../../../src/run/corpus.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import { CODE_DEFAULTS } from '../../../src/run/recipe.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence } from '../../../src/tasks/sequence.ts';
import { CHAR_VOCABULARY, charTokenizer } from '../../support/charTokenizer.ts';
import { llamaArchitecture } from '../../support/llamaArchitecture.ts';

const ARCHITECTURE = llamaArchitecture({
  hidden: 32,
  intermediate: 48,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  vocabulary: CHAR_VOCABULARY,
  maxPositions: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 1e4,
  tieEmbeddings: false,
});
const recipe = presetRecipe('recall-lines', 'quick');
recipe.model = 'dropped';
recipe.task = { ...CODE_DEFAULTS, kind: 'code', promptField: 'p', solutionField: 's', maxTokens: 48, heldOut: 0.5, maxRows: 100 };
recipe.ra3.maxLatentTokens = 2;
recipe.evaluate = { prompts: 6, samples: 2, ranges: ['in'] };
const rows = Array.from({ length: 12 }, (_, i) => ({ p: `n${i % 3}`, s: `x = ${i % 2}\ny = ${i % 2}\nz = x\n` }));
const TASK = makeCorpus(recipe, CHAR_VOCABULARY, { tokenizer: charTokenizer, dataset: { rows } });
const think = (text: string): number[] => charTokenizer.encodeContinuation(text);

let gpu: GpuContext;
let model: Transformer;
beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
  model = await Transformer.make(gpu, ARCHITECTURE);
  const rng = makeRng(3, 1);
  await model.randomise(
    () => Math.sqrt(3) * (2 * rng.uniform() - 1),
    () => 0.1,
  );
  const optimizer = await Optimizer.make(model);
  const trainer = await SupervisedTrainer.make(model, optimizer, { B: 8, T: TASK.maxTokens, W: 0 }, TASK.form);
  // each line under one of two thoughts, or none
  const thought = (): number[] | null => [think('a'), think('bc'), null][rng.int(3)] as number[] | null;
  for (let step = 0; step < 120; step++) {
    const programs = TASK.train(rng, 8);
    trainer.step(
      programs.map((p) => buildSequence(p, p.lines.map(thought), TASK.form)),
      { lr: 5e-3 },
    );
  }
  await gpu.idle();
  trainer.destroy();
  optimizer.destroy();
});
afterAll(() => {
  model?.destroy();
  gpu?.destroy();
});

describe('text thoughts switched off', () => {
  it('are taken back where they come out, and all before and all other rollouts keep every token', async () => {
    const policy = { form: TASK.form, symbolLo: 0, symbolHi: CHAR_VOCABULARY, bias: 0 };
    const evaluator = await Evaluator.make(model, { rows: 12, T: TASK.maxTokens, S: TASK.maxScript, W: 0 }, policy);
    const programs = [...TASK.heldOut(6), ...TASK.heldOut(6)];
    const isA = (_: unknown, latent: readonly number[]): boolean => TASK.text(latent) === 'a';
    const [whole, without, none] = [
      await evaluator.forcedWithout(programs, 5, 0, () => false),
      await evaluator.forcedWithout(programs, 5, 0, isA),
      await evaluator.forcedWithout(programs, 5, 0, 'thoughts'),
    ];
    const explained = await evaluator.explain(programs, 5, 0);
    let takenBack = 0;
    let untouched = 0;
    whole.forEach(({ trace }, b) => {
      const after = without[b]!.trace;
      const first = trace.latents.findIndex((latent) => latent && isA(null, latent));
      expect(after.latents.some((latent) => latent && isA(null, latent))).toBe(false);
      expect([...explained[b]!.trace.sequence.ids]).toEqual([...trace.sequence.ids]);
      if (first < 0) {
        untouched++;
        expect([...after.sequence.ids]).toEqual([...trace.sequence.ids]);
        expect(without[b]!.nll).toBeCloseTo(whole[b]!.nll, 5);
        return;
      }
      takenBack++;
      expect(after.latents.slice(0, first)).toEqual(trace.latents.slice(0, first));
      expect(after.latents[first]).toBeNull();
    });
    expect(Math.min(takenBack, untouched)).toBeGreaterThan(0);
    none.forEach(({ trace, nll, tokens }, b) => {
      expect(trace.latents.every((latent) => latent === null)).toBe(true);
      expect(nll).toBeCloseTo(-explained[b]!.plain.reduce((sum, lp) => sum + lp, 0), 3);
      expect(tokens).toBe(trace.program.lines.reduce((n, { scored }) => n + scored.filter(Boolean).length, 0));
    });
    evaluator.destroy();
  });

  it('are measured by the likelihood of held-out lines, one thought and all', async () => {
    const ablation = await Ablation.make(model, TASK, recipe);
    const one = await ablation.measure(['a'], () => undefined);
    const all = await ablation.measure(null, () => undefined);
    const never = await ablation.measure(['never said'], () => undefined);
    expect(one).toMatchObject({ score: 'nll', off: ['a'], programs: 6, of: 6, samples: 2 });
    expect(all.whole).toEqual(one.whole);
    expect(one.thoughts.whole).toBeGreaterThan(0.5);
    expect(one.thoughts.ablated).toBeLessThan(one.thoughts.whole);
    expect(all.thoughts.ablated).toBe(0);
    expect(never).toMatchObject({ changed: 0, difference: { mean: 0, lo: 0, hi: 0 } });
    ablation.destroy();
  });
});
