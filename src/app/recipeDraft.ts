// The recipe while it is being edited: one draft object with two views, form and text. A draft may be wrong at any moment; what is
// wrong is named by field, and only a draft that parseRecipe accepts is ever a recipe.
import * as v from 'valibot';
import { parseRecipe, RecipeError, RecipeSchema } from '../run/recipe.ts';
import type { Recipe } from './runLog.ts';

export interface Issue {
  /** Dotted path of the field; empty for the text as a whole. */
  path: string;
  message: string;
}

export interface Draft {
  /** The text view; the form writes it anew at every change. */
  text: string;
  /** What the text says, when it is JSON at all. */
  value: unknown;
  issues: Issue[];
  /** The recipe when there is nothing wrong. */
  recipe: Recipe | null;
}

export function draftOf(value: unknown): Draft {
  return checked(JSON.stringify(value, null, 2), value);
}

export function draftOfText(text: string): Draft {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { text, value: null, recipe: null, issues: [{ path: '', message: `This is not JSON: ${(error as Error).message}` }] };
  }
  return checked(text, value);
}

/** The draft with one field set; the path is of the recipe's own keys, e.g. 'ra3.m.steps'. */
export function withField(draft: Draft, path: string, value: unknown): Draft {
  return draftOf(setAt(draft.value, path.split('.'), value));
}

export function fieldOf(value: unknown, path: string): unknown {
  let here: unknown = value;
  for (const key of path.split('.')) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}

export interface Difference {
  path: string;
  here: unknown;
  there: unknown;
}

/** Fields in which two recipes differ, by dotted path; the name is no setting and is left out. */
export function differences(here: unknown, there: unknown, path = ''): Difference[] {
  if (path === 'name') return [];
  if (isPlain(here) && isPlain(there)) {
    const keys = [...new Set([...Object.keys(there), ...Object.keys(here)])];
    return keys.flatMap((key) => differences(here[key], there[key], path === '' ? key : `${path}.${key}`));
  }
  return JSON.stringify(here) === JSON.stringify(there) ? [] : [{ path, here, there }];
}

/** What differs between two recipes in one line: "seed 2 instead of 1, ra3.c 0.2 instead of 0.1 and 3 more"; empty where nothing does. */
export function differenceLine(here: unknown, there: unknown, most = 4): string {
  const changed = differences(here, there);
  const shown = changed.slice(0, most).map((d) => `${d.path} ${printed(d.here)} instead of ${printed(d.there)}`);
  return shown.join(', ') + (changed.length > most ? ` and ${changed.length - most} more` : '');
}

function printed(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function checked(text: string, value: unknown): Draft {
  try {
    return { text, value, issues: [], recipe: parseRecipe(value) };
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    const result = v.safeParse(RecipeSchema, value);
    const issues = result.success
      ? [{ path: '', message: error.message }]
      : result.issues.map((i) => ({ path: v.getDotPath(i) ?? '', message: i.message }));
    return { text, value, issues, recipe: null };
  }
}

function setAt(value: unknown, path: string[], leaf: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return leaf;
  const source = isPlain(value) ? value : {};
  const copy = Object.fromEntries(Object.entries(source));
  Object.defineProperty(copy, key, { value: setAt(source[key], rest, leaf), enumerable: true, configurable: true, writable: true });
  return copy;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
