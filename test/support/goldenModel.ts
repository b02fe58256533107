// Models of test/golden on a GPU, and what their tests measure: logits of every position, batches of lines, gradients in the file's order.
// Refuses nothing of its own.
import { tracePlan, readTensors, writeTensor } from '../../src/engine/graph.ts';
import { extractFrom } from '../../src/engine/loadOps.ts';
import { emitLogits, logitStride } from '../../src/engine/ops.ts';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { readModelFolder } from '../../src/headless/files.ts';
import { BatchRows, type BatchShape, makeScorePlan, makeTrainPlan, type TrainOptions } from '../../src/model/batch.ts';
import { ADAMW_DEFAULTS, type AdamWSettings, Optimizer, type OptimizerOptions, type StepReport } from '../../src/model/optimizer.ts';
import type { Transformer, TransformerOptions } from '../../src/model/transformer.ts';
import { loadFolder } from '../../src/run/session.ts';
import { type AdamWGolden, familyFolder } from './goldenFolder.ts';

export const openTestGpu = async (): Promise<GpuContext> => openGpu((await openNodeGpu()).adapter);

export const loadFamily = async (gpu: GpuContext, name: string, options: TransformerOptions = {}): Promise<Transformer> =>
  loadFolder(gpu, await readModelFolder(familyFolder(name)), options);

/** Logits (T, V) of every position of one sequence. */
export async function readLogits(model: Transformer, ids: readonly number[]): Promise<Float32Array> {
  const { gpu, architecture } = model;
  const T = ids.length;
  const V = architecture.vocabulary;
  const ld = logitStride(V);
  const { plan, value } = await tracePlan(gpu, 'logits', (graph) => {
    const u32 = (label: string, shape: number[]) => graph.input(label, shape, 'u32');
    const inputs = { ids: u32('ids', [T]), positions: u32('positions', [T]), spans: u32('spans', [T, 4]), order: null };
    const hidden = model.forward(graph, { ...inputs, pinned: false, packed: false }, 1, T, 0);
    const logits = graph.input('logits', [T, ld]);
    emitLogits(graph, hidden, model.head, logits, { rows: T, firstRow: 0, ld });
    return { ...inputs, logits };
  });
  const rows = batchOf([ids], T);
  writeTensor(gpu, value.ids, rows.ids);
  writeTensor(gpu, value.positions, rows.positions);
  writeTensor(gpu, value.spans, rows.spans);
  plan.run();
  const [padded] = (await readTensors(gpu, [value.logits])) as [Float32Array];
  plan.destroy();
  const logits = new Float32Array(T * V);
  for (let t = 0; t < T; t++) logits.set(padded.subarray(t * ld, t * ld + V), t * V);
  return logits;
}

/** Lines padded on the right to T tokens; the loss is the mean over all predicted tokens. */
export function batchOf(lines: readonly (readonly number[])[], T: number): BatchRows {
  const rows = new BatchRows(lines.length, T);
  lines.forEach((ids, b) => {
    rows.setNextToken(b, ids);
  });
  rows.normaliseWeights();
  return rows;
}

export const shapeOf = (B: number, T: number): BatchShape => ({ B, T, W: 0, pinned: false });

export const longest = (lines: readonly (readonly number[])[]): number => Math.max(...lines.map((line) => line.length));

/** Mean of -log p over the predicted tokens of lines. */
export async function lossOf(model: Transformer, lines: readonly (readonly number[])[]): Promise<number> {
  const rows = batchOf(lines, longest(lines));
  const score = await makeScorePlan(model, shapeOf(lines.length, rows.T));
  score.write(rows);
  score.plan.run();
  const { logprob } = await score.readRows();
  score.destroy();
  return -rows.weight.reduce((sum, w, r) => sum + w * (logprob[r] as number), 0);
}

/** The gradients of the loss over lines by every trained block, as they lie in the optimiser; the caller destroys it. */
export async function backward(model: Transformer, lines: readonly (readonly number[])[], options: TrainOptions = {}): Promise<Optimizer> {
  const optimizer = await Optimizer.make(model);
  const plan = await makeTrainPlan(model, optimizer, shapeOf(lines.length, longest(lines)), options);
  plan.write(batchOf(lines, longest(lines)));
  optimizer.begin(options.accumulate ?? false);
  optimizer.add(plan);
  await model.gpu.device.queue.onSubmittedWorkDone();
  plan.destroy();
  return optimizer;
}

/** Gradients by the parameters' names in the file, in the file's order. */
export async function readGradients(model: Transformer, { gradients }: Optimizer): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const block of model.blocks) {
    const columns = block.shape[1] ?? 1;
    let first = 0;
    for (const part of block.parts) {
      const size = part.shape.reduce((n, s) => n * s, 1);
      const bytes = await extractFrom(model.gpu, gradients.one(block.key), first, size, 'F32', model.fileLayout(part, columns, 0));
      found.set(part.name, new Float32Array(bytes.buffer));
      first += size;
    }
  }
  return found;
}

type Settings = Pick<AdamWGolden, 'lr' | 'betas' | 'eps' | 'weightDecay' | 'clipNorm'>;

export const settingsOf = ({ lr, betas, eps, weightDecay, clipNorm }: Settings): AdamWSettings => ({
  ...ADAMW_DEFAULTS,
  lr,
  beta1: betas[0],
  beta2: betas[1],
  eps,
  weightDecay,
  clip: clipNorm,
});

/** `steps` AdamW steps on lines in cyclic order. */
export async function train(
  model: Transformer,
  lines: readonly (readonly number[])[],
  batch: number,
  steps: number,
  settings: AdamWSettings,
  options: OptimizerOptions & TrainOptions = {},
): Promise<StepReport[]> {
  const { moments, ema, seed, ...plan } = options;
  const optimizer = await Optimizer.make(model, { ...(moments ? { moments } : {}), ...(ema ? { ema } : {}), ...(seed ? { seed } : {}) });
  const T = longest(lines);
  const trained = await makeTrainPlan(model, optimizer, shapeOf(batch, T), plan);
  const reports: StepReport[] = [];
  for (let step = 0; step < steps; step++) {
    trained.write(
      batchOf(
        Array.from({ length: batch }, (_, j) => lines[(step * batch + j) % lines.length] as readonly number[]),
        T,
      ),
    );
    optimizer.step(trained, settings);
    if (step % 32 === 31 || step === steps - 1) reports.push(...(await optimizer.reports()));
  }
  trained.destroy();
  optimizer.destroy();
  return reports;
}

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) throw new Error(`${a.length} numbers and ${b.length}.`);
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    if (!(difference <= most)) most = difference; // NaN stays
  }
  return most;
};

/** Mean squared error over the mean square of the reference. */
export const normalisedError = (values: ArrayLike<number>, reference: ArrayLike<number>): number => {
  if (values.length !== reference.length) throw new Error(`${values.length} numbers and ${reference.length}.`);
  let error = 0;
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    error += ((values[i] as number) - (reference[i] as number)) ** 2;
    square += (reference[i] as number) ** 2;
  }
  return error / square;
};

export const relative = (actual: number, wanted: number): number => Math.abs(actual - wanted) / Math.abs(wanted);
