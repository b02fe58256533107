// Streams of random numbers by purpose: no purpose sees another's, and a run's draws can be made again from its seed. Refuses nothing.
import { makeRng } from '../tasks/rng.ts';
import type { Rng } from '../tasks/task.ts';
import { type Arm, ARMS } from './recipe.ts';

const STREAM = { base: 1, eStep: 2, infuse: 3, mStep: 4, rlvr: 5, evaluate: 6, explain: 7 } as const;
export type Purpose = keyof typeof STREAM;

export function rngOf(seed: number, purpose: Purpose, iteration = 0, arm: Arm = 'base'): Rng {
  return makeRng(seed, STREAM[purpose] * 1000 + iteration * 10 + ARMS.indexOf(arm));
}

/** Names the sampler's random numbers on the GPU: distinct for every purpose, iteration, arm and step. */
export function samplerStream(purpose: Purpose, iteration: number, arm: Arm, step: number): number {
  return ((STREAM[purpose] * 32 + iteration) * 8 + ARMS.indexOf(arm)) * 65_536 + step;
}
