// What the built-in tasks share: the letters, documents with comments, sizes of programs and of the model, the check of the number of lines.
import type { Program, Range, Rng, TinyModelShape, Trace } from './task.ts';

/** a, b, c and so on for the symbols; `?` and the id for anything else, so that a broken rollout can still be printed. */
export function letter(id: number, symbols: number): string {
  return id >= 0 && id < symbols ? String.fromCharCode(97 + id) : `?${id}`;
}

/** The program with an annotator's comments in a fraction of cases, else with none: a document of a pre-training corpus. */
export function sometimesCommented(
  rng: Rng,
  program: Program,
  fraction: number,
  annotate: (rng: Rng, program: Program) => Trace['latents'],
): Trace {
  return { program, latents: rng.uniform() < fraction ? annotate(rng, program) : program.lines.map(() => null) };
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

/** The small model that all of them have: two layers of width 32. */
export function tinyModel(vocabulary: number, positions: number): TinyModelShape {
  return {
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    vocab_size: vocabulary,
    max_position_embeddings: positions,
    rope_theta: 10000,
  };
}
