// A chart with its title, legend, readout and files. Charts of one axis point at the same x; a drag zooms, a double click or F frames; zoom stays while
// points come. The readout names at most five lines. Out of sight nothing is drawn.
import { type KeyboardEvent, memo, type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { csvOf, dashOf, fileStem, svgOf, toneName } from '../app/chartFiles.ts';
import type { DrawnChart, DrawnLine, Tone } from '../app/curves.ts';
import { saveFile } from '../app/download.ts';
import { compact, hasNoLogarithm, nearest, seconds, type Unit, valueAt } from '../app/picture.ts';
import { lab } from '../app/theLab.ts';
import { view } from '../app/theView.ts';
import { drawNoMore, drawSoon, makeMeasured } from './drawing.ts';
import { hoverOf, onHover, setHover, useHover } from './hover.ts';
import { decimal, plain } from './numbers.ts';
import { Plot, type PlotSettings } from './plot.ts';

interface ChartProps {
  title: string;
  /** What x counts. */
  xLabel: string;
  unit: Unit;
  data: DrawnChart;
  smoothing?: number;
  /** Charts of one axis share it by name: their cursors move together. */
  axis: string;
  /** Fixed range of y; measured when absent. */
  range?: readonly [number, number] | undefined;
  /** What stands there while there is no point. */
  empty: string;
  /** Stands at the right of the title. */
  control?: ReactNode;
  logX?: boolean;
  logY?: boolean;
  /** Kept by the page where they are given, else by the chart. */
  zoom?: readonly [number, number] | null;
  onZoom?: (range: readonly [number, number] | null) => void;
  /** Whether lines are named below the title; elsewhere when not. */
  legend?: boolean;
}

const MAX_READOUT = 5;

export const Chart = memo(function Chart(props: ChartProps) {
  const { title, xLabel, unit, data, smoothing = 0, axis, range, empty, control, logX = false, logY = false, legend = true } = props;
  const [ownZoom, setOwnZoom] = useState<readonly [number, number] | null>(null);
  const zoom = props.zoom === undefined ? ownZoom : props.zoom;
  const onZoom = props.onZoom ?? setOwnZoom;
  useEffect(() => view.onFrame(() => setOwnZoom(null)), []);
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const stale = useRef(false);
  const scheme = useColourScheme();
  const settings: PlotSettings = { xLabel, unit, smoothing, logX, logY, range, zoom };
  const latest = useRef({ data, settings, onZoom });
  latest.current = { data, settings, onZoom };
  const isEmpty = data.lines.every(({ length }) => length === 0);
  const structure = `${isEmpty} ${logX} ${logY} ${unit} ${xLabel} ${scheme} ${axis}`;

  // before the page is drawn: with its plots it is drawn once
  // biome-ignore lint/correctness/useExhaustiveDependencies: structure stands for what the plot is built from
  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return;
    const self = {};
    makeMeasured(self, element, (size) => {
      const { data, settings } = latest.current;
      plot.current = new Plot(element, size, data, settings, {
        onHover: (at) => {
          if (at) setHover({ axis, chart: self, ...at });
          else if (hoverOf(axis)?.chart === self) setHover(null);
        },
        onZoom: (to) => latest.current.onZoom(to),
      });
    });
    let isSeen = true;
    const resized = new ResizeObserver(() => plot.current?.resize());
    resized.observe(element);
    const seen = new IntersectionObserver(([entry]) => {
      isSeen = entry!.isIntersecting;
      if (isSeen && stale.current) {
        stale.current = false;
        plot.current?.show(latest.current.data, latest.current.settings);
      }
      element.dataset.seen = String(isSeen);
    });
    seen.observe(element);
    const stopHearing = onHover(() => {
      const hover = hoverOf(axis);
      if (isSeen && hover?.chart !== self) plot.current?.point(hover?.x ?? null);
    });
    return () => {
      stopHearing();
      seen.disconnect();
      resized.disconnect();
      drawNoMore(self);
      if (plot.current) {
        drawNoMore(plot.current);
        plot.current.destroy();
        plot.current = null;
      }
      if (hoverOf(axis)?.chart === self) setHover(null);
    };
  }, [structure]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: settings is made anew each time; its fields are listed
  useEffect(() => {
    if (host.current?.dataset.seen === 'false') stale.current = true;
    else if (plot.current) {
      const made = plot.current;
      drawSoon(made, () => made.show(latest.current.data, latest.current.settings));
    }
  }, [data, smoothing, zoom?.[0], zoom?.[1], range?.[0], range?.[1]]);

  const written = unit === 'number' ? plain : decimal;
  const named = data.lines.filter(({ faint }) => !faint);
  const summary = named.map((line) => `${line.label} ${written(valueAt(line, smoothing, null))}`).join(', ');
  return (
    <figure className="chart">
      <figcaption>
        <h3>{title}</h3>
        {control}
        {isEmpty ? null : <ChartFiles title={title} data={data} settings={settings} host={host} plot={plot} />}
        {(logX || logY) && hasNoLogarithm(data, logX, logY) ? (
          <p className="left-out">0 and less have no place on a logarithmic axis.</p>
        ) : null}
        {legend ? <Legend lines={named} smoothing={smoothing} axis={axis} written={written} /> : null}
      </figcaption>
      {isEmpty ? (
        <div className="plot plot-empty">
          <p className="empty">{empty}</p>
        </div>
      ) : (
        <div className="plot">
          <div className="plot-host" role="img" aria-label={`${title} over ${xLabel}: ${summary}`} ref={host} />
          <Readout lines={named} smoothing={smoothing} axis={axis} unit={unit} written={written} host={host} plot={plot} />
        </div>
      )}
    </figure>
  );
});

export function Swatch({ tone, dash, mark }: Pick<DrawnLine, 'tone' | 'dash' | 'mark'>) {
  return (
    <svg width="16" height="8" aria-hidden="true" className={toneName(tone)}>
      {mark === 'points' ? (
        <circle cx="8" cy="4" r="3" />
      ) : (
        <line
          x1="0"
          x2="16"
          y1="4"
          y2="4"
          strokeDasharray={dashOf({ tone, ...(dash === undefined ? {} : { dash }) }).join(' ') || undefined}
        />
      )}
    </svg>
  );
}

type Written = (value: number | null) => string;

function Legend({ lines, smoothing, axis, written }: { lines: readonly DrawnLine[]; smoothing: number; axis: string; written: Written }) {
  const x = useHover(axis)?.x ?? null;
  return (
    <ul className="legend">
      {lines.map((line) => (
        <li key={line.label}>
          <Swatch {...line} />
          <span className={toneName(line.tone)}>{line.label}</span> <span className="num">{written(valueAt(line, smoothing, x))}</span>
        </li>
      ))}
    </ul>
  );
}

interface ReadoutProps {
  lines: readonly DrawnLine[];
  smoothing: number;
  axis: string;
  unit: Unit;
  written: Written;
  host: RefObject<HTMLDivElement | null>;
  plot: RefObject<Plot | null>;
}

/** The values nearest to the pointer, beside it, in the chart that it is in. */
function Readout({ lines, smoothing, axis, unit, written, host, plot }: ReadoutProps) {
  const hover = useHover(axis);
  const element = host.current;
  if (!hover || !element?.matches(':hover') || !plot.current) return null;
  const { x, y } = hover;
  const rows = nearest(lines, smoothing, x, y, MAX_READOUT);
  if (rows.length === 0) return null;
  const left = plot.current.placeOf(x);
  const isRight = left > element.clientWidth / 2;
  return (
    <div className="readout" style={isRight ? { right: element.clientWidth - left + 12 } : { left: left + 12 }} aria-hidden="true">
      <p className="num">{unit === 'time' ? seconds(x) : unit === 'step' ? String(Math.round(x)) : compact(x)}</p>
      <ul>
        {rows.map(({ line, value }) => (
          <li key={line.label}>
            <Swatch {...line} />
            <span>{line.label}</span>
            <span className="num">{written(value)}</span>
            {smoothing > 0 && !line.track.low ? <span className="num raw">{written(valueAt(line, 0, x))}</span> : null}
          </li>
        ))}
      </ul>
      {lines.length > rows.length ? <p>{lines.length - rows.length} more</p> : null}
    </div>
  );
}

interface ChartFilesProps {
  title: string;
  data: DrawnChart;
  settings: PlotSettings;
  host: RefObject<HTMLDivElement | null>;
  plot: RefObject<Plot | null>;
}

function ChartFiles({ title, data, settings, host, plot }: ChartFilesProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const save = (make: () => void) => () => {
    if (menu.current) menu.current.open = false;
    make();
  };
  const stem = fileStem(title);
  const asSvg = () => {
    const text = svgOf(data, { ...settings, title, colorOf: (tone) => lightColour(host.current!, tone) });
    if (text) saveFile(`${stem}.svg`, text, 'image/svg+xml');
  };
  const asPng = () => {
    plot.current?.show(data, settings);
    // the plot draws itself at the end of the task
    setTimeout(() => {
      if (plot.current && host.current) picture(title, data, plot.current, host.current).toBlob((blob) => void savePng(stem, blob));
    });
  };
  return (
    <details className="chart-files" ref={menu} onKeyDown={closeOnEscape}>
      <summary aria-label={`Save ${title}`} title="Save as PNG, SVG or CSV">
        ⤓
      </summary>
      <div>
        <button type="button" onClick={save(asPng)}>
          PNG
        </button>
        <button type="button" onClick={save(asSvg)}>
          SVG
        </button>
        <button type="button" onClick={save(() => saveFile(`${stem}.csv`, csvOf(settings.xLabel, data), 'text/csv'))}>
          CSV
        </button>
      </div>
    </details>
  );
}

export function closeOnEscape(event: KeyboardEvent<HTMLDetailsElement>): void {
  if (event.key === 'Escape') event.currentTarget.open = false;
}

async function savePng(stem: string, blob: Blob | null): Promise<void> {
  if (!blob) {
    lab.fail(`The browser made no picture of ${stem}: the chart is too large for one. Make the window smaller, or save it as SVG.`);
    return;
  }
  saveFile(`${stem}.png`, new Uint8Array(await blob.arrayBuffer()), 'image/png');
}

/** The plot under its title and legend, on paper. */
function picture(title: string, { lines }: DrawnChart, plot: Plot, host: HTMLElement): HTMLCanvasElement {
  const ratio = devicePixelRatio;
  const style = getComputedStyle(host);
  const ink = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const canvas = document.createElement('canvas');
  const head = 52 * ratio;
  canvas.width = plot.canvas.width + 16 * ratio;
  canvas.height = plot.canvas.height + head + 8 * ratio;
  const ctx = canvas.getContext('2d')!;
  ctx.fillStyle = ink('paper');
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = ink('ink');
  ctx.font = `600 ${14 * ratio}px ${style.fontFamily}`;
  ctx.fillText(title, 12 * ratio, 22 * ratio);
  ctx.font = `${12 * ratio}px ${style.fontFamily}`;
  ctx.lineWidth = 2 * ratio;
  let left = 12 * ratio;
  for (const line of lines.filter(({ faint }) => !faint)) {
    ctx.strokeStyle = ink(toneName(line.tone));
    ctx.setLineDash(dashOf(line).map((length) => length * ratio));
    ctx.beginPath();
    ctx.moveTo(left, 40 * ratio);
    ctx.lineTo(left + 20 * ratio, 40 * ratio);
    ctx.stroke();
    ctx.fillText(line.label, left + 26 * ratio, 44 * ratio);
    left += 26 * ratio + ctx.measureText(line.label).width + 20 * ratio;
  }
  ctx.drawImage(plot.canvas, 8 * ratio, head);
  return canvas;
}

/** A tone as it is on light paper, whatever the page's scheme: figures bring their own paper. */
function lightColour(host: HTMLElement, tone: Tone): string {
  const light = document.createElement('div');
  light.className = 'light-colours';
  host.append(light);
  const colour = getComputedStyle(light)
    .getPropertyValue(`--${toneName(tone)}`)
    .trim();
  light.remove();
  return colour;
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
