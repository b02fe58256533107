// A curve in few characters: fewer points at even places, values as small integers counted from one to the next.
// A gap (null) anywhere between two kept points stays a gap: NaN is shown, not dropped. First and last point are always kept.
import * as v from 'valibot';

export interface Curve {
  name: string;
  x: number[];
  /** null = a value that was not finite. */
  y: (number | null)[];
}

export const MAX_CURVES = 256;
export const MAX_POINTS = 1024;
export const MAX_CURVE_NAME = 120;
/** Larger values are gaps, as those that are not finite. */
const MAX_VALUE = 1e30;

const finite = v.pipe(v.number(), v.finite());
const level = v.pipe(v.number(), v.integer(), v.minValue(-1e9), v.maxValue(1e9));
/** Value i is a + s * (sum of d up to i), or a + s * d * i when d is one number; null is a gap and adds nothing. */
const track = v.strictObject({ a: finite, s: finite, d: v.union([level, v.pipe(v.array(v.nullable(level)), v.maxLength(MAX_POINTS))]) });

export const PackedCurveSchema = v.strictObject({
  n: v.pipe(v.string(), v.maxLength(MAX_CURVE_NAME)),
  /** Number of points. */
  k: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_POINTS)),
  x: track,
  y: track,
});

export type PackedCurve = v.InferOutput<typeof PackedCurveSchema>;

/** Time and tokens of one stage's steps: never falling. */
export interface Clock {
  name: string;
  x: number[];
  timeMs: number[];
  tokens: number[];
}

export const MAX_CLOCKS = 64;

export const PackedClockSchema = v.strictObject({
  n: v.pipe(v.string(), v.maxLength(MAX_CURVE_NAME)),
  k: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_POINTS)),
  x: track,
  /** Seconds, and thousands of tokens. */
  t: track,
  m: track,
});

export type PackedClock = v.InferOutput<typeof PackedClockSchema>;
type Track = PackedCurve['x'];

/** @param points how many to keep at most; @param levels into how many steps the range of y is divided. */
export function packCurve(curve: Curve, points: number, levels: number): PackedCurve {
  const places = curve.x.map((_, i) => i).filter((i) => isUsable(curve.x[i]!) && i < curve.y.length);
  const count = Math.min(points, places.length);
  const x: number[] = [];
  const y: (number | null)[] = [];
  let from = 0;
  for (let j = 0; j < count; j++) {
    const to = count === 1 ? places.length - 1 : Math.round((j * (places.length - 1)) / (count - 1));
    const passed = places.slice(from, to + 1).map((place) => curve.y[place]!);
    x.push(curve.x[places[to]!]!);
    y.push(passed.every((value) => value !== null && isUsable(value)) ? passed.at(-1)! : null);
    from = to + 1;
  }
  return { n: curve.name.slice(0, MAX_CURVE_NAME), k: count, x: packTrack(x, levels), y: packTrack(y, levels) };
}

/** null when the numbers do not make finite points. */
export function unpackCurve(packed: PackedCurve): Curve | null {
  const x = unpackTrack(packed.x, packed.k);
  const y = unpackTrack(packed.y, packed.k);
  if (!x || !y || x.includes(null)) return null;
  return { name: packed.n, x: x as number[], y };
}

/** @param points how many to keep at most, the first and the last among them; @param levels into how many steps the ranges of time and tokens are divided. */
export function packClock({ name, x, timeMs, tokens }: Clock, points: number, levels: number): PackedClock {
  const count = Math.min(points, x.length);
  const places = Array.from({ length: count }, (_, j) => (count === 1 ? x.length - 1 : Math.round((j * (x.length - 1)) / (count - 1))));
  const at = (values: number[], unit: number): number[] => places.map((place) => values[place]! / unit);
  return {
    n: name.slice(0, MAX_CURVE_NAME),
    k: count,
    x: packTrack(at(x, 1), levels),
    t: packTrack(at(timeMs, 1000), levels),
    m: packTrack(at(tokens, 1000), levels),
  };
}

/** null when the numbers do not make points that rise, with time and tokens that do not fall. */
export function unpackClock({ n, k, x, t, m }: PackedClock): Clock | null {
  const [steps, seconds, thousands] = [unpackTrack(x, k), unpackTrack(t, k), unpackTrack(m, k)];
  if (!rises(steps, 1e-9) || !rises(seconds, 0) || !rises(thousands, 0)) return null;
  return { name: n, x: steps, timeMs: seconds.map((s) => 1000 * s), tokens: thousands.map((s) => 1000 * s) };
}

/** From zero or more on, by `least` at least each time. */
function rises(values: (number | null)[] | null, least: number): values is number[] {
  return values?.every((value, i) => value !== null && value >= 0 && (i === 0 || value - values[i - 1]! >= least)) ?? false;
}

function packTrack(values: (number | null)[], levels: number): Track {
  const known = values.filter((value) => value !== null);
  const lo = known.reduce((least, value) => Math.min(least, value), known[0] ?? 0);
  const hi = known.reduce((most, value) => Math.max(most, value), lo);
  // Integers over a moderate range (steps of a run) stay exact.
  const isExact = known.every(Number.isInteger) && Math.abs(lo) < 1e9 && hi - lo < 1e6;
  const s = isExact ? 1 : decimalStep((hi - lo) / levels);
  // On the grid of the step, so that 0.25 comes back as 0.25; a range far from zero for its width starts at its own end.
  const onGrid = Number((Math.round(lo / s) * s).toPrecision(12));
  const a = isExact || !(Math.abs(lo / s) < 1e9) ? lo : onGrid;
  let before = 0;
  const d = values.map((value) => {
    if (value === null) return null;
    const at = s === 0 ? 0 : Math.round((value - a) / s);
    const step = at - before;
    before = at;
    return step;
  });
  const steps = d.slice(1);
  const isEven = d[0] === 0 && steps.every((step) => step !== null && step === steps[0]);
  return { a, s, d: isEven ? (steps[0] ?? 0) : d };
}

/** The least of 1, 2 and 5 times a power of ten that is not below `least`; 0 for 0. */
function decimalStep(least: number): number {
  if (least === 0) return 0;
  const power = Math.floor(Math.log10(least));
  const steps = [1, 2, 5, 10].map((factor) => Number(`${factor}e${power}`));
  return steps.find((step) => step >= least) ?? least;
}

function unpackTrack({ a, s, d }: Track, count: number): (number | null)[] | null {
  if (typeof d !== 'number' && d.length !== count) return null;
  const values: (number | null)[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const step = typeof d === 'number' ? (i === 0 ? 0 : d) : d[i]!;
    if (step !== null) at += step;
    values.push(step === null ? null : Number((a + s * at).toPrecision(12)));
  }
  return values.every((value) => value === null || Number.isFinite(value)) ? values : null;
}

function isUsable(value: number): boolean {
  return Math.abs(value) <= MAX_VALUE;
}
