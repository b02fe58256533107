// A chart as a file: every point as CSV, the picture as an SVG figure with title, axes and legend, in the colours of the light page. Pure.
// Promises that CSV has all points as they were measured (values that were not finite as NaN), whatever is drawn of them, and that no label is read as a
// formula by a spreadsheet. Refuses an SVG of nothing (by null).
import { type ChartSeries, lineChart } from '../share/lineChart.ts';
import type { DrawnChart, DrawnLine, Tone } from './curves.ts';
import { type PictureOptions, pictureOf, ticksOf } from './picture.ts';

/** Dashes by tone; the tenth run and those after it are dashed. */
const DASH: Record<string, readonly number[]> = {
  ra3: [],
  ntp: [8, 4],
  base: [2, 3],
  'ntp-compute': [8, 2, 2, 2],
  oracle: [4, 2],
  shuffled: [1, 3],
  comments: [10, 4],
  second: [8, 4],
  third: [2, 3],
};

export function dashOf({ tone, dash }: Pick<DrawnLine, 'tone' | 'dash'>): readonly number[] {
  return dash ? [6, 4] : dash === false ? [] : (DASH[tone] ?? []);
}

/** The page's custom property (without its dashes) that holds a tone's colour, and the class that sets it. */
export function toneName(tone: Tone): string {
  return tone.startsWith('run-') ? tone : `tone-${tone}`;
}

/** A row for each x that any line has, a column for each line. */
export function csvOf(xLabel: string, { lines }: DrawnChart): string {
  const own = lines.filter(({ faint }) => !faint);
  const columns = own.flatMap((line) => {
    const { track, length, label } = line;
    const of = (suffix: string, at: Float64Array) => ({ head: `${label}${suffix}`, x: track.x, at, length });
    return [of('', track.y.at), ...(track.low && track.high ? [of(' low', track.low.at), of(' high', track.high.at)] : [])];
  });
  const next = columns.map(() => 0);
  const rows = [[xLabel, ...columns.map(({ head }) => head)].map(cell).join(',')];
  for (;;) {
    let x = Number.POSITIVE_INFINITY;
    columns.forEach((column, c) => {
      if (next[c]! < column.length) x = Math.min(x, column.x[next[c]!]!);
    });
    if (x === Number.POSITIVE_INFINITY) break;
    const values = columns.map((column, c) => {
      const i = next[c]!;
      if (i >= column.length || column.x[i] !== x) return '';
      next[c] = i + 1;
      return String(column.at[i]!);
    });
    rows.push([String(x), ...values].join(','));
  }
  return `${rows.join('\n')}\n`;
}

/** Quoted where it must be; a text that a spreadsheet would compute begins with an apostrophe. */
export function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export interface FigureOptions extends Omit<PictureOptions, 'columns'> {
  title: string;
  xLabel: string;
  /** A tone's colour on light paper. */
  colorOf: (tone: Tone) => string;
}

const FIGURE_COLUMNS = 568;

/** null when there is no point to draw. */
export function svgOf(data: DrawnChart, options: FigureOptions): string | null {
  const picture = pictureOf(data, { ...options, columns: FIGURE_COLUMNS });
  if (!picture) return null;
  const { logX, logY, unit, title, xLabel, colorOf } = options;
  const onX = (x: number): number => (logX ? Math.log10(x) : x);
  const onY = (y: number): number => (logY ? Math.log10(y) : y);
  const values = (ys: readonly number[]): (number | null)[] => ys.map((y) => (Number.isFinite(onY(y)) ? onY(y) : null));
  const series = picture.strokes.flatMap(({ line, raw, smooth, band }): ChartSeries[] => {
    const look = { label: line.label, color: colorOf(line.tone), dash: dashOf(line).join(' ') };
    const of = (x: readonly number[], y: readonly number[]) => ({ x: x.map(onX), mean: values(y) });
    const intervals = band ? { lo: values(band.low), hi: values(band.high) } : {};
    if (line.mark === 'points' || line.mark === 'joined') {
      const points = band ?? raw;
      return [{ ...look, ...of(points.x, points.y), ...intervals, as: line.mark === 'points' && !band ? 'dots' : 'intervals' }];
    }
    if (line.faint) return [{ ...look, ...of(raw.x, raw.y), faint: true }];
    if (band) return [{ ...look, ...of(band.x, band.y), ...intervals, gaps: raw.gaps.map(onX) }];
    if (!smooth) return [{ ...look, ...of(raw.x, raw.y), gaps: raw.gaps.map(onX) }];
    return [
      { ...look, dash: '', ...of(raw.x, raw.y), faint: true },
      { ...look, ...of(smooth.x, smooth.y), gaps: raw.gaps.map(onX) },
    ];
  });
  const ticks = (range: readonly [number, number], wanted: number, isLog: boolean, of: PictureOptions['unit'], at: (v: number) => number) =>
    ticksOf(range, wanted, isLog, of).map((tick) => ({ at: at(tick.at), label: tick.label }));
  return lineChart({
    title,
    xLabel,
    yLabel: '',
    xRange: [onX(picture.x[0]), onX(picture.x[1])],
    yRange: [onY(picture.y[0]), onY(picture.y[1])],
    series,
    dividers: picture.dividers.filter(({ x }) => x > 0 || !logX).map(({ x, label }) => ({ x: onX(x), label })),
    xTicks: ticks(picture.x, 8, logX, unit, onX),
    yTicks: ticks(picture.y, 5, logY, 'number', onY),
  });
}

/** A file's name from a chart's title. */
export function fileStem(title: string): string {
  return (
    title
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '') || 'chart'
  );
}
