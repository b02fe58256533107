// What an event of a run's log may be, for logs that come from outside: every event is rebuilt field by field, keys that are not known are left behind,
// and nothing is longer than its limit. A number that was not finite is written as null; where an event has none, it comes back as NaN.
// Refuses (by valibot's issues) other types of events, and fields of other types or over their limits. All text is untrusted: show it as text.
import * as v from 'valibot';
import type { RunEvent } from '../run/events.ts';
import { ARMS, RecipeSchema } from '../run/recipe.ts';

const MAX_TEXT = 20_000;
const MAX_NAME = 200;
const MAX_LIST = 4096;
const MAX_KEYS = 512;

const name = v.pipe(v.string(), v.maxLength(MAX_NAME));
const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const finite = v.pipe(v.number(), v.finite());
/** null stands for what was not finite. */
const number = v.pipe(
  v.nullable(finite),
  v.transform((value) => value ?? Number.NaN),
);
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e15));
const list = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.maxLength(MAX_LIST));
const record = <T extends v.GenericSchema>(item: T) =>
  v.pipe(
    v.record(name, item),
    v.check((value) => Object.keys(value).length <= MAX_KEYS, 'too many keys'),
  );
const print = v.pipe(v.string(), v.regex(/^[0-9a-f]{0,64}$/));

const arm = v.picklist(ARMS);
const stage = v.picklist(['base', 'ntp', 'e-step', 'infuse', 'm-step', 'rlvr', 'evaluate']);
const phase = v.picklist(['before', 'after']);
const ref = { stage, arm, iteration: v.optional(count), phase: v.optional(phase) };

const spent = v.object({ timeMs: number, tokens: number });
const interval = v.object({ mean: number, lo: number, hi: number });
const nullable = v.nullable(finite);
const abstractions = v.object({
  thinkByKind: record(number),
  precision: nullable,
  recall: nullable,
  heldRight: nullable,
  persistence: nullable,
  durations: v.nullable(list(number)),
  horizon: v.nullable(v.object({ gbar: number, gbarSup: number, effective: number })),
  decisionsPerProgram: nullable,
  actions: v.nullable(v.object({ perplexity: number, count: number })),
  actionsPerState: nullable,
  lines: v.nullable(v.object({ samples: number, distinct: number, expertCovered: number })),
  latentPerplexity: nullable,
  tokensPerExpertToken: nullable,
});
const result = v.object({
  arm,
  phase,
  range: v.optional(v.picklist(['edge', 'hard'])),
  passAt: record(interval),
  thinkRate: number,
  thinkByLine: list(number),
  thoughtsPerProgram: number,
  meanDuration: nullable,
  contentRight: nullable,
  heldOutNll: nullable,
  agreement: v.optional(v.nullable(v.object({ nmi: number, ari: number, boundaryF1: nullable }))),
  abstractions: v.optional(abstractions),
});
const line = v.object({
  text,
  kind: name,
  thought: v.nullable(text),
  pThink: number,
  lineLogprob: number,
  gain: number,
  right: v.nullable(v.boolean()),
});
const token = v.object({
  text: name,
  id: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  logprob: nullable,
  role: v.picklist(['prompt', 'decision', 'thought', 'line', 'given']),
  entropy: v.optional(number),
  rise: v.optional(number),
});
const infused = v.object({ text, kind: name, thought: v.nullable(text), right: v.nullable(v.boolean()) });
const rollout = v.object({
  tokens: list(token),
  reward: number,
  advantage: number,
  lineOk: list(v.boolean()),
  tests: v.optional(list(v.object({ text, ok: v.nullable(v.boolean()), why: v.optional(text) }))),
  end: v.optional(text),
});

export const EventSchema = v.variant('type', [
  v.object({
    type: v.literal('start'),
    runId: name,
    recipe: RecipeSchema,
    adapter: v.object({ vendor: name, architecture: name, description: name, software: v.boolean(), features: list(name) }),
    version: name,
    startedAt: name,
    parameters: count,
    stages: v.optional(list(v.object({ ref: v.object(ref), steps: count }))),
    inputs: v.optional(v.object({ model: print, data: print })),
    digest: v.optional(v.object({ count, marks: list(count) })),
  }),
  v.object({ type: v.literal('stage'), status: v.picklist(['start', 'end']), steps: count, timeMs: number, at: v.optional(spent), ...ref }),
  v.object({ type: v.literal('progress'), done: count, total: count, overall: number, leftMs: nullable, ...ref }),
  v.object({ type: v.literal('metrics'), step: count, values: record(nullable), at: v.optional(spent), ...ref }),
  v.object({
    type: v.literal('traces'),
    step: count,
    traces: list(v.object({ prompt: text, lines: list(line) })),
    ...ref,
  }),
  v.object({
    type: v.literal('rollouts'),
    step: count,
    groups: list(v.object({ prompt: text, rollouts: list(rollout) })),
    ...ref,
  }),
  v.object({
    type: v.literal('infused'),
    of: count,
    programs: list(v.object({ prompt: text, lines: list(infused) })),
    ...ref,
  }),
  v.object({ type: v.literal('result'), result, ...ref }),
  v.object({ type: v.literal('notice'), level: v.picklist(['info', 'warning', 'error']), message: text }),
  v.object({
    type: v.literal('end'),
    summary: v.object({
      status: v.picklist(['finished', 'stopped', 'failed']),
      error: v.nullable(text),
      results: list(result),
      tokPerS: number,
      timeMs: number,
      peakBytes: v.optional(count),
    }),
  }),
]);

/**
 * Keys of events, at any depth but in the recipe (which is parsed by its own schema), that this schema does not know: none, or this does not compile, because
 * a reader would lose them.
 */
type Shared<Full, Known> = Exclude<keyof Full & keyof Known, 'recipe'>;
type LostKeys<Full, Known> = Full extends readonly (infer F)[]
  ? LostKeys<F, Known extends readonly (infer K)[] ? K : never>
  : Full extends object
    ?
        | Exclude<keyof Full, keyof Known>
        | { [K in Shared<Full, Known>]-?: LostKeys<NonNullable<Full[K]>, NonNullable<Known[K]>> }[Shared<Full, Known>]
    : never;
type Parsed = v.InferOutput<typeof EventSchema>;
type Lost = { [T in RunEvent['type']]: LostKeys<Extract<RunEvent, { type: T }>, Extract<Parsed, { type: T }>> }[RunEvent['type']];
const nothingIsLost: [Lost] extends [never] ? true : Lost = true;

/** Throws nothing: what is wrong is said by its first issue. */
export function readEvent(value: unknown): { event: RunEvent } | { wrong: string } {
  const parsed = v.safeParse(EventSchema, value);
  if (parsed.success && nothingIsLost) return { event: parsed.output };
  const issue = parsed.issues?.[0];
  return { wrong: issue ? `${v.getDotPath(issue) ?? 'the event'}: ${issue.message}` : 'no event' };
}
