// A recipe is the whole of an experiment as one small readable object: what is run, in which arms, with which settings.
// Everything that comes from outside (a file, a link, the text view of the page) is rebuilt field by field by parseRecipe; unknown
// keys, wrong types and numbers out of range are refused, all named at once.
import * as v from 'valibot';
import type { SuiteShape } from '../formats/recognised.ts';
import { type BuiltinKind, BUILTIN_KINDS, type Range, RANGES } from '../tasks/task.ts';

const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
const positive = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
const real = (lo: number, hi: number) => v.pipe(v.number(), v.finite(), v.minValue(lo), v.maxValue(hi));

/** ntp-compute: NTP with all of RA3's compute. oracle, shuffled, comments: supervised on programs with the true thoughts, with other programs' thoughts in
 * their places, and with an annotator's comments. */
export const ARMS = ['base', 'ntp', 'ra3', 'ntp-compute', 'oracle', 'shuffled', 'comments'] as const;
export const ARM_LABEL: Record<Arm, string> = {
  base: 'base',
  ntp: 'NTP',
  ra3: 'RA3',
  'ntp-compute': 'NTP, equal compute',
  oracle: 'oracle labels',
  shuffled: 'shuffled labels',
  comments: 'comments',
};

const supervised = v.strictObject({ steps: count(1e6), batch: positive(4096), lr: real(0, 1), weightDecay: real(0, 1) });
const range = v.picklist(RANGES);
const field = v.pipe(v.string(), v.maxLength(200));

/** How rows of code are read; all but "fields" have tests. */
export const SUITES = [
  'fields',
  'mapped',
  'humaneval',
  'humaneval-plus',
  'mbpp',
  'mbpp-sanitized',
  'mbpp-plus',
  'livecodebench',
  'codeforces',
  'apps',
  'taco',
  'acecode',
] as const satisfies readonly ('fields' | SuiteShape)[];

/** How a fresh base is trained when the recipe does not say. */
export const BASE_DEFAULTS = { steps: 1500, batch: 128, lr: 2e-3, weightDecay: 0.01, matrixStd: 0.05, embeddingStd: 0.05 };

export const PRESETS = ['drgrpo', 'grpo', 'dapo', 'rloo', 'reinforce++', 'gspo', 'cispo'] as const;
/** RLVR's switches; src/rlvr/objective.ts says what each means and what the presets set. */
export const OBJECTIVE = {
  baseline: ['group-mean', 'leave-one-out', 'batch-mean'],
  scale: ['none', 'group-std', 'batch-std'],
  ratio: ['none', 'token', 'sequence'],
  clip: ['none', 'symmetric', 'asymmetric', 'weight-only', 'dual'],
  aggregation: ['token-mean', 'sequence-mean', 'sequence-sum'],
  kl: ['off', 'k1', 'k2', 'k3'],
  klPlace: ['loss', 'reward'],
  overlong: ['off', 'soft', 'mask'],
} as const;
/** A switch that the recipe leaves to the preset. */
const choice = <const T extends readonly string[]>(options: T) => v.optional(v.picklist(['preset', ...options] as const), 'preset');
const amount = (lo: number, hi: number) => v.optional(v.union([v.literal('preset'), real(lo, hi)]), 'preset');

const RLVR_OPTIONS = {
  /** Updates per batch of rollouts, on its parts (whole groups) in turn; from the second on the policy is no longer the one that sampled. */
  updates: v.optional(positive(64), 1),
  minibatches: v.optional(positive(64), 1),
  /** Gradients are clipped to this norm; 0 = not. */
  clipNorm: v.optional(real(0, 1e6), 1),
  baseline: choice(OBJECTIVE.baseline),
  scale: choice(OBJECTIVE.scale),
  ratio: choice(OBJECTIVE.ratio),
  clip: choice(OBJECTIVE.clip),
  clipLow: amount(0, 1),
  clipHigh: amount(0, 1000),
  aggregation: choice(OBJECTIVE.aggregation),
  /** Estimator of the KL to the model that RLVR started from, where it counts, and its weight. */
  kl: choice(OBJECTIVE.kl),
  klPlace: choice(OBJECTIVE.klPlace),
  klBeta: amount(0, 100),
  entropyBonus: amount(0, 10),
  /** Rounds of sampling at most that replace groups without spread. */
  dynamicSampling: v.optional(v.union([v.literal('preset'), count(31)]), 'preset'),
  /** Rollouts near the limit of their length: punished within its last part (a fraction of it), or masked out where they were cut off. */
  overlong: choice(OBJECTIVE.overlong),
  overlongWindow: v.optional(real(0.001, 1), 0.2),
};
/** What those settings of RLVR are that a recipe leaves out. */
export const RLVR_DEFAULTS = v.parse(v.strictObject(RLVR_OPTIONS), {});

const ra3 = v.pipe(
  v.strictObject({
    emIterations: count(20),
    eSteps: count(1e5),
    /** Programs per E-step batch (B) and rollouts per program (G). */
    programs: positive(1024),
    group: positive(128),
    lr: real(0, 1),
    /** penalty: reward minus c per thought, entropy weighted by eta. literal: the KL of the sticky prior with persistence alpha. */
    kl: v.picklist(['penalty', 'literal']),
    c: real(0, 1e9),
    alpha: real(0.01, 0.999999),
    tokenPenalty: real(0, 100),
    capPenalty: real(0, 100),
    eta: real(0, 10),
    gamma: real(0, 1),
    lengthNormalised: v.boolean(),
    /** Mean think rate that the policy is lifted to before the first E-step (0 = off); for models that do not comment by themselves. */
    thinkFloor: real(0, 0.9),
    maxLatentTokens: positive(64),
    /** Programs infused with sampled latents for each M-step. */
    infuse: positive(1e6),
    /** Each infused program keeps the best of so many samples by reward; 1 = plain samples. */
    infuseBestOf: v.optional(positive(64), 1),
    /**
     * policy-gradient: group baseline. importance-weighted: each rollout of a program weighs by its self-normalised p(x, z) / q(z), the wake-phase
     * gradient for q (src/midtrain/elbo.ts).
     */
    objective: v.optional(v.picklist(['policy-gradient', 'importance-weighted']), 'policy-gradient'),
    /** Whether q stays a network of its own over the EM iterations, instead of starting each E-step from pi. */
    separate: v.optional(v.boolean(), false),
    /** The E-step ends early when its reward per line, mean over 10 steps, gains less than this (nats) on the 10 before; 0 = never, 20 steps at least. */
    stopBelow: v.optional(real(0, 100), 0),
    m: supervised,
  }),
  v.forward(
    v.check(
      ({ infuseBestOf, programs, group }) => infuseBestOf <= Math.max(1, programs * group),
      'The samples of a program are drawn at once, so at most programs x group. Lower it or raise programs',
    ),
    ['infuseBestOf'],
  ),
  v.forward(
    v.check(
      ({ objective, gamma, lengthNormalised }) => objective === 'policy-gradient' || (gamma === 1 && !lengthNormalised),
      'Importance weights are of whole programs as they stand. Set gamma to 1 and lengthNormalised to false, or choose "policy-gradient"',
    ),
    ['objective'],
  ),
);

/** What a code task is where the recipe does not say. */
export const CODE_DEFAULTS = {
  suite: 'fields',
  testsField: '',
  setupField: '',
  entryPointField: '',
  verify: false,
  split: 'rows',
  maxNewTokens: 128,
  deadlineMs: 3000,
} as const;

export const RecipeSchema = v.strictObject({
  version: v.literal(1),
  name: v.pipe(v.string(), v.maxLength(120)),
  seed: count(0xffffffff),
  /**
   * embedded: the shipped base model of the built-in task; fresh: a base of the task's own shape, trained in the run from the seed; dropped: the model
   * folder given beside the recipe.
   */
  model: v.picklist(['embedded', 'fresh', 'dropped']),
  /** Training of a fresh base on the task's pre-training corpus; embeddings and matrices start at normal(0, std). */
  base: v.optional(v.strictObject({ ...supervised.entries, matrixStd: real(0, 10), embeddingStd: real(0, 10) }), BASE_DEFAULTS),
  task: v.variant('kind', [
    v.strictObject({
      kind: v.picklist(BUILTIN_KINDS),
      /** Attention window in tokens in place of the task's own. */
      window: v.optional(positive(64)),
    }),
    /** Expert programs of a dropped JSONL: which fields hold the prompt and the solution; held-out fraction by row order. */
    v.strictObject({
      kind: v.literal('code'),
      promptField: field,
      solutionField: field,
      maxTokens: positive(8192),
      heldOut: real(0, 0.9),
      maxRows: positive(1e6),
      /** What the rows are: prompts and solutions alone (fields), problems of a published suite, or problems whose fields are named here (mapped). */
      suite: v.optional(v.picklist(SUITES), CODE_DEFAULTS.suite),
      /** Of mapped problems: assert statements; Python that runs before them; the function's name. Empty where there is no such field. */
      testsField: v.optional(field, CODE_DEFAULTS.testsField),
      setupField: v.optional(field, CODE_DEFAULTS.setupField),
      entryPointField: v.optional(field, CODE_DEFAULTS.entryPointField),
      /** Whether what is written is judged by the problems' tests: RLVR, pass@1 and pass@k. */
      verify: v.optional(v.boolean(), CODE_DEFAULTS.verify),
      /** rows: held out by row order; dataset: as the suite's authors split it. */
      split: v.optional(v.picklist(['rows', 'dataset']), CODE_DEFAULTS.split),
      /** Tokens written after a prompt at most, where what is written is judged. */
      maxNewTokens: v.optional(positive(8192), CODE_DEFAULTS.maxNewTokens),
      /** Time of a written program with its tests. */
      deadlineMs: v.optional(positive(60_000), CODE_DEFAULTS.deadlineMs),
    }),
    /** Plain text or one JSONL field, for next-token prediction alone. */
    v.strictObject({
      kind: v.literal('text'),
      field,
      maxTokens: positive(8192),
      heldOut: real(0, 0.9),
      maxRows: positive(1e6),
    }),
  ]),
  arms: v.pipe(v.array(v.picklist(ARMS)), v.minLength(1), v.maxLength(ARMS.length)),
  ra3,
  ntp: supervised,
  rlvr: v.strictObject({
    preset: v.picklist(PRESETS),
    /** Range of the programs that RLVR practises on. */
    range: v.optional(range, 'in'),
    steps: count(1e5),
    prompts: positive(1024),
    group: positive(128),
    lr: real(0, 1),
    ...RLVR_OPTIONS,
  }),
  evaluate: v.strictObject({
    prompts: positive(16384),
    samples: positive(512),
    /** Ranges that arms are judged on, the first before the others. */
    ranges: v.optional(v.pipe(v.array(range), v.minLength(1), v.maxLength(RANGES.length)), ['in']),
  }),
});

export { type BuiltinKind, BUILTIN_KINDS, type Range, RANGES };

export type Recipe = v.InferOutput<typeof RecipeSchema>;
export type Arm = (typeof ARMS)[number];
export type TaskKind = Recipe['task']['kind'];

export class RecipeError extends Error {
  override name = 'RecipeError';
}

/** Parses and checks an unknown value. Throws RecipeError naming every offending field. */
export function parseRecipe(value: unknown): Recipe {
  const result = v.safeParse(RecipeSchema, value);
  if (result.success) return result.output;
  const lines = result.issues.slice(0, 8).map((i) => `${v.getDotPath(i) ?? 'recipe'}: ${i.message}`);
  throw new RecipeError(`The recipe does not fit: ${lines.join('; ')}.`);
}
