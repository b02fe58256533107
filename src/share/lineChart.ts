// A small line chart as a standalone SVG text: mean lines with bands over seeds or error bars, scattered points, dividers. Pure; the same data gives the
// same bytes. Refuses an empty chart. Readable on light and dark pages: it brings its own background.

export interface ChartSeries {
  label: string;
  color: string;
  /** As in stroke-dasharray; '' = solid. */
  dash: string;
  x: readonly number[];
  /** null = a gap. */
  mean: readonly (number | null)[];
  lo?: readonly (number | null)[];
  hi?: readonly (number | null)[];
  /** line: a line in the band from lo to hi (when left out); intervals: a line with a dot and an error bar at each point; dots: dots alone. */
  as?: 'line' | 'intervals' | 'dots';
  /** Pale and thin, without a place in the legend. */
  faint?: boolean;
  /** Where values were not finite: a cross at the bottom. */
  gaps?: readonly number[];
}

export interface Tick {
  at: number;
  label: string;
}

export interface ChartSpec {
  title: string;
  xLabel: string;
  yLabel: string;
  yRange: readonly [number, number];
  /** Measured when absent; points beyond it are left out. */
  xRange?: readonly [number, number];
  series: readonly ChartSeries[];
  /** Vertical hairlines with a word at their top. */
  dividers?: readonly { x: number; label: string }[];
  /** Ticks of an axis in place of round numbers. */
  xTicks?: readonly Tick[];
  yTicks?: readonly Tick[];
}

const WIDTH = 640;
const HEIGHT = 300;
/** The plot's margins; the legend's further rows are added to the top. */
const PLOT = { left: 56, right: 16, top: 56, bottom: 44 };
const LEGEND_ROW = 18;
const INK = '#1b1b19';
const PALE = '#5c5b56';
const HAIRLINE = '#e2e1dc';

/** For text and attribute values; control characters, which XML has no form for, are left out. */
export function escapeXml(text: string): string {
  const allowed = [...text].filter((c) => c >= ' ' || c === '\n' || c === '\t').join('');
  return allowed.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;').replace(/'/g, '&#39;');
}

/** Round steps, about `wanted` of them, that cover [lo, hi]. */
export function ticks(lo: number, hi: number, wanted: number): number[] {
  const rough = (hi - lo) / wanted;
  if (!(rough > 0)) return [lo];
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((s) => s * decade >= rough * 0.999) ?? 10) * decade;
  const out: number[] = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}

export function lineChart({ title, xLabel, yLabel, yRange, xRange, series, dividers = [], xTicks, yTicks }: ChartSpec): string {
  const xs = [...series.flatMap((s) => [...s.x]), ...(xTicks ?? []).map((t) => t.at)];
  if (!series.some((s) => s.x.length > 0)) throw new RangeError(`"${title}" has no points to draw.`);
  const legend = legendOf(series.filter((s) => !s.faint));
  const top = PLOT.top + LEGEND_ROW * legend.extraRows;
  const height = HEIGHT + LEGEND_ROW * legend.extraRows;
  const [x0, x1] = xRange ?? [least(xs), -least(xs.map((x) => -x))];
  const [y0, y1] = yRange;
  const px = (x: number): string => (PLOT.left + ((x - x0) / (x1 - x0 || 1)) * (WIDTH - PLOT.left - PLOT.right)).toFixed(1);
  const py = (y: number): string =>
    (height - PLOT.bottom - ((Math.min(y1, Math.max(y0, y)) - y0) / (y1 - y0)) * (height - top - PLOT.bottom)).toFixed(1);
  const right = WIDTH - PLOT.right;
  const bottom = height - PLOT.bottom;
  const parts: string[] = [];
  for (const { at, label } of yTicks ?? ticks(y0, y1, 5).map(roundTick)) {
    parts.push(`<line x1="${PLOT.left}" x2="${right}" y1="${py(at)}" y2="${py(at)}" stroke="${HAIRLINE}"/>`);
    parts.push(text(PLOT.left - 8, Number(py(at)) + 4, label, `fill="${PALE}" text-anchor="end"`));
  }
  for (const { at, label } of xTicks ?? ticks(x0, x1, 8).map(roundTick))
    parts.push(text(px(at), bottom + 18, label, `fill="${PALE}" text-anchor="middle"`));
  for (const { x, label } of dividers) {
    parts.push(`<line x1="${px(x)}" x2="${px(x)}" y1="${top}" y2="${bottom}" stroke="${PALE}" stroke-dasharray="2 3"/>`);
    parts.push(text(Number(px(x)) + 4, top + 12, label, `fill="${PALE}"`));
  }
  for (const s of series) {
    parts.push(...drawSeries(s, (x) => x >= x0 && x <= x1, px, py));
    for (const x of s.gaps ?? []) if (x >= x0 && x <= x1) parts.push(crossAt(Number(px(x)), bottom - 5, s.color));
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(title)}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fcfcfa"/>`,
    text(PLOT.left, 22, title, `fill="${INK}" font-size="14" font-weight="600"`),
    ...legend.parts,
    ...parts,
    text((PLOT.left + right) / 2, height - 8, xLabel, `fill="${INK}" text-anchor="middle"`),
    text(0, 0, yLabel, `fill="${INK}" text-anchor="middle" transform="translate(14 ${(top + bottom) / 2}) rotate(-90)"`),
    '</svg>',
    '',
  ].join('\n');
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}

function crossAt(x: number, y: number, color: string): string {
  const [l, r, t, b] = [x - 3, x + 3, y - 3, y + 3].map((v) => v.toFixed(1));
  return `<path d="M${l} ${t}L${r} ${b}M${l} ${b}L${r} ${t}" stroke="${color}" stroke-width="1.5"><title>not a number</title></path>`;
}

const roundTick = (at: number): Tick => ({ at, label: String(at) });

function text(x: number | string, y: number | string, content: string, more = ''): string {
  return `<text x="${x}" y="${y}" ${more}>${escapeXml(content)}</text>`;
}

/** A stroke (or a dot) and a word for each series, in as many rows as it takes. */
function legendOf(series: readonly ChartSeries[]): { parts: string[]; extraRows: number } {
  const parts: string[] = [];
  let at = PLOT.left;
  let extraRows = 0;
  for (const s of series) {
    const width = 46 + 7 * s.label.length;
    if (at > PLOT.left && at + width > WIDTH) {
      at = PLOT.left;
      extraRows += 1;
    }
    const y = 40 + LEGEND_ROW * extraRows;
    parts.push(
      s.as === 'dots'
        ? `<circle cx="${at + 10}" cy="${y}" r="3.5" fill="${s.color}"/>`
        : `<line x1="${at}" x2="${at + 20}" y1="${y}" y2="${y}" stroke="${s.color}" stroke-width="2" stroke-dasharray="${s.dash}"/>`,
      text(at + 26, y + 4, s.label, `fill="${INK}"`),
    );
    at += width;
  }
  return { parts, extraRows };
}

function drawSeries(s: ChartSeries, isInside: (x: number) => boolean, px: (x: number) => string, py: (y: number) => string): string[] {
  const { lo, hi, as = 'line', faint = false } = s;
  const shown = s.mean.map((v, i) => (isInside(s.x[i]!) ? v : null));
  const parts: string[] = [];
  for (const run of unbroken(shown)) {
    if (as === 'line' && lo && hi && run.length > 1) {
      const upper = run.map((i) => `${px(s.x[i]!)},${py(hi[i] ?? s.mean[i]!)}`);
      const lower = run.map((i) => `${px(s.x[i]!)},${py(lo[i] ?? s.mean[i]!)}`).reverse();
      parts.push(`<polygon points="${[...upper, ...lower].join(' ')}" fill="${s.color}" fill-opacity="0.16"/>`);
    }
    const points = run.map((i) => `${px(s.x[i]!)},${py(s.mean[i]!)}`).join(' ');
    if (as !== 'dots' && run.length > 1)
      parts.push(
        `<polyline points="${points}" fill="none" stroke="${s.color}" ${faint ? 'stroke-width="1" stroke-opacity="0.35"' : 'stroke-width="2"'} stroke-dasharray="${s.dash}"/>`,
      );
    for (const i of faint ? [] : as === 'line' && run.length > 1 ? [] : run) {
      const [x, y] = [px(s.x[i]!), py(s.mean[i]!)];
      if (as === 'intervals' && lo?.[i] != null && hi?.[i] != null)
        parts.push(`<line x1="${x}" x2="${x}" y1="${py(lo[i])}" y2="${py(hi[i])}" stroke="${s.color}" stroke-width="1.5"/>`);
      parts.push(`<circle cx="${x}" cy="${y}" r="${as === 'line' ? 2.5 : 3.5}" fill="${s.color}"/>`);
    }
  }
  return parts;
}

/** Indices of the values in runs without a gap. */
function unbroken(values: readonly (number | null)[]): number[][] {
  const runs: number[][] = [];
  let open: number[] = [];
  values.forEach((v, i) => {
    if (v !== null) open.push(i);
    else if (open.length > 0) {
      runs.push(open);
      open = [];
    }
  });
  if (open.length > 0) runs.push(open);
  return runs;
}
