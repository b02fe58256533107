// Progress in the tab's title, so that a hidden tab tells how far it is.
import { useEffect } from 'react';
import { stageLabel } from '../app/curves.ts';
import { WHOLE } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';
import { useLab, useLog } from './useLab.ts';

const NAME = 'RA3 Lab';

export function useTabTitle(): void {
  const { version } = useLog();
  const activity = useLab((s) => s.activity);
  const runId = useLab((s) => s.workerRunId);
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  useEffect(() => {
    document.title = title();
    function title(): string {
      const log = runId === null ? null : lab.logOf(runId);
      if (!log) return NAME;
      const progress = log.progressBefore(WHOLE);
      if (activity === 'idle') return log.end ? `${log.end.status === 'finished' ? 'Done' : log.end.status} · ${NAME}` : NAME;
      const percent = progress ? `${Math.floor(progress.overall * 100)} %` : '0 %';
      const state = activity === 'paused' ? 'paused' : progress ? stageLabel(progress.ref) : 'starting';
      return `${percent} · ${state} · ${NAME}`;
    }
  }, [version, activity, runId]);
}
