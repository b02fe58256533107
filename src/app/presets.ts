// The built-in recipes as the page offers them.
import { presetRecipe, TASK_TITLE } from '../run/presets.ts';
import { type BuiltinKind, BUILTIN_KINDS } from '../run/recipe.ts';
import type { Recipe } from './runLog.ts';

export type PresetSize = 'quick' | 'full';
export interface PresetChoice {
  task: BuiltinKind;
  size: PresetSize;
}

export const PRESETS: readonly { choice: PresetChoice; label: string }[] = BUILTIN_KINDS.flatMap((task) =>
  (['quick', 'full'] as const).map((size) => ({ choice: { task, size }, label: presetLabel({ task, size }) })),
);

export function recipeOf({ task, size }: PresetChoice): Recipe {
  return presetRecipe(task, size);
}

export function presetLabel({ task, size }: PresetChoice): string {
  return `${TASK_TITLE[task]}, ${size}`;
}
