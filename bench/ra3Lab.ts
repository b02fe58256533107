// This project as a contender: the training plan and the matmul kernels that the page itself uses.
import { createState, Graph, readFloats, writeTensor } from '../src/engine/graph.ts';
import { emitMatmul, tuneMatmul } from '../src/engine/matmul.ts';
import { openGpu } from '../src/gpu/context.ts';
import { BatchRows, makeTrainPlan, Optimizer } from '../src/model/batch.ts';
import { LlamaModel } from '../src/model/llama.ts';
import { ADAM, type Contender, llamaShape, matmulFactors } from './workload.ts';

export async function openRa3Lab(adapter: GPUAdapter): Promise<Contender> {
  const gpu = await openGpu(adapter);
  await tuneMatmul(gpu);
  return {
    name: 'RA3 Lab',
    device: gpu.device,
    async prepareStep(shape, tensors) {
      const { B, T } = shape;
      const model = new LlamaModel(gpu, llamaShape(shape));
      const byName = new Map(tensors.map((t) => [t.name, t]));
      await model.load(byName, async (name) => (byName.get(name) as { data: Float32Array }).data);
      const optimizer = new Optimizer(model);
      const plan = await makeTrainPlan(model, optimizer, { B, T, W: 0, pinned: false });
      const rows = new BatchRows(B, T);
      return {
        async step({ ids, targets }) {
          for (let b = 0; b < B; b++) {
            rows.setSequence(b, ids.subarray(b * T, (b + 1) * T));
            for (let t = 0; t < T; t++) rows.setRow(b, t, targets[b * T + t] as number, 1 / (B * T));
          }
          plan.write(rows);
          optimizer.step(plan, { ...ADAM, weightDecay: 0, clip: 0 });
          const [report] = await optimizer.reports();
          return (report as { loss: number }).loss;
        },
      };
    },
    async prepareMatmul(n) {
      const factors = matmulFactors(n);
      const graph = new Graph(gpu, `matmul ${n}`);
      const [a, x, y] = ['a', 'x', 'y'].map((label) => createState(gpu, label, [n, n])) as [Tensor, Tensor, Tensor];
      const shape = { M: n, N: n, K: n, lda: n, ldb: n, ldy: n };
      emitMatmul(graph, 'nn', a, x, y, shape);
      emitMatmul(graph, 'nn', a, y, x, shape);
      const plan = await graph.compile();
      writeTensor(gpu, a, factors.a);
      return {
        async run(times) {
          writeTensor(gpu, x, factors.x);
          plan.run(times / 2);
          return readFloats(gpu, x);
        },
      };
    },
  };
}

type Tensor = ReturnType<typeof createState>;
