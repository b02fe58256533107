// What Python's ==, truth, math.isclose and numpy.allclose say of values that left an interpreter as data. Pure; decides verdicts, so it is exact:
// 1 == 1.0 == True, 2**53 + 1 != 2.0**53, lists are no tuples, nan equals nothing, sets and dicts have no order, 0.0 == -0.0.
// Refuses to call anything equal that is not plain data (t: 'other').
import type { PythonValue } from './python.ts';

/** a == b. */
export function equal(a: PythonValue, b: PythonValue): boolean {
  try {
    return same(a, b);
  } catch (error) {
    // nested deeper than the stack: Python raises RecursionError there
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** bool(value). */
export function truthy(value: PythonValue): boolean {
  switch (value.t) {
    case 'none':
      return false;
    case 'bool':
      return value.v;
    case 'int':
      return BigInt(value.v) !== 0n;
    case 'float':
      return toFloat(value.v) !== 0;
    case 'complex':
      return value.v.some((part) => toFloat(part) !== 0);
    case 'other':
      return true;
    default:
      return value.v.length > 0;
  }
}

/** set(value); null where Python raises: no iterable, or members that have no hash. */
export function toSet(value: PythonValue): PythonValue | null {
  let items: PythonValue[];
  if (value.t === 'dict') items = value.v.map(([key]) => key);
  else if (value.t === 'str') items = [...value.v].map((v) => ({ t: 'str', v }));
  else if (value.t === 'bytes') items = value.v.map((v) => ({ t: 'int', v: String(v) }));
  else if (value.t === 'list' || value.t === 'tuple' || isSet(value)) items = value.v;
  else return null;
  const members = new Map<unknown, PythonValue>();
  for (const item of items) {
    if (item.t === 'list' || item.t === 'dict' || item.t === 'set') return null;
    members.set(hashKey(item) ?? item, item);
  }
  return { t: 'set', v: [...members.values()] };
}

/** value is True, False or None. */
export function identical(value: PythonValue, constant: PythonValue): boolean {
  if (value.t === 'bool' && constant.t === 'bool') return value.v === constant.v;
  return value.t === 'none' && constant.t === 'none';
}

/** abs(a - b), or null where Python raises. */
export function distance(a: PythonValue, b: PythonValue): number | null {
  if (isInteger(a) && isInteger(b)) {
    const difference = integerOf(a) - integerOf(b);
    return Number(difference < 0n ? -difference : difference);
  }
  const x = complexOf(a);
  const y = complexOf(b);
  if (x === null || y === null) return null;
  return a.t === 'complex' || b.t === 'complex' ? Math.hypot(x[0] - y[0], x[1] - y[1]) : Math.abs(x[0] - y[0]);
}

/** math.isclose(a, b, rel_tol=, abs_tol=); false where Python raises. */
export function isClose(a: PythonValue, b: PythonValue, relative = 1e-9, absolute = 0): boolean {
  if (a.t === 'complex' || b.t === 'complex') return false;
  const x = complexOf(a)?.[0];
  const y = complexOf(b)?.[0];
  if (x === undefined || y === undefined) return false;
  if (x === y) return true;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
  const difference = Math.abs(x - y);
  return difference <= Math.abs(relative * y) || difference <= Math.abs(relative * x) || difference <= absolute;
}

/** numpy.allclose(actual, expected, rtol=, atol=) of numbers and nested lists of them, broadcast; false where numpy raises. */
export function allClose(actual: PythonValue, expected: PythonValue, relative: number, absolute: number): boolean {
  const a = toArray(actual);
  const b = toArray(expected);
  if (a === null || b === null) return false;
  const rank = Math.max(a.shape.length, b.shape.length);
  const sizeOf = (shape: number[], axis: number): number => shape[axis - rank + shape.length] ?? 1;
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const [m, n] = [sizeOf(a.shape, axis), sizeOf(b.shape, axis)];
    if (m !== n && m !== 1 && n !== 1) return false;
    shape.push(m === 1 ? n : m);
  }
  const total = shape.reduce((product, size) => product * size, 1);
  for (let i = 0; i < total; i++) {
    const x = a.numbers[indexOf(i, shape, a.shape)] as [number, number];
    const y = b.numbers[indexOf(i, shape, b.shape)] as [number, number];
    if (!closeNumbers(x, y, relative, absolute)) return false;
  }
  return true;
}

function closeNumbers([re, im]: [number, number], [re2, im2]: [number, number], relative: number, absolute: number): boolean {
  if (re === re2 && im === im2) return true;
  const size = Math.hypot(re2, im2);
  return Number.isFinite(size) && Math.hypot(re - re2, im - im2) <= absolute + relative * size;
}

/** Position in an array of `own` shape of the i-th element of the broadcast `shape`. */
function indexOf(i: number, shape: number[], own: number[]): number {
  let rest = i;
  let index = 0;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const at = rest % (shape[axis] as number);
    rest = Math.floor(rest / (shape[axis] as number));
    const size = own[axis - shape.length + own.length] ?? 1;
    if (size !== 1) index += at * stride;
    stride *= size;
  }
  return index;
}

interface NumberArray {
  shape: number[];
  numbers: [number, number][];
}

/** As numpy.asarray makes it; null for ragged lists and for anything that is no number of 64 bits. */
function toArray(value: PythonValue): NumberArray | null {
  if (value.t !== 'list' && value.t !== 'tuple') {
    if (value.t === 'int' && BigInt.asIntN(64, BigInt(value.v)) !== BigInt(value.v)) return null;
    const number = complexOf(value);
    return number && { shape: [], numbers: [number] };
  }
  const parts = value.v.map(toArray);
  const first = parts[0];
  if (first === undefined) return { shape: [0], numbers: [] };
  const numbers: [number, number][] = [];
  for (const part of parts) {
    if (part === null || first === null || part.shape.join() !== first.shape.join()) return null;
    for (const number of part.numbers) numbers.push(number);
  }
  return first && { shape: [parts.length, ...first.shape], numbers };
}

type Integer = Extract<PythonValue, { t: 'int' | 'bool' }>;

const isInteger = (value: PythonValue): value is Integer => value.t === 'int' || value.t === 'bool';
const integerOf = (value: Integer): bigint => (value.t === 'bool' ? BigInt(value.v) : BigInt(value.v));

/** A float's repr as a number. */
export function toFloat(repr: string): number {
  if (repr === 'inf') return Infinity;
  if (repr === '-inf') return -Infinity;
  return repr === 'nan' ? NaN : Number(repr);
}

/** Real and imaginary part as float64; null for what is no number and for integers beyond float64, at which Python raises. */
function complexOf(value: PythonValue): [number, number] | null {
  if (value.t === 'float') return [toFloat(value.v), 0];
  if (value.t === 'complex') return [toFloat(value.v[0]), toFloat(value.v[1])];
  if (!isInteger(value)) return null;
  const number = Number(integerOf(value));
  return Number.isFinite(number) ? [number, 0] : null;
}

function same(a: PythonValue, b: PythonValue): boolean {
  const keys = [numberKey(a), numberKey(b)];
  if (keys[0] !== undefined || keys[1] !== undefined) return keys[0] !== undefined && keys[0] !== null && keys[0] === keys[1];
  if (isSet(a) && isSet(b)) return sameKeys(a.v, b.v);
  if (a.t === 'dict' && b.t === 'dict') return sameDicts(a.v, b.v);
  if ((a.t === 'list' && b.t === 'list') || (a.t === 'tuple' && b.t === 'tuple'))
    return a.v.length === b.v.length && a.v.every((item, i) => same(item, b.v[i] as PythonValue));
  if (a.t === 'str' && b.t === 'str') return a.v === b.v;
  if (a.t === 'bytes' && b.t === 'bytes') return a.v.length === b.v.length && a.v.every((byte, i) => byte === b.v[i]);
  return a.t === 'none' && b.t === 'none';
}

const isSet = (value: PythonValue): value is Extract<PythonValue, { v: PythonValue[] }> => value.t === 'set' || value.t === 'frozenset';

function sameKeys(a: PythonValue[], b: PythonValue[]): boolean {
  if (a.length !== b.length) return false;
  const own = new Set(a.map(hashKey));
  const known = new Set(b.map(hashKey));
  // a forged set may list a member twice
  return own.size === known.size && [...own].every((key) => key !== null && known.has(key));
}

function sameDicts(a: [PythonValue, PythonValue][], b: [PythonValue, PythonValue][]): boolean {
  if (a.length !== b.length) return false;
  const own = new Map(a.map(([key, value]) => [hashKey(key), value]));
  const known = new Map(b.map(([key, value]) => [hashKey(key), value]));
  if (own.size !== known.size) return false;
  return [...own].every(([key, value]) => {
    const other = key === null ? undefined : known.get(key);
    return other !== undefined && same(value, other);
  });
}

/** Equal for equal numbers, whatever their types; null for nan, undefined for what is no number. */
function numberKey(value: PythonValue): string | null | undefined {
  switch (value.t) {
    case 'bool':
    case 'int':
      return integerOf(value).toString();
    case 'float':
      return floatKey(toFloat(value.v));
    case 'complex': {
      const re = floatKey(toFloat(value.v[0]));
      const im = floatKey(toFloat(value.v[1]));
      if (re === null || im === null) return null;
      return im === '0' ? re : `${re} ${im}j`;
    }
    default:
      return undefined;
  }
}

function floatKey(value: number): string | null {
  if (Number.isNaN(value)) return null;
  return Number.isInteger(value) ? BigInt(value).toString() : String(value);
}

/** Equal exactly for equal hashable values; null for what equals nothing. */
function hashKey(value: PythonValue): string | null {
  const number = numberKey(value);
  if (number !== undefined) return number === null ? null : `n${number}`;
  switch (value.t) {
    case 'none':
      return '-';
    case 'str':
      return `s${JSON.stringify(value.v)}`;
    case 'bytes':
      return `b${value.v.join()}`;
    case 'tuple':
    case 'set':
    case 'frozenset': {
      const parts = value.v.map(hashKey);
      if (parts.includes(null)) return null;
      return value.t === 'tuple' ? `(${parts.join(',')})` : `{${parts.sort().join(',')}}`;
    }
    default:
      return null;
  }
}
