import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PythonValue } from '../../../src/verify/python.ts';
import { allClose, distance, equal, identical, isClose, truthy } from '../../../src/verify/pythonEquality.ts';

const table = JSON.parse(readFileSync(new URL('../../golden/python_equality.json', import.meta.url), 'utf8')) as {
  sources: string[];
  values: PythonValue[];
  equal: string[];
  truthy: string;
  isclose: string[];
};

const int = (v: number | bigint): PythonValue => ({ t: 'int', v: String(v) });
const float = (v: string): PythonValue => ({ t: 'float', v });
const list = (...v: PythonValue[]): PythonValue => ({ t: 'list', v });
const tuple = (...v: PythonValue[]): PythonValue => ({ t: 'tuple', v });

describe("Python's ==", () => {
  it('is that of CPython for every pair of the table', () => {
    const faults: string[] = [];
    table.values.forEach((a, i) => {
      table.values.forEach((b, j) => {
        if (equal(a, b) !== (table.equal[i]?.[j] === '1')) faults.push(`${table.sources[i]} == ${table.sources[j]}`);
      });
    });
    expect(faults).toEqual([]);
    expect(table.values.length).toBeGreaterThan(80);
  });

  it('and truth and math.isclose too', () => {
    const faults = table.values.flatMap((value, i) => (truthy(value) === (table.truthy[i] === '1') ? [] : [table.sources[i]]));
    expect(faults).toEqual([]);
    const far: string[] = [];
    table.values.forEach((a, i) => {
      table.values.forEach((b, j) => {
        if (isClose(a, b, 0.001, 1e-9) !== (table.isclose[i]?.[j] === '1')) far.push(`isclose(${table.sources[i]}, ${table.sources[j]})`);
      });
    });
    expect(far).toEqual([]);
  });

  it('never holds for values that are no plain data', () => {
    const other: PythonValue = { t: 'other', name: 'Always', repr: 'Always()' };
    expect(equal(other, other)).toBe(false);
    expect(equal(list(other), list(other))).toBe(false);
    expect(equal({ t: 'dict', v: [[other, int(1)]] }, { t: 'dict', v: [[other, int(1)]] })).toBe(false);
    expect(equal({ t: 'set', v: [other] }, { t: 'set', v: [other] })).toBe(false);
  });

  it('is not fooled by a set that lists a member twice', () => {
    expect(equal({ t: 'set', v: [int(1), int(1)] }, { t: 'set', v: [int(1), int(2)] })).toBe(false);
    expect(equal({ t: 'set', v: [int(1), int(2)] }, { t: 'set', v: [int(1), int(1)] })).toBe(false);
    expect(
      equal(
        {
          t: 'dict',
          v: [
            [int(1), int(1)],
            [int(1), int(1)],
          ],
        },
        {
          t: 'dict',
          v: [
            [int(1), int(1)],
            [int(2), int(1)],
          ],
        },
      ),
    ).toBe(false);
  });

  it('ends at values nested beyond the stack', () => {
    let deep: PythonValue = list();
    for (let i = 0; i < 200_000; i++) deep = list(deep);
    expect(typeof equal(deep, deep)).toBe('boolean');
  });

  const value: fc.Arbitrary<PythonValue> = fc.letrec<{ value: PythonValue; hashable: PythonValue }>((tie) => {
    const leaf = fc.oneof(
      fc.constant<PythonValue>({ t: 'none' }),
      fc.boolean().map((v): PythonValue => ({ t: 'bool', v })),
      fc.bigInt({ min: -3n, max: 3n }).map(int),
      fc.bigInt().map(int),
      fc.constantFrom('0.0', '1.0', '-1.0', '0.5', 'inf').map(float),
      fc.string({ maxLength: 2 }).map((v): PythonValue => ({ t: 'str', v })),
    );
    const many = (of: fc.Arbitrary<PythonValue>) => fc.array(of, { maxLength: 3 });
    return {
      hashable: fc.oneof(
        { depthSize: 'small' },
        leaf,
        many(tie('hashable')).map((v): PythonValue => ({ t: 'tuple', v })),
      ),
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        many(tie('value')).map((v): PythonValue => ({ t: 'list', v })),
        many(tie('value')).map((v): PythonValue => ({ t: 'tuple', v })),
        fc.uniqueArray(tie('hashable'), { maxLength: 3, comparator: equal }).map((v): PythonValue => ({ t: 'set', v })),
        fc
          .uniqueArray(fc.tuple(tie('hashable'), tie('value')), { maxLength: 3, selector: ([key]) => key, comparator: equal })
          .map((v): PythonValue => ({ t: 'dict', v })),
      ),
    };
  }).value;

  it('is reflexive and symmetric without nan, and blind to the order of sets and dicts', () => {
    const turned = (v: PythonValue): PythonValue => {
      if (v.t === 'set' || v.t === 'frozenset') return { t: v.t, v: v.v.map(turned).reverse() };
      if (v.t === 'dict') return { t: 'dict', v: v.v.map(([k, item]): [PythonValue, PythonValue] => [turned(k), turned(item)]).reverse() };
      return v.t === 'list' || v.t === 'tuple' ? { t: v.t, v: v.v.map(turned) } : v;
    };
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(equal(a, turned(a))).toBe(true);
        expect(equal(a, b)).toBe(equal(b, a));
      }),
      { numRuns: 300 },
    );
  });

  it('tells a value from the same value with one leaf changed', () => {
    const changed = (v: PythonValue): PythonValue => {
      if (v.t === 'list' || v.t === 'tuple') return v.v.length === 0 ? int(7) : { t: v.t, v: [changed(v.v[0]!), ...v.v.slice(1)] };
      if (v.t === 'dict') return v.v.length === 0 ? int(7) : { t: 'dict', v: [[v.v[0]![0], changed(v.v[0]![1])], ...v.v.slice(1)] };
      return { t: 'bytes', v: [1] };
    };
    fc.assert(
      fc.property(value, (a) => {
        expect(equal(a, changed(a))).toBe(false);
      }),
    );
  });
});

it('is and distances follow Python', () => {
  expect(identical(int(1), { t: 'bool', v: true })).toBe(false);
  expect(identical({ t: 'bool', v: true }, { t: 'bool', v: true })).toBe(true);
  expect(identical({ t: 'none' }, { t: 'none' })).toBe(true);
  expect(distance(int(3), float('0.5'))).toBe(2.5);
  expect(distance(int(2n ** 70n), int(2n ** 70n + 1n))).toBe(1);
  expect(distance(list(), int(1))).toBeNull();
  expect(distance({ t: 'complex', v: ['3.0', '4.0'] }, int(0))).toBe(5);
});

describe('numpy.allclose', () => {
  it.each<[string, PythonValue, PythonValue, boolean]>([
    ['floats within the tolerance', float('1.0'), float('1.0000005'), true],
    ['floats outside', float('1.0'), float('1.00001'), false],
    ['int and float', int(1), float('1.0'), true],
    ['lists', list(float('1.0'), int(2)), list(float('1.0000001'), float('2.0')), true],
    ['one element off', list(float('1.0'), int(2)), list(float('1.0'), float('2.1')), false],
    ['tuples against lists (types are compared elsewhere)', tuple(float('1.0')), list(float('1.0')), true],
    ['ragged lists', list(list(int(1)), int(2)), list(list(int(1)), int(2)), false],
    ['broadcast columns', list(list(int(1)), list(int(2))), list(list(int(1), int(1)), list(int(2), int(2))), true],
    ['shapes that do not fit', list(int(1), int(2)), list(int(1), int(2), int(3)), false],
    ['empty lists', list(), list(), true],
    ['infinities of one sign', float('inf'), float('inf'), true],
    ['infinities of both', float('inf'), float('-inf'), false],
    ['nan', float('nan'), float('nan'), false],
    ['texts', { t: 'str', v: '1' }, { t: 'str', v: '1' }, false],
    ['integers beyond 64 bits', int(2n ** 70n), int(2n ** 70n), false],
    ['complex numbers', { t: 'complex', v: ['1.0', '1.0'] }, { t: 'complex', v: ['1.0', '1.0000001'] }, true],
  ])('%s', (_, a, b, close) => {
    expect(allClose(a, b, 1e-7, 1e-6)).toBe(close);
  });
});
