// R47: the sampler's log-probabilities are compared with the trainer's every step of RLVR. A sampler that is off by more than 1e-3 nats makes the run
// warn, one that is off by more than 1e-2 stops it; the log says how much, every step.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { kernelSource } from '../../src/gpu/shaders.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { mutated } from './mutated.ts';
import { tinyRun } from './tinyRun.ts';

const SAMPLER = 'latent/policy_sampler';
/** What the sampler records of a token. */
const RECORD = 'record[to] = vec4<f32>(logits[at + min(token, args.V - 1u)] - m - logSum';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
});
afterAll(() => gpu?.destroy());

async function runOff(by: number) {
  const code = kernelSource(SAMPLER).code;
  expect(code).toContain(RECORD);
  const other = mutated(gpu, SAMPLER, code.replace(RECORD, `${RECORD} + ${by.toExponential()}`));
  const result = await tinyRun(other.gpu);
  expect(other.used()).toBeGreaterThan(0);
  return result;
}

const differences = (events: readonly RunEvent[]): number[] =>
  events.flatMap((e) => (e.type === 'metrics' && e.stage === 'rlvr' ? [e.values['sampler/logp_diff_max'] as number] : []));
const warnings = (events: readonly RunEvent[]): string[] =>
  events.flatMap((e) => (e.type === 'notice' && /sampler and trainer/i.test(e.message) ? [e.message] : []));

describe('R47 sampler and trainer', () => {
  it('agree: every step logs it, nothing is said', async () => {
    const { outcome, events } = await tinyRun(gpu);
    expect(outcome.summary.status, outcome.summary.error ?? '').toBe('finished');
    expect(differences(events).length).toBeGreaterThanOrEqual(4);
    for (const difference of differences(events)) expect(difference).toBeLessThan(1e-4);
    expect(warnings(events)).toEqual([]);
  });

  it('differ by 0.005 nats: the run warns and goes on', async () => {
    const { outcome, events } = await runOff(5e-3);
    expect(outcome.summary.status, outcome.summary.error ?? '').toBe('finished');
    for (const difference of differences(events)) expect(difference).toBeGreaterThan(4e-3);
    expect(warnings(events).length).toBeGreaterThan(0);
  });

  it('differ by 0.05 nats: the run stops in the first step and says why', async () => {
    const { outcome, events } = await runOff(5e-2);
    expect(outcome.summary.status).toBe('failed');
    expect(outcome.summary.error).toMatch(/RLVR of \w+, step 1: sampler and trainer differ by 0\.0[45]\d* nats .*limit 0\.01/);
    expect(differences(events).length).toBe(1);
  });
});
