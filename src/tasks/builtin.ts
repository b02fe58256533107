// The built-in tasks by id. Refuses ids that it does not know, naming those it does.
import { macroLists } from './macroLists.ts';
import { controlLines } from './controlLines.ts';
import { pointerLines } from './pointerLines.ts';
import { recallLines } from './recallLines.ts';
import { sectionLines } from './sectionLines.ts';
import type { LineTask } from './task.ts';

export const BUILTIN_TASKS: readonly LineTask[] = [recallLines, sectionLines, pointerLines, controlLines, macroLists];

/** Throws RangeError for an unknown id. */
export function builtinTask(id: string): LineTask {
  const task = BUILTIN_TASKS.find((t) => t.id === id);
  if (!task) throw new RangeError(`No built-in task is named "${id}". Use one of: ${BUILTIN_TASKS.map((t) => t.id).join(', ')}.`);
  return task;
}
