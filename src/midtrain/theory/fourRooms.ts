// The whole story in one maze: demonstrations -> pruned set of options -> RL inside it, and the regret split
//     V*(s0) - V^pi(s0)  =  [V*(s0) - V*_Z'(s0)]  +  [V*_Z'(s0) - V^pi(s0)]      (pruning error + RL error)
// Setting. Four rooms (104 cells, four doors); slip as in grid.ts, gamma 0.98, reward 1 at the goal. A task is a start and a goal, uniform. Z: the 60
// options "go d for tau steps", d in four directions, tau 1 to 15. Demonstrations: an expert that plans with all 60 and pays EFFORT for each decision
// solves a random task; the options that it used are what a demonstration shows.
// Pruning (mid-training): an option stays if the demonstrations used it at least once. RL: one-step Q-learning over the options that are left, on
// fresh tasks, from zero, epsilon-greedy; an episode ends at the goal or after STEPS_LIMIT moves. Every set learns on the same tasks.
// V* and V*_Z' are exact (value iteration); V^pi is the mean of GREEDY_ROLLOUTS rollouts of the greedy policy after the last episode. All are given as
// shares of V*, so that near and far tasks count alike; intervals are Student's over seeds, each with demonstrations and tasks of its own.
// Differs from the design: 64 demonstrations keep 25 or 26 options, not 22, and the four primitives (a set that no demonstrations leave) learn faster
// than any: in a maze this small their number outweighs their horizon. The panel says so.
// Refuses settings outside RANGES.
import { tInterval } from '../../evaluate/tInterval.ts';
import { makeRng } from '../../tasks/rng.ts';
import type { Rng } from '../../tasks/task.ts';
import { checkSettings, type Fact, type Settings, type TheoryChart, type TheoryResult, type TheorySeries } from './contract.ts';
import { distance, type Grid, gridOf, type Option, optionBackups, valueIteration } from './grid.ts';

export const FOUR_ROOMS = [
  '#############',
  '#.....#.....#',
  '#.....#.....#',
  '#...........#',
  '#.....#.....#',
  '#.....#.....#',
  '##.####.....#',
  '#.....###.###',
  '#.....#.....#',
  '#.....#.....#',
  '#...........#',
  '#.....#.....#',
  '#############',
];
const GAMMA = 0.98;
export const LONGEST = 15;
/** What a decision costs the expert, in value: it prefers one long option to many short ones. */
const EFFORT = 0.01;
const STEPS_LIMIT = 150;
const GREEDY_ROLLOUTS = 32;
const SETTLED = 1e-5;
const MOST_SWEEPS = 500;
const LEARNING_RATE = 0.5;
const EPSILON = 0.1;
const TASKS = 4;
const POINTS = 20;
const STREAM = 0x4672;

export const ALL: Option[] = [0, 1, 2, 3].flatMap((d) => Array.from({ length: LONGEST }, (_, i) => ({ d, tau: i + 1 })));
export const PRIMITIVES = ALL.filter((o) => o.tau === 1);
const maze = gridOf(FOUR_ROOMS);

export interface Task {
  start: number;
  goal: number;
}

export function drawTask(rng: Rng, grid: Grid = maze): Task {
  const goal = rng.int(grid.cells);
  const start = rng.int(grid.cells - 1);
  return { start: start < goal ? start : start + 1, goal };
}

/** Goes on with an option from a cell until its steps are done or the goal is entered: the cell and the steps taken. */
export function goOn(grid: Grid, goal: number, slip: number, option: Option, from: number, rng: Rng): { cell: number; steps: number } {
  let cell = from;
  for (let steps = 1; ; steps++) {
    const slips = rng.uniform() < slip;
    const d = slips ? (option.d + 1 + rng.int(3)) % 4 : option.d;
    cell = grid.next[cell * 4 + d]!;
    if (cell === goal || steps === option.tau) return { cell, steps };
  }
}

/** The expert's plan for one goal: the option that it takes in each cell (an index into ALL). */
export function expertPlan(goal: number, slip: number): Int32Array {
  let values: Float64Array = new Float64Array(maze.cells);
  const plan = new Int32Array(maze.cells);
  for (let sweeps = 0; sweeps < MOST_SWEEPS; sweeps++) {
    const best = new Float64Array(maze.cells).fill(Number.NEGATIVE_INFINITY);
    optionBackups(maze, goal, slip, GAMMA, ALL, values, (index, q) => {
      for (let s = 0; s < maze.cells; s++) {
        if (q[s]! <= best[s]!) continue;
        best[s] = q[s]!;
        plan[s] = index;
      }
    });
    for (let s = 0; s < maze.cells; s++) best[s] = s === goal ? 0 : best[s]! - EFFORT;
    const settled = distance(best, values) < SETTLED;
    values = best;
    if (settled) break;
  }
  return plan;
}

/** Plans by goal, made once each. */
export class Expert {
  private readonly plans = new Map<number, Int32Array>();
  private readonly slip: number;

  constructor(slip: number) {
    this.slip = slip;
  }

  /** The options used in one demonstration of a random task. */
  demonstrate(rng: Rng): number[] {
    const { start, goal } = drawTask(rng);
    let plan = this.plans.get(goal);
    if (!plan) {
      plan = expertPlan(goal, this.slip);
      this.plans.set(goal, plan);
    }
    const used: number[] = [];
    for (let cell = start, n = 0; cell !== goal && n < 100; n++) {
      used.push(plan[cell]!);
      ({ cell } = goOn(maze, goal, this.slip, ALL[plan[cell]!]!, cell, rng));
    }
    return used;
  }
}

/** The options that the first n demonstrations used, in the order of ALL. */
export function keptOptions(expert: Expert, n: number, rng: Rng): Option[] {
  const used = new Set<number>();
  for (let i = 0; i < n; i++) for (const o of expert.demonstrate(rng.fork(i))) used.add(o);
  return ALL.filter((_, index) => used.has(index));
}

/** V* of the set at the start of a task. */
export function bestValue(task: Task, slip: number, options: readonly Option[]): number {
  return valueIteration(maze, task.goal, slip, GAMMA, options, SETTLED).at(-1)![task.start]!;
}

export interface Learned {
  /** gamma^(moves - 1) of each episode, 0 where the goal was not reached. */
  returns: Float64Array;
  /** Mean return of the greedy policy in the end. */
  value: number;
}

/** Q-learning over the options on one task, then the greedy policy's rollouts. */
export function learn(task: Task, slip: number, options: readonly Option[], episodes: number, rng: Rng): Learned {
  const n = options.length;
  const q = new Float64Array(maze.cells * n);
  const discount = Float64Array.from({ length: STEPS_LIMIT + LONGEST + 1 }, (_, t) => GAMMA ** t);
  const most = (cell: number): number => {
    let best = q[cell * n]!;
    for (let o = 1; o < n; o++) best = Math.max(best, q[cell * n + o]!);
    return best;
  };
  /** The best option in a cell, ties at random. */
  const greedy = (cell: number): number => {
    const best = most(cell);
    let ties = 0;
    for (let o = 0; o < n; o++) if (q[cell * n + o] === best) ties += 1;
    let chosen = ties > 1 ? rng.int(ties) : 0;
    for (let o = 0; ; o++) {
      if (q[cell * n + o] !== best) continue;
      if (chosen === 0) return o;
      chosen -= 1;
    }
  };
  const episode = (training: boolean): number => {
    let from = task.start;
    for (let moves = 0; moves < STEPS_LIMIT; ) {
      const o = training && rng.uniform() < EPSILON ? rng.int(n) : greedy(from);
      const { cell, steps } = goOn(maze, task.goal, slip, options[o]!, from, rng);
      moves += steps;
      const arrived = cell === task.goal;
      if (training) {
        const target = arrived ? discount[steps - 1]! : discount[steps]! * most(cell);
        q[from * n + o]! += LEARNING_RATE * (target - q[from * n + o]!);
      }
      if (arrived) return discount[moves - 1]!;
      from = cell;
    }
    return 0;
  };
  const returns = Float64Array.from({ length: episodes }, () => episode(true));
  let value = 0;
  for (let i = 0; i < GREEDY_ROLLOUTS; i++) value += episode(false) / GREEDY_ROLLOUTS;
  return { returns, value };
}

interface Trial {
  /** Options in the set. */
  size: number;
  /** Pruning error and RL error, and the return in each of POINTS stretches of episodes: shares of V*, means over tasks. */
  pruning: number;
  rl: number;
  curve: number[];
}

/** One set of options on the tasks of one seed. `stream` keeps the learning of different sets apart. */
function tryOut(
  tasks: readonly Task[],
  best: readonly number[],
  slip: number,
  options: readonly Option[],
  episodes: number,
  rng: Rng,
): Trial {
  const trial: Trial = { size: options.length, pruning: 0, rl: 0, curve: new Array<number>(POINTS).fill(0) };
  tasks.forEach((task, i) => {
    const inside = options.length === ALL.length ? best[i]! : bestValue(task, slip, options);
    const { returns, value } = learn(task, slip, options, episodes, rng.fork(i));
    const share = 1 / (best[i]! * tasks.length);
    trial.pruning += Math.max(0, best[i]! - inside) * share; // both are limits to within SETTLED
    trial.rl += (inside - value) * share;
    returns.forEach((r, e) => {
      const point = Math.floor((e * POINTS) / episodes);
      const from = Math.ceil((point * episodes) / POINTS);
      const to = Math.ceil(((point + 1) * episodes) / POINTS);
      trial.curve[point]! += (r / (to - from)) * share;
    });
  });
  return trial;
}

/** Numbers of demonstrations along which the regret is split. */
const SWEEP = [1, 2, 4, 8, 16, 64, 256];
/** Too few, for comparison. */
export const TOO_FEW = 2;

export function fourRooms(given: Settings<'four-rooms'>): TheoryResult {
  const { demonstrationsLog2, episodes, slip, seeds, seed } = checkSettings('four-rooms', given);
  const chosen = 2 ** demonstrationsLog2;
  const counts = [...new Set([...SWEEP, TOO_FEW, chosen])].sort((a, b) => a - b);
  const expert = new Expert(slip);
  const trials = new Map<string, Trial[]>();
  for (let k = 0; k < seeds; k++) {
    const rng = makeRng(seed + k, STREAM);
    const drawn = rng.fork(0);
    const tasks = Array.from({ length: TASKS }, () => drawTask(drawn));
    const best = tasks.map((task) => bestValue(task, slip, PRIMITIVES));
    const sets: [string, Option[]][] = [
      ['all', ALL],
      ['primitives', PRIMITIVES],
      ...counts.map((n): [string, Option[]] => [String(n), keptOptions(expert, n, rng.fork(1))]),
    ];
    for (const [name, options] of sets)
      trials.set(name, [...(trials.get(name) ?? []), tryOut(tasks, best, slip, options, episodes, rng.fork(2))]);
  }
  const of = (name: string | number, value: (trial: Trial) => number) => interval(trials.get(String(name))!.map(value));
  const area = (trial: Trial): number => trial.curve.reduce((a, b) => a + b, 0) / POINTS;
  const x = Array.from({ length: POINTS }, (_, i) => Math.ceil(((i + 1) * episodes) / POINTS));
  const curveOf = (name: string | number, label: string, kind: TheorySeries['kind']): TheorySeries => {
    const points = x.map((_, i) => of(name, (trial) => trial.curve[i]!));
    return { name: label, kind, x, y: points.map((p) => p.mean), low: points.map((p) => p.low), high: points.map((p) => p.high) };
  };
  const along = (name: string, kind: TheorySeries['kind'], value: (trial: Trial) => number): TheorySeries => {
    const points = counts.map((n) => of(n, value));
    return { name, kind, x: counts, y: points.map((p) => p.mean), low: points.map((p) => p.low), high: points.map((p) => p.high) };
  };
  const size = of(chosen, (trial) => trial.size).mean;
  const sizeFew = of(TOO_FEW, (trial) => trial.size).mean;
  const charts: TheoryChart[] = [
    {
      name: 'curves',
      title: 'Return in RL as a share of the optimum',
      xLabel: 'episode',
      log: 'none',
      series: [
        curveOf(chosen, `${chosen} demonstrations, ${size.toFixed(0)} options`, 'measured'),
        ...(chosen === TOO_FEW ? [] : [curveOf(TOO_FEW, `${TOO_FEW} demonstrations, ${sizeFew.toFixed(0)} options`, 'curve')]),
        curveOf('all', `all ${ALL.length}`, 'curve'),
        curveOf('primitives', `${PRIMITIVES.length} primitives`, 'curve'),
      ],
    },
    {
      name: 'regret',
      title: `Regret after ${episodes} episodes, split, as a share of the optimum`,
      xLabel: 'demonstrations',
      log: 'x',
      series: [
        along('pruning error', 'measured', (trial) => trial.pruning),
        along('RL error', 'measured', (trial) => trial.rl),
        along('regret', 'curve', (trial) => trial.pruning + trial.rl),
      ],
    },
  ];
  /** Differences of one seed's mean returns: the sets learn on the same tasks. */
  const gain = (name: string | number, over: string | number, label: string): Fact => {
    const other = trials.get(String(over))!;
    const { mean, low, high } = interval(trials.get(String(name))!.map((trial, k) => area(trial) - area(other[k]!)));
    return { name: `gain/${over}`, label: `Gain in return over ${label}`, measured: mean, low, high, predicted: null };
  };
  const regret = (n: string | number): number => of(n, (trial) => trial.pruning + trial.rl).mean;
  const least = counts.reduce((a, b) => (regret(b) < regret(a) ? b : a));
  return {
    instrument: 'four-rooms',
    charts,
    facts: [
      { name: 'options/kept', label: `Options kept of ${ALL.length}`, measured: size, predicted: null },
      { name: 'options/kept_of_2', label: 'Options kept after 2 demonstrations', measured: sizeFew, predicted: null },
      ...[...new Set([String(chosen), String(TOO_FEW), 'all', 'primitives'])].flatMap((name) => {
        const label = name === 'all' ? `all ${ALL.length}` : name === 'primitives' ? 'primitives' : `${name} demonstrations`;
        return [
          { name: `return/${name}`, label: `Mean return in RL, ${label}`, measured: of(name, area).mean, predicted: null },
          { name: `pruning_error/${name}`, label: `Pruning error, ${label}`, measured: of(name, (t) => t.pruning).mean, predicted: null },
          { name: `rl_error/${name}`, label: `RL error, ${label}`, measured: of(name, (t) => t.rl).mean, predicted: null },
        ];
      }),
      gain(chosen, 'all', `all ${ALL.length}`),
      ...(chosen === TOO_FEW ? [] : [gain(chosen, TOO_FEW, `${TOO_FEW} demonstrations`)]),
      gain(chosen, 'primitives', 'primitives'),
      { name: 'demonstrations/least_regret', label: 'Demonstrations of least regret', measured: least, predicted: null },
    ],
    says:
      `${chosen} demonstration${chosen === 1 ? '' : 's'} keep${chosen === 1 ? 's' : ''} ${size.toFixed(0)} of ${ALL.length} options at a pruning error of ${percent(of(chosen, (t) => t.pruning).mean)}; ` +
      `RL then earns ${percent(of(chosen, area).mean)} of the optimum on average, against ${percent(of('all', area).mean)} with all ${ALL.length}` +
      (chosen === TOO_FEW ? '. ' : ` and ${percent(of(TOO_FEW, area).mean)} after ${TOO_FEW} demonstrations, which prune too much. `) +
      `The ${PRIMITIVES.length} primitives, were they known to be enough, would earn ${percent(of('primitives', area).mean)}: in a maze this small four actions weigh more than a long horizon.`,
  };
}

function interval(values: readonly number[]): { mean: number; low: number; high: number } {
  const { mean, half } = tInterval(values);
  return { mean, low: mean - (half ?? 0), high: mean + (half ?? 0) };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
