// Progress in the tab's title, so that a hidden tab tells how far it is.
import { useEffect } from 'react';
import { stageLabel } from '../app/curves.ts';
import { useLab, useLog } from './useLab.ts';

const NAME = 'RA3 Lab';

export function useTabTitle(): void {
  const { log, cut, version } = useLog();
  const activity = useLab((s) => s.activity);
  const shown = useLab((s) => s.shown);
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  useEffect(() => {
    document.title = title();
    function title(): string {
      if (shown !== 'run') return NAME;
      const progress = log.progressBefore(cut);
      if (activity === 'idle') return log.end ? `${log.end.status === 'finished' ? 'Done' : log.end.status} · ${NAME}` : NAME;
      const percent = progress ? `${Math.floor(progress.overall * 100)} %` : '0 %';
      const state = activity === 'paused' ? 'paused' : progress ? stageLabel(progress.ref) : 'starting';
      return `${percent} · ${state} · ${NAME}`;
    }
  }, [log, cut, version, activity, shown]);
}
