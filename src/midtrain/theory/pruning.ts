// How many demonstrations prune every bad set of abstractions: Monte-Carlo against |D_E| = Theta(|Z_eps| log(|Z| / delta) / sigma).
//
// Setting. Tasks M ~ p(M); Delta(M, Z') is what M loses when its policy may use the abstractions of Z' alone. Z_eps is the smallest set with
// Delta < eps on every task, k = |Z_eps|. A candidate Z' (k abstractions) is (eps, sigma)-bad if P_M[Delta(M, Z') >= eps] >= sigma. An expert's
// demonstration of a task prunes the candidates that lose eps or more on that task.
// Bound (sufficient, any p(M)). A bad candidate outlives n independent demonstrations with probability at most (1 - sigma)^n <= exp(-sigma n).
// There are C(|Z|, k) <= |Z|^k candidates, so some bad one is left with probability at most |Z|^k exp(-sigma n), which is delta or less from
//     n = (k log|Z| + log(1 / delta)) / sigma  <=  k log(|Z| / delta) / sigma                                                 (the line drawn)
// Instance (necessary, the same order). Abstractions come in k roles of |Z| / k each; one of each role is right. A share h of tasks is hard: each
// asks for one role, uniformly; the right abstraction always does, a wrong one of the role does with probability q = 1/2, independently by task.
// Every candidate solves the other tasks. A candidate has one abstraction of each role (one without a role falls at that role's first
// demonstration); with w wrong ones it is bad on a share w (1 - q) h / k, and h = sigma k / (m (1 - q)), m = ceil(k / 2), makes it bad from w = m on.
// Role j is settled once each of its S wrong abstractions has failed: at its L-th demonstration, P(L <= l) = (1 - q^l)^S. No bad candidate is left
// from the demonstration on at which k - m + 1 roles are settled. That time is simulated exactly (L by inversion, demonstrations one by one); the
// points are its (1 - delta) quantile over replicates, with the distribution-free 95 % interval of order statistics.
// Refuses settings outside RANGES.
import { makeRng } from '../../tasks/rng.ts';
import type { Rng } from '../../tasks/task.ts';
import { checkSettings, type Settings, type TheoryChart, type TheoryResult, type TheorySeries } from './contract.ts';
import { type PruningCase, sufficientDemonstrations } from './formulas.ts';

/** Chance that a wrong abstraction of the role does on one task. */
export const LUCK = 0.5;
const REPLICATES = 400;
const STREAM = 0x7072;
const NORMAL_975 = 1.959964;

/** Wrong roles from which on a candidate is bad, and the share of hard tasks that makes it so. */
export function hardness({ needed, sigma }: PruningCase): { bad: number; hard: number } {
  const bad = Math.ceil(needed / 2);
  return { bad, hard: (sigma * needed) / (bad * (1 - LUCK)) };
}

/** Wrong abstractions of each role; a remainder goes to the first roles. */
export function wrongPerRole({ needed, candidates }: PruningCase): number[] {
  const all = candidates - needed;
  return Array.from({ length: needed }, (_, j) => Math.floor(all / needed) + (j < all % needed ? 1 : 0));
}

/** Demonstrations until no bad candidate is left, once. */
export function demonstrationsNeeded(task: PruningCase, rng: Rng): number {
  const { bad, hard } = hardness(task);
  const left = wrongPerRole(task).map((s) => {
    const u = (1 - rng.uniform()) ** (1 / s); // in (0, 1]
    return u === 1 ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(Math.log1p(-u) / Math.log(LUCK)));
  });
  let open = task.needed - bad + 1;
  for (let n = 1; ; n++) {
    if (rng.uniform() >= hard) continue;
    const role = rng.int(task.needed);
    left[role]! -= 1;
    if (left[role] === 0) open -= 1;
    if (open === 0) return n;
  }
}

/** The p quantile of sorted values and the order statistics that hold it with 95 %. */
function quantile(sorted: Float64Array, p: number): { value: number; low: number; high: number } {
  const n = sorted.length;
  const at = (rank: number): number => sorted[Math.max(0, Math.min(n - 1, Math.ceil(rank) - 1))]!;
  const spread = NORMAL_975 * Math.sqrt(n * p * (1 - p));
  return { value: at(n * p), low: at(n * p - spread), high: at(n * p + spread + 1) };
}

/** @param stream keeps the points of one chart apart. */
export function measureDemonstrations(
  task: PruningCase,
  seed: number,
  stream: number,
  replicates = REPLICATES,
): { value: number; low: number; high: number } {
  const rng = makeRng(seed, STREAM).fork(stream);
  const needed = Float64Array.from({ length: replicates }, () => demonstrationsNeeded(task, rng)).sort();
  return quantile(needed, 1 - task.delta);
}

/** What a doubling of |Z| adds for large |Z|: L is then close to log(S) / log(1 / q), and a role comes up every k / h demonstrations. */
export function perDoubling(task: PruningCase): number {
  return (task.needed / hardness(task).hard) * (Math.LN2 / Math.log(1 / LUCK));
}

function covariance(x: readonly number[], y: readonly number[]): number {
  const mx = x.reduce((a, b) => a + b, 0) / x.length;
  const my = y.reduce((a, b) => a + b, 0) / y.length;
  return x.reduce((sum, v, i) => sum + (v - mx) * (y[i]! - my), 0) / x.length;
}

/** Least-squares slope of y over x. */
function slope(x: readonly number[], y: readonly number[]): number {
  return covariance(x, y) / covariance(x, x);
}

function correlation(x: readonly number[], y: readonly number[]): number {
  return covariance(x, y) / Math.sqrt(covariance(x, x) * covariance(y, y));
}

export const NEEDED_SWEEP = [2, 4, 8, 12, 16, 24, 32];
export const SIGMA_SWEEP = [0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2];
export const CANDIDATES_LOG2_SWEEP = [6, 8, 10, 12, 14, 16, 18, 20];

export function pruning(given: Settings<'pruning'>): TheoryResult {
  const { needed, candidatesLog2, sigma, delta, seed } = checkSettings('pruning', given);
  const here: PruningCase = { needed, candidates: 2 ** candidatesLog2, sigma, delta };
  let stream = 0;
  const sweep = (values: readonly number[], change: (value: number) => Partial<PruningCase>): TheorySeries[] => {
    const cases = values.map((value) => ({ ...here, ...change(value) }));
    const points = cases.map((task) => measureDemonstrations(task, seed, stream++));
    return [
      { name: 'bound', kind: 'bound', x: [...values], y: cases.map(sufficientDemonstrations) },
      {
        name: 'measured',
        kind: 'measured',
        x: [...values],
        y: points.map((p) => p.value),
        low: points.map((p) => p.low),
        high: points.map((p) => p.high),
      },
    ];
  };
  // a role needs a wrong abstraction beside the right one
  const byNeeded = sweep(
    NEEDED_SWEEP.filter((k) => 2 * k <= here.candidates),
    (k) => ({ needed: k }),
  );
  const bySigma = sweep(SIGMA_SWEEP, (value) => ({ sigma: value }));
  const byCandidates = sweep(
    CANDIDATES_LOG2_SWEEP.map((p) => 2 ** p).filter((z) => z >= 2 * needed),
    (candidates) => ({ candidates }),
  );
  const measured = measureDemonstrations(here, seed, stream++);
  const [, pointsByNeeded] = byNeeded as [TheorySeries, TheorySeries];
  const [, pointsBySigma] = bySigma as [TheorySeries, TheorySeries];
  const [, pointsByCandidates] = byCandidates as [TheorySeries, TheorySeries];
  const doublings = pointsByCandidates.x.map(Math.log2);
  const bound = sufficientDemonstrations(here);
  const charts: TheoryChart[] = [
    { name: 'needed', title: 'Demonstrations, by needed abstractions', xLabel: '|Z_ε|', log: 'none', series: byNeeded },
    { name: 'sigma', title: 'Demonstrations, by share of tasks', xLabel: 'σ', log: 'xy', series: bySigma },
    { name: 'candidates', title: 'Demonstrations, by candidates', xLabel: '|Z|', log: 'x', series: byCandidates },
  ];
  return {
    instrument: 'pruning',
    charts,
    facts: [
      { name: 'demonstrations', label: 'Demonstrations needed here', measured: measured.value, predicted: bound },
      {
        name: 'linear/needed',
        label: 'Share of variance that a line in |Z_ε| explains',
        measured: correlation(pointsByNeeded.x, pointsByNeeded.y) ** 2,
        predicted: 1,
      },
      {
        name: 'power/sigma',
        label: 'Power of σ',
        measured: slope(pointsBySigma.x.map(Math.log), pointsBySigma.y.map(Math.log)),
        predicted: -1,
      },
      {
        name: 'linear/log_candidates',
        label: 'Share of variance that a line in log |Z| explains',
        measured: correlation(doublings, pointsByCandidates.y) ** 2,
        predicted: 1,
      },
      {
        name: 'per_doubling/candidates',
        label: 'More for each doubling of |Z|',
        measured: slope(doublings, pointsByCandidates.y),
        predicted: perDoubling(here),
      },
    ],
    says:
      `With ${needed} needed among ${here.candidates.toLocaleString('en-GB')} candidates, ${Math.round(measured.value).toLocaleString('en-GB')} demonstrations left no set standing that fails on ` +
      `${Math.round(100 * sigma)} % of the tasks or more, in ${Math.round(100 * (1 - delta))} % of the trials; the bound asks for ${Math.ceil(bound).toLocaleString('en-GB')}. ` +
      'Needed abstractions and σ set the price; the number of candidates enters by its logarithm alone.',
  };
}
