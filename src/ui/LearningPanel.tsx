// "Is it learning?": reward curves of the arms on one axis, the inside of mid-training, and the results as a table.
import { useMemo, useState } from 'react';
import { armLines, iteratedLines, lossLines, METRICS } from '../app/curves.ts';
import { headline } from '../app/findings.ts';
import { Chart } from './Chart.tsx';
import { Panel } from './Panel.tsx';
import { ResultsTable } from './ResultsTable.tsx';
import { useLog } from './useLab.ts';

export function LearningPanel() {
  const [smoothing, setSmoothing] = useState(0.6);
  const control = (
    <label className="slider">
      Smoothing
      <input type="range" min="0" max="0.98" step="0.02" value={smoothing} onChange={(e) => setSmoothing(Number(e.target.value))} />
      <output className="num">{smoothing.toFixed(2)}</output>
    </label>
  );
  return (
    <Panel question="Is it learning?" controls={control}>
      <Learning smoothing={smoothing} />
    </Panel>
  );
}

function Learning({ smoothing }: { smoothing: number }) {
  const { log, cut, version } = useLog();
  const [wanted, setWanted] = useState<string>(METRICS.reward);
  const metrics = log.metricsOf('rlvr');
  const metric = metrics.includes(wanted) ? wanted : METRICS.reward;
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  const data = useMemo(
    () => ({
      rlvr: armLines(log, cut, 'rlvr', metric),
      reward: iteratedLines(log, cut, 'e-step', [
        { metric: METRICS.lineReward, label: 'reward', tone: 'ra3' },
        { metric: METRICS.lineElbo, label: 'ELBO', tone: 'second' },
      ]),
      think: iteratedLines(log, cut, 'e-step', [{ metric: METRICS.thinkRate, label: 'think rate', tone: 'ra3' }]),
      losses: lossLines(log, cut),
    }),
    [log, cut, version, metric],
  );
  const results = log.resultsBefore(cut);
  const sentence = headline(results);
  return (
    <>
      {sentence ? <p className="headline">{sentence}</p> : null}
      <div className="charts">
        <div className="chart-main">
          <Chart
            title={metric === METRICS.reward ? 'Reward in RLVR, from each arm' : 'In RLVR, from each arm'}
            xLabel="RLVR step"
            data={data.rlvr}
            smoothing={smoothing}
            axis="rlvr"
            range={metric === METRICS.reward ? [0, 1] : undefined}
            empty="RLVR comes after mid-training."
            control={metrics.length > 1 ? <MetricChoice metrics={metrics} metric={metric} onChoose={setWanted} /> : null}
          />
        </div>
        <Chart
          title="E-step: nats per line"
          xLabel="E-step"
          data={data.reward}
          smoothing={smoothing}
          axis="em"
          empty="Starts with the first E-step."
        />
        <Chart
          title="E-step: lines with a thought"
          xLabel="E-step"
          data={data.think}
          smoothing={smoothing}
          axis="em"
          range={[0, 1]}
          empty="Starts with the first E-step."
        />
        <Chart
          title="Loss on expert tokens"
          xLabel="step"
          data={data.losses}
          smoothing={smoothing}
          axis="losses"
          empty="Starts with NTP."
        />
      </div>
      <ResultsTable results={results} />
    </>
  );
}

function MetricChoice({ metrics, metric, onChoose }: { metrics: readonly string[]; metric: string; onChoose: (metric: string) => void }) {
  return (
    <label className="metric">
      <span className="visually-hidden">Metric of the RLVR chart</span>
      <select value={metric} onChange={(e) => onChoose(e.target.value)}>
        {metrics.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}
