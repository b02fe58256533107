// Learning rates by step. Refuses nothing.
export const SCHEDULES = ['constant', 'linear', 'cosine', 'wsd'] as const;
export interface Schedule {
  kind: (typeof SCHEDULES)[number];
  warmUpSteps: number;
  decaySteps: number;
  minRatio: number;
}
export function learningRate(schedule: Schedule & { base: number }, _step: number, _totalSteps: number): number {
  return schedule.base;
}
