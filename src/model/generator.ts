// Continuous batching: requests wait for one of S slots, their prompts are written to it, and all slots decode together, row by row of one step;
// a finished request gives its slot to the next in line. Events come as tokens are read. The GPU is behind StepEngine (slotDecoder.ts); here is
// what is decided when. A request draws its random numbers from (seed, stream) and positions alone: slot, batch and neighbours change none.
// Refuses: empty or too long prompts, ids beyond the vocabulary, settings out of range; a second run at a time.
import { ModelError } from './modelError.ts';
import { LONGEST_BURST, SlotDecoder } from './slotDecoder.ts';
import type { Transformer } from './transformer.ts';

/** Text that follows the ids as they come, and says when a stop string is complete (formats/textStream.ts). */
export interface RequestText {
  /** `used`: how many of the ids were taken, up to the one that completed a stop string. */
  push(ids: readonly number[]): { text: string; stopped: string | null; used: number };
  /** What was held back, when no more ids come. */
  end(): string;
}

export interface GenerationRequest {
  promptIds: readonly number[];
  maxTokens: number;
  /** 0 = greedy, the default. */
  temperature?: number;
  /** 0 = all, the default. */
  topK?: number;
  /** 1 = all, the default. */
  topP?: number;
  /** 0 = all, the default. */
  minP?: number;
  /** 1 = none, the default; of tokens of the prompt and of those generated. */
  repetitionPenalty?: number;
  /** Together they name the random numbers: the same pair, prompt and settings give the same text. 0 by default. */
  seed?: number;
  stream?: number;
  /** Generation ends with any of these; the token is kept. */
  stopIds?: readonly number[];
  /** Without it events have no text, and nothing but ids stops generation. */
  text?: RequestText;
}

/** `capacity`: the slot is full. */
export type FinishReason = 'stop id' | 'stop string' | 'length' | 'capacity' | 'aborted';

export interface Generated {
  /** What was generated after the prompt. */
  ids: number[];
  /** log p(ids[i] | prompt, ids[<i]) under the model, temperature 1, all tokens. */
  logprobs: number[];
  /** Entropy in nats of that distribution. */
  entropies: number[];
  text: string;
}

/** New tokens of one request; the last event of a request has done = true and a reason, and may have no tokens. */
export interface GenerationEvent extends Generated {
  request: number;
  done: boolean;
  reason: FinishReason | null;
}

/** A token to be fed at a position of a slot. */
export interface StepRow {
  slot: number;
  position: number;
  id: number;
}

/** What was sampled after a row, oldest first. */
export type Sampled = Omit<Generated, 'text'>;

export type CheckedRequest = Required<Omit<GenerationRequest, 'text'>> & { text: RequestText | null };

/** What the generator drives: S slots of T positions, and steps over rows of them. */
export interface StepEngine {
  readonly slots: number;
  readonly capacity: number;
  readonly vocabulary: number;
  /** Gives a slot the settings of a request; `last` is the position of its last token. */
  admit(slot: number, request: CheckedRequest, last: number): void;
  /** Feeds tokens whose next ones are known; rows of a slot in the order of their positions. */
  prefill(rows: readonly StepRow[]): Promise<void>;
  /** Feeds each row's token, samples the next, feeds that, `steps` times or to the row's last position. `filters`: some row asks for them. */
  decode(rows: readonly StepRow[], steps: number, filters: boolean): Promise<Sampled[]>;
  destroy(): void;
}

interface Entry {
  handle: number;
  request: CheckedRequest;
  aborted: boolean;
}
interface Active extends Entry {
  slot: number;
  /** The token to be fed next and its position. */
  position: number;
  id: number;
  last: number;
  made: number;
}

/** Whether the sampler must look for what to leave out. */
const filters = (r: CheckedRequest): boolean =>
  r.repetitionPenalty !== 1 || (r.temperature > 0 && (r.topK > 0 || r.topP < 1 || r.minP > 0));

export class Generator {
  private readonly engine: StepEngine;
  private readonly readEvery: number;
  private queue: Entry[] = [];
  private active: Active[] = [];
  private freeSlots: number[];
  private nextHandle = 0;
  private running = false;

  /** Tokens are read every `readEvery` steps (1 to 16). */
  constructor(engine: StepEngine, readEvery = 8) {
    if (!Number.isInteger(readEvery) || readEvery < 1 || readEvery > LONGEST_BURST)
      throw new ModelError(`Tokens read every ${readEvery} steps; it must be an integer from 1 to ${LONGEST_BURST}.`);
    this.engine = engine;
    this.readEvery = readEvery;
    this.freeSlots = Array.from({ length: engine.slots }, (_, slot) => slot);
  }

  /**
   * For `slots` requests at a time of at most `capacity` tokens each, prompt included. Throws ModelError when the model's context or the adapter's
   * binding limit is less, GpuError('memory') when there is no room.
   */
  static async make(model: Transformer, options: { slots: number; capacity: number; readEvery?: number }): Promise<Generator> {
    return new Generator(await SlotDecoder.make(model, options.slots, options.capacity), options.readEvery);
  }

  /** Puts a request in line and returns its handle. Throws ModelError when it cannot be served. */
  submit(request: GenerationRequest): number {
    return this.enqueue(this.checked(request));
  }

  private enqueue(request: CheckedRequest): number {
    const handle = this.nextHandle++;
    this.queue.push({ handle, request, aborted: false });
    return handle;
  }

  /** Ends a request where it is: its last event, with reason 'aborted', comes with the next ones. Unknown and finished handles are passed over. */
  abort(handle: number): void {
    for (const entry of [...this.queue, ...this.active]) if (entry.handle === handle) entry.aborted = true;
  }

  /** Requests that have not finished. */
  get pending(): number {
    return this.queue.length + this.active.length;
  }

  /**
   * Generates until no request is left; more may be submitted meanwhile. Leaving the loop early drops every unfinished request. Throws ModelError
   * when logits are not finite, GpuError when the device fails; both drop what is unfinished.
   */
  async *run(): AsyncGenerator<GenerationEvent, void, void> {
    if (this.running) throw new ModelError('This generator runs already; submit further requests to that run.');
    this.running = true;
    try {
      while (this.pending > 0) {
        yield* this.dropAborted();
        await this.admitNext();
        if (this.active.length === 0) continue;
        const steps = Math.min(this.readEvery, Math.max(...this.active.map((a) => a.last - a.position)));
        const rows = [...this.active];
        const sampled = await this.engine.decode(
          rows,
          steps,
          rows.some((a) => filters(a.request)),
        );
        // all are settled before any is told, so that whoever listens may submit, abort or leave at any event
        const events = rows.map((entry, i) => this.take(entry, sampled[i] as Sampled));
        for (const event of events) if (event) yield event;
      }
    } finally {
      this.queue = [];
      for (const { slot } of this.active) this.freeSlots.push(slot);
      this.active = [];
      this.running = false;
    }
  }

  /** Results in the order of the requests; none is taken when one cannot be served. */
  async generateAll(requests: readonly GenerationRequest[]): Promise<(Generated & { reason: FinishReason })[]> {
    if (this.running) throw new ModelError('This generator runs already; submit further requests to that run.');
    const results = new Map(
      requests
        .map((r) => this.checked(r))
        .map((r) => [this.enqueue(r), { ids: [], logprobs: [], entropies: [], text: '', reason: 'aborted' }]),
    ) as Map<number, Generated & { reason: FinishReason }>;
    for await (const event of this.run()) {
      const result = results.get(event.request);
      if (!result) continue;
      result.ids.push(...event.ids);
      result.logprobs.push(...event.logprobs);
      result.entropies.push(...event.entropies);
      result.text += event.text;
      if (event.reason) result.reason = event.reason;
    }
    return [...results.values()];
  }

  destroy(): void {
    this.engine.destroy();
  }

  private *dropAborted(): Iterable<GenerationEvent> {
    const ended = [...this.active, ...this.queue].filter((entry) => entry.aborted);
    this.queue = this.queue.filter((entry) => !entry.aborted);
    for (const entry of this.active.filter((a) => a.aborted)) this.release(entry);
    for (const { handle, request } of ended) {
      const text = request.text?.end() ?? '';
      yield { request: handle, ids: [], logprobs: [], entropies: [], text, done: true, reason: 'aborted' };
    }
  }

  /** Fills free slots from the line; all their prompts share the prefill steps. The last token of a prompt is left to the first decoding step. */
  private async admitNext(): Promise<void> {
    const rows: StepRow[] = [];
    while (this.freeSlots.length > 0 && this.queue.length > 0) {
      const entry = this.queue.shift() as Entry;
      const { promptIds, maxTokens } = entry.request;
      const slot = this.freeSlots.shift() as number;
      const position = promptIds.length - 1;
      const last = Math.min(position + maxTokens, this.engine.capacity - 1);
      this.engine.admit(slot, entry.request, last);
      this.active.push(Object.assign(entry, { slot, position, id: promptIds[position] as number, last, made: 0 }));
      for (let p = 0; p < position; p++) rows.push({ slot, position: p, id: promptIds[p] as number });
    }
    if (rows.length > 0) await this.engine.prefill(rows);
  }

  private release(entry: Active): void {
    this.active = this.active.filter((a) => a !== entry);
    this.freeSlots.push(entry.slot);
    this.freeSlots.sort((a, b) => a - b);
  }

  /** Takes a row's new tokens up to what ends it; null when the request was aborted meanwhile. */
  private take(entry: Active, sampled: Sampled): GenerationEvent | null {
    if (entry.aborted) return null;
    const { request } = entry;
    const bad = sampled.logprobs.findIndex((lp) => !Number.isFinite(lp));
    if (bad >= 0)
      throw new ModelError(
        `The model's logits after position ${entry.position + bad} are not finite, so no token can be sampled. Its weights hold NaN or infinity, or they overflow.`,
      );
    const stopAt = sampled.ids.findIndex((id) => request.stopIds.includes(id));
    let count = stopAt < 0 ? sampled.ids.length : stopAt + 1;
    let reason: FinishReason | null = stopAt < 0 ? null : 'stop id';
    let text = '';
    if (request.text) {
      const pushed = request.text.push(sampled.ids.slice(0, count));
      text = pushed.text;
      if (pushed.stopped !== null) {
        count = pushed.used;
        reason = 'stop string';
      }
    }
    const ids = sampled.ids.slice(0, count);
    entry.made += count;
    entry.position += count;
    entry.id = ids.at(-1) ?? entry.id;
    if (reason === null && entry.position >= entry.last) reason = entry.made >= request.maxTokens ? 'length' : 'capacity';
    if (reason !== null) {
      if (reason !== 'stop string') text += request.text?.end() ?? '';
      this.release(entry);
    }
    return {
      request: entry.handle,
      ids,
      logprobs: sampled.logprobs.slice(0, count),
      entropies: sampled.entropies.slice(0, count),
      text,
      done: reason !== null,
      reason,
    };
  }

  private checked(request: GenerationRequest): CheckedRequest {
    const { capacity, vocabulary } = this.engine;
    const r: CheckedRequest = {
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      repetitionPenalty: 1,
      seed: 0,
      stream: 0,
      stopIds: [],
      ...request,
      text: request.text ?? null,
    };
    const length = r.promptIds.length;
    if (length < 1) throw new ModelError('A prompt is empty; it needs at least one token.');
    if (length > capacity - 1)
      throw new ModelError(
        `A prompt has ${length} tokens; with a capacity of ${capacity} it may have ${capacity - 1}. Shorten it or make the generator with more capacity.`,
      );
    for (const id of r.promptIds)
      if (!(Number.isInteger(id) && id >= 0 && id < vocabulary))
        throw new ModelError(`A prompt holds the token id ${id}; the model's ids run from 0 to ${vocabulary - 1}. Use its own tokenizer.`);
    const word = (v: number): boolean => Number.isInteger(v) && v >= 0 && v <= 0xffffffff;
    const faults: [boolean, string][] = [
      [Number.isInteger(r.maxTokens) && r.maxTokens >= 1, `maxTokens is ${r.maxTokens}; it must be an integer from 1`],
      [r.temperature >= 0 && r.temperature < Infinity, `temperature is ${r.temperature}; it must be 0 (greedy) or a positive number`],
      [word(r.topK), `topK is ${r.topK}; it must be an integer from 0 (all)`],
      [r.topP >= 0 && r.topP <= 1, `topP is ${r.topP}; it must be from 0 to 1 (all)`],
      [r.minP >= 0 && r.minP <= 1, `minP is ${r.minP}; it must be from 0 (all) to 1`],
      [
        r.repetitionPenalty > 0 && r.repetitionPenalty < Infinity,
        `repetitionPenalty is ${r.repetitionPenalty}; it must be positive, 1 is none`,
      ],
      [word(r.seed) && word(r.stream), `seed and stream are ${r.seed} and ${r.stream}; they must be integers from 0 to 4294967295`],
    ];
    const wrong = faults.filter(([right]) => !right).map(([, text]) => text);
    if (wrong.length > 0) throw new ModelError(`${wrong.join('; ')}.`);
    return r;
  }
}
