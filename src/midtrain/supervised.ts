// Next-token prediction on sequences: the NTP baseline, the M-step on infused programs, and base training. The loss is the mean over the
// predicted tokens of the batch. Promises: the same sequences in the same order give the same updates.
import { type BatchPlan, BatchRows, makeTrainPlan } from '../model/batch.ts';
import { ADAMW_DEFAULTS, type AdamWSettings, type Optimizer, type StepReport } from '../model/optimizer.ts';
import type { Transformer } from '../model/transformer.ts';
import type { Sequence } from '../tasks/sequence.ts';
import { MODE, type Targets, targetsOf } from '../tasks/targets.ts';
import type { LatentForm } from '../tasks/task.ts';

/** Puts one sequence and what its rows are trained on into slot b; weights as the targets say, times `scale` where given per row. */
export function setTargets(rows: BatchRows, b: number, sequence: Sequence, targets: Targets, weight: (row: number) => number): void {
  rows.setSequence(b, sequence.ids, sequence.pinLo, sequence.pinHi);
  for (let i = 0; i + 1 < sequence.ids.length; i++) {
    if (!targets.weight[i]) continue;
    const mode = targets.mode[i] === MODE.binary ? 2 + (targets.taken[i] as number) : (targets.mode[i] as number);
    rows.setRow(b, i, targets.target[i] as number, weight(i), mode, targets.lo[i], targets.hi[i]);
  }
}

/** The pilots' schedule: linear warm-up over 100 steps (or a tenth of the steps, if fewer), then linear decay to a tenth. */
export function warmUpAndDecay(lr: number, step: number, steps: number): number {
  const warmUp = Math.min(100, Math.max(1, Math.ceil(steps / 10)));
  return lr * Math.min(1, (step + 1) / warmUp) * (1 - (0.9 * step) / Math.max(1, steps));
}

export class SupervisedTrainer {
  private readonly plan: BatchPlan;
  private readonly optimizer: Optimizer;
  private readonly form: LatentForm;
  private readonly rows: BatchRows;

  private constructor(plan: BatchPlan, optimizer: Optimizer, form: LatentForm) {
    this.plan = plan;
    this.optimizer = optimizer;
    this.form = form;
    this.rows = new BatchRows(plan.shape.B, plan.shape.T);
  }

  static async make(
    model: Transformer,
    optimizer: Optimizer,
    shape: { B: number; T: number; W: number },
    form: LatentForm,
  ): Promise<SupervisedTrainer> {
    return new SupervisedTrainer(await makeTrainPlan(model, optimizer, { ...shape, pinned: shape.W > 0 }), optimizer, form);
  }

  get batch(): number {
    return this.plan.shape.B;
  }

  /** One update; does not wait. Returns the number of predicted tokens. */
  step(sequences: readonly Sequence[], settings: Partial<AdamWSettings>): number {
    this.rows.clear();
    sequences.forEach((s, b) => setTargets(this.rows, b, s, targetsOf(s, 'ntp', { latent: this.form }), () => 1));
    const tokens = this.rows.normaliseWeights();
    this.plan.write(this.rows);
    this.optimizer.step(this.plan, { ...ADAMW_DEFAULTS, ...settings });
    return tokens;
  }

  reports(): Promise<StepReport[]> {
    return this.optimizer.reports();
  }

  destroy(): void {
    this.plan.destroy();
  }
}
