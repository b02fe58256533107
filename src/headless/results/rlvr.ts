// RLVR of each arm: reward curves with bands, steps until an arm has NTP's final score, and how much of pass@k is kept. Pure. Refuses nothing.
import { type Arm, ARM_LABEL, ARMS } from '../../run/recipe.ts';
import { passKs } from './arms.ts';
import { bandSeries, type Figures, TONE } from './figures.ts';
import { keptOf, metricCurve, practisedRange, readField, type Reach, reachOf, resultOf, SMOOTHING, trailingMean } from './metric.ts';
import { cell, fixed, NONE } from './numbers.ts';
import type { SeedLog } from './seedLog.ts';
import { allLogs, type Column, present, type StudyLogs, variantTable, varies } from './studyLogs.ts';

export function rlvrSection(study: StudyLogs, figures: Figures): string[] {
  const curves = rewardFigures(study, figures);
  if (curves.length === 0) return [];
  return ['### RLVR', ...curves, ...reachTable(study), ...keptTable(study)];
}

const practises = (log: SeedLog, arm: Arm): boolean => log.events.some((e) => e.type === 'metrics' && e.stage === 'rlvr' && e.arm === arm);

function rewardFigures(study: StudyLogs, figures: Figures): string[] {
  const shown = present(study).flatMap(({ variant, logs }) => {
    const series = ARMS.flatMap((arm) => {
      const curves = logs.map((log) => trailingMean(metricCurve(log, 'rlvr', arm, 'reward/mean'), SMOOTHING)).filter((c) => c.length > 0);
      return curves.length > 0 ? [bandSeries(ARM_LABEL[arm], TONE[arm], curves)] : [];
    });
    if (series.length === 0) return [];
    return [
      figures.add(study.study.name, varies(study) ? `rlvr-${variant.folder}` : 'rlvr', {
        title: `${study.study.title}${variant.label ? `, ${variant.label}` : ''}: reward in RLVR`,
        xLabel: 'RLVR step',
        yLabel: `mean reward, range ${variant.recipe.rlvr.range}`,
        yRange: [0, 1],
        series,
      }),
    ];
  });
  if (shown.length === 0) return [];
  return [
    ...shown,
    `Mean reward of a step’s rollouts, mean over the last ${SMOOTHING} steps; lines are means over seeds, bands reach from the lowest seed to the highest.`,
  ];
}

export function stepsOf({ steps }: Reach): string {
  if (steps === 0) return 'before the first';
  return Number.isFinite(steps) ? String(steps) : 'never';
}

/** One row an arm other than NTP. */
function reachTable(study: StudyLogs): string[] {
  const reaches = (logs: readonly SeedLog[], arm: Arm): (Reach | null)[] => logs.map((log) => reachOf(log, arm, 'ntp'));
  const table = variantTable(
    study,
    { head: 'arm', of: (arm: Arm) => ARM_LABEL[arm] },
    (logs) => ARMS.filter((arm) => arm !== 'ntp' && logs.some((log) => practises(log, arm) && practises(log, 'ntp'))),
    [
      {
        head: 'NTP’s final score',
        cell: (logs, arm) =>
          cell(
            reaches(logs, arm).map((reach) => reach?.score ?? null),
            3,
          ),
      },
      {
        head: 'reached at step, by seed',
        cell: (logs, arm) =>
          reaches(logs, arm)
            .map((reach) => (reach ? stepsOf(reach) : NONE))
            .join(', '),
      },
      {
        head: 'share of all steps, mean',
        cell: (logs, arm) => {
          const shares = reaches(logs, arm).map((reach) => reach?.share ?? null);
          return shares.some((share) => share === Number.POSITIVE_INFINITY) ? 'not on every seed' : cell(shares, 3);
        },
      },
    ],
  );
  if (!table) return [];
  return [
    'Steps of RLVR until an arm has NTP’s final score:',
    table,
    `NTP’s final score is its pass@1 after RLVR on the range that RLVR practises on (where that is not evaluated: its mean reward of the last ${SMOOTHING} steps). An arm has it at the first step at which its reward, mean of the last ${SMOOTHING} steps, is at least that; before the first when its pass@1 before RLVR is.`,
  ];
}

/** pass@k before and after on the practised range, and the one over the other. */
function keptTable(study: StudyLogs): string[] {
  const ks = passKs(allLogs(study).flatMap((log) => log.summary.results));
  const at = (logs: readonly SeedLog[], arm: Arm, phase: 'before' | 'after', k: number): string =>
    cell(
      logs.map((log) => readField(resultOf(log, arm, phase, practisedRange(log.start.recipe)), { of: 'pass', k })),
      3,
    );
  const columns = ks.flatMap((k): Column<Arm>[] => [
    {
      head: `pass@${k}`,
      cell: (logs, arm) => {
        const [before, after] = [at(logs, arm, 'before', k), at(logs, arm, 'after', k)];
        return after === NONE ? NONE : `${before} → ${after}`;
      },
    },
    {
      head: `pass@${k} kept`,
      cell: (logs, arm) =>
        cell(
          logs.map((log) => keptOf(log, arm, k)),
          3,
        ),
    },
  ]);
  const table = variantTable(
    study,
    { head: 'arm', of: (arm: Arm) => ARM_LABEL[arm] },
    (logs) => ARMS.filter((arm) => logs.some((log) => practises(log, arm))),
    columns,
  );
  const ranges = [...new Set(allLogs(study).map((log) => practisedRange(log.start.recipe)))].join(', ');
  return table ? [`pass@k side by side, before → after RLVR, and what is kept (after / before), range ${ranges}:`, table] : [];
}

/** Mean over seeds of the share of steps, for sentences. */
export function meanShare(logs: readonly SeedLog[], arm: Arm): number | null {
  const shares = logs.map((log) => reachOf(log, arm, 'ntp')?.share ?? null);
  if (shares.length === 0 || shares.some((share) => share === null)) return null;
  return (shares as number[]).reduce((a, b) => a + b, 0) / shares.length;
}

export const shareText = (share: number): string => (Number.isFinite(share) ? fixed(share, 2) : 'not reached on every seed');
