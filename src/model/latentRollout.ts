// Rollouts of the latent policy: B rows side by side, each walking its script (prompt and lines), thinking where the policy decides to; everything
// on the GPU until all are done. The step is the generator's (decodeStep.ts), the sampler is latent/policy_sampler.
// Refuses: scripts that are empty or longer than the rollout takes, and undecided lines in a codebook's form, whose act is a token.
import { asUints, type Plan, readTensors, type Tensor, tracePlan, viewState, writeTensor } from '../engine/graph.ts';
import { lanes, rowGrid } from '../engine/rowGrid.ts';
import type { LatentForm } from '../tasks/task.ts';
import { createCache, traceLogits, traceStep } from './decodeStep.ts';
import { ModelError } from './modelError.ts';
import type { Transformer } from './transformer.ts';

/** What a row of a LatentRollout is to do: its prompt, then its lines (see shaders/latent/policy_sampler.wgsl). */
export interface Script {
  prompt: readonly number[];
  /** `acts`: the policy is not asked here, and does not think (text form). */
  lines: readonly { tokens: readonly number[]; sampled: readonly boolean[]; acts?: boolean }[];
}

/** Per-token results of a rollout, B rows of T: see the shader's head for role and record. */
export interface RolloutRecord {
  ids: Uint32Array; // (B, T)
  role: Uint32Array; // (B, T)
  /** (B, T, 4): logprob, entropy, decision logprob, decision entropy. */
  record: Float32Array;
  /** Tokens per row, prompt included. */
  lengths: Uint32Array; // (B)
}

export interface LatentPolicy {
  form: LatentForm;
  /** Ids that sampled line tokens may take: [symbolLo, symbolHi). */
  symbolLo: number;
  symbolHi: number;
  /** Added to the logit of P(think) in text form. */
  bias: number;
}

/** What a rollout may not choose: thoughts altogether, or some contents of a codebook. */
export type SwitchedOff = 'thoughts' | readonly number[];
/** Contents that have a bit in the sampler's settings. */
const MOST_SCREENED = 96;

/** Words 12 to 15 of the sampler's settings. */
function screen(form: LatentForm, off: SwitchedOff): [number, number, number, number] {
  const words: [number, number, number, number] = [0, 0, 0, 0];
  if (off.length === 0) return words;
  if (form.kind !== 'codebook') throw new ModelError('Thoughts that are free text cannot be switched off in sampling; a codebook’s can.');
  if (off === 'thoughts') words[0] = 1;
  else {
    const { contentLo, contentHi } = form;
    for (const id of off) {
      const k = id - contentLo;
      if (!(k >= 0 && id < contentHi)) throw new ModelError(`${id} is no latent: the codebook's are ${contentLo} to ${contentHi - 1}.`);
      if (k >= MOST_SCREENED)
        throw new ModelError(`Latent ${id} cannot be switched off: only the first ${MOST_SCREENED} of the codebook can.`);
      const word = (1 + (k >>> 5)) as 1 | 2 | 3;
      words[word] = (words[word] | (1 << (k & 31))) >>> 0;
    }
    if (new Set(off).size >= contentHi - contentLo)
      throw new ModelError('Every latent is switched off, so nothing is left to think. Switch thoughts off instead.');
  }
  return words;
}

/** Rollouts of the latent policy: B rows of at most T tokens, scripts of at most S tokens, window W. */
export class LatentRollout {
  private readonly model: Transformer;
  readonly B: number;
  readonly T: number;
  readonly S: number;
  private readonly stride: number;
  private readonly plan: Plan;
  private readonly policy: LatentPolicy;
  private readonly settings: Tensor;
  private readonly script: Tensor;
  private readonly state: Tensor;
  private readonly ids: Tensor;
  private readonly role: Tensor;
  private readonly record: Tensor;

  private constructor(
    model: Transformer,
    B: number,
    T: number,
    S: number,
    stride: number,
    policy: LatentPolicy,
    plan: Plan,
    t: Record<'settings' | 'script' | 'state' | 'ids' | 'role' | 'record', Tensor>,
  ) {
    this.model = model;
    this.B = B;
    this.T = T;
    this.S = S;
    this.stride = stride;
    this.policy = policy;
    this.plan = plan;
    this.settings = t.settings;
    this.script = t.script;
    this.state = t.state;
    this.ids = t.ids;
    this.role = t.role;
    this.record = t.record;
  }

  static async make(model: Transformer, B: number, T: number, S: number, W: number, policy: LatentPolicy): Promise<LatentRollout> {
    const { gpu } = model;
    const stride = Math.ceil(B / 64) * 64;
    // the plan owns all of it
    const { plan, value } = await tracePlan(gpu, 'rollout', (graph) => {
      const u32 = (label: string, shape: number[]): Tensor => graph.input(label, shape, 'u32');
      const tensors = {
        settings: u32('settings', [16]),
        script: u32('script', [B, S, 2]),
        state: u32('rollout state', [8, stride]),
        ids: u32('ids', [B, T]),
        role: u32('role', [B, T]),
        record: graph.input('record', [B, T, 4]),
      };
      const cache = createCache(model, B, T, (label, shape) => graph.input(label, shape));
      const slots = u32('slots', [B]);
      const each = Uint32Array.from({ length: B }, (_, b) => b);
      writeTensor(gpu, slots, each);
      const row = (i: number, label: string, shape: number[]): Tensor => viewState(tensors.state, label, i * stride, shape);
      const inputs = {
        slots,
        positions: row(0, 'positions', [B]),
        ids: row(1, 'ids', [B]),
        pins: row(2, 'pins', [B, 2]),
        pinned: W > 0,
      };
      traceLogits(graph, model, traceStep(graph, model, cache, inputs, W), ({ logits, rows, firstRow, V, ld }) => {
        const LANES = lanes(graph, V);
        const { settings, script, state, ids, role, record } = tensors;
        graph.dispatch('latent/policy_sampler', [logits, settings, script, state, ids, role, record], {
          overrides: { LANES },
          args: { rows, firstRow, V, ld, T, S, stride },
          grid: rowGrid(rows, LANES),
          cost: rows * V * 40,
        });
      });
      return tensors;
    });
    return new LatentRollout(model, B, T, S, stride, policy, plan, value);
  }

  /**
   * Rolls every script out (at most B). (seed, stream) names the random numbers: the same pair gives the same rollout. `bias` replaces the policy's. What
   * is switched off is left out of its softmax; the noise of what is left stays the same.
   */
  async run(
    scripts: readonly Script[],
    seed: number,
    stream: number,
    bias = this.policy.bias,
    off: SwitchedOff = [],
  ): Promise<RolloutRecord> {
    const { gpu } = this.model;
    const { B, T, S, stride } = this;
    if (scripts.length > B) throw new ModelError(`${scripts.length} scripts for a rollout of ${B} rows.`);
    const script = new Uint32Array(B * S * 2);
    const state = new Uint32Array(8 * stride);
    const ids = new Uint32Array(B * T);
    let steps = 0;
    const { form, symbolLo, symbolHi } = this.policy;
    const perThought = form.kind === 'codebook' ? 2 : form.maxLatentTokens + 2;
    for (let b = 0; b < B; b++) {
      const s = scripts[b];
      state[4 * stride + b] = 1;
      if (!s) {
        state[7 * stride + b] = 1;
        continue;
      }
      const total = s.prompt.length + s.lines.reduce((n, l) => n + l.tokens.length, 0);
      if (total > S || s.prompt.length < 1) throw new ModelError(`A script has ${total} tokens; this rollout takes 1 to ${S}.`);
      let at = b * S * 2;
      const put = (token: number, flags: number): void => {
        script[at++] = token;
        script[at++] = flags;
      };
      for (const id of s.prompt) put(id, 4);
      s.lines.forEach((line) => {
        if (line.acts && form.kind === 'codebook') throw new ModelError('A codebook’s act is a token, so every line is decided at.');
        line.tokens.forEach((id, i) => put(id, (line.sampled[i] ? 1 : 0) | (i === 0 && !line.acts ? 2 : 0)));
      });
      script[at - 1] = (script[at - 1] as number) | 8;
      ids[b * T] = s.prompt[0] as number;
      state[stride + b] = s.prompt[0] as number;
      steps = Math.max(steps, total + s.lines.length * perThought);
    }
    writeTensor(gpu, this.script, script);
    writeTensor(gpu, this.state, state);
    writeTensor(gpu, this.ids, ids);
    const f32 = new Uint32Array(Float32Array.of(bias).buffer)[0] as number;
    const screened = screen(form, off);
    const settings =
      form.kind === 'codebook'
        ? [
            seed >>> 0,
            stream >>> 0,
            0,
            form.act,
            form.think,
            form.contentLo,
            form.contentHi,
            0xffffffff,
            1,
            symbolLo,
            symbolHi,
            f32,
            ...screened,
          ]
        : [
            seed >>> 0,
            stream >>> 0,
            1,
            0xffffffff,
            form.think,
            0,
            this.model.architecture.vocabulary,
            form.contentEnd,
            form.maxLatentTokens,
            symbolLo,
            symbolHi,
            f32,
            ...screened,
          ];
    writeTensor(gpu, this.settings, Uint32Array.from(settings));
    this.plan.run(Math.min(steps, T) - 1);
    const [a, r, q, s] = await readTensors(gpu, [this.ids, this.role, this.record, this.state]);
    const positions = asUints(s as Float32Array).subarray(0, B);
    return {
      ids: asUints(a as Float32Array),
      role: asUints(r as Float32Array),
      record: q as Float32Array,
      lengths: positions.map((p) => p + 1),
    };
  }

  destroy(): void {
    this.plan.destroy();
  }
}
