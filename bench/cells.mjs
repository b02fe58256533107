// What is measured: the cells of each section, few for every day and all with --full, and how long each contender may take for one of them.
// Expectations for a cell come from the cells before it in the same run.

/**
 * @typedef {import('./workload.ts').StepShape} StepShape
 * @typedef {import('./workload.ts').MatmulShape & { name: string }} MatmulCell
 * @typedef {import('./page.ts').Timing} Timing
 * @typedef {Partial<Record<import('./workload.ts').ContenderName, number>>} Expected
 */

export const SECTIONS = /** @type {const} */ (['train', 'matmul', 'decode', 'load']);

/** @typedef {typeof SECTIONS[number]} Section */

export const VOCABULARY = 512;
const LAYERS = 4;
/** Tokens of a step: T grows as B falls, so that steps differ by attention alone. */
const STEP_TOKENS = 1024;

/** @param {number} C @param {number} T @returns {StepShape} */
const step = (C, T) => ({ C, L: LAYERS, T, B: STEP_TOKENS / T });

/** Smallest first: what a cell takes is foreseen from the ones before. @param {boolean} full @returns {StepShape[]} */
export function stepCells(full) {
  if (!full) return [step(64, 128), step(64, 512), step(128, 128), step(256, 128)];
  return [64, 128, 256, 512, 768].flatMap((C) => [128, 256, 512, 1024].map((T) => step(C, T)));
}

/** Width of the SwiGLU MLP: 8/3 C rounded up to 16, so that its parameters are those of a two-matrix MLP of width 4 C. @param {number} C */
export const feedForward = (C) => Math.ceil((8 * C) / 3 / 16) * 16;

/**
 * Forward and backward of one step, multiply-add = 2: matrices three times, attention's causal half three times; nothing recomputed.
 * @param {StepShape} shape
 */
export function stepFlops({ C, L, T, B }) {
  const matrices = L * (4 * C * C + 3 * C * feedForward(C)) + VOCABULARY * C;
  return 6 * B * T * matrices + 6 * L * B * T * T * C;
}

/** Layers of two models in use: width, rows of q, k and v, feed-forward width, vocabulary. */
const MODELS = [
  { name: 'SmolLM2-135M', C: 576, qkv: 960, F: 1536, V: 49_152 },
  { name: 'Qwen2.5-0.5B', C: 896, qkv: 1152, F: 4864, V: 151_936 },
];

/** @param {boolean} full @returns {MatmulCell[]} */
export function matmulCells(full) {
  const squares = (full ? [256, 512, 1024, 2048, 4096] : [256, 512, 1024]).map((n) => ({
    name: `${n} x ${n} x ${n}`,
    M: n,
    N: n,
    K: n,
    stored: /** @type {const} */ ('KN'),
  }));
  const layers = [512, 8, 1].flatMap((M) =>
    MODELS.flatMap(({ name, C, qkv, F, V }) =>
      [
        { part: 'qkv', N: qkv, K: C },
        { part: 'up', N: F, K: C },
        { part: 'down', N: C, K: F },
        { part: 'head', N: V, K: C },
      ]
        .filter(({ part }) => full || (part !== 'qkv' && (M < 512 ? name.startsWith('Smol') : part !== 'head')))
        .map(({ part, N, K }) => ({ name: `${name} ${part}, M ${M}`, M, N, K, stored: /** @type {const} */ ('NK') })),
    ),
  );
  return [...squares, ...layers];
}

export const DECODE_BATCHES = [1, 8, 64];
/** @type {('F32' | 'BF16')[]} */
export const LOAD_DTYPES = ['F32', 'BF16'];

/**
 * Milliseconds that one contender may take for the measured rounds of one cell.
 * @param {Section} section @param {boolean} full
 */
export const budgetMs = (section, full) => BUDGET_MS[full ? 'full' : 'quick'][section];

const BUDGET_MS = {
  quick: { train: 45_000, matmul: 8_000, decode: 20_000, load: 20_000 },
  full: { train: 180_000, matmul: 60_000, decode: 60_000, load: 60_000 },
};

/** How time grows with arithmetic in a section: steps of larger models use the adapter better, products soon do no more. */
export const GROWTH = { train: 0.75, matmul: 1 };

/**
 * What a round of each contender is expected to take: as long as in the best of the smaller cells, scaled. What turns out slower stops at its
 * budget. This project is not foreseen: the others are held against it.
 * @param {number} flops of the cell
 * @param {{ flops: number, timings: Timing[] }[]} before cells of the section that are done
 * @param {number} growth
 * @returns {Expected}
 */
export function expectations(flops, before, growth) {
  /** @type {Expected} */
  const expected = {};
  for (const cell of before)
    for (const { contender, timesMs, estimateMs } of cell.timings) {
      const known = timesMs.length ? Math.min(...timesMs) : estimateMs;
      if (known === null || cell.flops > flops || contender === 'RA3 Lab') continue;
      const ms = known * (flops / cell.flops) ** growth;
      expected[contender] = Math.min(expected[contender] ?? Number.POSITIVE_INFINITY, ms);
    }
  return expected;
}
