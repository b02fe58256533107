// Adds a bias to the rows of a tensor in place; its gradient is the column sums of the rows' gradient, by partial sums that are added in order.
// A frozen bias gets no gradient. Refuses: a bias of another width, and a bias to be trained on rows that nothing trained leads to
// (GpuError 'invalid'): in place, one tensor cannot be frozen and not.
import { GpuError } from '../gpu/context.ts';
import { elements, type Graph, type Tensor } from './graph.ts';
import { emitReduce, flatGrid } from './matmul.ts';
import { rowsPerPartOf } from './normOps.ts';
import { forWidth, itemOf } from './rowGrid.ts';

/** y (R, N) += bias (N), in place. Call it right after y is made, before anything reads y. */
export function addBias(graph: Graph, y: Tensor, bias: Tensor): void {
  const [R, N] = y.shape as [number, number];
  if (elements(bias.shape) !== N)
    throw new GpuError('invalid', `${bias.label} has ${elements(bias.shape)} elements; the rows of ${y.label} have ${N}.`);
  graph.dispatch(forWidth('bias/add', N), [bias, y], { args: { R, N }, grid: flatGrid((R * N) / itemOf(N)), cost: R * N });
  if (graph.frozen(bias)) return;
  if (graph.frozen(y))
    throw new GpuError('invalid', `${bias.label} is to be trained but ${y.label} is frozen: train its weight as well, or freeze the bias.`);
  graph.onBackward(() => {
    const rowsPerPart = rowsPerPartOf(R);
    const P = Math.ceil(R / rowsPerPart);
    const parts = graph.temp('dbias parts', [P, N]);
    graph.dispatch(forWidth('bias/column_sums', N), [graph.gradientOf(y), parts], {
      args: { R, N, P, rowsPerPart },
      grid: flatGrid((P * N) / itemOf(N)),
      cost: R * N,
    });
    const { tensor, accumulate } = graph.gradientFor(bias);
    emitReduce(graph, parts, tensor, P, N, accumulate);
  });
}
