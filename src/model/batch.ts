// Batches of sequences as the loss kernels read them, and the two plans over them: scoring (log-probabilities only) and a training step
// (forward, backward, clip, AdamW, report). Rows: R = B T, sequences padded on the right; row i predicts token i + 1 of its sequence.
// Refuses: sequences longer than the plan's T, ids beyond the vocabulary.
import { type Plan, Graph, type Tensor, createState, freeState, readTensors, writeTensor } from '../engine/graph.ts';
import { type LossRows, adamW, linearCrossEntropy } from '../engine/ops.ts';
import { type LlamaModel, ModelError, type SequenceInputs } from './llama.ts';

export const MODE = { full: 0, restricted: 1, binaryNo: 2, binaryYes: 3 } as const;
export const INACTIVE = 0xffffffff;

/** Host side of a batch. All arrays are R long (spec 4 R): see shaders/loss/cross_entropy.wgsl. */
export class BatchRows {
  readonly B: number;
  readonly T: number;
  readonly ids: Uint32Array;
  readonly positions: Uint32Array;
  readonly pinLo: Uint32Array;
  readonly pinHi: Uint32Array;
  /** target, mode, lo, hi per row; target INACTIVE where nothing is predicted. */
  readonly spec: Uint32Array;
  readonly weight: Float32Array;
  readonly entropyWeight: Float32Array;

  constructor(B: number, T: number) {
    const R = B * T;
    this.B = B;
    this.T = T;
    this.ids = new Uint32Array(R);
    this.positions = new Uint32Array(R);
    this.pinLo = new Uint32Array(R);
    this.pinHi = new Uint32Array(R);
    this.spec = new Uint32Array(4 * R);
    this.weight = new Float32Array(R);
    this.entropyWeight = new Float32Array(R);
    this.clear();
  }

  clear(): void {
    this.ids.fill(0);
    this.pinLo.fill(0);
    this.pinHi.fill(0);
    this.weight.fill(0);
    this.entropyWeight.fill(0);
    for (let r = 0; r < this.B * this.T; r++) {
      this.positions[r] = r % this.T;
      this.spec.set([INACTIVE, 0, 0, 0], 4 * r);
    }
  }

  /** Puts a sequence into slot b. pinLo and pinHi are positions within the sequence. */
  setSequence(b: number, ids: ArrayLike<number>, pinLo?: ArrayLike<number>, pinHi?: ArrayLike<number>): void {
    if (ids.length > this.T) throw new ModelError(`A sequence has ${ids.length} tokens; this plan takes ${this.T}.`);
    this.ids.set(ids, b * this.T);
    if (pinLo) this.pinLo.set(pinLo, b * this.T);
    if (pinHi) this.pinHi.set(pinHi, b * this.T);
  }

  setRow(b: number, i: number, target: number, weight: number, mode = 0, lo = 0, hi = 0): void {
    const r = b * this.T + i;
    this.spec.set([target, mode, lo, hi], 4 * r);
    this.weight[r] = weight;
  }

  /** Every token predicted from the ones before it, full softmax, weight 1. */
  setNextToken(b: number, ids: ArrayLike<number>): void {
    this.setSequence(b, ids);
    for (let i = 0; i + 1 < ids.length; i++) this.setRow(b, i, ids[i + 1] as number, 1);
  }

  /** Scales the weights so that they sum to 1: the loss becomes the mean over predicted tokens. Returns the former sum. */
  normaliseWeights(): number {
    let sum = 0;
    for (const w of this.weight) sum += w;
    if (sum > 0) for (let r = 0; r < this.weight.length; r++) this.weight[r] = (this.weight[r] as number) / sum;
    return sum;
  }
}

interface Inputs extends SequenceInputs, LossRows {
  order: { order: Tensor; starts: Tensor };
}

function makeInputs(graph: Graph, model: LlamaModel, B: number, T: number, pinned: boolean, bias: number): Inputs {
  const R = B * T;
  const u32 = (label: string, shape: number[]) => graph.input(label, shape, 'u32');
  return {
    ids: u32('ids', [R]),
    positions: u32('positions', [R]),
    pinLo: u32('pinLo', [R]),
    pinHi: u32('pinHi', [R]),
    order: { order: u32('order', [R]), starts: u32('starts', [model.shape.vocabulary + 1]) },
    spec: u32('spec', [R, 4]),
    weight: graph.input('weight', [R]),
    entropyWeight: graph.input('entropyWeight', [R]),
    logprob: graph.input('logprob', [R]),
    entropy: graph.input('entropy', [R]),
    ropeTable: model.ropeTable,
    pinned,
    bias,
  };
}

export interface BatchShape {
  B: number;
  T: number;
  /** Attention window in tokens, 0 = all. */
  W: number;
  pinned: boolean;
  /** Added to the logit of binary decisions (the think-rate floor of text latents). */
  bias?: number;
}

/** A compiled pass over a batch. `inputs.logprob` and `inputs.entropy` hold the rows' results after run(). */
export class BatchPlan {
  readonly model: LlamaModel;
  readonly shape: BatchShape;
  readonly plan: Plan;
  readonly inputs: Inputs;

  constructor(model: LlamaModel, shape: BatchShape, plan: Plan, inputs: Inputs) {
    this.model = model;
    this.shape = shape;
    this.plan = plan;
    this.inputs = inputs;
  }

  /** Uploads a batch. `weights: false` leaves weight and entropyWeight as a kernel wrote them. */
  write(rows: BatchRows, options: { weights?: boolean } = {}): void {
    const { gpu } = this.model;
    const { inputs } = this;
    const V = this.model.shape.vocabulary;
    for (const id of rows.ids) if (id >= V) throw new ModelError(`Token id ${id} is beyond the vocabulary of ${V}.`);
    writeTensor(gpu, inputs.ids, rows.ids);
    writeTensor(gpu, inputs.positions, rows.positions);
    writeTensor(gpu, inputs.pinLo, rows.pinLo);
    writeTensor(gpu, inputs.pinHi, rows.pinHi);
    writeTensor(gpu, inputs.spec, rows.spec);
    if (options.weights !== false) {
      writeTensor(gpu, inputs.weight, rows.weight);
      writeTensor(gpu, inputs.entropyWeight, rows.entropyWeight);
    }
    const { order, starts } = sortIds(rows.ids, V);
    writeTensor(gpu, inputs.order.order, order);
    writeTensor(gpu, inputs.order.starts, starts);
  }

  /** logprob (R) of each row's target and entropy (R) of its softmax, after a run. */
  async readRows(): Promise<{ logprob: Float32Array; entropy: Float32Array }> {
    const [logprob, entropy] = await readTensors(this.model.gpu, [this.inputs.logprob, this.inputs.entropy]);
    return { logprob: logprob as Float32Array, entropy: entropy as Float32Array };
  }

  destroy(): void {
    this.plan.destroy();
  }
}

/** Counting sort: rows in the order of their ids. */
export function sortIds(ids: Uint32Array, V: number): { order: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(V + 1);
  for (const id of ids) starts[id + 1] = (starts[id + 1] as number) + 1;
  for (let v = 0; v < V; v++) starts[v + 1] = (starts[v + 1] as number) + (starts[v] as number);
  const next = starts.slice();
  const order = new Uint32Array(ids.length);
  ids.forEach((id, r) => {
    order[next[id] as number] = r;
    next[id] = (next[id] as number) + 1;
  });
  return { order, starts };
}

export async function makeScorePlan(model: LlamaModel, shape: BatchShape): Promise<BatchPlan> {
  const graph = new Graph(model.gpu, 'score');
  const inputs = makeInputs(graph, model, shape.B, shape.T, shape.pinned, shape.bias ?? 0);
  const hidden = model.forward(graph, { ...inputs, order: null }, shape.B, shape.T, shape.W);
  linearCrossEntropy(graph, hidden, model.head, inputs, false);
  return new BatchPlan(model, shape, await graph.compile(), inputs);
}

export interface StepReport {
  step: number;
  /** -sum weight logprob, nats. */
  loss: number;
  gradNorm: number;
}

export interface AdamWSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Global norm that gradients are clipped to, 0 = off. */
  clip: number;
}
export const ADAMW_DEFAULTS: AdamWSettings = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, clip: 1 };

const RING = 64;

/** AdamW state of one model: gradients, moments, step count. Several training plans may share it. */
export class Optimizer {
  readonly model: LlamaModel;
  readonly gradients: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
  readonly hyper: Tensor;
  readonly norm: Tensor;
  readonly ring: Tensor;
  private steps = 0;
  private reported = 0;

  constructor(model: LlamaModel) {
    const { gpu } = model;
    const N = model.arena.shape;
    this.model = model;
    this.gradients = createState(gpu, 'gradients', N);
    this.m = createState(gpu, 'moment 1', N);
    this.v = createState(gpu, 'moment 2', N);
    this.hyper = createState(gpu, 'hyper', [9]);
    this.norm = createState(gpu, 'norm', [2]);
    this.ring = createState(gpu, 'ring', [RING, 4]);
  }

  /** Forgets the moments and starts counting steps anew. */
  reset(): void {
    const encoder = this.model.gpu.device.createCommandEncoder();
    for (const t of [this.m, this.v]) encoder.clearBuffer(t.buffer as GPUBuffer);
    this.model.gpu.device.queue.submit([encoder.finish()]);
    this.steps = 0;
    this.reported = 0;
  }

  /** Runs one step of a training plan whose batch has been written. Does not wait. */
  step(plan: BatchPlan, settings: AdamWSettings): void {
    const t = this.steps + 1;
    const { lr, beta1, beta2, eps, weightDecay, clip } = settings;
    const values = [lr, beta1, beta2, eps, weightDecay, 1 - beta1 ** t, 1 - beta2 ** t, clip, this.steps % RING];
    writeTensor(this.model.gpu, this.hyper, Float32Array.from(values));
    plan.plan.run();
    this.steps = t;
  }

  /** Waits and returns the reports of the steps since the last call (call at least every 64 steps). */
  async reports(): Promise<StepReport[]> {
    if (this.steps - this.reported > RING)
      throw new ModelError(`${this.steps - this.reported} steps were not read; the ring holds ${RING}.`);
    const [ring] = await readTensors(this.model.gpu, [this.ring]);
    const out: StepReport[] = [];
    for (; this.reported < this.steps; this.reported++) {
      const at = (this.reported % RING) * 4;
      out.push({ step: this.reported + 1, loss: (ring as Float32Array)[at] as number, gradNorm: (ring as Float32Array)[at + 2] as number });
    }
    return out;
  }

  destroy(): void {
    for (const t of [this.gradients, this.m, this.v, this.hyper, this.norm, this.ring]) freeState(this.model.gpu, t);
  }
}

/** Forward, backward and update over a batch. With `lead`, its dispatches come first (the E-step's weights). */
export async function makeTrainPlan(
  model: LlamaModel,
  optimizer: Optimizer,
  shape: BatchShape,
  lead?: (graph: Graph, inputs: Inputs) => void,
): Promise<BatchPlan> {
  const graph = new Graph(model.gpu, 'train');
  const inputs = makeInputs(graph, model, shape.B, shape.T, shape.pinned, shape.bias ?? 0);
  lead?.(graph, inputs);
  model.bindGradients(graph, optimizer.gradients);
  const hidden = model.forward(graph, inputs, shape.B, shape.T, shape.W);
  linearCrossEntropy(graph, hidden, model.head, inputs, true);
  graph.backward();
  adamW(
    graph,
    {
      parameters: model.arena,
      gradients: optimizer.gradients,
      m: optimizer.m,
      v: optimizer.v,
      hyper: optimizer.hyper,
      norm: optimizer.norm,
      ring: optimizer.ring,
    },
    inputs,
  );
  return new BatchPlan(model, shape, await graph.compile(), inputs);
}

export type { Inputs as BatchInputs };
