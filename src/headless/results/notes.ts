// What to read with care, and what did not work, both from the data: missed bars with their numbers, runs that failed, labels that did not help, RA3
// where it is not above NTP, RLVR that lost what it should keep. Pure. Refuses nothing.
import { ARM_LABEL } from '../../run/recipe.ts';
import { pairedDifference, significance } from './arms.ts';
import { judgeStudy } from './bars.ts';
import { adapterName } from './facts.ts';
import { keptOf, practisedRange, RARE_THOUGHTS } from './metric.ts';
import { cell, NONE } from './numbers.ts';
import { meanShare, shareText } from './rlvr.ts';
import type { SeedLog } from './seedLog.ts';
import { allLogs, present, rangesOf, type StudyLogs, type VariantLogs } from './studyLogs.ts';

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');

export function careNotes(study: StudyLogs): string {
  const logs = allLogs(study);
  const { recipe } = study.study.variants[0]!;
  const lines = [
    `NTP gets as many updates as its recipe says (${recipe.ntp.steps}; all M-steps together are ${recipe.ra3.emIterations * recipe.ra3.m.steps}), on the very programs of the first M-step${recipe.arms.includes('ntp-compute') ? '; NTP with equal compute gets as many more as take RA3’s multiply-adds' : ''}.`,
    `What thoughts are like is left out (${NONE}) for arms with fewer than ${RARE_THOUGHTS} thoughts per program.`,
    'Held-out NLL is over expert lines with the arm’s own thoughts, so arms that think differently are compared on different contexts.',
  ];
  if (recipe.rlvr.steps > 0) lines.push('RLVR is one objective at one learning rate for all arms; none was tuned per arm.');
  if (present(study).some((variant) => variant.logs.length === 1)) lines.push('Where one seed alone has run there are no intervals.');
  if (logs.every((log) => log.start.adapter.software))
    lines.push('Run on a software adapter (a CPU): the times say nothing about a GPU, which was not used.');
  if (new Set(logs.map((log) => `${log.start.version} on ${adapterName(log.start)}`)).size > 1)
    lines.push('The seeds were not all run with one version on one adapter; equal seeds give equal bits only where both are equal.');
  for (const { variant, absent } of study.variants) {
    if (absent.length === 0) continue;
    const by = absent.map(({ seed, why }) => `seed ${seed} (${why})`).join(', ');
    lines.push(`Not among these${variant.label ? `, ${variant.label}` : ''}: ${by}.`);
  }
  return list(lines);
}

const nameOf = ({ study }: StudyLogs, { variant }: VariantLogs): string => `${study.title}${variant.label ? `, ${variant.label}` : ''}`;

export function whatDidNotWork(studies: readonly StudyLogs[]): string {
  const lines = studies.flatMap((study) => [
    ...judgeStudy(study)
      .filter(({ verdict }) => verdict === 'missed')
      .map(
        ({ statement, measured, variantLogs, bar }) =>
          `**${nameOf(study, variantLogs)}**: a bar was missed: ${statement}; measured ${measured}.${bar.about ? ` (${bar.about})` : ''}`,
      ),
    ...study.variants.flatMap((variant) => [...failures(study, variant), ...negatives(study, variant)]),
  ]);
  const own = lines.length > 0 ? list(lines) : 'By these data nothing: every bar that could be judged was met.';
  return `${own}\n\nThe lines above are made from the logs. What was tried on the way and did not work is in [log.md](log.md).`;
}

function failures(study: StudyLogs, variant: VariantLogs): string[] {
  return variant.absent.flatMap(({ seed, failed }) =>
    failed === null ? [] : [`**${nameOf(study, variant)}**: the run of seed ${seed} failed: ${failed.replace(/\s*\n\s*/g, ' ')}`],
  );
}

function negatives(study: StudyLogs, variant: VariantLogs): string[] {
  const { logs } = variant;
  if (logs.length === 0) return [];
  const name = `**${nameOf(study, variant)}**`;
  const range = rangesOf(study)[0]!;
  const lines: string[] = [];
  if (expectedEqual(study, variant)) return lostInRlvr(name, logs);
  const oracle = pairedDifference(logs, 'oracle', 'ntp', 'before', range);
  const useful = significance(oracle);
  if (useful && !beatsByTwo(useful))
    lines.push(
      `${name}: ${ARM_LABEL.oracle} do not beat NTP by two standard errors before RLVR (difference ${cell(oracle, 3)}): abstractions are not shown to help here.`,
    );
  for (const phase of ['before', 'after'] as const) {
    const values = pairedDifference(logs, 'ra3', 'ntp', phase, range);
    const found = significance(values);
    if (found && !(found.outside && found.mean > 0))
      lines.push(`${name}: RA3 is not above NTP ${phase} RLVR (difference ${cell(values, 3)}).`);
  }
  const share = meanShare(logs, 'ra3');
  if (share !== null && share > 0.5)
    lines.push(`${name}: RLVR from RA3 takes more than half of the steps to NTP’s final score (share of steps ${shareText(share)}).`);
  return [...lines, ...lostInRlvr(name, logs)];
}

/** Whether the study expects RA3 to equal NTP here (a control) and it does: then that nothing is gained is no failure. */
function expectedEqual(study: StudyLogs, variant: VariantLogs): boolean {
  return judgeStudy(study).some(({ bar, verdict, variantLogs }) => {
    const { metric, compare } = bar;
    if (variantLogs !== variant || verdict !== 'met' || compare?.how !== 'equals') return false;
    const arms = [metric, compare.with].map((m) => (m.from === 'result' ? m.arm : null));
    return arms.includes('ra3') && arms.includes('ntp');
  });
}

/** The largest k that all logs have, in RLVR from RA3 against RLVR from NTP. */
function lostInRlvr(name: string, logs: readonly SeedLog[]): string[] {
  const k = Math.min(...logs.map((log) => Math.max(1, ...log.summary.results.flatMap((r) => Object.keys(r.passAt).map(Number)))));
  const of = (arm: 'ra3' | 'ntp'): (number | null)[] => logs.map((log) => keptOf(log, arm, k));
  const difference = of('ra3').map((value, i) => {
    const other = of('ntp')[i]!;
    return value === null || other === null ? null : value - other;
  });
  const found = significance(difference);
  if (k === 1 || !found || found.mean >= 0) return [];
  return [
    `${name}: RLVR from RA3 keeps less of pass@${k} than RLVR from NTP (${cell(of('ra3'), 3)} against ${cell(of('ntp'), 3)}, range ${practisedRange(logs[0]!.start.recipe)}).`,
  ];
}

function beatsByTwo({ mean, standardErrors }: NonNullable<ReturnType<typeof significance>>): boolean {
  return standardErrors === null ? mean > 0 : standardErrors > 2;
}
