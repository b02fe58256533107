// docs/results.md and its figures, from the logs of finished runs and the theory's instruments alone: every bar with its verdict first, then each study
// section by section, then what did not work. Pure; the same logs give the same bytes. Refuses nothing; a study without a finished run is named so.
import type { TheoryReport } from '../../midtrain/theory/instruments.ts';
import { armSections, seedTable } from './arms.ts';
import { barsTable } from './bars.ts';
import { deficiencySection } from './deficiency.ts';
import { emSection } from './em.ts';
import { factsTable } from './facts.ts';
import { Figures } from './figures.ts';
import { careNotes, whatDidNotWork } from './notes.ts';
import { rlvrSection } from './rlvr.ts';
import { present, type StudyLogs } from './studyLogs.ts';
import { sweepSection } from './sweep.ts';
import { instrumentsSection, theorySection } from './theory.ts';
import { thinkingSection } from './thinking.ts';

/** results.md and figures/results/*.svg by their names below docs/. */
export function resultsReport(studies: readonly StudyLogs[], theory: TheoryReport): Map<string, string> {
  const figures = new Figures();
  const parts = [
    '# Results',
    'Written by `npm run results` from the logs of the runs of the studies in [recipes](../recipes); not edited by hand. Numbers are means over seeds ± half of the 95 % interval by Student’s t; every seed has a base of its own. ± – where one seed alone has the number.',
    '## What was expected, and what came',
    barsTable(studies),
    ...studies.flatMap((study) => studySection(study, figures)),
    ...instrumentsSection(theory, figures),
    '## What did not work',
    whatDidNotWork(studies),
  ];
  return new Map([['results.md', `${parts.join('\n\n')}\n`], ...figures.files]);
}

function studySection(study: StudyLogs, figures: Figures): string[] {
  const { title, about, name } = study.study;
  const head = [`## ${title}`, about];
  if (present(study).length === 0) return [...head, `Not run yet: \`npm run results -- --study ${name}\`.`];
  return [
    ...head,
    factsTable(study),
    ...sweepSection(study, figures),
    '### Arms',
    ...armSections(study),
    ...rlvrSection(study, figures),
    ...emSection(study, figures),
    ...thinkingSection(study, figures),
    ...deficiencySection(study, figures),
    ...theorySection(study, figures),
    '### Every seed',
    'pass@1:',
    seedTable(study),
    '### Read with care',
    careNotes(study),
  ];
}
