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
  const [wantedReward, setWantedReward] = useState<string>(METRICS.lineReward);
  const [wantedInE, setWantedInE] = useState<string>(METRICS.thinkRate);
  const metrics = log.metricsOf('rlvr');
  const metric = metrics.includes(wanted) ? wanted : METRICS.reward;
  const metricsInE = log.metricsOf('e-step');
  const reward = metricsInE.includes(wantedReward) ? wantedReward : METRICS.lineReward;
  const metricInE = metricsInE.includes(wantedInE) ? wantedInE : METRICS.thinkRate;
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  const data = useMemo(
    () => ({
      rlvr: armLines(log, cut, 'rlvr', metric),
      reward: iteratedLines(log, cut, 'e-step', [{ metric: reward, label: reward, tone: 'ra3' }]),
      inE: iteratedLines(log, cut, 'e-step', [{ metric: metricInE, label: metricInE, tone: 'ra3' }]),
      losses: lossLines(log, cut),
    }),
    [log, cut, version, metric, reward, metricInE],
  );
  const results = log.resultsBefore(cut);
  const sentence = headline(results);
  return (
    <>
      {sentence ? <p className="headline">{sentence}</p> : null}
      <div className="charts">
        <div className="chart-main">
          <Chart
            title={metric === METRICS.reward ? 'Reward in RLVR' : 'RLVR'}
            xLabel="RLVR step"
            data={data.rlvr}
            smoothing={smoothing}
            axis="rlvr"
            range={metric === METRICS.reward ? [0, 1] : undefined}
            empty={log.start?.recipe.rlvr.steps === 0 ? 'This recipe has no RLVR.' : 'RLVR comes after mid-training.'}
            control={metrics.length > 1 ? <MetricChoice of="RLVR" metrics={metrics} metric={metric} onChoose={setWanted} /> : null}
          />
        </div>
        <Chart
          title={reward === METRICS.lineReward ? 'E-step: nats per line' : 'E-step'}
          xLabel="E-step"
          data={data.reward}
          smoothing={smoothing}
          axis="em"
          empty="Starts with the first E-step."
          control={
            metricsInE.length > 1 ? (
              <MetricChoice of="first E-step" metrics={metricsInE} metric={reward} onChoose={setWantedReward} />
            ) : null
          }
        />
        <Chart
          title={metricInE === METRICS.thinkRate ? 'E-step: think rate' : 'E-step'}
          xLabel="E-step"
          data={data.inE}
          smoothing={smoothing}
          axis="em"
          range={metricInE === METRICS.thinkRate ? [0, 1] : undefined}
          empty="Starts with the first E-step."
          control={
            metricsInE.length > 1 ? (
              <MetricChoice of="second E-step" metrics={metricsInE} metric={metricInE} onChoose={setWantedInE} />
            ) : null
          }
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

interface MetricChoiceProps {
  of: string;
  metrics: readonly string[];
  metric: string;
  onChoose: (metric: string) => void;
}

function MetricChoice({ of, metrics, metric, onChoose }: MetricChoiceProps) {
  return (
    <select className="metric" aria-label={`Metric of the ${of} chart`} value={metric} onChange={(e) => onChoose(e.target.value)}>
      {metrics.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}
