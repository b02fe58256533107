// Agreement of the policy's segments with the truth's: normalised mutual information and adjusted Rand index of the labels that lines carry, F1 of the
// boundaries. A line's label is the content of the latest thought (of the oracle's, for the truth), or "none" before the first; all programs' lines are
// one sample, so that a code means the same in each. Definitions and edge cases as in scikit-learn (normalized_mutual_info_score with the arithmetic
// mean, adjusted_rand_score). Pure. Promises null where the truth is unknown. Refuses label lists of different lengths.
import type { LineTruth } from '../tasks/task.ts';

export interface Agreement {
  nmi: number;
  ari: number;
  /** Of lines with a thought against lines where the truth's segments begin; null when neither side has one. */
  boundaryF1: number | null;
}

interface Table {
  n: number;
  /** Counts of label pairs, and of either side's labels. */
  cells: { a: string; b: string; count: number }[];
  a: Map<string, number>;
  b: Map<string, number>;
}

function contingency(a: readonly string[], b: readonly string[]): Table {
  if (a.length !== b.length) throw new RangeError(`${a.length} and ${b.length} labels: both sides label the same lines.`);
  const cells = new Map<string, { a: string; b: string; count: number }>();
  const table: Table = { n: a.length, cells: [], a: new Map(), b: new Map() };
  a.forEach((one, i) => {
    const other = b[i]!;
    const key = JSON.stringify([one, other]);
    const cell = cells.get(key) ?? { a: one, b: other, count: 0 };
    cell.count += 1;
    cells.set(key, cell);
    table.a.set(one, (table.a.get(one) ?? 0) + 1);
    table.b.set(other, (table.b.get(other) ?? 0) + 1);
  });
  table.cells = [...cells.values()];
  return table;
}

function entropy(counts: Iterable<number>, n: number): number {
  let h = 0;
  for (const c of counts) h -= (c / n) * Math.log(c / n);
  return h;
}

/** 2 I(a; b) / (H(a) + H(b)); 1 when both sides have one label or none. */
export function normalisedMutualInformation(a: readonly string[], b: readonly string[]): number {
  const table = contingency(a, b);
  if (table.a.size <= 1 && table.b.size <= 1) return 1;
  let mutual = 0;
  for (const cell of table.cells)
    mutual += (cell.count / table.n) * Math.log((cell.count * table.n) / (table.a.get(cell.a)! * table.b.get(cell.b)!));
  return Math.max(0, (2 * mutual) / (entropy(table.a.values(), table.n) + entropy(table.b.values(), table.n)));
}

/** Rand index corrected for chance: 1 for the same partition, 0 on average for independent ones. */
export function adjustedRandIndex(a: readonly string[], b: readonly string[]): number {
  const table = contingency(a, b);
  const pairs = (n: number): number => (n * (n - 1)) / 2;
  const sum = (counts: Iterable<number>): number => [...counts].reduce((total, c) => total + pairs(c), 0);
  const both = sum(table.cells.map((cell) => cell.count));
  const [inA, inB] = [sum(table.a.values()), sum(table.b.values())];
  if (both === inA && both === inB) return 1;
  const expected = (inA * inB) / pairs(table.n);
  return (both - expected) / ((inA + inB) / 2 - expected);
}

/** 2 TP / (2 TP + FP + FN) of begins against the truth's; null when there is none on either side. */
export function boundaryF1(begins: readonly boolean[], truth: readonly boolean[]): number | null {
  if (begins.length !== truth.length) throw new RangeError(`${begins.length} and ${truth.length} lines: both sides mark the same lines.`);
  const both = begins.filter((begin, i) => begin && truth[i]).length;
  const all = begins.filter(Boolean).length + truth.filter(Boolean).length;
  return all ? (2 * both) / all : null;
}

/** The label that each line carries. */
function held(latents: readonly (number[] | null)[]): string[] {
  let label = 'none';
  return latents.map((latent) => {
    if (latent) label = latent.join(' ');
    return label;
  });
}

/** null when some program's truth is unknown, or there are no lines. */
export function agreementWithTruth(rollouts: readonly { latents: (number[] | null)[]; truth: readonly LineTruth[] }[]): Agreement | null {
  if (rollouts.length === 0 || rollouts.some(({ latents, truth }) => latents.length === 0 || truth.length !== latents.length)) return null;
  const oracles = rollouts.map(({ truth }) => truth.map((line) => line.oracle));
  const policy = rollouts.flatMap(({ latents }) => held(latents));
  const truth = oracles.flatMap(held);
  return {
    nmi: normalisedMutualInformation(policy, truth),
    ari: adjustedRandIndex(policy, truth),
    boundaryF1: boundaryF1(
      rollouts.flatMap(({ latents }) => latents.map((latent) => latent !== null)),
      oracles.flatMap((lines) => lines.map((oracle) => oracle !== null)),
    ),
  };
}
