// Scheduling over an engine that keeps what it is fed per slot and samples by a formula of the whole sequence: requests get the same tokens in any
// company, slots are reused at once, bursts and reads end where they should, text and stop strings, aborts, refusals.
import { describe, expect, it } from 'vitest';
import {
  type CheckedRequest,
  type GenerationEvent,
  type GenerationRequest,
  Generator,
  type RequestText,
  type Sampled,
  type StepEngine,
  type StepRow,
} from '../../../src/model/generator.ts';
import { decodeRows, PREFILL_ROWS, prefillSteps } from '../../../src/model/slotDecoder.ts';

const V = 50;

/** The token after a sequence: any function of all of it and of the request's numbers will do. */
function nextToken(ids: readonly number[], seed: number, stream: number): number {
  let h = 17 + seed * 31 + stream * 101;
  for (const id of ids) h = (h * 33 + id * 7 + 1) % 1_000_003;
  return h % V;
}
function expected(r: GenerationRequest, count: number): number[] {
  const ids = [...r.promptIds];
  for (let i = 0; i < count; i++) ids.push(nextToken(ids, r.seed ?? 0, r.stream ?? 0));
  return ids.slice(r.promptIds.length);
}

class FormulaEngine implements StepEngine {
  readonly slots: number;
  readonly capacity: number;
  readonly vocabulary = V;
  private readonly fed: number[][];
  private readonly requests: (CheckedRequest | null)[];
  private readonly last: number[];
  readonly decodes: { rows: number; steps: number; filters: boolean }[] = [];
  readonly prefills: number[] = [];
  lastLogprob = -0.5;
  fails = false;

  constructor(slots: number, capacity: number) {
    this.slots = slots;
    this.capacity = capacity;
    this.fed = Array.from({ length: slots }, () => []);
    this.requests = Array.from({ length: slots }, () => null);
    this.last = Array.from({ length: slots }, () => 0);
  }

  admit(slot: number, request: CheckedRequest, last: number): void {
    this.requests[slot] = request;
    this.last[slot] = last;
    this.fed[slot] = [];
  }

  /** What was fed before stays visible, as in a cache: a row must stand right after it, or overwrite a token of a burst that went on too far. */
  private feed({ slot, position, id }: StepRow): number[] {
    const ids = this.fed[slot]!;
    if (position > ids.length || position >= this.capacity)
      throw new Error(`Position ${position} of slot ${slot} after ${ids.length} tokens.`);
    ids.length = position;
    ids.push(id);
    return ids;
  }

  async prefill(rows: readonly StepRow[]): Promise<void> {
    this.prefills.push(rows.length);
    for (const row of rows) this.feed(row);
  }

  async decode(rows: readonly StepRow[], steps: number, filters: boolean): Promise<Sampled[]> {
    if (this.fails) throw new Error('The device is lost.');
    if (new Set(rows.map((r) => r.slot)).size !== rows.length) throw new Error('Two rows of one slot.');
    this.decodes.push({ rows: rows.length, steps, filters });
    return rows.map(({ slot, position, id }) => {
      const out: Sampled = { ids: [], logprobs: [], entropies: [] };
      const request = this.requests[slot]!;
      let token = id;
      for (let p = position; p < Math.min(position + steps, this.last[slot]!); p++) {
        token = nextToken(this.feed({ slot, position: p, id: token }), request.seed, request.stream);
        out.ids.push(token);
        out.logprobs.push(this.lastLogprob);
        out.entropies.push(1);
      }
      return out;
    });
  }

  destroy(): void {}
}

const request = (n: number, more: Partial<GenerationRequest> = {}): GenerationRequest => ({
  promptIds: Array.from({ length: 1 + ((n * 5) % 9) }, (_, i) => (n * 13 + i * 3) % V),
  maxTokens: 1 + ((n * 7) % 23),
  seed: n,
  stream: n % 3,
  ...more,
});

async function collect(generator: Generator): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of generator.run()) events.push(event);
  return events;
}
const idsOf = (events: readonly GenerationEvent[], handle: number): number[] =>
  events.filter((e) => e.request === handle).flatMap((e) => e.ids);

/** Letters for tokens, out as they come; stops at `stop`, which may span pushes. */
function letters(stop: string): RequestText {
  let all = '';
  let given = 0;
  return {
    push(ids) {
      let used = 0;
      for (const id of ids) {
        used++;
        all += String.fromCharCode(65 + id);
        const at = all.indexOf(stop);
        if (at >= 0) return { text: all.slice(given, at), stopped: stop, used };
      }
      const safe = Math.max(given, all.length - stop.length + 1);
      const text = all.slice(given, safe);
      given = safe;
      return { text, stopped: null, used };
    },
    end: () => all.slice(given),
  };
}

describe('a generator', () => {
  it.each([1, 2, 3, 8])('gives every request its own tokens in any company, with %i slots', async (slots) => {
    const requests = Array.from({ length: 20 }, (_, n) => request(n));
    const engine = new FormulaEngine(slots, 40);
    const results = await new Generator(engine, 4).generateAll(requests);
    results.forEach((result, n) => {
      expect(result.ids, `request ${n}`).toEqual(expected(requests[n]!, requests[n]!.maxTokens));
      expect(result.reason).toBe('length');
      expect(result.logprobs.length).toBe(result.ids.length);
      expect(result.entropies.length).toBe(result.ids.length);
    });
    expect(Math.max(...engine.decodes.map((d) => d.rows))).toBe(slots);
  });

  it('fills a slot as soon as it is free, and prefills what comes in together', async () => {
    const engine = new FormulaEngine(2, 40);
    const prompt = [1, 2, 3, 4];
    const lengths = [4, 16, 8, 4];
    await new Generator(engine, 4).generateAll(lengths.map((maxTokens) => ({ promptIds: prompt, maxTokens })));
    // 4 + 8 + 4 in one slot beside 16 in the other: never a row less than two
    expect(engine.decodes.map((d) => d.rows)).toEqual([2, 2, 2, 2]);
    expect(engine.prefills).toEqual([6, 3, 3]);
  });

  it('reads at the end of the longest request, not later', async () => {
    const engine = new FormulaEngine(2, 40);
    await new Generator(engine, 8).generateAll([request(1, { maxTokens: 3 }), request(2, { maxTokens: 11 })]);
    expect(engine.decodes.map((d) => d.steps)).toEqual([8, 3]);
  });

  it('ends at stop ids, keeping them, and goes on from there with the next request', async () => {
    const first = request(3, { maxTokens: 20 });
    const whole = expected(first, 20);
    const stop = whole[5]!;
    const at = whole.indexOf(stop);
    const [a, b] = await new Generator(new FormulaEngine(1, 40), 8).generateAll([{ ...first, stopIds: [stop] }, request(4)]);
    expect(a!.ids).toEqual(whole.slice(0, at + 1));
    expect(a!.reason).toBe('stop id');
    expect(b!.ids).toEqual(expected(request(4), request(4).maxTokens));
  });

  it('ends at a stop string across tokens and reads, without it in the text', async () => {
    const r = request(5, { maxTokens: 20 });
    const whole = expected(r, 20).map((id) => String.fromCharCode(65 + id));
    const stop = whole.slice(3, 6).join('');
    const generator = new Generator(new FormulaEngine(1, 40), 4);
    const [result] = await generator.generateAll([{ ...r, text: letters(stop) }]);
    expect(result).toMatchObject({ text: whole.slice(0, 3).join(''), reason: 'stop string' });
    expect(result!.ids.length).toBe(6);
    expect(result!.logprobs.length).toBe(6);
    const [unstopped] = await generator.generateAll([{ ...r, text: letters('@@') }]);
    expect(unstopped).toMatchObject({ text: whole.join(''), reason: 'length' });
  });

  it('ends at the capacity and says so', async () => {
    const [result] = await new Generator(new FormulaEngine(1, 12)).generateAll([{ promptIds: [1, 2, 3, 4, 5], maxTokens: 100 }]);
    expect(result!.reason).toBe('capacity');
    expect(result!.ids.length).toBe(7);
  });

  it('streams events as tokens are read, takes requests while it runs, and aborts', async () => {
    const engine = new FormulaEngine(2, 64);
    const generator = new Generator(engine, 4);
    const long = generator.submit(request(1, { maxTokens: 40 }));
    const aborted = generator.submit(request(2, { maxTokens: 40 }));
    const waiting = generator.submit(request(3, { maxTokens: 40 }));
    let late = -1;
    const events: GenerationEvent[] = [];
    for await (const event of generator.run()) {
      events.push(event);
      if (events.length === 2) {
        generator.abort(aborted);
        generator.abort(waiting);
        late = generator.submit(request(4, { maxTokens: 6 }));
      }
    }
    expect(idsOf(events, long)).toEqual(expected(request(1), 40));
    expect(idsOf(events, aborted)).toEqual(expected(request(2), 4));
    expect(events.filter((e) => e.request === aborted && e.done).map((e) => e.reason)).toEqual(['aborted']);
    expect(events.filter((e) => e.request === waiting)).toEqual([
      { request: waiting, ids: [], logprobs: [], entropies: [], text: '', done: true, reason: 'aborted' },
    ]);
    expect(idsOf(events, late)).toEqual(expected(request(4), 6));
    expect(events.filter((e) => e.request === long).length).toBe(10);
    expect(generator.pending).toBe(0);
  });

  it('asks for filters only while a request needs them', async () => {
    const engine = new FormulaEngine(2, 40);
    const generator = new Generator(engine, 4);
    await generator.generateAll([request(1, { maxTokens: 8, temperature: 1 }), request(2, { maxTokens: 4, temperature: 1, topK: 5 })]);
    expect(engine.decodes.map((d) => d.filters)).toEqual([true, false]);
    engine.decodes.length = 0;
    await generator.generateAll([request(1, { topK: 5, topP: 0.5, minP: 0.1 })]);
    expect(engine.decodes.every((d) => !d.filters)).toBe(true);
    engine.decodes.length = 0;
    await generator.generateAll([request(1, { repetitionPenalty: 1.2 })]);
    expect(engine.decodes.every((d) => d.filters)).toBe(true);
  });

  it('drops what is unfinished when its loop is left, and runs again', async () => {
    const generator = new Generator(new FormulaEngine(1, 64), 4);
    generator.submit(request(1, { maxTokens: 30 }));
    generator.submit(request(2, { maxTokens: 30 }));
    for await (const _ of generator.run()) break;
    expect(generator.pending).toBe(0);
    const [again] = await generator.generateAll([request(6)]);
    expect(again!.ids).toEqual(expected(request(6), request(6).maxTokens));
  });

  it('passes on what the engine throws and can be used again', async () => {
    const engine = new FormulaEngine(2, 64);
    const generator = new Generator(engine);
    engine.fails = true;
    await expect(generator.generateAll([request(1)])).rejects.toThrow('lost');
    engine.fails = false;
    expect((await generator.generateAll([request(1)]))[0]!.ids).toEqual(expected(request(1), request(1).maxTokens));
  });

  it('refuses log-probabilities that are no numbers', async () => {
    const engine = new FormulaEngine(1, 64);
    engine.lastLogprob = Number.NaN;
    await expect(new Generator(engine).generateAll([request(1)])).rejects.toThrow(/not finite/);
  });

  it('refuses one run beside another', async () => {
    const generator = new Generator(new FormulaEngine(1, 64), 4);
    generator.submit(request(1, { maxTokens: 30 }));
    for await (const _ of generator.run()) {
      await expect(collect(generator)).rejects.toThrow(/runs already/);
      await expect(generator.generateAll([request(2)])).rejects.toThrow(/runs already/);
      expect(generator.pending).toBe(1);
      break;
    }
  });

  it.each<[Partial<GenerationRequest>, RegExp]>([
    [{ promptIds: [] }, /empty/],
    [{ promptIds: Array.from({ length: 64 }, () => 1) }, /64 tokens; with a capacity of 64 it may have 63/],
    [{ promptIds: [1, V] }, /token id 50; the model's ids run from 0 to 49/],
    [{ maxTokens: 0 }, /maxTokens is 0/],
    [{ temperature: -1 }, /temperature is -1/],
    [{ topP: 1.5 }, /topP is 1.5/],
    [{ minP: Number.NaN }, /minP is NaN/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty is 0/],
    [{ topK: 1.5, seed: -1 }, /topK is 1.5.*seed and stream are -1/],
  ])('refuses %j', (change, message) => {
    const generator = new Generator(new FormulaEngine(1, 64));
    expect(() => generator.submit(request(1, change))).toThrow(message);
    expect(generator.pending).toBe(0);
  });
});

describe('steps', () => {
  it('of a prefill hold all rows, with few to spare', () => {
    for (let n = 1; n < 300; n++) {
      const steps = prefillSteps(n);
      const total = steps.reduce((a, b) => a + b, 0);
      expect(steps.every((s) => PREFILL_ROWS.includes(s))).toBe(true);
      expect(total).toBeGreaterThanOrEqual(n);
      expect(total - steps.at(-1)!).toBeLessThan(n);
      expect(total - n).toBeLessThan(Math.max(4, steps.at(-1)! / 2));
    }
  });

  it('of decoding have the least of S, S/2, S/4 ... rows that hold all', () => {
    expect([64, 33, 32, 17, 5, 3, 2, 1].map((n) => decodeRows(n, 64))).toEqual([64, 64, 32, 32, 8, 4, 2, 1]);
    expect([6, 4, 3, 2, 1].map((n) => decodeRows(n, 6))).toEqual([6, 6, 3, 2, 1]);
  });
});
