// The middle of an MLP as ops: an activation by itself, and the gated product of gate and up. silu, gelu (erf) and gelu_tanh are one kernel with
// an override constant. Forward values are recomputed in the backward pass, so nothing is saved beyond the input.
// Frozen inputs get no gradient and freeze the output. Refuses: a gate and up of odd width (GpuError 'invalid').
import { GpuError } from '../gpu/context.ts';
import { elements, type Graph, type Tensor } from './graph.ts';
import { flatGrid } from './matmul.ts';

export type Activation = 'silu' | 'gelu' | 'gelu_tanh';

/** The value of the override constant ACTIVATION. */
export const ACTIVATION_CODES: Record<Activation, number> = { silu: 0, gelu: 1, gelu_tanh: 2 };

/** h (R, F) = a(gate) up of gu (R, 2F), gate and up side by side. */
export function gated(graph: Graph, gu: Tensor, activation: Activation): Tensor {
  const [R, width] = gu.shape as [number, number];
  if (width % 2 !== 0) throw new GpuError('invalid', `${gu.label} has rows of ${width}; gate and up side by side need an even width.`);
  const F = width / 2;
  const h = graph.temp('gated', [R, F]);
  const wide = F % 4 === 0;
  const threads = wide ? (R * F) / 4 : R * F;
  const size: Record<string, number> = wide ? { R, F4: F / 4 } : { R, F };
  const overrides = { ACTIVATION: ACTIVATION_CODES[activation] };
  graph.dispatch(wide ? 'mlp/gated' : 'mlp/gated_odd', [gu, h], { overrides, args: size, grid: flatGrid(threads), cost: 25 * R * F });
  if (graph.frozen(gu)) {
    graph.freeze(h);
    return h;
  }
  graph.onBackward(() => {
    const { tensor, accumulate } = graph.gradientFor(gu);
    graph.dispatch(wide ? 'mlp/gated_backward' : 'mlp/gated_odd_backward', [graph.gradientOf(h), gu, tensor], {
      overrides,
      args: { ...size, accumulate: accumulate ? 1 : 0 },
      grid: flatGrid(threads),
      cost: 32 * R * F,
    });
  });
  return h;
}

/** h = a(u), elementwise, of u's shape. */
export function activate(graph: Graph, u: Tensor, activation: Activation): Tensor {
  const h = graph.temp('activated', u.shape);
  const N4 = Math.ceil(elements(u.shape) / 4);
  const overrides = { ACTIVATION: ACTIVATION_CODES[activation] };
  graph.dispatch('mlp/activate', [u, h], { overrides, args: { N4 }, grid: flatGrid(N4), cost: 100 * N4 });
  if (graph.frozen(u)) {
    graph.freeze(h);
    return h;
  }
  graph.onBackward(() => {
    const { tensor, accumulate } = graph.gradientFor(u);
    graph.dispatch('mlp/activate_backward', [graph.gradientOf(h), u, tensor], {
      overrides,
      args: { N4, accumulate: accumulate ? 1 : 0 },
      grid: flatGrid(N4),
      cost: 120 * N4,
    });
  });
  return h;
}
