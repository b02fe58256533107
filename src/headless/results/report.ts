// docs/results.md and its figures, from the logs of finished runs alone: every bar with its verdict first, then each study section by section, then
// what did not work. Pure; the same logs give the same bytes. Refuses nothing; a study without a finished run is named as not run.
import { armTable, differenceTable, RANGE_LABEL, rangesOf, seedTable } from './arms.ts';
import { barsTable } from './bars.ts';
import { factsTable } from './facts.ts';
import { Figures } from './figures.ts';
import type { SeedLog } from './seedLog.ts';
import type { StudyLogs, VariantLogs } from './studyLogs.ts';

/** results.md and figures/results/*.svg by their names below docs/. */
export function resultsReport(studies: readonly StudyLogs[]): Map<string, string> {
  const figures = new Figures();
  const parts = [
    '# Results',
    'Written by `npm run results` from the logs of the runs of the studies in [recipes](../recipes); not edited by hand. Numbers are means over seeds ± half of the 95 % interval by Student’s t; every seed has a base of its own. ± – where one seed alone has the number.',
    '## What was expected, and what came',
    barsTable(studies),
    ...studies.flatMap((study) => studySection(study, figures)),
  ];
  return new Map([['results.md', `${parts.join('\n\n')}\n`], ...figures.files]);
}

function studySection(logs: StudyLogs, figures: Figures): string[] {
  const { study, variants } = logs;
  const head = [`## ${study.title}`, study.about];
  if (!variants.some((variant) => variant.logs.length > 0)) return [...head, `Not run yet: \`npm run results -- --study ${study.name}\`.`];
  return [...head, factsTable(logs), ...variants.flatMap((variant) => variantSection(logs, variant, figures))];
}

function variantSection(_: StudyLogs, { logs }: VariantLogs, __: Figures): string[] {
  if (logs.length === 0) return [];
  return ['### Arms', ...armSections(logs), '### Every seed', `pass@1:\n\n${seedTable(logs)}`];
}

function armSections(logs: readonly SeedLog[]): string[] {
  return rangesOf(logs).flatMap((range) => {
    const differences = differenceTable(logs, range);
    return [
      `On ${RANGE_LABEL[range]}:`,
      armTable(logs, range),
      ...(differences ? [`Differences in pass@1, paired by seed:\n\n${differences}`] : []),
    ];
  });
}
