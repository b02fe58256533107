// Name, adapter, the verbs, and how far the run is.
import type { Action } from '../app/actions.ts';
import { actions, commands } from '../app/theLab.ts';
import { stageLabel, stageMark } from '../app/curves.ts';
import { isLive } from '../app/lab.ts';
import { keyOf, type StageProgress } from '../app/runLog.ts';
import { ActionButton } from './ActionButton.tsx';
import { goTo } from '../app/shell.ts';
import { duration, timeLeft } from './numbers.ts';
import { useLab, useLog } from './useLab.ts';

const PAGE_VERBS: readonly Action[] = ['export', 'panels', 'commands', 'keys'].map(
  (id) => commands.lasting.find((action) => action.id === id)!,
);

export function Header() {
  const running = useLab((s) => s.activity !== 'idle');
  return (
    <header className="top">
      <button type="button" className="skip" onClick={() => goTo('learning')}>
        Go to the curves
      </button>
      <div className="top-row">
        <div className="brand">
          <img src="icon.svg" alt="" width="24" height="24" />
          <h1>RA3 Lab</h1>
          <p>Watch a small model learn when to think</p>
        </div>
        <AdapterBadge />
        <div className="verbs" role="toolbar" aria-label="Run">
          <span className="verbs-live">
            <ActionButton action={actions.run} primary />
            <ActionButton action={actions.pause} />
            <ActionButton action={actions.step} />
            {running ? <ActionButton action={actions.stop} /> : null}
          </span>
          <ActionButton action={actions.share} />
          <ActionButton action={actions.bundle} />
          <span className="verbs-page">
            {PAGE_VERBS.map((action) => (
              <ActionButton key={action.id} action={action} quiet />
            ))}
          </span>
        </div>
      </div>
      <Progress />
    </header>
  );
}

function AdapterBadge() {
  const adapter = useLab((s) => s.adapter);
  switch (adapter.kind) {
    case 'checking':
      return <p className="badge">Looking for a WebGPU adapter…</p>;
    case 'ok': {
      const { vendor, architecture, description, software } = adapter.report;
      const name = description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU';
      return (
        <p
          className="badge badge-ok"
          title={software ? 'WebGPU runs in software here: everything works, slowly' : `WebGPU on ${vendor} ${architecture}`}
        >
          {name}
          {software ? ' (software)' : ''}
        </p>
      );
    }
    case 'none':
      return (
        <p className="badge badge-none" title={adapter.reason}>
          Replay only
        </p>
      );
  }
}

function Progress() {
  const { log, cut } = useLog();
  const shown = useLab((s) => s.shown);
  const activity = useLab((s) => s.activity);
  const live = useLab(isLive);
  const stages = log.stagesAt(cut);
  const progress = log.progressBefore(cut);
  if (shown === 'nothing' || shown === 'link') return <div className="stages" />;
  // a stage that a stopped run left half done is not running any more
  const over = shown !== 'demo' && !live;
  const current = stages.findLast((s) => s.state === 'running');
  return (
    <div className="stages">
      <ol aria-label="Stages">
        {stages.map((stage) => (
          <StageCell key={keyOf(stage.ref)} stage={over && stage.state === 'running' ? { ...stage, state: 'waiting' } : stage} />
        ))}
        {stages.length === 0 && live ? <li className="stage">Starting…</li> : null}
      </ol>
      {current && live ? (
        <p className="left">
          <span className="num">
            {current.done} of {current.total}
          </span>
          {progress ? <span className="num">{Math.floor(progress.overall * 100)} %</span> : null}
          {activity === 'running' ? progress?.leftMs != null ? <span>{timeLeft(progress.leftMs)}</span> : null : <span>{activity}</span>}
        </p>
      ) : null}
    </div>
  );
}

function StageCell({ stage }: { stage: StageProgress }) {
  const label = stageLabel(stage.ref);
  const fraction = stage.state === 'done' ? 1 : stage.total > 0 ? stage.done / stage.total : 0;
  const time = stage.timeMs === null ? `${stage.done} of ${stage.total}` : duration(stage.timeMs);
  return (
    <li className={`stage stage-${stage.state}`} title={`${label}: ${time}`} aria-current={stage.state === 'running' ? 'step' : undefined}>
      <span>{stageMark(stage.ref)}</span>
      <svg className="stage-bar" viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true">
        <rect className="track" width="100" height="2" />
        <rect className="fill" width={100 * fraction} height="2" />
      </svg>
    </li>
  );
}
