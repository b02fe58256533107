// The recipe against which version 1 links are written: a link carries only the values that differ from it. Frozen for ever (a setting that came
// later stands here with the value under which recipes mean what they meant before it), whatever the
// presets of later releases are, because links that are out in the world mean what they meant.
import type { Recipe } from '../run/recipe.ts';

export const LINK_BASE_V1: Recipe = {
  version: 1,
  name: '',
  seed: 1,
  model: 'embedded',
  base: { steps: 1500, batch: 128, lr: 2e-3, weightDecay: 0.01, matrixStd: 0.05, embeddingStd: 0.05 },
  task: { kind: 'recall-lines' },
  arms: ['base', 'ntp', 'ra3'],
  ra3: {
    emIterations: 1,
    eSteps: 80,
    programs: 24,
    group: 8,
    lr: 2e-4,
    kl: 'penalty',
    c: 0.05,
    alpha: 0.9,
    tokenPenalty: 0,
    capPenalty: 0,
    eta: 0.01,
    gamma: 1,
    lengthNormalised: false,
    thinkFloor: 0,
    maxLatentTokens: 1,
    infuse: 4096,
    infuseBestOf: 1,
    objective: 'policy-gradient',
    separate: false,
    stopBelow: 0,
    m: { steps: 400, batch: 32, lr: 5e-4, weightDecay: 0 },
  },
  ntp: { steps: 400, batch: 32, lr: 5e-4, weightDecay: 0 },
  rlvr: { preset: 'drgrpo', range: 'in', steps: 100, prompts: 32, group: 8, lr: 1e-4 },
  evaluate: { prompts: 256, samples: 8, ranges: ['in'] },
};
