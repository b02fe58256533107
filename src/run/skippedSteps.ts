// Steps whose gradient was not finite: the optimiser leaves weights and moments as they were (optim/global_norm), and the run goes on. Not for ever: where
// it happens in several steps in a row nothing is learnt any more. Going back to a checkpoint would not help, since the same bits come again.
// Refuses, with the cause, to go on then.
import type { StageRef } from './events.ts';

/** Updates in a row that may be skipped. */
export const MOST_SKIPPED = 2;

export class SkippedSteps {
  private stage = '';
  private inARow = 0;

  /** Looks at one step's gradient norm; null where none was read. Throws when it is one too many. */
  look({ stage, arm, iteration }: StageRef, step: number, gradNorm: number | null | undefined): void {
    const key = `${stage} ${arm} ${iteration ?? ''}`;
    if (key !== this.stage) this.inARow = 0;
    this.stage = key;
    if (gradNorm === null || gradNorm === undefined) return;
    this.inARow = Number.isFinite(gradNorm) ? 0 : this.inARow + 1;
    if (this.inARow > MOST_SKIPPED)
      throw new Error(
        `${stage} of ${arm}, step ${step}: the gradient was not finite in ${this.inARow} steps in a row, whose updates were skipped. The run was stopped; ` +
          'what was trained before is kept. Lower the learning rate, or look for values that are not finite in the model’s weights.',
      );
  }
}
