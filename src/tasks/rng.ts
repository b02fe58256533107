// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// Promises: the same (seed, stream) gives the same numbers everywhere; `philox` equals `philox` of shaders/lib/rng.wgsl bit for bit.
// Refuses: keys and counters that are not unsigned 32-bit integers. Not for cryptography.
import type { Rng } from './task.ts';

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

export type U32x4 = [number, number, number, number];

/** The high 32 bits of a * b, by 16-bit halves (the WGSL twin does the same). */
function mulHi(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // < 2^32
  const carry = a0 * b1 + (middle & 0xffff); // < 2^32
  return (a1 * b1 + (middle >>> 16) + Math.floor(carry / 65536)) >>> 0;
}

/** Philox4x32 with 10 rounds. All words are unsigned 32-bit integers. */
export function philox4x32(key0: number, key1: number, c0: number, c1: number, c2: number, c3: number): U32x4 {
  for (let round = 0; round < 10; round++) {
    const hi0 = mulHi(M0, c0);
    const lo0 = Math.imul(M0, c0) >>> 0;
    const hi1 = mulHi(M1, c2);
    const lo1 = Math.imul(M1, c2) >>> 0;
    c0 = (hi1 ^ c1 ^ key0) >>> 0;
    c1 = lo1;
    c2 = (hi0 ^ c3 ^ key1) >>> 0;
    c3 = lo0;
    key0 = (key0 + W0) >>> 0;
    key1 = (key1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The fourth counter word keeps the three uses of one (seed, stream) apart. */
const CELL = 0;
const SEQUENCE = 1;
const FORK = 2;

/**
 * Four random words for one cell of a batch: key (seed, stream), counter (step, row, column, 0).
 * In WGSL: philox(vec2<u32>(seed, stream), vec4<u32>(step, row, column, 0u)).
 */
export function philox(seed: number, stream: number, step: number, row: number, column: number): U32x4 {
  return philox4x32(seed, stream, step, row, column, CELL);
}

/**
 * Uniform in the open interval (0, 1); the twin of `unitFloat` in shaders/lib/rng.wgsl. 23 bits, so that the half step is exact in f32:
 * with 24 the largest word would round to 1, whose Gumbel noise is infinite.
 */
export function unitFloat(word: number): number {
  return ((word >>> 9) + 0.5) / 8388608;
}

function checkWord(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new RangeError(`${name} is ${value}; it must be an integer from 0 to 4294967295.`);
  }
}

/**
 * A stream of uniform numbers. `fork(n)` depends on the stream's key and n alone, not on how much was drawn, so that work can be
 * cut into steps, each with a fork of its own, and resumed at any step.
 */
export function makeRng(seed: number, stream: number): Rng {
  checkWord('The seed', seed);
  checkWord('The stream', stream);
  let block = 0;
  let words: U32x4 = [0, 0, 0, 0];
  let used = 4;
  const next = (): number => {
    if (used === 4) {
      words = philox4x32(seed, stream, block >>> 0, Math.floor(block / 4294967296), 0, SEQUENCE);
      block += 1;
      used = 0;
    }
    return words[used++]!;
  };
  return {
    uniform: () => next() / 4294967296,
    int(n) {
      if (!Number.isInteger(n) || n < 1 || n > 4294967296) throw new RangeError(`int(${n}): n must be an integer from 1 to 2^32.`);
      // Words at or above the largest multiple of n are drawn again, so that every value is equally likely.
      const limit = 4294967296 - (4294967296 % n);
      let word = next();
      while (word >= limit) word = next();
      return word % n;
    },
    fork(child) {
      checkWord('The stream', child);
      const [a, b] = philox4x32(seed, stream, child, 0, 0, FORK);
      return makeRng(a, b);
    },
    position: () => 4 * block - (4 - used),
    seek(position) {
      if (!Number.isSafeInteger(position) || position < 0) throw new RangeError(`seek(${position}): a position is an integer from 0.`);
      block = Math.floor(position / 4);
      used = 4;
      for (let n = position % 4; n > 0; n--) next();
    },
  };
}
