// This project as a contender: the training plan, the matmul kernels, the generator and the reader of model folders that the page itself uses.
import { createState, freeState, Graph, readFloats, writeTensor } from '../src/engine/graph.ts';
import { emitMatmul, tuneMatmul } from '../src/engine/matmul.ts';
import { measureCeiling } from '../src/engine/profile.ts';
import { type GpuContext, openGpu } from '../src/gpu/context.ts';
import { BatchRows, makeTrainPlan, Optimizer } from '../src/model/batch.ts';
import { LlamaModel } from '../src/model/llama.ts';
import { feedForward, VOCABULARY } from './cells.mjs';
import { ADAM, type Contender, HEADS, NORM_EPS, ROPE_THETA } from './workload.ts';

async function openContext(): Promise<GpuContext> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('The browser gives this page no WebGPU adapter.');
  const gpu = await openGpu(adapter);
  await tuneMatmul(gpu);
  return gpu;
}

export const ceiling = async () => measureCeiling(await openContext());

export async function openRa3Lab(): Promise<Contender> {
  const gpu = await openContext();
  return {
    name: 'RA3 Lab',
    device: gpu.device,
    async prepareStep({ C, L, T, B }, tensors) {
      const model = new LlamaModel(gpu, {
        hidden: C,
        intermediate: feedForward(C),
        layers: L,
        heads: HEADS,
        kvHeads: HEADS,
        headDim: C / HEADS,
        vocabulary: VOCABULARY,
        maxPositions: T,
        rmsNormEps: NORM_EPS,
        ropeTheta: ROPE_THETA,
        tieEmbeddings: true,
      });
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
    async prepareMatmul({ M, N, K, stored }, factors) {
      const [x, w, y] = [createState(gpu, 'x', [M, K]), createState(gpu, 'w', [K * N]), createState(gpu, 'y', [M, N])];
      const graph = new Graph(gpu, `matmul ${M} x ${N} x ${K}`);
      const ldb = stored === 'KN' ? N : K;
      emitMatmul(graph, stored === 'KN' ? 'nn' : 'nt', x, w, y, { M, N, K, lda: K, ldb, ldy: N });
      const plan = await graph.compile();
      writeTensor(gpu, x, factors.x);
      writeTensor(gpu, w, factors.w);
      return {
        async run(times) {
          plan.run(times);
          await gpu.idle();
        },
        async read() {
          plan.run();
          return readFloats(gpu, y);
        },
        free() {
          plan.destroy();
          for (const t of [x, w, y]) freeState(gpu, t);
        },
      };
    },
  };
}
