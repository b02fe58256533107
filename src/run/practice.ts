// RLVR of one arm: steps on freshly drawn programs, the same ones for every arm. Promises: sampler and trainer are compared at every step.
// Refuses to go on where they disagree, or where the policy has run away from its reference (promise P6). An arm whose RLVR was cut short by the loss of its verifier stays as it was before.
import type { Judged } from '../evaluate/evaluator.ts';
import { FreeSource } from '../rlvr/freeSource.ts';
import { objectiveOf } from '../rlvr/objective.ts';
import { LatentSource, type PolicyRollout, type Verify } from '../rlvr/source.ts';
import { LOGP_DIFF_STOP, LOGP_DIFF_WARN, RlvrTrainer } from '../rlvr/trainer.ts';
import type { Verdict } from '../tasks/task.ts';
import type { ShownGroup, StageRef } from './events.ts';
import type { Arm } from './recipe.ts';
import { streamOf } from './recovery.ts';
import type { RunCore } from './runCore.ts';
import { showGroup } from './show.ts';
import { verdictMetrics, VerifierGone } from './verified.ts';

const SHOWN_GROUPS = 2;
/** Nats per token to the reference: what is left of the model is not what was to be improved. */
const KL_STOP = 50;

export async function practise(run: RunCore, arm: Arm): Promise<void> {
  const { recipe, corpus } = run.i;
  const { steps, prompts, group, range, updates, minibatches, lr, clipNorm, overlongWindow } = recipe.rlvr;
  const { verify, free } = corpus;
  const { maxScript: S } = corpus.sizes[range];
  const T = free?.T ?? corpus.sizes[range].maxTokens;
  const model = run.arms.get(arm);
  if (!model || !verify) return;
  run.copy(run.policy, model);
  run.optimizer.reset();
  const { window: W } = corpus;
  const latent = run.latent();
  const source = free
    ? await FreeSource.make(run.policy, prompts * group, free)
    : await LatentSource.make(run.policy, { rows: prompts * group, T, S, W }, latent);
  const trainer = await RlvrTrainer.make(
    { policy: run.policy, reference: model },
    run.optimizer,
    source,
    { prompts, group, T, W, bias: latent.bias },
    { objective: objectiveOf(recipe.rlvr), updates, minibatches, lr, clipNorm, overlongWindow },
  );
  // of all that is sampled, whatever is trained on
  let judged: Judged<PolicyRollout>[] = [];
  const judge: Verify = async (rollouts) => {
    const verdicts = await verify(rollouts);
    judged.push(...rollouts.map((trace, i) => ({ trace, verdict: verdicts[i] as Verdict })));
    return verdicts;
  };
  try {
    const ref: StageRef = { stage: 'rlvr', arm };
    const rng = run.rng('rlvr'); // the same prompts for every arm
    const every = Math.max(1, Math.round(steps / 4));
    const train = async (report: (done: number) => Promise<void>, first: number): Promise<void> => {
      for (let step = first; step < steps; step++) {
        const t0 = performance.now();
        judged = [];
        const { metrics, rollouts, tokens } = await trainer.step({
          draw: (count) => corpus.practice(rng, count, range),
          verify: judge,
          seed: recipe.seed,
          stream: (round) => run.stream('rlvr', round, arm, step),
        });
        run.tokens += tokens;
        const own = free ? verdictMetrics(judged) : {};
        // tests are no lines
        if (free) delete metrics['reward/line'];
        run.metrics(ref, step + 1, { ...metrics, ...own, tok_per_s: tokens / ((performance.now() - t0) / 1000) });
        run.sayUnjudged();
        compareLogprobs(run, arm, step + 1, metrics['sampler/logp_diff_max'] ?? 0);
        boundKl(arm, step + 1, metrics['kl/ref_k3']);
        if ((step % every === 0 || step + 1 === steps) && !run.recovery.wasSaid(ref, 'rollouts', step + 1)) {
          const groups: ShownGroup[] = [];
          for (let g = 0; g < Math.min(SHOWN_GROUPS, prompts); g++) {
            const own = rollouts.slice(g * group, (g + 1) * group);
            groups.push(showGroup(corpus, own, await trainer.logprobsNow(own)));
          }
          if (run.recovery.isNew(ref, 'rollouts', step + 1)) run.i.emit({ type: 'rollouts', step: step + 1, groups, ...ref });
        }
        await report(step + 1);
      }
    };
    const untilVerifierGone = (...args: Parameters<typeof train>): Promise<void> =>
      train(...args).catch((e: unknown) => {
        if (!(e instanceof VerifierGone)) throw e;
        run.loseVerifier(e);
      });
    await run.inStage(ref, untilVerifierGone, streamOf(rng));
    if (run.verifierLost === null) await run.keep(arm, run.policy);
  } finally {
    trainer.destroy();
  }
}

function boundKl(arm: Arm, step: number, kl: number | null | undefined): void {
  if (kl === null || kl === undefined || kl <= KL_STOP) return;
  throw new Error(
    `RLVR of ${arm}, step ${step}: the policy is ${kl.toPrecision(3)} nats per token away from the model that it started from (limit ${KL_STOP}). The run was stopped; the arm is kept as it was before RLVR. Lower rlvr.lr or raise rlvr.klBeta.`,
  );
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
