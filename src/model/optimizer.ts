// AdamW over what a model trains (all parameters, or its adapters): gradients, moments (f32 or block-wise 8-bit), global norm and clipping, weight
// decay on matrices alone, an optional moving average of the weights, one step out of one or several batches. Nothing is waited for but reports().
// Refuses: more than 64 steps between two readings of the reports.
import { type Plan, type Tensor, createState, freeState, readFloats, readTensors, tracePlan, writeTensor } from '../engine/graph.ts';
import { type Moments, createMoments, emitUpdate, HYPER_LENGTH, hyperValues, momentTensors } from '../engine/optimOps.ts';
import type { BatchPlan } from './batch.ts';
import { ModelError } from './modelError.ts';
import { ParameterArena } from './parameters.ts';
import type { Transformer } from './transformer.ts';

export interface StepReport {
  step: number;
  /** -sum weight logprob over the step's batches, nats. */
  loss: number;
  gradNorm: number;
}

export interface AdamWSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** On matrices; norms and biases are not decayed. */
  weightDecay: number;
  /** Global norm that gradients are clipped to, 0 = off. */
  clip: number;
}
export const ADAMW_DEFAULTS: AdamWSettings = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, clip: 1 };

export interface OptimizerSnapshot {
  words: Float32Array[];
  steps: number;
  reported: number;
}

export interface OptimizerOptions {
  moments?: 'f32' | '8bit';
  /** Decay of a moving average of the weights, 0 = none. */
  ema?: number;
  /** Seed of dropout masks. */
  seed?: number;
}

const RING = 64;

/** State of one model's training. Several training plans may share it. */
export class Optimizer {
  readonly model: Transformer;
  readonly gradients: ParameterArena;
  readonly moments: Moments;
  /** The moving average of the weights. */
  readonly average: ParameterArena | null;
  /** (2): sum of weight logprob and of weights over the batches of the step so far. */
  readonly loss: Tensor;
  readonly hyper: Tensor;
  readonly norm: Tensor;
  readonly ring: Tensor;
  private readonly ema: number;
  private readonly seed: number;
  private plan: Plan | null = null;
  private steps = 0;
  private reported = 0;

  private constructor(model: Transformer, { moments = 'f32', ema = 0, seed = 0 }: OptimizerOptions) {
    const { gpu, trainable } = model;
    this.model = model;
    this.ema = ema;
    this.seed = seed;
    const made: { destroy(): void }[] = [];
    const state = (label: string, shape: number[]): Tensor => {
      const t = createState(gpu, label, shape);
      made.push({ destroy: () => freeState(gpu, t) });
      return t;
    };
    try {
      this.gradients = new ParameterArena(gpu, 'gradients', trainable.layout);
      made.push(this.gradients);
      this.moments = createMoments(gpu, trainable.held(), moments);
      for (const t of momentTensors(this.moments)) made.push({ destroy: () => freeState(gpu, t) });
      this.average = ema > 0 ? new ParameterArena(gpu, 'average', trainable.layout) : null;
      if (this.average) made.push(this.average);
      this.loss = state('loss', [2]);
      this.hyper = state('hyper', [HYPER_LENGTH]);
      this.norm = state('norm', [2]);
      this.ring = state('ring', [RING, 4]);
    } catch (e) {
      for (const thing of made) thing.destroy();
      throw e;
    }
    this.average?.copyFrom(trainable);
  }

  static async make(model: Transformer, options: OptimizerOptions = {}): Promise<Optimizer> {
    let optimizer: Optimizer | null = null;
    try {
      await model.gpu.guarded('the optimiser', () => {
        optimizer = new Optimizer(model, options);
      });
      const made = optimizer as unknown as Optimizer;
      const { trainable, half } = model;
      const { plan } = await tracePlan(model.gpu, 'update', (graph) =>
        emitUpdate(graph, {
          parameters: { tensors: trainable.held(), decay: trainable.layout.segments.map((segment) => segment.decay) },
          gradients: made.gradients.held(),
          moments: made.moments,
          ...(half && !model.adapters ? { halves: half.segments } : {}),
          ...(made.average ? { ema: made.average.held() } : {}),
          hyper: made.hyper,
          norm: made.norm,
          ring: made.ring,
          loss: made.loss,
        }),
      );
      made.plan = plan;
      return made;
    } catch (e) {
      (optimizer as Optimizer | null)?.destroy();
      throw e;
    }
  }

  /** What update() runs: global norm, clipping, moments, weights, report. */
  get updatePlan(): Plan {
    return this.plan as Plan;
  }

  /** Steps taken since the last reset. */
  get count(): number {
    return this.steps;
  }

  /** Forgets the moments and starts counting steps anew. */
  reset(): void {
    const encoder = this.model.gpu.device.createCommandEncoder();
    for (const t of momentTensors(this.moments)) encoder.clearBuffer(t.buffer as GPUBuffer);
    this.model.gpu.device.queue.submit([encoder.finish()]);
    this.average?.copyFrom(this.model.trainable);
    this.steps = 0;
    this.reported = 0;
  }

  /** One step on the batch that was written to the plan. Does not wait. */
  step(plan: BatchPlan, settings: AdamWSettings): void {
    this.begin(false);
    this.add(plan);
    this.update(settings);
  }

  /** Before the batches of a step; plans made with `accumulate` add to gradients that are cleared here. */
  begin(accumulate: boolean): void {
    if (accumulate) this.gradients.clear();
    if (this.model.adapters) writeTensor(this.model.gpu, this.model.adapters.dropoutSeed, Uint32Array.of(this.seed, this.steps));
  }
  /** Forward and backward over the batch that was written to the plan. */
  add(plan: BatchPlan): void {
    plan.plan.run();
  }
  /** Clips, updates and reports. */
  update(settings: AdamWSettings): void {
    writeTensor(this.model.gpu, this.hyper, hyperValues({ ...settings, emaDecay: this.ema }, this.steps + 1, this.steps % RING));
    this.plan?.run();
    this.steps += 1;
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

  /** Everything that the next step depends on. */
  async snapshot(): Promise<OptimizerSnapshot> {
    const words: Float32Array[] = [];
    for (const t of this.lasting()) words.push(await readFloats(this.model.gpu, t));
    return { words, steps: this.steps, reported: this.reported };
  }
  restore({ words, steps, reported }: OptimizerSnapshot): void {
    this.lasting().forEach((t, i) => {
      writeTensor(this.model.gpu, t, words[i] as Float32Array);
    });
    this.steps = steps;
    this.reported = reported;
  }
  private lasting(): Tensor[] {
    return [...momentTensors(this.moments), ...(this.average?.held() ?? []), this.ring];
  }

  destroy(): void {
    this.plan?.destroy();
    this.gradients.destroy();
    this.average?.destroy();
    for (const t of [...momentTensors(this.moments), this.loss, this.hyper, this.norm, this.ring]) freeState(this.model.gpu, t);
  }
}
