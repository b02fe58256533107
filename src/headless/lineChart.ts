// A small line chart as a standalone SVG text: mean lines, bands over seeds, dividers. Pure; the same data gives the same bytes.
// Refuses an empty chart. Readable on light and dark pages: it brings its own background.

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
}

export interface ChartSpec {
  title: string;
  xLabel: string;
  yLabel: string;
  yRange: readonly [number, number];
  series: readonly ChartSeries[];
  /** Vertical hairlines with a word at their top. */
  dividers?: readonly { x: number; label: string }[];
}

const WIDTH = 640;
const HEIGHT = 300;
const PLOT = { left: 56, right: 16, top: 56, bottom: 44 };
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

export function lineChart({ title, xLabel, yLabel, yRange, series, dividers = [] }: ChartSpec): string {
  const xs = series.flatMap((s) => [...s.x]);
  if (xs.length === 0) throw new RangeError(`"${title}" has no points to draw.`);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const [y0, y1] = yRange;
  const px = (x: number): string => (PLOT.left + ((x - x0) / (x1 - x0 || 1)) * (WIDTH - PLOT.left - PLOT.right)).toFixed(1);
  const py = (y: number): string =>
    (HEIGHT - PLOT.bottom - ((Math.min(y1, Math.max(y0, y)) - y0) / (y1 - y0)) * (HEIGHT - PLOT.top - PLOT.bottom)).toFixed(1);
  const right = WIDTH - PLOT.right;
  const bottom = HEIGHT - PLOT.bottom;
  const text = (x: number | string, y: number | string, content: string, more = ''): string =>
    `<text x="${x}" y="${y}" ${more}>${escapeXml(content)}</text>`;
  const parts: string[] = [];
  for (const y of ticks(y0, y1, 5)) {
    parts.push(`<line x1="${PLOT.left}" x2="${right}" y1="${py(y)}" y2="${py(y)}" stroke="${HAIRLINE}"/>`);
    parts.push(text(PLOT.left - 8, Number(py(y)) + 4, String(y), `fill="${PALE}" text-anchor="end"`));
  }
  for (const x of ticks(x0, x1, 8)) parts.push(text(px(x), bottom + 18, String(x), `fill="${PALE}" text-anchor="middle"`));
  for (const { x, label } of dividers) {
    parts.push(`<line x1="${px(x)}" x2="${px(x)}" y1="${PLOT.top}" y2="${bottom}" stroke="${PALE}" stroke-dasharray="2 3"/>`);
    parts.push(text(Number(px(x)) + 4, PLOT.top + 12, label, `fill="${PALE}"`));
  }
  for (const s of series) parts.push(...drawSeries(s, px, py));
  let at = PLOT.left;
  for (const s of series) {
    parts.push(`<line x1="${at}" x2="${at + 20}" y1="40" y2="40" stroke="${s.color}" stroke-width="2" stroke-dasharray="${s.dash}"/>`);
    parts.push(text(at + 26, 44, s.label, `fill="${INK}"`));
    at += 46 + 7 * s.label.length;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escapeXml(title)}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fcfcfa"/>`,
    text(PLOT.left, 22, title, `fill="${INK}" font-size="14" font-weight="600"`),
    ...parts,
    text((PLOT.left + right) / 2, HEIGHT - 8, xLabel, `fill="${INK}" text-anchor="middle"`),
    text(0, 0, yLabel, `fill="${INK}" text-anchor="middle" transform="translate(14 ${(PLOT.top + bottom) / 2}) rotate(-90)"`),
    '</svg>',
    '',
  ].join('\n');
}

function drawSeries(s: ChartSeries, px: (x: number) => string, py: (y: number) => string): string[] {
  const parts: string[] = [];
  for (const run of unbroken(s.mean)) {
    const { lo, hi } = s;
    if (lo && hi && run.length > 1) {
      const upper = run.map((i) => `${px(s.x[i]!)},${py(hi[i] ?? s.mean[i]!)}`);
      const lower = run.map((i) => `${px(s.x[i]!)},${py(lo[i] ?? s.mean[i]!)}`).reverse();
      parts.push(`<polygon points="${[...upper, ...lower].join(' ')}" fill="${s.color}" fill-opacity="0.16"/>`);
    }
    const points = run.map((i) => `${px(s.x[i]!)},${py(s.mean[i]!)}`).join(' ');
    parts.push(
      run.length > 1
        ? `<polyline points="${points}" fill="none" stroke="${s.color}" stroke-width="2" stroke-dasharray="${s.dash}"/>`
        : `<circle cx="${points.split(',')[0]}" cy="${points.split(',')[1]}" r="2.5" fill="${s.color}"/>`,
    );
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
