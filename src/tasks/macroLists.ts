// Macro lists: programs over lists of five digits, shown by three pairs of input and output. An expert program is a few hidden macros of three primitives
// each, written out. A thought can name the macro that begins. Naming it is the hard part, so that even the true labels do not help (docs/log.md): the
// task is a testbed for RLVR, and no evidence for abstraction. Promises exact truth per line and an exact verifier: any program counts that turns the shown
// and two hidden inputs into what the expert's does. Refuses traces and rollouts that do not have the program's number of lines.
import { checkLines, rangesOf, sometimesCommented, tinyModel } from './symbolLines.ts';
import type { Line, LineTask, LineTruth, Program, Range, Rng, Trace, Verdict } from './task.ts';

const DIGITS = 10;
const LENGTH = 5;
const PAIRS = 3;
const MACRO_LINES = 3;

type Digits = number[];
const mod = (x: number): number => ((x % DIGITS) + DIGITS) % DIGITS;

const PRIMITIVES: readonly { name: string; apply: (x: Digits) => Digits }[] = [
  { name: 'reverse', apply: (x) => [...x].reverse() },
  { name: 'sort', apply: (x) => [...x].sort((a, b) => a - b) },
  { name: 'rotate', apply: (x) => [...x.slice(1), ...x.slice(0, 1)] },
  { name: 'increment', apply: (x) => x.map((d) => mod(d + 1)) },
  { name: 'double', apply: (x) => x.map((d) => mod(2 * d)) },
  { name: 'negate', apply: (x) => x.map((d) => mod(-d)) },
  { name: 'swap', apply: ([a, b, ...rest]) => [b!, a!, ...rest] },
  { name: 'cumsum', apply: (x) => x.map((_, i) => mod(x.slice(0, i + 1).reduce((s, d) => s + d, 0))) },
  { name: 'diff', apply: (x) => x.map((d, i) => (i === 0 ? d : mod(d - x[i - 1]!))) },
];
/** The hidden macros, as indices of primitives. */
const MACROS: readonly (readonly number[])[] = [
  [0, 3, 7],
  [1, 4, 2],
  [5, 6, 8],
  [2, 2, 3],
  [4, 3, 0],
  [7, 1, 5],
  [8, 5, 6],
  [3, 1, 8],
];

const PRIMITIVE = DIGITS; // the first primitive's id; digits are their own ids
const MACRO = PRIMITIVE + PRIMITIVES.length;
const BOS = MACRO + MACROS.length;
const SEP = BOS + 1;
const ACT = BOS + 2;
const THINK = BOS + 3;
const PAIR = 2 * LENGTH + 1;
const PROMPT = 1 + PAIRS * PAIR;
const LINES = { in: 2 * MACRO_LINES, edge: 3 * MACRO_LINES, hard: 4 * MACRO_LINES };
/** Inputs that are not shown; the verifier alone sees them. */
const HIDDEN: readonly Digits[] = [
  [3, 1, 4, 1, 5],
  [9, 2, 6, 8, 7],
];

const SHORT = 0.5; // documents of the pre-training corpus with one macro instead of two
const LOOSE = 0.3; // documents of single primitives instead of macros
const COMMENTED = 0.2; // documents that carry comments
const GOOD = 0.5; // of the lines at which a macro begins: its name
const RANDOM = 0.05; // of the others: any name

const run = (ids: readonly number[], x: Digits): Digits | null => {
  let y: Digits | null = x;
  for (const id of ids) y = y && (PRIMITIVES[id - PRIMITIVE]?.apply(y) ?? null);
  return y;
};

function program(rng: Rng, macros: readonly number[] | null, lines: number): Program {
  const ids = macros
    ? macros.flatMap((m) => MACROS[m]!.map((p) => PRIMITIVE + p))
    : Array.from({ length: lines }, () => PRIMITIVE + rng.int(PRIMITIVES.length));
  const prompt = [BOS];
  for (let k = 0; k < PAIRS; k++) {
    const x = Array.from({ length: LENGTH }, () => rng.int(DIGITS));
    prompt.push(...x, SEP, ...run(ids, x)!);
  }
  const truth: LineTruth[] = [];
  const out = ids.map((id, t): Line => {
    const begins = macros !== null && t % MACRO_LINES === 0;
    const latent = macros ? [MACRO + macros[Math.floor(t / MACRO_LINES)]!] : null;
    truth.push({ kind: begins ? 'begins' : 'goes on', useful: begins, latent, oracle: begins ? latent : null });
    return { tokens: [id], sampled: [true], scored: [true] };
  });
  return { prompt, lines: out, truth };
}

const drawMacros = (rng: Rng, lines: number): number[] => Array.from({ length: lines / MACRO_LINES }, () => rng.int(MACROS.length));

function annotate(rng: Rng, { truth }: Program): (number[] | null)[] {
  return truth.map(({ useful, latent }) => {
    if (useful && rng.uniform() < GOOD) return latent;
    return rng.uniform() < RANDOM ? [MACRO + rng.int(MACROS.length)] : null;
  });
}

const nameOf = (id: number): string => PRIMITIVES[id - PRIMITIVE]?.name ?? `?${id}`;
const macroName = (id: number): string => `macro ${String.fromCharCode(65 + id - MACRO)}`;

export const macroLists: LineTask = {
  id: 'macro-lists',
  about:
    'Three pairs of lists before and after a program are shown; the program is to be written, one primitive per line. Experts write hidden macros of three ' +
    'primitives each, and a thought can name one. Which macro it is has to be inferred from the pairs, with or without a name for it, so naming it does ' +
    'not help: a task on which RA3 has nothing to gain, and on which reinforcement learning trades many tries for one.',
  tokens: [
    ...Array.from({ length: DIGITS }, (_, d) => String(d)),
    ...PRIMITIVES.map((p) => p.name),
    ...MACROS.map((_, m) => String.fromCharCode(65 + m)),
    '<bos>',
    '<to>',
    '<act>',
    '<think>',
  ],
  latent: { kind: 'codebook', act: ACT, think: THINK, contentLo: MACRO, contentHi: BOS, maxLatentTokens: 1 },
  symbolLo: PRIMITIVE,
  symbolHi: MACRO,
  lines: LINES.in,
  window: 0,
  maxTokens: PROMPT + 3 * LINES.in,
  ranges: rangesOf(PROMPT, LINES, 1),
  model: tinyModel(THINK + 1, 128),

  samplePrograms: (rng, count, range: Range = 'in') =>
    Array.from({ length: count }, () => program(rng, drawMacros(rng, LINES[range]), LINES[range])),

  samplePretraining: (rng, count) =>
    Array.from({ length: count }, (): Trace => {
      const lines = rng.uniform() < SHORT ? MACRO_LINES : LINES.in;
      const drawn = program(rng, rng.uniform() < LOOSE ? null : drawMacros(rng, lines), lines);
      return sometimesCommented(rng, drawn, COMMENTED, annotate);
    }),

  annotate,

  verify(expert: Program, written: number[][]): Verdict {
    checkLines('macro-lists', written.length, expert.lines.length);
    const wanted = expert.lines.map((line) => line.tokens[0]!);
    const found = written.map((line) => line[0] ?? -1);
    const shown = Array.from({ length: PAIRS }, (_, k) => expert.prompt.slice(1 + k * PAIR, 1 + k * PAIR + LENGTH));
    const right = [...shown, ...HIDDEN].every((x) => run(found, x)?.join() === run(wanted, x)!.join());
    return { reward: right ? 1 : 0, lineOk: found.map((id, t) => right || id === wanted[t]) };
  },

  render({ program: { prompt, lines }, latents }: Trace): string[] {
    checkLines('macro-lists', latents.length, lines.length);
    const list = (from: number): string => `[${prompt.slice(from, from + LENGTH).join(', ')}]`;
    const pairs = Array.from({ length: PAIRS }, (_, k) => `${list(1 + k * PAIR)} -> ${list(2 + k * PAIR + LENGTH)}`);
    const out = [pairs.join('; ')];
    lines.forEach((line, t) => {
      const latent = latents[t];
      if (latent) out.push(`# ${latent.map(macroName).join(' ')}`);
      out.push(`x = ${nameOf(line.tokens[0]!)}(x)`);
    });
    return out;
  },
};
