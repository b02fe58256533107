// The learning rate of each update: warm-up, then constant, linear, cosine, or stable with a decay at the end. The numbers are those of
// transformers' get_*_schedule_with_warmup (and get_wsd_schedule) at the same step. Refuses (ModelError): more warm-up and decay than steps, ratios outside [0, 1].
import { ModelError } from './modelError.ts';

export interface Schedule {
  kind: 'constant' | 'linear' | 'cosine' | 'warmupStableDecay';
  /** The highest learning rate. */
  peak: number;
  /** Updates over which the rate rises linearly from 0 (warmupStableDecay: from the lowest). */
  warmupSteps: number;
  /** The lowest rate as a part of the peak, where the schedule ends; a constant one has none. */
  minRatio: number;
  /** warmupStableDecay: updates over which the rate falls at the end, and how (default linear). */
  decaySteps?: number;
  decayShape?: 'linear' | 'cosine' | 'sqrt';
}

/** The rate of update `step` (0 is the first) of totalSteps; beyond the last it stays at the last value. */
export function learningRate(schedule: Schedule, step: number, totalSteps: number): number {
  return schedule.peak * factor(schedule, step, totalSteps);
}

function factor(
  { kind, warmupSteps, minRatio, decaySteps = 0, decayShape = 'linear' }: Schedule,
  step: number,
  totalSteps: number,
): number {
  if (!(minRatio >= 0 && minRatio <= 1))
    throw new ModelError(`A learning rate cannot fall to ${minRatio} of its peak; give a ratio from 0 to 1.`);
  if (!(warmupSteps >= 0 && decaySteps >= 0 && warmupSteps + decaySteps <= totalSteps))
    throw new ModelError(`${warmupSteps} updates of warm-up and ${decaySteps} of decay do not fit ${totalSteps} updates; shorten them.`);
  const above = (x: number): number => minRatio + (1 - minRatio) * x;
  if (step < warmupSteps) {
    const rise = step / warmupSteps;
    return kind === 'warmupStableDecay' ? above(rise) : rise;
  }
  const progress = (first: number, length: number): number => Math.min(1, (step - first) / Math.max(1, length));
  if (kind === 'constant') return 1;
  if (kind === 'linear') return above(1 - progress(warmupSteps, totalSteps - warmupSteps));
  if (kind === 'cosine') return above(0.5 * (1 + Math.cos(Math.PI * progress(warmupSteps, totalSteps - warmupSteps))));
  if (step < totalSteps - decaySteps) return 1;
  const fall = decaySteps === 0 ? 1 : progress(totalSteps - decaySteps, decaySteps);
  if (decayShape === 'cosine') return above(0.5 * (1 + Math.cos(Math.PI * fall)));
  return above(decayShape === 'sqrt' ? 1 - Math.sqrt(fall) : 1 - fall);
}
