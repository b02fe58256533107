// The built-in recipes. quick is sized for a CPU adapter (minutes); full has the study's sizes.
import { type BuiltinKind, type Recipe, RLVR_DEFAULTS } from './recipe.ts';

type Ra3 = Recipe['ra3'];

const RA3: Omit<Ra3, 'eSteps' | 'programs' | 'lr' | 'c' | 'infuse' | 'm'> = {
  emIterations: 2,
  group: 8,
  kl: 'penalty',
  alpha: 0.8,
  tokenPenalty: 0,
  capPenalty: 0,
  eta: 0.01,
  gamma: 1,
  lengthNormalised: false,
  infuseBestOf: 1,
  objective: 'policy-gradient',
  separate: false,
  stopBelow: 0,
  thinkFloor: 0,
  maxLatentTokens: 1,
};

interface Sizes {
  ra3: Pick<Ra3, 'eSteps' | 'programs' | 'lr' | 'c' | 'infuse' | 'm'>;
  rlvrSteps: number;
  prompts: number;
}

const RECALL_SIZES: Record<'quick' | 'full', Sizes> = {
  quick: {
    ra3: { eSteps: 40, programs: 16, lr: 6e-4, c: 0.15, infuse: 1024, m: { steps: 120, batch: 64, lr: 1.5e-3, weightDecay: 0.01 } },
    rlvrSteps: 30,
    prompts: 128,
  },
  full: {
    ra3: { eSteps: 80, programs: 24, lr: 4e-4, c: 0.2, infuse: 4096, m: { steps: 400, batch: 64, lr: 1e-3, weightDecay: 0.01 } },
    rlvrSteps: 60,
    prompts: 256,
  },
};

/** Quick and full of recall lines, quick of the other line tasks: settings of the studies in docs/log.md, which says on how many seeds. The rest scales those up. */
const SIZES: Record<BuiltinKind, Record<'quick' | 'full', Sizes>> = {
  'recall-lines': RECALL_SIZES,
  'section-lines': {
    quick: {
      ra3: { eSteps: 60, programs: 16, lr: 6e-4, c: 0.1, infuse: 1024, m: { steps: 150, batch: 64, lr: 1.5e-3, weightDecay: 0.01 } },
      rlvrSteps: 30,
      prompts: 128,
    },
    full: {
      ra3: { eSteps: 80, programs: 16, lr: 6e-4, c: 0.1, infuse: 2048, m: { steps: 300, batch: 64, lr: 1.5e-3, weightDecay: 0.01 } },
      rlvrSteps: 60,
      prompts: 256,
    },
  },
  'pointer-lines': {
    quick: {
      ra3: { eSteps: 60, programs: 16, lr: 6e-4, c: 0.05, infuse: 2048, m: { steps: 150, batch: 64, lr: 1.5e-3, weightDecay: 0.01 } },
      rlvrSteps: 30,
      prompts: 128,
    },
    full: {
      ra3: { eSteps: 60, programs: 16, lr: 6e-4, c: 0.05, infuse: 4096, m: { steps: 300, batch: 64, lr: 1.5e-3, weightDecay: 0.01 } },
      rlvrSteps: 60,
      prompts: 256,
    },
  },
  // they are recall lines but for the window
  'control-lines': RECALL_SIZES,
  'macro-lists': {
    quick: {
      ra3: { eSteps: 40, programs: 16, lr: 6e-4, c: 0.05, infuse: 1024, m: { steps: 120, batch: 64, lr: 1.5e-3, weightDecay: 0.01 } },
      rlvrSteps: 60,
      prompts: 128,
    },
    full: {
      ra3: { eSteps: 80, programs: 24, lr: 4e-4, c: 0.05, infuse: 4096, m: { steps: 400, batch: 64, lr: 1e-3, weightDecay: 0.01 } },
      rlvrSteps: 120,
      prompts: 256,
    },
  },
};

export const TASK_TITLE: Record<BuiltinKind, string> = {
  'recall-lines': 'Recall lines',
  'section-lines': 'Section lines',
  'pointer-lines': 'Pointer lines',
  'control-lines': 'Control lines',
  'macro-lists': 'Macro lists',
};

export function presetRecipe(task: BuiltinKind, preset: 'quick' | 'full'): Recipe {
  const { ra3, rlvrSteps, prompts } = SIZES[task][preset];
  const { seed: _, ...base } = BASE_TRAINING[task];
  return {
    version: 1,
    name: `${TASK_TITLE[task]}, ${preset}`,
    seed: 1,
    model: 'embedded',
    base,
    task: { kind: task },
    arms: ['base', 'ntp', 'ra3'],
    ra3: { ...RA3, ...ra3, m: { ...ra3.m } },
    // as many updates as all M-steps together
    ntp: { ...ra3.m, steps: RA3.emIterations * ra3.m.steps },
    rlvr: { ...RLVR_DEFAULTS, preset: 'drgrpo', range: 'in', steps: rlvrSteps, prompts: 12, group: 8, lr: 1e-4 },
    evaluate: { prompts, samples: 8, ranges: ['in'] },
  };
}

/** How `make-default` trains the base models that are shipped; embeddings and matrices start at normal(0, std). */
export const BASE_TRAINING: Record<BuiltinKind, Recipe['base'] & { seed: number }> = {
  'recall-lines': { seed: 1, steps: 1500, batch: 128, lr: 2e-3, weightDecay: 0.01, matrixStd: 0.05, embeddingStd: 0.05 },
  'section-lines': { seed: 1, steps: 700, batch: 64, lr: 3e-3, weightDecay: 0.01, matrixStd: 0.05, embeddingStd: 0.05 },
  'pointer-lines': { seed: 1, steps: 1200, batch: 64, lr: 3e-3, weightDecay: 0.01, matrixStd: 0.1, embeddingStd: 0.3 },
  'control-lines': { seed: 1, steps: 1000, batch: 64, lr: 3e-3, weightDecay: 0.01, matrixStd: 0.05, embeddingStd: 0.05 },
  'macro-lists': { seed: 1, steps: 1500, batch: 64, lr: 3e-3, weightDecay: 0.01, matrixStd: 0.1, embeddingStd: 0.3 },
};
