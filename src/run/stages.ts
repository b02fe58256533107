// The stages that a recipe will go through, with their steps and relative cost: what progress and time left are computed from.
import type { Corpus } from './corpus.ts';
import type { StageRef } from './events.ts';
import type { Recipe } from './recipe.ts';

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

export function planStages(recipe: Recipe, corpus: Pick<Corpus, 'maxTokens' | 'thinks' | 'verify'>, parameters: number): PlannedStage[] {
  const { ra3, ntp, rlvr, evaluate, arms } = recipe;
  const stages: PlannedStage[] = [];
  const add = (ref: StageRef, steps: number, tokensPerStep: number, passes: number): void => {
    if (steps > 0) stages.push({ ref, steps, cost: steps * tokensPerStep * passes * parameters });
  };
  const T = corpus.maxTokens;
  const evaluation = (arm: (typeof arms)[number], phase: 'before' | 'after'): void => {
    const rows = evaluate.prompts * (corpus.verify ? evaluate.samples : 1);
    add({ stage: 'evaluate', arm, phase }, rows, T, DECODE);
  };
  const thinks = arms.includes('ra3') && corpus.thinks;
  if (arms.includes('base')) evaluation('base', 'before');
  if (arms.includes('ntp')) {
    add({ stage: 'ntp', arm: 'ntp' }, ntp.steps, ntp.batch * T, 3);
    evaluation('ntp', 'before');
  }
  if (thinks) {
    for (let iteration = 1; iteration <= ra3.emIterations; iteration++) {
      if (!rulesThoughtsOut(ra3)) {
        add({ stage: 'e-step', arm: 'ra3', iteration }, ra3.eSteps, ra3.programs * ra3.group * T, DECODE + 4);
        add({ stage: 'infuse', arm: 'ra3', iteration }, ra3.infuse, T, DECODE);
      }
      add({ stage: 'm-step', arm: 'ra3', iteration }, ra3.m.steps, ra3.m.batch * T, 3);
    }
    evaluation('ra3', 'before');
  }
  if (corpus.verify) {
    for (const arm of arms) {
      if (rlvr.steps === 0) break;
      add({ stage: 'rlvr', arm }, rlvr.steps, rlvr.prompts * rlvr.group * T, DECODE + 3);
      evaluation(arm, 'after');
    }
  }
  return stages;
}
