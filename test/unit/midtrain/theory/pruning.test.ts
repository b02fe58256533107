// Pruning: the simulated number of demonstrations against explicit sets of abstractions and against the exact law, and the three scalings.
import { describe, expect, it } from 'vitest';
import { startSettings } from '../../../../src/midtrain/theory/contract.ts';
import { type PruningCase, sufficientDemonstrations } from '../../../../src/midtrain/theory/formulas.ts';
import { hardness, LUCK, measureDemonstrations, pruning, wrongPerRole } from '../../../../src/midtrain/theory/pruning.ts';

/** P(no bad set is left after n demonstrations), by enumerating every course of demonstrations over explicit candidate sets. */
function prunedByEnumeration(task: PruningCase, n: number): number {
  const { hard } = hardness(task);
  const perRole = wrongPerRole(task).map((s) => s + 1); // abstraction 0 of each role is the right one
  const candidates = product(perRole.map((size) => range(size)));
  const wrong = candidates.map((set) => set.filter((z) => z > 0).length);
  // bad by the definition: the share of tasks on which the set loses eps or more is sigma or above
  const bad = wrong.map((w) => (w * (1 - LUCK) * hard) / task.needed >= task.sigma - 1e-12);
  // a demonstration: an easy task, or a role with the abstractions of it that do on this task
  const outcomes: { p: number; keeps: (set: readonly number[]) => boolean }[] = [{ p: 1 - hard, keeps: () => true }];
  perRole.forEach((size, role) => {
    for (const does of product(range(size - 1).map(() => [false, true])))
      outcomes.push({ p: (hard / task.needed) * LUCK ** (size - 1), keeps: (set) => set[role] === 0 || does[set[role]! - 1]! });
  });
  const masks = outcomes.map((o) => candidates.map(o.keeps));
  const walk = (left: number, alive: boolean[]): number => {
    if (!alive.some((a, i) => a && bad[i])) return 1;
    if (left === 0) return 0;
    return outcomes.reduce(
      (sum, { p }, o) =>
        sum +
        p *
          walk(
            left - 1,
            alive.map((a, i) => a && masks[o]![i]!),
          ),
      0,
    );
  };
  return walk(
    n,
    candidates.map(() => true),
  );
}

/** The same by the law of the head of pruning.ts: demonstrations spread over roles, each settled with probability (1 - q^l)^S. */
function prunedByLaw(task: PruningCase, n: number): number {
  const { bad, hard } = hardness(task);
  // ways[settled][used]: probability-weighted, over roles one by one; demonstrations divided by binomial coefficients
  let ways = new Map<string, number>([['0 0', 1]]);
  for (const s of wrongPerRole(task)) {
    const next = new Map<string, number>();
    for (const [key, p] of ways) {
      const [settled, used] = key.split(' ').map(Number) as [number, number];
      for (let l = 0; used + l <= n; l++) {
        const weight = p * choose(n - used, l) * (hard / task.needed) ** l;
        const done = (1 - LUCK ** l) ** s;
        for (const [more, q] of [
          [1, done],
          [0, 1 - done],
        ] as const) {
          const to = `${settled + more} ${used + l}`;
          next.set(to, (next.get(to) ?? 0) + weight * q);
        }
      }
    }
    ways = next;
  }
  let total = 0;
  for (const [key, p] of ways) {
    const [settled, used] = key.split(' ').map(Number) as [number, number];
    if (settled > task.needed - bad) total += p * (1 - hard) ** (n - used);
  }
  return total;
}

describe('pruning', () => {
  it.each([
    { needed: 1, candidates: 3, sigma: 0.2, delta: 0.2 },
    { needed: 2, candidates: 4, sigma: 0.2, delta: 0.2 },
    { needed: 2, candidates: 5, sigma: 0.1, delta: 0.2 },
    { needed: 3, candidates: 6, sigma: 0.2, delta: 0.2 },
  ])('the law equals the enumeration of all demonstrations and candidate sets: %o', (task) => {
    for (const n of [0, 1, 2, 3, 4]) expect(prunedByLaw(task, n), `n = ${n}`).toBeCloseTo(prunedByEnumeration(task, n), 12);
  });

  it.each([
    { needed: 2, candidates: 4, sigma: 0.2, delta: 0.2 },
    { needed: 4, candidates: 64, sigma: 0.15, delta: 0.1 },
  ])('the simulated quantile is the exact one, inside its interval: %o', (task) => {
    const exact = range(400).find((n) => prunedByLaw(task, n) >= 1 - task.delta)!;
    const { value, low, high } = measureDemonstrations(task, 5, 0, 4000);
    expect(Math.abs(value - exact)).toBeLessThanOrEqual(3);
    expect(low).toBeLessThanOrEqual(exact);
    expect(high).toBeGreaterThanOrEqual(exact);
  });

  it.each([1, 2])('seed %i: linear in |Z_eps|, 1 / sigma, logarithmic in |Z|, below the bound everywhere', (seed) => {
    const { charts, facts } = pruning({ ...startSettings('pruning'), seed });
    for (const { series } of charts) {
      const [bound, points] = series as [(typeof series)[0], (typeof series)[0]];
      points.y.forEach((y, i) => {
        expect(y).toBeLessThan(bound.y[i]!);
      });
    }
    const of = (name: string): number => facts.find((f) => f.name === name)!.measured;
    expect(of('linear/needed')).toBeGreaterThan(0.98);
    expect(of('power/sigma')).toBeGreaterThan(-1.08);
    expect(of('power/sigma')).toBeLessThan(-0.92);
    expect(of('linear/log_candidates')).toBeGreaterThan(0.98);
    expect(of('per_doubling/candidates') / facts.find((f) => f.name === 'per_doubling/candidates')!.predicted!).toBeCloseTo(1, 0);
  });

  it('the bound is the union bound at least', () => {
    const task = { needed: 8, candidates: 4096, sigma: 0.05, delta: 0.1 };
    const n = sufficientDemonstrations(task);
    expect(task.candidates ** task.needed * (1 - task.sigma) ** n).toBeLessThanOrEqual(task.delta);
  });
});

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function product<T>(choices: readonly (readonly T[])[]): T[][] {
  return choices.reduce<T[][]>((all, values) => all.flatMap((head) => values.map((v) => [...head, v])), [[]]);
}

function choose(n: number, k: number): number {
  let out = 1;
  for (let i = 1; i <= k; i++) out = (out * (n - k + i)) / i;
  return out;
}
