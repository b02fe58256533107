// One chart on a canvas; the only file that names uPlot, which gives axes, cursor and selection. Lines are drawn here, from pictures that are as thin as the
// canvas is wide: raw lines faint under their smoothed ones, gaps as gaps with a cross below, intervals as bars at points and bands around lines.
// Colours and fonts come from the page's CSS variables.
import './readableLanguage.ts';
import uPlot from 'uplot';
import { dashOf, toneName } from '../app/chartFiles.ts';
import type { DrawnChart } from '../app/curves.ts';
import type { Size } from './drawing.ts';
import { type Picture, pictureOf, type PictureOptions, samePicture, type Stroke, ticksOf } from '../app/picture.ts';

export interface PlotSettings extends Omit<PictureOptions, 'columns'> {
  xLabel: string;
}

export interface PlotEvents {
  /** The cursor's place in x and y, null when it has left. */
  onHover(at: { x: number; y: number } | null): void;
  onZoom(range: readonly [number, number] | null): void;
}

/** Least width of a selection that zooms, in pixels. */
const DRAGGED = 6;
const HEADROOM = 16;

export class Plot {
  private readonly u: uPlot;
  private readonly element: HTMLElement;
  /** Known, so that a redraw asks for no layout. */
  private width: number;
  private data: DrawnChart;
  private settings: PlotSettings;
  private picture: Picture | null = null;
  /** Strokes that were painted last, and at which scales. */
  private painted: { scales: string; strokes: ReadonlySet<Stroke> } = { scales: '', strokes: new Set() };
  /** A picture of those that have stayed: while one line grows, the others are copied. */
  private still: { scales: string; strokes: readonly Stroke[]; canvas: OffscreenCanvas } | null = null;
  private readonly colour: (name: string) => string;
  private readonly font: string;

  constructor(element: HTMLElement, size: Size, data: DrawnChart, settings: PlotSettings, events: PlotEvents) {
    this.element = element;
    this.width = size.width;
    this.data = data;
    this.settings = settings;
    const style = getComputedStyle(element);
    const colours = new Map<string, string>();
    this.colour = (name) => {
      const known = colours.get(name) ?? style.getPropertyValue(`--${name}`).trim();
      colours.set(name, known);
      return known;
    };
    this.font = `11px ${style.fontFamily}`;
    this.draw();
    this.u = new uPlot(this.options(events, size), this.frame(), element);
    this.u.over.addEventListener('dblclick', () => events.onZoom(null));
  }

  show(data: DrawnChart, settings: PlotSettings): void {
    this.data = data;
    this.settings = settings;
    const before = this.picture;
    this.draw();
    if (!before || !this.picture || !samePicture(before, this.picture)) this.u.setData(this.frame());
  }

  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || (width === this.u.width && height === this.u.height)) return;
    this.width = width;
    this.draw();
    this.u.setSize({ width, height });
  }

  /** Puts the cursor's line at x, or takes it away. */
  point(x: number | null): void {
    const { u, picture } = this;
    const [from, to] = picture?.x ?? [0, 0];
    const left = x === null || x < from || x > to ? -10 : u.valToPos(x, 'x');
    if (Math.abs((u.cursor.left ?? -10) - left) > 0.5) u.setCursor({ left, top: left < 0 ? -10 : 0 }, false);
  }

  /** Where x lies from the left edge of the element, in pixels. */
  placeOf(x: number): number {
    return this.u.valToPos(x, 'x') + this.u.bbox.left / devicePixelRatio;
  }

  /** What is drawn, as it is drawn. */
  get canvas(): HTMLCanvasElement {
    return this.u.ctx.canvas;
  }

  destroy(): void {
    this.u.destroy();
  }

  private draw(): void {
    this.picture = pictureOf(this.data, { ...this.settings, columns: Math.max(1, this.width - 52) }, this.picture);
  }

  /** uPlot needs points; ours are drawn by ourselves. */
  private frame(): uPlot.AlignedData {
    return [[...(this.picture?.x ?? [0, 1])], [null, null]];
  }

  private options({ onHover, onZoom }: PlotEvents, size: Size): uPlot.Options {
    const { colour, font, settings } = this;
    const { logX, logY, xLabel, unit } = settings;
    const quiet = { stroke: colour('ink-2'), font, ticks: { show: false } };
    const grid = { stroke: colour('hairline'), width: 1 };
    const x = (): [number, number] => [...(this.picture?.x ?? [0, 1])] as [number, number];
    const y = (): [number, number] => [...(this.picture?.y ?? [0, 1])] as [number, number];
    const wanted = (pixels: number, each: number): number => Math.max(2, Math.floor(pixels / devicePixelRatio / each));
    const xTicks = (u: uPlot) => ticksOf(x(), wanted(u.bbox.width, 56), logX, unit);
    const yTicks = (u: uPlot) => ticksOf(y(), wanted(u.bbox.height, 32), logY, 'number');
    return {
      width: Math.max(1, size.width),
      height: Math.max(1, size.height),
      padding: [HEADROOM, 14, 0, 0],
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: true, y: false, setScale: false }, y: false },
      scales: {
        x: { time: false, ...(logX ? { distr: 3 as const } : {}), range: x },
        y: { ...(logY ? { distr: 3 as const } : {}), range: y },
      },
      axes: [
        {
          ...quiet,
          size: 20,
          gap: 4,
          grid: { show: false },
          splits: (u) => xTicks(u).map(({ at }) => at),
          filter: (_, splits) => splits,
          values: (u) => xTicks(u).map(({ label }) => label),
          label: xLabel,
          labelSize: 16,
          labelGap: 0,
          labelFont: font,
        },
        {
          ...quiet,
          grid,
          size: 44,
          gap: 4,
          splits: (u) => yTicks(u).map(({ at }) => at),
          filter: (_, splits) => splits,
          values: (u) => yTicks(u).map(({ label }) => label),
        },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        setCursor: [
          (u) => {
            const { left = -10, top = -10 } = u.cursor;
            onHover(left < 0 ? null : { x: u.posToVal(left, 'x'), y: u.posToVal(top, 'y') });
          },
        ],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width >= DRAGGED) onZoom([u.posToVal(left, 'x'), u.posToVal(left + width, 'x')]);
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
        draw: [(u) => this.paint(u)],
      },
    };
  }

  private paint(u: uPlot): void {
    const { picture } = this;
    if (!picture) return;
    const { ctx, bbox } = u;
    const { logX, logY } = this.settings;
    const along = placing(picture.x, bbox.left, bbox.left + bbox.width, logX);
    const up = placing(picture.y, bbox.top + bbox.height, bbox.top, logY);
    ctx.save();
    this.paintDividers(ctx, picture, bbox, along);
    ctx.restore();
    const { width, height } = ctx.canvas;
    const scales = [...picture.x, ...picture.y, logX, logY, bbox.left, bbox.top, bbox.width, bbox.height, width, height].join(' ');
    const { strokes } = picture;
    const still = scales === this.painted.scales ? strokes.filter((stroke) => this.painted.strokes.has(stroke)) : [];
    this.painted = { scales, strokes: new Set(strokes) };
    if (still.length === 0) this.still = null;
    else {
      const isKept =
        this.still?.scales === scales && this.still.strokes.length === still.length && still.every((s, i) => s === this.still!.strokes[i]);
      if (!this.still || !isKept) {
        const canvas = new OffscreenCanvas(width, height);
        this.paintStrokes(canvas.getContext('2d')!, still, bbox, along, up);
        this.still = { scales, strokes: still, canvas };
      }
      ctx.drawImage(this.still.canvas, 0, 0);
    }
    this.paintStrokes(ctx, still.length === 0 ? strokes : strokes.filter((stroke) => !still.includes(stroke)), bbox, along, up);
  }

  private paintStrokes(ctx: Context, strokes: readonly Stroke[], bbox: uPlot.BBox, along: Place, up: Place): void {
    ctx.save();
    ctx.beginPath();
    // room for the marks at the very edge
    const [wide, high] = [4 * devicePixelRatio, devicePixelRatio];
    ctx.rect(bbox.left - wide, bbox.top - high, bbox.width + 2 * wide, bbox.height + 2 * high);
    ctx.clip();
    ctx.lineJoin = 'bevel';
    for (const stroke of strokes) {
      const ink = this.colour(toneName(stroke.line.tone));
      ctx.strokeStyle = ink;
      ctx.fillStyle = ink;
      paintStroke(ctx, stroke, along, up, bbox.top + bbox.height);
    }
    ctx.restore();
  }

  private paintDividers(ctx: CanvasRenderingContext2D, { dividers }: Picture, bbox: uPlot.BBox, along: (x: number) => number): void {
    const ratio = devicePixelRatio;
    ctx.strokeStyle = this.colour('ink-3');
    ctx.fillStyle = this.colour('ink-3');
    ctx.lineWidth = ratio;
    ctx.font = this.font.replace(/^(\d+)px/, (_, px: string) => `${Number(px) * ratio}px`);
    ctx.textAlign = 'left';
    ctx.textBaseline = 'bottom';
    for (const { x, label } of dividers) {
      const left = Math.round(along(x));
      if (!(left >= bbox.left && left <= bbox.left + bbox.width)) continue;
      ctx.beginPath();
      ctx.moveTo(left + 0.5, bbox.top);
      ctx.lineTo(left + 0.5, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(label, left - ratio, bbox.top - 2 * ratio);
    }
  }
}

/** From a range of values to one of pixels. */
function placing([from, to]: readonly [number, number], start: number, end: number, isLog: boolean): (value: number) => number {
  if (!isLog) {
    const scale = (end - start) / (to - from);
    return (value) => start + (value - from) * scale;
  }
  const base = Math.log(from);
  const scale = (end - start) / (Math.log(to) - base);
  return (value) => start + (Math.log(value) - base) * scale;
}

type Place = (value: number) => number;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

function paintStroke(ctx: Context, { line, raw, smooth, band }: Stroke, along: Place, up: Place, bottom: number): void {
  const ratio = devicePixelRatio;
  const { mark = 'line' } = line;
  const dash = dashOf(line).map((length) => length * ratio);
  if (band && mark === 'line') {
    ctx.globalAlpha = 0.14;
    ctx.beginPath();
    for (const [from, to] of wholeStretches(band.low)) {
      for (let i = from; i < to; i++) ctx.lineTo(along(band.x[i]!), up(band.high[i]!));
      for (let i = to - 1; i >= from; i--) ctx.lineTo(along(band.x[i]!), up(band.low[i]!));
      ctx.closePath();
    }
    ctx.fill();
    ctx.globalAlpha = 1;
  }
  if (mark !== 'points') {
    const isFaint = line.faint || smooth !== null;
    ctx.setLineDash(isFaint ? [] : dash);
    ctx.lineWidth = (isFaint ? 1 : 1.75) * ratio;
    ctx.globalAlpha = isFaint ? 0.28 : 1;
    trace(ctx, raw, along, up);
    ctx.globalAlpha = 1;
    if (smooth) {
      ctx.setLineDash(dash);
      ctx.lineWidth = 1.75 * ratio;
      trace(ctx, smooth, along, up);
    }
    ctx.setLineDash([]);
  }
  if (mark !== 'line' || raw.x.length === 1) paintPoints(ctx, band ?? raw, band, along, up);
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  for (const x of raw.gaps) {
    const [left, top, arm] = [along(x), bottom - 5 * ratio, 3 * ratio];
    ctx.moveTo(left - arm, top - arm);
    ctx.lineTo(left + arm, top + arm);
    ctx.moveTo(left - arm, top + arm);
    ctx.lineTo(left + arm, top - arm);
  }
  ctx.stroke();
}

function trace(ctx: Context, { x, y }: { x: readonly number[]; y: readonly number[] }, along: Place, up: Place): void {
  ctx.beginPath();
  let isDown = false;
  for (let i = 0; i < x.length; i++) {
    const value = y[i]!;
    if (Number.isNaN(value)) isDown = false;
    else if (isDown) ctx.lineTo(along(x[i]!), up(value));
    else {
      ctx.moveTo(along(x[i]!), up(value));
      isDown = true;
    }
  }
  ctx.stroke();
}

function paintPoints(
  ctx: Context,
  { x, y }: { x: readonly number[]; y: readonly number[] },
  bars: Stroke['band'],
  along: Place,
  up: Place,
): void {
  const ratio = devicePixelRatio;
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  for (let i = 0; i < x.length; i++) {
    if (!bars || Number.isNaN(bars.low[i]!)) continue;
    ctx.moveTo(along(x[i]!), up(bars.low[i]!));
    ctx.lineTo(along(x[i]!), up(bars.high[i]!));
  }
  ctx.stroke();
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(y[i]!)) continue;
    ctx.beginPath();
    ctx.arc(along(x[i]!), up(y[i]!), 3 * ratio, 0, 2 * Math.PI);
    ctx.fill();
  }
}

/** Stretches [from, to) without NaN. */
function wholeStretches(values: readonly number[]): [number, number][] {
  const stretches: [number, number][] = [];
  let from = -1;
  for (let i = 0; i <= values.length; i++) {
    const isValue = i < values.length && !Number.isNaN(values[i]!);
    if (isValue && from < 0) from = i;
    if (!isValue && from >= 0) {
      stretches.push([from, i]);
      from = -1;
    }
  }
  return stretches;
}
