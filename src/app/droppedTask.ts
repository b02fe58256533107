// From what was recognised in a drop to a recipe that uses it. Pure. Refuses (null, with a sentence why) what no recipe can run yet.
import type { Recognised } from '../worker/protocol.ts';
import { CODE_DEFAULTS } from '../run/recipe.ts';
import type { Recipe } from './runLog.ts';

export type { Recognised };

type CodeTask = Extract<Recipe['task'], { kind: 'code' }>;

/** Which fields of the dataset mean what, as guessed and then corrected by the user. */
export interface FieldMapping {
  /** code: prompt and solution; text: one field, next-token prediction alone. */
  kind: 'code' | 'text';
  prompt: string;
  solution: string;
  text: string;
}

export function guessMapping({ dataset }: Recognised): FieldMapping | null {
  if (!dataset) return null;
  const [first = '', second = first] = dataset.fields;
  const text = dataset.fields.find((f) => f === 'text' || f === 'content') ?? first;
  if (dataset.mapping) return { kind: 'code', ...dataset.mapping, text };
  return { kind: 'text', prompt: first, solution: second, text };
}

/** Why the drop cannot be used in a recipe yet, or null when it can. */
export function missingForRecipe({ model, dataset }: Recognised): string | null {
  if (!model && !dataset) return 'Drop a model folder and a dataset to use them.';
  if (!model) return 'Drop a model folder too: the embedded model reads only its own small vocabulary.';
  if (!dataset) return 'Drop a dataset too: JSONL with a prompt and a solution per row, or text.';
  if (!model.hasTokenizer) return 'Drop the model folder with its tokenizer.json: without it the dataset cannot be read as tokens.';
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

/** Rows with tests, read as the problems that they are; null where there are none. */
function judgedTask(problems: NonNullable<Recognised['dataset']>['problems'], maxTokens: number): Partial<CodeTask> | null {
  if (!problems || problems.rows === 0) return null;
  const { shape, mapping } = problems;
  return {
    suite: shape,
    ...(mapping
      ? {
          promptField: mapping.prompt,
          solutionField: mapping.solution ?? '',
          testsField: mapping.tests,
          setupField: mapping.setup ?? '',
          entryPointField: mapping.entryPoint ?? '',
        }
      : {}),
    split: SPLIT.includes(shape) ? 'dataset' : 'rows',
    verify: true,
    maxNewTokens: Math.max(1, Math.min(128, maxTokens >> 1)),
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
  const rows = { maxTokens, heldOut: 0.1, maxRows: Math.max(1, Math.min(2000, dataset.rows)) };
  const { lr, batch } = trainingOf(model.parameters);
  const supervised = { steps: 60, batch, lr, weightDecay: 0.01 };
  const code = mapping.kind === 'code';
  const judged = code ? judgedTask(dataset.problems, maxTokens) : null;
  return {
    ...start,
    name: `${model.name} on ${dataset.name}`.slice(0, 120),
    model: 'dropped',
    task: code
      ? { kind: 'code', ...CODE_DEFAULTS, promptField: mapping.prompt, solutionField: mapping.solution, ...rows, ...judged }
      : { kind: 'text', field: mapping.text, ...rows },
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
