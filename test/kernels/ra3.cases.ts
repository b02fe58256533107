// RA3 and RLVR on the device, on a tiny random model of each built-in task: the identities that pin the algorithm (no leak of the expert's
// tokens, cached sampler = full forward, c -> infinity = next-token prediction, sampler and trainer agree, known-good learns).
import { EStep } from '../../src/midtrain/eStep.ts';
import { elboSettings } from '../../src/midtrain/elbo.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { BatchRows, makeScorePlan } from '../../src/model/batch.ts';
import { LatentRollout } from '../../src/model/latentRollout.ts';
import { Optimizer } from '../../src/model/optimizer.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { readTrace, scriptOf } from '../../src/midtrain/rollouts.ts';
import { PRESETS } from '../../src/rlvr/objective.ts';
import { LatentSource, type Verify } from '../../src/rlvr/source.ts';
import { RlvrTrainer } from '../../src/rlvr/trainer.ts';
import { RunControl } from '../../src/run/control.ts';
import { makeCorpus } from '../../src/run/corpus.ts';
import type { Metrics, RunEvent } from '../../src/run/events.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import type { Recipe } from '../../src/run/recipe.ts';
import { runRecipe } from '../../src/run/runner.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { ROLE } from '../../src/tasks/sequence.ts';
import { targetsOf } from '../../src/tasks/targets.ts';
import type { LineTask, Program } from '../../src/tasks/task.ts';
import { setTargets } from '../../src/midtrain/supervised.ts';
import type { Architecture } from '../../src/formats/architecture.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';

function architectureOf(task: LineTask): Architecture {
  return llamaArchitecture({
    hidden: 16,
    intermediate: 24,
    layers: 2,
    heads: 2,
    kvHeads: 2,
    headDim: 8,
    vocabulary: task.tokens.length,
    maxPositions: 64,
    rmsNormEps: 1e-5,
    ropeTheta: 1e4,
    tieEmbeddings: false,
  });
}

async function randomise(model: Transformer, seed: number): Promise<void> {
  const rng = makeRng(seed, 3);
  await model.randomise(
    () => Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform()),
    () => 0.3,
  );
}

const policyOf = (task: LineTask) => ({ form: task.latent, symbolLo: task.symbolLo, symbolHi: task.symbolHi, bias: 0 });

function expect(ok: boolean, message: string): void {
  if (!ok) throw new Error(message);
}

async function rewardsAgree(gpu: GpuContext, task: LineTask): Promise<void> {
  const model = await Transformer.make(gpu, architectureOf(task));
  await randomise(model, 5);
  const optimizer = await Optimizer.make(model);
  const [P, G] = [3, 4];
  const T = task.maxTokens;
  const shape = { P, G, T, S: T, W: task.window, L: task.lines };
  const logZ = Math.log(task.symbolHi - task.symbolLo);
  const step = await EStep.make(model, model, optimizer, shape, policyOf(task), {
    settings: elboSettings(presetRecipe(task.id, 'quick').ra3, logZ),
    logZ,
  });
  const traces = await step.sample(
    task.samplePrograms(makeRng(1, 1), P).flatMap((p) => new Array<Program>(G).fill(p)),
    9,
    1,
  );
  const full = await step.scoreFrozen(traces);
  let lines = 0;
  traces.forEach((trace, b) => {
    for (let i = 1; i < trace.sequence.ids.length; i++) {
      if (trace.sequence.roles[i] !== ROLE.line) continue;
      lines += 1;
      const difference = Math.abs((full[b] as Float32Array)[i - 1]! - trace.logprob[i]!);
      expect(
        difference <= 1e-5,
        `${task.id}: token ${i} of row ${b} has ${trace.logprob[i]} in the sampler and ${(full[b] as Float32Array)[i - 1]} in the full forward`,
      );
    }
  });
  expect(lines > 0, 'no line token was compared');
  expect(
    traces.some((t) => t.latents.some(Boolean)) && traces.some((t) => t.latents.includes(null)),
    'the rollouts hold no thought, or nothing else',
  );
  step.destroy();
  optimizer.destroy();
  model.destroy();
}

/** q's decision and content distributions at line t must not see a_t or anything after it. */
async function noLeak(gpu: GpuContext, task: LineTask): Promise<void> {
  const model = await Transformer.make(gpu, architectureOf(task));
  await randomise(model, 6);
  const T = task.maxTokens;
  const rollout = await LatentRollout.make(model, 4, T, T, task.window, policyOf(task));
  const programs = task.samplePrograms(makeRng(2, 1), 4);
  const record = await rollout.run(
    programs.map((p) => scriptOf(p, true)),
    1,
    1,
  );
  const traces = programs.map((p, b) => readTrace(record, b, T, p, task.latent));
  const plan = await makeScorePlan(model, { B: 4, T, W: task.window, pinned: task.window > 0 });
  const score = async (change: (b: number, ids: Int32Array) => void): Promise<Float32Array> => {
    const rows = new BatchRows(4, T);
    traces.forEach(({ sequence }, b) => {
      setTargets(rows, b, sequence, targetsOf(sequence, 'policy-estep', { latent: task.latent }), () => 1);
      const ids = sequence.ids.slice();
      change(b, ids);
      rows.ids.set(ids, b * T);
    });
    plan.write(rows);
    plan.plan.run();
    return (await plan.readRows()).entropy;
  };
  const before = await score(() => undefined);
  const line = 3;
  const starts = traces.map((t) => t.sequence.lineStart[line] as number);
  const after = await score((b, ids) => {
    for (let i = starts[b] as number; i < ids.length; i++) ids[i] = (ids[i]! + 1) % (task.symbolHi - task.symbolLo);
  });
  let compared = 0;
  starts.forEach((start, b) => {
    for (let i = 0; i < start; i++) {
      if (before[b * T + i] !== 0) compared += 1;
      expect(
        before[b * T + i] === after[b * T + i],
        `${task.id}: row ${i} of sequence ${b} changed with the expert tokens from ${start} on`,
      );
    }
  });
  expect(compared > 8, `only ${compared} rows were compared`);
  expect(
    before.some((x, i) => x !== after[i]),
    'the change of tokens changed nothing at all',
  );
  rollout.destroy();
  plan.destroy();
  model.destroy();
}

async function samplerEqualsTrainer(gpu: GpuContext, task: LineTask): Promise<void> {
  const model = await Transformer.make(gpu, architectureOf(task));
  await randomise(model, 7);
  const optimizer = await Optimizer.make(model);
  const T = task.maxTokens;
  const source = await LatentSource.make(model, { rows: 8, T, S: T, W: task.window }, policyOf(task));
  const shape = { prompts: 2, group: 4, T, W: task.window, bias: 0 };
  const settings = { objective: PRESETS.drgrpo, updates: 1, minibatches: 1, lr: 1e-3, clipNorm: 1, overlongWindow: 0.2 };
  const trainer = await RlvrTrainer.make({ policy: model, reference: model }, optimizer, source, shape, settings);
  const rng = makeRng(3, 1);
  // a verifier that likes symbols below the middle, so that groups are mixed
  const verify: Verify = async (rollouts) =>
    rollouts.map(({ written }) => ({
      reward: written.flat().filter((id) => id < task.symbolLo + 3).length >= task.lines / 2 ? 1 : 0,
      lineOk: written.map(() => true),
    }));
  for (let step = 0; step < 3; step++) {
    const draw = (count: number): Program[] => task.samplePrograms(rng, count);
    const { metrics } = await trainer.step({ draw, verify, seed: 4, stream: () => step });
    const worst = metrics['sampler/logp_diff_max'] as number;
    expect(worst <= 1e-4, `${task.id}, step ${step}: sampler and trainer differ by ${worst} nats`);
    expect((metrics['policy/entropy'] as number) > 0, 'no entropy');
  }
  trainer.destroy();
  optimizer.destroy();
  model.destroy();
}

function smallRecipe(change: (recipe: Recipe) => void): Recipe {
  const recipe = presetRecipe('recall-lines', 'quick');
  Object.assign(recipe.ra3, {
    emIterations: 1,
    eSteps: 2,
    programs: 4,
    group: 4,
    infuse: 32,
    m: { steps: 6, batch: 8, lr: 1e-3, weightDecay: 0.01 },
  });
  recipe.ntp = { ...recipe.ra3.m };
  recipe.rlvr = { ...recipe.rlvr, steps: 2, prompts: 2, group: 4 };
  recipe.evaluate = { prompts: 4, samples: 8, ranges: ['in'] };
  change(recipe);
  return recipe;
}

async function runSmall(gpu: GpuContext, recipe: Recipe): Promise<{ events: RunEvent[]; weights: Map<string, Float32Array> }> {
  const task = builtinTask('recall-lines');
  const architecture = architectureOf(task);
  const events: RunEvent[] = [];
  const outcome = await runRecipe({
    gpu,
    recipe,
    architecture,
    load: async (model) => randomise(model, 8),
    corpus: makeCorpus(recipe, architecture.vocabulary, { tokenizer: null, dataset: null }),
    emit: (event) => events.push(event),
    control: new RunControl(),
  });
  expect(outcome.summary.status === 'finished', `the run ended as ${outcome.summary.status}: ${outcome.summary.error}`);
  const weights = new Map(
    [...outcome.arms].map(([arm, tensors]) => [arm as string, Float32Array.from(tensors.flatMap((t) => [...t.data]))]),
  );
  return { events, weights };
}

const losses = (events: RunEvent[], stage: string): (number | null | undefined)[] =>
  events.flatMap((e) => (e.type === 'metrics' && e.stage === stage ? [e.values['loss/nll']] : []));

async function ruledOutIsNtp(gpu: GpuContext): Promise<void> {
  const { events, weights } = await runSmall(
    gpu,
    smallRecipe((r) => {
      r.ra3.c = 1e9;
      r.rlvr.steps = 0;
    }),
  );
  const [m, ntp] = [losses(events, 'm-step'), losses(events, 'ntp')];
  expect(m.length === 6 && m.join() === ntp.join(), `losses differ: ${m.join(', ')} against ${ntp.join(', ')}`);
  const [a, b] = [weights.get('ra3') as Float32Array, weights.get('ntp') as Float32Array];
  expect(a.length === b.length && a.every((x, i) => x === b[i]), 'the weights differ');
}

const withoutTimes = (values: Metrics): Metrics =>
  Object.fromEntries(Object.entries(values).filter(([name]) => name !== 'tok_per_s' && !name.startsWith('time/')));

async function sameBits(gpu: GpuContext): Promise<void> {
  const recipe = smallRecipe(() => undefined);
  const [one, two] = [await runSmall(gpu, recipe), await runSmall(gpu, recipe)];
  const log = (events: RunEvent[]): string =>
    JSON.stringify(
      events
        .filter((e) => e.type === 'metrics' || e.type === 'result' || e.type === 'traces' || e.type === 'rollouts')
        .map((e) => (e.type === 'metrics' ? { ...e, values: withoutTimes(e.values) } : e)),
    );
  expect(log(one.events) === log(two.events), 'two runs of one recipe wrote different logs');
  for (const [arm, w] of one.weights)
    expect(
      w.every((x, i) => x === two.weights.get(arm)?.[i]),
      `two runs of one recipe ended with different ${arm} weights`,
    );
}

async function leavesNothing(gpu: GpuContext): Promise<void> {
  await runSmall(
    gpu,
    smallRecipe((r) => {
      r.rlvr.steps = 1;
    }),
  );
  const before = gpu.bytesInUse();
  await runSmall(
    gpu,
    smallRecipe((r) => {
      r.rlvr.steps = 1;
    }),
  );
  expect(gpu.bytesInUse() === before, `a run left ${gpu.bytesInUse() - before} bytes on the GPU`);
}

export const cases: KernelCase[] = [
  {
    name: 'recall lines: rewards from the cached sampler equal those of one full forward',
    run: (gpu) => rewardsAgree(gpu, builtinTask('recall-lines')),
  },
  {
    name: 'pointer lines: rewards from the cached sampler equal those of one full forward',
    run: (gpu) => rewardsAgree(gpu, builtinTask('pointer-lines')),
  },
  { name: "q at line t does not see the expert's tokens from line t on", run: (gpu) => noLeak(gpu, builtinTask('recall-lines')) },
  {
    name: 'rollout log-probabilities equal the training pass to 1e-4',
    run: (gpu) => samplerEqualsTrainer(gpu, builtinTask('recall-lines')),
  },
  { name: 'c = 1e9 is next-token prediction, bit for bit', run: ruledOutIsNtp },
  { name: 'the same recipe twice gives the same log and the same weights', run: sameBits },
  { name: 'a run leaves nothing on the GPU', run: leavesNothing },
];
