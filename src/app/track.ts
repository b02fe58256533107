// Points of one line as a chart reads them: thousands of them, growing at the end, thinned to what the screen can show. Minima and maxima of blocks are
// kept as points come, so that a redraw costs by the width of the picture and not by the length of the run.
// Promises: a thinned line has the least and the largest value of every column of pixels, begins and ends where its points do, and breaks where a value
// is not finite; smoothing is the debiased moving average over all points, whatever is drawn of them. Refuses nothing; x must not fall.

/** log2 of how many entries of a level make one of the next. */
const FAN_BITS = 4;
const FAN = 1 << FAN_BITS;
/** Up to so many points in a column are drawn as they are. */
const FEW = 4;

export interface Extent {
  /** Infinity where no value is finite. */
  min: number;
  /** -Infinity where no value is finite. */
  max: number;
  gaps: number;
}

/** Of whole blocks, each FAN times as long as those of the level below. */
interface Level {
  length: number;
  min: Float64Array<ArrayBuffer>;
  max: Float64Array<ArrayBuffer>;
  gaps: Float64Array<ArrayBuffer>;
}

/** Numbers, NaN for those that were not finite, with the extent of any stretch of them at hand. */
export class Values {
  length = 0;
  at: Float64Array<ArrayBuffer> = new Float64Array(64);
  private readonly levels: Level[] = [];

  push(value: number): void {
    if (this.length === this.at.length) this.at = grown(this.at);
    this.at[this.length++] = Number.isFinite(value) ? value : Number.NaN;
    // a block that has become whole is summed up, and may make one of the next level whole
    for (let k = 0, whole = this.length; (whole & (FAN - 1)) === 0; k++, whole = this.levels[k - 1]!.length) {
      const block = this.extentAt(k - 1, whole - FAN, whole);
      let level = this.levels[k];
      if (!level) level = this.levels[k] = { length: 0, min: new Float64Array(8), max: new Float64Array(8), gaps: new Float64Array(8) };
      if (level.length === level.min.length) {
        level.min = grown(level.min);
        level.max = grown(level.max);
        level.gaps = grown(level.gaps);
      }
      level.min[level.length] = block.min;
      level.max[level.length] = block.max;
      level.gaps[level.length] = block.gaps;
      level.length++;
    }
  }

  /** Of the values [from, to), by the largest whole blocks in them. */
  extent(from: number, to: number): Extent {
    const out = nothing();
    for (let i = from; i < to; ) {
      let k = -1;
      let size = 1;
      while (k + 1 < this.levels.length && (i & (size * FAN - 1)) === 0 && i + size * FAN <= to) {
        k++;
        size *= FAN;
      }
      if (k < 0) take(out, this.at[i]!);
      else {
        const { min, max, gaps } = this.levels[k]!;
        const block = i / size;
        if (min[block]! < out.min) out.min = min[block]!;
        if (max[block]! > out.max) out.max = max[block]!;
        out.gaps += gaps[block]!;
      }
      i += size;
    }
    return out;
  }

  /** Of the entries [from, to) of a level; -1 are the values themselves. */
  private extentAt(k: number, from: number, to: number): Extent {
    const out = nothing();
    const level = this.levels[k];
    for (let i = from; i < to; i++) {
      if (!level) take(out, this.at[i]!);
      else {
        out.min = Math.min(out.min, level.min[i]!);
        out.max = Math.max(out.max, level.max[i]!);
        out.gaps += level.gaps[i]!;
      }
    }
    return out;
  }
}

function nothing(): Extent {
  return { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, gaps: 0 };
}

function take(out: Extent, value: number): void {
  // biome-ignore lint/suspicious/noSelfCompare: the fastest test for NaN, in the innermost loop
  if (value !== value) out.gaps++;
  else {
    if (value < out.min) out.min = value;
    if (value > out.max) out.max = value;
  }
}

/** A moving average so far as it was asked for. */
export interface Averages {
  readonly weight: number;
  length: number;
  at: Float64Array<ArrayBuffer>;
  mean: number;
  mass: number;
}

/** A line's points, and its moving average at the weight that was asked for last. */
export class Track {
  x: Float64Array<ArrayBuffer> = new Float64Array(64);
  readonly y = new Values();
  /** Interval around each point. */
  readonly low: Values | null;
  readonly high: Values | null;
  private average: Averages | null = null;

  constructor(intervals = false) {
    this.low = intervals ? new Values() : null;
    this.high = intervals ? new Values() : null;
  }

  get length(): number {
    return this.y.length;
  }

  push(x: number, y: number, low = Number.NaN, high = Number.NaN): void {
    if (this.length === this.x.length) this.x = grown(this.x);
    this.x[this.length] = x;
    this.y.push(y);
    this.low?.push(low);
    this.high?.push(high);
  }

  /**
   * Exponential moving average, debiased as Adam's moments are, so that the first points are not pulled to zero; weight in [0, 1). It steps over values
   * that are not finite and leaves them as gaps.
   */
  smooth(weight: number): Values | Averages {
    if (weight <= 0) return this.y;
    const { at: values } = this.y;
    let state = this.average;
    if (state?.weight !== weight) {
      const at = state && state.at.length >= this.length ? state.at : new Float64Array(values.length);
      this.average = state = { weight, length: 0, at, mean: 0, mass: 0 };
    }
    if (state.at.length < this.length) {
      const longer = new Float64Array(values.length);
      longer.set(state.at.subarray(0, state.length));
      state.at = longer;
    }
    const { at } = state;
    let { mean, mass } = state;
    for (let i = state.length; i < this.length; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) at[i] = Number.NaN;
      else {
        mean = weight * mean + (1 - weight) * value;
        mass = weight * mass + (1 - weight);
        at[i] = mean / mass;
      }
    }
    Object.assign(state, { length: this.length, mean, mass });
    return state;
  }

  /** Number of the first `length` points whose x is below a limit (or at most that, when `inclusive`). */
  countBelow(limit: number, length: number, inclusive = false): number {
    let lo = 0;
    let hi = length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.x[mid]! < limit || (inclusive && this.x[mid]! === limit)) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }
}

/** A line as it is drawn: NaN in y lifts the pen. */
export interface Thinned {
  x: number[];
  y: number[];
  /** Where values were not finite; one mark to a column at most. */
  gaps: number[];
}

/**
 * The first `length` points of a track in the columns between `edges` (rising, in x), and one point beyond each end where there is one.
 * Where `isLog`, values without a logarithm lift the pen without a mark. Averages have no extremes within a column: their last value stands for it.
 */
export function thin(track: Track, values: Values | Averages, length: number, edges: ArrayLike<number>, isLog = false): Thinned {
  const out: Thinned = { x: [], y: [], gaps: [] };
  const { x } = track;
  const last = edges.length - 1;
  const first = track.countBelow(edges[0]!, length);
  const end = track.countBelow(edges[last]!, length, true);
  const put = (i: number): void => {
    const y = values.at[i]!;
    if (Number.isNaN(y)) out.gaps.push(x[i]!);
    out.x.push(x[i]!);
    out.y.push(isLog && y <= 0 ? Number.NaN : y);
  };
  if (first > 0) put(first - 1);
  if (end - first <= FEW * last) for (let i = first; i < end; i++) put(i);
  else {
    let from = first;
    for (let column = 0; column < last && from < end; column++) {
      const to = column + 1 === last ? end : track.countBelow(edges[column + 1]!, end);
      if (to - from <= FEW) for (let i = from; i < to; i++) put(i);
      else if (!(values instanceof Values)) put(to - 1);
      else {
        const { min, max, gaps } = values.extent(from, to);
        const middle = (edges[column]! + edges[column + 1]!) / 2;
        if (gaps > 0) {
          out.gaps.push(middle);
          out.x.push(middle);
          out.y.push(Number.NaN);
        }
        // up and down in turn, so that neighbours meet
        const ends = column % 2 === 0 ? [min, max] : [max, min];
        for (const y of [...(from === first ? [values.at[from]!] : []), ...ends, ...(to === end ? [values.at[to - 1]!] : [])])
          if (Number.isFinite(y) && !(isLog && y <= 0)) {
            out.x.push(middle);
            out.y.push(y);
          }
        if (gaps > 0) {
          out.x.push(middle);
          out.y.push(Number.NaN);
        }
      }
      from = to;
    }
  }
  if (end < length) put(end);
  return out;
}

function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const next = new Float64Array(array.length * 2);
  next.set(array);
  return next;
}
