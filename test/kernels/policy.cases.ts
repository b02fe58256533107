// RLVR's loss on the device: the kernel equals src/rlvr/objective.ts under every switch, an update's gradients equal finite differences of the whole
// objective through a model, and the trainer does with its batch what its settings say.
import type { GpuContext } from '../../src/gpu/context.ts';
import { BatchRows } from '../../src/model/batch.ts';
import { Optimizer } from '../../src/model/optimizer.ts';
import { Transformer } from '../../src/model/transformer.ts';
import {
  DUAL_BOUND,
  denominators,
  type Objective,
  type PolicyRows,
  policyGradient,
  PRESETS,
  trainedTokens,
} from '../../src/rlvr/objective.ts';
import { PolicyPlan } from '../../src/rlvr/policyPlan.ts';
import { LatentSource, type PolicyRollout, type RolloutSource, type Verify } from '../../src/rlvr/source.ts';
import { type RlvrResult, type RlvrSettings, RlvrTrainer } from '../../src/rlvr/trainer.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import type { Program } from '../../src/tasks/task.ts';
import { crossEntropyRows, type LossRow } from '../reference/crossEntropy.ts';
import { llamaForward, type Weights } from '../reference/llama.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { type LlamaShape, llamaArchitecture } from '../support/llamaArchitecture.ts';
import { check, expectClose, expectSame } from './support/compare.ts';
import { download, randomFloats, randomIds, runKernel, UNTOUCHED, untouched } from './support/runKernel.ts';

/** B rollouts of T rows, the last without any trained row, log-ratios up to `spread`; every third advantage is 0. */
function policyRows(
  B: number,
  T: number,
  spread: number,
): PolicyRows & { logprob: Float64Array; old: Float64Array; reference: Float64Array } {
  const logprob = randomFloats(B * T, 41).map((x) => Math.fround(2 * x - 2.5));
  const near = (seed: number): Float64Array => randomFloats(B * T, seed, spread).map((x, r) => Math.fround(logprob[r]! + x));
  const ids = randomIds(B * T, 4, 44);
  return {
    T,
    logprob,
    old: near(42),
    reference: near(43),
    mask: Uint8Array.from(ids, (id, r) => (id > 0 && r < (B - 1) * T ? 1 : 0)),
    advantage: randomFloats(B, 45, 2).map((x, b) => (b % 3 === 2 ? 0 : x)),
  };
}

const RATIO = { none: 0, token: 1, sequence: 2 } as const;
const CLIP = { none: 0, symmetric: 1, asymmetric: 1, 'weight-only': 2, dual: 3 } as const;
const KL = { off: 0, k1: 1, k2: 2, k3: 3 } as const;

async function compareKernel(gpu: GpuContext, rows: PolicyRows, o: Objective, before: Float64Array): Promise<void> {
  const { T, advantage, mask, logprob, old, reference } = rows;
  const B = advantage.length;
  const divisors = denominators(trainedTokens(rows), o.aggregation, T);
  const packed = Float64Array.from({ length: 4 * B * T }, (_, i) => {
    const r = i >> 2;
    const b = Math.floor(r / T);
    return mask[r] ? [1 / divisors[b]!, advantage[b]!, old[r]!, reference[r]!][i % 4]! : i % 4 === 0 ? 0 : 7;
  });
  const result = await runKernel(gpu, 'loss/policy_gradient', {
    bindings: { logprob: Float64Array.from(logprob), rows: packed, weight: untouched(B * T + 3), tally: before },
    args: {
      B,
      T,
      low: 1 - o.clipLow,
      high: 1 + (o.clip === 'symmetric' ? o.clipLow : o.clipHigh),
      dual: DUAL_BOUND,
      beta: o.klBeta,
    },
    overrides: { RATIO: RATIO[o.ratio], CLIP: o.ratio === 'none' ? 0 : CLIP[o.clip], KL: KL[o.kl] },
    grid: Math.ceil(B / 64),
  });
  const expected = policyGradient(rows, o, T);
  const what = `${o.ratio} ${o.clip} ${o.kl} ${o.aggregation}`;
  expectClose(`${what}, weight`, result.weight!.floats.slice(0, B * T), expected.weight, 1e-9);
  expectSame(`${what}, beyond`, result.weight!.floats.slice(B * T), new Float64Array(3).fill(UNTOUCHED));
  const tally = result.tally!.floats;
  let loss = 0;
  for (let b = 0; b < B; b++) {
    const own = Array.from({ length: T }, (_, i) => b * T + i).filter((r) => mask[r]);
    const count = (side: number): number => own.filter((r) => expected.clipped[r] === side).length;
    const ratios = own.map((r) => expected.ratio[r]!);
    const want = [
      own.length,
      count(-1),
      count(1),
      own.reduce((n, r) => n + old[r]! - logprob[r]!, 0),
      ratios.reduce((x, y) => x + y, 0),
      Math.max(before[8 * b + 5]!, ...ratios),
    ].map((x, i) => (i === 5 ? x : x + before[8 * b + i]!));
    expectClose(`${what}, tally ${b}`, tally.slice(8 * b, 8 * b + 6), want, 1e-10);
    expectSame(`${what}, counts of ${b}`, tally.slice(8 * b, 8 * b + 3), want.slice(0, 3));
    loss += tally[8 * b + 6]! - before[8 * b + 6]!;
  }
  check(Math.abs(loss - expected.loss) <= 1e-5 * (1 + Math.abs(expected.loss)), `${what}: loss ${loss}, expected ${expected.loss}.`);
}

const SHAPE: LlamaShape = {
  hidden: 12,
  intermediate: 16,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  vocabulary: 11,
  maxPositions: 16,
  rmsNormEps: 1e-5,
  ropeTheta: 1e4,
  tieEmbeddings: false,
};

/** The objective of a model's weights, in float64: what the update of a PolicyPlan descends. */
function objectiveOfWeights(weights: Weights, rows: BatchRows, policy: Omit<PolicyRows, 'logprob'>, o: Objective): number {
  const { logits } = llamaForward(SHAPE, weights, { ids: rows.ids, B: rows.B, T: rows.T });
  const loss = Array.from(
    rows.weight,
    (_, r): LossRow => ({
      target: policy.mask[r] ? rows.spec[4 * r]! : 0,
      mode: 'full',
      weight: 0,
      entropyWeight: rows.entropyWeight[r]!,
    }),
  );
  const { logprob, loss: bonus } = crossEntropyRows(logits, SHAPE.vocabulary, loss);
  return policyGradient({ ...policy, logprob }, o, policy.T).loss + bonus;
}

async function throughModel(gpu: GpuContext, o: Objective): Promise<void> {
  const [B, T] = [3, 6];
  const model = await Transformer.make(gpu, llamaArchitecture(SHAPE));
  const rng = makeRng(3, 1);
  await model.randomise(
    () => Math.sqrt(3) * (2 * rng.uniform() - 1),
    () => 0.4,
  );
  const optimizer = await Optimizer.make(model);
  const plan = await PolicyPlan.make(model, optimizer, { B, T, W: 0, pinned: false }, o, T);
  const ids = randomIds(B * T, SHAPE.vocabulary, 51);
  const rows = new BatchRows(B, T);
  const policy = { ...policyRows(B, T, 0.3), mask: new Uint8Array(B * T) };
  for (let b = 0; b < B; b++) {
    rows.setSequence(b, ids.subarray(b * T, (b + 1) * T));
    for (let i = 1; i + 1 < T - b; i++) {
      rows.setRow(b, i, ids[b * T + i + 1]!, 9); // weights are the kernel's to make
      rows.entropyWeight[b * T + i] = o.entropyBonus / 7;
      policy.mask[b * T + i] = 1;
    }
  }
  const weights: Weights = new Map((await model.readAll()).map((t) => [t.name, Float64Array.from(t.data)]));
  // near the policy as it is, so that ratios are of the order of 1
  const { logits } = llamaForward(SHAPE, weights, { ids: rows.ids, B, T });
  const target = Array.from(policy.mask, (m, r): LossRow => ({ target: m ? rows.spec[4 * r]! : 0, mode: 'full', weight: 0 }));
  const now = crossEntropyRows(logits, SHAPE.vocabulary, target).logprob;
  policy.old = randomFloats(B * T, 52, 0.3).map((x, r) => Math.fround(now[r]! + x));
  policy.reference = randomFloats(B * T, 53, 0.3).map((x, r) => Math.fround(now[r]! + x));
  plan.write(rows, policy);
  plan.clearTally();
  optimizer.begin(false);
  optimizer.add(plan.batch);
  const names = model.blocks.filter((b) => /head|0\.qkv|0\.down|^norm$/.test(b.key));
  for (const block of names) {
    const [held] = await download(gpu, [optimizer.gradients.one(block.key)]);
    const part = block.parts[0]!;
    const w = weights.get(part.name)!;
    const picked = [...randomIds(6, w.length, 54)];
    const got = picked.map((k) => held!.floats[k]!);
    const want = picked.map((k) => {
      const [kept, step] = [w[k]!, 1e-5];
      w[k] = kept + step;
      const above = objectiveOfWeights(weights, rows, policy, o);
      w[k] = kept - step;
      const below = objectiveOfWeights(weights, rows, policy, o);
      w[k] = kept;
      return (above - below) / (2 * step);
    });
    expectClose(`${o.ratio} ${o.clip} ${o.kl}, d(${block.key})`, got, want, 1e-6);
  }
  const tally = await plan.readTally();
  check(tally.rows === policy.mask.reduce((a, b) => a + b, 0), `${tally.rows} rows were tallied.`);
  const loss = objectiveOfWeights(weights, rows, policy, { ...o, entropyBonus: 0 });
  const bonus = crossEntropyRows(
    logits,
    SHAPE.vocabulary,
    target.map((t, r) => ({ ...t, entropyWeight: rows.entropyWeight[r]! })),
  ).loss;
  check(Math.abs(tally.loss - (loss - bonus)) < 1e-5, `The loss is ${tally.loss}, expected ${loss - bonus}.`);
  plan.destroy();
  optimizer.destroy();
  model.destroy();
}

const TASK = builtinTask('recall-lines');
const SYMBOLS: Verify = (rollouts) =>
  rollouts.map(({ written }) => {
    const low = written.map((line) => line.some((id) => id < TASK.symbolLo + 3));
    return { reward: low.filter(Boolean).length >= TASK.lines / 2 ? 1 : 0, lineOk: low };
  });

interface Practice {
  settings: Partial<RlvrSettings>;
  verify?: Verify;
  steps?: number;
  prompts?: number;
  /** Changes the rollouts of the latent policy on their way. */
  wrap?: (source: RolloutSource) => RolloutSource;
}

/** Steps of RLVR of a tiny model on the recall task; the model's weights before and after. */
async function practise(gpu: GpuContext, p: Practice): Promise<{ results: RlvrResult[]; moved: boolean; risen: number[][] }> {
  const architecture = llamaArchitecture({ ...SHAPE, vocabulary: TASK.tokens.length, maxPositions: 64 });
  const make = async (): Promise<Transformer> => {
    const model = await Transformer.make(gpu, architecture);
    const rng = makeRng(6, 1);
    await model.randomise(
      () => Math.sqrt(3) * (2 * rng.uniform() - 1),
      () => 0.3,
    );
    return model;
  };
  const [policy, reference] = [await make(), await make()];
  const optimizer = await Optimizer.make(policy);
  const [T, W, G, prompts] = [TASK.maxTokens, TASK.window, 4, p.prompts ?? 4];
  const latent = { form: TASK.latent, symbolLo: TASK.symbolLo, symbolHi: TASK.symbolHi, bias: 0 };
  const own = await LatentSource.make(policy, { rows: prompts * G, T, S: T, W }, latent);
  const trainer = await RlvrTrainer.make(
    { policy, reference },
    optimizer,
    p.wrap?.(own) ?? own,
    { prompts, group: G, T, W, bias: 0 },
    { objective: PRESETS.drgrpo, updates: 1, minibatches: 1, lr: 3e-3, clipNorm: 1, overlongWindow: 0.2, ...p.settings },
  );
  const rng = makeRng(3, 1);
  const results: RlvrResult[] = [];
  for (let step = 0; step < (p.steps ?? 1); step++)
    results.push(
      await trainer.step({
        draw: (count): Program[] => TASK.samplePrograms(rng, count),
        verify: p.verify ?? SYMBOLS,
        seed: 4,
        stream: (round) => 100 * round + step,
      }),
    );
  const last = results.at(-1)!.rollouts;
  const risen: number[][] = [];
  for (let g = 0; g < prompts; g++) {
    const own = last.slice(g * G, (g + 1) * G);
    const now = await trainer.logprobsNow(own);
    own.forEach(({ trace }, k) => {
      risen.push(Array.from(now[k]!, (x, i) => x - trace.logprob[i]!));
    });
  }
  const [a, b] = [await policy.readAll(), await reference.readAll()];
  const moved = a.some((t, i) => t.data.some((x, k) => x !== b[i]!.data[k]));
  trainer.destroy();
  optimizer.destroy();
  policy.destroy();
  reference.destroy();
  return { results, moved, risen };
}

const of = (r: RlvrResult | undefined, name: string): number => r?.metrics[name] as number;

/** Every other rollout was cut off. */
function cutting(source: RolloutSource, limit: number): RolloutSource {
  return {
    limit,
    sample: async (...args) => (await source.sample(...args)).map((r, b): PolicyRollout => ({ ...r, truncated: b % 2 === 1 })),
    targets: (r) => source.targets(r),
    destroy: () => source.destroy(),
  };
}

export const cases: KernelCase[] = [
  {
    name: 'loss/policy_gradient equals the objective under every switch',
    async run(gpu) {
      const rows = policyRows(5, 13, 0.6);
      const before = randomFloats(8 * 5 + 8, 46).map((x, i) => (i % 8 < 3 ? i : Math.abs(x)));
      const plain = { ...PRESETS.drgrpo, klBeta: 0.3 };
      // each switch by itself, and some together; every combination is a pipeline of its own
      const table: Partial<Objective>[] = [
        { ratio: 'none' },
        { clip: 'none', aggregation: 'sequence-mean' },
        { clip: 'symmetric' },
        { clip: 'asymmetric', kl: 'k2' },
        { clip: 'weight-only' },
        { clip: 'dual', kl: 'k3' },
        { ratio: 'sequence', clip: 'weight-only' },
        { ratio: 'sequence', clip: 'asymmetric', kl: 'k1' },
      ];
      for (const o of table) await compareKernel(gpu, rows, { ...plain, clipHigh: 0.28, ...o }, before);
      // the dual bound, a sequence ratio just beyond its bounds, an estimate whose difference would lose its digits, what is far apart
      const dual = { ...plain, clip: 'dual', kl: 'k3', aggregation: 'token-mean' } as const;
      await compareKernel(gpu, policyRows(7, 9, 3), dual, new Float64Array(56));
      await compareKernel(gpu, policyRows(2, 5, 1e-3), { ...dual, klBeta: 100 }, new Float64Array(16));
      await compareKernel(gpu, policyRows(66, 3, 0.01), { ...PRESETS.gspo, kl: 'k1' }, new Float64Array(8 * 66));
      await compareKernel(gpu, { ...rows, old: Array.from(rows.old, (x) => x * 40) }, dual, new Float64Array(40));
    },
  },
  {
    name: "RLVR: an update's gradients equal finite differences of the objective through a model",
    async run(gpu) {
      await throughModel(gpu, { ...PRESETS.grpo, klBeta: 0.3, entropyBonus: 0.2 });
      await throughModel(gpu, { ...PRESETS.gspo, clipLow: 0.05, clipHigh: 0.05, entropyBonus: 0.1 });
    },
  },
  {
    name: 'RLVR: several updates of a batch move the ratio, and the KL to the start is exact',
    async run(gpu) {
      const objective = { ...PRESETS.grpo, clipLow: 0.02 };
      const { results } = await practise(gpu, { settings: { objective, updates: 4, minibatches: 2 }, steps: 3 });
      for (const r of results) {
        check(of(r, 'sampler/logp_diff_max') < 1e-4, `sampler and trainer differ by ${of(r, 'sampler/logp_diff_max')}`);
        check(of(r, 'ratio/max') > 1.001 && of(r, 'ratio/max') < 3, `the largest ratio is ${of(r, 'ratio/max')}`);
        check(Math.abs(of(r, 'ratio/mean') - 1) < 0.1, `the mean ratio is ${of(r, 'ratio/mean')}`);
      }
      check(of(results[0], 'kl/ref_k3') < 1e-9, `the KL of the first step is ${of(results[0], 'kl/ref_k3')}`);
      check(of(results[2], 'kl/ref_k3') > 1e-6, `the KL of the third step is ${of(results[2], 'kl/ref_k3')}`);
      check(results.some((r) => of(r, 'clip/low') > 0) && results.some((r) => of(r, 'clip/high') > 0), 'nothing was clipped');
    },
  },
  {
    name: 'RLVR: groups without spread change nothing; they are sampled anew where the objective says so, within its bound',
    async run(gpu) {
      const flat: Verify = (rollouts) => rollouts.map(() => ({ reward: 1, lineOk: [true] }));
      for (const [preset, updates] of [
        ['drgrpo', 1],
        ['gspo', 2],
      ] as const) {
        const { moved, results } = await practise(gpu, { settings: { objective: PRESETS[preset], updates }, verify: flat });
        check(!moved, `${preset}: the weights moved`);
        check(of(results[0], 'adv/abs_mean') === 0 && of(results[0], 'grad/norm') === 0, `${preset}: there is a gradient`);
      }
      const all = await practise(gpu, { settings: { objective: { ...PRESETS.dapo, dynamicSampling: 2 } }, verify: flat });
      check(of(all.results[0], 'group/resample_rounds') === 2, 'two more rounds were granted');
      check(of(all.results[0], 'group/dropped') === 8 && all.results[0]?.rollouts.length === 16, 'two rounds of four groups were dropped');
      // every second group is mixed: the second round fills the batch
      const half: Verify = (rollouts) => rollouts.map((_, b) => ({ reward: b % 8 === 0 ? 1 : 0, lineOk: [true] }));
      const some = await practise(gpu, { settings: { objective: PRESETS.dapo }, verify: half });
      check(of(some.results[0], 'group/resample_rounds') === 1 && of(some.results[0], 'group/dropped') === 4, 'one more round was enough');
      const chosen = some.results[0]!.rollouts;
      for (let b = 0; b < 16; b += 4) check(chosen[b]!.verdict.reward === 1, `group ${b / 4} has no spread`);
    },
  },
  {
    name: 'RLVR: rollouts that were cut off are masked out, long ones punished',
    async run(gpu) {
      const wrap = (source: RolloutSource): RolloutSource => cutting(source, 28);
      const odd: Verify = (rollouts) => rollouts.map((_, b) => ({ reward: b % 2, lineOk: [true] }));
      const run = (overlong: 'off' | 'mask' | 'soft', verify = odd) =>
        practise(gpu, { settings: { objective: { ...PRESETS.drgrpo, overlong } }, wrap, verify });
      const [off, mask, soft] = [await run('off'), await run('mask'), await run('soft', (r) => r.map(() => ({ reward: 1, lineOk: [] })))];
      check(of(off.results[0], 'len/trunc_frac') === 0.5, 'half were cut off');
      check(of(mask.results[0], 'loss/policy') !== of(off.results[0], 'loss/policy'), 'masking changes nothing');
      check(of(soft.results[0], 'reward/std') === 0 && of(soft.results[0], 'adv/abs_mean') > 0, 'length is not punished');
    },
  },
  {
    name: 'RLVR: tokens of good rollouts rise in an update, those of bad ones fall; without an update none does',
    async run(gpu) {
      const still = await practise(gpu, { settings: { lr: 0 }, prompts: 2 });
      const { results, risen } = await practise(gpu, { settings: { lr: 1e-3 }, prompts: 2 });
      still.results[0]!.rollouts.forEach(({ trace: { sequence } }, b) => {
        still.risen[b]!.forEach((rise, i) => {
          const written = sequence.sampled[i] === 1;
          check(written ? Math.abs(rise) < 1e-4 : Number.isNaN(rise), `token ${i} of rollout ${b} rose by ${rise} without an update`);
        });
      });
      const weighted = results[0]!.rollouts.map(({ advantage }, b) => advantage * risen[b]!.reduce((n, x) => n + (x || 0), 0));
      check(weighted.reduce((n, x) => n + x, 0) > 1e-3, `what rose weighs ${weighted.join(', ')} by its advantages`);
    },
  },
  {
    name: 'RLVR: the reward rises on-policy and off-policy; the same seed gives the same numbers',
    async run(gpu) {
      const settings = { objective: PRESETS.drgrpo, lr: 1e-2 };
      const late = (r: RlvrResult[]): number => r.slice(-4).reduce((n, x) => n + of(x, 'reward/mean'), 0) / 4;
      const one = await practise(gpu, { settings, steps: 14 });
      const many = await practise(gpu, { settings: { objective: PRESETS.grpo, lr: 1e-2, updates: 2 }, steps: 14 });
      for (const { results } of [one, many])
        check(
          late(results) > of(results[0], 'reward/mean') + 0.2,
          `the reward went from ${of(results[0], 'reward/mean')} to ${late(results)}`,
        );
      const again = await practise(gpu, { settings: { objective: PRESETS.grpo, lr: 1e-2, updates: 2 }, steps: 3 });
      again.results.forEach((r, i) => {
        for (const [name, value] of Object.entries(r.metrics))
          if (!name.startsWith('time/')) check(value === many.results[i]!.metrics[name], `${name} of step ${i} is ${value}`);
      });
    },
  },
];
