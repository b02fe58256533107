// What the report's figures have in common: the arms' colours, curves over seeds as bands, names of files. Pure. Refuses nothing.
import type { Arm } from '../../run/recipe.ts';
import { tInterval } from '../../evaluate/tInterval.ts';
import { type ChartSeries, type ChartSpec, lineChart } from '../../share/lineChart.ts';
import type { Point } from './metric.ts';
import { mean } from './numbers.ts';

export const TONE: Record<Arm, { color: string; dash: string }> = {
  base: { color: '#6b6963', dash: '2 2' },
  ntp: { color: '#b1500f', dash: '6 3' },
  ra3: { color: '#2a55c8', dash: '' },
  'ntp-compute': { color: '#8a6d1f', dash: '8 2 2 2' },
  oracle: { color: '#1f7a4d', dash: '4 2' },
  shuffled: { color: '#8c3f8f', dash: '1 3' },
  comments: { color: '#0e7490', dash: '10 4' },
};
/** For series that are no arms, in this order, over again where there are more. */
export const COLORS = ['#2a55c8', '#b1500f', '#1f7a4d', '#8c3f8f', '#8a6d1f', '#0e7490', '#6b6963'];

/** Draws figures and holds their files: figures/results/<study>-<what>.svg below docs/. */
export class Figures {
  readonly files = new Map<string, string>();

  /** The Markdown that shows the figure. */
  add(study: string, what: string, spec: ChartSpec): string {
    const name = `figures/results/${study}-${what}.svg`;
    this.files.set(name, lineChart(spec));
    return `![${spec.title.replace(/[[\]]/g, '')}](${name})`;
  }
}

/** Mean over the curves at each x that any has, and their lowest and highest. */
export function bandSeries(label: string, tone: { color: string; dash: string }, curves: readonly (readonly Point[])[]): ChartSeries {
  const { x, values } = byX(curves);
  return {
    label,
    ...tone,
    x,
    mean: values.map(mean),
    lo: values.map((v) => Math.min(...v)),
    hi: values.map((v) => Math.max(...v)),
  };
}

/** Mean over the curves at each x that any has, with 95 % t-intervals as error bars; none where one curve alone has the x. */
export function intervalSeries(label: string, tone: { color: string; dash: string }, curves: readonly (readonly Point[])[]): ChartSeries {
  const { x, values } = byX(curves);
  const intervals = values.map((v) => tInterval(v));
  return {
    label,
    ...tone,
    as: 'intervals',
    x,
    mean: intervals.map((i) => i.mean),
    lo: intervals.map((i) => (i.half === null ? null : i.mean - i.half)),
    hi: intervals.map((i) => (i.half === null ? null : i.mean + i.half)),
  };
}

function byX(curves: readonly (readonly Point[])[]): { x: number[]; values: number[][] } {
  const at = new Map<number, number[]>();
  for (const curve of curves) for (const { x, y } of curve) at.set(x, [...(at.get(x) ?? []), y]);
  const x = [...at.keys()].sort((a, b) => a - b);
  return { x, values: x.map((key) => at.get(key)!) };
}

/** A range for an axis that holds the values and 0, in round tenths of its size. */
export function rangeOf(values: readonly number[]): [number, number] {
  const lo = Math.min(0, ...values);
  const hi = Math.max(0, ...values);
  const step = 10 ** Math.floor(Math.log10(hi - lo || 1)) / 2;
  const round = (v: number): number => Number((v * step).toPrecision(6));
  return hi > lo ? [round(Math.floor(lo / step)), round(Math.ceil(hi / step))] : [0, 1];
}
