// Mazes of unit cells for the tabular instruments: four moves that may slip, a goal that ends the task, and options "go d for tau steps".
// Convention: with probability `slip` the move goes in one of the three other directions, each as likely; a move into a wall stays; reward 1 on
// entering the goal, which absorbs: an option that got there runs out its steps in it. Refuses nothing: sizes are the callers'.

export interface Grid {
  cells: number;
  /** Cell after a move that does not slip, (cells, 4): up, right, down, left. */
  next: Int32Array;
}

const MOVES = [
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, -1],
] as const;

/** Cells of a picture in which '#' is a wall, row by row; all else is floor. */
export function gridOf(rows: readonly string[]): Grid {
  const number = new Map<string, number>();
  rows.forEach((row, r) => {
    for (let c = 0; c < row.length; c++) if (row[c] !== '#') number.set(`${r} ${c}`, number.size);
  });
  const next = new Int32Array(number.size * 4);
  for (const [cell, s] of number) {
    const [r, c] = cell.split(' ').map(Number) as [number, number];
    MOVES.forEach(([dr, dc], d) => {
      next[s * 4 + d] = number.get(`${r + dr} ${c + dc}`) ?? s;
    });
  }
  return { cells: number.size, next };
}

/**
 * One move: out[s] = E[r + gamma values(s')] when direction d is meant in s; 0 at the goal. Applied tau times it is the option's backup,
 * E[sum of gamma^t r + gamma^tau values(s_tau)]. values[goal] is overwritten.
 */
export function moveBackup(
  grid: Grid,
  goal: number,
  slip: number,
  gamma: number,
  d: number,
  values: Float64Array,
  out: Float64Array,
): void {
  const { cells, next } = grid;
  values[goal] = 1 / gamma; // entering it is worth 1
  const meant = gamma * (1 - slip - slip / 3);
  const each = (gamma * slip) / 3;
  for (let s = 0; s < cells; s++) {
    const i = s * 4;
    out[s] =
      meant * values[next[i + d]!]! + each * (values[next[i]!]! + values[next[i + 1]!]! + values[next[i + 2]!]! + values[next[i + 3]!]!);
  }
  out[goal] = 0;
}

/** An option: direction and number of steps. */
export interface Option {
  d: number;
  tau: number;
}

/**
 * Values of every option in every cell, Q(s, o) = (cells) arrays in the order of `options`; work is shared along a direction.
 * `visit` sees each once, in any order, with an array that it must not keep.
 */
export function optionBackups(
  grid: Grid,
  goal: number,
  slip: number,
  gamma: number,
  options: readonly Option[],
  values: Float64Array,
  visit: (index: number, q: Float64Array) => void,
): void {
  let here: Float64Array = new Float64Array(grid.cells);
  let there: Float64Array = new Float64Array(grid.cells);
  for (let d = 0; d < 4; d++) {
    const wanted = options.map((o, index) => ({ tau: o.tau, index, d: o.d })).filter((o) => o.d === d);
    const longest = Math.max(0, ...wanted.map((o) => o.tau));
    here.set(values);
    for (let t = 1; t <= longest; t++) {
      moveBackup(grid, goal, slip, gamma, d, here, there);
      [here, there] = [there, here];
      for (const { tau, index } of wanted) if (tau === t) visit(index, here);
    }
  }
}

/** One sweep of value iteration: the best of the options in every cell. */
export function sweep(
  grid: Grid,
  goal: number,
  slip: number,
  gamma: number,
  options: readonly Option[],
  values: Float64Array,
): Float64Array {
  const best = new Float64Array(grid.cells).fill(Number.NEGATIVE_INFINITY);
  optionBackups(grid, goal, slip, gamma, options, values, (_, q) => {
    for (let s = 0; s < best.length; s++) if (q[s]! > best[s]!) best[s] = q[s]!;
  });
  return best;
}

const MOST_SWEEPS = 5000;

/** Value iteration from 0 to its limit: the values after each sweep. The last two differ by `settled` or less. */
export function valueIteration(
  grid: Grid,
  goal: number,
  slip: number,
  gamma: number,
  options: readonly Option[],
  settled = 1e-12,
): Float64Array[] {
  const history: Float64Array[] = [new Float64Array(grid.cells)];
  while (history.length <= MOST_SWEEPS) {
    const last = history.at(-1)!;
    const next = sweep(grid, goal, slip, gamma, options, last);
    history.push(next);
    if (distance(next, last) <= settled) break;
  }
  return history;
}

/** Largest difference over cells. */
export function distance(a: Float64Array, b: Float64Array): number {
  let most = 0;
  for (let s = 0; s < a.length; s++) most = Math.max(most, Math.abs(a[s]! - b[s]!));
  return most;
}
