// The generator's steps on the GPU: the caches and settings of S slots, and plans for steps of few and many rows, made when first needed. Tokens,
// positions and the sampler's state stay on the GPU for the steps of a burst; a small ring per slot is read after it.
// Refuses: caches that the adapter cannot bind, contexts that the model does not have.
import {
  createState,
  type Dtype,
  freeState,
  type Graph,
  type Plan,
  readTensors,
  type Tensor,
  tracePlan,
  viewState,
  writeTensor,
} from '../engine/graph.ts';
import { createCache, type SlotCache, traceLogits, traceStep } from './decodeStep.ts';
import type { CheckedRequest, Sampled, StepEngine, StepRow } from './generator.ts';
import { ModelError } from './modelError.ts';
import type { Transformer } from './transformer.ts';

/** Rows of prefill steps: a piece of a prompt fills the first that it more than half fills. */
export const PREFILL_ROWS: readonly number[] = [64, 16, 4];

/** The sizes of the prefill steps for so many rows, in order; only the last may have rows to spare. */
export function prefillSteps(rows: number): number[] {
  const smallest = PREFILL_ROWS.at(-1) as number;
  const steps: number[] = [];
  for (let left = rows; left > 0; left -= steps.at(-1) as number) steps.push(PREFILL_ROWS.find((b) => left > b / 2) ?? smallest);
  return steps;
}

/** Rows of the decoding step for n of S slots: S, S/2, S/4 ... 1, the least that holds them. */
export function decodeRows(n: number, S: number): number {
  let rows = S;
  while (rows > 1 && Math.ceil(rows / 2) >= n) rows = Math.ceil(rows / 2);
  return rows;
}

/** The most steps between two reads. */
export const LONGEST_BURST = 16;
/** Words of settings per slot; see shaders/sample/token.wgsl. */
const SETTINGS = 8;
const bitsOf = (...values: number[]): number[] => [...new Uint32Array(Float32Array.from(values).buffer)];

export class SlotDecoder implements StepEngine {
  readonly slots: number;
  readonly capacity: number;
  readonly vocabulary: number;
  private readonly model: Transformer;
  private readonly cache: SlotCache;
  private readonly owned: Tensor[];
  /** Rows of `state`: slot, position, current token. */
  private readonly stride: number;
  private readonly state: Tensor;
  private readonly pins: Tensor;
  private readonly settings: Tensor;
  private readonly seen: Tensor;
  private readonly words: number;
  private readonly ring: Tensor;
  /** Position of the last token, by slot. */
  private readonly last: Uint32Array;
  private readonly plans = new Map<string, Plan>();

  private constructor(model: Transformer, S: number, T: number, owned: Tensor[]) {
    const make = (label: string, shape: number[], dtype: Dtype): Tensor => {
      const t = createState(model.gpu, label, shape, dtype);
      owned.push(t);
      return t;
    };
    this.model = model;
    this.owned = owned;
    this.slots = S;
    this.capacity = T;
    this.vocabulary = model.architecture.vocabulary;
    this.words = Math.ceil(this.vocabulary / 32);
    this.last = new Uint32Array(S);
    this.stride = Math.ceil(Math.max(S, ...PREFILL_ROWS) / 64) * 64;
    this.cache = createCache(model, S, T, (label, shape) => make(label, shape, 'f32'));
    this.state = make('decoder rows', [3, this.stride], 'u32');
    this.pins = make('decoder pins', [this.stride, 2], 'u32');
    this.settings = make('sampler settings', [S, SETTINGS], 'u32');
    this.seen = make('seen tokens', [S, this.words], 'u32');
    this.ring = make('sampled tokens', [S, LONGEST_BURST, 4], 'u32');
  }

  /** Throws ModelError when S slots of T tokens cannot be had from this model or adapter, GpuError('memory') when there is no room. */
  static async make(model: Transformer, S: number, T: number): Promise<SlotDecoder> {
    if (!(Number.isInteger(S) && S >= 1 && Number.isInteger(T) && T >= 2))
      throw new ModelError(`A generator of ${S} slots of ${T} tokens: at least 1 slot and 2 tokens are needed, as integers.`);
    const owned: Tensor[] = [];
    try {
      return await model.gpu.guarded('the caches of a generator', () => new SlotDecoder(model, S, T, owned));
    } catch (e) {
      for (const t of owned) freeState(model.gpu, t);
      throw e;
    }
  }

  admit(slot: number, request: CheckedRequest, last: number): void {
    const { gpu } = this.model;
    const { seed, stream, temperature, topK, topP, minP, repetitionPenalty } = request;
    const settings = [seed, stream, ...bitsOf(temperature), topK, ...bitsOf(topP, minP, repetitionPenalty), last];
    this.last[slot] = last;
    writeTensor(gpu, this.settings, Uint32Array.from(settings), slot * SETTINGS);
    if (repetitionPenalty === 1) return;
    const seen = new Uint32Array(this.words);
    for (const id of request.promptIds) seen[id >>> 5] = (seen[id >>> 5] as number) | (1 << (id & 31));
    writeTensor(gpu, this.seen, seen, slot * this.words);
  }

  async prefill(rows: readonly StepRow[]): Promise<void> {
    let first = 0;
    for (const R of prefillSteps(rows.length)) {
      const plan = await this.plan(`prefill ${R}`, (graph) => {
        traceStep(graph, this.model, this.cache, this.inputs(R));
      });
      this.writeRows(rows.slice(first, first + R));
      plan.run();
      first += R;
    }
  }

  async decode(rows: readonly StepRow[], steps: number, filters: boolean): Promise<Sampled[]> {
    if (steps > LONGEST_BURST) throw new ModelError(`${steps} steps between two reads; the ring holds ${LONGEST_BURST}.`);
    const plan = await this.prepare(rows, filters);
    plan.run(steps);
    const [read] = (await readTensors(this.model.gpu, [this.ring])) as [Float32Array];
    const words = new Uint32Array(read.buffer, read.byteOffset, read.length);
    return rows.map(({ slot, position }) => {
      const out: Sampled = { ids: [], logprobs: [], entropies: [] };
      const end = Math.min(position + steps, this.last[slot] as number);
      for (let p = position + 1; p <= end; p++) {
        const at = 4 * (slot * LONGEST_BURST + (p % LONGEST_BURST));
        out.ids.push(words[at] as number);
        out.logprobs.push(read[at + 1] as number);
        out.entropies.push(read[at + 2] as number);
      }
      return out;
    });
  }

  /** The decoding step for these rows, which stand ready in it: each run() takes them one token further. */
  async prepare(rows: readonly StepRow[], filters: boolean): Promise<Plan> {
    const R = decodeRows(rows.length, this.slots);
    const plan = await this.plan(`decode ${R}${filters ? ' filtered' : ''}`, (graph) => this.traceDecode(graph, R, filters));
    this.writeRows(rows);
    return plan;
  }

  destroy(): void {
    for (const plan of this.plans.values()) plan.destroy();
    this.plans.clear();
    for (const t of this.owned) freeState(this.model.gpu, t);
  }

  private async plan(name: string, trace: (graph: Graph) => void): Promise<Plan> {
    let plan = this.plans.get(name);
    if (!plan) {
      ({ plan } = await tracePlan(this.model.gpu, name, trace));
      this.plans.set(name, plan);
    }
    return plan;
  }

  private inputs(R: number): { slots: Tensor; positions: Tensor; ids: Tensor; pins: Tensor; pinned: boolean } {
    const row = (i: number, label: string): Tensor => viewState(this.state, label, i * this.stride, [R]);
    return {
      slots: row(0, 'slots'),
      positions: row(1, 'positions'),
      ids: row(2, 'ids'),
      pins: viewState(this.pins, 'pins', 0, [R, 2]),
      pinned: false,
    };
  }

  private traceDecode(graph: Graph, R: number, filters: boolean): void {
    const hidden = traceStep(graph, this.model, this.cache, this.inputs(R));
    traceLogits(graph, this.model, hidden, ({ logits, rows, firstRow, V, ld }) => {
      const LANES = this.model.gpu.software ? 1 : V < 1024 ? 16 : 256;
      const GROUP = Math.max(64, LANES);
      graph.dispatch('sample/token', [logits, this.settings, this.state, this.seen, this.ring], {
        overrides: { LANES, GROUP, FILTER: filters ? 1 : 0 },
        args: { rows, firstRow, V, ld, S: this.slots, stride: this.stride, words: this.words, ring: LONGEST_BURST, lanes: LANES },
        grid: Math.ceil((rows * LANES) / GROUP),
        cost: rows * V * (filters ? 800 : 30),
      });
    });
  }

  /** Rows beyond those given are idle. */
  private writeRows(rows: readonly StepRow[]): void {
    const state = new Uint32Array(3 * this.stride).fill(this.slots, 0, this.stride);
    rows.forEach(({ slot, position, id }, r) => {
      state[r] = slot;
      state[this.stride + r] = position;
      state[2 * this.stride + r] = id;
    });
    writeTensor(this.model.gpu, this.state, state);
  }
}
