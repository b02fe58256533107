// From what was recognised in a drop to a recipe that uses it. Pure. Refuses (null, with a sentence why) what no recipe can run yet.
import type { Recognised } from '../worker/protocol.ts';
import { CODE_DEFAULTS } from '../run/recipe.ts';
import type { Recipe } from './runLog.ts';

export type { Recognised };

type DatasetTask = Extract<Recipe['task'], { maxTokens: number }>;
type CodeTask = Extract<DatasetTask, { kind: 'code' }>;
type Dropped = NonNullable<Recognised['dataset']>;

/** Which fields of the dataset mean what, as guessed and then corrected by the user. */
export interface FieldMapping {
  /** suite: problems as they are published; mapped: problems whose fields are named here; code: prompt and solution; text: one field, next-token prediction alone. */
  kind: 'suite' | 'mapped' | 'code' | 'text';
  prompt: string;
  /** Of mapped problems: empty where there is none. */
  solution: string;
  /** Of mapped problems alone: assert statements, Python that runs before them, the function's name; the last two may be empty. */
  tests: string;
  setup: string;
  entryPoint: string;
  text: string;
}

export const MAPPING_LABEL: Record<FieldMapping['kind'], string> = {
  suite: 'problems as published',
  mapped: 'problems with tests',
  code: 'prompts and solutions',
  text: 'text',
};

/** The kinds that the rows of a dataset can be read as. */
export function mappingKinds({ problems, fields }: Dropped): FieldMapping['kind'][] {
  if (fields.length === 0) return ['text'];
  return problems && problems.shape !== 'mapped' ? ['suite', 'mapped', 'code', 'text'] : ['mapped', 'code', 'text'];
}

export function guessMapping({ dataset }: Recognised): FieldMapping | null {
  if (!dataset) return null;
  const { fields, problems } = dataset;
  const [first = '', second = first] = fields;
  const text = dataset.kind === 'text' ? 'text' : (fields.find((f) => f === 'text' || f === 'content') ?? first);
  const named = problems?.mapping;
  const { prompt, solution } = dataset.mapping ?? { prompt: first, solution: second };
  return {
    kind: problems && problems.rows > 0 ? (named ? 'mapped' : 'suite') : dataset.mapping ? 'code' : 'text',
    prompt: named?.prompt ?? prompt,
    solution: named ? (named.solution ?? '') : solution,
    tests: named?.tests ?? fields.find((f) => /test|assert/i.test(f)) ?? '',
    setup: named?.setup ?? '',
    entryPoint: named?.entryPoint ?? '',
    text,
  };
}

/** Why the drop cannot be used in a recipe yet, or null when it can. */
export function missingForRecipe({ model, dataset, asks }: Recognised, mapping: FieldMapping | null = null): string | null {
  if (asks) return `Say first whether the good rows of ${asks.file} will do.`;
  if (!model && !dataset) return 'Drop a model folder and a dataset to use them.';
  if (!model) return 'Drop a model folder too: the embedded model reads only its own small vocabulary.';
  if (!dataset) return 'Drop a dataset too: rows with a prompt and a solution (JSONL, JSON, Parquet or CSV), or text.';
  if (!model.hasTokenizer) return 'Drop the model folder with its tokenizer.json: without it the dataset cannot be read as tokens.';
  if (mapping?.kind === 'mapped' && mapping.tests === '')
    return 'Choose the field of its tests, or read the rows as prompts and solutions.';
  return null;
}

/** Rates and batches that models of a size are trained with: small ones need and stand high rates, large ones only low ones. */
function trainingOf(parameters: number): { lr: number; batch: number } {
  if (parameters < 5e6) return { lr: 1e-3, batch: 8 };
  if (parameters < 50e6) return { lr: 3e-4, batch: 8 };
  return { lr: 2e-5, batch: 4 };
}

const SHORT_TOKENS = 256;
const LONG_TOKENS = 512;
/** Previews are cut at this length: a field that reaches it is a long one. */
const PREVIEW_CHARACTERS = 200;

/** Memory and time grow with the longest program, so it is kept short, except for a dataset of which most rows would then be left out. */
function tokensFor(preview: readonly Record<string, string>[], mapping: FieldMapping): number {
  if (mapping.kind === 'text') return SHORT_TOKENS;
  const long = preview.filter((row) => [mapping.prompt, mapping.solution].some((name) => (row[name] ?? '').length >= PREVIEW_CHARACTERS));
  return long.length * 2 > preview.length ? LONG_TOKENS : SHORT_TOKENS;
}

/** Suites whose authors split them into training and test problems. */
const SPLIT = ['mbpp', 'mbpp-sanitized', 'mbpp-plus'];

/** What a code task says of the tests of its rows. */
function judgedTask(dataset: Dropped, mapping: FieldMapping): Pick<CodeTask, 'suite' | 'split' | 'verify'> & Partial<CodeTask> {
  const shape = dataset.problems?.shape;
  if (mapping.kind === 'suite' && shape)
    return {
      suite: shape,
      split: SPLIT.includes(shape) ? 'dataset' : 'rows',
      verify: true,
      testsField: '',
      setupField: '',
      entryPointField: '',
    };
  if (mapping.kind !== 'mapped') return { suite: 'fields', split: 'rows', verify: false };
  const { tests, setup, entryPoint } = mapping;
  return { suite: 'mapped', testsField: tests, setupField: setup, entryPointField: entryPoint, split: 'rows', verify: true };
}

/** How the rows would be read with this mapping: a recipe's task, and what a preview is of. */
export function taskOfMapping(dataset: Dropped, mapping: FieldMapping, maxTokens: number): DatasetTask {
  const rows = { maxTokens, heldOut: 0.1, maxRows: Math.max(1, Math.min(2000, dataset.rows)) };
  if (mapping.kind === 'text') return { kind: 'text', field: mapping.text, ...rows };
  const maxNewTokens = Math.max(1, Math.min(CODE_DEFAULTS.maxNewTokens, maxTokens >> 1));
  const judged = judgedTask(dataset, mapping);
  return {
    kind: 'code',
    ...CODE_DEFAULTS,
    promptField: mapping.prompt,
    solutionField: mapping.solution,
    ...rows,
    ...judged,
    ...(judged.verify ? { maxNewTokens } : {}),
  };
}

/**
 * The recipe for a dropped model and dataset. Starts from a built-in recipe and changes what a pre-trained model of unknown
 * size and skill asks for: rates by size, small batches, short thoughts that cost a little per token, a lift of the think rate. Rows with tests are
 * judged by them: a little RLVR, pass@1 and pass@k.
 */
export function recipeForDrop({ model, dataset }: Recognised, mapping: FieldMapping, start: Recipe): Recipe {
  if (!model || !dataset) throw new Error('A recipe for a drop needs a model and a dataset.');
  const maxTokens = Math.max(1, Math.min(tokensFor(dataset.preview, mapping), model.context));
  const { lr, batch } = trainingOf(model.parameters);
  const supervised = { steps: 60, batch, lr, weightDecay: 0.01 };
  const task = taskOfMapping(dataset, mapping, maxTokens);
  const code = task.kind === 'code';
  const judged = code && task.verify;
  return {
    ...start,
    name: `${model.name} on ${dataset.name}`.slice(0, 120),
    model: 'dropped',
    task,
    arms: code ? ['base', 'ntp', 'ra3'] : ['base', 'ntp'],
    ra3: {
      ...start.ra3,
      emIterations: 1,
      eSteps: 12,
      programs: 4,
      group: 4,
      lr: lr / 10,
      c: 0.05,
      tokenPenalty: 0.005,
      capPenalty: 0.02,
      lengthNormalised: true,
      thinkFloor: 0.2,
      maxLatentTokens: 6,
      infuse: 128,
      m: supervised,
    },
    ntp: supervised,
    rlvr: judged ? { ...start.rlvr, steps: 8, prompts: 4, group: 4, lr: lr / 10 } : { ...start.rlvr, steps: 0 },
    evaluate: judged ? { prompts: 16, samples: 4, ranges: ['in'] } : { prompts: 32, samples: 1, ranges: ['in'] },
  };
}
