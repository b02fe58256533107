// The cross-entropy kernel: log-probability, entropy and gradient in every mode, over vocabularies that are no multiple of 4.
import { logitStride } from '../../src/engine/ops.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { INACTIVE, MODE } from '../../src/model/batch.ts';
import { crossEntropyRows, type LossRow } from '../reference/crossEntropy.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { expectClose, expectSame } from './support/compare.ts';
import { randomFloats, randomIds, rowGroups, runKernel, strided, UNTOUCHED, untouched } from './support/runKernel.ts';

type Row = LossRow | null; // null: an inactive row

/** Rows of every mode in turn, an inactive one among them. */
function rowsOf(count: number, V: number, bias: number): Row[] {
  const target = randomIds(count, V, 31);
  const weight = randomFloats(count, 32);
  const entropyWeight = randomFloats(count, 33, 0.3);
  return Array.from({ length: count }, (_, r): Row => {
    const both = { target: target[r]!, weight: weight[r]!, entropyWeight: entropyWeight[r]! };
    switch (r % 6) {
      case 1: {
        const lo = Math.max(0, both.target - (r % 3));
        return { ...both, mode: 'restricted', lo, hi: Math.min(V, both.target + 1 + (r % 4)) };
      }
      case 2:
        return { ...both, mode: 'binary', taken: false, bias };
      case 3:
        return { ...both, mode: 'binary', taken: true, bias };
      case 4:
        return null;
      case 5:
        return { ...both, mode: 'full', entropyWeight: 0 };
      default:
        return { ...both, mode: 'full' };
    }
  });
}

/** target, mode, lo, hi per row, as the kernel reads them. */
function specOf(rows: readonly Row[]): Uint32Array {
  return Uint32Array.from(
    rows.flatMap((row) => {
      if (!row) return [INACTIVE, 0, 0, 0];
      if (row.mode === 'full') return [row.target, MODE.full, 0, 0];
      if (row.mode === 'restricted') return [row.target, MODE.restricted, row.lo!, row.hi!];
      return [row.target, row.taken ? MODE.binaryYes : MODE.binaryNo, 0, 0];
    }),
  );
}

async function compare(gpu: GpuContext, lanes: number, table: { R: number; V: number; bias: number; scale: number; firstRow?: number }) {
  const { R, V, bias, scale, firstRow = 0 } = table;
  const ld = logitStride(V);
  const all = rowsOf(firstRow + R, V, bias);
  const rows = all.slice(firstRow);
  const logits = randomFloats(R * V, 34, scale);
  // An inactive row is a row of weight 0 in the reference, whose log-probability the kernel leaves 0.
  const expected = crossEntropyRows(
    logits,
    V,
    rows.map((row) => row ?? { target: 0, mode: 'full', weight: 0 }),
  );
  const silent = (x: Float64Array): Float64Array => x.map((v, r) => (rows[r] ? v : 0));
  for (const gradient of [0, 1]) {
    const what = `${JSON.stringify(table)}, gradient ${gradient}`;
    const before = strided(logits, R, V, ld, 50); // in the gap a value that would win every maximum
    const result = await runKernel(gpu, 'loss/cross_entropy', {
      bindings: {
        logits: before,
        spec: specOf(all),
        weight: Float64Array.from(all, (row) => row?.weight ?? 3),
        entropyWeight: Float64Array.from(all, (row) => row?.entropyWeight ?? 3),
        logprob: untouched(firstRow + R),
        entropy: untouched(firstRow + R),
      },
      args: { rows: R, firstRow, V, ld, bias },
      overrides: { LANES: lanes, GRADIENT: gradient },
      grid: rowGroups(R, lanes),
    });
    for (const name of ['logprob', 'entropy'] as const) {
      expectSame(`${what}, ${name} of other rows`, result[name]!.floats.slice(0, firstRow), new Float64Array(firstRow).fill(UNTOUCHED));
      expectClose(`${what}, ${name}`, result[name]!.floats.slice(firstRow), silent(expected[name]));
    }
    if (gradient === 0) expectSame(`${what}, logits`, result.logits!.floats, Float32Array.from(before));
    else expectClose(`${what}, gradient`, result.logits!.floats, strided(expected.dlogits, R, V, ld));
  }
}

export const cases: KernelCase[] = [
  ...[1, 16, 64].map((lanes) => ({
    name: `loss/cross_entropy in every mode with ${lanes} threads per row`,
    async run(gpu: GpuContext) {
      await compare(gpu, lanes, { R: 1, V: 11, bias: 0, scale: 2 });
      await compare(gpu, lanes, { R: 12, V: 13, bias: 0.7, scale: 4 });
      await compare(gpu, lanes, { R: 67, V: 509, bias: -1.5, scale: 3 });
      await compare(gpu, lanes, { R: 5, V: 64, bias: 0, scale: 3, firstRow: 9 });
    },
  })),
  {
    name: 'loss/cross_entropy of logits that are far apart stays finite',
    async run(gpu) {
      // target certain, target hopeless, and a decision whose probability is 1 in f32
      const V = 7;
      const far = [90, 0, -20, 3, -90, 5, 1];
      const rows: LossRow[] = [
        { target: 0, mode: 'full', weight: 1, entropyWeight: 0.5 },
        { target: 4, mode: 'full', weight: 1, entropyWeight: 0.5 },
        { target: 2, mode: 'binary', taken: true, weight: 1, entropyWeight: 0.5 },
        { target: 2, mode: 'binary', taken: false, weight: 1, entropyWeight: 0.5 },
      ];
      const logits = Float64Array.from(rows.flatMap(() => far));
      const expected = crossEntropyRows(logits, V, rows);
      const result = await runKernel(gpu, 'loss/cross_entropy', {
        bindings: {
          logits: strided(logits, 4, V, 8),
          spec: specOf(rows),
          weight: new Float64Array(4).fill(1),
          entropyWeight: new Float64Array(4).fill(0.5),
          logprob: untouched(4),
          entropy: untouched(4),
        },
        args: { rows: 4, firstRow: 0, V, ld: 8, bias: 0 },
        overrides: { LANES: 1, GRADIENT: 1 },
        grid: 1,
      });
      expectClose('logprob', result.logprob!.floats, expected.logprob);
      expectClose('gradient', result.logits!.floats, strided(expected.dlogits, 4, V, 8), 1e-6);
    },
  },
];
