// What the list says of a run, as it is kept in the index: plain data that the page and the worker share. Rows are rebuilt field by field, so that a
// row of any older release is read and nothing else of it survives. Refuses (null) rows that are no run, and rows of a newer release.
import * as v from 'valibot';
import { ARMS, parseRecipe, type Recipe } from '../run/recipe.ts';

/** Where a run comes from: it ran on this page, or was opened from a link, from a bundle, or is the recorded one. */
export const ORIGINS = ['run', 'link', 'bundle', 'demo'] as const;
export type RunOrigin = (typeof ORIGINS)[number];
export const STATUSES = ['running', 'paused', 'interrupted', 'finished', 'stopped', 'failed'] as const;
export type RunStatus = (typeof STATUSES)[number];

const score = v.object({
  arm: v.picklist(ARMS),
  kind: v.picklist(['pass@1', 'nll']),
  value: v.number(),
});
/** An arm's newest result in a few letters: pass@1 where there is a verifier, else the held-out negative log-likelihood. */
export type Score = v.InferOutput<typeof score>;

export interface StoredRun {
  /** Fit for a folder's name. */
  id: string;
  name: string;
  origin: RunOrigin;
  status: RunStatus;
  /** ISO time. */
  startedAt: string;
  recipe: Recipe;
  /** Colour slot, from 0. */
  tone: number;
  scores: Score[];
}

/** Version of a row. */
export const ROW_VERSION = 1;
export const ID = /^[a-z0-9-]{1,64}$/;

const row = v.object({
  version: v.literal(ROW_VERSION),
  id: v.pipe(v.string(), v.regex(ID)),
  name: v.pipe(v.string(), v.maxLength(200)),
  origin: v.picklist(ORIGINS),
  status: v.picklist(STATUSES),
  startedAt: v.pipe(v.string(), v.maxLength(40)),
  recipe: v.unknown(),
  tone: v.pipe(v.number(), v.integer(), v.minValue(0)),
  scores: v.array(score),
});

export function parseStoredRun(value: unknown): StoredRun | null {
  const read = v.safeParse(row, value);
  if (!read.success) return null;
  const { version: _, recipe, ...rest } = read.output;
  try {
    return { ...rest, recipe: parseRecipe(recipe) };
  } catch {
    return null;
  }
}

/** Bytes of a run by what they are. */
export interface RunSizes {
  id: string;
  logBytes: number;
  checkpointBytes: number;
  inputBytes: number;
  bundleBytes: number;
}

export interface KeptRuns {
  /** memory: nothing can be stored here, and why. */
  storage: { kind: 'disk' } | { kind: 'memory'; reason: string };
  runs: {
    run: StoredRun;
    /** Another tab has it: read-only here. */
    elsewhere: boolean;
    resumable: boolean;
    /** Its bundle is on disk, with the models of its arms. */
    bundled: boolean;
  }[];
}
