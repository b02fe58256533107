// Statistics of tensors against the plain float64 definitions, whole and in slices; what is not finite is counted and left out; changes between two.
import { describe, expect, it } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { heldWeights } from '../../../src/formats/heldWeights.ts';
import type { InspectedTensor } from '../../../src/formats/inspected.ts';
import { inspectWeights } from '../../../src/formats/inspectWeights.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { HISTOGRAM_BINS, tensorChange, tensorStatistics } from '../../../src/formats/tensorStatistics.ts';
import { makeRng } from '../../../src/tasks/rng.ts';

const rng = makeRng(7, 1);
const draw = (length: number, make: (i: number) => number): Float32Array => Float32Array.from({ length }, (_, i) => make(i));
const normal = (): number => Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());

/** As they are defined, from all values at once. */
function reference(values: Float32Array) {
  const finite = [...values].filter(Number.isFinite);
  const mean = finite.reduce((sum, x) => sum + x, 0) / finite.length;
  return {
    min: Math.min(...finite),
    max: Math.max(...finite),
    mean,
    std: Math.sqrt(finite.reduce((sum, x) => sum + (x - mean) ** 2, 0) / finite.length),
    norm: Math.sqrt(finite.reduce((sum, x) => sum + x * x, 0)),
    zeros: finite.filter((x) => x === 0).length / values.length,
  };
}

const CASES: [string, Float32Array][] = [
  ['one value', Float32Array.of(3)],
  ['normal, with zeros', draw(5000, (i) => (i % 7 === 0 ? 0 : normal()))],
  ['far from zero for its spread', draw(4000, () => 1000 + normal() * 1e-3)],
  ['one outlier', draw(3000, (i) => (i === 1234 ? 1e6 : normal()))],
  ['constant', draw(100, () => -2.5)],
  ['what is not finite left out', draw(1000, (i) => (i % 10 === 0 ? Number.NaN : i % 10 === 1 ? Number.NEGATIVE_INFINITY : normal()))],
];

describe('statistics of a tensor', () => {
  it.each(CASES)('%s: as defined, however it is cut', async (_, values) => {
    const wanted = reference(values);
    for (const size of [values.length, 1, 97]) {
      async function* slices() {
        for (let at = 0; at < values.length; at += size) yield values.slice(at, at + size);
      }
      const found = await tensorStatistics(slices);
      for (const key of ['min', 'max', 'zeros'] as const) expect(found[key]).toBe(wanted[key]);
      const scale = Math.max(Math.abs(wanted.min), Math.abs(wanted.max));
      for (const key of ['mean', 'std'] as const) expect(Math.abs(found[key]! - wanted[key])).toBeLessThan(1e-9 * scale);
      expect(Math.abs(found.norm! - wanted.norm)).toBeLessThan(1e-9 * wanted.norm);
      const finite = [...values].filter(Number.isFinite).length;
      expect(found.histogram!.counts).toHaveLength(HISTOGRAM_BINS);
      expect(found.histogram!.counts.reduce((sum, n) => sum + n, 0)).toBe(finite);
      expect(found.nans + found.infinities + finite).toBe(values.length);
    }
  });

  it('a histogram is not hidden by one outlier', async () => {
    const [, values] = CASES[3]!;
    async function* whole() {
      yield values;
    }
    const { histogram, mean, std } = await tensorStatistics(whole);
    expect(histogram!.hi).toBeCloseTo(mean! + 4 * std!, 3);
    expect(histogram!.counts.at(-1)).toBe(1);
  });

  it('nothing finite has no statistics, and no values none', async () => {
    async function* nothing() {
      yield Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY);
    }
    expect(await tensorStatistics(nothing)).toMatchObject({ elements: 2, nans: 1, infinities: 1, min: null, std: null, histogram: null });
    async function* empty() {}
    expect(await tensorStatistics(empty)).toMatchObject({ elements: 0, zeros: 0, mean: null });
  });
});

describe('the change of a tensor', () => {
  it('is the norm of the difference beside that of what it was, with the largest', async () => {
    async function* pairs(): AsyncGenerator<[Float32Array, Float32Array]> {
      yield [Float32Array.of(1, 2), Float32Array.of(1, 1)];
      yield [Float32Array.of(0, Number.NaN, -3), Float32Array.of(2, 1, 1)];
    }
    const change = await tensorChange(pairs());
    expect(change).toMatchObject({ largest: 4, largestAt: 4, skipped: 1 });
    expect(change.norm).toBeCloseTo(Math.sqrt(1 + 4 + 16), 12);
    expect(change.normBefore).toBeCloseTo(Math.sqrt(7), 12);
  });
});

describe('the tensors of a model', () => {
  const all = async (tensors: AsyncIterable<InspectedTensor>): Promise<InspectedTensor[]> => {
    const out: InspectedTensor[] = [];
    for await (const tensor of tensors) out.push(tensor);
    return out;
  };

  it('come in the order of the file with their bytes; what cannot be read says why', async () => {
    const header = JSON.stringify({
      w: { dtype: 'F16', shape: [2, 2], data_offsets: [0, 8] },
      mask: { dtype: 'BOOL', shape: [3], data_offsets: [8, 11] },
    });
    const bytes = new Uint8Array(8 + header.length + 11);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(new TextEncoder().encode(header), 8);
    bytes.set([0, 0x3c, 0, 0x40, 0, 0, 0, 0xbc, 1, 0, 1], 8 + header.length);
    const [w, mask] = await all(inspectWeights(await readSafetensors(fromBytes('m.safetensors', bytes))));
    expect(w).toMatchObject({ name: 'w', shape: [2, 2], dtype: 'F16', sizeBytes: 8, problem: null, change: null });
    expect(w!.statistics).toMatchObject({ min: -1, max: 2, mean: 0.5, zeros: 0.25 });
    expect(mask).toMatchObject({ name: 'mask', sizeBytes: 3, statistics: null, problem: expect.stringContaining('BOOL') });
  });

  it('are compared by name and shape, and read in slices of a megabyte', async () => {
    const shape = [1000, 300];
    const data = draw(300_000, () => 1);
    const moved = data.slice();
    moved[290_001] = 3;
    const before = heldWeights([{ name: 'w', shape, data }]);
    const now = heldWeights([
      { name: 'w', shape, data: moved },
      { name: 'new', shape: [1], data: Float32Array.of(1) },
    ]);
    let longest = 0;
    const counted = {
      ...now,
      read: (name: string, first: number, count: number) => {
        longest = Math.max(longest, count);
        return now.read(name, first, count);
      },
    };
    const [w, added] = await all(inspectWeights(counted, before));
    expect(w!.change).toMatchObject({ largest: 2, largestAt: 290_001, norm: 2 });
    expect(w!.change!.normBefore).toBeCloseTo(Math.sqrt(300_000), 9);
    expect(added!.change).toBeNull();
    expect(longest * 4).toBeLessThanOrEqual(2 ** 20);
  });
});
