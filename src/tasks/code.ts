// Expert programs from rows of prompt and solution text, and windows of plain text, for any tokenizer.
// Promises: train and held-out rows are split by row order, before anything is dropped; every drop is counted; comments that are taken out are kept.
// Refuses tokenizers that do not give "#" and the newline one token each: the text form of thoughts needs both.
import { pythonLines } from './pythonLines.ts';
import type { LatentForm, Line, Program } from './task.ts';

export interface TextTokenizer {
  encode(text: string, options: { addBos: boolean }): number[];
  /** Tokens of text that goes on after a newline: no beginning-of-sequence, no space put before it. */
  encodeContinuation(text: string): number[];
}

export interface CodeRow {
  prompt: string;
  solution: string;
}

export interface CodeOptions {
  /** Programs whose prompt and lines, without thoughts, have more tokens are dropped. */
  maxTokens: number;
  /** Fraction of rows, the last ones, that are held out. */
  heldOut: number;
  maxRows: number;
}

export interface ProgramSet {
  train: Program[];
  heldOut: Program[];
  /** Rows read: at most maxRows. */
  rows: number;
  droppedLong: number;
  droppedEmpty: number;
  /** Solution lines that were comments and were taken out: they would read as thoughts. */
  commentLinesRemoved: number;
  /** What they said, for programs that had any: per line the comments before it, no longer than a thought may be, or null. */
  comments: Map<Program, (number[] | null)[]>;
}

export const emptySet = (rows: number): ProgramSet => ({
  train: [],
  heldOut: [],
  rows,
  droppedLong: 0,
  droppedEmpty: 0,
  commentLinesRemoved: 0,
  comments: new Map(),
});

export class CodeTaskError extends Error {
  override name = 'CodeTaskError';
}

function singleId(tokenizer: TextTokenizer, text: string, name: string): number {
  const ids = tokenizer.encodeContinuation(text);
  if (ids.length !== 1) {
    throw new CodeTaskError(
      `This tokenizer writes ${name} as ${ids.length} tokens [${ids}]; thoughts as comments need exactly one. ` +
        'Use a model whose tokenizer has a token for it, or run the NTP arm alone.',
    );
  }
  return ids[0]!;
}

/** How thoughts are written with this tokenizer: "#", content, newline. Throws CodeTaskError when either is not one token. */
export function textLatentForm(tokenizer: TextTokenizer, maxLatentTokens: number): LatentForm {
  const think = singleId(tokenizer, '#', 'the comment sign "#"');
  const contentEnd = singleId(tokenizer, '\n', 'the newline');
  return { kind: 'text', think, contentEnd, maxLatentTokens };
}

const normalise = (text: string): string => text.replace(/\r\n?/g, '\n');

/**
 * The prompt as Python that ends in a newline. A solution that begins indented goes on with the prompt's own code (as in HumanEval), so
 * that the prompt stays as it is; any other prompt becomes a docstring (as in MBPP).
 */
export function formatPrompt(prompt: string, solution: string): string {
  const text = normalise(prompt);
  const firstLine = normalise(solution)
    .split('\n')
    .find((line) => line.trim() !== '');
  if (firstLine !== undefined && /^[ \t]/.test(firstLine)) return text.endsWith('\n') ? text : `${text}\n`;
  return `"""\n${text.trim().replaceAll('"""', '\\"\\"\\"')}\n"""\n`;
}

function lineOf(tokens: number[]): Line {
  return { tokens, sampled: tokens.map(() => true), scored: tokens.map(() => true) };
}

export function tokenCount(program: Program): number {
  return program.prompt.length + program.lines.reduce((n, line) => n + line.tokens.length, 0);
}

/**
 * `prompt` is Python that ends in a newline; `endId`, where there is one, ends the program and is never scored. Comments that have lines of their own are
 * taken out; their text is cut to the longest thought.
 */
export function readProgram(
  prompt: string,
  solution: string,
  tokenizer: TextTokenizer,
  form: LatentForm,
  endId: number | null,
): { program: Program; comments: (number[] | null)[]; commentLines: number } {
  const lines: Line[] = [];
  const latents: (number[] | null)[] = [];
  let waiting: string[] = [];
  let commentLines = 0;
  for (const { text, comment } of pythonLines(solution)) {
    if (comment !== null) {
      commentLines += 1;
      waiting.push(comment.trim());
      continue;
    }
    const tokens = text.split(/(?<=\n)/).flatMap((part) => tokenizer.encodeContinuation(part));
    if (tokens.length === 0) continue;
    lines.push(lineOf(tokens));
    latents.push(waiting.length > 0 ? thoughtOf(waiting.join(' '), tokenizer, form) : null);
    waiting = [];
  }
  const last = lines.at(-1);
  if (last && endId !== null) {
    last.tokens.push(endId);
    last.sampled.push(true);
    last.scored.push(false);
  }
  return { program: { prompt: tokenizer.encode(prompt, { addBos: true }), lines, truth: [] }, comments: latents, commentLines };
}

function thoughtOf(text: string, tokenizer: TextTokenizer, form: LatentForm): number[] {
  const whole = tokenizer.encodeContinuation(`# ${text}`);
  const ids = whole[0] === form.think ? whole.slice(1) : tokenizer.encodeContinuation(` ${text}`);
  return ids.filter((id) => form.kind !== 'text' || id !== form.contentEnd).slice(0, form.maxLatentTokens);
}

const heldOutFrom = (rows: number, heldOut: number): number => rows - Math.floor(rows * heldOut);

/** Programs without truth; every token of a line is sampled and scored. Throws CodeTaskError when no program is left to train on. */
export function codePrograms(rows: readonly CodeRow[], tokenizer: TextTokenizer, form: LatentForm, options: CodeOptions): ProgramSet {
  const used = rows.slice(0, options.maxRows);
  const firstHeldOut = heldOutFrom(used.length, options.heldOut);
  const set = emptySet(used.length);
  used.forEach((row, index) => {
    const prompt = formatPrompt(row.prompt, row.solution);
    const { program, comments, commentLines } = readProgram(prompt, row.solution, tokenizer, form, null);
    set.commentLinesRemoved += commentLines;
    if (comments.some(Boolean)) set.comments.set(program, comments);
    if (program.lines.length === 0) set.droppedEmpty += 1;
    else if (tokenCount(program) > options.maxTokens) set.droppedLong += 1;
    else (index < firstHeldOut ? set.train : set.heldOut).push(program);
  });
  if (set.train.length === 0) {
    throw new CodeTaskError(
      `None of the ${used.length} rows gives a program to train on: ${set.droppedLong} are longer than ${options.maxTokens} tokens, ` +
        `${set.droppedEmpty} have an empty solution. Raise maxTokens, or choose other fields for prompt and solution.`,
    );
  }
  return set;
}

/**
 * Plain text cut into windows of at most maxTokens, each row from its beginning-of-sequence on: one program per window whose prompt is
 * the first token and whose only line is the rest. Windows of one token are left out (droppedEmpty).
 */
export function textWindows(texts: readonly string[], tokenizer: TextTokenizer, options: CodeOptions): ProgramSet {
  if (options.maxTokens < 2) throw new CodeTaskError(`maxTokens is ${options.maxTokens}; a window needs at least 2 tokens.`);
  const used = texts.slice(0, options.maxRows);
  const firstHeldOut = heldOutFrom(used.length, options.heldOut);
  const set = emptySet(used.length);
  used.forEach((text, index) => {
    const ids = tokenizer.encode(normalise(text), { addBos: true });
    const into = index < firstHeldOut ? set.train : set.heldOut;
    // Windows share one token, so that every token but the first is predicted once.
    for (let at = 0; at + 1 < ids.length; at += options.maxTokens - 1) {
      const window = ids.slice(at, at + options.maxTokens);
      into.push({ prompt: window.slice(0, 1), lines: [lineOf(window.slice(1))], truth: [] });
    }
    if (ids.length < 2) set.droppedEmpty += 1;
  });
  if (set.train.length === 0)
    throw new CodeTaskError(`The ${used.length} texts hold no two tokens to train on. Choose another field or file.`);
  return set;
}
