// "Why does it work?": the theory's four instruments, computed as their sliders move, with the bounds as lines, what was measured as points, and what
// the run on show measured of the same quantities beside them. Nothing is computed before the panel is seen.
import { useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { theory } from '../app/theTheory.ts';
import {
  chartData,
  INSTRUMENT_NAMES,
  type InstrumentName,
  RANGES,
  type Range,
  settingText,
  type TheoryChart,
  type TheoryResult,
} from '../app/theory.ts';
import { drawn } from '../app/curves.ts';
import { convergencePoint, durationChart, ofRunInWords, thinkRatePoint, theoryOfRun } from '../app/theoryOfRun.ts';
import { Chart } from './Chart.tsx';
import { Formula } from './Formula.tsx';
import { plain } from './numbers.ts';
import { Panel } from './Panel.tsx';
import { Scroll } from './Scroll.tsx';
import { useLog } from './useLab.ts';

const NAMES: Record<InstrumentName, string> = {
  pruning: 'Pruning',
  convergence: 'Convergence',
  'sticky-elbo': 'Sticky ELBO',
  'four-rooms': 'The whole story',
};

const ABOUT: Record<InstrumentName, string> = {
  pruning:
    'Demonstrations that leave no bad set of abstractions standing: one that loses ε or more on a share σ of the tasks. Few needed abstractions need few demonstrations.',
  convergence:
    'Value iteration on a grid whose moves slip, with options “go d for τ steps”. Long options shorten the horizon, when they replace primitives.',
  'sticky-elbo':
    'An expert with four skills, a codebook, and the best q and π for each price of a thought, all sums exact. KL to the exact posterior is the gap.',
  'four-rooms':
    'Demonstrations in a maze of four rooms choose among 60 options; Q-learning then works with what is left. Too few prune what is needed, too many options slow RL.',
};

const RANGE_OF_Y: Record<string, [number, number]> = { 'think-rate': [0, 1], posterior: [0, 1], curves: [0, 1] };

export function TheoryPanel() {
  const [instrument, setInstrument] = useState<InstrumentName>('convergence');
  const tabs = (
    <fieldset className="segmented" aria-label="Instrument">
      {INSTRUMENT_NAMES.map((name) => (
        <button key={name} type="button" aria-pressed={name === instrument} onClick={() => setInstrument(name)}>
          {NAMES[name]}
        </button>
      ))}
    </fieldset>
  );
  return (
    <Panel question="Why does it work?" note="The theory in small worlds, computed in this tab." controls={tabs}>
      <Instrument name={instrument} />
    </Panel>
  );
}

function Instrument({ name }: { name: InstrumentName }) {
  const host = useRef<HTMLDivElement>(null);
  const { settings, result, busy, error } = useStore(theory.store, (s) => s[name]);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) theory.look(name);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [name]);
  const ranges = Object.entries(RANGES[name]) as [string, Range][];
  return (
    <div className="theory" ref={host} aria-busy={busy}>
      <div className="theory-head">
        <div>
          <p>{ABOUT[name]}</p>
          <Formula of={name} />
        </div>
        <div className="theory-settings">
          {ranges.map(([key, range]) => (
            <Setting key={key} instrument={name} name={key} range={range} value={(settings as Record<string, number>)[key]!} />
          ))}
          <button type="button" className="link" onClick={() => theory.reset(name)}>
            Start values
          </button>
          <span className="theory-busy" role="status">
            {busy ? 'Computing…' : ''}
          </span>
        </div>
      </div>
      {error ? (
        <p className="issue" role="alert">
          {error}
        </p>
      ) : null}
      <p className="headline">{result ? result.says : busy ? 'Computing…' : '…'}</p>
      <Charts name={name} result={result} settings={settings as Record<string, number>} />
      {result ? <Facts result={result} /> : null}
    </div>
  );
}

function Setting({ instrument, name, range, value }: { instrument: InstrumentName; name: string; range: Range; value: number }) {
  const written = settingText(name, value);
  return (
    <label className="slider">
      <span>{range.label}</span>
      <input
        type="range"
        min={range.min}
        max={range.max}
        step={range.step}
        value={value}
        aria-valuetext={written}
        onChange={(e) => theory.set(instrument, name, Number(e.target.value))}
      />
      <output className="num">{written}</output>
    </label>
  );
}

function Charts({ name, result, settings }: { name: InstrumentName; result: TheoryResult | null; settings: Record<string, number> }) {
  const { log, cut, version } = useLog();
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  const run = useMemo(() => theoryOfRun(log, cut), [log, cut, version]);
  const beside = name === 'convergence' || name === 'sticky-elbo' ? ofRunInWords(run) : null;
  const charts = useMemo(() => {
    const all: { chart: TheoryChart; data: ReturnType<typeof drawn> }[] = (result?.charts ?? []).map((chart) => {
      const ofRun =
        chart.name === 'sweeps'
          ? convergencePoint(run, 10 ** settings.toleranceLog10!)
          : chart.name === 'think-rate'
            ? thinkRatePoint(run, RANGES['sticky-elbo'].c.max)
            : [];
      return { chart, data: drawn(chartData(chart, ofRun)) };
    });
    const durations = name === 'convergence' ? durationChart(run) : null;
    if (durations && all.length > 0) all.push({ chart: durations, data: drawn(chartData(durations)) });
    return all;
  }, [name, result, run, settings.toleranceLog10]);
  return (
    <>
      <div className={charts.length === 2 ? 'charts charts-two' : 'charts'}>
        {charts.map(({ chart, data }) => (
          <Chart
            key={`${name} ${chart.name}`}
            title={chart.title}
            xLabel={chart.xLabel}
            data={data}
            axis={`theory ${name} ${chart.xLabel}`}
            range={RANGE_OF_Y[chart.name]}
            empty=""
            unit="number"
            logX={chart.log.includes('x')}
            logY={chart.log.includes('y')}
          />
        ))}
      </div>
      {beside ? <p className="theory-run">{beside}</p> : null}
    </>
  );
}

function Facts({ result }: { result: TheoryResult }) {
  return (
    <details className="theory-facts">
      <summary>Numbers</summary>
      <Scroll label="Measured">
        <table className="results">
          <thead>
            <tr>
              <th scope="col">Quantity</th>
              <th scope="col">Theory</th>
              <th scope="col">Measured</th>
            </tr>
          </thead>
          <tbody>
            {result.facts.map((fact) => (
              <tr key={fact.name}>
                <th scope="row">{fact.label}</th>
                <td className="num">{plain(fact.predicted)}</td>
                <td className="num">
                  {plain(fact.measured)}
                  {fact.low === undefined || fact.high === undefined ? null : (
                    <span className="interval">
                      {plain(fact.low)} to {plain(fact.high)}
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
