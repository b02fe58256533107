// The stages that a recipe will go through, with their steps and relative cost: what progress and time left are computed from.
import type { Range } from '../tasks/task.ts';
import type { Corpus } from './corpus.ts';
import type { StageRef } from './events.ts';
import { type Arm, ARMS, type Recipe } from './recipe.ts';

export interface PlannedStage {
  ref: StageRef;
  steps: number;
  /** Relative: multiply-adds through the parameters. */
  cost: number;
}

/** Penalties from here on leave a thought no prior probability in double precision: alpha is 1. */
const RULED_OUT = 745;

/** Whether the prior has no mass on thoughts at all: RA3 is then next-token prediction, without an E-step. */
export function rulesThoughtsOut({ kl, c }: Recipe['ra3']): boolean {
  return kl === 'penalty' && c >= RULED_OUT;
}

/** Decoding one token costs more than its arithmetic: many small dispatches. Measured on CPU adapters. */
const DECODE = 2;
/** Forward and backward. */
const TRAIN = 3;

type Sizes = Pick<Corpus, 'thinks' | 'verify' | 'sizes' | 'free'>;

/** The recipe's arms in the order in which they are run; RA3 and the arms on labelled programs need a corpus in which thoughts make sense. */
export function armsOf(recipe: Recipe, { thinks }: Pick<Corpus, 'thinks'>): Arm[] {
  return ARMS.filter((arm) => recipe.arms.includes(arm) && (thinks || arm === 'base' || arm === 'ntp'));
}

function ra3Stages({ ra3 }: Recipe, { sizes }: Pick<Corpus, 'sizes'>): PlannedStage[] {
  const T = sizes.in.maxTokens;
  const stages: PlannedStage[] = [];
  for (let iteration = 1; iteration <= ra3.emIterations; iteration++) {
    if (!rulesThoughtsOut(ra3)) {
      const { eSteps, programs, group, infuse, infuseBestOf } = ra3;
      stages.push({ ref: { stage: 'e-step', arm: 'ra3', iteration }, steps: eSteps, cost: eSteps * programs * group * T * (DECODE + 4) });
      stages.push({ ref: { stage: 'infuse', arm: 'ra3', iteration }, steps: infuse, cost: infuse * infuseBestOf * T * DECODE });
    }
    stages.push({ ref: { stage: 'm-step', arm: 'ra3', iteration }, steps: ra3.m.steps, cost: ra3.m.steps * ra3.m.batch * T * TRAIN });
  }
  return stages;
}

/**
 * NTP steps that take as many multiply-adds as all of RA3: in the E-step a rollout token costs one pass, its scoring one and its update three; an
 * infused token one; a supervised one three. E-steps that end early count whole, in NTP's favour.
 */
export function equalComputeSteps(recipe: Recipe, corpus: Pick<Corpus, 'sizes'>): number {
  const { ra3, ntp } = recipe;
  const T = corpus.sizes.in.maxTokens;
  const thinking = rulesThoughtsOut(ra3)
    ? 0
    : ra3.eSteps * ra3.programs * ra3.group * T * (1 + 1 + TRAIN) + ra3.infuse * ra3.infuseBestOf * T;
  return Math.round((ra3.emIterations * (thinking + ra3.m.steps * ra3.m.batch * T * TRAIN)) / (ntp.batch * T * TRAIN));
}

/** Costs are relative: passes times tokens times parameters. */
export function planStages(recipe: Recipe, corpus: Sizes, parameters: number): PlannedStage[] {
  const { ntp, rlvr, evaluate, base } = recipe;
  const stages: PlannedStage[] = [];
  const add = (ref: StageRef, steps: number, tokensPerStep: number, passes: number): void => {
    stages.push({ ref, steps, cost: steps * tokensPerStep * passes });
  };
  const T = corpus.sizes.in.maxTokens;
  const rolloutTokens = (range: Range): number => corpus.free?.T ?? corpus.sizes[range].maxTokens;
  const evaluation = (arm: Arm, phase: 'before' | 'after'): void => {
    const rows = evaluate.prompts * (corpus.verify ? evaluate.samples : 1);
    const longest = Math.max(...evaluate.ranges.map(rolloutTokens));
    add({ stage: 'evaluate', arm, phase }, rows * evaluate.ranges.length, longest, DECODE);
  };
  const arms = armsOf(recipe, corpus);
  if (recipe.model === 'fresh') add({ stage: 'base', arm: 'base' }, base.steps, base.batch * T, TRAIN);
  for (const arm of arms) {
    if (arm === 'ra3') stages.push(...ra3Stages(recipe, corpus));
    else if (arm === 'ntp-compute') add({ stage: 'ntp', arm }, equalComputeSteps(recipe, corpus), ntp.batch * T, TRAIN);
    else if (arm !== 'base') add({ stage: 'ntp', arm }, ntp.steps, ntp.batch * T, TRAIN);
    evaluation(arm, 'before');
  }
  if (corpus.verify && rlvr.steps > 0) {
    for (const arm of arms) {
      const passes = DECODE + (TRAIN * rlvr.updates) / rlvr.minibatches;
      add({ stage: 'rlvr', arm }, rlvr.steps, rlvr.prompts * rlvr.group * rolloutTokens(rlvr.range), passes);
      evaluation(arm, 'after');
    }
  }
  return stages.filter((s) => s.steps > 0).map((s) => ({ ...s, cost: s.cost * parameters }));
}
