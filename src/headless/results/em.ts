// EM iteration by iteration: what q does at the start and end of each E-step, what the M-step makes of it, and how often q thinks, step by step. Pure.
// Refuses nothing.
import type { Stage } from '../../run/events.ts';
import { bandSeries, COLORS, type Figures, TONE } from './figures.ts';
import { EDGE, firstOf, lastOf, metricCurve, type Point } from './metric.ts';
import { cell, mean, NONE } from './numbers.ts';
import type { SeedLog } from './seedLog.ts';
import { type Column, present, type StudyLogs, variantTable, varies } from './studyLogs.ts';

export function emSection(study: StudyLogs, figures: Figures): string[] {
  const table = variantTable(study, { head: 'EM', of: String }, iterationsOf, [
    edges('thoughts per program', 'e-step', 'think/per_program', 2),
    edges('NLL of expert lines', 'e-step', 'nll/line', 3),
    edges('reward per line', 'e-step', 'reward/line', 3),
    edges('ELBO per line', 'e-step', 'elbo/line', 3),
    edges('segment, lines', 'e-step', 'segment/mean', 2),
    edges('content right', 'e-step', 'think/content_right', 3),
    edges('NMI with the truth', 'e-step', 'agreement/nmi', 3),
    edges('M-step loss', 'm-step', 'loss/nll', 3),
    {
      head: 'thoughts per program after the M-step',
      cell: (logs, iteration) =>
        cell(
          logs.map((log) => shownAfterMStep(log, iteration)),
          2,
        ),
    },
  ]);
  if (!table) return [];
  return [
    '### EM, iteration by iteration',
    table,
    `First → last: means of the first and last ${EDGE} logged steps of the E-step (of the M-step for its loss), q on expert programs. The last column counts thoughts on the few held-out programs that a run shows.`,
    ...thinkFigure(study, figures),
  ];
}

/** The EM iterations that any log has a step of. */
function iterationsOf(logs: readonly SeedLog[]): number[] {
  const all = Array.from({ length: logs[0]!.start.recipe.ra3.emIterations }, (_, i) => i + 1);
  return all.filter((iteration) =>
    logs.some((log) => log.events.some((e) => e.type === 'metrics' && e.arm === 'ra3' && e.iteration === iteration)),
  );
}

function edges(head: string, stage: Stage, name: string, digits: number): Column<number> {
  return {
    head,
    cell: (logs, iteration) => {
      const curves = logs.map((log) => metricCurve(log, stage, 'ra3', name, iteration));
      const [first, last] = [cell(curves.map(firstOf), digits), cell(curves.map(lastOf), digits)];
      return first === NONE ? NONE : `${first} → ${last}`;
    },
  };
}

function shownAfterMStep(log: SeedLog, iteration: number): number | null {
  const shown = log.events.find((e) => e.type === 'traces' && e.stage === 'm-step' && e.iteration === iteration);
  if (shown?.type !== 'traces' || shown.traces.length === 0) return null;
  return mean(shown.traces.map((trace) => trace.lines.filter((line) => line.thought !== null).length));
}

/** Think rate of all E-steps one behind the other. */
function thinkCurve(log: SeedLog): Point[] {
  const { eSteps, emIterations } = log.start.recipe.ra3;
  return Array.from({ length: emIterations }, (_, i) =>
    metricCurve(log, 'e-step', 'ra3', 'think/rate', i + 1).map(({ x, y }) => ({ x: x + i * eSteps, y })),
  ).flat();
}

function thinkFigure(study: StudyLogs, figures: Figures): string[] {
  const series = present(study).flatMap(({ variant, logs }, i) => {
    const curves = logs.map(thinkCurve).filter((curve) => curve.length > 0);
    if (curves.length === 0) return [];
    const tone = varies(study) ? { color: COLORS[i % COLORS.length]!, dash: '' } : TONE.ra3;
    return [bandSeries(variant.label || 'q on expert programs', tone, curves)];
  });
  if (series.length === 0) return [];
  const { eSteps, emIterations } = present(study)[0]!.variant.recipe.ra3;
  const top = Math.max(...series.flatMap((s) => s.hi as number[]));
  return [
    figures.add(study.study.name, 'think', {
      title: `${study.study.title}: how often q thinks`,
      xLabel: 'E-step (M-steps lie between the EM iterations)',
      yLabel: 'thoughts per line',
      yRange: [0, Math.min(1, Math.max(0.1, Math.ceil(10 * top) / 10))],
      series,
      dividers: Array.from({ length: emIterations }, (_, i) => ({ x: i * eSteps + 1, label: `EM ${i + 1}` })),
    }),
    'Lines are means over seeds, bands reach from the lowest seed to the highest. q writes programs badly until the M-step has made it one network with π, so it is shown on expert programs alone.',
  ];
}
