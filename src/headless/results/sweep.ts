// A sweep over one setting: score, think rate and segment length against it, with intervals. Pure. Promises nothing for studies that are no sweep: no
// section. Refuses nothing.
import { type Arm, ARM_LABEL, ARMS } from '../../run/recipe.ts';
import type { ChartSeries } from '../../share/lineChart.ts';
import { type Figures, intervalSeries, rangeOf, TONE } from './figures.ts';
import { type Field, readField, resultOf } from './metric.ts';
import { sweepOf } from './study.ts';
import { rangesOf, type StudyLogs } from './studyLogs.ts';

const SHOWN: { what: string; title: string; yLabel: string; field: Field; unit: boolean }[] = [
  { what: 'score', title: 'score', yLabel: 'pass@1 before RLVR', field: { of: 'pass', k: 1 }, unit: true },
  { what: 'think-rate', title: 'think rate', yLabel: 'thoughts per line', field: { of: 'number', name: 'thinkRate' }, unit: true },
  { what: 'segment', title: 'segment length', yLabel: 'lines', field: { of: 'number', name: 'meanDuration' }, unit: false },
];

export function sweepSection(study: StudyLogs, figures: Figures): string[] {
  const sweep = sweepOf(study.study);
  if (!sweep) return [];
  const range = rangesOf(study)[0]!;
  const shown = SHOWN.flatMap(({ what, title, yLabel, field, unit }) => {
    const ofArm = (arm: Arm): ChartSeries[] => {
      const points = study.variants.flatMap(({ logs }, x) =>
        logs.flatMap((log) => {
          const y = readField(resultOf(log, arm, 'before', range), field);
          return y === null ? [] : [[{ x, y }]];
        }),
      );
      return points.length > 0 ? [intervalSeries(ARM_LABEL[arm], TONE[arm], points)] : [];
    };
    const series = ARMS.flatMap(ofArm);
    if (series.length === 0) return [];
    const values = series.flatMap((s) => [...s.mean, ...(s.hi ?? [])]).filter((value) => value !== null);
    return [
      figures.add(study.study.name, `sweep-${what}`, {
        title: `${study.study.title}: ${title}`,
        xLabel: sweep.path,
        yLabel,
        yRange: unit ? [0, 1] : rangeOf(values),
        series,
        xTicks: sweep.values.map((value, at) => ({ at, label: String(value) })),
      }),
    ];
  });
  if (shown.length === 0) return [];
  return [`### Sweep over ${sweep.path}`, ...shown, 'Means over seeds with 95 % intervals, before RLVR; values at equal distances.'];
}
