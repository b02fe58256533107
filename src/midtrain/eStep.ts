// The E-step: with pi frozen, q walks the expert programs, thinks where it wants to, and is rewarded by what pi then thinks of the expert's
// lines. Rollout, rewards, returns, baselines, weights and the update stay on the GPU; the host reads tokens once and numbers once a step.
// Promises: expert tokens never carry a weight. Source: arXiv 2509.25810; design in src/midtrain/elbo.ts, whose float64 code is the reference.
import { type Graph, type Tensor, readTensors, writeTensor } from '../engine/graph.ts';
import { flatGrid } from '../engine/matmul.ts';
import { type BatchInputs, type BatchPlan, BatchRows, makeScorePlan, makeTrainPlan } from '../model/batch.ts';
import { type LatentPolicy, LatentRollout } from '../model/latentRollout.ts';
import { ADAMW_DEFAULTS, type Optimizer } from '../model/optimizer.ts';
import type { Transformer } from '../model/transformer.ts';
import { ROLE } from '../tasks/sequence.ts';
import { targetsOf } from '../tasks/targets.ts';
import type { Program } from '../tasks/task.ts';
import {
  type ElboSettings,
  type Group,
  alphaOfPenalty,
  bestOf,
  leaveOneOut,
  lineLogprobs,
  lineRewards,
  lineTotal,
  thoughtCost,
} from './elbo.ts';
import { type PolicyTrace, abstractionMetrics, eStepMetrics } from './metrics.ts';
import { type LatentTrace, readTrace, scriptOf, thinkProbability } from './rollouts.ts';
import { setTargets } from './supervised.ts';

export interface EStepShape {
  /** Programs per step, rollouts of each. */
  P: number;
  G: number;
  /** Longest sequence, longest script, attention window. */
  T: number;
  S: number;
  W: number;
  /** Most lines of a program. */
  L: number;
}

interface ElboTensors {
  scored: Tensor;
  first: Tensor;
  count: Tensor;
  cost: Tensor;
  /** log q of each line's decision and content; null where the objective does not weigh by it. */
  logQ: Tensor | null;
  lineLogprob: Tensor;
  reward: Tensor;
  advantage: Tensor;
  scale: Tensor;
  rowLine: Tensor;
  later: Tensor;
  settings: Tensor;
}

export interface EStepResult {
  metrics: Record<string, number | null>;
  traces: LatentTrace[];
  /** Tokens processed in this step (sampled and trained on). */
  tokens: number;
}

export class EStep {
  private readonly policy: Transformer;
  private readonly shape: EStepShape;
  private readonly latent: LatentPolicy;
  private readonly settings: ElboSettings;
  private readonly logZ: number;
  private readonly alpha: number;
  readonly rollout: LatentRollout;
  private readonly score: BatchPlan;
  readonly train: BatchPlan;
  private readonly optimizer: Optimizer;
  private readonly t: ElboTensors;
  private readonly qRows: BatchRows;
  private readonly piRows: BatchRows;

  private constructor(
    models: { policy: Transformer; optimizer: Optimizer },
    shape: EStepShape,
    latent: LatentPolicy,
    elbo: { settings: ElboSettings; logZ: number },
    plans: { rollout: LatentRollout; score: BatchPlan; train: BatchPlan },
    t: ElboTensors,
  ) {
    this.policy = models.policy;
    this.optimizer = models.optimizer;
    this.shape = shape;
    this.latent = latent;
    this.settings = elbo.settings;
    this.logZ = elbo.logZ;
    this.alpha = alphaOfPenalty(elbo.settings.c, elbo.logZ);
    this.rollout = plans.rollout;
    this.score = plans.score;
    this.train = plans.train;
    this.t = t;
    this.qRows = new BatchRows(shape.P * shape.G, shape.T);
    this.piRows = new BatchRows(shape.P * shape.G, shape.T);
  }

  /** `policy` is q (trained), `frozen` is pi. */
  static async make(
    policy: Transformer,
    frozen: Transformer,
    optimizer: Optimizer,
    shape: EStepShape,
    latent: LatentPolicy,
    elbo: { settings: ElboSettings; logZ: number },
  ): Promise<EStep> {
    const { P, G, T, S, W, L } = shape;
    const B = P * G;
    const R = B * T;
    const N = B * L;
    const { settings } = elbo;
    const t = {} as ElboTensors;
    const lead = (graph: Graph, inputs: BatchInputs, score: BatchPlan): void => {
      const u32 = (label: string, shape: number[]) => graph.input(label, shape, 'u32');
      t.scored = graph.input('scored', [R]);
      t.first = u32('line first', [N]);
      t.count = u32('line count', [N]);
      t.cost = graph.input('line cost', [N]);
      t.logQ = settings.objective === 'importance-weighted' ? graph.input('log q', [N]) : null;
      t.lineLogprob = graph.input('line logprob', [N]);
      t.reward = graph.input('line reward', [N]);
      t.advantage = graph.input('advantage', [N]);
      t.scale = graph.input('scale', [1]);
      t.rowLine = u32('row line', [R]);
      t.later = graph.input('later entropy', [R]);
      t.settings = graph.input('elbo settings', [2]);
      graph.dispatch('latent/line_rewards', [score.inputs.logprob, t.scored, t.first, t.count, t.cost, t.lineLogprob, t.reward], {
        args: { N, normalised: settings.lengthNormalised ? 1 : 0 },
        grid: flatGrid(N),
      });
      const grid = Math.ceil((P * L) / 64);
      if (t.logQ) graph.dispatch('latent/importance_advantages', [t.reward, t.logQ, t.count, t.advantage], { args: { P, G, L }, grid });
      else {
        const factor = settings.exact ? leaveOneOut(G) : 1;
        graph.dispatch('latent/advantages', [t.reward, t.count, t.advantage], { args: { P, G, L, gamma: settings.gamma, factor }, grid });
      }
      graph.dispatch('latent/advantage_scale', [t.advantage, t.count, t.scale], {
        args: { N, normalise: settings.normalised ? 1 : 0 },
        grid: 1,
      });
      graph.dispatch('latent/policy_weights', [t.rowLine, t.later, t.advantage, t.scale, t.settings, inputs.weight, inputs.entropyWeight], {
        args: { R },
        grid: flatGrid(R),
      });
    };
    const made: { destroy(): void }[] = [];
    try {
      const rollout = await LatentRollout.make(policy, B, T, S, W, latent);
      made.push(rollout);
      const score = await makeScorePlan(frozen, { B, T, W, pinned: W > 0 });
      made.push(score);
      const batch = { B, T, W, pinned: W > 0, bias: latent.bias };
      const train = await makeTrainPlan(policy, optimizer, batch, { lead: (graph, inputs) => lead(graph, inputs, score) });
      return new EStep({ policy, optimizer }, shape, latent, elbo, { rollout, score, train }, t);
    } catch (e) {
      for (const plan of made) plan.destroy();
      throw e;
    }
  }

  /** One rollout of the first `programs` (each once) under q, expert lines forced. */
  async sample(programs: readonly Program[], seed: number, stream: number): Promise<LatentTrace[]> {
    const record = await this.rollout.run(
      programs.map((p) => scriptOf(p, true)),
      seed,
      stream,
    );
    return programs.map((p, row) => readTrace(record, row, this.shape.T, p, this.latent.form));
  }

  /** Log-probabilities under pi of each trace's tokens: entry i of a row belongs to token i + 1. At most P G traces. */
  async scoreFrozen(traces: readonly LatentTrace[]): Promise<Float32Array[]> {
    this.fillFrozen(traces);
    this.score.write(this.piRows);
    this.score.plan.run();
    const { logprob } = await this.score.readRows();
    return traces.map((_, b) => logprob.slice(b * this.shape.T, (b + 1) * this.shape.T));
  }

  private fillFrozen(traces: readonly LatentTrace[]): void {
    this.piRows.clear();
    traces.forEach(({ sequence }, b) => {
      this.piRows.setSequence(b, sequence.ids, sequence.pinLo, sequence.pinHi);
      for (let i = 0; i + 1 < sequence.ids.length; i++)
        if (sequence.roles[i + 1] === ROLE.line) this.piRows.setRow(b, i, sequence.ids[i + 1] as number, 1);
    });
  }

  /** One E-step on P programs: G rollouts of each, and the update by them. */
  async step(programs: readonly Program[], lr: number, seed: number, stream: number): Promise<EStepResult> {
    const { P, G } = this.shape;
    if (programs.length !== P) throw new RangeError(`${programs.length} programs for an E-step of ${P}.`);
    const traces = await this.sample(
      programs.flatMap((p) => new Array<Program>(G).fill(p)),
      seed,
      stream,
    );
    const metrics = await this.update(programs, traces, lr);
    return { metrics, traces, tokens: 3 * traces.reduce((n, t) => n + t.sequence.ids.length, 0) };
  }

  /** One update of q by G rollouts of each of P programs, one program after the other; leaves the rows' weights in the training plan. */
  async update(programs: readonly Program[], traces: readonly LatentTrace[], lr: number): Promise<Record<string, number | null>> {
    const { P, G, T, L } = this.shape;
    const { settings } = this;
    const { gpu } = this.policy;
    const group = this.describe(programs, traces, G);
    const q = this.policyTrace(traces);
    this.fillFrozen(traces);
    this.qRows.clear();
    const R = P * G * T;
    const scored = new Float32Array(R);
    const rowLine = new Uint32Array(R).fill(0xffffffff);
    const later = new Float32Array(R);
    const first = new Uint32Array(P * G * L);
    const count = new Uint32Array(P * G * L);
    const cost = new Float32Array(P * G * L);
    traces.forEach((trace, b) => {
      const { sequence } = trace;
      const targets = targetsOf(sequence, 'policy-estep', { latent: this.latent.form });
      setTargets(this.qRows, b, sequence, targets, () => 0);
      for (let i = 0; i + 1 < sequence.ids.length; i++) scored[b * T + i] = sequence.scored[i + 1] as number;
      sequence.lineStart.forEach((start, t) => {
        const n = b * L + t;
        first[n] = b * T + start - 1;
        count[n] = (trace.written[t] as number[]).length;
        cost[n] = group.think[n] ? thoughtCost(settings, group.latentTokens[n] as number, group.capHit[n] === 1) : 0;
        if (settings.exact)
          cost[n] = (cost[n] as number) - settings.eta * ((trace.decisionEntropy[t] as number) + (q.contentEntropy[n] as number));
      });
      // rows of the policy's own tokens, last to first, so that each knows the entropy of its thought's later rows (unless the returns hold it)
      let line = -1;
      let sum = 0;
      for (let i = sequence.ids.length - 2; i >= 0; i--) {
        if (!targets.weight[i]) continue;
        const own = sequence.line[i + 1] as number;
        if (own !== line) [line, sum] = [own, 0];
        rowLine[b * T + i] = b * L + own;
        later[b * T + i] = sum;
        if (!targets.decision[i] && !settings.exact) sum += trace.entropy[i + 1] as number;
      }
    });
    const { t } = this;
    this.score.write(this.piRows);
    this.train.write(this.qRows, { weights: false });
    writeTensor(gpu, t.scored, scored);
    writeTensor(gpu, t.first, first);
    writeTensor(gpu, t.count, count);
    writeTensor(gpu, t.cost, cost);
    if (t.logQ)
      writeTensor(
        gpu,
        t.logQ,
        Float32Array.from(q.decisionLogprob, (d, n) => d + (q.contentLogprob[n] as number)),
      );
    writeTensor(gpu, t.rowLine, rowLine);
    writeTensor(gpu, t.later, later);
    writeTensor(gpu, t.settings, Float32Array.of(1 / lineTotal(group), settings.eta));
    this.score.plan.run();
    this.optimizer.step(this.train, { ...ADAMW_DEFAULTS, lr });
    const [lineLogprob, norm] = await readTensors(gpu, [t.lineLogprob, this.optimizer.norm]);
    group.lineLogprob.set(lineLogprob as Float32Array);
    await this.optimizer.reports();
    return {
      ...eStepMetrics(group, q, settings, { alpha: this.alpha, logZ: this.logZ }),
      ...abstractionMetrics(traces),
      'grad/norm': (norm as Float32Array)[0] as number,
    };
  }

  /**
   * Thoughts for each program under q: of `samples` rollouts (at most P G) the one with the highest summed reward under pi, costs included; the first
   * of equals. One sample is taken as it is.
   */
  async infuse(
    programs: readonly Program[],
    samples: number,
    seed: number,
    stream: number,
  ): Promise<{ traces: LatentTrace[]; tokens: number }> {
    const traces = await this.sample(
      programs.flatMap((p) => new Array<Program>(samples).fill(p)),
      seed,
      stream,
    );
    const tokens = traces.reduce((n, t) => n + t.sequence.ids.length, 0);
    if (samples === 1) return { traces, tokens };
    const logprobs = await this.scoreFrozen(traces);
    const group = this.describe(programs, traces, samples);
    traces.forEach(({ sequence }, b) => {
      group.lineLogprob.set(lineLogprobs(sequence, logprobs[b] as Float32Array).sum, b * this.shape.L);
    });
    const rewards = lineRewards(group, this.settings);
    return { traces: bestOf(rewards, this.shape.L, samples).map((row) => traces[row] as LatentTrace), tokens: 2 * tokens };
  }

  private describe(programs: readonly Program[], traces: readonly LatentTrace[], G: number): Group {
    const { L } = this.shape;
    const N = traces.length * L;
    const group: Group = {
      programs: programs.length,
      group: G,
      lines: L,
      lineCount: Int32Array.from(programs, (p) => p.lines.length),
      lineLogprob: new Float64Array(N),
      scoredTokens: new Int32Array(N),
      think: new Uint8Array(N),
      latentTokens: new Int32Array(N),
      capHit: new Uint8Array(N),
    };
    traces.forEach((trace, b) => {
      trace.latents.forEach((latent, t) => {
        const n = b * L + t;
        group.think[n] = latent ? 1 : 0;
        group.latentTokens[n] = latent?.length ?? 0;
        group.capHit[n] = trace.capHit[t] as number;
        group.scoredTokens[n] = (trace.program.lines[t]?.scored ?? []).filter(Boolean).length;
      });
    });
    return group;
  }

  private policyTrace(traces: readonly LatentTrace[]): PolicyTrace {
    const { P, G, L } = this.shape;
    const N = P * G * L;
    const out: PolicyTrace = {
      thinkProbability: new Float64Array(N),
      decisionLogprob: new Float64Array(N),
      contentLogprob: new Float64Array(N),
      contentEntropy: new Float64Array(N),
    };
    traces.forEach((trace, b) => {
      const { sequence } = trace;
      trace.latents.forEach((_, t) => {
        out.thinkProbability[b * L + t] = thinkProbability(trace, t);
        out.decisionLogprob[b * L + t] = trace.decisionLogprob[t] as number;
      });
      for (let i = 0; i < sequence.ids.length; i++) {
        const role = sequence.roles[i];
        if (!sequence.sampled[i] || (role !== ROLE.content && role !== ROLE.contentEnd)) continue;
        const n = b * L + (sequence.line[i] as number);
        out.contentLogprob[n] = (out.contentLogprob[n] as number) + (trace.logprob[i] as number);
        out.contentEntropy[n] = (out.contentEntropy[n] as number) + (trace.entropy[i] as number);
      }
    });
    return out;
  }

  destroy(): void {
    this.rollout.destroy();
    this.score.destroy();
    this.train.destroy();
  }
}
