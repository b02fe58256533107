// A run: recipe in, log out. Stages in order: evaluation of the base, NTP, RA3 (E-step, infusion, M-step, for each EM iteration), then RLVR from each
// arm, with evaluations between. Everything a run says goes through `emit`; nothing is kept but the arms' weights.
// Promises: the same recipe on the same adapter gives the same log (times aside). Refuses recipes that do not fit the model or the data.
import { tune } from '../engine/tuner.ts';
import { pacerOf } from '../engine/pacer.ts';
import { GpuError } from '../gpu/context.ts';
import { elboSettings } from '../midtrain/elbo.ts';
import { EStep } from '../midtrain/eStep.ts';
import type { LatentTrace } from '../midtrain/rollouts.ts';
import { SupervisedTrainer, warmUpAndDecay } from '../midtrain/supervised.ts';
import type { LatentPolicy } from '../model/latentRollout.ts';
import { Optimizer } from '../model/optimizer.ts';
import { parameterCount, Transformer } from '../model/transformer.ts';
import { LatentSource, type Verify } from '../rlvr/source.ts';
import { LOGP_DIFF_STOP, LOGP_DIFF_WARN, RlvrTrainer } from '../rlvr/trainer.ts';
import { Evaluator, type Evaluation } from '../evaluate/evaluator.ts';
import type { GpuContext } from '../gpu/context.ts';
import type { Architecture } from '../formats/architecture.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import { buildSequence, type Sequence } from '../tasks/sequence.ts';
import { makeRng } from '../tasks/rng.ts';
import type { Program, Rng } from '../tasks/task.ts';
import { type RunControl, Stopped } from './control.ts';
import { type Corpus, logLatents } from './corpus.ts';
import type { ArmResult, Metrics, Phase, RunEvent, RunSummary, StageRef } from './events.ts';
import type { Arm, Recipe } from './recipe.ts';
import { showGroup, showTrace } from './show.ts';
import { NO_STATE, Recovery, type Snapshot, type StageState, streamOf } from './recovery.ts';
import { type PlannedStage, planStages, rulesThoughtsOut } from './stages.ts';

export const VERSION = '0.1.0';

export interface RunInputs {
  gpu: GpuContext;
  /** Opens a device in place of one that was lost. Without it a loss ends the run. */
  reopen?: () => Promise<GpuContext>;
  recipe: Recipe;
  architecture: Architecture;
  /** The base model's tensors. */
  load(model: Transformer): Promise<void>;
  corpus: Corpus;
  emit(event: RunEvent): void;
  control: RunControl;
}

export interface RunOutcome {
  summary: RunSummary;
  /** Weights of each arm as they were at the end (after RLVR where it ran). */
  arms: Map<Arm, NamedTensor[]>;
  /** Programs infused with the last q's thoughts. */
  infused: LatentTrace[];
  /** The device that the run ended on. */
  gpu: GpuContext;
}

/** Streams of random numbers by purpose: no purpose sees another's. */
const STREAM = { eStep: 2, infuse: 3, mStep: 4, rlvr: 5, evaluate: 6, explain: 7 } as const;
/** Losses of the device within this time after which the run stops (R37). */
const MOST_LOSSES = 4;
const LOSS_WINDOW_MS = 600_000;
const SHOWN_PROGRAMS = 6;
/** Rows of the small evaluator: the shown programs, and the sample that a think-rate floor is set by. */
const EXPLAINED = 8;

/** Runs a recipe to its end. Never throws for what happens in the run: the summary says how it ended. */
export async function runRecipe(inputs: RunInputs): Promise<RunOutcome> {
  return new Run(inputs).all();
}

class Run {
  private readonly i: RunInputs;
  /** Set before the stages begin. */
  private base!: Transformer;
  private policy!: Transformer;
  private optimizer!: Optimizer;
  /** Every model that is live, in the order of their making. */
  private readonly models: Transformer[] = [];
  private gpu: GpuContext;
  private readonly recovery = new Recovery();
  /** Host copies of models that have not changed since. */
  private readonly still = new Map<Transformer, Float32Array[][]>();
  private readonly lossTimes: number[] = [];
  private readonly started = performance.now();
  private readonly results: ArmResult[] = [];
  private readonly arms = new Map<Arm, Transformer>();
  /** Their weights on the host: what the run leaves, whatever happens to the device. */
  private readonly weights = new Map<Arm, NamedTensor[]>();
  private readonly stages: PlannedStage[];
  private current: PlannedStage | null = null;
  private doneCost = 0;
  private readonly totalCost: number;
  private readonly parameters: number;
  private tokens = 0;
  private lastProgress = 0;
  private infused: LatentTrace[] = [];
  private readonly evaluationRows: number;
  private evaluator: Evaluator | null = null;
  /** A small evaluator for the few programs that are shown while training goes on. */
  private explainer: Evaluator | null = null;

  constructor(inputs: RunInputs) {
    this.i = inputs;
    const { recipe, corpus } = inputs;
    this.gpu = inputs.gpu;
    this.parameters = parameterCount(inputs.architecture);
    this.stages = planStages(recipe, corpus, this.parameters);
    this.totalCost = this.stages.reduce((n, s) => n + s.cost, 0);
    this.evaluationRows = Math.min(corpus.verify ? 256 : 32, recipe.evaluate.prompts * (corpus.verify ? recipe.evaluate.samples : 1));
  }

  async all(): Promise<RunOutcome> {
    const { recipe, corpus } = this.i;
    this.i.emit({
      type: 'start',
      runId: runId(recipe),
      recipe,
      adapter: this.gpu.report,
      version: VERSION,
      startedAt: new Date().toISOString(),
      parameters: this.parameters,
      stages: this.stages.map(({ ref, steps }) => ({ ref, steps })),
    });
    for (const message of corpus.notices) this.i.emit({ type: 'notice', level: 'info', message });
    let status: RunSummary['status'] = 'finished';
    let error: string | null = null;
    try {
      for (;;) {
        try {
          await this.prepare();
          await this.work();
          break;
        } catch (e) {
          await this.resume(e);
        }
      }
    } catch (e) {
      status = e instanceof Stopped ? 'stopped' : 'failed';
      error = e instanceof Stopped ? null : (e as Error).message;
      if (error) this.i.emit({ type: 'notice', level: 'error', message: error });
      if (!(e instanceof Stopped) && !(e instanceof GpuError)) console.error(e);
    }
    const { gpu } = this;
    const submission = Math.round(pacerOf(gpu).longestMs());
    this.i.emit({
      type: 'notice',
      level: 'info',
      message: `Longest GPU submission, as seen from the host (waiting for it and the first compilation of its kernels included): ${submission} ms. Peak GPU memory: ${Math.round(gpu.peakBytes() / 2 ** 20)} MiB.`,
    });
    const timeMs = performance.now() - this.started;
    const summary: RunSummary = { status, error, results: this.results, tokPerS: this.tokens / (timeMs / 1000), timeMs };
    this.destroy();
    this.i.emit({ type: 'end', summary });
    return { summary, arms: this.weights, infused: this.infused, gpu };
  }

  /** Kernels chosen, the models that every stage needs. */
  private async prepare(): Promise<void> {
    const { gpu } = this;
    const { choices, measured, notices } = await tune(gpu);
    if (this.lossTimes.length === 0) {
      this.i.emit({
        type: 'notice',
        level: 'info',
        message: `Matmul kernels ${measured.length > 0 ? 'chosen by measuring' : 'as measured before'}: ${[...choices].map(([k, v]) => `${k}: ${v.replace('linear/matmul_', '')}`).join(', ')}.`,
      });
      for (const message of notices) this.i.emit({ type: 'notice', level: 'warning', message });
    }
    this.base = await this.model();
    this.policy = await this.model();
    this.optimizer = await Optimizer.make(this.policy);
    await this.i.load(this.base);
  }

  /** After a lost device: a new one, on which the stages are gone through again up to the last snapshot. Anything else is thrown on. */
  private async resume(e: unknown): Promise<void> {
    const { gpu } = this;
    if (e instanceof Stopped || !this.i.reopen || !(await isLost(gpu))) throw e;
    const now = performance.now();
    this.lossTimes.push(now);
    const recent = this.lossTimes.filter((t) => now - t < LOSS_WINDOW_MS).length;
    if (recent >= MOST_LOSSES)
      throw new GpuError(
        'lost',
        `The GPU device was lost ${recent} times within ten minutes, so the run was stopped; its log and what was trained are kept. Use a smaller batch, or another adapter.`,
      );
    this.destroy();
    this.models.length = 0;
    this.still.clear();
    this.arms.clear();
    this.evaluator = null;
    this.explainer = null;
    this.gpu = await this.i.reopen();
    this.recovery.replay();
    const at = this.recovery.describe();
    this.i.emit({ type: 'notice', level: 'warning', message: `The GPU device was lost; a new one goes on from ${at}.` });
  }

  private async work(): Promise<void> {
    const { recipe, corpus } = this.i;
    const has = (arm: Arm): boolean => recipe.arms.includes(arm);
    if (has('base')) {
      await this.keep('base', this.base);
      await this.evaluate('base', 'before');
    }
    if (has('ntp')) {
      await this.ntp();
      await this.evaluate('ntp', 'before');
    }
    if (has('ra3') && corpus.thinks) {
      await this.ra3();
      await this.evaluate('ra3', 'before');
    }
    if (recipe.rlvr.steps > 0 && corpus.verify) {
      for (const arm of recipe.arms) {
        await this.rlvr(arm);
        await this.evaluate(arm, 'after');
      }
    } else if (recipe.rlvr.steps > 0) {
      this.i.emit({ type: 'notice', level: 'warning', message: 'RLVR was left out: imported rows have no verifier here yet.' });
    }
  }

  private rng(purpose: keyof typeof STREAM, iteration = 0, arm: Arm = 'base'): Rng {
    return makeRng(this.i.recipe.seed, STREAM[purpose] * 1000 + iteration * 10 + ['base', 'ntp', 'ra3'].indexOf(arm));
  }
  /** Names the sampler's random numbers on the GPU: distinct for every purpose, iteration, arm and step. */
  private stream(purpose: keyof typeof STREAM, iteration: number, arm: Arm, step: number): number {
    return ((STREAM[purpose] * 32 + iteration) * 4 + ['base', 'ntp', 'ra3'].indexOf(arm)) * 65_536 + step;
  }

  private latent(bias = 0): LatentPolicy {
    const { form, symbolLo, symbolHi } = this.i.corpus;
    return { form, symbolLo, symbolHi, bias };
  }

  /** A model of its own, freed at the end of the run. */
  private async model(): Promise<Transformer> {
    const model = await Transformer.make(this.gpu, this.i.architecture);
    this.models.push(model);
    return model;
  }

  private async keep(arm: Arm, weights: Transformer): Promise<void> {
    const model = this.arms.get(arm) ?? (await this.model());
    this.copy(model, weights);
    this.arms.set(arm, model);
    if (!this.recovery.replaying) this.weights.set(arm, await model.readAll());
  }

  /**
   * One stage. `body` begins at step `first` (0 unless it was interrupted) and calls report after each step; `state` is what it needs beside the
   * models to go on from there.
   */
  private async inStage<T>(
    ref: StageRef,
    body: (report: (done: number) => Promise<void>, first: number) => Promise<T>,
    state: StageState = NO_STATE,
  ): Promise<T> {
    const planned = this.stages.find((s) => sameStage(s.ref, ref)) ?? { ref, steps: 1, cost: 0 };
    const entered = this.recovery.enter();
    if (entered.done) {
      state.restore(entered.data);
      return entered.value as T;
    }
    this.current = planned;
    const t0 = performance.now();
    const first = entered.snapshot?.step ?? 0;
    if (entered.snapshot) {
      this.restore(entered.snapshot);
      state.restore(entered.snapshot.data);
    } else {
      if (this.recovery.isNew(ref, 'start', 0)) this.i.emit({ type: 'stage', status: 'start', steps: planned.steps, timeMs: 0, ...ref });
      await this.save(ref, 0, state);
    }
    this.progress(first, true);
    const value = await body(async (done) => {
      this.progress(done, false);
      this.gpu.check();
      // what is held is looked at: its count is exact
      await this.i.control.boundary(() => this.progress(done, true));
      if (done < planned.steps && this.recovery.due()) await this.save(ref, done, state);
    }, first);
    this.recovery.leave(value, state.save());
    this.progress(planned.steps, true);
    this.doneCost += planned.cost;
    if (this.recovery.isNew(ref, 'end', 0))
      this.i.emit({ type: 'stage', status: 'end', steps: planned.steps, timeMs: performance.now() - t0, ...ref });
    this.current = null;
    return value;
  }

  /** A value that is worked out on the device between stages: once, whatever happens to the device later. */
  private async remember<T>(work: () => Promise<T>): Promise<T> {
    const entered = this.recovery.enter();
    if (entered.done) return entered.value as T;
    if (entered.snapshot) this.restore(entered.snapshot);
    else await this.save(null, 0, NO_STATE);
    const value = await work();
    this.recovery.leave(value, null);
    return value;
  }

  private async save(ref: StageRef | null, step: number, state: StageState): Promise<void> {
    if (!this.i.reopen) return;
    const t0 = performance.now();
    const models: (Float32Array[][] | null)[] = [];
    for (const model of this.models) {
      // the base is loaded again; what is not trained is read once
      const words = model === this.base ? null : (this.still.get(model) ?? (await model.snapshot()));
      if (words && model !== this.policy) this.still.set(model, words);
      models.push(words);
    }
    const { tokens, doneCost } = this;
    const snapshot = { ref, step, data: state.save(), models, optimizer: await this.optimizer.snapshot(), tokens, doneCost };
    this.recovery.keep({ ...snapshot, results: this.results.length }, performance.now() - t0);
  }

  private restore({ models, optimizer, tokens, results, doneCost }: Snapshot): void {
    this.models.forEach((model, i) => {
      const words = models[i];
      if (words) model.restore(words);
    });
    this.optimizer.restore(optimizer);
    this.tokens = tokens;
    this.results.length = results;
    this.doneCost = doneCost;
  }

  private copy(to: Transformer, from: Transformer): void {
    to.copyFrom(from);
    this.still.delete(to);
  }

  private progress(done: number, always: boolean): void {
    const now = performance.now();
    const stage = this.current;
    if (!stage || (!always && now - this.lastProgress < 200)) return;
    this.lastProgress = now;
    const overall = Math.min(1, (this.doneCost + (stage.cost * done) / Math.max(1, stage.steps)) / this.totalCost);
    const elapsed = now - this.started;
    const leftMs = overall > 0.02 ? (elapsed * (1 - overall)) / overall : null;
    this.i.emit({ type: 'progress', done, total: stage.steps, overall, leftMs, ...stage.ref });
  }

  private metrics(ref: StageRef, step: number, values: Record<string, number | null>): void {
    const clean: Metrics = {};
    for (const [k, v] of Object.entries(values)) clean[k] = v !== null && Number.isFinite(v) ? v : null;
    for (const [k, v] of Object.entries(values))
      if (v !== null && !Number.isFinite(v))
        this.i.emit({ type: 'notice', level: 'warning', message: `${ref.stage} ${ref.arm} step ${step}: ${k} is ${v}.` });
    if (this.recovery.isNew(ref, 'metrics', step)) this.i.emit({ type: 'metrics', step, values: clean, ...ref });
  }

  private async evaluatorOf(): Promise<Evaluator> {
    const { corpus } = this.i;
    this.evaluator ??= await Evaluator.make(
      this.policy,
      { rows: this.evaluationRows, T: corpus.maxTokens, S: corpus.maxScript, W: corpus.window },
      this.latent(),
    );
    return this.evaluator;
  }
  private async explainerOf(): Promise<Evaluator> {
    const { corpus } = this.i;
    this.explainer ??= await Evaluator.make(
      this.policy,
      { rows: EXPLAINED, T: corpus.maxTokens, S: corpus.maxScript, W: corpus.window },
      this.latent(),
    );
    return this.explainer;
  }

  private async evaluate(arm: Arm, phase: Phase): Promise<void> {
    const { corpus, recipe } = this.i;
    const ref: StageRef = { stage: 'evaluate', arm, phase };
    await this.inStage(ref, async (report) => {
      const evaluator = await this.evaluatorOf();
      this.copy(this.policy, this.arms.get(arm) as Transformer);
      const programs = corpus.heldOut(recipe.evaluate.prompts);
      const seed = recipe.seed;
      const likelihood: Evaluation = await evaluator.likelihood(programs, seed);
      let result = likelihood;
      this.tokens += likelihood.tokens;
      if (corpus.verify) {
        const judged = await evaluator.judge(programs, recipe.evaluate.samples, corpus.verify, seed, (done) => report(done));
        this.tokens += judged.tokens;
        result = { ...judged, heldOutNll: likelihood.heldOutNll };
      }
      const { tokens: _, ...rest } = result;
      const armResult: ArmResult = { arm, phase, ...rest };
      this.results.push(armResult);
      if (this.recovery.isNew(ref, 'result', 0)) this.i.emit({ type: 'result', result: armResult, ...ref });
      await this.showTraces(ref, 0);
    });
  }

  /** The policy's thoughts on a few fixed programs, with what they gain. */
  private async showTraces(ref: StageRef, step: number, bias = 0): Promise<void> {
    const { corpus, recipe } = this.i;
    if (!corpus.thinks || this.recovery.replaying || this.recovery.wasSaid(ref, 'traces', step)) return;
    const explainer = await this.explainerOf();
    const explained = await explainer.explain(corpus.heldOut(SHOWN_PROGRAMS), recipe.seed, this.stream('explain', 0, 'base', 0), bias);
    if (this.recovery.isNew(ref, 'traces', step))
      this.i.emit({ type: 'traces', step, traces: explained.map((e) => showTrace(corpus, e)), ...ref });
  }

  private async supervised(ref: StageRef, settings: Recipe['ntp'], pool: readonly Sequence[], rng: Rng): Promise<void> {
    const { corpus } = this.i;
    const trainer = await SupervisedTrainer.make(
      this.policy,
      this.optimizer,
      { B: settings.batch, T: corpus.maxTokens, W: corpus.window },
      corpus.form,
    );
    try {
      this.optimizer.reset();
      const draw = (): Sequence[] => Array.from({ length: settings.batch }, () => pool[rng.int(pool.length)] as Sequence);
      const train = async (report: (done: number) => Promise<void>, first: number): Promise<void> => {
        let since = performance.now();
        let tokens = 0;
        for (let step = first; step < settings.steps; step++) {
          tokens += trainer.step(draw(), {
            lr: warmUpAndDecay(settings.lr, step, settings.steps),
            weightDecay: settings.weightDecay,
          });
          if ((step + 1) % 5 === 0 || step + 1 === settings.steps) {
            const reports = await trainer.reports();
            const now = performance.now();
            for (const r of reports)
              this.metrics(ref, r.step, {
                'loss/nll': r.loss,
                'grad/norm': r.gradNorm,
                tok_per_s: r === reports.at(-1) ? tokens / ((now - since) / 1000) : null,
              });
            this.tokens += tokens;
            tokens = 0;
            since = now;
          }
          await report(step + 1);
        }
      };
      await this.inStage(ref, train, streamOf(rng));
    } finally {
      trainer.destroy();
    }
  }

  private plain(program: Program): Sequence {
    return buildSequence(
      program,
      program.lines.map(() => null),
      this.i.corpus.form,
    );
  }

  private async ntp(): Promise<void> {
    const { recipe, corpus } = this.i;
    this.copy(this.policy, this.base);
    // the same programs in the same order as the first M-step's: what differs is the thoughts alone
    const rng = this.rng('mStep', 1);
    const pool = corpus.train(this.rng('infuse', 1), recipe.ra3.infuse).map((p) => this.plain(p));
    await this.supervised({ stage: 'ntp', arm: 'ntp' }, recipe.ntp, pool, rng);
    await this.keep('ntp', this.policy);
  }

  private async ra3(): Promise<void> {
    const { ra3 } = this.i.recipe;
    const pi = await this.model();
    try {
      this.copy(pi, this.base);
      for (let iteration = 1; iteration <= ra3.emIterations; iteration++) {
        this.copy(this.policy, pi);
        const sequences = rulesThoughtsOut(ra3)
          ? this.allAct(iteration)
          : (await this.eStepAndInfuse(pi, iteration)).map((t) => t.sequence);
        this.copy(this.policy, pi);
        const rng = this.rng('mStep', iteration);
        await this.supervised({ stage: 'm-step', arm: 'ra3', iteration }, ra3.m, sequences, rng);
        this.copy(pi, this.policy);
        await this.showTraces({ stage: 'm-step', arm: 'ra3', iteration }, ra3.m.steps);
      }
      await this.keep('ra3', pi);
    } finally {
      this.models.splice(this.models.indexOf(pi), 1);
      pi.destroy();
    }
  }

  /** The limit c -> infinity (alpha -> 1): the prior has no mass on thoughts, q is act everywhere and the E-step has nothing to learn. */
  private allAct(iteration: number): Sequence[] {
    const { recipe, corpus } = this.i;
    if (iteration === 1)
      this.i.emit({
        type: 'notice',
        level: 'info',
        message: `c = ${recipe.ra3.c} rules thoughts out: RA3 is next-token prediction here, and its E-step is left out.`,
      });
    return corpus.train(this.rng('infuse', iteration), recipe.ra3.infuse).map((p) => this.plain(p));
  }

  private async eStepAndInfuse(pi: Transformer, iteration: number): Promise<LatentTrace[]> {
    const { recipe, corpus, architecture } = this.i;
    const { ra3, seed } = recipe;
    const logZ = logLatents(corpus.form, architecture.vocabulary);
    const eShape = { P: ra3.programs, G: ra3.group, T: corpus.maxTokens, S: corpus.maxScript, W: corpus.window, L: corpus.maxLines };
    const elbo = { settings: elboSettings(ra3, logZ), logZ };
    const bias = await this.remember(() => this.thinkBias(pi, iteration));
    const eStep = await EStep.make(this.policy, pi, this.optimizer, eShape, this.latent(bias), elbo);
    try {
      this.optimizer.reset();
      const ref: StageRef = { stage: 'e-step', arm: 'ra3', iteration };
      const rng = this.rng('eStep', iteration);
      const every = Math.max(1, Math.round(ra3.eSteps / 8));
      const train = async (report: (done: number) => Promise<void>, first: number): Promise<void> => {
        await this.showTraces(ref, 0, bias);
        for (let step = first; step < ra3.eSteps; step++) {
          const { metrics, tokens } = await eStep.step(
            corpus.train(rng, ra3.programs),
            ra3.lr,
            seed,
            this.stream('eStep', iteration, 'ra3', step),
          );
          this.tokens += tokens;
          this.metrics(ref, step + 1, metrics);
          if ((step + 1) % every === 0 || step + 1 === ra3.eSteps) await this.showTraces(ref, step + 1, bias);
          await report(step + 1);
        }
      };
      await this.inStage(ref, train, streamOf(rng));
      const pool: LatentTrace[] = [];
      const infuse: StageRef = { stage: 'infuse', arm: 'ra3', iteration };
      const infuseRng = this.rng('infuse', iteration);
      const sample = async (report: (done: number) => Promise<void>): Promise<void> => {
        while (pool.length < ra3.infuse) {
          const programs = corpus.train(infuseRng, Math.min(ra3.programs * ra3.group, ra3.infuse - pool.length));
          const traces = await eStep.sample(programs, seed, this.stream('infuse', iteration, 'ra3', pool.length));
          pool.push(...traces);
          this.tokens += traces.reduce((n, t) => n + t.sequence.ids.length, 0);
          await report(pool.length);
        }
      };
      const drawn = streamOf(infuseRng);
      await this.inStage(infuse, sample, {
        save: () => ({ pool: [...pool], drawn: drawn.save() }),
        restore: (data) => {
          const held = data as { pool: LatentTrace[]; drawn: unknown };
          pool.splice(0, pool.length, ...held.pool);
          drawn.restore(held.drawn);
        },
      });
      this.infused = pool;
      return pool;
    } finally {
      eStep.destroy();
    }
  }

  /** For text latents: the logit bias that lifts the mean think rate under pi to the recipe's floor (0 when it is there already). */
  private async thinkBias(pi: Transformer, iteration: number): Promise<number> {
    const { recipe, corpus } = this.i;
    const { thinkFloor } = recipe.ra3;
    if (corpus.form.kind !== 'text' || thinkFloor === 0) return 0;
    this.copy(this.policy, pi);
    const explainer = await this.explainerOf();
    const programs = corpus.train(this.rng('explain', iteration), EXPLAINED);
    const logits = await explainer.thinkLogits(programs);
    const rate = (bias: number): number => logits.reduce((n, x) => n + 1 / (1 + Math.exp(-x - bias)), 0) / logits.length;
    if (rate(0) >= thinkFloor) return 0;
    let [lo, hi] = [0, 60];
    for (let n = 0; n < 50; n++) {
      const mid = (lo + hi) / 2;
      if (rate(mid) < thinkFloor) lo = mid;
      else hi = mid;
    }
    this.i.emit({
      type: 'notice',
      level: 'info',
      message: `EM ${iteration}: this model thinks before ${(100 * rate(0)).toPrecision(2)} % of lines by itself; its logit is lifted by ${hi.toFixed(2)} to reach ${100 * thinkFloor} %.`,
    });
    return hi;
  }

  private async rlvr(arm: Arm): Promise<void> {
    const { recipe, corpus } = this.i;
    const { steps, prompts, group, lr } = recipe.rlvr;
    const model = this.arms.get(arm);
    const { verify } = corpus;
    if (!model || !verify) return;
    this.copy(this.policy, model);
    this.optimizer.reset();
    const { maxTokens: T, maxScript: S, window: W } = corpus;
    const latent = this.latent();
    const judge: Verify = (rollouts) => rollouts.map((r) => verify(r.program, r.written));
    const source = await LatentSource.make(this.policy, { rows: prompts * group, T, S, W }, latent);
    const trainer = await RlvrTrainer.make(this.policy, this.optimizer, source, { prompts, group, T, W, bias: latent.bias });
    try {
      const ref: StageRef = { stage: 'rlvr', arm };
      const rng = this.rng('rlvr'); // the same prompts for every arm
      const every = Math.max(1, Math.round(steps / 4));
      const train = async (report: (done: number) => Promise<void>, first: number): Promise<void> => {
        for (let step = first; step < steps; step++) {
          const t0 = performance.now();
          const { metrics, rollouts, tokens } = await trainer.step({
            draw: (count) => corpus.train(rng, count),
            verify: judge,
            lr,
            seed: recipe.seed,
            stream: (round) => this.stream('rlvr', round, arm, step),
          });
          this.tokens += tokens;
          this.metrics(ref, step + 1, { ...metrics, tok_per_s: tokens / ((performance.now() - t0) / 1000) });
          this.compareLogprobs(arm, step + 1, metrics['sampler/logp_diff_max'] ?? 0);
          if ((step % every === 0 || step + 1 === steps) && this.recovery.isNew(ref, 'rollouts', step + 1))
            this.i.emit({
              type: 'rollouts',
              step: step + 1,
              groups: [0, 1].filter((g) => g < prompts).map((g) => showGroup(corpus, rollouts.slice(g * group, (g + 1) * group))),
              ...ref,
            });
          await report(step + 1);
        }
      };
      await this.inStage(ref, train, streamOf(rng));
      await this.keep(arm, this.policy);
    } finally {
      trainer.destroy();
    }
  }

  private compareLogprobs(arm: Arm, step: number, diff: number): void {
    if (diff > LOGP_DIFF_STOP)
      throw new Error(
        `RLVR of ${arm}, step ${step}: sampler and trainer differ by ${diff} nats in a token's log-probability (limit ${LOGP_DIFF_STOP}). The run was stopped; please report the adapter.`,
      );
    if (diff > LOGP_DIFF_WARN)
      this.i.emit({
        type: 'notice',
        level: 'warning',
        message: `RLVR of ${arm}, step ${step}: sampler and trainer differ by ${diff} nats in a token's log-probability.`,
      });
  }

  private destroy(): void {
    this.evaluator?.destroy();
    this.explainer?.destroy();
    this.optimizer?.destroy();
    for (const model of this.models) model.destroy();
  }
}

/** Whether the device is gone; what a loss breaks first may be heard of before the loss itself. */
async function isLost(gpu: GpuContext): Promise<boolean> {
  const soon = new Promise<null>((resolve) => setTimeout(() => resolve(null), 200));
  return (await Promise.race([gpu.lost, soon])) !== null;
}

const sameStage = (a: StageRef, b: StageRef): boolean =>
  a.stage === b.stage && a.arm === b.arm && a.iteration === b.iteration && a.phase === b.phase;

function runId(recipe: Recipe): string {
  return `${recipe.name.replace(/[^a-zA-Z0-9]+/g, '-').toLowerCase()}-${recipe.seed}`;
}
