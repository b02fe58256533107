// Progress in the tab's title, so that a hidden tab tells how far it is. Outside React: no drawing is waited for.
import { stageLabel } from '../app/curves.ts';
import { WHOLE } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';

const NAME = 'RA3 Lab';

/** From now on. */
export function keepTabTitle(): void {
  const tell = () => {
    const now = title();
    if (document.title !== now) document.title = now;
  };
  tell();
  lab.store.subscribe(tell);
}

function title(): string {
  const { activity, workerRunId } = lab.store.getState();
  const log = workerRunId === null ? null : lab.logOf(workerRunId);
  if (!log) return NAME;
  if (activity === 'idle') return log.end ? `${log.end.status === 'finished' ? 'Done' : log.end.status} · ${NAME}` : NAME;
  const progress = log.progressBefore(WHOLE);
  const percent = progress ? `${Math.floor(progress.overall * 100)} %` : '0 %';
  const state = activity === 'paused' ? 'paused' : progress ? stageLabel(progress.ref) : 'starting';
  return `${percent} · ${state} · ${NAME}`;
}
