// Gumbel-max sampling in plain float64 from the counter-based words that the kernels use: argmax of score + Gumbel noise, the noise of id v at
// (step, row) from word v mod 4 of philox(seed, stream, step, row, floor(v / 4)).
// Promises the margin to the runner-up, below which f32 may decide otherwise. Refuses nothing.
import { philox, unitFloat } from '../../src/tasks/rng.ts';

export interface Cell {
  seed: number;
  stream: number;
  step: number;
  row: number;
}

export interface Draw {
  id: number;
  /** Score of the winner minus that of the next. */
  margin: number;
}

/** Samples an id of [lo, hi) with probability proportional to exp(score(id)); ids of score -Infinity are out. */
export function gumbelMax(cell: Cell, lo: number, hi: number, score: (id: number) => number): Draw {
  let best = { id: lo, value: Number.NEGATIVE_INFINITY };
  let next = Number.NEGATIVE_INFINITY;
  for (let id = lo; id < hi; id++) {
    const word = philox(cell.seed, cell.stream, cell.step, cell.row, Math.floor(id / 4))[id % 4]!;
    const value = score(id) - Math.log(-Math.log(unitFloat(word)));
    if (value > best.value) {
      next = best.value;
      best = { id, value };
    } else if (value > next) next = value;
  }
  return { id: best.id, margin: best.value - next };
}
