// The set of actions that a policy has come to use: act, and every content that a thought had; what it writes at a line in several samples. Pure.
// Promises null, not NaN, where there is nothing to count. Refuses nothing.
import type { Program } from '../tasks/task.ts';

export interface ActionSet {
  /** exp(H) of how often act and each content were chosen, over all boundaries: the size of the set as a perplexity. */
  perplexity: number;
  /** Actions chosen at one boundary in a hundred or more. */
  count: number;
}

const USED = 0.01;

export function actionSet(rollouts: readonly { latents: (number[] | null)[] }[]): ActionSet | null {
  const chosen = new Map<string, number>();
  let n = 0;
  for (const { latents } of rollouts) {
    for (const latent of latents) {
      const action = latent ? latent.join(' ') : 'act';
      chosen.set(action, (chosen.get(action) ?? 0) + 1);
      n += 1;
    }
  }
  if (n === 0) return null;
  let entropy = 0;
  for (const count of chosen.values()) entropy -= (count / n) * Math.log(count / n);
  return { perplexity: Math.exp(entropy), count: [...chosen.values()].filter((count) => count / n >= USED).length };
}

export interface LineChoices {
  /** Samples of each program. */
  samples: number;
  /** Different lines in the same place of a program's samples, mean over places. */
  distinct: number;
  /** Of the places, the fraction at which the expert's line is among them. */
  expertCovered: number;
}

/** `written`: `samples` rollouts of each program, one after the other; null for fewer than two samples or no lines. */
export function lineChoices(programs: readonly Program[], written: readonly number[][][], samples: number): LineChoices | null {
  let places = 0;
  let distinct = 0;
  let covered = 0;
  programs.forEach((program, p) => {
    program.lines.forEach((line, t) => {
      const lines = new Set(written.slice(p * samples, (p + 1) * samples).map((own) => own[t]?.join(' ') ?? ''));
      places += 1;
      distinct += lines.size;
      if (lines.has(line.tokens.join(' '))) covered += 1;
    });
  });
  return samples > 1 && places > 0 ? { samples, distinct: distinct / places, expertCovered: covered / places } : null;
}
