// The built-in recipes as the page offers them.
import { presetRecipe } from '../run/presets.ts';
import type { Recipe } from './runLog.ts';

export type BuiltInTask = 'recall-lines' | 'pointer-lines';
export type PresetSize = 'quick' | 'full';
export interface PresetChoice {
  task: BuiltInTask;
  size: PresetSize;
}

export const PRESETS: readonly { choice: PresetChoice; label: string }[] = [
  { choice: { task: 'recall-lines', size: 'quick' }, label: 'Recall lines, quick' },
  { choice: { task: 'recall-lines', size: 'full' }, label: 'Recall lines, full' },
  { choice: { task: 'pointer-lines', size: 'quick' }, label: 'Pointer lines, quick' },
  { choice: { task: 'pointer-lines', size: 'full' }, label: 'Pointer lines, full' },
];

export function recipeOf({ task, size }: PresetChoice): Recipe {
  return presetRecipe(task, size);
}

export function presetLabel(choice: PresetChoice): string {
  return PRESETS.find((p) => p.choice.task === choice.task && p.choice.size === choice.size)?.label ?? `${choice.task}, ${choice.size}`;
}
