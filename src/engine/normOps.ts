// Normalisations as ops: RMS norm (with Gemma's stored factor minus one), layer norm, and RMS norm of every query and key head. Each emits
// its forward dispatch and registers its gradients: dx in one row-wise kernel, parameters by partial column sums that are then added in order.
// Frozen inputs get no gradient; the output is frozen when all inputs are. Refuses: inputs whose width does not match (GpuError 'invalid').
import { GpuError } from '../gpu/context.ts';
import type { Graph, Tensor } from './graph.ts';
import { emitReduce, flatGrid } from './matmul.ts';
import { forWidth, itemOf, lanes, rowGrid } from './rowGrid.ts';

/** `offset` 1: the stored weight is the factor minus one. */
export interface RmsOptions {
  eps: number;
  offset: 0 | 1;
}

export interface HeadShape {
  H: number;
  K: number;
  D: number;
}

/** Rows that one thread of a column sum takes, so that about `parts` partial sums remain. */
export const rowsPerPartOf = (rows: number, parts = 256): number => Math.max(16, Math.ceil(rows / parts));

/** y (R, C) = x / rms(x) * (offset + gamma), rms(x)^2 = mean x^2 + eps over each row. gamma (C). */
export function rmsNorm(graph: Graph, x: Tensor, gamma: Tensor, { eps, offset }: RmsOptions): Tensor {
  const [R, C] = x.shape as [number, number];
  expectWidth(gamma, C);
  const y = graph.temp('rms norm', [R, C]);
  const rstd = graph.temp('rstd', [R]);
  const LANES = lanes(graph, C);
  const grid = rowGrid(R, LANES);
  graph.dispatch(forWidth('norm/rms_norm', C), [x, gamma, y, rstd], {
    overrides: { LANES },
    args: { R, C, eps, offset },
    grid,
    cost: 5 * R * C,
  });
  if (freezesWith(graph, y, [x, gamma])) return y;
  graph.onBackward(() => {
    const dy = graph.gradientOf(y);
    if (!graph.frozen(gamma)) {
      const rowsPerPart = rowsPerPartOf(R);
      const P = Math.ceil(R / rowsPerPart);
      const parts = graph.temp('dgamma parts', [P, C]);
      graph.dispatch(forWidth('norm/rms_gamma', C), [dy, x, rstd, parts], {
        args: { R, C, P, rowsPerPart },
        grid: flatGrid((P * C) / itemOf(C)),
        cost: 3 * R * C,
      });
      reduceInto(graph, parts, gamma, P, C);
    }
    if (!graph.frozen(x)) {
      const dx = graph.gradientFor(x);
      graph.dispatch(forWidth('norm/rms_norm_backward', C), [dy, x, gamma, rstd, dx.tensor], {
        overrides: { LANES },
        args: { R, C, accumulate: dx.accumulate ? 1 : 0, offset },
        grid,
        cost: 10 * R * C,
      });
    }
  });
  return y;
}

/** y (R, C) = (x - mean) / sqrt(variance + eps) * gamma + beta over each row. gamma, beta (C). */
export function layerNorm(graph: Graph, x: Tensor, gamma: Tensor, beta: Tensor, { eps }: { eps: number }): Tensor {
  const [R, C] = x.shape as [number, number];
  expectWidth(gamma, C);
  expectWidth(beta, C);
  const y = graph.temp('layer norm', [R, C]);
  const stats = graph.temp('mean and rstd', [R, 2]);
  const LANES = lanes(graph, C);
  const grid = rowGrid(R, LANES);
  graph.dispatch(forWidth('norm/layer_norm', C), [x, gamma, beta, y, stats], {
    overrides: { LANES },
    args: { R, C, eps },
    grid,
    cost: 8 * R * C,
  });
  if (freezesWith(graph, y, [x, gamma, beta])) return y;
  graph.onBackward(() => {
    const dy = graph.gradientOf(y);
    if (!graph.frozen(gamma) || !graph.frozen(beta)) {
      const rowsPerPart = rowsPerPartOf(R);
      const P = Math.ceil(R / rowsPerPart);
      const dgamma = graph.temp('dgamma parts', [P, C]);
      const dbeta = graph.temp('dbeta parts', [P, C]);
      graph.dispatch(forWidth('norm/layer_norm_gamma', C), [dy, x, stats, dgamma, dbeta], {
        args: { R, C, P, rowsPerPart },
        grid: flatGrid((P * C) / itemOf(C)),
        cost: 5 * R * C,
      });
      if (!graph.frozen(gamma)) reduceInto(graph, dgamma, gamma, P, C);
      if (!graph.frozen(beta)) reduceInto(graph, dbeta, beta, P, C);
    }
    if (!graph.frozen(x)) {
      const dx = graph.gradientFor(x);
      graph.dispatch(forWidth('norm/layer_norm_backward', C), [dy, x, gamma, stats, dx.tensor], {
        overrides: { LANES },
        args: { R, C, accumulate: dx.accumulate ? 1 : 0 },
        grid,
        cost: 12 * R * C,
      });
    }
  });
  return y;
}

/** A copy of qkv (R, (H + 2K) D) whose query and key heads are RMS-normed over D with qGamma and kGamma (D); values as they are. */
export function headNorm(graph: Graph, qkv: Tensor, qGamma: Tensor, kGamma: Tensor, shape: HeadShape & RmsOptions): Tensor {
  const { H, K, D, eps, offset } = shape;
  const R = qkv.shape[0] as number;
  const heads = H + 2 * K;
  const width = heads * D;
  if (qkv.shape[1] !== width)
    throw new GpuError('invalid', `${qkv.label} has rows of ${qkv.shape[1]}; ${H} query and ${K} key heads of ${D} need ${width}.`);
  expectWidth(qGamma, D);
  expectWidth(kGamma, D);
  const y = graph.temp('head norm', [R, width]);
  const rstd = graph.temp('head rstd', [R, H + K]);
  const LANES = lanes(graph, D);
  const grid = rowGrid(R * heads, LANES);
  graph.dispatch(forWidth('norm/head_norm', D), [qkv, qGamma, kGamma, y, rstd], {
    overrides: { LANES },
    args: { R, H, K, D, eps, offset },
    grid,
    cost: 5 * R * width,
  });
  if (freezesWith(graph, y, [qkv, qGamma, kGamma])) return y;
  graph.onBackward(() => {
    const dy = graph.gradientOf(y);
    const emitGamma = (gamma: Tensor, first: number, count: number): void => {
      if (graph.frozen(gamma)) return;
      const rowsPerPart = rowsPerPartOf(R, Math.ceil(256 / count));
      const P = Math.ceil(R / rowsPerPart);
      const parts = graph.temp('head dgamma parts', [count, P, D]);
      graph.dispatch(forWidth('norm/head_norm_gamma', D), [dy, qkv, rstd, parts], {
        args: { R, width, normed: H + K, D, first, heads: count, P, rowsPerPart },
        grid: flatGrid((count * P * D) / itemOf(D)),
        cost: 3 * R * count * D,
      });
      reduceInto(graph, parts, gamma, count * P, D);
    };
    emitGamma(qGamma, 0, H);
    emitGamma(kGamma, H, K);
    if (!graph.frozen(qkv)) {
      const dx = graph.gradientFor(qkv);
      graph.dispatch(forWidth('norm/head_norm_backward', D), [dy, qkv, qGamma, kGamma, rstd, dx.tensor], {
        overrides: { LANES },
        args: { R, H, K, D, accumulate: dx.accumulate ? 1 : 0, offset },
        grid,
        cost: 10 * R * width,
      });
    }
  });
  return y;
}

function reduceInto(graph: Graph, parts: Tensor, parameter: Tensor, P: number, N: number): void {
  const { tensor, accumulate } = graph.gradientFor(parameter);
  emitReduce(graph, parts, tensor, P, N, accumulate);
}

/** Freezes y and says so when every input is frozen. */
function freezesWith(graph: Graph, y: Tensor, inputs: readonly Tensor[]): boolean {
  if (!inputs.every((t) => graph.frozen(t))) return false;
  graph.freeze(y);
  return true;
}

function expectWidth(parameter: Tensor, width: number): void {
  const n = parameter.shape.reduce((a, b) => a * b, 1);
  if (n !== width) throw new GpuError('invalid', `${parameter.label} has ${n} elements; the rows that it scales have ${width}.`);
}
