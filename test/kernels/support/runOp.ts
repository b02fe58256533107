// One op of the engine on host data: its output, and the gradients that its backward pass leaves for a given gradient of the output.
// Promises that all memory is freed again, and that every gradient starts from a value that must be overwritten or, on demand, added to.
import { createState, freeState, Graph, type Tensor, writeTensor } from '../../../src/engine/graph.ts';
import type { GpuContext } from '../../../src/gpu/context.ts';
import { download, type Held, type HostArray, UNTOUCHED, untouched, upload } from './runKernel.ts';

export interface OpRun {
  inputs: Record<string, { data: HostArray; shape: readonly number[] }>;
  /** Emits the op on the uploaded inputs and returns its output. */
  op(graph: Graph, inputs: Record<string, Tensor>): Tensor;
  /** Gradient of the output; without it only the forward pass runs. */
  dy?: HostArray;
  /** Inputs that are frozen; all others get a gradient. */
  frozen?: string[];
  /** What the gradients hold beforehand, to be added to. */
  old?: Record<string, HostArray>;
}

export interface OpResult {
  y: Held;
  /** By input; null where no gradient was written. */
  gradients: Record<string, Held | null>;
  outputFrozen: boolean;
}

export async function runOp(gpu: GpuContext, { inputs, op, dy, frozen = [], old = {} }: OpRun): Promise<OpResult> {
  const graph = new Graph(gpu, 'op');
  const names = Object.keys(inputs);
  const tensors: Record<string, Tensor> = {};
  const gradients: Record<string, Tensor> = {};
  for (const name of names) {
    const { data, shape } = inputs[name]!;
    tensors[name] = upload(gpu, name, data, shape);
    if (frozen.includes(name)) graph.freeze(tensors[name]);
    gradients[name] = createState(gpu, `d(${name})`, shape);
    writeTensor(gpu, gradients[name], Float32Array.from(old[name] ?? untouched(data.length)));
    graph.bindGradient(tensors[name], gradients[name], old[name] !== undefined);
  }
  const y = graph.keep(op(graph, tensors));
  const outputFrozen = graph.frozen(y);
  const dOutput = dy ? upload(gpu, 'dy', dy, y.shape) : null;
  if (dOutput) {
    graph.bindGradient(y, dOutput, true);
    graph.backward();
  }
  const plan = await graph.compile();
  const states = [...Object.values(tensors), ...Object.values(gradients), ...(dOutput ? [dOutput] : [])];
  try {
    plan.run();
    const held = await download(gpu, [y, ...names.map((name) => gradients[name]!)]);
    return {
      y: held[0]!,
      gradients: Object.fromEntries(
        names.map((name, i) => [name, held[i + 1]!.floats.every((v) => v === UNTOUCHED) ? null : held[i + 1]!]),
      ),
      outputFrozen,
    };
  } finally {
    plan.destroy();
    for (const t of states) freeState(gpu, t);
  }
}
