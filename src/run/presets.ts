// The built-in recipes. quick is sized for a CPU adapter (minutes), full follows the published settings of the study behind the lab.
import type { Recipe } from './recipe.ts';

export function presetRecipe(task: 'recall-lines' | 'pointer-lines', preset: 'quick' | 'full'): Recipe {
  const full = preset === 'full';
  return {
    version: 1,
    name: `${task === 'recall-lines' ? 'Recall lines' : 'Pointer lines'}, ${preset}`,
    seed: 1,
    model: 'embedded',
    task: { kind: task },
    arms: ['base', 'ntp', 'ra3'],
    ra3: {
      emIterations: 2,
      eSteps: full ? 80 : 40,
      programs: 24,
      group: 8,
      lr: full ? 2e-4 : 5e-4,
      kl: 'penalty',
      c: 0.05,
      alpha: 0.8,
      tokenPenalty: 0,
      capPenalty: 0,
      eta: 0.01,
      gamma: 1,
      lengthNormalised: false,
      thinkFloor: 0,
      maxLatentTokens: 1,
      infuse: full ? 6144 : 1536,
      m: { steps: full ? 400 : 120, batch: full ? 128 : 64, lr: 5e-4, weightDecay: 0.01 },
    },
    ntp: { steps: full ? 400 : 120, batch: full ? 128 : 64, lr: 5e-4, weightDecay: 0.01 },
    rlvr: { preset: 'drgrpo', steps: full ? 60 : 30, prompts: 12, group: 8, lr: 1e-4 },
    evaluate: { prompts: full ? 256 : 128, samples: 8 },
  };
}

/** How `make-default` trains the base models that are shipped. */
export const BASE_TRAINING = {
  'recall-lines': { steps: 2500, batch: 128, lr: 2e-3, weightDecay: 0.01, initStd: 0.05 },
  'pointer-lines': { steps: 8000, batch: 128, lr: 2e-3, weightDecay: 0.01, initStd: 0.05 },
} as const;
