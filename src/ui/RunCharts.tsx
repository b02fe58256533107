// The charts of runs as small multiples, and the one toolbar that all of them obey: what x counts, logarithms, smoothing, which charts, framing.
import { useCallback, useDeferredValue, useMemo, useRef } from 'react';
import { type DrawnChart, sameChart } from '../app/curves.ts';
import { type ChartKind, chartKind, chartNames, DEFAULT_CHARTS, xLabel } from '../app/runCharts.ts';
import type { RunLog } from '../app/runLog.ts';
import { actions } from '../app/theLab.ts';
import { view } from '../app/theView.ts';
import { MAX_CHARTS, MAX_SMOOTHING, X_KINDS, type XKind } from '../app/viewState.ts';
import { ActionButton } from './ActionButton.tsx';
import { Chart, closeOnEscape } from './Chart.tsx';
import { useView } from './useView.ts';

const X_NAMES: Record<XKind, string> = { step: 'Steps', time: 'Time', tokens: 'Tokens' };

/** The kinds of the charts that are chosen, in the page's order. */
export function useChartKinds(): ChartKind[] {
  const charts = useView((v) => v.charts);
  return useMemo(
    () =>
      (charts ?? DEFAULT_CHARTS).flatMap((name) => {
        const kind = chartKind(name);
        return kind ? [kind] : [];
      }),
    [charts],
  );
}

export function ChartTools({ log }: { log: RunLog }) {
  const x = useView((v) => v.x);
  const logX = useView((v) => v.logX);
  const logY = useView((v) => v.logY);
  const smoothing = useView((v) => v.smoothing);
  const isZoomed = useView((v) => Object.keys(v.zoom).length > 0);
  return (
    <div className="chart-tools" role="toolbar" aria-label="Charts">
      <fieldset className="segmented" aria-label="x counts">
        {X_KINDS.map((kind) => (
          <button key={kind} type="button" aria-pressed={kind === x} onClick={() => view.setX(kind)}>
            {X_NAMES[kind]}
          </button>
        ))}
      </fieldset>
      <label className="check">
        <input type="checkbox" checked={logX} onChange={(e) => view.set({ logX: e.target.checked, zoom: {} })} />
        Log x
      </label>
      <label className="check">
        <input type="checkbox" checked={logY} onChange={(e) => view.set({ logY: e.target.checked })} />
        Log y
      </label>
      <label className="slider">
        Smoothing
        <input
          type="range"
          min="0"
          max={MAX_SMOOTHING}
          step="0.01"
          value={smoothing}
          onChange={(e) => view.set({ smoothing: Number(e.target.value) })}
        />
        <output className="num">{smoothing.toFixed(2)}</output>
      </label>
      {isZoomed ? <ActionButton action={actions.frame} /> : null}
      <ChartChoice log={log} />
    </div>
  );
}

function ChartChoice({ log }: { log: RunLog }) {
  const chosen = useView((v) => v.charts) ?? DEFAULT_CHARTS;
  const names = chartNames([log]);
  const all = [...names, ...chosen.filter((name) => !names.includes(name))];
  const toggle = (name: string) =>
    view.set({
      charts: chosen.includes(name) ? chosen.filter((other) => other !== name) : all.filter((n) => n === name || chosen.includes(n)),
    });
  return (
    <details className="chart-choice" onKeyDown={closeOnEscape}>
      <summary>
        Charts <span className="num">{chosen.length}</span>
      </summary>
      <div>
        <fieldset>
          <legend className="visually-hidden">Charts shown</legend>
          {all.map((name) => {
            const isChosen = chosen.includes(name);
            const isFixed = isChosen ? chosen.length === 1 : chosen.length >= MAX_CHARTS;
            return (
              <label key={name} className="check">
                <input type="checkbox" checked={isChosen} disabled={isFixed} onChange={() => toggle(name)} />
                {chartKind(name)?.title ?? name}
              </label>
            );
          })}
        </fieldset>
        <button type="button" className="link" onClick={() => view.set({ charts: null })}>
          As at the start
        </button>
      </div>
    </details>
  );
}

interface ChartGridProps {
  kinds: readonly ChartKind[];
  /** Must be a new function whenever what it gives may differ. */
  chartOf: (kind: ChartKind) => DrawnChart;
  emptyOf: (kind: ChartKind) => string;
  /** Whether each chart names its lines. */
  legend?: boolean;
}

export function ChartGrid({ kinds, chartOf, emptyOf, legend = true }: ChartGridProps) {
  return (
    <div className="charts run-charts">
      {kinds.map((kind) => (
        <RunChart key={kind.name} kind={kind} chartOf={chartOf} empty={emptyOf(kind)} legend={legend} />
      ))}
    </div>
  );
}

function RunChart({
  kind,
  chartOf,
  empty,
  legend,
}: {
  kind: ChartKind;
  chartOf: ChartGridProps['chartOf'];
  empty: string;
  legend: boolean;
}) {
  const { axis, title, range } = kind;
  const x = useView((v) => v.x);
  const logX = useView((v) => v.logX);
  const logY = useView((v) => v.logY);
  // long runs take their time: the slider moves first, chart after chart follows
  const smoothing = useDeferredValue(useView((v) => v.smoothing));
  const zoom = useView((v) => v.zoom[axis]) ?? null;
  const data = useUnchanged(useMemo(() => chartOf(kind), [chartOf, kind]));
  const onZoom = useCallback((to: readonly [number, number] | null) => view.zoomTo(axis, to), [axis]);
  return (
    <Chart
      title={title}
      xLabel={xLabel(axis, x)}
      unit={x}
      data={data}
      smoothing={smoothing}
      axis={`runs by ${x}`}
      range={range}
      empty={empty}
      logX={logX}
      logY={logY}
      zoom={zoom}
      onZoom={onZoom}
      legend={legend}
    />
  );
}

/** The chart that was given before, as long as what is given is drawn alike. */
function useUnchanged(chart: DrawnChart): DrawnChart {
  const last = useRef(chart);
  if (!sameChart(last.current, chart)) last.current = chart;
  return last.current;
}
