// Dropout with a mask that is computed, not kept: Philox at (seed, stream; step, row, column / 4), so that a recomputed block and the backward
// pass see the same one. And the multiplication by a constant (LoRA's alpha / rank, scaled embeddings).
// Frozen inputs get no gradient and freeze the output. Refuses: probabilities outside [0, 1) (GpuError 'invalid').
import { GpuError } from '../gpu/context.ts';
import { elements, type Graph, type Tensor } from './graph.ts';
import { flatGrid } from './matmul.ts';

export interface DropoutOptions {
  /** Of an element to become 0; the others are divided by 1 - probability. */
  probability: number;
  /** (2) u32: seed and step, written by the host before each step. */
  seed: Tensor;
  /** Keeps the masks of one step apart: a number of its own for every place where dropout is applied. */
  stream: number;
}

/** y (R, C) = dropout of x (R, C). With probability 0 it is x itself, and nothing is emitted. */
export function dropout(graph: Graph, x: Tensor, { probability, seed, stream }: DropoutOptions): Tensor {
  if (!(probability >= 0 && probability < 1))
    throw new GpuError('invalid', `A dropout probability of ${probability} is not possible; give one from 0 to below 1.`);
  if (probability === 0) return x;
  const [R, C] = x.shape as [number, number];
  const emit = (input: Tensor, output: Tensor, accumulate: boolean): void =>
    graph.dispatch('lora/dropout', [input, seed, output], {
      args: { R, C, stream, accumulate: accumulate ? 1 : 0, probability },
      grid: flatGrid(R * Math.ceil(C / 4)),
      cost: 60 * R * C,
    });
  const y = graph.temp('dropout', [R, C]);
  emit(x, y, false);
  if (graph.frozen(x)) {
    graph.freeze(y);
    return y;
  }
  graph.onBackward(() => {
    const { tensor, accumulate } = graph.gradientFor(x);
    emit(graph.gradientOf(y), tensor, accumulate);
  });
  return y;
}

/** y = factor x, of x's shape. */
export function scale(graph: Graph, x: Tensor, factor: number): Tensor {
  const N4 = Math.ceil(elements(x.shape) / 4);
  const emit = (input: Tensor, output: Tensor, accumulate: boolean): void =>
    graph.dispatch('lora/scale', [input, output], {
      args: { N4, accumulate: accumulate ? 1 : 0, factor },
      grid: flatGrid(N4),
      cost: 8 * N4,
    });
  const y = graph.temp('scaled', x.shape);
  emit(x, y, false);
  if (graph.frozen(x)) {
    graph.freeze(y);
    return y;
  }
  graph.onBackward(() => {
    const { tensor, accumulate } = graph.gradientFor(x);
    emit(graph.gradientOf(y), tensor, accumulate);
  });
  return y;
}
