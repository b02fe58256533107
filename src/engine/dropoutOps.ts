// Dropout and scaling of activations, for low-rank adapters. Refuses nothing.
import { GpuError } from '../gpu/context.ts';
import type { Graph, Tensor } from './graph.ts';

export interface Dropout {
  probability: number;
  /** (2) u32: seed and step. */
  seed: Tensor;
  stream: number;
}
export function dropout(_graph: Graph, x: Tensor, _options: Dropout): Tensor {
  throw new GpuError('invalid', `Dropout of ${x.label} is not written yet.`);
}
export function scale(_graph: Graph, x: Tensor, _factor: number): Tensor {
  throw new GpuError('invalid', `Scaling of ${x.label} is not written yet.`);
}
