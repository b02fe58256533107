// Cached decoding of B rows side by side, one token a step, everything on the GPU: positions, tokens and the sampler's state never leave it
// between steps. Two samplers on the same step: free text (Generator) and the latent policy with its scripts (LatentRollout).
// Refuses: rows longer than the cache.
import { type Plan, Graph, type Tensor, asUints, createState, freeState, readTensors, viewState, writeTensor } from '../engine/graph.ts';
import { cachedAttention } from '../engine/attention.ts';
import { chunkRows, emitLogits, logitStride } from '../engine/ops.ts';
import { lanes, rowGrid } from '../engine/rowGrid.ts';
import type { LatentForm } from '../tasks/task.ts';
import { ModelError } from './modelError.ts';
import type { Transformer } from './transformer.ts';

interface DecodeState {
  position: Tensor; // (B) u32
  current: Tensor; // (B) u32
  pins: Tensor; // (B, 2) u32
}

/** One token of every row: embeds `current`, attends over the caches at `position`; the sampler sees the logits in chunks of rows. */
function traceStep(
  graph: Graph,
  model: Transformer,
  B: number,
  T: number,
  W: number,
  state: DecodeState,
  sample: (logits: Tensor, rows: number, firstRow: number, ld: number) => void,
): void {
  const { heads: H, kvHeads: K, headDim: D, vocabulary: V, attentionScale: scale } = model.architecture;
  const inputs = { ids: state.current, positions: state.position, order: null, positionOrder: null };
  const slots = graph.input('slots', [B], 'u32');
  writeTensor(graph.gpu, slots, Uint32Array.from({ length: B }, (_, b) => b));
  const hidden = model.hidden(graph, inputs, (qkv, layer) => {
    const cache = graph.input(`cache ${layer}`, [B, T, 2, K, D]);
    const shape = { R: B, S: B, T, H, K, D, W: model.windowOf(layer, W), scale };
    const rows = { slots, positions: state.position, pins: state.pins, pinned: W > 0 };
    return cachedAttention(graph, qkv, cache, shape, rows, model.ropeOf(layer));
  });
  const ld = logitStride(V);
  const chunk = chunkRows(B, V);
  for (let firstRow = 0; firstRow < B; firstRow += chunk) {
    const rows = Math.min(chunk, B - firstRow);
    const logits = graph.temp('logits', [rows, ld]);
    emitLogits(graph, hidden, model.head, logits, { rows, firstRow, ld });
    sample(logits, rows, firstRow, ld);
  }
}

export interface SamplingOptions {
  maxTokens: number;
  /** 0 = greedy. */
  temperature: number;
  /** 0 = all. */
  topK: number;
  /** 1 = all. */
  topP: number;
  seed: number;
  /** Generation of a row ends with any of these (the token is kept). */
  stopIds: readonly number[];
}

export interface Generated {
  /** What was generated after the prompt. */
  ids: number[];
  /** log p(ids[i] | prompt, ids[<i]) under the model, temperature 1, all tokens. */
  logprobs: number[];
}

/** Free generation for up to B rows of at most T tokens. */
export class Generator {
  private readonly model: Transformer;
  readonly B: number;
  readonly T: number;
  private readonly plan: Plan;
  private readonly owned: Tensor[];
  private readonly state: DecodeState;
  private readonly settings: Tensor;
  private readonly promptLength: Tensor;
  private readonly ids: Tensor;
  private readonly logprob: Tensor;

  private constructor(model: Transformer, B: number, T: number, plan: Plan, tensors: Tensor[]) {
    this.model = model;
    this.B = B;
    this.T = T;
    this.plan = plan;
    this.owned = tensors;
    const [position, current, pins, settings, promptLength, ids, logprob] = tensors as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    this.state = { position, current, pins };
    this.settings = settings;
    this.promptLength = promptLength;
    this.ids = ids;
    this.logprob = logprob;
  }

  /** `filter` compiles top-k and top-p in; leave it out for plain temperature sampling. */
  static async make(model: Transformer, B: number, T: number, filter: boolean): Promise<Generator> {
    const { gpu } = model;
    const u32 = (label: string, shape: number[]) => createState(gpu, label, shape, 'u32');
    const tensors = [
      u32('position', [B]),
      u32('current', [B]),
      u32('pins', [B, 2]),
      u32('settings', [8]),
      u32('prompt length', [B]),
      u32('ids', [B, T]),
      createState(gpu, 'logprob', [B, T]),
    ];
    const [position, current, pins, settings, promptLength, ids, logprob] = tensors as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const graph = new Graph(gpu, 'generate');
    const V = model.architecture.vocabulary;
    const LANES = lanes(graph, V);
    traceStep(graph, model, B, T, 0, { position, current, pins }, (logits, rows, firstRow, ld) =>
      graph.dispatch('sample/token', [logits, settings, promptLength, position, current, ids, logprob], {
        overrides: { LANES, FILTER: filter ? 1 : 0 },
        args: { rows, firstRow, V, ld, T },
        grid: rowGrid(rows, LANES),
        cost: rows * V * (filter ? 200 : 40),
      }),
    );
    return new Generator(model, B, T, await graph.compile(), tensors);
  }

  /** Generates after each prompt. `onTokens` sees row 0's new ids every few tokens; returning false stops. Throws ModelError on bad prompts. */
  async generate(
    prompts: readonly (readonly number[])[],
    options: SamplingOptions,
    onTokens?: (ids: number[]) => boolean,
  ): Promise<Generated[]> {
    const { gpu } = this.model;
    const { B, T } = this;
    if (prompts.length > B) throw new ModelError(`${prompts.length} prompts for a generator of ${B} rows.`);
    const longest = Math.max(...prompts.map((p) => p.length));
    const shortest = Math.min(...prompts.map((p) => p.length));
    if (shortest < 1) throw new ModelError('A prompt is empty; it needs at least one token.');
    if (longest + options.maxTokens > T)
      throw new ModelError(`Prompt of ${longest} and ${options.maxTokens} new tokens exceed the context of ${T}. Shorten one of them.`);
    for (const p of prompts)
      for (const id of p)
        if (!(id >= 0 && id < this.model.architecture.vocabulary))
          throw new ModelError(`Token id ${id} is beyond the vocabulary of ${this.model.architecture.vocabulary}.`);
    const ids = new Uint32Array(B * T);
    const lengths = new Uint32Array(B).fill(1);
    prompts.forEach((p, b) => {
      ids.set(p, b * T);
      lengths[b] = p.length;
    });
    writeTensor(gpu, this.ids, ids);
    writeTensor(gpu, this.promptLength, lengths);
    writeTensor(gpu, this.state.position, new Uint32Array(B));
    writeTensor(
      gpu,
      this.state.current,
      Uint32Array.from({ length: B }, (_, b) => ids[b * T] as number),
    );
    const bits = new Uint32Array(Float32Array.of(options.temperature, options.topP).buffer);
    writeTensor(gpu, this.settings, Uint32Array.of(options.seed >>> 0, 0, bits[0] as number, options.topK, bits[1] as number, 0, 0, 0));
    const steps = longest + options.maxTokens - 1;
    const done = (out: Uint32Array, at: number): boolean =>
      prompts.every((p, b) => at >= p.length + options.maxTokens || hasStop(out, b * T + p.length, b * T + at, options.stopIds));
    let at = 1;
    let shown = prompts[0]?.length ?? 0;
    let read: Float32Array[] = [];
    for (let left = steps; left > 0; ) {
      const burst = Math.min(left, at < shortest ? shortest : 8);
      this.plan.run(burst);
      left -= burst;
      at += burst;
      read = await readTensors(gpu, [this.ids, this.logprob]);
      const out = asUints(read[0] as Float32Array);
      if (onTokens && at > shown) {
        const end = Math.min(at, shown + cutAtStop(out.subarray(shown, at), options.stopIds));
        const go = onTokens([...out.subarray(shown, end)]);
        shown = end;
        if (!go) break;
      }
      if (done(out, at)) break;
    }
    const out = asUints(read[0] as Float32Array);
    return prompts.map((p, b) => {
      const from = b * T + p.length;
      const length = cutAtStop(out.subarray(from, b * T + Math.min(at, p.length + options.maxTokens)), options.stopIds);
      return { ids: [...out.subarray(from, from + length)], logprobs: [...(read[1] as Float32Array).subarray(from, from + length)] };
    });
  }

  destroy(): void {
    this.plan.destroy();
    for (const t of this.owned) freeState(this.model.gpu, t);
  }
}

const hasStop = (ids: Uint32Array, from: number, to: number, stops: readonly number[]): boolean =>
  stops.length > 0 && ids.subarray(from, to).some((id) => stops.includes(id));
function cutAtStop(ids: Uint32Array, stops: readonly number[]): number {
  const i = ids.findIndex((id) => stops.includes(id));
  return i < 0 ? ids.length : i + 1;
}

/** What a row of a LatentRollout is to do: its prompt, then its lines (see shaders/latent/policy_sampler.wgsl). */
export interface Script {
  prompt: readonly number[];
  lines: readonly { tokens: readonly number[]; sampled: readonly boolean[] }[];
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
    const u32 = (label: string, shape: number[]) => createState(gpu, label, shape, 'u32');
    const tensors = {
      settings: u32('settings', [16]),
      script: u32('script', [B, S, 2]),
      state: u32('rollout state', [8, stride]),
      ids: u32('ids', [B, T]),
      role: u32('role', [B, T]),
      record: createState(gpu, 'record', [B, T, 4]),
    };
    const row = (i: number, label: string): Tensor => viewState(tensors.state, label, i * stride, [B]);
    const graph = new Graph(gpu, 'rollout');
    const V = model.architecture.vocabulary;
    const LANES = lanes(graph, V);
    traceStep(
      graph,
      model,
      B,
      T,
      W,
      { position: row(0, 'position'), current: row(1, 'current'), pins: viewState(tensors.state, 'pins', 2 * stride, [B, 2]) },
      (logits, rows, firstRow, ld) =>
        graph.dispatch(
          'latent/policy_sampler',
          [logits, tensors.settings, tensors.script, tensors.state, tensors.ids, tensors.role, tensors.record],
          {
            overrides: { LANES },
            args: { rows, firstRow, V, ld, T, S, stride },
            grid: rowGrid(rows, LANES),
            cost: rows * V * 40,
          },
        ),
    );
    return new LatentRollout(model, B, T, S, stride, policy, await graph.compile(), tensors);
  }

  /** Rolls every script out (at most B). (seed, stream) names the random numbers: the same pair gives the same rollout. `bias` replaces the policy's. */
  async run(scripts: readonly Script[], seed: number, stream: number, bias = this.policy.bias): Promise<RolloutRecord> {
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
        line.tokens.forEach((id, i) => put(id, (line.sampled[i] ? 1 : 0) | (i === 0 ? 2 : 0)));
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
            0,
            0,
            0,
            0,
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
            0,
            0,
            0,
            0,
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
    for (const t of [this.settings, this.script, this.state, this.ids, this.role, this.record]) freeState(this.model.gpu, t);
  }
}
