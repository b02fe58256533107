// What of a chart is on a picture of a given width: ranges, ticks, and every line thinned to its columns. Screen, SVG and tests read the same picture.
// Pure. Promises that a value which is not finite is a gap with a mark; what a logarithm cannot show is left out, and hasNoLogarithm says that there is such.
// Refuses nothing: a chart without points has no picture (null).
import { type DrawnChart, type DrawnLine, type Divider, sameDividers, sameLine } from './curves.ts';
import { thin, type Thinned, type Track } from './track.ts';
import type { XKind } from './viewState.ts';

/** What x counts; 'number' is any quantity, in whole or broken numbers. */
export type Unit = XKind | 'number';

export interface PictureOptions {
  columns: number;
  smoothing: number;
  logX: boolean;
  logY: boolean;
  /** Fixed range of y, where y is not in logarithms. */
  range?: readonly [number, number] | undefined;
  zoom?: readonly [number, number] | null | undefined;
  unit: Unit;
}

export interface Stroke {
  line: DrawnLine;
  /** What it was thinned from and to; the same again need not be thinned again. */
  key: string;
  /** As measured; drawn faint where there is a smoothed one. */
  raw: Thinned;
  smooth: Thinned | null;
  /** Points with their intervals: bars where points are drawn, a band elsewhere. */
  band: { x: number[]; y: number[]; low: number[]; high: number[] } | null;
}

export interface Picture {
  x: readonly [number, number];
  y: readonly [number, number];
  strokes: Stroke[];
  dividers: readonly Divider[];
}

export interface Tick {
  at: number;
  label: string;
}

const FEWEST_COLUMNS = 16;
/** Points per column from which an axis grows in notches, so that the lines of a growing chart that do not grow stay as they are. */
const MANY = 4;
const NOTCHES = 128;

/** @param earlier Of the same chart: what has not changed is taken from it. */
export function pictureOf({ lines, dividers, end }: DrawnChart, options: PictureOptions, earlier: Picture | null = null): Picture | null {
  const { smoothing, logX, logY, range, zoom, unit } = options;
  const drawn = lines.filter(({ length }) => length > 0);
  if (drawn.length === 0) return null;
  const columns = Math.max(FEWEST_COLUMNS, Math.round(options.columns));
  const x = zoom ?? xRangeOf(drawn, end, logX, unit, columns);
  const edges = edgesOf(x, columns, logX);
  const extent = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  const see = (xs: readonly number[], ys: readonly number[]): void => {
    for (let i = 0; i < xs.length; i++) {
      const value = ys[i]!;
      if (xs[i]! < x[0] || xs[i]! > x[1] || !(logY ? value > 0 : true)) continue;
      if (value < extent.min) extent.min = value;
      if (value > extent.max) extent.max = value;
    }
  };
  const strokes = drawn.map((line): Stroke => {
    const { track, length, mark = 'line' } = line;
    const key = [length, ...x, columns, logX, logY, smoothing, mark, line.faint].join(' ');
    const known = earlier?.strokes.find((stroke) => stroke.line.track === track && stroke.key === key);
    const stroke = !known ? strokeOf(line, key) : sameLine(known.line, line) ? known : { ...known, line };
    see(stroke.raw.x, stroke.raw.y);
    if (stroke.band) {
      see(stroke.band.x, stroke.band.low);
      see(stroke.band.x, stroke.band.high);
    }
    return stroke;
  });
  return { x, y: yRangeOf(extent, logY, range), strokes, dividers };

  function strokeOf(line: DrawnLine, key: string): Stroke {
    const { track, length, mark = 'line' } = line;
    const raw = thin(track, track.y, length, edges, logY);
    const smooth =
      smoothing > 0 && mark === 'line' && !line.faint && !track.low ? thin(track, track.smooth(smoothing), length, edges, logY) : null;
    const band = track.low && track.high ? bandOf(track, length, edges) : null;
    return { line, key, raw, smooth, band };
  }
}

/** Whether two pictures are drawn alike. */
export function samePicture(a: Picture, b: Picture): boolean {
  return (
    a.x[0] === b.x[0] &&
    a.x[1] === b.x[1] &&
    a.y[0] === b.y[0] &&
    a.y[1] === b.y[1] &&
    a.strokes.length === b.strokes.length &&
    a.strokes.every((stroke, i) => stroke === b.strokes[i]) &&
    sameDividers(a.dividers, b.dividers)
  );
}

/** Whether a chart has points that an axis in logarithms cannot show. */
export function hasNoLogarithm({ lines }: DrawnChart, logX: boolean, logY: boolean): boolean {
  return lines.some(({ track, length }) => (logX && track.countBelow(0, length, true) > 0) || (logY && track.y.extent(0, length).min <= 0));
}

function xRangeOf(lines: readonly DrawnLine[], end: number, logX: boolean, unit: Unit, columns: number): readonly [number, number] {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const { track, length } of lines) {
    const first = logX ? track.countBelow(0, length, true) : 0;
    if (first < length) {
      from = Math.min(from, track.x[first]!);
      to = Math.max(to, track.x[length - 1]!);
    }
  }
  if (from > to) return logX ? [1, 10] : [0, 1];
  if (unit === 'number') return padded(from, to, logX);
  to = Math.max(to, end);
  if (!logX && lines.some(({ length }) => length > MANY * columns)) {
    const notch = 2 ** Math.floor(Math.log2((to - from) / NOTCHES));
    to = Math.ceil(to / notch) * notch;
  }
  return [from, to > from ? to : logX ? from * 10 : from + 1];
}

function yRangeOf({ min, max }: { min: number; max: number }, logY: boolean, range?: readonly [number, number]): readonly [number, number] {
  if (range && !logY) return range;
  if (min > max) return logY ? [0.1, 1] : [0, 1];
  return padded(min, max, logY);
}

/** Room for the marks at both ends. */
function padded(from: number, to: number, isLog: boolean): [number, number] {
  if (isLog) return [from / (to / from || 1) ** 0.05 / 1.05, to * (to / from || 1) ** 0.05 * 1.05];
  const room = 0.05 * (to - from || Math.abs(to) || 1);
  return [from - room, to + room];
}

function edgesOf([from, to]: readonly [number, number], columns: number, logX: boolean): Float64Array {
  const edges = new Float64Array(columns + 1);
  const ratio = to / from;
  for (let i = 0; i <= columns; i++) edges[i] = logX ? from * ratio ** (i / columns) : from + ((to - from) * i) / columns;
  edges[columns] = to;
  return edges;
}

/** Every point where they are few, else the last of each column. */
function bandOf(track: Track, length: number, edges: Float64Array): NonNullable<Stroke['band']> {
  const band = { x: [] as number[], y: [] as number[], low: [] as number[], high: [] as number[] };
  const columns = edges.length - 1;
  const first = Math.max(0, track.countBelow(edges[0]!, length) - 1);
  const end = Math.min(length, track.countBelow(edges[columns]!, length, true) + 1);
  const put = (i: number): void => {
    band.x.push(track.x[i]!);
    band.y.push(track.y.at[i]!);
    band.low.push(track.low!.at[i]!);
    band.high.push(track.high!.at[i]!);
  };
  if (end - first <= columns) for (let i = first; i < end; i++) put(i);
  else
    for (let column = 1, from = first; column <= columns; column++) {
      const to = track.countBelow(edges[column]!, end, column === columns);
      if (to > from) put(to - 1);
      from = to;
    }
  return band;
}

/** The newest value at or before x of what is drawn boldest: null before the first point, NaN where it was not finite. */
export function valueAt({ track, length }: DrawnLine, smoothing: number, x: number | null): number | null {
  const i = (x === null ? length : track.countBelow(x, length, true)) - 1;
  return i < 0 ? null : track.smooth(track.low ? 0 : smoothing).at[i]!;
}

/** Round steps of seconds. */
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** Round places on an axis, `wanted` of them or fewer. */
export function ticksOf([from, to]: readonly [number, number], wanted: number, isLog: boolean, unit: Unit): Tick[] {
  // decades of seconds are not round in minutes
  const label = unit !== 'time' ? compact : isLog ? (at: number) => `${compact(at)} s` : seconds;
  return (isLog ? logTicks(from, to, wanted) : linearTicks(from, to, wanted, unit)).map((at) => ({ at, label: label(at) }));
}

function linearTicks(from: number, to: number, wanted: number, unit: Unit): number[] {
  const rough = (to - from) / Math.max(1, wanted);
  if (!(rough > 0)) return [];
  const decade = 10 ** Math.floor(Math.log10(rough));
  const round = ([1, 2, 5, 10].find((s) => s * decade >= rough * 0.999) ?? 10) * decade;
  const step =
    unit === 'time' && rough > 1
      ? (SECONDS.find((s) => s >= rough) ?? Math.ceil(rough / 86_400) * 86_400)
      : unit === 'step'
        ? Math.max(1, round)
        : round;
  const ticks: number[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** 1, 2 and 5 times powers of ten where few of them are in reach, powers alone otherwise. */
function logTicks(from: number, to: number, wanted: number): number[] {
  const decades = Math.log10(to / from);
  const steps = decades > wanted / 2 ? [1] : decades > wanted / 4 ? [1, 3] : [1, 2, 5];
  const first = Math.floor(Math.log10(from));
  const every = Math.max(1, Math.ceil(decades / wanted));
  const powers = Array.from({ length: Math.ceil(decades) + 2 }, (_, i) => first + i).filter((power) => power % every === 0);
  return powers.flatMap((power) => steps.map((step) => Number((step * 10 ** power).toPrecision(12)))).filter((v) => v >= from && v <= to);
}

export function compact(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-4) return value.toExponential(0).replace(/-/g, '−');
  const [scaled, unit] =
    size >= 1e9 ? [value / 1e9, ' G'] : size >= 1e6 ? [value / 1e6, ' M'] : size >= 1e4 ? [value / 1e3, ' k'] : [value, ''];
  return `${String(Number(scaled.toPrecision(4))).replace('-', '−')}${unit}`;
}

/** Seconds in the unit in which they are round. */
export function seconds(value: number): string {
  const [scaled, unit] = value >= 3600 ? [value / 3600, 'h'] : value >= 60 ? [value / 60, 'min'] : [value, 's'];
  return `${compact(Number(scaled.toPrecision(3)))} ${unit}`;
}

/** The labelled lines whose values are nearest to y, nearest first; those that are not finite come last. */
export function nearest(
  lines: readonly DrawnLine[],
  smoothing: number,
  x: number,
  y: number,
  most: number,
): { line: DrawnLine; value: number }[] {
  const distance = (value: number): number => (Number.isNaN(value) ? Number.MAX_VALUE : Math.abs(value - y));
  return lines
    .flatMap((line) => {
      const value = line.faint ? null : valueAt(line, smoothing, x);
      return value === null ? [] : [{ line, value }];
    })
    .sort((a, b) => distance(a.value) - distance(b.value))
    .slice(0, most);
}
