// What a model wrote freely after a prompt, read as thoughts and lines: a line that begins with the think token is a thought about the line after it.
// Promises: the sequence is the prompt and every token that was written, in order, all of them the policy's. Refuses nothing: whatever was written reads.
import { ROLE, type Sequence } from './sequence.ts';
import type { Program } from './task.ts';

export interface FreeForm {
  /** The token that a thought begins with where a line may begin. */
  think: number;
  /** Whether a token ends a line; tokenizers have more such tokens than the newline, ":\n" for one. */
  endsLine(id: number): boolean;
  /** Tokens that end the text; they belong to the line before them. */
  endIds: readonly number[];
}

export interface FreeReading {
  /** Per line: the content of the thoughts before it, or null. */
  latents: (number[] | null)[];
  /** Per line: its own tokens. */
  written: number[][];
  sequence: Sequence;
}

/** Thoughts have any length here; several in a row are before the same line. A text that ends within a thought has a last line without tokens. */
export function readFree(program: Pick<Program, 'prompt'>, generated: readonly number[], form: FreeForm): FreeReading {
  const first = program.prompt.length;
  const ids = Int32Array.from([...program.prompt, ...generated]);
  const roles = new Uint8Array(ids.length).fill(ROLE.prompt);
  const line = new Int32Array(ids.length).fill(-1);
  const pinLo = new Int32Array(ids.length);
  const pinHi = new Int32Array(ids.length);
  const lineStart: number[] = [];
  const latents: (number[] | null)[] = [];
  const written: number[][] = [];
  let pin = { lo: 0, hi: 0 };
  let t = -1;
  for (let i = first; i < ids.length; ) {
    if (form.endIds.includes(ids[i] as number) && t >= 0) {
      written[t]?.push(ids[i] as number);
      roles[i] = ROLE.line;
      line[i++] = t;
      continue;
    }
    t += 1;
    let content: number[] | null = null;
    const begin = i;
    while (ids[i] === form.think) {
      content ??= [];
      roles[i++] = ROLE.think;
      const lo = i;
      while (i < ids.length && !form.endsLine(ids[i] as number)) {
        content.push(ids[i] as number);
        roles[i++] = ROLE.content;
      }
      pin = i > lo ? { lo, hi: i } : { lo: 0, hi: 0 };
      pinLo.fill(pin.lo, lo);
      pinHi.fill(pin.hi, lo);
      if (i < ids.length) roles[i++] = ROLE.contentEnd;
    }
    lineStart.push(i);
    const own: number[] = [];
    for (let ended = false; !ended && i < ids.length; i++) {
      ended = form.endsLine(ids[i] as number);
      own.push(ids[i] as number);
      roles[i] = ROLE.line;
    }
    line.fill(t, begin, i);
    latents.push(content);
    written.push(own);
  }
  const sampled = Uint8Array.from(ids, (_, i) => (i < first ? 0 : 1));
  return {
    latents,
    written,
    sequence: {
      ids,
      roles,
      line,
      pinLo,
      pinHi,
      sampled,
      scored: Uint8Array.from(roles, (role) => (role === ROLE.line ? 1 : 0)),
      thinks: Uint8Array.from(latents, (latent) => (latent ? 1 : 0)),
      lineStart: Int32Array.from(lineStart),
    },
  };
}
