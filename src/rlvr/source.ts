// Where RLVR's rollouts come from, and what judges them: two small interfaces, so that the trainer knows neither scripted lines nor free text, neither
// rules nor sandboxes. LatentSource is the built-in tasks': the latent policy walks each program's script.
// Promises: a rollout's tokens end with its end of sequence (or where it was cut off); the mask is every token that the policy wrote, that end included.
// Refuses nothing: the rollout refuses scripts that do not fit.
import { type LatentTrace, readTrace, scriptOf } from '../midtrain/rollouts.ts';
import { type LatentPolicy, LatentRollout } from '../model/latentRollout.ts';
import type { Transformer } from '../model/transformer.ts';
import { type Targets, targetsOf } from '../tasks/targets.ts';
import type { Program, Verdict } from '../tasks/task.ts';

export interface PolicyRollout extends LatentTrace {
  /** Cut off at the source's limit before it had ended. */
  truncated: boolean;
  /** Of free text (freeSource.ts): what was written, up to the stop string that ended it. */
  completion?: string;
}

export interface RolloutSource {
  /** Tokens that a rollout may write before it is cut off; null where every rollout ends by itself. */
  readonly limit: number | null;
  /** One rollout of each program, in order. (seed, stream) names the random numbers: the same pair gives the same rollouts. */
  sample(programs: readonly Program[], seed: number, stream: number): Promise<PolicyRollout[]>;
  /** Which tokens of a rollout the policy wrote (weight 1), and the softmax that each was drawn from. */
  targets(rollout: PolicyRollout): Targets;
  destroy(): void;
}

/** One verdict for each rollout, in order. */
export type Verify = (rollouts: readonly PolicyRollout[]) => readonly Verdict[] | Promise<readonly Verdict[]>;

/** Rollouts of the latent policy over the programs' scripts, at most `rows` at once. */
export class LatentSource implements RolloutSource {
  readonly limit = null;
  private readonly rollout: LatentRollout;
  private readonly latent: LatentPolicy;

  private constructor(rollout: LatentRollout, latent: LatentPolicy) {
    this.rollout = rollout;
    this.latent = latent;
  }

  static async make(
    model: Transformer,
    shape: { rows: number; T: number; S: number; W: number },
    latent: LatentPolicy,
  ): Promise<LatentSource> {
    return new LatentSource(await LatentRollout.make(model, shape.rows, shape.T, shape.S, shape.W, latent), latent);
  }

  async sample(programs: readonly Program[], seed: number, stream: number): Promise<PolicyRollout[]> {
    const record = await this.rollout.run(
      programs.map((p) => scriptOf(p, false)),
      seed,
      stream,
    );
    return programs.map((p, row) => ({ ...readTrace(record, row, this.rollout.T, p, this.latent.form), truncated: false }));
  }

  targets({ sequence }: PolicyRollout): Targets {
    const { form, symbolLo, symbolHi } = this.latent;
    return targetsOf(sequence, 'policy-rlvr', { latent: form, symbolLo, symbolHi });
  }

  destroy(): void {
    this.rollout.destroy();
  }
}
