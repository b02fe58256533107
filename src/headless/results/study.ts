// A study is data: a file of recipes/ that says what is run (a recipe, its variants, seeds) and what is expected of it (bars). A run trains
// its own base from its seed unless the study says otherwise. Refuses unknown keys, settings that no recipe has, bars that no run could have, all with
// the file's name.
import * as v from 'valibot';
import { presetRecipe } from '../../run/presets.ts';
import { type BuiltinKind, BUILTIN_KINDS, parseRecipe, type Recipe } from '../../run/recipe.ts';
import { InputError } from '../arguments.ts';
import { type Metric, missingFrom, parseMetric } from './metric.ts';

const words = (most: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(most));
/** Settings by their dotted paths in the recipe: {"ra3.c": 0.05}. */
const settings = v.record(words(100), v.unknown());

const BarSchema = v.strictObject({
  metric: words(100),
  /** Label of the variant that is meant; the first when it is left out. */
  variant: v.optional(words(60)),
  atLeast: v.optional(v.number()),
  atMost: v.optional(v.number()),
  /** Holds for each seed instead of the mean. */
  everySeed: v.optional(v.literal(true)),
  /** Another metric that this one is above, the 95 % intervals of the two apart. */
  apartFrom: v.optional(words(100)),
  /** Another metric that this one is above by more than two standard errors of the difference paired by seed. */
  beats: v.optional(words(100)),
  /** Another metric from which this one does not differ: the 95 % interval of the paired difference holds 0. */
  equals: v.optional(words(100)),
  /** Why the bar is what it is. */
  about: v.optional(words(400)),
});

const StudySchema = v.strictObject({
  title: words(80),
  about: words(2000),
  seeds: v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff))), v.minLength(1), v.maxLength(100)),
  /** fresh: every run trains its own base from its seed. embedded: all start from the shipped one, so that seeds tell of all that comes after it. */
  model: v.optional(v.picklist(['fresh', 'embedded']), 'fresh'),
  /** A whole recipe, or {"preset": "recall-lines/full", "set": {...}}. Name, seed and model are the study's to say. */
  recipe: v.record(v.string(), v.unknown()),
  vary: v.optional(v.pipe(v.array(v.strictObject({ label: words(60), set: settings })), v.minLength(1), v.maxLength(50))),
  expect: v.optional(v.array(BarSchema), []),
});
const PresetSchema = v.strictObject({ preset: v.string(), set: v.optional(settings, {}) });

export type Compare = 'apartFrom' | 'beats' | 'equals';
export interface Bar {
  metric: Metric;
  variant: Variant;
  atLeast: number | null;
  atMost: number | null;
  everySeed: boolean;
  compare: { how: Compare; with: Metric } | null;
  about: string;
}

export interface Variant {
  /** '' where a study has no variants. */
  label: string;
  /** Name of its runs' folder. */
  folder: string;
  /** Its settings, by path. */
  set: Record<string, unknown>;
  /** Of the first seed. */
  recipe: Recipe;
}

export interface Study {
  /** The file's name without its ending. */
  name: string;
  title: string;
  about: string;
  seeds: number[];
  variants: Variant[];
  bars: Bar[];
}

export const withSeed = (recipe: Recipe, seed: number): Recipe => ({ ...recipe, seed });

/** The one setting that the variants differ in, with numbers, or null: a sweep. */
export function sweepOf({ variants }: Study): { path: string; values: number[] } | null {
  const path = Object.keys(variants[0]!.set)[0];
  if (variants.length < 2 || path === undefined) return null;
  const values = variants.map(({ set }) => (Object.keys(set).length === 1 ? set[path] : undefined));
  return values.every((value) => typeof value === 'number') ? { path, values } : null;
}

/** `where` is the file's path for messages. Throws InputError. */
export function parseStudy(name: string, where: string, text: string): Study {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (e) {
    throw new InputError(`${where} is not JSON: ${(e as Error).message}`);
  }
  try {
    return buildStudy(name, given);
  } catch (e) {
    throw new InputError(`${where}: ${(e as Error).message}`);
  }
}

function buildStudy(name: string, given: unknown): Study {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new Error('a study’s file is named in lower case with hyphens, such as recall-lines.json.');
  const { title, about, seeds, model, recipe, vary, expect } = read(StudySchema, given, 'study');
  if (new Set(seeds).size < seeds.length) throw new Error('seeds: one of them is there twice.');
  const base = 'preset' in recipe ? fromPreset(read(PresetSchema, recipe, 'recipe')) : structuredClone(recipe);
  const variants = (vary ?? [{ label: '', set: {} }]).map(({ label, set }): Variant => {
    const name = label ? `${title}, ${label}` : title;
    try {
      const changed = { ...withSettings(base, set), name: name.slice(0, 120), seed: seeds[0], model };
      return { label, folder: slug(label) || 'all', set, recipe: parseRecipe(changed) };
    } catch (e) {
      throw new Error(label ? `variant "${label}": ${(e as Error).message}` : (e as Error).message);
    }
  });
  const folders = variants.map((variant) => variant.folder);
  const twice = folders.find((folder, i) => folders.indexOf(folder) < i);
  if (twice !== undefined) throw new Error(`vary: two labels give the folder "${twice}". Name them apart.`);
  const bars = expect.map((bar, i) => {
    try {
      return buildBar(bar, variants);
    } catch (e) {
      throw new Error(`expect.${i}: ${(e as Error).message}`);
    }
  });
  return { name, title, about, seeds, variants, bars };
}

function buildBar(bar: v.InferOutput<typeof BarSchema>, variants: readonly Variant[]): Bar {
  const variant = bar.variant === undefined ? variants[0]! : variants.find((other) => other.label === bar.variant);
  if (!variant) throw new Error(`there is no variant "${bar.variant}"; there are ${variants.map((x) => `"${x.label}"`).join(', ')}.`);
  const known = (text: string): Metric => {
    const metric = parseMetric(text);
    const missing = missingFrom(variant.recipe, metric);
    if (missing) throw new Error(`${text}: ${missing}.`);
    return metric;
  };
  const compared = (['apartFrom', 'beats', 'equals'] as const).filter((how) => bar[how] !== undefined);
  const limited = bar.atLeast !== undefined || bar.atMost !== undefined;
  if (compared.length + (limited ? 1 : 0) !== 1)
    throw new Error('a bar has either atLeast and atMost (one or both), or one of apartFrom, beats, equals.');
  if (bar.everySeed && !limited) throw new Error('everySeed goes with atLeast or atMost alone.');
  const [how] = compared;
  return {
    metric: known(bar.metric),
    variant,
    atLeast: bar.atLeast ?? null,
    atMost: bar.atMost ?? null,
    everySeed: bar.everySeed ?? false,
    compare: how ? { how, with: known(bar[how]!) } : null,
    about: bar.about ?? '',
  };
}

function fromPreset({ preset, set }: v.InferOutput<typeof PresetSchema>): Record<string, unknown> {
  const [task, size, ...more] = preset.split('/');
  const kind = BUILTIN_KINDS.find((k): k is BuiltinKind => k === task);
  if (!kind || (size !== 'quick' && size !== 'full') || more.length > 0)
    throw new Error(`recipe.preset is "${preset}"; it is TASK/quick or TASK/full with TASK one of ${BUILTIN_KINDS.join(', ')}.`);
  return withSettings(presetRecipe(kind, size), set);
}

/** A copy with the settings at their paths. Throws where a path goes through what has no fields; the recipe's own check sees to the rest. */
function withSettings(recipe: object, set: Record<string, unknown>): Record<string, unknown> {
  const changed = structuredClone(recipe) as Record<string, unknown>;
  for (const [path, value] of Object.entries(set)) {
    const keys = path.split('.');
    const last = keys.pop()!;
    if (keys.length === 0 && ['name', 'seed', 'model'].includes(last))
      throw new Error(`set "${path}": name, seed and model are the study’s own to say.`);
    let at = changed;
    for (const key of keys) {
      const next = Object.hasOwn(at, key) ? at[key] : undefined;
      if (typeof next !== 'object' || next === null || Array.isArray(next))
        throw new Error(`set "${path}": the recipe has no fields at "${key}". Paths are such as ra3.c or ra3.m.steps.`);
      at = next as Record<string, unknown>;
    }
    Object.defineProperty(at, last, { value: structuredClone(value), enumerable: true, writable: true, configurable: true });
  }
  return changed;
}

function read<S extends v.GenericSchema>(schema: S, value: unknown, whole: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new Error(
    `${result.issues
      .slice(0, 8)
      .map((issue) => `${v.getDotPath(issue) ?? whole}: ${issue.message}`)
      .join('; ')}.`,
  );
}

/** "c 0.05" -> c-0.05 */
function slug(label: string): string {
  return label
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
}
