// R48: numbers that are injected and wrong are seen in the step in which they arise. A gradient that is not finite: its update is skipped; three in a row
// stop the run with their cause. A policy that has run away from its reference stops the run, and the arm is as it was before. Equal rewards change nothing.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { alertsOf } from '../../src/app/alerts.ts';
import { RunLog } from '../../src/app/runLog.ts';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { kernelSource } from '../../src/gpu/shaders.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import type { RunEvent, Stage } from '../../src/run/events.ts';
import { RlvrTrainer } from '../../src/rlvr/trainer.ts';
import type { RunOutcome } from '../../src/run/runner.ts';
import { mutated } from './mutated.ts';
import { tinyRun } from './tinyRun.ts';

const NORM = 'optim/global_norm';
/** The sum of squares of all gradients, before anything is made of it. hyper[8] counts the steps of a stage from 0. */
const SUM = 'let n = sqrt(sums[0]);';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
});
afterAll(() => gpu?.destroy());
afterEach(() => void vi.restoreAllMocks());

function runWithNaN(where: string) {
  const code = kernelSource(NORM).code;
  expect(code).toContain(SUM);
  const broken = code.replace(SUM, `if (${where}) { sums[0] = bitcast<f32>(0x7fc00000u | args.P); }\n  ${SUM}`);
  return tinyRun(mutated(gpu, NORM, broken).gpu);
}

const norms = (events: readonly RunEvent[], stage: Stage): [number, number | null][] =>
  events.flatMap((e): [number, number | null][] =>
    e.type === 'metrics' && e.stage === stage && 'grad/norm' in e.values ? [[e.step, e.values['grad/norm'] as number | null]] : [],
  );
const skips = (events: readonly RunEvent[]): string[] =>
  events.flatMap((e) => (e.type === 'notice' && /its update was skipped/.test(e.message) ? [e.message] : []));
const alerts = (events: readonly RunEvent[]): string[] => {
  const log = new RunLog();
  log.append(events);
  return alertsOf(log).map(({ kind, where }) => `${kind}: ${where}`);
};
const areFinite = ({ arms }: RunOutcome): boolean =>
  [...arms.values()].every((tensors) => tensors.every(({ data }) => data.every(Number.isFinite)));

describe('R48 injected numbers', () => {
  it('a gradient that is NaN in one step: seen there, skipped, and the run goes on to its end with finite weights', async () => {
    const { outcome, events } = await runWithNaN('hyper[8] == 1.0');
    expect(outcome.summary).toMatchObject({ status: 'finished', error: null });
    for (const stage of ['ntp', 'm-step', 'rlvr'] as const) {
      const seen = norms(events, stage);
      expect(seen.length).toBeGreaterThan(1);
      for (const [step, norm] of seen) expect(norm === null, `${stage} step ${step}`).toBe(step === 2);
    }
    expect(skips(events)).toContain('ntp ntp step 2: grad/norm is NaN, so its update was skipped and the weights are as they were.');
    expect(alerts(events)).toContain('nan: NTP, step 2');
    expect(areFinite(outcome)).toBe(true);
  });

  it('gradients that are NaN in every step: the run stops at the third of them and says why; what was trained is kept', async () => {
    const { outcome, events } = await runWithNaN('hyper[8] >= 0.0');
    expect(outcome.summary.status).toBe('failed');
    expect(outcome.summary.error).toMatch(/^ntp of ntp, step 3: the gradient was not finite in 3 steps in a row.*Lower the learning rate/s);
    expect(norms(events, 'ntp')).toEqual([
      [1, null],
      [2, null],
      [3, null],
    ]);
    expect(skips(events)).toHaveLength(3);
    expect(alerts(events)).toContain('nan: NTP, step 1');
    expect([...outcome.arms.keys()]).toEqual(['base']);
    expect(areFinite(outcome)).toBe(true);
  });

  it('a KL of 57 in the second step: the run stops in that step and says why; the arm is as it was before RLVR', async () => {
    const { step } = RlvrTrainer.prototype;
    let steps = 0;
    vi.spyOn(RlvrTrainer.prototype, 'step').mockImplementation(async function (this: RlvrTrainer, from) {
      const result = await step.call(this, from);
      if (++steps === 2) result.metrics['kl/ref_k3'] = 57;
      return result;
    });
    const { outcome, events } = await tinyRun(gpu, undefined, (recipe) => {
      recipe.arms = ['base'];
      Object.assign(recipe.rlvr, { kl: 'k3', klBeta: 0.01, steps: 6 });
    });
    expect(outcome.summary.status).toBe('failed');
    expect(outcome.summary.error).toMatch(/^RLVR of base, step 2: the policy is 57.0 nats per token away .*limit 50.*Lower rlvr.lr/s);
    const kl = events.flatMap((e) => (e.type === 'metrics' && e.stage === 'rlvr' ? [e.values['kl/ref_k3'] as number] : []));
    expect(kl).toHaveLength(2);
    expect(Math.abs(kl[0] as number)).toBeLessThan(1e-6);
    expect(alerts(events)).toContain('kl: RLVR base, step 2');
    const errors = events.flatMap((e) => (e.type === 'notice' && e.level === 'error' ? [e.message] : []));
    expect(errors).toEqual([outcome.summary.error]);
    expect(outcome.arms.has('base')).toBe(true);
  });

  it('rewards that are all equal: seen in every step, nothing is learnt from them, and an alert after ten', async () => {
    const bare = (steps: number) =>
      tinyRun(gpu, undefined, (recipe) => {
        recipe.arms = ['base'];
        recipe.rlvr.steps = steps;
      });
    const [before, { outcome, events }] = [await bare(0), await bare(11)];
    expect(outcome.summary).toMatchObject({ status: 'finished', error: null });
    const steps = events.flatMap((e) => (e.type === 'metrics' && e.stage === 'rlvr' ? [e.values] : []));
    // a model of random weights gets no program right
    expect(steps.map((values) => [values['reward/std'], values['group/frac_mixed'], values['grad/norm']])).toEqual(
      new Array(11).fill([0, 0, 0]),
    );
    const words = ({ arms }: RunOutcome) => arms.get('base')!.map(({ data }) => data);
    expect(words(outcome)).toEqual(words(before.outcome));
    expect(alerts(events)).toContain('no-spread: RLVR base, step 1');
  });
});
