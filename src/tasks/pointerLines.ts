// Pointer lines: a random permutation is shown; each line follows it once (easy) or twice (hard). A thought that holds the middle
// symbol splits a hard line into two easy ones; the network's windows leave room for one look-up. Promises exact truth per line and an exact verifier.
// Refuses traces and rollouts that do not have the task's number of lines.
import type { Line, LineTask, LineTruth, Program, Range, Rng, Trace, Verdict } from './task.ts';
import { checkLines, letter, rangesOf, sometimesCommented, tinyModel } from './symbolLines.ts';

const LINES = { in: 6, edge: 12, hard: 24 };
/** With six, the network learns two steps at once after all, windows or not; with ten hardly, in the steps that a base is given (docs/log.md). */
const SYMBOLS = 10;
const BOS = SYMBOLS;
const ACT = SYMBOLS + 1;
const THINK = SYMBOLS + 2;
const EASY = SYMBOLS + 3;
const HARD = SYMBOLS + 4;
const PAIR = SYMBOLS + 5; // the first of the tokens that say "k goes to v", in the order of k * SYMBOLS + v
const START = 1 + SYMBOLS; // BOS and the pairs, then x and the first mode
const PROMPT = START + 2;
const SWITCH_PROBABILITY = 0.3;

const COMMENTED = 0.2; // documents of the pre-training corpus that carry comments
const GOOD = 0.5; // of their hard lines: the middle symbol
const RANDOM = 0.15; // of their other lines: any symbol

const name = (id: number): string => letter(id, SYMBOLS);
const pairText = (pair: number): string => `${name(Math.floor(pair / SYMBOLS))}: ${name(pair % SYMBOLS)}`;

function shuffled(rng: Rng): number[] {
  const out = Array.from({ length: SYMBOLS }, (_, i) => i);
  for (let i = SYMBOLS - 1; i > 0; i--) {
    const j = rng.int(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

const pairsOf = (program: Program): number[] => program.prompt.slice(1, START).map((id) => id - PAIR);

function permutationOf(program: Program): number[] {
  const p = new Array<number>(SYMBOLS).fill(-1);
  for (const pair of pairsOf(program)) p[Math.floor(pair / SYMBOLS)] = pair % SYMBOLS;
  return p;
}

/** The mode announced for line t: by the prompt for the first, by the line before for the others. */
function modeOf(program: Program, t: number): number {
  return t === 0 ? program.prompt[START + 1]! : program.lines[t - 1]!.tokens[1]!;
}

function sampleProgram(rng: Rng, range: Range): Program {
  const p = shuffled(rng);
  const order = shuffled(rng);
  let x = rng.int(SYMBOLS);
  let mode = rng.int(2) === 1 ? HARD : EASY;
  const prompt = [BOS, ...order.map((k) => PAIR + k * SYMBOLS + p[k]!), x, mode];
  const lines: Line[] = [];
  const truth: LineTruth[] = [];
  for (let t = 0; t < LINES[range]; t++) {
    const hard = mode === HARD;
    const middle = p[x]!;
    x = hard ? p[middle]! : middle;
    if (rng.uniform() < SWITCH_PROBABILITY) mode = mode === HARD ? EASY : HARD;
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
  about:
    'A random permutation p of ten symbols is shown. Each line writes p[x] (easy) or p[p[x]] (hard); which of the two is announced one line ' +
    'ahead and tends to stay. The network can look up once: its first layer sees everything, its second the last three tokens alone. A thought ' +
    'can hold the middle symbol p[x], which turns a hard line into two easy steps. Midtraining with RA3 thinks on the hard lines and not on the easy ones.',
  tokens: [
    ...Array.from({ length: SYMBOLS }, (_, i) => name(i)),
    ...['<bos>', '<act>', '<think>', '<easy>', '<hard>'],
    ...Array.from({ length: SYMBOLS * SYMBOLS }, (_, pair) => pairText(pair)),
  ],
  latent: { kind: 'codebook', act: ACT, think: THINK, contentLo: 0, contentHi: SYMBOLS, maxLatentTokens: 1 },
  symbolLo: 0,
  symbolHi: SYMBOLS,
  lines: LINES.in,
  window: 0,
  maxTokens: PROMPT + 4 * LINES.in,
  ranges: rangesOf(PROMPT, LINES, 2),
  model: {
    ...tinyModel(PAIR + SYMBOLS * SYMBOLS, 128),
    // The only look-up is at x's own place in the first layer: what it finds is for the second, which sees x, the mode and the decision (or, after
    // a thought, the mode, the decision and the thought) and no pair. The first layer has no positions, since a pair may stand anywhere.
    architectures: ['SmolLM3ForCausalLM'],
    model_type: 'smollm3',
    no_rope_layers: [0, 1],
    layer_types: ['full_attention', 'sliding_attention'],
    use_sliding_window: true,
    sliding_window: 3,
  },

  samplePrograms: (rng, count, range = 'in') => Array.from({ length: count }, () => sampleProgram(rng, range)),

  samplePretraining: (rng, count) =>
    Array.from({ length: count }, (): Trace => {
      const program = sampleProgram(rng, 'in');
      return sometimesCommented(rng, program, COMMENTED, annotate);
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
    const out = [`p = {${pairsOf(program).map(pairText).join(', ')}}; x = ${name(program.prompt[START]!)}`];
    program.lines.forEach((line, t) => {
      const latent = latents[t];
      if (latent) out.push(`# p[x] is ${latent.map(name).join(' ')}`);
      out.push(`${modeOf(program, t) === HARD ? 'x = p[p[x]]' : 'x = p[x]   '}  -> ${name(line.tokens[0]!)}`);
    });
    return out;
  },
};
