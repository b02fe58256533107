// Recall lines: a key is shown once, the attention window is short, the latest thought stays visible. Writing the key down once and
// holding it solves every line; nothing else can. Promises exact truth per line and an exact verifier.
// Refuses traces and rollouts that do not have the task's number of lines.
import type { Line, LineTask, LineTruth, Program, Range, Rng, Trace, Verdict } from './task.ts';
import { checkLines, letter, rangesOf, sometimesCommented, tinyModel } from './symbolLines.ts';

const LINES = { in: 8, edge: 11, hard: 15 };
const SYMBOLS = 6;
const BOS = SYMBOLS;
const ACT = SYMBOLS + 1;
const THINK = SYMBOLS + 2;
const PLAIN = SYMBOLS + 3;
const RECALL = SYMBOLS + 4;
const PROMPT = 4; // BOS key x mode
const RECALL_PROBABILITY = 0.4;

const COMMENTED = 0.2; // documents of the pre-training corpus that carry comments
const GOOD = 0.25; // of their lines: the key
const RANDOM = 0.05; // of the rest: any symbol

const name = (id: number): string => letter(id, SYMBOLS);
const keyOf = (program: Program): number => program.prompt[1]!;

/** The mode announced for line t: by the prompt for the first, by the line before for the others. */
function modeOf(program: Program, t: number): number {
  return t === 0 ? program.prompt[3]! : program.lines[t - 1]!.tokens[1]!;
}

function sampleProgram(rng: Rng, range: Range): Program {
  const key = rng.int(SYMBOLS);
  let x = rng.int(SYMBOLS);
  let mode = PLAIN;
  const prompt = [BOS, key, x, mode];
  const lines: Line[] = [];
  const truth: LineTruth[] = [];
  for (let t = 0; t < LINES[range]; t++) {
    const recall = mode === RECALL;
    x = recall ? key : (x + 1) % SYMBOLS;
    mode = rng.uniform() < RECALL_PROBABILITY ? RECALL : PLAIN;
    lines.push({ tokens: [x, mode], sampled: [true, false], scored: [true, false] });
    truth.push({ kind: recall ? 'recall' : 'plain', useful: recall, latent: [key], oracle: t === 0 ? [key] : null });
  }
  return { prompt, lines, truth };
}

function annotate(rng: Rng, program: Program): (number[] | null)[] {
  return program.lines.map(() => {
    if (rng.uniform() < GOOD) return [keyOf(program)];
    return rng.uniform() < RANDOM ? [rng.int(SYMBOLS)] : null;
  });
}

export const recallLines: LineTask = {
  id: 'recall-lines',
  about:
    'A key is shown once at the top. Each line writes either the next symbol or the key; which of the two is announced one line ahead. ' +
    'The network sees only its last few tokens and the latest thought, so the key is soon out of sight. Midtraining with RA3 first thinks ' +
    'on many lines, then prunes to one thought at the start that is held to the end: the abstraction comes to last the whole program. ' +
    'Next-token prediction on the same programs unlearns thinking, and reinforcement learning cannot bring it back.',
  tokens: [...Array.from({ length: SYMBOLS }, (_, i) => name(i)), '<bos>', '<act>', '<think>', '<plain>', '<recall>'],
  latent: { kind: 'codebook', act: ACT, think: THINK, contentLo: 0, contentHi: SYMBOLS, maxLatentTokens: 1 },
  symbolLo: 0,
  symbolHi: SYMBOLS,
  lines: LINES.in,
  // two layers with a window of 5 lose the key after line 1; with 6 they could still relay it to line 2 and 3
  window: 5,
  maxTokens: PROMPT + 4 * LINES.in,
  ranges: rangesOf(PROMPT, LINES, 2),
  model: tinyModel(SYMBOLS + 5, 64),

  samplePrograms: (rng, count, range = 'in') => Array.from({ length: count }, () => sampleProgram(rng, range)),

  samplePretraining: (rng, count) =>
    Array.from({ length: count }, (): Trace => {
      const program = sampleProgram(rng, 'in');
      return sometimesCommented(rng, program, COMMENTED, annotate);
    }),

  annotate,

  verify(program: Program, written: number[][]): Verdict {
    checkLines('recall-lines', written.length, program.lines.length);
    let x = program.prompt[2]!;
    const lineOk = written.map((line, t) => {
      const wanted = modeOf(program, t) === RECALL ? keyOf(program) : (x + 1) % SYMBOLS;
      x = line[0] ?? -1;
      return x === wanted;
    });
    return { reward: lineOk.every(Boolean) ? 1 : 0, lineOk };
  },

  render({ program, latents }: Trace): string[] {
    checkLines('recall-lines', latents.length, program.lines.length);
    const out = [`key = "${name(keyOf(program))}"; x = "${name(program.prompt[2]!)}"`];
    program.lines.forEach((line, t) => {
      const latent = latents[t];
      if (latent) out.push(`# key is ${latent.map(name).join(' ')}`);
      out.push(`${modeOf(program, t) === RECALL ? 'x = key    ' : 'x = next(x)'}  -> ${name(line.tokens[0]!)}`);
    });
    return out;
  },
};
