// How many sweeps planning takes when options replace primitives, and what that costs: value iteration on a grid against
//     N >= 1 / (1 - gbar) log(R_max / (eps (1 - gbar))),   gbar = sup over (s, z) of E[gamma^tau].
// Setting: an open size x size grid, start and goal in opposite corners, slip as in grid.ts, reward 1 at the goal (R_max = 1), options "go d for tau
// steps", so gbar = gamma^tau; with the primitives beside them the sup is gamma again. Sweeps are synchronous (Jacobi) from V = 0, counted
// until the largest error over states against the set's own optimum is at most eps. Pruning error: V*(start) - V*_Z'(start).
// With the settings' start values this gives the design's numbers to the digit: 46, 23, 13, 7, 5 sweeps; 46, 24, 15, 21, 36 with primitives
// kept; errors 0, .0042, .0107, .0232, .0574. Refuses settings outside RANGES.
import { checkSettings, type Settings, type TheoryResult } from './contract.ts';
import { sufficientSweeps } from './formulas.ts';
import { distance, gridOf, type Option, valueIteration } from './grid.ts';

export const DURATIONS = [1, 2, 4, 8, 15];

export function optionsOf(durations: readonly number[]): Option[] {
  return durations.flatMap((tau) => [0, 1, 2, 3].map((d) => ({ d, tau })));
}

/** Sweeps until the error over all states is at most the tolerance; the history's last entry is the limit. */
export function sweepsTo(history: readonly Float64Array[], tolerance: number): number {
  const limit = history.at(-1)!;
  return history.findIndex((values) => distance(values, limit) <= tolerance);
}

export function convergence(given: Settings<'convergence'>): TheoryResult {
  const { size, slip, gamma, toleranceLog10 } = checkSettings('convergence', given);
  const tolerance = 10 ** toleranceLog10;
  const grid = gridOf(new Array<string>(size).fill('.'.repeat(size)));
  const solve = (durations: readonly number[]): Float64Array[] => valueIteration(grid, grid.cells - 1, slip, gamma, optionsOf(durations));
  const primitive = solve([1]);
  const best = primitive.at(-1)![0]!;
  const replaced = DURATIONS.map((tau) => (tau === 1 ? primitive : solve([tau])));
  const joined = DURATIONS.map((tau) => (tau === 1 ? primitive : solve([1, tau])));
  const sweeps = replaced.map((history) => sweepsTo(history, tolerance));
  const sweepsJoined = joined.map((history) => sweepsTo(history, tolerance));
  const errors = replaced.map((history) => best - history.at(-1)![0]!);
  const fine = Array.from({ length: 57 }, (_, i) => 1 + i / 4);
  const last = DURATIONS.length - 1;
  return {
    instrument: 'convergence',
    charts: [
      {
        name: 'sweeps',
        title: 'Sweeps to ε, by duration',
        xLabel: 'steps τ of an option',
        log: 'y',
        series: [
          { name: 'bound', kind: 'bound', x: fine, y: fine.map((tau) => sufficientSweeps(gamma ** tau, tolerance)) },
          { name: 'options alone', kind: 'measured', x: DURATIONS, y: sweeps },
          { name: 'bound, joined', kind: 'bound', x: [1, 15], y: [1, 1].map(() => sufficientSweeps(gamma, tolerance)) },
          { name: 'joined to primitives', kind: 'measured', x: DURATIONS, y: sweepsJoined },
        ],
      },
      {
        name: 'pruning-error',
        title: 'Pruning error at the start',
        xLabel: 'steps τ of an option',
        log: 'none',
        series: [{ name: 'V* − V* of the options', kind: 'measured', x: DURATIONS, y: errors }],
      },
    ],
    facts: [
      ...DURATIONS.map((tau, i) => ({
        name: `sweeps/${tau}`,
        label: `Sweeps, τ = ${tau}`,
        measured: sweeps[i]!,
        predicted: sufficientSweeps(gamma ** tau, tolerance),
      })),
      ...DURATIONS.map((tau, i) => ({
        name: `sweeps_joined/${tau}`,
        label: `Sweeps, τ = ${tau} and primitives`,
        measured: sweepsJoined[i]!,
        predicted: sufficientSweeps(gamma, tolerance),
      })),
      ...DURATIONS.map((tau, i) => ({
        name: `pruning_error/${tau}`,
        label: `Pruning error, τ = ${tau}`,
        measured: errors[i]!,
        predicted: null,
      })),
    ],
    says:
      `Primitives take ${sweeps[0]} sweeps; options of ${DURATIONS[last]} steps in their place take ${sweeps[last]}, and cost ${errors[last]!.toFixed(3)} of the start's value ${best.toFixed(3)}. ` +
      `Beside the primitives they need ${sweepsJoined[last]}: the sup over what may be chosen is the primitives' again.`,
  };
}
