// The arms judged, and the few programs that are shown while training goes on: what the policy thinks on them and what that gains.
// Promises: every arm is judged on the same held-out programs with the same random numbers, range by range.
import { Evaluator, type Evaluation, type Judged } from '../evaluate/evaluator.ts';
import { FreeSource } from '../rlvr/freeSource.ts';
import type { PolicyRollout } from '../rlvr/source.ts';
import type { Program, Range } from '../tasks/task.ts';
import type { ArmResult, Phase, StageRef } from './events.ts';
import type { Corpus } from './corpus.ts';
import type { Arm, Recipe } from './recipe.ts';
import type { RunCore } from './runCore.ts';
import { sampleRows, verdictMetrics, VerifierGone } from './verified.ts';
import { showTrace } from './show.ts';
import type { Transformer } from '../model/transformer.ts';

const SHOWN_PROGRAMS = 6;
/** Rows of the small evaluator: the shown programs, and the sample that a think-rate floor is set by. */
export const EXPLAINED = 8;
/** Rows that are decoded side by side: of judged tasks, and where each row is long. */
const MOST_ROWS = 256;
const MOST_LONG_ROWS = 32;
/** Texts that are written, then judged, before progress is told. */
export const MOST_WRITTEN = 64;

/** Rows of the evaluator that judges arms. */
export function evaluatorRows({ evaluate }: Recipe, { verify, free }: Pick<Corpus, 'verify' | 'free'>): number {
  const scripted = verify !== null && !free;
  return Math.min(scripted ? MOST_ROWS : MOST_LONG_ROWS, evaluate.prompts * (scripted ? evaluate.samples : 1));
}

const withLines = (programs: readonly Program[]): Program[] => programs.filter((p) => p.lines.length > 0);

export class Evaluations {
  private readonly run: RunCore;
  private judge: Evaluator | null = null;
  private small: Evaluator | null = null;

  constructor(run: RunCore) {
    this.run = run;
  }

  private async make(rows: number, ranges: readonly Range[]): Promise<Evaluator> {
    const { corpus } = this.run.i;
    const most = (size: 'maxTokens' | 'maxScript'): number => Math.max(...ranges.map((range) => corpus.sizes[range][size]));
    const evaluator = await Evaluator.make(
      this.run.policy,
      { rows, T: most('maxTokens'), S: most('maxScript'), W: corpus.window },
      this.run.latent(),
    );
    this.run.onDevice.push({
      destroy: () => {
        evaluator.destroy();
        if (this.judge === evaluator) this.judge = null;
        if (this.small === evaluator) this.small = null;
      },
    });
    return evaluator;
  }

  private async judgeOf(): Promise<Evaluator> {
    const { corpus, recipe } = this.run.i;
    this.judge ??= await this.make(evaluatorRows(recipe, corpus), recipe.evaluate.ranges);
    return this.judge;
  }
  private async smallOf(): Promise<Evaluator> {
    this.small ??= await this.make(EXPLAINED, ['in']);
    return this.small;
  }

  async evaluate(arm: Arm, phase: Phase): Promise<void> {
    const { run } = this;
    const { corpus, recipe } = run.i;
    const { prompts, samples, ranges } = recipe.evaluate;
    const ref: StageRef = { stage: 'evaluate', arm, phase };
    await run.inStage(ref, async (report) => {
      const evaluator = await this.judgeOf();
      // an evaluation that was interrupted begins again
      run.results.splice(0, run.results.length, ...run.results.filter((r) => r.arm !== arm || r.phase !== phase));
      run.copy(run.policy, run.arms.get(arm) as Transformer);
      for (const [n, range] of ranges.entries()) {
        const programs = corpus.heldOut(prompts, range);
        const likelihood: Evaluation = await evaluator.likelihood(withLines(programs), recipe.seed);
        let result = likelihood;
        run.tokens += likelihood.tokens;
        if (corpus.verify && run.verifierLost === null) {
          const before = n * programs.length * samples;
          const judged = await this.judgePrograms(evaluator, programs, (done) => report(before + done));
          if (judged) {
            const { rollouts, ...evaluation } = judged;
            run.tokens += evaluation.tokens;
            result = { ...evaluation, heldOutNll: likelihood.heldOutNll };
            if (corpus.free) {
              run.samples.set(`${arm}-${phase}`, sampleRows(corpus, rollouts));
              run.metrics(ref, 0, verdictMetrics(rollouts));
              run.sayUnjudged();
            }
          }
        }
        const { tokens: _, ...rest } = result;
        const armResult: ArmResult = { arm, phase, ...(range === 'in' ? {} : { range }), ...rest };
        run.results.push(armResult);
        if (run.recovery.isNew(ref, 'result', n)) run.i.emit({ type: 'result', result: armResult, ...ref });
      }
      await this.showTraces(ref, 0);
    });
  }

  /** Null where the verifier is gone: that was said then. */
  private async judgePrograms(
    evaluator: Evaluator,
    programs: readonly Program[],
    report: (done: number) => Promise<void>,
  ): Promise<(Evaluation & { rollouts: Judged<PolicyRollout>[] }) | null> {
    const { run } = this;
    const { corpus, recipe } = run.i;
    const { samples } = recipe.evaluate;
    const { free, verify } = corpus;
    if (!verify) return null;
    if (!free) return evaluator.judge(programs, samples, evaluator.scripted(), verify, recipe.seed, report);
    const source = await FreeSource.make(run.policy, MOST_WRITTEN, free);
    try {
      const sampler = {
        rows: MOST_WRITTEN,
        sample: (some: readonly Program[], seed: number, from: number) =>
          source.sample(some, seed, run.stream('evaluate', 0, 'base', from)),
      };
      return await evaluator.judge(programs, samples, sampler, verify, recipe.seed, report);
    } catch (e) {
      if (!(e instanceof VerifierGone)) throw e;
      run.loseVerifier(e);
      return null;
    } finally {
      source.destroy();
    }
  }

  /** The policy's thoughts on a few fixed programs, with what they gain. */
  async showTraces(ref: StageRef, step: number, bias = 0): Promise<void> {
    const { run } = this;
    const { corpus, recipe } = run.i;
    if (!corpus.thinks || run.recovery.replaying || run.recovery.wasSaid(ref, 'traces', step)) return;
    const shown = withLines(corpus.heldOut(SHOWN_PROGRAMS));
    if (shown.length === 0) return;
    const explainer = await this.smallOf();
    const explained = await explainer.explain(shown, recipe.seed, run.stream('explain', 0, 'base', 0), bias);
    if (run.recovery.isNew(ref, 'traces', step))
      run.i.emit({ type: 'traces', step, traces: explained.map((e) => showTrace(corpus, e)), ...ref });
  }

  /** Logits of p(think) at every line boundary of a few programs without thoughts, under the policy's present weights. */
  async thinkLogits(programs: (count: number) => Program[]): Promise<number[]> {
    return (await this.smallOf()).thinkLogits(programs(EXPLAINED));
  }
}
