// "How do runs differ?": the shown run and those ticked beside it on the same charts, seeds of one recipe as a mean with its band, the settings in which
// they differ and nothing else, and a table for a paper.
import { useCallback, useMemo, useState } from 'react';
import {
  comparedRuns,
  comparisonCsv,
  type Difference,
  differencesOf,
  type Group,
  groupsOf,
  latexOf,
  type Reached,
  type Row,
  tableOf,
} from '../app/comparison.ts';
import { copyText } from '../app/clipboard.ts';
import { ARM_ORDER, armLabel } from '../app/curves.ts';
import { saveFile } from '../app/download.ts';
import { type ChartKind, chartOfGroups, emptyText } from '../app/runCharts.ts';
import type { Arm } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';
import { Swatch } from './Chart.tsx';
import { decimal, NONE } from './numbers.ts';
import { Panel } from './Panel.tsx';
import { ChartGrid, useChartKinds } from './RunCharts.tsx';
import { useLab } from './useLab.ts';
import { useView } from './useView.ts';

export function ComparePanel() {
  const runs = useLab((s) => s.runs);
  const shownId = useLab((s) => s.shownId);
  const compared = useLab((s) => s.compared);
  const cut = useLab((s) => s.cut);
  const version = useLab((s) => s.logVersion);
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that a log has changed
  const together = useMemo(() => comparedRuns(lab, { runs, shownId, compared, cut }), [runs, shownId, compared, cut, version]);
  const groups = useMemo(() => groupsOf(together), [together]);
  return (
    <Panel question="How do runs differ?" note={together.length > 1 ? `${together.length} runs` : undefined}>
      {together.length > 1 ? (
        <Comparison groups={groups} />
      ) : (
        <p className="empty">
          Tick another run under “Which runs?”, and it is laid over the shown one here. Runs that differ in the seed alone become one line
          with a band.
        </p>
      )}
    </Panel>
  );
}

function Comparison({ groups }: { groups: readonly Group[] }) {
  const x = useView((v) => v.x);
  const kinds = useChartKinds();
  const arms = ARM_ORDER.filter((arm) => groups.some(({ recipe }) => recipe.arms.includes(arm)));
  const [wanted, setWanted] = useState<Arm>('ra3');
  const arm = arms.includes(wanted) ? wanted : (arms[0] ?? 'base');
  const chartOf = useCallback((kind: ChartKind) => chartOfGroups(kind, groups, arm, x), [groups, arm, x]);
  const rows = useMemo(() => tableOf(kinds, groups, arm), [kinds, groups, arm]);
  const differences = useMemo(() => differencesOf(groups), [groups]);
  return (
    <>
      <div className="chart-tools">
        <fieldset className="segmented" aria-label="Arm">
          {arms.map((each) => (
            <button key={each} type="button" aria-pressed={each === arm} onClick={() => setWanted(each)}>
              {armLabel(each)}
            </button>
          ))}
        </fieldset>
        <ul className="legend">
          {groups.map(({ label, tone, dash }) => (
            <li key={label}>
              <Swatch tone={tone} dash={dash} /> {label}
            </li>
          ))}
        </ul>
      </div>
      <ChartGrid kinds={kinds} chartOf={chartOf} emptyOf={(kind) => emptyText(kind, groups[0]!.runs[0]!.log, x)} legend={false} />
      <Differences differences={differences} groups={groups} />
      <ComparisonTable rows={rows} groups={groups} arm={arm} />
    </>
  );
}

function Heads({ groups }: { groups: readonly Group[] }) {
  return groups.map(({ label, tone, dash }) => (
    <th key={label} scope="col">
      <Swatch tone={tone} dash={dash} /> {label}
    </th>
  ));
}

function Differences({ differences, groups }: { differences: readonly Difference[]; groups: readonly Group[] }) {
  if (differences.length === 0)
    return <p className="note">{groups.length > 1 ? 'Their recipes are the same.' : 'They differ in the seed alone.'}</p>;
  return (
    <div className="scroll">
      <table className="results comparison">
        <caption>What their recipes differ in</caption>
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <Heads groups={groups} />
          </tr>
        </thead>
        <tbody>
          {differences.map(({ path, values }) => (
            <tr key={path}>
              <th scope="row">
                <code>{path}</code>
              </th>
              {values.map((value, i) => (
                <td key={groups[i]!.label} className="num">
                  {value || NONE}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ComparisonTable({ rows, groups, arm }: { rows: readonly Row[]; groups: readonly Group[]; arm: Arm }) {
  const [said, setSaid] = useState('');
  const copy = async (what: string, text: string) => {
    if (await copyText(text)) setSaid(`${what} copied`);
    else {
      saveFile(what === 'LaTeX' ? 'comparison.tex' : 'comparison.csv', text, 'text/plain');
      setSaid(`${what} saved as a file: the clipboard was refused`);
    }
  };
  return (
    <>
      <div className="scroll">
        <table className="results comparison">
          <caption>What {armLabel(arm)} reached: the last value, and the least and largest</caption>
          <thead>
            <tr>
              <th scope="col">Quantity</th>
              <Heads groups={groups} />
            </tr>
          </thead>
          <tbody>
            {rows.map(({ quantity, cells }) => (
              <tr key={quantity}>
                <th scope="row">{quantity}</th>
                {cells.map((of, i) => (
                  <Cell key={groups[i]!.label} of={of} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="copies">
        <button type="button" onClick={() => void copy('LaTeX', latexOf(rows, groups))}>
          Copy LaTeX
        </button>
        <button type="button" onClick={() => void copy('CSV', comparisonCsv(rows, groups))}>
          Copy CSV
        </button>
        <span role="status">{said}</span>
      </p>
    </>
  );
}

function Cell({ of }: { of: Reached | null }) {
  if (!of) return <td className="num">{NONE}</td>;
  const { last, min, max } = of;
  return (
    <td className="num">
      {decimal(last.mean)}
      {last.half === null ? '' : ` ± ${decimal(last.half)}`}
      <span className="interval">
        {decimal(min)} to {decimal(max)}
      </span>
    </td>
  );
}
