// Where the arms think: by line as a figure, by kind of line as a table. Pure. Refuses nothing.
import { ARM_LABEL, ARMS } from '../../run/recipe.ts';
import { ARM_HEAD, evaluated, fieldColumn } from './arms.ts';
import { bandSeries, type Figures, TONE } from './figures.ts';
import { resultOf } from './metric.ts';
import { allLogs, present, rangesOf, type StudyLogs, variantTable, varies } from './studyLogs.ts';

export function thinkingSection(study: StudyLogs, figures: Figures): string[] {
  const parts = [...byLine(study, figures), ...byKind(study)];
  return parts.length > 0 ? ['### Where the arms think', ...parts] : [];
}

function byLine(study: StudyLogs, figures: Figures): string[] {
  const range = rangesOf(study)[0]!;
  const shown = present(study).flatMap(({ variant, logs }) => {
    const series = ARMS.flatMap((arm) => {
      const curves = logs
        .map((log) => (resultOf(log, arm, 'before', range)?.thinkByLine ?? []).map((y, i) => ({ x: i + 1, y })))
        .filter((curve) => curve.length > 0);
      return curves.length > 0 ? [bandSeries(ARM_LABEL[arm], TONE[arm], curves)] : [];
    });
    if (series.length === 0) return [];
    return [
      figures.add(study.study.name, varies(study) ? `lines-${variant.folder}` : 'lines', {
        title: `${study.study.title}${variant.label ? `, ${variant.label}` : ''}: think rate by line`,
        xLabel: 'line of the program',
        yLabel: 'think rate',
        yRange: [0, 1],
        series,
      }),
    ];
  });
  if (shown.length === 0) return [];
  return [...shown, 'Think rate of each arm’s own rollouts by line, before RLVR; bands reach from the lowest seed to the highest.'];
}

function byKind(study: StudyLogs): string[] {
  const range = rangesOf(study)[0]!;
  const kinds = new Set(
    allLogs(study).flatMap((log) => log.summary.results.flatMap((r) => Object.keys(r.abstractions?.thinkByKind ?? {}))),
  );
  if (kinds.size === 0) return [];
  const table = variantTable(study, ARM_HEAD, (logs) => evaluated(logs, range), [
    ...[...kinds].sort().map((kind) => fieldColumn(kind, { of: 'kind', kind }, 3, range)),
    fieldColumn('precision', { of: 'number', name: 'precision' }, 3, range),
    fieldColumn('recall', { of: 'number', name: 'recall' }, 3, range),
  ]);
  if (!table) return [];
  return ['Think rate by kind of line, and precision and recall of thinking against the lines on which a thought is of use:', table];
}
