// R36, R37: the device is lost in the middle of a run, at places all over it. A new one goes on from the last snapshot, and the
// weights and the log are those of an unbroken run, bit for bit; after the fourth loss within ten minutes the run stops and keeps what it has.
import { beforeAll, describe, expect, it } from 'vitest';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { RunControl } from '../../src/run/control.ts';
import { makeCorpus } from '../../src/run/corpus.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import type { Recipe } from '../../src/run/recipe.ts';
import { type RunOutcome, runRecipe } from '../../src/run/runner.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';

const TASK = builtinTask('recall-lines');
const ARCHITECTURE = llamaArchitecture({
  hidden: 16,
  intermediate: 24,
  layers: 2,
  heads: 2,
  kvHeads: 2,
  headDim: 8,
  vocabulary: TASK.tokens.length,
  maxPositions: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 1e4,
  tieEmbeddings: true,
});

function recipe(): Recipe {
  const made = presetRecipe('recall-lines', 'quick');
  Object.assign(made.ra3, {
    emIterations: 2,
    eSteps: 3,
    programs: 4,
    group: 4,
    infuse: 32,
    infuseBestOf: 2,
    separate: true,
    m: { steps: 6, batch: 8, lr: 1e-3, weightDecay: 0.01 },
  });
  made.ntp = { ...made.ra3.m };
  made.rlvr = { ...made.rlvr, steps: 3, prompts: 2, group: 4 };
  made.evaluate = { prompts: 4, samples: 8, ranges: ['in'] };
  return made;
}

const open = async (): Promise<GpuContext> => openGpu((await openNodeGpu()).adapter);

/**
 * Counts the host's writes to the device from the first stage on (submissions are cut by time, writes are the same in every run). The device is
 * destroyed at the numbers in `at`, counted over all devices of the run: at even ones at once, at odd ones while the work after them is under way.
 */
class Loser {
  counting = false;
  count = 0;
  losses = 0;
  private readonly at: Set<number>;
  constructor(at: readonly number[]) {
    this.at = new Set(at);
  }
  watch(gpu: GpuContext): GpuContext {
    const { queue } = gpu.device;
    const write = queue.writeBuffer.bind(queue) as (...args: unknown[]) => undefined;
    queue.writeBuffer = (...args: unknown[]) => {
      write(...args);
      if (!this.counting) return;
      this.count += 1;
      if (!this.at.has(this.count)) return;
      this.losses += 1;
      if (this.count % 2 === 0) gpu.device.destroy();
      else setTimeout(() => gpu.device.destroy(), 2);
    };
    return gpu;
  }
}

async function run(loser: Loser, r = recipe()): Promise<{ outcome: RunOutcome; events: RunEvent[] }> {
  const events: RunEvent[] = [];
  const outcome = await runRecipe({
    gpu: loser.watch(await open()),
    reopen: async () => loser.watch(await open()),
    recipe: r,
    architecture: ARCHITECTURE,
    load: async (model) => {
      const rng = makeRng(5, 3);
      await model.randomise(
        () => Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform()),
        () => 0.3,
      );
    },
    corpus: makeCorpus(r, ARCHITECTURE.vocabulary, { tokenizer: null, dataset: null }),
    emit: (event) => {
      if (event.type === 'stage') loser.counting = true;
      events.push(event);
    },
    control: new RunControl(),
  });
  outcome.gpu.destroy();
  return { outcome, events };
}

const weightsOf = ({ arms }: RunOutcome) => [...arms].map(([arm, tensors]) => [arm, tensors.map((t) => [t.name, [...t.data]])]);
/** The log without times, progress and what is said about the device. */
const logOf = (events: readonly RunEvent[]): unknown[] =>
  events
    .filter((e) => e.type !== 'progress' && e.type !== 'notice' && e.type !== 'end' && e.type !== 'start')
    .map((e) =>
      JSON.parse(JSON.stringify(e, (key, value) => (key === 'timeMs' || key === 'tok_per_s' || key.startsWith('time/') ? 0 : value))),
    );

describe('R36 a lost device', () => {
  let whole: Awaited<ReturnType<typeof run>>;
  let writes = 0;
  beforeAll(async () => {
    const loser = new Loser([]);
    whole = await run(loser);
    writes = loser.count;
    expect(whole.outcome.summary.status).toBe('finished');
  });

  it.each([0.02, 0.2, 0.4, 0.6, 0.8, 0.97])('at %f of the run: the same weights and the same log', async (share) => {
    const loser = new Loser([Math.max(1, Math.floor(share * writes))]);
    const { outcome, events } = await run(loser);
    expect(loser.losses).toBe(1);
    expect(outcome.summary.status, outcome.summary.error ?? '').toBe('finished');
    expect(events.filter((e) => e.type === 'notice' && /was lost; a new one goes on/.test(e.message)).length).toBe(1);
    expect(weightsOf(outcome)).toEqual(weightsOf(whole.outcome));
    expect(logOf(events)).toEqual(logOf(whole.events));
  });

  it('in an E-step that ends early: it ends at the same step', async () => {
    const early = recipe();
    Object.assign(early.ra3, { emIterations: 1, eSteps: 60, programs: 2, stopBelow: 100 });
    early.arms = ['ra3'];
    early.rlvr.steps = 0;
    const unbroken = new Loser([]);
    const wanted = await run(unbroken, early);
    const loser = new Loser([Math.floor(0.5 * unbroken.count)]);
    const { outcome, events } = await run(loser, early);
    expect(loser.losses).toBe(1);
    expect(outcome.summary.status, outcome.summary.error ?? '').toBe('finished');
    expect(weightsOf(outcome)).toEqual(weightsOf(wanted.outcome));
    expect(logOf(events)).toEqual(logOf(wanted.events));
    const ends = events.filter((e) => e.type === 'stage' && e.status === 'end' && e.stage === 'e-step');
    expect(ends.map((e) => (e.type === 'stage' ? e.steps : 0))).toEqual([20]);
    expect(events.filter((e) => e.type === 'notice' && /converged at step 20/.test(e.message)).length).toBe(1);
    expect(events.findLast((e) => e.type === 'progress')?.overall).toBeCloseTo(1, 9);
  });

  it('R37 four times in ten minutes: the run stops, says so, and keeps its log and what was trained', async () => {
    // a loss is noticed at the next reading only, so some of these fall on a device that is gone already
    const loser = new Loser([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((share) => Math.floor(share * writes)));
    const { outcome, events } = await run(loser);
    expect(outcome.summary.status).toBe('failed');
    expect(outcome.summary.error).toMatch(/lost 4 times within ten minutes/);
    expect(outcome.arms.get('base')?.length).toBeGreaterThan(0);
    expect(events.at(-1)?.type).toBe('end');
  });
});
