// RLVR of one arm: steps on freshly drawn programs, the same ones for every arm. Promises: sampler and trainer are compared at every step.
// Refuses to go on where they disagree (promise P6).
import { objectiveOf } from '../rlvr/objective.ts';
import { LatentSource, type Verify } from '../rlvr/source.ts';
import { LOGP_DIFF_STOP, LOGP_DIFF_WARN, RlvrTrainer } from '../rlvr/trainer.ts';
import type { StageRef } from './events.ts';
import type { Arm } from './recipe.ts';
import { streamOf } from './recovery.ts';
import type { RunCore } from './runCore.ts';
import { showGroup } from './show.ts';

export async function practise(run: RunCore, arm: Arm): Promise<void> {
  const { recipe, corpus } = run.i;
  const { steps, prompts, group, range, updates, minibatches, lr, clipNorm, overlongWindow } = recipe.rlvr;
  const { maxTokens: T, maxScript: S } = corpus.sizes[range];
  const model = run.arms.get(arm);
  const { verify } = corpus;
  if (!model || !verify) return;
  run.copy(run.policy, model);
  run.optimizer.reset();
  const { window: W } = corpus;
  const latent = run.latent();
  const judge: Verify = (rollouts) => rollouts.map((r) => verify(r.program, r.written));
  const source = await LatentSource.make(run.policy, { rows: prompts * group, T, S, W }, latent);
  const trainer = await RlvrTrainer.make(
    { policy: run.policy, reference: model },
    run.optimizer,
    source,
    { prompts, group, T, W, bias: latent.bias },
    { objective: objectiveOf(recipe.rlvr), updates, minibatches, lr, clipNorm, overlongWindow },
  );
  try {
    const ref: StageRef = { stage: 'rlvr', arm };
    const rng = run.rng('rlvr'); // the same prompts for every arm
    const every = Math.max(1, Math.round(steps / 4));
    const train = async (report: (done: number) => Promise<void>, first: number): Promise<void> => {
      for (let step = first; step < steps; step++) {
        const t0 = performance.now();
        const { metrics, rollouts, tokens } = await trainer.step({
          draw: (count) => corpus.train(rng, count, range),
          verify: judge,
          seed: recipe.seed,
          stream: (round) => run.stream('rlvr', round, arm, step),
        });
        run.tokens += tokens;
        run.metrics(ref, step + 1, { ...metrics, tok_per_s: tokens / ((performance.now() - t0) / 1000) });
        compareLogprobs(run, arm, step + 1, metrics['sampler/logp_diff_max'] ?? 0);
        if ((step % every === 0 || step + 1 === steps) && run.recovery.isNew(ref, 'rollouts', step + 1))
          run.i.emit({
            type: 'rollouts',
            step: step + 1,
            groups: [0, 1].filter((g) => g < prompts).map((g) => showGroup(corpus, rollouts.slice(g * group, (g + 1) * group))),
            ...ref,
          });
        await report(step + 1);
      }
    };
    await run.inStage(ref, train, streamOf(rng));
    await run.keep(arm, run.policy);
  } finally {
    trainer.destroy();
  }
}

function compareLogprobs(run: RunCore, arm: Arm, step: number, diff: number): void {
  if (diff > LOGP_DIFF_STOP)
    throw new Error(
      `RLVR of ${arm}, step ${step}: sampler and trainer differ by ${diff} nats in a token's log-probability (limit ${LOGP_DIFF_STOP}). The run was stopped; please report the adapter.`,
    );
  if (diff > LOGP_DIFF_WARN)
    run.i.emit({
      type: 'notice',
      level: 'warning',
      message: `RLVR of ${arm}, step ${step}: sampler and trainer differ by ${diff} nats in a token's log-probability.`,
    });
}
