// Theory against measurement: of each study, durations beside the sticky prior's, horizons beside the steps that RLVR took, the set of actions before
// and after; then the tabular instruments' own predictions and measurements. Pure. Refuses nothing.
import type { TheoryChart, TheorySeries } from '../../midtrain/theory/contract.ts';
import { equivalentDuration, sufficientSweeps } from '../../midtrain/theory/formulas.ts';
import type { TheoryReport } from '../../midtrain/theory/instruments.ts';
import { HORIZON_GAMMA } from '../../midtrain/durations.ts';
import type { ArmResult } from '../../run/events.ts';
import { type Arm, ARM_LABEL, ARMS } from '../../run/recipe.ts';
import type { ChartSeries, ChartSpec, Tick } from '../../share/lineChart.ts';
import { ARM_HEAD, type ArmRow, evaluated, fieldColumn } from './arms.ts';
import { bandSeries, COLORS, type Figures, rangeOf, TONE } from './figures.ts';
import { lastOf, metricCurve, RARE_THOUGHTS, reachOf, resultOf } from './metric.ts';
import { cell, fixed, table } from './numbers.ts';
import { shareText, meanShare } from './rlvr.ts';
import type { SeedLog } from './seedLog.ts';
import { allLogs, type Column, present, rangesOf, type StudyLogs, variantTable, varies } from './studyLogs.ts';

export function theorySection(study: StudyLogs, figures: Figures): string[] {
  const parts = [...durations(study, figures), ...horizons(study), ...actions(study)];
  return parts.length > 0 ? ['### Theory and measurement', ...parts] : [];
}

/** A metric's values by the number at the end of its name, each the mean of the stage's last logged ones. */
function listed(log: SeedLog, stem: string, iteration: number): { x: number; y: number }[] {
  const lasting: { x: number; y: number }[] = [];
  for (let d = 1; ; d++) {
    const y = lastOf(metricCurve(log, 'e-step', 'ra3', `${stem}_${d}`, iteration));
    if (y === null) return lasting;
    lasting.push({ x: d, y });
  }
}

function durations(study: StudyLogs, figures: Figures): string[] {
  const shown = present(study).flatMap(({ variant, logs }) => {
    const last = variant.recipe.ra3.emIterations;
    const series = (
      [
        ['measured', 'segment/hist', TONE.ra3],
        ['sticky prior, Geometric(1 − α) cut by the end', 'segment/geometric', TONE.ntp],
      ] as const
    ).flatMap(([label, stem, tone]) => {
      const curves = logs.map((log) => listed(log, stem, last)).filter((curve) => curve.length > 0);
      return curves.length > 0 ? [bandSeries(label, tone, curves)] : [];
    });
    if (series.length === 0) return [];
    return [
      figures.add(study.study.name, varies(study) ? `durations-${variant.folder}` : 'durations', {
        title: `${study.study.title}${variant.label ? `, ${variant.label}` : ''}: how long a thought is held`,
        xLabel: 'duration, lines (at the end of the last E-step)',
        yLabel: 'share of segments',
        yRange: [0, 1],
        series,
      }),
    ];
  });
  if (shown.length === 0) return [];
  return [
    ...shown,
    'The prior says Geometric(1 − α) with α from c (c = log(α / (1 − α)) + log |Z|) or the recipe’s own; data may say otherwise, and the prior does not forbid it.',
  ];
}

/** gbar of an arm's decisions: with thoughts the mean of gamma^duration, without any a line a decision. */
function gbarOf(result: ArmResult | null): number | null {
  const found = result?.abstractions;
  if (!result || !found) return null;
  return result.thoughtsPerProgram < RARE_THOUGHTS || !found.horizon ? HORIZON_GAMMA : found.horizon.gbar;
}

const TOLERANCE = 0.1;

function horizons(study: StudyLogs): string[] {
  const range = rangesOf(study)[0]!;
  const gbars = (logs: readonly SeedLog[], arm: Arm): (number | null)[] => logs.map((log) => gbarOf(resultOf(log, arm, 'before', range)));
  const over = (head: string, digits: number, f: (gbar: number) => number): Column<Arm> => ({
    head,
    cell: (logs, arm) =>
      cell(
        gbars(logs, arm).map((gbar) => (gbar === null ? null : f(gbar))),
        digits,
      ),
  });
  const result = variantTable(
    study,
    { head: 'arm', of: (arm: Arm) => ARM_LABEL[arm] },
    (logs) => ARMS.filter((arm) => gbars(logs, arm).some((gbar) => gbar !== null)),
    [
      over('gbar', 4, (gbar) => gbar),
      over('equivalent duration, lines', 2, (gbar) => equivalentDuration(gbar, HORIZON_GAMMA)),
      over('effective horizon', 1, (gbar) => 1 / (1 - gbar)),
      over('iterations that suffice', 0, (gbar) => sufficientSweeps(gbar, TOLERANCE)),
      {
        head: 'decisions per program',
        cell: (logs, arm) =>
          cell(
            logs.map((log) => resultOf(log, arm, 'before', range)?.abstractions?.decisionsPerProgram ?? null),
            2,
          ),
      },
      {
        head: 'RLVR steps to NTP’s final score',
        cell: (logs, arm) => {
          if (arm === 'ntp') return '–';
          const share = meanShare(logs, arm);
          if (share !== null && !Number.isFinite(share)) return shareText(share);
          return cell(
            logs.map((log) => reachOf(log, arm, 'ntp')?.steps ?? null),
            1,
          );
        },
      },
    ],
  );
  if (!result) return [];
  return [
    'Horizons before RLVR, and how many steps RLVR then took:',
    result,
    `gbar is the mean of γ^duration with γ ${HORIZON_GAMMA} over the arm’s own segments (an arm without thoughts decides line by line: ${HORIZON_GAMMA}); iterations that suffice are 1 / (1 − gbar) · log(1 / (ε (1 − gbar))) with ε ${TOLERANCE}, a bound on value iteration: its order among the arms is what can be compared with RLVR’s steps, not its size.`,
  ];
}

function actions(study: StudyLogs): string[] {
  const range = rangesOf(study)[0]!;
  const of = (
    head: string,
    digits: number,
    read: (a: NonNullable<ArmResult['abstractions']>) => number | null | undefined,
  ): Column<ArmRow> => ({
    head,
    cell: (logs, { arm, phase }) =>
      cell(
        logs.map((log) => {
          const found = resultOf(log, arm, phase, range)?.abstractions;
          return found ? (read(found) ?? null) : null;
        }),
        digits,
      ),
  });
  if (!allLogs(study).some((log) => log.summary.results.some((r) => r.abstractions))) return [];
  const result = variantTable(study, ARM_HEAD, (logs) => evaluated(logs, range), [
    of('actions in use, exp(H)', 2, (a) => a.actions?.perplexity),
    of('actions chosen ≥ 1 %', 1, (a) => a.actions?.count),
    of('actions per state, exp(H)', 2, (a) => a.actionsPerState),
    of('latent perplexity', 2, (a) => a.latentPerplexity),
    of('different lines per place', 2, (a) => a.lines?.distinct),
    of('expert’s line among them', 3, (a) => a.lines?.expertCovered),
    of('tokens per expert token', 2, (a) => a.tokensPerExpertToken),
    fieldColumn('persistence', { of: 'number', name: 'persistence' }, 3, range),
  ]);
  if (!result) return [];
  return [
    'Pruning: the set of actions (act and the contents of thoughts) that an arm uses, and the lines it writes in its samples of one program. Pruning that pays makes the set smaller while the expert’s line stays in it:',
    result,
  ];
}

/** The instruments at their start settings: charts and every predicted number beside the measured one. */
export function instrumentsSection(report: TheoryReport, figures: Figures): string[] {
  const rows = report.table.map(({ instrument, label, predicted, measured, low, high }) => [
    instrument,
    label,
    significant(predicted),
    `${significant(measured)}${low !== undefined && high !== undefined ? ` [${significant(low)}, ${significant(high)}]` : ''}`,
  ]);
  return [
    '## The theory’s instruments',
    'Tabular, computed when this file is written, at the settings that the page starts with; the same numbers are on the page, where the settings can be moved.',
    ...report.results.flatMap(({ instrument, charts, says }) => [
      ...charts.map((chart) => figures.add('theory', `${instrument}-${fileName(chart.name)}`, theoryChart(instrument, chart))),
      says,
    ]),
    table([['instrument', '', 'theory', 'measured'], ...rows], 2),
  ];
}

const fileName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
const significant = (value: number | null): string =>
  value === null ? '–' : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(4)));

/** Axes in decades are drawn as logarithms with ticks at 1, 2 and 5; values that have none are left out. */
export function theoryChart(instrument: string, { title, xLabel, log, series }: TheoryChart): ChartSpec {
  const [logX, logY] = [log.includes('x'), log.includes('y')];
  const scale = (isLog: boolean) => (v: number) => (isLog ? (v > 0 ? Math.log10(v) : null) : v);
  const [sx, sy] = [scale(logX), scale(logY)];
  const drawn = series.map((s, i) => seriesOf(s, COLORS[i % COLORS.length]!, sx, sy)).filter((s) => s.x.length > 0);
  const ys = drawn.flatMap((s) => [...s.mean, ...(s.lo ?? []), ...(s.hi ?? [])]).filter((v) => v !== null);
  const xs = drawn.flatMap((s) => s.x);
  const [lo, hi] = [Math.min(...ys), Math.max(...ys)];
  return {
    title: `${instrument}: ${title}`,
    xLabel,
    yLabel: '',
    yRange: logY ? [lo, hi > lo ? hi : lo + 1] : rangeOf(ys),
    series: drawn,
    ...(logX ? { xTicks: decades(Math.min(...xs), Math.max(...xs)) } : {}),
    ...(logY ? { yTicks: decades(lo, hi) } : {}),
  };
}

function seriesOf(s: TheorySeries, color: string, sx: (v: number) => number | null, sy: (v: number) => number | null): ChartSeries {
  const at = s.x.flatMap((x, i) => (sx(x) === null || sy(s.y[i]!) === null ? [] : [i]));
  const of = (values: number[] | undefined): { lo: (number | null)[] } | null => (values ? { lo: at.map((i) => sy(values[i]!)) } : null);
  const [low, high] = [of(s.low), of(s.high)];
  return {
    label: s.name,
    color,
    dash: s.kind === 'bound' ? '6 3' : '',
    as: s.kind === 'measured' ? 'intervals' : 'line',
    x: at.map((i) => sx(s.x[i]!)!),
    mean: at.map((i) => sy(s.y[i]!)),
    ...(low && high ? { lo: low.lo, hi: high.lo } : {}),
  };
}

function decades(lo: number, hi: number): Tick[] {
  const out: Tick[] = [];
  const wide = hi - lo > 2.5;
  for (let d = Math.floor(lo); d <= Math.ceil(hi); d++)
    for (const m of wide ? [1] : [1, 2, 5]) {
      const at = d + Math.log10(m);
      if (at >= lo - 1e-9 && at <= hi + 1e-9) out.push({ at, label: fixed(m * 10 ** d, Math.max(0, -d)) });
    }
  return out;
}
