// What every stage of a run stands on: the device and its loss, the models, progress, the log, the host copies that a run goes on from. Stages are
// written as if nothing could go wrong: after a loss they are gone through again and give their values at once (recovery.ts).
// Promises: the same recipe on the same adapter gives the same log (times aside), whatever is lost on the way. Refuses nothing of its own.
import { tune } from '../engine/tuner.ts';
import { pacerOf } from '../engine/pacer.ts';
import { GpuError } from '../gpu/context.ts';
import type { GpuContext } from '../gpu/context.ts';
import type { Architecture } from '../formats/architecture.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { LatentTrace } from '../midtrain/rollouts.ts';
import type { LatentPolicy } from '../model/latentRollout.ts';
import { Optimizer } from '../model/optimizer.ts';
import { parameterCount, Transformer } from '../model/transformer.ts';
import { objectiveNotices } from '../rlvr/objective.ts';
import type { Rng } from '../tasks/task.ts';
import { RunClock } from './clock.ts';
import { type RunControl, Stopped } from './control.ts';
import type { Corpus } from './corpus.ts';
import type { AdapterReport, ArmResult, Metrics, RunEvent, RunInputPrints, RunSummary, Spent, StageRef } from './events.ts';
import type { Arm, Recipe } from './recipe.ts';
import { NO_STATE, type Progressed, Recovery, type Snapshot, type StageState } from './recovery.ts';
import { SkippedSteps } from './skippedSteps.ts';
import { type PlannedStage, planStages } from './stages.ts';
import { type Purpose, rngOf, samplerStream } from './streams.ts';
import type { SampleRow, VerifierGone } from './verified.ts';

export const VERSION = '0.1.0';

/** Everything that a run goes on from in another process: plain values and typed arrays (stateBytes.ts). */
export interface Checkpoint {
  progressed: Progressed;
  results: ArmResult[];
  samples: Map<string, SampleRow[]>;
  unjudgedSaid: string[];
  verifierLost: string | null;
  adapter: AdapterReport;
  version: string;
  elapsedMs: number;
}

export interface RunInputs {
  gpu: GpuContext;
  /** Opens a device in place of one that was lost. Without it a loss ends the run. */
  reopen?: () => Promise<GpuContext>;
  recipe: Recipe;
  architecture: Architecture;
  /** The base model's tensors. */
  load(model: Transformer): Promise<void>;
  corpus: Corpus;
  inputs?: RunInputPrints;
  emit(event: RunEvent): void;
  control: RunControl;
  /** Where checkpoints go: asked at every snapshot and at Pause, settles when the checkpoint is safe or was not due. Never rejects. */
  keep?: (make: () => Checkpoint, held: boolean) => Promise<void>;
  /** Goes on from here instead of from the start. */
  from?: Checkpoint;
}

/** What a stage calls after each step; `last` where it ends before the steps that were planned. */
export type Report = (done: number, last?: boolean) => Promise<void>;

export interface RunOutcome {
  summary: RunSummary;
  /** Weights of each arm as they were at the end (after RLVR where it ran). */
  arms: Map<Arm, NamedTensor[]>;
  /** Programs infused with the last q's thoughts. */
  infused: LatentTrace[];
  /** Programs that were written and judged, by arm and phase ("ra3-before"). */
  samples: Map<string, SampleRow[]>;
  /** The device that the run ended on. */
  gpu: GpuContext;
}

/** Losses of the device within this time after which the run stops (R37). */
const MOST_LOSSES = 4;
const LOSS_WINDOW_MS = 600_000;

export class RunCore {
  readonly i: RunInputs;
  /** Set before the stages begin. */
  base!: Transformer;
  policy!: Transformer;
  optimizer!: Optimizer;
  /** Every model that is live, in the order of their making. */
  readonly models: Transformer[] = [];
  gpu: GpuContext;
  readonly recovery = new Recovery();
  /** Host copies of models that have not changed since. */
  private readonly still = new Map<Transformer, Float32Array[][]>();
  private readonly lossTimes: number[] = [];
  private readonly skipped = new SkippedSteps();
  private readonly clock: RunClock;
  readonly results: ArmResult[] = [];
  readonly arms = new Map<Arm, Transformer>();
  /** Their weights on the host: what the run leaves, whatever happens to the device. */
  private readonly weights = new Map<Arm, NamedTensor[]>();
  readonly stages: PlannedStage[];
  private current: PlannedStage | null = null;
  private doneCost = 0;
  private totalCost: number;
  private readonly parameters: number;
  tokens = 0;
  private lastProgress = 0;
  infused: LatentTrace[] = [];
  /** Written programs with their verdicts, by arm and phase. */
  readonly samples = new Map<string, SampleRow[]>();
  /** Why nothing more can be judged, once that is so. */
  verifierLost: string | null = null;
  private readonly unjudgedSaid = new Set<string>();
  /** What stages keep on the device beside the models; let go with it. */
  readonly onDevice: { destroy(): void }[] = [];

  constructor(inputs: RunInputs) {
    this.i = inputs;
    const { recipe, corpus } = inputs;
    this.gpu = inputs.gpu;
    this.parameters = parameterCount(inputs.architecture);
    this.stages = planStages(recipe, corpus, this.parameters);
    this.totalCost = this.stages.reduce((n, s) => n + s.cost, 0);
    const { from } = inputs;
    this.clock = new RunClock(from?.elapsedMs);
    if (!from) return;
    this.recovery.load(from.progressed);
    this.results.push(...from.results);
    for (const [name, rows] of from.samples) this.samples.set(name, rows);
    for (const id of from.unjudgedSaid) this.unjudgedSaid.add(id);
    this.verifierLost = from.verifierLost;
  }

  /** Goes through `work` to its end, from the last snapshot again after every loss of the device. */
  async all(work: () => Promise<void>): Promise<RunOutcome> {
    if (this.i.from) this.sayResumed(this.i.from);
    else this.sayStart();
    let status: RunSummary['status'] = 'finished';
    let error: string | null = null;
    try {
      for (;;) {
        try {
          await this.prepare();
          await work();
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
    this.clock.end();
    const timeMs = this.clock.read();
    const summary: RunSummary = {
      status,
      error,
      results: this.results,
      tokPerS: timeMs > 0 ? this.tokens / (timeMs / 1000) : 0,
      timeMs,
      peakBytes: gpu.peakBytes(),
    };
    this.destroy();
    this.i.emit({ type: 'end', summary });
    return { summary, arms: this.weights, infused: this.infused, samples: this.samples, gpu };
  }

  private sayStart(): void {
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
      ...(this.i.inputs ? { inputs: this.i.inputs } : {}),
    });
    for (const notice of corpus.notices) this.i.emit({ type: 'notice', ...notice });
    if (recipe.rlvr.steps > 0)
      for (const message of objectiveNotices(recipe.rlvr)) this.i.emit({ type: 'notice', level: 'warning', message });
  }

  /** Says from where, and whether the same bits can be expected. */
  private sayResumed({ adapter, version }: Checkpoint): void {
    this.i.emit({ type: 'notice', level: 'info', message: `The run goes on from its last checkpoint: ${this.recovery.describe()}.` });
    const name = ({ vendor, architecture, description }: AdapterReport): string => [vendor, architecture, description].join(' ');
    const { report } = this.gpu;
    if (name(adapter) !== name(report) || version !== VERSION)
      this.i.emit({
        type: 'notice',
        level: 'warning',
        message: `The checkpoint was made on ${name(adapter)} by version ${version}; this is ${name(report)}, version ${VERSION}. What follows need not be bit-equal to an unbroken run.`,
      });
  }

  /** Kernels chosen, the models that every stage needs. */
  private async prepare(): Promise<void> {
    const { gpu } = this;
    const { choices, measured, notices } = await tune(gpu);
    if (this.lossTimes.length === 0 && !this.i.from) {
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
    this.gpu = await this.i.reopen();
    this.recovery.replay();
    const at = this.recovery.describe();
    this.i.emit({ type: 'notice', level: 'warning', message: `The GPU device was lost; a new one goes on from ${at}.` });
  }

  rng(purpose: Purpose, iteration = 0, arm: Arm = 'base'): Rng {
    return rngOf(this.i.recipe.seed, purpose, iteration, arm);
  }
  stream(purpose: Purpose, iteration: number, arm: Arm, step: number): number {
    return samplerStream(purpose, iteration, arm, step);
  }

  latent(bias = 0): LatentPolicy {
    const { form, symbolLo, symbolHi } = this.i.corpus;
    return { form, symbolLo, symbolHi, bias };
  }

  /** A model of its own, freed at the end of the run. */
  async model(): Promise<Transformer> {
    const model = await Transformer.make(this.gpu, this.i.architecture);
    this.models.push(model);
    return model;
  }

  /** Lets go of a model before the end of the run. */
  release(model: Transformer): void {
    this.models.splice(this.models.indexOf(model), 1);
    model.destroy();
  }

  async keep(arm: Arm, weights: Transformer): Promise<void> {
    const model = this.arms.get(arm) ?? (await this.model());
    this.copy(model, weights);
    this.arms.set(arm, model);
    if (!this.recovery.replaying) this.weights.set(arm, await model.readAll());
  }

  /**
   * One stage. `body` begins at step `first` (0 unless it was interrupted) and calls report after each step; `state` is what it needs beside the
   * models to go on from there.
   */
  async inStage<T>(ref: StageRef, body: (report: Report, first: number) => Promise<T>, state: StageState = NO_STATE): Promise<T> {
    const planned = this.stages.find((s) => sameStage(s.ref, ref)) ?? { ref, steps: 1, cost: 0 };
    const entered = this.recovery.enter();
    if (entered.done) {
      state.restore(entered.data);
      return entered.value as T;
    }
    this.current = planned;
    const t0 = this.clock.read();
    const first = entered.snapshot?.step ?? 0;
    if (entered.snapshot) {
      await this.restore(entered.snapshot);
      state.restore(entered.snapshot.data);
    } else {
      if (this.recovery.isNew(ref, 'start', 0))
        this.i.emit({ type: 'stage', status: 'start', steps: planned.steps, timeMs: 0, at: this.spent(), ...ref });
      await this.save(ref, 0, state);
    }
    this.progress(first, true);
    const value = await body(async (done, last = false) => {
      if (last && done < planned.steps) this.shorten(done);
      this.progress(done, false);
      this.gpu.check();
      // what is held is looked at: its count is exact
      const within = !last && done < planned.steps;
      await this.i.control.boundary(async () => {
        this.progress(done, true);
        if (within && this.i.keep) await this.save(ref, done, state, true);
        this.clock.hold();
      });
      this.clock.goOn();
      if (within && this.recovery.due()) await this.save(ref, done, state);
    }, first);
    this.recovery.leave(value, state.save());
    const { steps, cost } = this.current;
    this.progress(steps, true);
    this.doneCost += cost;
    if (this.recovery.isNew(ref, 'end', 0)) this.i.emit({ type: 'stage', status: 'end', steps, timeMs: this.clock.read() - t0, ...ref });
    this.current = null;
    return value;
  }

  /** The stage at hand ends after `steps` steps: what is left of its cost is no longer to be done. */
  private shorten(steps: number): void {
    const { ref, ...planned } = this.current as PlannedStage;
    const cost = (planned.cost * steps) / planned.steps;
    this.totalCost -= planned.cost - cost;
    this.current = { ref, steps, cost };
  }

  /** A value that is worked out on the device between stages: once, whatever happens to the device later. */
  async remember<T>(work: () => Promise<T>): Promise<T> {
    const entered = this.recovery.enter();
    if (entered.done) return entered.value as T;
    if (entered.snapshot) await this.restore(entered.snapshot);
    else await this.save(null, 0, NO_STATE);
    const value = await work();
    this.recovery.leave(value, null);
    return value;
  }

  private async save(ref: StageRef | null, step: number, state: StageState, held = false): Promise<void> {
    const { reopen, keep } = this.i;
    if (!reopen && !keep) return;
    const t0 = performance.now();
    const models: (Float32Array[][] | null)[] = [];
    for (const model of this.models) {
      // a base that was given is loaded again; what is not trained is read once
      const given = model === this.base && this.i.recipe.model !== 'fresh';
      const words = given ? null : (this.still.get(model) ?? (await model.snapshot()));
      if (words && model !== this.policy) this.still.set(model, words);
      models.push(words);
    }
    const { tokens, doneCost, totalCost } = this;
    const snapshot = { ref, step, data: state.save(), models, optimizer: await this.optimizer.snapshot(), tokens, doneCost, totalCost };
    this.recovery.keep({ ...snapshot, results: this.results.length }, performance.now() - t0);
    await keep?.(() => this.checkpoint(), held);
  }

  private checkpoint(): Checkpoint {
    return {
      progressed: this.recovery.kept() as Progressed,
      results: [...this.results],
      samples: new Map(this.samples),
      unjudgedSaid: [...this.unjudgedSaid],
      verifierLost: this.verifierLost,
      adapter: this.gpu.report,
      version: VERSION,
      elapsedMs: this.clock.read(),
    };
  }

  private async restore({ models, optimizer, tokens, results, doneCost, totalCost }: Snapshot): Promise<void> {
    this.models.forEach((model, i) => {
      const words = models[i];
      if (words) model.restore(words);
    });
    this.optimizer.restore(optimizer);
    this.tokens = tokens;
    this.results.length = results;
    this.doneCost = doneCost;
    this.totalCost = totalCost;
    for (const [arm, model] of this.arms) if (!this.weights.has(arm)) this.weights.set(arm, await model.readAll());
  }

  copy(to: Transformer, from: Transformer): void {
    to.copyFrom(from);
    this.still.delete(to);
  }

  private progress(done: number, always: boolean): void {
    const now = performance.now();
    const stage = this.current;
    if (!stage || (!always && now - this.lastProgress < 200)) return;
    this.lastProgress = now;
    const overall = Math.min(1, (this.doneCost + (stage.cost * done) / Math.max(1, stage.steps)) / this.totalCost);
    const elapsed = this.clock.read();
    const leftMs = overall > 0.02 ? (elapsed * (1 - overall)) / overall : null;
    this.i.emit({ type: 'progress', done, total: stage.steps, overall, leftMs, ...stage.ref });
  }

  /** What happens once in a stage, for people. */
  notice(ref: StageRef, message: string): void {
    if (this.recovery.isNew(ref, 'notice', 0)) this.i.emit({ type: 'notice', level: 'info', message });
  }

  /** What the run has used up to now. */
  spent(): Spent {
    return { timeMs: this.clock.read(), tokens: this.tokens };
  }

  /** Says what a step measured. Throws when nothing is learnt any more (SkippedSteps). @param at when the step ended, where that is not now. */
  metrics(ref: StageRef, step: number, values: Record<string, number | null>, at: Spent = this.spent()): void {
    const clean: Metrics = {};
    for (const [k, v] of Object.entries(values)) clean[k] = v !== null && Number.isFinite(v) ? v : null;
    for (const [k, v] of Object.entries(values))
      if (v !== null && !Number.isFinite(v))
        this.i.emit({
          type: 'notice',
          level: 'warning',
          message: `${ref.stage} ${ref.arm} step ${step}: ${k} is ${v}${k === 'grad/norm' ? ', so its update was skipped and the weights are as they were' : ''}.`,
        });
    if (this.recovery.isNew(ref, 'metrics', step)) this.i.emit({ type: 'metrics', step, values: clean, at, ...ref });
    this.skipped.look(ref, step, values['grad/norm']);
  }

  /** Names problems that were met and could not be judged, each once. */
  sayUnjudged(): void {
    for (const [id, why] of [...this.i.corpus.unjudged].sort()) {
      if (this.unjudgedSaid.has(id)) continue;
      this.unjudgedSaid.add(id);
      this.i.emit({
        type: 'notice',
        level: 'warning',
        message: `Problem ${id} cannot be judged, so nothing written for it counts as right: ${why}`,
      });
    }
  }

  /** What needs verdicts is left out from here on. */
  loseVerifier({ message }: VerifierGone): void {
    this.verifierLost = message;
    this.i.emit({
      type: 'notice',
      level: 'warning',
      message: `The verifier is gone, so pass@k and RLVR are left out from here on: ${message}`,
    });
  }

  private destroy(): void {
    for (const held of this.onDevice.splice(0)) held.destroy();
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
