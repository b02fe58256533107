// pass@k without bias (Chen et al., arXiv 2107.03374) and bootstrap intervals over problems. Pure; the same seed gives the same interval.
// Refuses k above the number of samples and counts that cannot be.
import type { Interval } from '../run/events.ts';
import type { Rng } from '../tasks/task.ts';

/** One problem: n samples, c of them right. */
export interface Problem {
  n: number;
  c: number;
}

/** 1 - C(n-c, k) / C(n, k), as a product that does not overflow. */
export function passAtK(n: number, c: number, k: number): number {
  if (!Number.isInteger(n) || !Number.isInteger(c) || c < 0 || c > n) throw new RangeError(`${c} of ${n} samples right: not a count.`);
  if (!Number.isInteger(k) || k < 1 || k > n)
    throw new RangeError(`pass@${k} of ${n} samples: k must be from 1 to ${n}. Draw more samples.`);
  if (n - c < k) return 1;
  let miss = 1;
  for (let i = n - c + 1; i <= n; i++) miss *= 1 - k / i;
  return 1 - miss;
}

const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/** The q-quantile of sorted values, linear between neighbours. */
function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const i = Math.floor(at);
  const next = sorted[Math.min(i + 1, sorted.length - 1)]!;
  return sorted[i]! + (at - i) * (next - sorted[i]!);
}

/** Mean over problems with its 95 % percentile-bootstrap interval. */
export function bootstrap(values: ArrayLike<number>, rng: Rng, resamples = 1000): Interval {
  if (values.length === 0) throw new RangeError('No problems to average over. Evaluate at least one.');
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[rng.int(values.length)]!;
    means[r] = sum / values.length;
  }
  means.sort();
  return { mean: mean(values), lo: quantile(means, 0.025), hi: quantile(means, 0.975) };
}

/** a - b on the same problems: resamples problems, so that what is hard for both cancels. The difference is real where 0 lies outside. */
export function pairedBootstrap(a: ArrayLike<number>, b: ArrayLike<number>, rng: Rng, resamples = 1000): Interval {
  if (a.length !== b.length) throw new RangeError(`${a.length} and ${b.length} problems: a paired comparison needs the same ones.`);
  return bootstrap(
    Float64Array.from(a, (v, i) => v - b[i]!),
    rng,
    resamples,
  );
}

/** pass@k over problems with intervals, for each k that every problem has samples for; keys are the k. */
export function passAt(problems: readonly Problem[], ks: readonly number[], rng: Rng): Record<string, Interval> {
  const least = Math.min(...problems.map((p) => p.n));
  return Object.fromEntries(
    ks
      .filter((k) => k <= least)
      .map((k) => [
        String(k),
        bootstrap(
          problems.map(({ n, c }) => passAtK(n, c, k)),
          rng.fork(k),
        ),
      ]),
  );
}
