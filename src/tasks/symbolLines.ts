// What the tasks over printed symbols share: the letters, traces with comments, the check of the number of lines.
import type { Program, Range, Trace } from './task.ts';

/** a, b, c and so on for the symbols; `?` and the id for anything else, so that a broken rollout can still be printed. */
export function letter(id: number, symbols: number): string {
  return id >= 0 && id < symbols ? String.fromCharCode(97 + id) : `?${id}`;
}

/** The program with the comment that `comment(t)` gives before line t. */
export function traceOf(program: Program, comment: (t: number) => number[] | null): Trace {
  return { program, latents: program.lines.map((_, t) => comment(t)) };
}

export function checkLines(task: string, found: number, wanted: number): void {
  if (found !== wanted) throw new RangeError(`${task}: ${found} lines given; the task has ${wanted}. Give one entry per line.`);
}

/** Sizes by range: the longest sequence is the prompt, then per line a decision, a thought and the line's own tokens. */
export function rangesOf(
  prompt: number,
  lines: Record<Range, number>,
  ownTokens: number,
): Record<Range, { lines: number; maxTokens: number }> {
  const of = (range: Range) => ({ lines: lines[range], maxTokens: prompt + (2 + ownTokens) * lines[range] });
  return { in: of('in'), edge: of('edge'), hard: of('hard') };
}
