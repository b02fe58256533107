// Small logs as runs write them, with numbers that are easy to foresee, and a theory report of two numbers.
import { readSeedLog, type SeedLog } from '../../../../src/headless/results/seedLog.ts';
import { parseStudy, type Study, withSeed } from '../../../../src/headless/results/study.ts';
import type { StudyLogs } from '../../../../src/headless/results/studyLogs.ts';
import type { TheoryReport } from '../../../../src/midtrain/theory/instruments.ts';
import type { ArmResult, Phase, RunEvent, RunSummary } from '../../../../src/run/events.ts';
import type { Arm, Range, Recipe } from '../../../../src/run/recipe.ts';

export const ARMS = ['base', 'ntp', 'ra3', 'oracle'] as const satisfies readonly Arm[];
type Own = (typeof ARMS)[number];

/** pass@1 by arm before RLVR; after it base gains .2. NTP varies with the seed. */
export const score = (arm: Own, phase: Phase, seed: number): number =>
  ({ base: phase === 'before' ? 0.4 : 0.6, ntp: 0.3 + 0.01 * seed, ra3: 0.9, oracle: 0.95 })[arm];

function armResult(arm: Own, phase: Phase, range: Range, pass1: number): ArmResult {
  const at = (mean: number) => ({ mean, lo: mean - 0.1, hi: mean + 0.1 });
  const thinks = arm === 'ra3' || arm === 'oracle';
  const drop = range === 'in' ? 0 : 0.1;
  return {
    arm,
    phase,
    ...(range === 'in' ? {} : { range }),
    passAt: { 1: at(pass1 - drop), 8: at(arm === 'ntp' && phase === 'after' ? 0.5 : 0.98 - drop) },
    thinkRate: thinks ? 0.125 : 0,
    thinkByLine: thinks ? [1, 0, 0, 0] : [0, 0, 0, 0],
    thoughtsPerProgram: thinks ? 1 : 0,
    meanDuration: thinks ? 8 : null,
    contentRight: thinks ? 1 : null,
    heldOutNll: 0.2,
    agreement: { nmi: thinks ? 1 : 0, ari: thinks ? 1 : 0, boundaryF1: thinks ? 1 : null },
    abstractions: {
      thinkByKind: { plain: thinks ? 0.25 : 0, recall: 0 },
      precision: thinks ? 0.5 : null,
      recall: 0.25,
      heldRight: 1,
      persistence: thinks ? 1 : null,
      durations: thinks ? [0, 0, 0, 1] : null,
      horizon: thinks ? { gbar: 0.85, gbarSup: 0.85, effective: 1 / 0.15 } : null,
      decisionsPerProgram: thinks ? 1 : 4,
      actions: { perplexity: thinks ? 2 : 1, count: 2 },
      actionsPerState: 1.5,
      lines: { samples: 8, distinct: thinks ? 1.25 : 3, expertCovered: 0.875 },
      latentPerplexity: thinks ? 1.5 : null,
      tokensPerExpertToken: 1.2,
    },
  };
}

export interface LogChange {
  status?: RunSummary['status'];
  error?: string;
  /** In place of `score`. */
  score?: typeof score;
  gap?: number;
}

export function logText(recipe: Recipe, change: LogChange = {}): string {
  const { seed } = recipe;
  const of = change.score ?? score;
  const phases: Phase[] = recipe.rlvr.steps > 0 ? ['before', 'after'] : ['before'];
  const arms = ARMS.filter((arm) => recipe.arms.includes(arm));
  const results = phases.flatMap((phase) =>
    arms.flatMap((arm) => recipe.evaluate.ranges.map((range) => armResult(arm, phase, range, of(arm, phase, seed)))),
  );
  const adapter = { vendor: 'v', architecture: 'a', description: 'A <fast> | "CPU"', software: true, features: [] };
  const events: RunEvent[] = [
    { type: 'start', runId: `r-${seed}`, recipe, adapter, version: '0.1.0', startedAt: '2026-11-20T10:00:00.000Z', parameters: 20992 },
    {
      type: 'metrics',
      stage: 'evaluate',
      arm: 'base',
      phase: 'before',
      step: 0,
      values: {
        'gate/nll_plain': 0.01,
        'gate/nll_without': 0.1 + (change.gap ?? 1),
        'gate/nll_with_truth': 0.1,
        'gate/truth_probability': 0.8,
      },
    },
  ];
  for (let step = 1; step <= 6; step++) {
    for (const iteration of [1, 2]) {
      const values = {
        'think/rate': 0.1 * iteration,
        'think/per_program': iteration,
        'nll/line': step === 6 ? null : 0.5,
        ...(step === 6 ? { 'segment/hist_1': 0.25, 'segment/hist_2': 0.75, 'segment/geometric_1': 0.5, 'segment/geometric_2': 0.5 } : {}),
      };
      events.push({ type: 'metrics', stage: 'e-step', arm: 'ra3', iteration, step, values });
    }
  }
  const line = { text: 'x', kind: 'plain', pThink: 0, lineLogprob: 0, gain: 0, right: null };
  const traces = [
    {
      prompt: 'p',
      lines: [
        { ...line, thought: 'a' },
        { ...line, thought: null },
      ],
    },
  ];
  events.push({ type: 'traces', stage: 'm-step', arm: 'ra3', iteration: 1, step: 120, traces });
  if (recipe.rlvr.steps > 0)
    for (const arm of arms)
      for (let step = 1; step <= recipe.rlvr.steps; step++) {
        const [from, to] = [of(arm, 'before', seed), of(arm, 'after', seed)];
        const values = { 'reward/mean': from + ((to - from) * step) / recipe.rlvr.steps };
        events.push({ type: 'metrics', stage: 'rlvr', arm, step, values });
      }
  events.push({ type: 'rollouts', stage: 'rlvr', arm: 'ra3', step: 1, groups: [] });
  events.push({
    type: 'end',
    summary: { status: change.status ?? 'finished', error: change.error ?? null, results, tokPerS: 1234.5, timeMs: 61_000 },
  });
  return `${events.map((e) => JSON.stringify(e)).join('\n')}\n`;
}

export const STUDY = {
  title: 'A study',
  about: 'What it is.',
  seeds: [1, 2, 3],
  recipe: {
    preset: 'recall-lines/quick',
    set: { arms: [...ARMS], 'rlvr.steps': 10, 'rlvr.range': 'edge', 'evaluate.ranges': ['in', 'edge'] },
  },
};
export const makeStudy = (change: object = {}): Study =>
  parseStudy('a-study', 'recipes/a-study.json', JSON.stringify({ ...STUDY, ...change }));

export const logOf = (recipe: Recipe, change: LogChange = {}): SeedLog => readSeedLog(logText(recipe, change));

/** Every seed of every variant; `change` by variant and seed. */
export function logsOf(study: Study, change: (variant: number, seed: number) => LogChange = () => ({})): StudyLogs {
  return {
    study,
    variants: study.variants.map((variant, i) => ({
      variant,
      logs: study.seeds.map((seed) => logOf(withSeed(variant.recipe, seed), change(i, seed))),
      absent: [],
    })),
  };
}

export const THEORY: TheoryReport = {
  table: [
    { instrument: 'pruning', name: 'needed', label: 'Demonstrations needed', measured: 507.25, low: 400, high: 600, predicted: 1699.4 },
  ],
  results: [
    {
      instrument: 'pruning',
      says: 'What is seen.',
      facts: [],
      charts: [
        {
          name: 'by sigma',
          title: 'by share',
          xLabel: 'σ',
          log: 'xy',
          series: [
            { name: 'bound', kind: 'bound', x: [0.01, 0.1], y: [1000, 100] },
            { name: 'measured', kind: 'measured', x: [0, 0.01, 0.1], y: [5, 500, 50], low: [1, 400, 40], high: [9, 600, 60] },
          ],
        },
      ],
    },
  ],
  settings: {} as TheoryReport['settings'],
};
