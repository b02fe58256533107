// Mid-training: a fresh base, the NTP baselines, the arms on labelled programs, and RA3 (E-step, infusion, M-step, for each EM iteration). One network is
// q and pi, unless the recipe keeps q separate: then each E-step goes on from q's last weights, and the M-step trains pi alone on what q infused.
// Promises: every supervised arm draws the same programs in the same order, so that what differs between them is the thoughts and the compute.
import { hasConverged, SPAN } from '../midtrain/earlyStop.ts';
import { alphaOfPenalty, elboSettings } from '../midtrain/elbo.ts';
import { EStep } from '../midtrain/eStep.ts';
import { distributionMetrics } from '../midtrain/metrics.ts';
import type { LatentTrace } from '../midtrain/rollouts.ts';
import { SupervisedTrainer, warmUpAndDecay } from '../midtrain/supervised.ts';
import { meanThinkRate, thinkBias } from '../midtrain/thinkFloor.ts';
import type { Transformer } from '../model/transformer.ts';
import { buildSequence, type Sequence } from '../tasks/sequence.ts';
import type { Program, Rng } from '../tasks/task.ts';
import { logLatents } from './corpus.ts';
import type { Evaluations } from './evaluations.ts';
import type { StageRef } from './events.ts';
import { measureGate } from './gate.ts';
import { type LabelledArm, labelsOf } from './labels.ts';
import type { Arm, Recipe } from './recipe.ts';
import { streamOf } from './recovery.ts';
import type { Report, RunCore } from './runCore.ts';
import { showInfused } from './show.ts';
import { equalComputeSteps, rulesThoughtsOut } from './stages.ts';

export class Midtraining {
  private readonly run: RunCore;
  private readonly evaluations: Evaluations;

  constructor(run: RunCore, evaluations: Evaluations) {
    this.run = run;
    this.evaluations = evaluations;
  }

  /** Trains a fresh base on the task's pre-training corpus, and measures what it lacks and what it knows. */
  async base(): Promise<void> {
    const { run } = this;
    const { recipe, corpus } = run.i;
    const { pretraining } = corpus;
    if (!pretraining) return;
    run.copy(run.policy, run.base);
    const rng = run.rng('base');
    const draw = (count: number): Sequence[] => pretraining(rng, count).map((t) => buildSequence(t.program, t.latents, corpus.form));
    await this.supervised({ stage: 'base', arm: 'base' }, recipe.base, draw, rng);
    run.copy(run.base, run.policy);
    const gate = await run.remember(() => measureGate(run.base, corpus));
    run.metrics({ stage: 'evaluate', arm: 'base', phase: 'before' }, 0, { ...gate });
  }

  private async supervised(ref: StageRef, settings: Recipe['ntp'], draw: (count: number) => Sequence[], rng: Rng): Promise<void> {
    const { run } = this;
    const { corpus } = run.i;
    const trainer = await SupervisedTrainer.make(
      run.policy,
      run.optimizer,
      { B: settings.batch, T: corpus.maxTokens, W: corpus.window },
      corpus.form,
    );
    try {
      run.optimizer.reset();
      const train = async (report: Report, first: number): Promise<void> => {
        let since = run.spent();
        let tokens = 0;
        for (let step = first; step < settings.steps; step++) {
          tokens += trainer.step(draw(settings.batch), {
            lr: warmUpAndDecay(settings.lr, step, settings.steps),
            weightDecay: settings.weightDecay,
          });
          if ((step + 1) % 5 === 0 || step + 1 === settings.steps) {
            const reports = await trainer.reports();
            run.tokens += tokens;
            const now = run.spent();
            // reports come several at a time: each step has its share of what was spent between
            reports.forEach((r, i) => {
              const share = (i + 1) / reports.length;
              run.metrics(
                ref,
                r.step,
                {
                  'loss/nll': r.loss,
                  'grad/norm': r.gradNorm,
                  tok_per_s: i + 1 === reports.length ? tokens / ((now.timeMs - since.timeMs) / 1000) : null,
                },
                { timeMs: since.timeMs + share * (now.timeMs - since.timeMs), tokens: Math.round(now.tokens - (1 - share) * tokens) },
              );
            });
            tokens = 0;
            since = now;
          }
          await report(step + 1);
        }
      };
      await run.inStage(ref, train, streamOf(rng));
    } finally {
      trainer.destroy();
    }
  }

  private plain(program: Program): Sequence {
    const { run } = this;
    return buildSequence(
      program,
      program.lines.map(() => null),
      run.i.corpus.form,
    );
  }

  /** A pool of sequences and how batches are drawn from it: the same order for every arm and iteration of the same number. */
  private drawFrom(pool: readonly Sequence[], rng: Rng): (count: number) => Sequence[] {
    return (count) => Array.from({ length: count }, () => pool[rng.int(pool.length)] as Sequence);
  }

  /** Next-token prediction without thoughts on the programs of the first M-step: as many updates as all M-steps together, or as much compute as RA3. */
  async ntp(arm: 'ntp' | 'ntp-compute'): Promise<void> {
    const { recipe, corpus } = this.run.i;
    const steps = arm === 'ntp' ? recipe.ntp.steps : equalComputeSteps(recipe, corpus);
    await this.supervisedArm(arm, { ...recipe.ntp, steps }, (p) => this.plain(p));
  }

  /** The same with thoughts that someone else wrote. */
  async labelled(arm: LabelledArm): Promise<void> {
    const { run } = this;
    const { recipe, corpus } = run.i;
    const label = labelsOf(arm, corpus, run.rng('infuse', 0, arm));
    await this.supervisedArm(arm, recipe.ntp, (p) => buildSequence(p, label(p), corpus.form));
  }

  private async supervisedArm(arm: Arm, settings: Recipe['ntp'], sequence: (program: Program) => Sequence): Promise<void> {
    const { run } = this;
    const { recipe, corpus } = run.i;
    run.copy(run.policy, run.base);
    const rng = run.rng('mStep', 1);
    const pool = corpus.train(run.rng('infuse', 1), recipe.ra3.infuse).map(sequence);
    await this.supervised({ stage: 'ntp', arm }, settings, this.drawFrom(pool, rng), rng);
    await run.keep(arm, run.policy);
  }

  async ra3(): Promise<void> {
    const { run } = this;
    const { ra3 } = run.i.recipe;
    const pi = await run.model();
    const q = ra3.separate ? await run.model() : null;
    try {
      run.copy(pi, run.base);
      if (q) run.copy(q, run.base);
      let bias: number | null = null;
      for (let iteration = 1; iteration <= ra3.emIterations; iteration++) {
        run.copy(run.policy, q ?? pi);
        // the bias is part of a q that is kept; a q that starts from pi again has learnt it, or needs it anew
        if (bias === null || !q) bias = await run.remember(() => this.floorBias(iteration));
        const sequences = rulesThoughtsOut(ra3)
          ? this.allAct(iteration)
          : (await this.eStepAndInfuse(pi, bias, iteration)).map((t) => t.sequence);
        if (q) run.copy(q, run.policy);
        run.copy(run.policy, pi);
        const rng = run.rng('mStep', iteration);
        await this.supervised({ stage: 'm-step', arm: 'ra3', iteration }, ra3.m, this.drawFrom(sequences, rng), rng);
        run.copy(pi, run.policy);
        await this.evaluations.showTraces({ stage: 'm-step', arm: 'ra3', iteration }, ra3.m.steps);
      }
      await run.keep('ra3', pi);
    } finally {
      if (q) run.release(q);
      run.release(pi);
    }
  }

  /** The limit c -> infinity (alpha -> 1): the prior has no mass on thoughts, q is act everywhere and the E-step has nothing to learn. */
  private allAct(iteration: number): Sequence[] {
    const { run } = this;
    const { recipe, corpus } = run.i;
    if (iteration === 1)
      run.i.emit({
        type: 'notice',
        level: 'info',
        message: `c = ${recipe.ra3.c} rules thoughts out: RA3 is next-token prediction here, and its E-step is left out.`,
      });
    return corpus.train(run.rng('infuse', iteration), recipe.ra3.infuse).map((p) => this.plain(p));
  }

  private async eStepAndInfuse(pi: Transformer, bias: number, iteration: number): Promise<LatentTrace[]> {
    const { run } = this;
    const { recipe, corpus, architecture } = run.i;
    const { ra3, seed } = recipe;
    const logZ = logLatents(corpus.form, architecture.vocabulary);
    const eShape = { P: ra3.programs, G: ra3.group, T: corpus.maxTokens, S: corpus.maxScript, W: corpus.window, L: corpus.maxLines };
    const elbo = { settings: elboSettings(ra3, logZ), logZ };
    const alpha = alphaOfPenalty(elbo.settings.c, logZ);
    const eStep = await EStep.make(run.policy, pi, run.optimizer, eShape, run.latent(bias), elbo);
    try {
      run.optimizer.reset();
      const ref: StageRef = { stage: 'e-step', arm: 'ra3', iteration };
      const rng = run.rng('eStep', iteration);
      const every = Math.max(1, Math.round(ra3.eSteps / 8));
      const rewards: number[] = [];
      const train = async (report: Report, first: number): Promise<void> => {
        await this.evaluations.showTraces(ref, 0, bias);
        for (let step = first + 1; step <= ra3.eSteps; step++) {
          const { metrics, traces, tokens } = await eStep.step(
            corpus.train(rng, ra3.programs),
            ra3.lr,
            seed,
            run.stream('eStep', iteration, 'ra3', step - 1),
          );
          run.tokens += tokens;
          rewards.push(metrics['reward/line'] as number);
          const converged = hasConverged(rewards, ra3.stopBelow);
          const last = converged || step === ra3.eSteps;
          const shown = last || step % every === 0;
          run.metrics(ref, step, shown ? { ...metrics, ...distributionMetrics(traces, alpha) } : metrics);
          if (shown) await this.evaluations.showTraces(ref, step, bias);
          await report(step, last);
          if (!converged) continue;
          run.notice(
            ref,
            `EM ${iteration}: the E-step converged at step ${step} of ${ra3.eSteps}: over ${SPAN} steps its reward per line gained less than ${ra3.stopBelow} nats.`,
          );
          break;
        }
      };
      const drawn = streamOf(rng);
      await run.inStage(ref, train, {
        save: () => ({ rewards: [...rewards], drawn: drawn.save() }),
        restore: (data) => {
          const held = data as { rewards: number[]; drawn: unknown };
          rewards.splice(0, rewards.length, ...held.rewards);
          drawn.restore(held.drawn);
        },
      });
      return await this.infuse(eStep, iteration);
    } finally {
      eStep.destroy();
    }
  }

  /** Programs with the new q's thoughts; of several samples of each the best under pi. */
  private async infuse(eStep: EStep, iteration: number): Promise<LatentTrace[]> {
    const { run } = this;
    const { corpus, recipe } = run.i;
    const { infuse, infuseBestOf, programs, group } = recipe.ra3;
    const atOnce = Math.floor((programs * group) / infuseBestOf);
    const pool: LatentTrace[] = [];
    const rng = run.rng('infuse', iteration);
    const sample = async (report: Report): Promise<void> => {
      while (pool.length < infuse) {
        const some = corpus.train(rng, Math.min(atOnce, infuse - pool.length));
        const { traces, tokens } = await eStep.infuse(some, infuseBestOf, recipe.seed, run.stream('infuse', iteration, 'ra3', pool.length));
        pool.push(...traces);
        run.tokens += tokens;
        await report(pool.length);
      }
    };
    const drawn = streamOf(rng);
    const ref: StageRef = { stage: 'infuse', arm: 'ra3', iteration };
    await run.inStage(ref, sample, {
      save: () => ({ pool: [...pool], drawn: drawn.save() }),
      restore: (data) => {
        const held = data as { pool: LatentTrace[]; drawn: unknown };
        pool.splice(0, pool.length, ...held.pool);
        drawn.restore(held.drawn);
      },
    });
    run.infused = pool;
    if (run.recovery.isNew(ref, 'infused', 0))
      run.i.emit({ type: 'infused', of: pool.length, programs: showInfused(corpus, pool), ...ref });
    return pool;
  }

  /** For text latents: the logit bias that lifts the mean think rate under the policy's present weights to the recipe's floor (0 when it is there already). */
  private async floorBias(iteration: number): Promise<number> {
    const { run } = this;
    const { recipe, corpus } = run.i;
    const { thinkFloor } = recipe.ra3;
    if (corpus.form.kind !== 'text' || thinkFloor === 0 || rulesThoughtsOut(recipe.ra3)) return 0;
    const logits = await this.evaluations.thinkLogits((count) => corpus.train(run.rng('explain', iteration), count));
    const bias = thinkBias(logits, thinkFloor);
    if (bias > 0)
      run.i.emit({
        type: 'notice',
        level: 'info',
        message: `EM ${iteration}: this model thinks before ${(100 * meanThinkRate(logits, 0)).toPrecision(2)} % of lines by itself; its logit is lifted by ${bias.toFixed(2)} to reach ${100 * thinkFloor} %.`,
      });
    return bias;
  }
}
