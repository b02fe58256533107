// A run's state as bytes: everything that stages keep comes back the same, and bytes that are not whole are refused.
import { describe, expect, it } from 'vitest';
import { decodeState, encodeState, StateError } from '../../../src/run/stateBytes.ts';

describe('state as bytes', () => {
  it('brings back numbers of every kind, undefined, maps, nested lists and typed arrays, views into larger memory among them', () => {
    const state = {
      numbers: [0, -0, 1.5, 1e308, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53],
      nothing: { a: null, b: undefined, c: '' },
      rows: new Map<string, unknown>([
        ['x', [1, 2]],
        ['y', new Map([['z', Int32Array.of(-1)]])],
      ]),
      arrays: [
        Float32Array.of(1, Number.NaN, -0),
        Uint8Array.of(1, 2, 3),
        new Float32Array(8).fill(7).subarray(2, 5),
        Int8Array.of(-1),
        new Float64Array(0),
      ],
      odd: { $: 'number', v: 'not one' },
    };
    expect(decodeState(encodeState(state))).toEqual(state);
    expect(Object.is((decodeState(encodeState(-0)) as number) * 1, -0)).toBe(true);
  });

  it('keeps keys that name prototypes as plain keys', () => {
    const hostile = JSON.parse('{"__proto__": {"polluted": 1}, "a": 2}') as object;
    const back = decodeState(encodeState(hostile)) as object;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Object.keys(back)).toEqual(['__proto__', 'a']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('refuses what has behaviour and says where it is', () => {
    expect(() => encodeState({ a: [() => 1] })).toThrow(/state\.a\[0\] is a function/);
    expect(() => encodeState({ a: new Date() })).toThrow(/state\.a is a Date/);
    expect(() => encodeState({ a: new BigInt64Array(1) })).toThrow(/BigInt64Array/);
  });

  it('refuses bytes that are cut at any place', () => {
    const bytes = encodeState({ a: Float32Array.of(1, 2, 3), b: 'text' });
    for (let n = 0; n < bytes.length; n++) {
      let error: unknown = null;
      try {
        decodeState(bytes.subarray(0, n));
      } catch (e) {
        error = e;
      }
      // the last bytes only pad the array
      if (n < bytes.length - 4) expect(error, `${n} of ${bytes.length}`).not.toBeNull();
    }
    expect(() => decodeState(new Uint8Array(40))).toThrow(StateError);
  });
});
