// The memory plan: temporaries that are alive at the same time never share bytes, and memory is used again once they are dead.
import { describe, expect, it } from 'vitest';
import { type Dispatch, planOffsets, type Tensor } from '../../../src/engine/graph.ts';
import { makeRng } from '../../../src/tasks/rng.ts';

function temp(id: number, sizeBytes: number, kind: Tensor['kind'] = 'temp'): Tensor {
  return { id, label: `t${id}`, shape: [sizeBytes / 4], dtype: 'f32', sizeBytes, kind, buffer: null, offset: 0, parent: null };
}
const dispatch = (tensors: Tensor[]): Dispatch => ({
  kernel: '',
  overrides: {},
  args: {},
  tensors,
  grid: [1, 1, 1],
  flops: 0,
  bytes: 0,
  cost: 0,
});

/** Pairs of temporaries that are alive together although their bytes overlap. */
function clashes(dispatches: Dispatch[], temps: Tensor[], kept: Set<number>, capacity = Infinity): string[] {
  const { of, totals } = planOffsets(dispatches, temps, kept, capacity);
  for (const total of totals) expect(total).toBeLessThanOrEqual(capacity);
  const lives = temps.flatMap((t) => {
    const uses = dispatches.flatMap((d, i) => (d.tensors.includes(t) ? [i] : []));
    if (kept.has(t.id)) uses.push(0, dispatches.length);
    if (uses.length === 0) return [];
    const { bin, offset } = of.get(t.id)!;
    expect(offset % 256).toBe(0);
    expect(offset + t.sizeBytes).toBeLessThanOrEqual(totals[bin]!);
    return [{ t, bin, offset, from: Math.min(...uses), to: Math.max(...uses) }];
  });
  return lives.flatMap((a, i) =>
    lives
      .slice(i + 1)
      .filter((b) => a.from <= b.to && b.from <= a.to)
      .filter((b) => a.bin === b.bin && a.offset < b.offset + b.t.sizeBytes && b.offset < a.offset + a.t.sizeBytes)
      .map((b) => `${a.t.label} and ${b.t.label}`),
  );
}

describe('planOffsets', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))('keeps live temporaries apart in random graph %i', (seed) => {
    const rng = makeRng(seed, 0);
    const temps = Array.from({ length: 1 + rng.int(40) }, (_, i) => temp(i + 1, 4 * (1 + rng.int(rng.int(4) === 0 ? 5000 : 200))));
    const states = [temp(1001, 4096, 'state'), temp(1002, 64, 'view')];
    const dispatches = Array.from({ length: 1 + rng.int(60) }, () => {
      const some = Array.from({ length: 1 + rng.int(5) }, () => temps[rng.int(temps.length)]!);
      return dispatch([...new Set(some), states[rng.int(2)]!]);
    });
    const kept = new Set(temps.filter(() => rng.int(6) === 0).map((t) => t.id));
    expect(clashes(dispatches, temps, kept)).toEqual([]);
    expect(clashes(dispatches, temps, kept, 20_224)).toEqual([]);
  });

  it('takes another buffer where one would grow beyond what the adapter allows, and refuses what fits none', () => {
    const temps = [temp(1, 1024), temp(2, 1024), temp(3, 1024)];
    expect(planOffsets([dispatch(temps)], temps, new Set(), 2048).totals).toEqual([2048, 1024]);
    expect(() => planOffsets([dispatch(temps)], temps, new Set(), 512)).toThrow(
      /t1 needs 1024 bytes in one buffer; this adapter allows 512/,
    );
  });

  it('uses memory again: a chain needs two temporaries at once', () => {
    const temps = Array.from({ length: 20 }, (_, i) => temp(i + 1, 1024));
    const dispatches = temps.slice(1).map((t, i) => dispatch([temps[i]!, t]));
    expect(planOffsets(dispatches, temps, new Set()).totals).toEqual([2048]);
  });

  it('keeps what is to be read after the run to itself', () => {
    const temps = Array.from({ length: 20 }, (_, i) => temp(i + 1, 1024));
    const dispatches = temps.slice(1).map((t, i) => dispatch([temps[i]!, t]));
    expect(planOffsets(dispatches, temps, new Set([1])).totals).toEqual([3072]);
    expect(clashes(dispatches, temps, new Set([1]))).toEqual([]);
  });

  it('gives nothing to temporaries that no dispatch binds', () => {
    expect(planOffsets([], [temp(1, 1024)], new Set()).totals).toEqual([]);
  });
});
