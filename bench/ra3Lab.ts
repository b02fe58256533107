// This project as a contender: the training plan, the matmul kernels, the generator and the reader of model folders that the page itself uses.
import { createState, freeState, Graph, readFloats, writeTensor } from '../src/engine/graph.ts';
import { emitMatmul } from '../src/engine/matmul.ts';
import { type Ceiling, measureCeiling } from '../src/engine/profile.ts';
import { tune } from '../src/engine/tuner.ts';
import { parseConfig } from '../src/formats/config.ts';
import { type DroppedModel, recognise } from '../src/formats/dropped.ts';
import { heldWeights } from '../src/formats/heldWeights.ts';
import { type GpuContext, openGpu } from '../src/gpu/context.ts';
import { BatchRows, makeTrainPlan } from '../src/model/batch.ts';
import { Generator } from '../src/model/generator.ts';
import { Optimizer } from '../src/model/optimizer.ts';
import { Transformer } from '../src/model/transformer.ts';
import { loadFolder } from '../src/run/session.ts';
import { feedForward, VOCABULARY } from './cells.mjs';
import { peakBytes, restartPeak } from './memory.ts';
import { randomFolder } from './modelFolder.ts';
import type { Budget, DecodeTiming, LoadTiming } from './page.ts';
import { ADAM, type Contender, HEADS, llamaConfig } from './workload.ts';

async function openContext(): Promise<GpuContext> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('The browser gives this page no WebGPU adapter.');
  const gpu = await openGpu(adapter);
  await tune(gpu);
  return gpu;
}

export async function openRa3Lab(): Promise<Contender> {
  const gpu = await openContext();
  return {
    name: 'RA3 Lab',
    device: gpu.device,
    async prepareStep({ C, L, T, B }, tensors) {
      const config = llamaConfig({ C, F: feedForward(C), L, H: HEADS, V: VOCABULARY, T });
      const model = await Transformer.make(gpu, parseConfig(JSON.stringify(config)).architecture);
      await model.load(heldWeights(tensors));
      const optimizer = await Optimizer.make(model);
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

export const ceiling = async (): Promise<Ceiling> => measureCeiling(await openContext());

async function readFolder(files: Parameters<typeof recognise>[0]): Promise<DroppedModel> {
  const { model, recognised } = await recognise(files);
  if (!model) throw new Error(`The random folder is no model: ${recognised.problems[0]?.message}`);
  return model;
}

/** The folder is made once and read anew each round. */
export async function measureLoad(dtype: LoadTiming['dtype'], budget: Budget): Promise<LoadTiming> {
  const gpu = await openContext();
  const { files, parameters, fileBytes } = randomFolder(dtype);
  restartPeak(gpu.device);
  const timesMs: number[] = [];
  const startedAll = performance.now();
  for (let round = 0; round < budget.rounds; round++) {
    const started = performance.now();
    if (round >= budget.leastRounds && started - startedAll > budget.ms) break;
    const model = await loadFolder(gpu, await readFolder(files));
    await gpu.idle();
    timesMs.push(performance.now() - started);
    console.info(`${dtype}: ${timesMs.at(-1)?.toFixed(0)} ms`);
    model.destroy();
  }
  return { dtype, parameters, fileBytes, timesMs, peakBytes: peakBytes(gpu.device) };
}

const CAPACITY = 256;
/** New tokens per row of one round: as many as the budget holds, within these. */
const NEW_TOKENS = { fewest: 4, most: 64 };

export async function measureDecode(batches: readonly number[], budget: Budget): Promise<DecodeTiming[]> {
  const gpu = await openContext();
  const { files, parameters } = randomFolder('BF16');
  const model = await loadFolder(gpu, await readFolder(files));
  const out: DecodeTiming[] = [];
  for (const batch of batches) {
    restartPeak(gpu.device);
    const generator = await Generator.make(model, { slots: batch, capacity: CAPACITY });
    const decode = async (maxTokens: number): Promise<number> => {
      const started = performance.now();
      await generator.generateAll(Array.from({ length: batch }, (_, row) => ({ promptIds: [row], maxTokens })));
      return performance.now() - started;
    };
    await decode(1);
    const stepMs = (await decode(2)) / 2;
    const wanted = Math.floor(budget.ms / budget.rounds / stepMs);
    const newTokens = Math.min(NEW_TOKENS.most, Math.max(NEW_TOKENS.fewest, wanted));
    const timesMs: number[] = [];
    for (let round = 0; round < budget.rounds; round++) {
      if (round >= budget.leastRounds && round * newTokens * stepMs > budget.ms) break;
      timesMs.push(await decode(newTokens));
      console.info(`${batch} rows: ${timesMs.at(-1)?.toFixed(0)} ms for ${newTokens} tokens each`);
    }
    out.push({ batch, parameters, newTokens, timesMs, peakBytes: peakBytes(gpu.device) });
    generator.destroy();
  }
  return out;
}
