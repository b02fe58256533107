// Batches of sequences as the loss kernels read them, and the two plans over them: scoring (log-probabilities only) and training (forward and
// backward). Rows: R = B T, sequences padded on the right or packed; row i predicts token i + 1 of its sequence.
// Refuses: sequences longer than the plan's T, ids beyond the vocabulary, more positions than the model has.
import { type Graph, type Plan, readTensors, tracePlan, writeTensor } from '../engine/graph.ts';
import { type IdOrder, type LossRows, linearCrossEntropy } from '../engine/ops.ts';
import { emitLoss } from '../engine/optimOps.ts';
import { ModelError } from './modelError.ts';
import type { Optimizer } from './optimizer.ts';
import type { SequenceInputs, Transformer } from './transformer.ts';

export const MODE = { full: 0, restricted: 1, binaryNo: 2, binaryYes: 3 } as const;
export const INACTIVE = 0xffffffff;

/** Host side of a batch. All arrays are R long (spec 4 R): see shaders/loss/cross_entropy.wgsl. */
export class BatchRows {
  readonly B: number;
  readonly T: number;
  readonly ids: Uint32Array;
  readonly positions: Uint32Array;
  /** start, end, pinLo, pinHi per row, as positions in its slot: the row's document and its pinned range. */
  readonly spans: Uint32Array;
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
    this.spans = new Uint32Array(4 * R);
    this.spec = new Uint32Array(4 * R);
    this.weight = new Float32Array(R);
    this.entropyWeight = new Float32Array(R);
    this.clear();
  }

  clear(): void {
    this.ids.fill(0);
    this.weight.fill(0);
    this.entropyWeight.fill(0);
    for (let r = 0; r < this.B * this.T; r++) {
      this.positions[r] = r % this.T;
      this.spans.set([0, this.T, 0, 0], 4 * r);
      this.spec.set([INACTIVE, 0, 0, 0], 4 * r);
    }
  }

  /** Puts a sequence into slot b. pinLo and pinHi are positions within the sequence. */
  setSequence(b: number, ids: ArrayLike<number>, pinLo?: ArrayLike<number>, pinHi?: ArrayLike<number>): void {
    if (ids.length > this.T) throw new ModelError(`A sequence has ${ids.length} tokens; this plan takes ${this.T}.`);
    this.ids.set(ids, b * this.T);
    for (let i = 0; pinLo && pinHi && i < ids.length; i++) {
      this.spans[4 * (b * this.T + i) + 2] = pinLo[i] as number;
      this.spans[4 * (b * this.T + i) + 3] = pinHi[i] as number;
    }
  }

  /**
   * Packs documents into slot b, one after the other: each sees itself alone and counts its positions from 0. The plan must be made with
   * `packed`. Returns where each begins in the slot.
   */
  setDocuments(b: number, documents: readonly ArrayLike<number>[]): number[] {
    const total = documents.reduce((n, d) => n + d.length, 0);
    if (total > this.T) throw new ModelError(`Documents of ${total} tokens in all were packed into one row; this plan takes ${this.T}.`);
    const begins: number[] = [];
    let at = 0;
    for (const document of documents) {
      begins.push(at);
      for (let i = 0; i < document.length; i++) {
        const r = b * this.T + at + i;
        this.ids[r] = document[i] as number;
        this.positions[r] = i;
        this.spans.set([at, at + document.length, 0, 0], 4 * r);
      }
      at += document.length;
    }
    // what is left is a document of its own, that nothing is predicted from
    for (let i = at; i < this.T; i++) {
      this.positions[b * this.T + i] = i - at;
      this.spans.set([at, this.T, 0, 0], 4 * (b * this.T + i));
    }
    return begins;
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
  order: IdOrder;
  positionOrder: IdOrder | null;
}

function makeInputs(graph: Graph, model: Transformer, shape: BatchShape): Inputs {
  const { B, T, pinned, packed = false, bias = 0 } = shape;
  if (T > model.maxPositions)
    throw new ModelError(`A batch of ${T} tokens per row: this model has ${model.maxPositions} positions. Lower it.`);
  const R = B * T;
  const u32 = (label: string, shape: number[]) => graph.input(label, shape, 'u32');
  const order = (label: string): IdOrder => ({ order: u32(`${label} order`, [R]), segments: u32(`${label} segments`, [R + 1, 2]) });
  return {
    ids: u32('ids', [R]),
    positions: u32('positions', [R]),
    spans: u32('spans', [R, 4]),
    order: order('id'),
    positionOrder: model.architecture.learnedPositions ? order('position') : null,
    spec: u32('spec', [R, 4]),
    weight: graph.input('weight', [R]),
    entropyWeight: graph.input('entropyWeight', [R]),
    logprob: graph.input('logprob', [R]),
    entropy: graph.input('entropy', [R]),
    pinned,
    packed,
    bias,
  };
}

export interface BatchShape {
  B: number;
  T: number;
  /** Attention window in tokens, 0 = as the model has it. */
  W: number;
  pinned: boolean;
  /** Rows may hold several documents. */
  packed?: boolean;
  /** Added to the logit of binary decisions (the think-rate floor of text latents). */
  bias?: number;
}

/** A compiled pass over a batch. `inputs.logprob` and `inputs.entropy` hold the rows' results after run(). */
export class BatchPlan {
  readonly model: Transformer;
  readonly shape: BatchShape;
  readonly plan: Plan;
  readonly inputs: Inputs;

  constructor(model: Transformer, shape: BatchShape, plan: Plan, inputs: Inputs) {
    this.model = model;
    this.shape = shape;
    this.plan = plan;
    this.inputs = inputs;
  }

  /** Uploads a batch. `weights: false` leaves weight and entropyWeight as a kernel wrote them. */
  write(rows: BatchRows, options: { weights?: boolean } = {}): void {
    const { gpu } = this.model;
    const { inputs } = this;
    const V = this.model.architecture.vocabulary;
    for (const id of rows.ids) if (id >= V) throw new ModelError(`Token id ${id} is beyond the vocabulary of ${V}.`);
    writeTensor(gpu, inputs.ids, rows.ids);
    writeTensor(gpu, inputs.positions, rows.positions);
    writeTensor(gpu, inputs.spans, rows.spans);
    writeTensor(gpu, inputs.spec, rows.spec);
    if (options.weights !== false) {
      writeTensor(gpu, inputs.weight, rows.weight);
      writeTensor(gpu, inputs.entropyWeight, rows.entropyWeight);
    }
    const sorted: [IdOrder | null, Uint32Array][] = [
      [inputs.order, rows.ids],
      [inputs.positionOrder, rows.positions],
    ];
    for (const [to, ids] of sorted) {
      if (!to) continue;
      const { order, segments } = sortIds(ids);
      writeTensor(gpu, to.order, order);
      writeTensor(gpu, to.segments, segments);
    }
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

/** Rows in the order of their ids (rows of one id in their own order), and where each distinct id begins; see IdOrder. */
export function sortIds(ids: Uint32Array): { order: Uint32Array; segments: Uint32Array } {
  const R = ids.length;
  const order = Uint32Array.from({ length: R }, (_, r) => r).sort((a, b) => (ids[a] as number) - (ids[b] as number) || a - b);
  const segments = new Uint32Array(2 * (R + 1));
  let u = 0;
  order.forEach((r, k) => {
    if (k > 0 && ids[r] === ids[order[k - 1] as number]) return;
    segments[2 * u] = ids[r] as number;
    segments[2 * u + 1] = k;
    u += 1;
  });
  for (; u <= R; u++) segments.set([0xffffffff, R], 2 * u);
  return { order, segments };
}

export async function makeScorePlan(model: Transformer, shape: BatchShape): Promise<BatchPlan> {
  const { plan, value } = await tracePlan(model.gpu, 'score', (graph) => {
    const inputs = makeInputs(graph, model, shape);
    const hidden = model.forward(graph, { ...inputs, order: null, positionOrder: null }, shape.B, shape.T, shape.W);
    linearCrossEntropy(graph, hidden, model.head, inputs, false);
    return inputs;
  });
  return new BatchPlan(model, shape, plan, value);
}

export interface TrainOptions {
  /** Add to the gradients that are there: one of several micro-batches of a step. */
  accumulate?: boolean;
  /** Recompute each block's activations in the backward pass instead of keeping them. */
  checkpoint?: boolean;
  /** Its dispatches come first (the E-step's weights). */
  lead?: (graph: Graph, inputs: Inputs) => void;
  /** Its dispatches come between the rows' log-probabilities and their gradients: weights that depend on them. */
  weigh?: (graph: Graph, inputs: Inputs) => void;
}

/** Forward and backward over a batch into the optimiser's gradients; Optimizer.step() or accumulate() and update() run it. */
export async function makeTrainPlan(
  model: Transformer,
  optimizer: Optimizer,
  shape: BatchShape,
  options: TrainOptions = {},
): Promise<BatchPlan> {
  const { plan, value } = await tracePlan(model.gpu, 'train', (graph) => {
    const inputs = makeInputs(graph, model, shape);
    options.lead?.(graph, inputs);
    model.bindGradients(graph, optimizer.gradients, options.accumulate ?? false);
    const hidden = model.forward(graph, inputs, shape.B, shape.T, shape.W, { train: true, checkpoint: options.checkpoint ?? false });
    const { weigh } = options;
    linearCrossEntropy(graph, hidden, model.head, inputs, true, weigh && (() => weigh(graph, inputs)));
    graph.backward();
    emitLoss(graph, inputs, optimizer.loss);
    return inputs;
  });
  return new BatchPlan(model, shape, plan, value);
}

export type { Inputs as BatchInputs };
