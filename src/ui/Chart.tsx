// Line and point charts; the only file that names uPlot. Raw lines lie faint under their smoothed ones, gaps stay gaps, intervals are bars at points
// and bands around lines, a drag zooms, a double click frames, and charts of one axis move their cursors together. Colours and fonts come from the
// page's CSS variables.
import './readableLanguage.ts';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import { align, type ChartData, type Line, smooth } from '../app/curves.ts';
import { decimal, plain } from './numbers.ts';

interface ChartProps {
  title: string;
  /** What x counts. */
  xLabel: string;
  data: ChartData;
  smoothing: number;
  /** Charts with one axis share it by name: their cursors move together. */
  axis: string;
  /** Fixed range of y; measured when absent. */
  range?: [number, number] | undefined;
  /** What stands there while there is no point. */
  empty: string;
  /** Stands at the right of the title. */
  control?: ReactNode;
  /** What x counts is not whole steps: any number may stand on its axis. */
  continuous?: boolean;
  /** Axes in logarithms. */
  log?: 'none' | 'x' | 'y' | 'xy';
}

/** Steps are whole: so are the numbers on their axis. */
const STEP_INCREMENTS = [1, 10, 100, 1e3, 1e4, 1e5].flatMap((power) => [power, 2 * power, 5 * power]);

const DASH: Record<Line['tone'], number[]> = {
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

export function Chart({ title, xLabel, data, smoothing, axis, range, empty, control, continuous = false, log = 'none' }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, smoothing });
  latest.current = { data, smoothing };
  const [hovered, setHovered] = useState<number | null>(null);
  const scheme = useColourScheme();
  const structure = `${data.lines.map((l) => `${l.label}:${l.tone}:${l.mark}`).join('|')} ${smoothing > 0} ${continuous} ${log} ${range?.join(',') ?? ''} ${data.dividers.length > 0} ${scheme}`;

  // biome-ignore lint/correctness/useExhaustiveDependencies: structure stands for what the plot is built from
  useEffect(() => {
    const element = host.current;
    if (!element || data.lines.length === 0) return;
    const made = new uPlot(
      optionsFor({
        element,
        lines: data.lines,
        smoothed: smoothing > 0,
        axis,
        xLabel,
        headroom: data.dividers.length > 0 ? 16 : 8,
        range,
        continuous,
        log,
        latest: () => latest.current.data,
        onHover: setHovered,
      }),
      plotted(data, smoothing),
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(sizeOf(element)));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [structure, axis]);

  useEffect(() => {
    const made = plot.current;
    if (!made || made.series.length !== 1 + data.lines.length * (smoothing > 0 ? 2 : 1)) return;
    const { min, max } = made.scales.x!;
    const xs = made.data[0];
    const zoomed = min != null && max != null && xs.length > 1 && (min > xs[0]! || max < xs[xs.length - 1]!);
    made.batch(() => {
      made.setData(plotted(data, smoothing), !zoomed);
      if (zoomed) made.setScale('x', { min, max });
    });
  }, [data, smoothing]);

  const values = data.lines.map((line) => valueAt(line, smoothing, hovered));
  const written = continuous ? plain : decimal;
  const summary = data.lines.map((line, i) => `${line.label} ${written(values[i])}`).join(', ');
  return (
    <figure className="chart">
      <figcaption>
        <h3>{title}</h3>
        {control}
        <ul className="legend">
          {data.lines.map((line, i) => (
            <li key={line.label} className={`tone-${line.tone}`}>
              <svg width="16" height="8" aria-hidden="true">
                {line.mark === 'points' ? (
                  <circle cx="8" cy="4" r="3" />
                ) : (
                  <line x1="0" x2="16" y1="4" y2="4" strokeDasharray={dashOf(line).join(' ') || undefined} />
                )}
              </svg>
              {line.label} <span className="num">{written(values[i])}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      {data.lines.length === 0 ? (
        <div className="plot plot-empty">
          <p className="empty">{empty}</p>
        </div>
      ) : (
        <div className="plot" role="img" aria-label={`${title} over ${xLabel}: ${summary}`} ref={host} />
      )}
    </figure>
  );
}

function dashOf(line: Line): number[] {
  return line.dash ? [6, 4] : line.dash === false ? [] : DASH[line.tone];
}

/** The value under the cursor, else the last one. */
function valueAt(line: Line, smoothing: number, x: number | null): number | null {
  const ys = smooth(line.y, smoothing);
  if (x === null) return ys[ys.length - 1] ?? null;
  let best = -1;
  for (let i = 0; i < line.x.length && line.x[i]! <= x; i++) best = i;
  return best < 0 ? null : ys[best]!;
}

/** One more row at the axis's end, without values, holds the axis open for what is still to come. */
function plotted({ lines, end }: ChartData, smoothing: number): uPlot.AlignedData {
  const drawn = smoothing > 0 ? [...lines, ...lines.map((line) => ({ x: line.x, y: smooth(line.y, smoothing) }))] : lines;
  const { x, ys } = align(drawn);
  if (x.length > 0 && x[x.length - 1]! < end) {
    x.push(end);
    for (const y of ys) y.push(undefined);
  }
  return [x, ...ys] as uPlot.AlignedData;
}

interface PlotOptions {
  element: HTMLElement;
  lines: readonly Line[];
  smoothed: boolean;
  axis: string;
  xLabel: string;
  /** Room above the lines, where the names of the iterations stand. */
  headroom: number;
  range: [number, number] | undefined;
  continuous: boolean;
  log: 'none' | 'x' | 'y' | 'xy';
  latest: () => ChartData;
  onHover: (x: number | null) => void;
}

function optionsFor(options: PlotOptions): uPlot.Options {
  const { element, lines, smoothed, axis, xLabel, headroom, range, continuous, log, latest, onHover } = options;
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const quiet = { stroke: colour('--ink-2'), font, grid: { stroke: colour('--hairline'), width: 1 }, ticks: { show: false } };
  const seriesOf = (line: Line, faint: boolean): uPlot.Series => ({
    label: line.label,
    stroke: colour(`--tone-${line.tone}`),
    width: line.mark === 'points' ? 0 : faint ? 1 : 1.75,
    alpha: faint ? 0.28 : 1,
    dash: faint ? [] : dashOf(line),
    points: line.mark === 'points' ? { show: true, size: 6, fill: colour(`--tone-${line.tone}`) } : { show: false },
    spanGaps: false,
  });
  const logX = log.includes('x');
  const logY = log.includes('y');
  const logAxis = { splits: (_: uPlot, __: number, from: number, to: number) => logSplits(from, to), filter: (_: uPlot, s: number[]) => s };
  return {
    ...sizeOf(element),
    padding: [headroom, 8, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: axis, setSeries: false },
      points: { show: !smoothed, size: 5 },
      drag: { x: true, y: false },
      y: false,
    },
    scales: {
      x: {
        time: false,
        ...(logX ? { distr: 3 as const } : {}),
        range: (_, from, to) => (continuous ? padded(from, to, logX) : [from, Math.max(to, from + 1)]),
      },
      y: {
        ...(logY ? { distr: 3 as const } : {}),
        ...(range ? { range } : continuous ? { range: () => padded(...extent(latest().lines), logY) } : {}),
      },
    },
    axes: [
      {
        ...quiet,
        size: 20,
        gap: 4,
        space: 48,
        ...(continuous ? {} : { incrs: STEP_INCREMENTS }),
        ...(logX ? logAxis : {}),
        values: (_, splits) => splits.map((v) => compact(v)),
        grid: { show: false },
        label: xLabel,
        labelSize: 16,
        labelGap: 0,
        labelFont: font,
      },
      { ...quiet, size: 44, gap: 4, space: 32, ...(logY ? logAxis : {}), values: (_, splits) => splits.map((v) => compact(v)) },
    ],
    series: [{}, ...lines.map((line) => seriesOf(line, smoothed)), ...(smoothed ? lines.map((line) => seriesOf(line, false)) : [])],
    hooks: {
      setCursor: [
        (u) => {
          const { idx, left } = u.cursor;
          onHover(idx === null || idx === undefined || left === undefined || left < 0 ? null : (u.data[0][idx] ?? null));
        },
      ],
      drawAxes: [
        (u) => drawDividers(u, latest().dividers, colour('--ink-3'), font),
        (u) => drawIntervals(u, latest().lines, (line) => colour(`--tone-${line.tone}`)),
      ],
    },
  };
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: element.clientWidth, height: element.clientHeight };
}

function compact(value: number): string {
  const [scaled, unit] = Math.abs(value) >= 1e6 ? [value / 1e6, ' M'] : Math.abs(value) >= 1e4 ? [value / 1e3, ' k'] : [value, ''];
  return `${String(Number(scaled.toPrecision(4))).replace('-', '−')}${unit}`;
}

/** Least and largest value of lines and their intervals. */
function extent(lines: readonly Line[]): [number, number] {
  const values = lines.flatMap((line) => [...line.y, ...(line.low ?? []), ...(line.high ?? [])]).filter((v): v is number => v !== null);
  return [Math.min(...values), Math.max(...values)];
}

/** Room for the marks at both ends. */
function padded(from: number, to: number, log: boolean): [number, number] {
  if (log) return [from / (to / from || 1) ** 0.05 / 1.05, to * (to / from || 1) ** 0.05 * 1.05];
  const room = 0.05 * (to - from || Math.abs(to) || 1);
  return [from - room, to + room];
}

/** 1, 2 and 5 times powers of ten where few of them are in reach, powers alone otherwise. */
function logSplits(from: number, to: number): number[] {
  const decades = Math.log10(to / from);
  const steps = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const first = Math.floor(Math.log10(from));
  const powers = Array.from({ length: Math.ceil(decades) + 2 }, (_, i) => first + i);
  return powers.flatMap((power) => steps.map((step) => step * 10 ** power)).filter((v) => v >= from && v <= to);
}

function drawIntervals(u: uPlot, lines: readonly Line[], colourOf: (line: Line) => string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const line of lines) {
    const { x, low, high } = line;
    if (!low || !high) continue;
    const at = (i: number, value: number): [number, number] => [u.valToPos(x[i]!, 'x', true), u.valToPos(value, 'y', true)];
    ctx.strokeStyle = colourOf(line);
    ctx.fillStyle = colourOf(line);
    ctx.beginPath();
    if (line.mark === 'points') {
      ctx.lineWidth = 1.5 * devicePixelRatio;
      x.forEach((_, i) => {
        ctx.moveTo(...at(i, low[i]!));
        ctx.lineTo(...at(i, high[i]!));
      });
      ctx.stroke();
    } else {
      ctx.globalAlpha = 0.12;
      x.forEach((_, i) => ctx.lineTo(...at(i, high[i]!)));
      for (let i = x.length - 1; i >= 0; i--) ctx.lineTo(...at(i, low[i]!));
      ctx.fill();
      ctx.globalAlpha = 1;
    }
  }
  ctx.restore();
}

function drawDividers(u: uPlot, dividers: ChartData['dividers'], stroke: string, font: string): void {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.fillStyle = stroke;
  ctx.lineWidth = ratio;
  ctx.font = font.replace(/^(\d+)px/, (_, px: string) => `${Number(px) * ratio}px`);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  for (const { x, label } of dividers) {
    const left = Math.round(u.valToPos(x, 'x', true));
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(left + 0.5, bbox.top);
    ctx.lineTo(left + 0.5, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(label, left - ratio, bbox.top - 2 * ratio);
  }
  ctx.restore();
}

function useColourScheme(): 'dark' | 'light' {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setDark(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return dark ? 'dark' : 'light';
}
