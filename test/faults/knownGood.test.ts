// R49: an E-step that is right learns, and one that is broken does not: the sign of the advantage flipped, the mask of the rewarded tokens off by one. The
// product's own E-step runs on a tiny random model, where some thoughts make the expert's lines likelier than others; the mistakes are put into its kernels.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { kernelSource } from '../../src/gpu/shaders.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { EStep } from '../../src/midtrain/eStep.ts';
import { type EStepObjective, elboSettings, lineLogprobs } from '../../src/midtrain/elbo.ts';
import { Optimizer } from '../../src/model/optimizer.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';
import { mutated } from './mutated.ts';
import { TINY } from './tinyModel.ts';

const TASK = builtinTask('recall-lines');
const STEPS = 25;
const ENDS = 5;
const LOG_Z = Math.log(TASK.symbolHi - TASK.symbolLo);
const RECIPE = {
  kl: 'penalty' as const,
  c: 0,
  alpha: 0.8,
  tokenPenalty: 0,
  capPenalty: 0,
  eta: 0.01,
  gamma: 1,
  lengthNormalised: false,
};

interface Learnt {
  /** Log-probability per line under pi, and the bound of all samples, over the first and the last five steps. */
  line: [number, number];
  bound: [number, number];
}

async function learn(gpu: GpuContext, objective: EStepObjective): Promise<Learnt> {
  const architecture = llamaArchitecture({ ...TINY, vocabulary: TASK.tokens.length });
  const [q, pi] = [await Transformer.make(gpu, architecture), await Transformer.make(gpu, architecture)];
  const rng = makeRng(21, 3);
  await q.randomise(
    () => Math.sqrt(3) * (2 * rng.uniform() - 1),
    () => 0.4,
  );
  pi.copyFrom(q);
  const optimizer = await Optimizer.make(q);
  const T = TASK.maxTokens;
  const shape = { P: 4, G: 8, T, S: T, W: TASK.window, L: TASK.lines };
  const policy = { form: TASK.latent, symbolLo: TASK.symbolLo, symbolHi: TASK.symbolHi, bias: 0 };
  const eStep = await EStep.make(q, pi, optimizer, shape, policy, { settings: elboSettings({ ...RECIPE, objective }, LOG_Z), logZ: LOG_Z });
  const draws = makeRng(22, 1);
  const [line, bound]: [number[], number[]] = [[], []];
  for (let step = 0; step < STEPS; step++) {
    const { metrics, traces } = await eStep.step(TASK.samplePrograms(draws, shape.P), 1e-2, 5, step);
    bound.push(metrics[`bound/iw_${shape.G}`] as number);
    if (step >= ENDS && step < STEPS - ENDS) continue;
    // by the reference, which no kernel of the E-step's own can break
    const logprobs = await eStep.scoreFrozen(traces);
    const sums = traces.flatMap(({ sequence }, b) => [...lineLogprobs(sequence, logprobs[b] as Float32Array).sum]);
    line.push(mean(sums));
  }
  for (const held of [eStep, optimizer, q, pi]) held.destroy();
  const ends = (values: number[]): [number, number] => [mean(values.slice(0, ENDS)), mean(values.slice(-ENDS))];
  return { line: ends(line), bound: ends(bound) };
}

const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function broken(gpu: GpuContext, kernel: string, find: string, put: string): { gpu: GpuContext; used: () => number } {
  const { code } = kernelSource(kernel);
  expect(code).toContain(find);
  return mutated(
    gpu,
    kernel,
    code.replace(find, () => put),
  );
}

describe('R49 the E-step', () => {
  let gpu: GpuContext;
  beforeAll(async () => {
    gpu = await openGpu((await openNodeGpu()).adapter);
  });
  afterAll(() => gpu?.destroy());

  it('learns by the policy gradient', async () => {
    const { line } = await learn(gpu, 'policy-gradient');
    expect(line[1]).toBeGreaterThan(line[0] + 0.2);
  });
  it('learns by importance weights: the bound of its samples rises', async () => {
    const { bound } = await learn(gpu, 'importance-weighted');
    expect(bound[1]).toBeGreaterThan(bound[0] + 0.1);
  });
  it('gets worse when the sign of the advantage is flipped', async () => {
    const other = broken(gpu, 'latent/advantages', 'args.factor * (advantage[at] - mean)', 'args.factor * (mean - advantage[at])');
    const { line } = await learn(other.gpu, 'policy-gradient');
    expect(other.used()).toBeGreaterThan(0);
    expect(line[1]).toBeLessThan(line[0] - 0.2);
  });
  it('does not learn when the mask of the rewarded tokens is off by one', async () => {
    const other = broken(gpu, 'latent/line_rewards', 'sum += scored[row] * logprob[row];', 'sum += scored[row + 1u] * logprob[row + 1u];');
    const { line } = await learn(other.gpu, 'policy-gradient');
    expect(other.used()).toBeGreaterThan(0);
    expect(line[1]).toBeLessThan(line[0] + 0.1);
  });
});
