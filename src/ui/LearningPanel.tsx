// "Is it learning?": the arms of the shown run on one axis, the inside of mid-training and of RLVR, and the results as a table.
import { useCallback } from 'react';
import { headline } from '../app/findings.ts';
import { type ChartKind, chartOfRun, emptyText } from '../app/runCharts.ts';
import { Panel } from './Panel.tsx';
import { ResultsTable } from './ResultsTable.tsx';
import { ChartGrid, ChartTools, useChartKinds } from './RunCharts.tsx';
import { useLog } from './useLab.ts';
import { useView } from './useView.ts';

export function LearningPanel() {
  return (
    <Panel question="Is it learning?">
      <Learning />
    </Panel>
  );
}

function Learning() {
  const { log, cut, version } = useLog();
  const x = useView((v) => v.x);
  const kinds = useChartKinds();
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  const chartOf = useCallback((kind: ChartKind) => chartOfRun(kind, { log, cut }, x), [log, cut, version, x]);
  const results = log.resultsBefore(cut);
  const sentence = headline(results);
  return (
    <>
      {sentence ? <p className="headline">{sentence}</p> : null}
      <ChartTools log={log} />
      <ChartGrid kinds={kinds} chartOf={chartOf} emptyOf={(kind) => emptyText(kind, log, x)} />
      <ResultsTable results={results} />
    </>
  );
}
