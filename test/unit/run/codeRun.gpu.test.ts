// RLVR and evaluation on Python problems, whole runs of a tiny random model: texts are written freely, judged by a sandbox's double, and learned from.
import { beforeAll, describe, expect, it } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { type GpuContext, openGpu } from '../../../src/gpu/context.ts';
import { openNodeGpu } from '../../../src/headless/adapter.ts';
import { RunControl } from '../../../src/run/control.ts';
import { makeCorpus } from '../../../src/run/corpus.ts';
import { type Dataset, problemsFor } from '../../../src/run/datasetCorpus.ts';
import type { RunEvent } from '../../../src/run/events.ts';
import { judgeIn } from '../../../src/run/judge.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import { CODE_DEFAULTS, type Recipe } from '../../../src/run/recipe.ts';
import { type RunOutcome, runRecipe } from '../../../src/run/runner.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import type { PythonSandbox } from '../../../src/verify/python.ts';
import { CHAR_VOCABULARY, charTokenizer, END_ID } from '../../support/charTokenizer.ts';
import { fakeSandbox } from '../../support/fakeSandbox.ts';
import { llamaArchitecture } from '../../support/llamaArchitecture.ts';

const ARCHITECTURE = llamaArchitecture({
  hidden: 16,
  intermediate: 24,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  vocabulary: CHAR_VOCABULARY,
  maxPositions: 128,
  rmsNormEps: 1e-5,
  ropeTheta: 1e4,
  tieEmbeddings: false,
});

/** Four problems in the shape of APPS rows: two to train on, two held out. */
const ROWS = [1, 2, 3, 4].map((n) => ({
  problem_id: n,
  question: `f${n}`,
  solutions: JSON.stringify([`# note\ndef f(x):\n  return ${n}\n`]),
  input_output: JSON.stringify({ fn_name: 'f', inputs: [[n]], outputs: [0] }),
}));
const DATASET: Dataset = {
  rows: ROWS,
  file: fromBytes('apps.jsonl', new TextEncoder().encode(ROWS.map((r) => JSON.stringify(r)).join('\n'))),
};

function recipe(): Recipe {
  const made = presetRecipe('recall-lines', 'quick');
  const m = { steps: 2, batch: 2, lr: 1e-3, weightDecay: 0 };
  const small = { emIterations: 1, eSteps: 1, programs: 2, group: 2, infuse: 4, maxLatentTokens: 2, m };
  return {
    ...made,
    model: 'dropped',
    task: {
      ...CODE_DEFAULTS,
      kind: 'code',
      suite: 'apps',
      verify: true,
      promptField: '',
      solutionField: '',
      maxTokens: 64,
      heldOut: 0.5,
      maxRows: 10,
      maxNewTokens: 12,
    },
    arms: ['base', 'comments'],
    ra3: { ...made.ra3, ...small },
    ntp: { ...m },
    rlvr: { ...made.rlvr, steps: 2, prompts: 2, group: 4, lr: 1e-2 },
    evaluate: { prompts: 2, samples: 4, ranges: ['in'] },
  };
}

/** Of what was written alone: the judge's own text around it is the same for all. */
const letters = (source: string): number => [...source].filter((c) => /[a-m]/.test(c)).length % 2;

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
});

async function run(sandbox: PythonSandbox | null, r = recipe()): Promise<{ outcome: RunOutcome; events: RunEvent[] }> {
  const events: RunEvent[] = [];
  const parts = {
    tokenizer: charTokenizer,
    dataset: DATASET,
    endIds: [END_ID],
    problems: await problemsFor(r, DATASET),
    judge: await judgeIn(sandbox),
  };
  const outcome = await runRecipe({
    gpu,
    recipe: r,
    architecture: ARCHITECTURE,
    load: (model) => {
      const rng = makeRng(8, 3);
      return model.randomise(
        () => Math.sqrt(3) * (2 * rng.uniform() - 1),
        () => 0.3,
      );
    },
    corpus: makeCorpus(r, CHAR_VOCABULARY, parts),
    emit: (event) => events.push(event),
    control: new RunControl(),
  });
  return { outcome, events };
}

const TIMES = /"(time\/\w+|timeMs|tok_per_s|tokPerS|startedAt|leftMs|overall|message)":("[^"]*"|[^,}]+)/g;
const told = (events: RunEvent[]): string[] =>
  events.filter((e) => e.type !== 'progress' && e.type !== 'notice').map((e) => JSON.stringify(e).replace(TIMES, ''));
const bits = (outcome: RunOutcome): string[] =>
  [...outcome.arms].flatMap(([arm, tensors]) =>
    tensors.map((t) => `${arm} ${t.name} ${Buffer.from(t.data.buffer as ArrayBuffer).toString('base64')}`),
  );
const warnings = (events: RunEvent[]): string[] => events.flatMap((e) => (e.type === 'notice' && e.level !== 'info' ? [e.message] : []));
const rlvr = (events: RunEvent[]) => events.flatMap((e) => (e.type === 'metrics' && e.stage === 'rlvr' ? [e] : []));

describe('a run on Python problems', () => {
  it('writes, judges and learns, the same bits twice, whatever order verdicts come in', async () => {
    const first = await run(fakeSandbox(letters));
    expect(first.outcome.summary).toMatchObject({ status: 'finished', error: null });
    expect(warnings(first.events)).toEqual([]);

    for (const { values } of rlvr(first.events)) {
      expect(values['sampler/logp_diff_max']).toBeLessThan(1e-3);
      expect(values['reward/mean']).toBe(values['verify/tests_held']);
      expect(values['len/max']).toBeLessThanOrEqual(12 + 12);
      expect(values['len/trunc_frac']).toBeGreaterThan(0);
    }
    expect(rlvr(first.events).some(({ values }) => values['group/frac_mixed']! > 0 && values['grad/norm']! > 0)).toBe(true);
    const { results } = first.outcome.summary;
    expect(results.map(({ arm, phase }) => `${arm} ${phase}`)).toEqual(['base before', 'comments before', 'base after', 'comments after']);
    for (const { passAt, heldOutNll } of results) {
      expect(Object.keys(passAt)).toEqual(['1', '4']);
      expect(passAt['1']!.mean).toBeLessThanOrEqual(passAt['4']!.mean);
      expect(heldOutNll).toBeGreaterThan(0);
    }
    const shown = first.events.flatMap((e) => (e.type === 'rollouts' ? e.groups.flatMap((g) => g.rollouts) : []));
    expect(shown[0]!.tests).toHaveLength(1);
    expect(shown.every(({ tokens }) => tokens.every(({ role, logprob }) => (role === 'prompt') === (logprob === null)))).toBe(true);
    expect(new Set(first.outcome.samples.keys())).toEqual(new Set(['base-before', 'base-after', 'comments-before', 'comments-after']));
    const rows = first.outcome.samples.get('base-before')!;
    expect(rows).toHaveLength(8);
    expect(rows.filter(({ passed }) => passed).length / 8).toBeCloseTo(results[0]!.passAt['1']!.mean, 12);
    expect([...new Set(rows.map(({ task_id }) => task_id))]).toEqual(['3', '4']);

    const before = gpu.bytesInUse();
    const second = await run(fakeSandbox(letters));
    expect(gpu.bytesInUse()).toBe(before);
    expect(told(second.events)).toEqual(told(first.events));
    expect(bits(second.outcome)).toEqual(bits(first.outcome));
  });

  it('R26 gives what never ends, and what tries to leave the sandbox, 0, counts them and goes on', async () => {
    const { outcome, events } = await run(
      fakeSandbox((source) => (letters(source) % 2 === 0 ? null : 'leaves')),
      { ...recipe(), arms: ['base'] },
    );
    expect(outcome.summary.status).toBe('finished');
    const steps = rlvr(events).map(({ values }) => values);
    expect(steps).toHaveLength(2);
    for (const values of steps) {
      expect(values['verify/timeouts']! + values['verify/tried_to_leave']!).toBe(8);
      expect(values['verify/killed']).toBe(values['verify/tried_to_leave']);
      expect([values['reward/mean'], values['grad/norm']]).toEqual([0, 0]);
    }
    expect(steps.some((values) => values['verify/timeouts']! > 0)).toBe(true);
    expect(steps.some((values) => values['verify/tried_to_leave']! > 0)).toBe(true);
    expect(outcome.summary.results.map((r) => r.passAt['4']!.mean)).toEqual([0, 0]);
    expect(outcome.samples.get('base-after')!.every(({ passed, end }) => !passed && (end === 'timeout' || end === 'killed'))).toBe(true);
  });

  it('goes on without pass@k and RLVR where there is no sandbox, or none any more, and says so', async () => {
    const r: Recipe = { ...recipe(), arms: ['base'] };
    const none = await run(null, r);
    expect(none.outcome.summary.results.map((x) => [x.phase, Object.keys(x.passAt)])).toEqual([['before', []]]);
    expect(warnings(none.events)).toEqual([
      'Nothing written can be judged here: there is no Python sandbox here. There is no pass@k and no RLVR.',
      'RLVR was left out: there is no Python sandbox here.',
    ]);

    const sandbox = fakeSandbox(letters);
    sandbox.left = 1 + 8 + 3; // the first job, the evaluation, and some of the first step's
    const lost = await run(sandbox, r);
    expect(lost.outcome.summary).toMatchObject({ status: 'finished', error: null });
    expect(lost.outcome.summary.results.map((x) => [x.phase, Object.keys(x.passAt)])).toEqual([['before', ['1', '4']]]);
    expect(warnings(lost.events)).toEqual(['The verifier is gone, so pass@k and RLVR are left out from here on: the fake sandbox is gone']);
    expect(lost.events.filter((e) => e.type === 'stage' && e.stage === 'rlvr')).toHaveLength(2);
    expect(bits(lost.outcome)).toEqual(bits(none.outcome));

    sandbox.left = 1 + 2;
    const before = await run(sandbox, r);
    expect(before.outcome.summary.results.map((x) => [x.phase, Object.keys(x.passAt), x.heldOutNll !== null])).toEqual([
      ['before', [], true],
    ]);
  });
});
