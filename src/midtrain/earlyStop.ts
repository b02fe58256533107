// When the E-step has converged: its reward per line no longer gains. Pure. Refuses nothing.

/** Steps that are averaged over, twice. */
export const SPAN = 10;

/** Whether the mean of the last SPAN rewards per line is less than `below` nats above that of the SPAN before; 0 = never. */
export function hasConverged(rewards: readonly number[], below: number): boolean {
  if (below === 0 || rewards.length < 2 * SPAN) return false;
  const mean = (from: number, to?: number): number => rewards.slice(from, to).reduce((a, b) => a + b, 0) / SPAN;
  return mean(-SPAN) - mean(-2 * SPAN, -SPAN) < below;
}
