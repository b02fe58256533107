// Convergence: the grid's backups against explicit matrices and a linear solve, the design's numbers to the digit, and the bound.
import { describe, expect, it } from 'vitest';
import { RANGES, startSettings } from '../../../../src/midtrain/theory/contract.ts';
import { convergence, DURATIONS, optionsOf, sweepsTo } from '../../../../src/midtrain/theory/convergence.ts';
import { distance, gridOf, type Option, optionBackups, sweep, valueIteration } from '../../../../src/midtrain/theory/grid.ts';

const SLIP = 0.15;
const GAMMA = 0.9;
const grid = gridOf(['....', '.#..', '....']);
const GOAL = grid.cells - 1;

/** P(s' | s, d), written out. */
function moveMatrix(d: number): number[][] {
  return Array.from({ length: grid.cells }, (_, s) => {
    const row = new Array<number>(grid.cells).fill(0);
    for (let e = 0; e < 4; e++) row[s === GOAL ? GOAL : grid.next[s * 4 + e]!]! += e === d ? 1 - SLIP : SLIP / 3;
    return row;
  });
}

/** Reward and discounted kernel of an option, by summing over its steps; nothing is earned or carried on in the goal. */
function optionMatrix({ d, tau }: Option): { reward: number[]; kernel: number[][] } {
  const p = moveMatrix(d);
  const reward = new Array<number>(grid.cells).fill(0);
  let reach = identity(grid.cells);
  for (let t = 0; t < tau; t++) {
    reach.forEach((row, s) => {
      row.forEach((mass, u) => {
        if (u !== GOAL) reward[s]! += mass * GAMMA ** t * p[u]![GOAL]!;
      });
    });
    reach = reach.map((row) => p[0]!.map((_, v) => row.reduce((sum, mass, u) => sum + (u === GOAL ? 0 : mass * p[u]![v]!), 0)));
  }
  reward[GOAL] = 0;
  return { reward, kernel: reach.map((row, s) => row.map((mass, u) => (s === GOAL || u === GOAL ? 0 : mass * GAMMA ** tau))) };
}

describe('the grid', () => {
  it('has floor, walls and edges where the picture has them', () => {
    expect(grid.cells).toBe(11);
    expect([...grid.next.subarray(0, 4)]).toEqual([0, 1, 4, 0]);
    expect([...grid.next.subarray(16, 20)]).toEqual([0, 4, 7, 4]);
  });

  it('backs options up as their matrices do', () => {
    const values = Float64Array.from({ length: grid.cells }, (_, s) => Math.sin(s) + 1);
    const options = optionsOf([1, 2, 5]);
    let seen = 0;
    optionBackups(grid, GOAL, SLIP, GAMMA, options, values, (index, q) => {
      seen++;
      const { reward, kernel } = optionMatrix(options[index]!);
      q.forEach((value, s) => {
        expect(value).toBeCloseTo(reward[s]! + kernel[s]!.reduce((sum, k, u) => sum + k * values[u]!, 0), 12);
      });
    });
    expect(seen).toBe(options.length);
  });

  it.each([[[1]], [[2]], [[1, 3]]])('value iteration over durations %o ends where its greedy policy, solved linearly, is', (durations) => {
    const options = optionsOf(durations);
    const limit = valueIteration(grid, GOAL, SLIP, GAMMA, options).at(-1)!;
    const choice = new Int32Array(grid.cells);
    const best = new Float64Array(grid.cells).fill(-1);
    optionBackups(grid, GOAL, SLIP, GAMMA, options, limit, (index, q) => {
      q.forEach((value, s) => {
        if (value > best[s]! + 1e-9) {
          best[s] = value;
          choice[s] = index;
        }
      });
    });
    const matrices = options.map(optionMatrix);
    const a = identity(grid.cells).map((row, s) => row.map((one, u) => one - matrices[choice[s]!]!.kernel[s]![u]!));
    const solved = solve(
      a,
      Array.from(choice, (o, s) => matrices[o]!.reward[s]!),
    );
    solved.forEach((value, s) => {
      expect(limit[s]).toBeCloseTo(value, 9);
    });
  });

  it('contracts by gamma^tau', () => {
    const a = Float64Array.from({ length: grid.cells }, (_, s) => Math.cos(3 * s));
    const b = Float64Array.from({ length: grid.cells }, (_, s) => Math.sin(5 * s));
    for (const tau of DURATIONS) {
      const options = optionsOf([tau]);
      const after = distance(sweep(grid, GOAL, SLIP, GAMMA, options, a), sweep(grid, GOAL, SLIP, GAMMA, options, b));
      expect(after).toBeLessThanOrEqual(GAMMA ** tau * distance(a, b) + 1e-12);
    }
  });
});

describe('convergence', () => {
  const facts = (settings = startSettings('convergence')) => convergence(settings).facts;
  const values = (stem: string, from = facts()): number[] => from.filter((f) => f.name.startsWith(`${stem}/`)).map((f) => f.measured);

  it("gives the design's sweeps and pruning errors", () => {
    expect(values('sweeps')).toEqual([46, 23, 13, 7, 5]);
    expect(values('sweeps_joined')).toEqual([46, 24, 15, 21, 36]);
    expect(values('pruning_error').map((v) => Number(v.toFixed(4)))).toEqual([0, 0.0042, 0.0107, 0.0232, 0.0574]);
  });

  it.each([
    { size: 8, slip: 0, gamma: 0.9, toleranceLog10: -5 },
    { size: 12, slip: 0.4, gamma: 0.99, toleranceLog10: -1 },
    { size: 9, slip: 0.2, gamma: 0.95, toleranceLog10: -3 },
  ])('stays below the bound, and pruning never gains: %o', (settings) => {
    const found = convergence(settings).facts;
    for (const fact of found) if (fact.predicted !== null) expect(fact.measured, fact.name).toBeLessThanOrEqual(fact.predicted);
    for (const error of values('pruning_error', found)) expect(error).toBeGreaterThanOrEqual(-1e-9);
  });

  it('counts sweeps from 0 and needs no fewer for a smaller tolerance', () => {
    const history = valueIteration(grid, GOAL, SLIP, GAMMA, optionsOf([1]));
    expect(sweepsTo(history, 2)).toBe(0);
    const counts = [-1, -2, -3, -4, -5].map((power) => sweepsTo(history, 10 ** power));
    expect([...counts].sort((x, y) => x - y)).toEqual(counts);
    expect(RANGES.convergence.toleranceLog10.min).toBe(-5);
  });
});

function identity(n: number): number[][] {
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
}

/** Gaussian elimination with partial pivoting. */
function solve(a: number[][], b: number[]): number[] {
  const n = b.length;
  const m = a.map((row, i) => [...row, b[i]!]);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(m[r]![c]!) > Math.abs(m[pivot]![c]!)) pivot = r;
    [m[c], m[pivot]] = [m[pivot]!, m[c]!];
    for (let r = 0; r < n; r++) {
      if (r === c) continue;
      const factor = m[r]![c]! / m[c]![c]!;
      for (let k = c; k <= n; k++) m[r]![k]! -= factor * m[c]![k]!;
    }
  }
  return m.map((row, i) => row[n]! / row[i]!);
}
