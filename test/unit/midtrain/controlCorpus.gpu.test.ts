// RA3 test 9: a corpus on which thinking cannot help. Recall lines without a line to recall, from the shipped base, which writes such lines well, taught first
// to comment on every fourth of them: the E-step must give that up, and RA3 must equal NTP within noise. Small; the control task is the full experiment.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openGpu } from '../../../src/gpu/context.ts';
import { openNodeGpu } from '../../../src/headless/adapter.ts';
import { SupervisedTrainer } from '../../../src/midtrain/supervised.ts';
import { Optimizer } from '../../../src/model/optimizer.ts';
import { RunControl } from '../../../src/run/control.ts';
import { makeCorpus } from '../../../src/run/corpus.ts';
import type { ArmResult, RunEvent } from '../../../src/run/events.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import { runRecipe } from '../../../src/run/runner.ts';
import { embeddedModel } from '../../../src/run/session.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence } from '../../../src/tasks/sequence.ts';
import type { Program } from '../../../src/tasks/task.ts';

const BASE = 'public/default/recall-lines';
const SYMBOLS = 6;

/** The program with the mode of its first line, which is plain, in every line. */
function plain(program: Program): Program {
  const [, , start, mode] = program.prompt as [number, number, number, number];
  return {
    ...program,
    lines: program.lines.map((line, t) => ({ ...line, tokens: [(start + 1 + t) % SYMBOLS, mode] })),
    truth: program.truth.map((line) => ({ ...line, kind: 'plain', useful: false })),
  };
}

it('RA3 test 9: where thinking cannot help, the think rate goes to 0 and RA3 equals NTP', async () => {
  const recipe = presetRecipe('recall-lines', 'quick');
  const m = { steps: 30, batch: 32, lr: 1e-3, weightDecay: 0.01 };
  Object.assign(recipe.ra3, { emIterations: 1, eSteps: 25, programs: 6, group: 8, lr: 1e-3, c: 0.2, infuse: 96, m });
  recipe.arms = ['base', 'ntp', 'ra3'];
  recipe.ntp = { ...m };
  recipe.rlvr.steps = 0;
  recipe.evaluate = { prompts: 32, samples: 8, ranges: ['in'] };
  const base = await embeddedModel({
    config: readFileSync(`${BASE}/config.json`, 'utf8'),
    weights: readFileSync(`${BASE}/model.safetensors`),
  });
  const { architecture } = base.config;
  const corpus = makeCorpus(recipe, architecture.vocabulary, { tokenizer: null, dataset: null });
  const events: RunEvent[] = [];
  const outcome = await runRecipe({
    gpu: await openGpu((await openNodeGpu()).adapter),
    recipe,
    architecture,
    load: async (model) => {
      await model.load(base.weights);
      const optimizer = await Optimizer.make(model);
      const { maxTokens: T, window: W, form } = corpus;
      const trainer = await SupervisedTrainer.make(model, optimizer, { B: 32, T, W }, form);
      const rng = makeRng(1, 77);
      for (let step = 0; step < 25; step++) {
        const programs = corpus.train(rng, 32).map(plain);
        const commented = programs.map((p) => buildSequence(p, corpus.annotate?.(rng, p) as (number[] | null)[], form));
        trainer.step(commented, { lr: 2e-3 });
      }
      await trainer.reports();
      trainer.destroy();
      optimizer.destroy();
    },
    corpus: {
      ...corpus,
      train: (rng, count) => corpus.train(rng, count).map(plain),
      heldOut: (count) => corpus.heldOut(count).map(plain),
    },
    emit: (event) => events.push(event),
    control: new RunControl(),
  });
  outcome.gpu.destroy();
  expect(outcome.summary.status, outcome.summary.error ?? '').toBe('finished');
  const rates = events.flatMap((e) => (e.type === 'metrics' && e.stage === 'e-step' ? [e.values['think/rate'] as number] : []));
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const of = (arm: string): ArmResult => outcome.summary.results.find((r) => r.arm === arm) as ArmResult;
  expect(of('base').thinkRate).toBeGreaterThan(0.1);
  expect(mean(rates.slice(0, 3))).toBeGreaterThan(0.1);
  expect(mean(rates.slice(-5))).toBeLessThan(0.02);
  expect(of('ra3').thinkRate).toBeLessThanOrEqual(0.02);
  const [ra3, ntp] = [of('ra3').passAt['1'], of('ntp').passAt['1']];
  expect(Math.abs(ra3!.mean - ntp!.mean)).toBeLessThan(0.03);
  expect(Math.abs((of('ra3').heldOutNll as number) - (of('ntp').heldOutNll as number))).toBeLessThan(0.02);
});
