// The maze: its parts by hand, and the story over seeds with paired intervals: enough demonstrations beat all options and too few demonstrations.
import { describe, expect, it } from 'vitest';
import { startSettings } from '../../../../src/midtrain/theory/contract.ts';
import {
  ALL,
  bestValue,
  drawTask,
  Expert,
  expertPlan,
  FOUR_ROOMS,
  fourRooms,
  goOn,
  keptOptions,
  learn,
  PRIMITIVES,
} from '../../../../src/midtrain/theory/fourRooms.ts';
import { gridOf } from '../../../../src/midtrain/theory/grid.ts';
import { makeRng } from '../../../../src/tasks/rng.ts';

const maze = gridOf(FOUR_ROOMS);

describe('the maze', () => {
  it('has 104 cells and 60 options, four of them primitive', () => {
    expect([maze.cells, ALL.length, PRIMITIVES.length]).toEqual([104, 60, 4]);
  });

  it('options run their steps, stop at the goal and slip as often as they should', () => {
    const rng = makeRng(3, 1);
    expect(goOn(maze, 103, 0, { d: 1, tau: 3 }, 0, rng)).toEqual({ cell: 3, steps: 3 });
    expect(goOn(maze, 2, 0, { d: 1, tau: 9 }, 0, rng)).toEqual({ cell: 2, steps: 2 });
    let right = 0;
    for (let i = 0; i < 4000; i++) if (goOn(maze, 103, 0.3, { d: 1, tau: 1 }, 12, rng).cell === 13) right++;
    expect(right / 4000).toBeCloseTo(0.7, 1);
  });

  it('the optimum needs no option: primitives and all 60 are worth the same; without slip it is gamma^(distance - 1)', () => {
    const rng = makeRng(5, 1);
    for (let i = 0; i < 3; i++) {
      const task = drawTask(rng);
      expect(task.start).not.toBe(task.goal);
      expect(bestValue(task, 0.1, ALL)).toBeCloseTo(bestValue(task, 0.1, PRIMITIVES), 3);
    }
    expect(bestValue({ start: 0, goal: 3 }, 0, PRIMITIVES)).toBeCloseTo(0.98 ** 2, 9);
  });

  it('the expert takes the straight way in one decision where there is one', () => {
    expect(ALL[expertPlan(4, 0)[0]!]).toEqual({ d: 1, tau: 4 });
  });

  it('more demonstrations only add options', () => {
    const expert = new Expert(0.1);
    const names = (n: number): string[] => keptOptions(expert, n, makeRng(1, 1)).map((o) => `${o.d} ${o.tau}`);
    expect(names(4).every((o) => names(16).includes(o))).toBe(true);
    expect(names(16).length).toBeLessThan(ALL.length / 2);
  });

  it('Q-learning reaches the optimum of a short task', () => {
    const { value } = learn({ start: 0, goal: 2 }, 0, PRIMITIVES, 200, makeRng(1, 1));
    expect(value).toBeCloseTo(0.98, 9);
  });
});

describe('the story', () => {
  it('64 demonstrations keep about 25 of 60 options, lose nothing, and learn better than all 60 and than 2 demonstrations, which lose much', () => {
    const { facts, charts } = fourRooms({ ...startSettings('four-rooms'), seeds: 16 });
    const of = (name: string) => facts.find((f) => f.name === name)!;
    expect(of('options/kept').measured).toBeGreaterThan(20);
    expect(of('options/kept').measured).toBeLessThan(30);
    expect(of('pruning_error/64').measured).toBeLessThan(0.005);
    expect(of('pruning_error/2').measured).toBeGreaterThan(0.1);
    expect(of('gain/all').low).toBeGreaterThan(0);
    expect(of('gain/2').low).toBeGreaterThan(0);
    expect(of('rl_error/all').measured).toBeGreaterThan(of('rl_error/64').measured + 0.1);
    // the regret's two parts: pruning falls with demonstrations, and their sum is the regret
    const [pruning, rl, regret] = charts.find((c) => c.name === 'regret')!.series;
    pruning!.y.forEach((y, i) => {
      expect(y + rl!.y[i]!).toBeCloseTo(regret!.y[i]!, 12);
      if (i > 0) expect(y).toBeLessThanOrEqual(pruning!.y[i - 1]! + 1e-9);
    });
  }, 60_000);
});
