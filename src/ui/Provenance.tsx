// Says where the curves come from (recorded, linked, or run here) and, for the recorded run, plays them again: once by itself, after its whole picture was
// there for a moment, unless whoever opened the page has begun to do something or asks for less motion.
import { useEffect } from 'react';
import { calm, tourTo } from '../app/shell.ts';
import { WHOLE } from '../app/runLog.ts';
import { actions, lab } from '../app/theLab.ts';
import { ActionButton } from './ActionButton.tsx';
import { OpenedNote, ReproductionNote } from './ReproductionNote.tsx';
import { useLab } from './useLab.ts';

export function Provenance() {
  const shown = useLab((s) => s.shown);
  const alerts = useLab((s) => s.alerts);
  const adapter = useLab((s) => s.adapter);
  return (
    <>
      {alerts.map((alert) => (
        <div key={alert} className="provenance provenance-alert" role="alert">
          <p>{alert}</p>
          <button type="button" onClick={() => lab.dismissAlert(alert)}>
            Dismiss
          </button>
        </div>
      ))}
      {adapter.kind === 'none' ? (
        <div className="provenance provenance-quiet" role="status">
          <p>Replay only: {adapter.reason}</p>
        </div>
      ) : null}
      {shown === 'demo' ? <DemoPlayback /> : null}
      {shown === 'link' || shown === 'bundle' ? <OpenedNote from={shown} /> : null}
      {shown === 'run' ? <ReproductionNote /> : null}
    </>
  );
}

const PLAYS_AFTER_MS = 1500;
let played = false;

function usePlayOnce(): void {
  useEffect(() => {
    if (played) return;
    const settled = new AbortController();
    const never = () => {
      played = true;
      settled.abort();
    };
    const timer = setTimeout(() => {
      never();
      const { shown, playing, cut, activity } = lab.store.getState();
      if (shown === 'demo' && !playing && cut === WHOLE && activity === 'idle' && !calm()) lab.playOrHold();
    }, PLAYS_AFTER_MS);
    for (const sign of ['keydown', 'pointerdown', 'dragenter', 'wheel'])
      addEventListener(sign, never, { signal: settled.signal, passive: true });
    settled.signal.addEventListener('abort', () => clearTimeout(timer));
    return () => settled.abort();
  }, []);
}

function DemoPlayback() {
  usePlayOnce();
  // at once, unlike the panels: a slider may not lag behind the hand that moves it
  const cut = useLab((s) => s.cut);
  const where = lab.position();
  const stage = cut < lab.log().length ? `${Math.round(where * 100)} % of the run` : 'the whole run';
  return (
    <div className="provenance">
      <p>Recorded run of the embedded default; Run makes it live.</p>
      <button type="button" className="link" onClick={() => tourTo(0)}>
        Take the tour
      </button>
      <div className="playback">
        <ActionButton action={actions.play} />
        <input
          type="range"
          min="0"
          max="1"
          step="0.002"
          value={where}
          aria-label="Position in the recorded run"
          aria-valuetext={stage}
          onChange={(e) => lab.seek(Number(e.target.value))}
        />
      </div>
    </div>
  );
}
