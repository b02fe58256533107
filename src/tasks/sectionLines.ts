// Section lines: recall lines whose key changes. The environment announces a section and its key, which soon is out of sight; the latest thought stays
// visible. Writing each section's key down at its first line and holding it to the section's end solves every line; nothing else can, so that the right
// thoughts have known beginnings and durations. Promises exact truth per line and an exact verifier.
// Refuses traces and rollouts that do not have the program's number of lines.
import type { Line, LineTask, LineTruth, Program, Range, Rng, Trace, Verdict } from './task.ts';
import { checkLines, letter, rangesOf, sometimesCommented, tinyModel } from './symbolLines.ts';

const LINES = { in: 10, edge: 14, hard: 20 };
const SYMBOLS = 6;
const BOS = SYMBOLS;
const ACT = SYMBOLS + 1;
const THINK = SYMBOLS + 2;
const PLAIN = SYMBOLS + 3;
const RECALL = SYMBOLS + 4;
const SECTION = SYMBOLS + 5; // the first of the tokens that announce a section, in the order of its key
const PROMPT = 3; // BOS x section
const LEAST_LINES = 3; // of a section, but for the last
/** That another section begins, from then on: sections beyond the trained range are longer, so that a thought has to be held for longer. */
const ENDS = { in: 0.35, edge: 0.2, hard: 0.02 };
const RECALL_PROBABILITY = 0.4;

const COMMENTED = 0.2; // documents of the pre-training corpus that carry comments
const GOOD = 0.5; // of their sections' first lines: the key
const RANDOM = 0.05; // of the rest: any symbol

const name = (id: number): string => letter(id, SYMBOLS);

/** What is announced for line t: by the prompt for the first, by the line before for the others. */
function announced(program: Program, t: number): number {
  return t === 0 ? program.prompt[2]! : program.lines[t - 1]!.tokens[1]!;
}

/** The key of each line's section. */
function keysOf(program: Program): number[] {
  let key = -1;
  return program.lines.map((_, t) => {
    const mode = announced(program, t);
    if (mode >= SECTION) key = mode - SECTION;
    return key;
  });
}

function sampleProgram(rng: Rng, range: Range): Program {
  let key = rng.int(SYMBOLS);
  let x = rng.int(SYMBOLS);
  let mode = SECTION + key;
  const prompt = [BOS, x, mode];
  const lines: Line[] = [];
  const truth: LineTruth[] = [];
  let age = 0;
  for (let t = 0; t < LINES[range]; t++) {
    const begins = mode >= SECTION;
    const recall = mode === RECALL;
    age = begins ? 1 : age + 1;
    truth.push({ kind: begins ? 'begins' : recall ? 'recall' : 'plain', useful: recall, latent: [key], oracle: begins ? [key] : null });
    x = recall ? key : (x + 1) % SYMBOLS;
    if (age >= LEAST_LINES && rng.uniform() < ENDS[range]) {
      key = (key + 1 + rng.int(SYMBOLS - 1)) % SYMBOLS;
      mode = SECTION + key;
    } else mode = rng.uniform() < RECALL_PROBABILITY ? RECALL : PLAIN;
    lines.push({ tokens: [x, mode], sampled: [true, false], scored: [true, false] });
  }
  return { prompt, lines, truth };
}

function annotate(rng: Rng, program: Program): (number[] | null)[] {
  return program.truth.map(({ oracle }) => {
    if (oracle && rng.uniform() < GOOD) return oracle;
    return rng.uniform() < RANDOM ? [rng.int(SYMBOLS)] : null;
  });
}

export const sectionLines: LineTask = {
  id: 'section-lines',
  about:
    'A program has sections, each with a key that is announced at its first line. The other lines write the next symbol or the key; which of the ' +
    'two is announced one line ahead. The network sees only its last three tokens and the latest thought, so the key is soon out of sight. Midtraining ' +
    'with RA3 comes to think once per section, at its first line, and holds the thought to the section’s end: abstractions with the truth’s own boundaries.',
  tokens: [
    ...Array.from({ length: SYMBOLS }, (_, i) => name(i)),
    ...['<bos>', '<act>', '<think>', '<plain>', '<recall>'],
    ...Array.from({ length: SYMBOLS }, (_, i) => `<section ${name(i)}>`),
  ],
  latent: { kind: 'codebook', act: ACT, think: THINK, contentLo: 0, contentHi: SYMBOLS, maxLatentTokens: 1 },
  symbolLo: 0,
  symbolHi: SYMBOLS,
  lines: LINES.in,
  // With two tokens in the first layer and three in the second, a position reaches three back: to the symbol before, not to the line before that.
  window: 3,
  maxTokens: PROMPT + 4 * LINES.in,
  ranges: rangesOf(PROMPT, LINES, 2),
  model: {
    ...tinyModel(SECTION + SYMBOLS, 128),
    architectures: ['SmolLM3ForCausalLM'],
    model_type: 'smollm3',
    no_rope_layers: [1, 1],
    layer_types: ['sliding_attention', 'full_attention'],
    use_sliding_window: true,
    sliding_window: 2,
  },

  samplePrograms: (rng, count, range = 'in') => Array.from({ length: count }, () => sampleProgram(rng, range)),

  samplePretraining: (rng, count) =>
    Array.from({ length: count }, (): Trace => {
      const program = sampleProgram(rng, 'in');
      return sometimesCommented(rng, program, COMMENTED, annotate);
    }),

  annotate,

  verify(program: Program, written: number[][]): Verdict {
    checkLines('section-lines', written.length, program.lines.length);
    const keys = keysOf(program);
    let x = program.prompt[1]!;
    const lineOk = written.map((line, t) => {
      const wanted = announced(program, t) === RECALL ? keys[t]! : (x + 1) % SYMBOLS;
      x = line[0] ?? -1;
      return x === wanted;
    });
    return { reward: lineOk.every(Boolean) ? 1 : 0, lineOk };
  },

  render({ program, latents }: Trace): string[] {
    checkLines('section-lines', latents.length, program.lines.length);
    const out = [`x = "${name(program.prompt[1]!)}"`];
    program.lines.forEach((line, t) => {
      const latent = latents[t];
      const mode = announced(program, t);
      if (latent) out.push(`# key is ${latent.map(name).join(' ')}`);
      const text = mode >= SECTION ? `key = "${name(mode - SECTION)}"; x = next(x)` : mode === RECALL ? 'x = key    ' : 'x = next(x)';
      out.push(`${text}  -> ${name(line.tokens[0]!)}`);
    });
    return out;
  },
};
