// Next-token training of a dropped model on token sequences, in full or by low-rank adapters: batches padded or packed, gradients summed over
// micro-batches, learning rate by a schedule; and what it will take, before it starts.
// Promises: the same sequences, settings and adapter give the same bits. Refuses settings that contradict each other, and losses that are no numbers.
import type { Architecture } from '../formats/architecture.ts';
import { countingGpu } from '../gpu/counting.ts';
import type { GpuContext } from '../gpu/context.ts';
import type { LoraSettings } from '../model/adapters.ts';
import { type BatchPlan, BatchRows, makeTrainPlan } from '../model/batch.ts';
import { ModelError } from '../model/modelError.ts';
import { type AdamWSettings, Optimizer, type StepReport } from '../model/optimizer.ts';
import { learningRate, type Schedule } from '../model/schedule.ts';
import { Transformer } from '../model/transformer.ts';

export interface FineTuneSettings {
  steps: number;
  /** Rows of T tokens per step, in micro-batches of `microBatch`. */
  batch: number;
  microBatch: number;
  T: number;
  /** Several documents per row. */
  pack: boolean;
  adamw: AdamWSettings;
  /** Its peak is adamw.lr. */
  schedule: Omit<Schedule, 'peak'>;
  lora: LoraSettings | null;
  storage: 'f32' | 'f16' | 'mixed';
  checkpoint: boolean;
  moments: 'f32' | '8bit';
  /** Decay of the moving average of the weights, 0 = none. */
  ema: number;
  seed: number;
}

export interface FineTuneReport extends StepReport {
  lr: number;
  /** Predicted tokens of the step. */
  tokens: number;
  timeMs: number;
}

export class FineTune {
  readonly model: Transformer;
  readonly optimizer: Optimizer;
  readonly plan: BatchPlan;
  private readonly settings: FineTuneSettings;
  private readonly rows: BatchRows;
  /** Drawn, and not yet in a row. */
  private waiting: readonly number[] | null = null;

  private constructor(model: Transformer, optimizer: Optimizer, plan: BatchPlan, settings: FineTuneSettings) {
    this.model = model;
    this.optimizer = optimizer;
    this.plan = plan;
    this.settings = settings;
    this.rows = new BatchRows(settings.microBatch, settings.T);
  }

  /** Allocates everything that training needs beside the model. */
  static async make(model: Transformer, settings: FineTuneSettings): Promise<FineTune> {
    const { batch, microBatch, T, pack, checkpoint, moments, ema, seed } = settings;
    if (batch % microBatch !== 0)
      throw new ModelError(`A batch of ${batch} rows is no multiple of the micro-batch of ${microBatch}. Choose one that is.`);
    const optimizer = await Optimizer.make(model, { moments, ema, seed });
    try {
      const shape = { B: microBatch, T, W: 0, pinned: false, packed: pack };
      const plan = await makeTrainPlan(model, optimizer, shape, { checkpoint, accumulate: batch > microBatch });
      return new FineTune(model, optimizer, plan, settings);
    } catch (e) {
      optimizer.destroy();
      throw e;
    }
  }

  /** One step on the next sequences. */
  async step(next: () => readonly number[]): Promise<FineTuneReport> {
    const { batch, microBatch, adamw, schedule, steps } = this.settings;
    const t0 = performance.now();
    const drawn = this.draw(next, batch);
    const tokens = drawn.flat().reduce((n, ids) => n + Math.max(0, ids.length - 1), 0);
    if (tokens === 0) throw new ModelError('A batch holds no sequence of two tokens or more, so there is nothing to predict.');
    const lr = learningRate({ ...schedule, peak: adamw.lr }, this.optimizer.count, steps);
    this.optimizer.begin(batch > microBatch);
    for (let first = 0; first < batch; first += microBatch) {
      this.fill(drawn.slice(first, first + microBatch), tokens);
      this.optimizer.add(this.plan);
    }
    this.optimizer.update({ ...adamw, lr });
    const [report] = await this.optimizer.reports();
    const { step, loss, gradNorm } = report as StepReport;
    return { step, loss, gradNorm, lr, tokens, timeMs: performance.now() - t0 };
  }

  /** The documents of every row of a step. */
  private draw(next: () => readonly number[], batch: number): (readonly number[])[][] {
    const { T, pack } = this.settings;
    const rows: (readonly number[])[][] = Array.from({ length: batch }, () => []);
    for (const row of rows) {
      let room = T;
      do {
        this.waiting ??= next();
        const ids: readonly number[] = this.waiting;
        if (ids.length > T) throw new ModelError(`A sequence has ${ids.length} tokens; rows hold ${T}. Cut it or raise the length.`);
        if (ids.length > room) break;
        row.push(ids);
        room -= ids.length;
        this.waiting = null;
      } while (pack && room > 1);
    }
    return rows;
  }

  private fill(drawn: (readonly number[])[][], tokens: number): void {
    const { rows } = this;
    rows.clear();
    drawn.forEach((documents, b) => {
      const begins = this.settings.pack ? rows.setDocuments(b, documents) : [0];
      documents.forEach((ids, d) => {
        const begin = begins[d] as number;
        if (!this.settings.pack) rows.setSequence(b, ids);
        for (let i = 0; i + 1 < ids.length; i++) rows.setRow(b, begin + i, ids[i + 1] as number, 1 / tokens);
      });
    });
    this.plan.write(rows);
  }

  /** Time of the steps to come, measured on the plans themselves. Call before the first step: it leaves no trace in weights or moments. */
  async measure(): Promise<number> {
    const { batch, microBatch, adamw, steps } = this.settings;
    this.rows.clear();
    this.plan.write(this.rows);
    const timed = async (run: () => void): Promise<number> => {
      const times: number[] = [];
      // the first run of a kernel may wait for its compilation
      for (let n = 0; n < 3; n++) {
        await this.model.gpu.idle();
        const t0 = performance.now();
        run();
        await this.model.gpu.idle();
        times.push(performance.now() - t0);
      }
      return Math.min(...times.slice(1));
    };
    this.optimizer.begin(false);
    const gradientMs = await timed(() => this.optimizer.add(this.plan));
    const updateMs = await timed(() => this.optimizer.update({ ...adamw, lr: 0, weightDecay: 0 }));
    this.optimizer.reset();
    return steps * (gradientMs * (batch / microBatch) + updateMs);
  }

  destroy(): void {
    this.plan.destroy();
    this.optimizer.destroy();
  }
}

/** The GPU memory that training takes, by running its allocations on a GPU that only counts. */
export async function estimateMemory(gpu: GpuContext, architecture: Architecture, settings: FineTuneSettings): Promise<number> {
  const counting = countingGpu(gpu);
  const model = await Transformer.make(counting, architecture, { storage: settings.storage, lora: settings.lora });
  const tune = await FineTune.make(model, settings);
  tune.destroy();
  model.destroy();
  return counting.peakBytes();
}
