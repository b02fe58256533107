// RA3 and RLVR on the device, on a tiny random model of each built-in task: the identities that pin the algorithm (no leak of the expert's
// tokens, cached sampler = full forward, c -> infinity = next-token prediction, sampler and trainer agree, known-good learns).
import { EStep } from '../../src/midtrain/eStep.ts';
import { elboSettings, policyWeights } from '../../src/midtrain/elbo.ts';
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
import { freshFolder } from '../../src/run/freshModel.ts';
import { makeCorpus } from '../../src/run/corpus.ts';
import type { Metrics, RunEvent } from '../../src/run/events.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import type { Recipe } from '../../src/run/recipe.ts';
import { runRecipe } from '../../src/run/runner.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { buildSequence, ROLE } from '../../src/tasks/sequence.ts';
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

/** On the shape of the task's own base: its layers differ in window and positions. */
async function rewardsAgree(gpu: GpuContext, task: LineTask): Promise<void> {
  const model = await Transformer.make(gpu, freshFolder(task).config.architecture);
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

/** The loss of the E-step with its weights held, when the last line's own expert tokens are others: nothing comes after them but their own log-probability. */
async function lossIgnoresExpert(gpu: GpuContext, task: LineTask): Promise<void> {
  const model = await Transformer.make(gpu, architectureOf(task));
  await randomise(model, 6);
  const T = task.maxTokens;
  const traces = task.samplePretraining(makeRng(4, 1), 40).filter((t) => t.latents.some(Boolean));
  const B = traces.length;
  expect(B > 3, `only ${B} programs with thoughts`);
  const plan = await makeScorePlan(model, { B, T, W: task.window, pinned: task.window > 0 });
  const loss = async (change: (id: number) => number): Promise<{ loss: number; logprob: Float32Array }> => {
    const rows = new BatchRows(B, T);
    traces.forEach(({ program, latents }, b) => {
      const lines = program.lines.map((line, t) => (t + 1 < program.lines.length ? line : { ...line, tokens: line.tokens.map(change) }));
      const s = buildSequence({ ...program, lines }, latents, task.latent);
      const { weight } = policyWeights(s, new Array(lines.length).fill(1.7), new Float64Array(s.ids.length).fill(0.4), 0.3, 10);
      const targets = targetsOf(s, 'policy-estep', { latent: task.latent });
      rows.setSequence(b, s.ids, s.pinLo, s.pinHi);
      // expert tokens are predicted too: it is their weight alone that must keep them out
      for (let i = 0; i + 1 < s.ids.length; i++) rows.setRow(b, i, s.ids[i + 1] as number, 0);
      setTargets(rows, b, s, targets, (i) => weight[i] as number);
    });
    plan.write(rows);
    plan.plan.run();
    const { logprob } = await plan.readRows();
    return { loss: -rows.weight.reduce((n, w, r) => n + w * (logprob[r] as number), 0), logprob };
  };
  const before = await loss((id) => id);
  const after = await loss((id) => (id + 1) % (task.symbolHi - task.symbolLo));
  expect(before.loss !== 0 && before.loss === after.loss, `the loss is ${before.loss}, and ${after.loss} with other expert tokens`);
  expect(
    before.logprob.some((x, r) => x !== after.logprob[r]),
    'the expert tokens have the same log-probabilities',
  );
  plan.destroy();
  model.destroy();
}

/** The best of several samples by the reward that pi gives them, costs included, found here again from the samples themselves. */
async function infusesTheBest(gpu: GpuContext, task: LineTask): Promise<void> {
  const [q, pi] = [await Transformer.make(gpu, architectureOf(task)), await Transformer.make(gpu, architectureOf(task))];
  await randomise(q, 12);
  await randomise(pi, 13);
  const optimizer = await Optimizer.make(q);
  const T = task.maxTokens;
  const settings = elboSettings(presetRecipe(task.id, 'quick').ra3, Math.log(task.symbolHi - task.symbolLo));
  const shape = { P: 4, G: 4, T, S: T, W: task.window, L: task.lines };
  const eStep = await EStep.make(q, pi, optimizer, shape, policyOf(task), { settings, logZ: 1 });
  const programs = task.samplePrograms(makeRng(5, 1), 3);
  const samples = 5;
  const all = await eStep.sample(
    programs.flatMap((p) => new Array<Program>(samples).fill(p)),
    3,
    7,
  );
  const scores = await eStep.scoreFrozen(all);
  const rewards = all.map(({ sequence, latents }, b) => {
    let sum = 0;
    for (let i = 1; i < sequence.ids.length; i++) if (sequence.scored[i]) sum += (scores[b] as Float32Array)[i - 1] as number;
    return sum - settings.c * latents.filter(Boolean).length;
  });
  const { traces, tokens } = await eStep.infuse(programs, samples, 3, 7);
  expect(traces.length === programs.length && tokens > 0, `${traces.length} traces of ${programs.length} programs`);
  traces.forEach((trace, p) => {
    const own = rewards.slice(p * samples, (p + 1) * samples);
    const best = all[p * samples + own.indexOf(Math.max(...own))] as (typeof all)[number];
    expect(new Set(own).size > 1, 'all samples are alike');
    expect(trace.latents.join('|') === best.latents.join('|'), `program ${p} keeps ${trace.latents}; the best is ${best.latents}`);
  });
  for (const held of [eStep, optimizer, q, pi]) held.destroy();
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

/** q of its own over the EM iterations, best-of infusion, an E-step that ends early, importance weights. */
async function separateRun(gpu: GpuContext): Promise<void> {
  const { events, weights } = await runSmall(
    gpu,
    smallRecipe((r) => {
      Object.assign(r.ra3, { emIterations: 2, eSteps: 60, programs: 2, lr: 1e-2, separate: true, infuseBestOf: 2, stopBelow: 100 });
      r.ra3.objective = 'importance-weighted';
      r.arms = ['base', 'ra3'];
      r.rlvr.steps = 0;
    }),
  );
  const tracesOf = (iteration: number, last: boolean): string => {
    const own = events.filter((e) => e.type === 'traces' && e.stage === 'e-step' && e.iteration === iteration);
    const shown = own.at(last ? -1 : 0);
    return shown?.type === 'traces' ? JSON.stringify(shown.traces) : '';
  };
  expect(tracesOf(1, false) !== tracesOf(1, true), 'the first E-step changes nothing that is seen');
  expect(tracesOf(1, true) === tracesOf(2, false), 'the second E-step does not begin with the last weights of q');
  const ends = events.flatMap((e) => (e.type === 'stage' && e.status === 'end' && e.stage === 'e-step' ? [e.steps] : []));
  expect(ends.join() === '20,20', `the E-steps took ${ends.join(' and ')} steps; 20 are the fewest`);
  const steps = events.flatMap((e) => (e.type === 'metrics' && e.stage === 'e-step' ? [e.step] : []));
  expect(steps.length === 40 && Math.max(...steps) === 20, `metrics of ${steps.length} steps`);
  const said = events.filter((e) => e.type === 'notice' && /the E-step converged at step 20 of 60/.test(e.message)).length;
  expect(said === 2, `${said} notices`);
  const overall = events.flatMap((e) => (e.type === 'progress' ? [e.overall] : []));
  expect(
    overall.every((x, i) => i === 0 || x >= (overall[i - 1] as number)),
    'progress goes back',
  );
  expect(Math.abs((overall.at(-1) as number) - 1) < 1e-9, `progress ends at ${overall.at(-1)}`);
  const [ra3, base] = [weights.get('ra3') as Float32Array, weights.get('base') as Float32Array];
  expect(
    ra3.some((x, i) => x !== base[i]),
    'pi was not trained',
  );
  const last = events.findLast((e) => e.type === 'metrics' && e.stage === 'e-step');
  const values: Metrics = last?.type === 'metrics' ? last.values : {};
  for (const name of [
    ...[
      'elbo/line',
      'reward/line',
      'reward/group_std',
      'reward/zero_spread',
      'nll/line',
      'nll/decision',
      'kl/bernoulli',
      'kl/content',
      'kl/sampled',
    ],
    ...['bound/iw_1', 'bound/iw_2', 'bound/iw_4', 'bound/ess', 'entropy/decision', 'think/rate', 'think/per_program', 'think/kind_plain'],
    ...[
      'think/kind_recall',
      'think/recall',
      'think/held_right',
      'horizon/decisions',
      'actions/per_state',
      'actions/perplexity',
      'actions/count',
    ],
    ...['tokens/per_expert', 'agreement/nmi', 'agreement/ari', 'agreement/boundary_f1', 'think/line_1', 'think/line_8', 'grad/norm'],
  ])
    expect(typeof values[name] === 'number', `the E-step's last step does not log ${name}`);
  expect((values['bound/iw_1'] as number) <= (values['bound/iw_2'] as number), 'two samples bound less than one');
  expect((values['bound/iw_2'] as number) <= (values['bound/iw_4'] as number), 'four samples bound less than two');
  const result = events.findLast((e) => e.type === 'result');
  const found = result?.type === 'result' ? result.result : null;
  expect(found?.agreement !== undefined && found.abstractions?.lines?.samples === 8, 'the last result describes no abstractions');
}

async function sameBits(gpu: GpuContext): Promise<void> {
  // RLVR with a reference and off-policy updates; its default is compared with itself by R36
  const recipe = smallRecipe((r) => {
    Object.assign(r.rlvr, { preset: 'grpo', updates: 2, entropyBonus: 0.01 });
  });
  const [one, two] = [await runSmall(gpu, recipe), await runSmall(gpu, recipe)];
  const log = (events: RunEvent[]): string =>
    JSON.stringify(
      events
        .filter((e) => e.type === 'metrics' || e.type === 'result' || e.type === 'traces' || e.type === 'infused' || e.type === 'rollouts')
        .map((e) => (e.type === 'metrics' ? { ...e, values: withoutTimes(e.values), at: e.at?.tokens } : e)),
    );
  expect(log(one.events) === log(two.events), 'two runs of one recipe wrote different logs');
  const infused = one.events.find((e) => e.type === 'infused');
  expect(infused?.type === 'infused' && infused.of === 32 && infused.programs.length === 32, 'the infused programs are not in the log');
  const tokens = one.events.flatMap((e) => (e.type === 'rollouts' ? e.groups.flatMap((g) => g.rollouts.flatMap((r) => r.tokens)) : []));
  const told = tokens.every((t) => (t.logprob === null) === (t.entropy === undefined) && (t.logprob === null) === (t.rise === undefined));
  expect(tokens.length > 0 && told, 'a token that the policy wrote has no entropy or no rise, or another has');
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
    name: 'RA3 test 2: recall lines: rewards from the cached sampler equal those of one full forward',
    run: (gpu) => rewardsAgree(gpu, builtinTask('recall-lines')),
  },
  {
    name: 'RA3 test 2: section lines: rewards from the cached sampler equal those of one full forward',
    run: (gpu) => rewardsAgree(gpu, builtinTask('section-lines')),
  },
  {
    name: 'RA3 test 2: pointer lines: rewards from the cached sampler equal those of one full forward',
    run: (gpu) => rewardsAgree(gpu, builtinTask('pointer-lines')),
  },
  {
    name: "RA3 test 7: q at line t does not see the expert's tokens from line t on",
    run: (gpu) => noLeak(gpu, builtinTask('recall-lines')),
  },
  {
    name: 'rollout log-probabilities equal the training pass to 1e-4',
    run: (gpu) => samplerEqualsTrainer(gpu, builtinTask('recall-lines')),
  },
  { name: 'RA3 test 1: c = 1e9 is next-token prediction, bit for bit', run: ruledOutIsNtp },
  { name: 'RA3 test 6: expert tokens never change the E-step loss', run: (gpu) => lossIgnoresExpert(gpu, builtinTask('recall-lines')) },
  { name: 'infusion keeps the best of several samples', run: (gpu) => infusesTheBest(gpu, builtinTask('recall-lines')) },
  { name: 'a separate q goes on from its last weights, and E-steps that have converged end', run: separateRun },
  { name: 'the same recipe twice gives the same log and the same weights', run: sameBits },
  { name: 'a run leaves nothing on the GPU', run: leavesNothing },
];
