// Pointer lines: a random permutation is shown; each line follows it once (easy) or twice (hard). A thought that holds the middle
// symbol splits a hard line into two easy ones. Promises exact truth per line and an exact verifier.
// Refuses traces and rollouts that do not have the task's number of lines.
import type { Line, LineTask, LineTruth, Program, Range, Rng, Trace, Verdict } from './task.ts';
import { checkLines, letter, rangesOf, SYMBOLS, traceOf } from './symbolLines.ts';

const LINES = { in: 6, edge: 9, hard: 12 };
const BOS = SYMBOLS;
const SEP = SYMBOLS + 1;
const ACT = SYMBOLS + 2;
const THINK = SYMBOLS + 3;
const EASY = SYMBOLS + 4;
const HARD = SYMBOLS + 5;
const START = 2 + 2 * SYMBOLS; // BOS, six pairs, SEP, then x and the first mode
const PROMPT = START + 2;
const SWITCH_PROBABILITY = 0.3;

const ALL_EASY = 0.75; // documents of the pre-training corpus without a hard line: the look-up is learned from these
const COMMENTED = 0.3; // documents of the pre-training corpus that carry comments
const GOOD = 0.5; // of their hard lines: the middle symbol
const RANDOM = 0.15; // of their other lines: any symbol

function shuffled(rng: Rng): number[] {
  const out = Array.from({ length: SYMBOLS }, (_, i) => i);
  for (let i = SYMBOLS - 1; i > 0; i--) {
    const j = rng.int(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

function permutationOf(program: Program): number[] {
  const p = new Array<number>(SYMBOLS).fill(-1);
  for (let i = 0; i < SYMBOLS; i++) p[program.prompt[1 + 2 * i]!] = program.prompt[2 + 2 * i]!;
  return p;
}

/** The mode announced for line t: by the prompt for the first, by the line before for the others. */
function modeOf(program: Program, t: number): number {
  return t === 0 ? program.prompt[START + 1]! : program.lines[t - 1]!.tokens[1]!;
}

function sampleProgram(rng: Rng, range: Range, allEasy = false): Program {
  const p = shuffled(rng);
  const order = shuffled(rng);
  let x = rng.int(SYMBOLS);
  let mode = !allEasy && rng.int(2) === 1 ? HARD : EASY;
  const prompt = [BOS, ...order.flatMap((k) => [k, p[k]!]), SEP, x, mode];
  const lines: Line[] = [];
  const truth: LineTruth[] = [];
  for (let t = 0; t < LINES[range]; t++) {
    const hard = mode === HARD;
    const middle = p[x]!;
    x = hard ? p[middle]! : middle;
    if (!allEasy && rng.uniform() < SWITCH_PROBABILITY) mode = mode === HARD ? EASY : HARD;
    lines.push({ tokens: [x, mode], sampled: [true, false], scored: [true, false] });
    truth.push({ kind: hard ? 'hard' : 'easy', useful: hard, latent: hard ? [middle] : null, oracle: hard ? [middle] : null });
  }
  return { prompt, lines, truth };
}

function annotate(rng: Rng, program: Program): (number[] | null)[] {
  return program.truth.map(({ useful, latent }) => {
    if (useful && rng.uniform() < GOOD) return latent;
    return rng.uniform() < RANDOM ? [rng.int(SYMBOLS)] : null;
  });
}

export const pointerLines: LineTask = {
  id: 'pointer-lines',
  title: 'Pointer lines',
  about:
    'A random permutation p of six symbols is shown. Each line writes p[x] (easy) or p[p[x]] (hard); which of the two is announced one line ' +
    'ahead and tends to stay. A thought can hold the middle symbol p[x], which turns a hard line into two easy steps. Where the base model cannot ' +
    'take two steps at once, RA3 first thinks everywhere and then keeps the thoughts of the hard lines; where it can, thinking rightly goes away.',
  tokens: [...Array.from({ length: SYMBOLS }, (_, i) => letter(i)), '<bos>', '<sep>', '<act>', '<think>', '<easy>', '<hard>'],
  latent: { kind: 'codebook', act: ACT, think: THINK, contentLo: 0, contentHi: SYMBOLS, maxLatentTokens: 1 },
  symbolLo: 0,
  symbolHi: SYMBOLS,
  lines: LINES.in,
  window: 0,
  maxTokens: PROMPT + 4 * LINES.in,
  ranges: rangesOf(PROMPT, LINES, 2),
  model: {
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    vocab_size: SYMBOLS + 6,
    max_position_embeddings: 64,
    rope_theta: 10000,
  },

  samplePrograms: (rng, count, range = 'in') => Array.from({ length: count }, () => sampleProgram(rng, range)),

  samplePretraining: (rng, count) =>
    Array.from({ length: count }, (): Trace => {
      const program = sampleProgram(rng, 'in', rng.uniform() < ALL_EASY);
      return rng.uniform() < COMMENTED ? { program, latents: annotate(rng, program) } : traceOf(program, () => null);
    }),

  annotate,

  verify(program: Program, written: number[][]): Verdict {
    checkLines('pointer-lines', written.length, program.lines.length);
    const p = permutationOf(program);
    let x = program.prompt[START]!;
    const lineOk = written.map((line, t) => {
      const middle = p[x];
      const wanted = middle !== undefined && modeOf(program, t) === HARD ? p[middle] : middle;
      x = line[0] ?? -1;
      return x === wanted;
    });
    return { reward: lineOk.every(Boolean) ? 1 : 0, lineOk };
  },

  render({ program, latents }: Trace): string[] {
    checkLines('pointer-lines', latents.length, program.lines.length);
    const pairs = Array.from({ length: SYMBOLS }, (_, i) => `${letter(program.prompt[1 + 2 * i]!)}: ${letter(program.prompt[2 + 2 * i]!)}`);
    const out = [`p = {${pairs.join(', ')}}; x = ${letter(program.prompt[START]!)}`];
    program.lines.forEach((line, t) => {
      const latent = latents[t];
      if (latent) out.push(`# p[x] is ${latent.map(letter).join(' ')}`);
      out.push(`${modeOf(program, t) === HARD ? 'x = p[p[x]]' : 'x = p[x]   '}  -> ${letter(line.tokens[0]!)}`);
    });
    return out;
  },
};
