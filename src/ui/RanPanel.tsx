// "What ran?": adapter, speed, stages with their times, and everything the run or the page had to say, errors included.
import { METRICS, stageLabel } from '../app/curves.ts';
import { keyOf } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';
import { adapterName, count, duration, NONE } from './numbers.ts';
import { Panel } from './Panel.tsx';
import { StepTimeline } from './StepTimeline.tsx';
import { useLab, useLog } from './useLab.ts';

export function RanPanel() {
  return (
    <Panel question="What ran?">
      <Ran />
    </Panel>
  );
}

function Ran() {
  const { log, cut } = useLog();
  const stages = log.stagesAt(cut).filter((s) => s.state !== 'waiting');
  const { start } = log;
  const end = cut >= log.length ? log.end : null;
  const tokPerS = end?.tokPerS ?? log.latestBefore(cut, METRICS.speed);
  return (
    <>
      <div className="ran">
        <dl className="facts">
          <Fact name="Adapter" value={start ? adapterName(start.adapter) : NONE} />
          <Fact name="Model" value={start ? `${count(start.parameters)} parameters` : NONE} />
          <Fact name="Speed" value={tokPerS === null ? NONE : `${count(Math.round(tokPerS))} tokens/s`} />
          <Fact name="Time" value={end ? duration(end.timeMs) : NONE} />
          <Fact name="Ended" value={end ? (end.error ?? end.status) : NONE} />
          <Fact name="Lab version" value={start?.version ?? NONE} />
        </dl>
        <div className="scroll">
          <table className="stage-times">
            <caption className="visually-hidden">Stages with their steps and times</caption>
            <thead>
              <tr>
                <th scope="col">Stage</th>
                <th scope="col">Steps</th>
                <th scope="col">Time</th>
              </tr>
            </thead>
            <tbody>
              {stages.map((s) => (
                <tr key={keyOf(s.ref)}>
                  <th scope="row">{stageLabel(s.ref)}</th>
                  <td className="num">{s.state === 'done' ? s.total : `${s.done} of ${s.total}`}</td>
                  <td className="num">{s.timeMs === null ? NONE : duration(s.timeMs)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
      <StepTimeline />
      <Notices />
      {log.length > 0 ? (
        <button type="button" onClick={lab.downloadLog}>
          Download the log
        </button>
      ) : null}
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Notices() {
  const { log, cut } = useLog();
  const messages = useLab((s) => s.messages);
  const shown = [...log.notices.filter((n) => n.at < cut), ...messages];
  if (shown.length === 0) return <p className="empty">Nothing to report.</p>;
  return (
    <ul className="notices" aria-label="Notices">
      {shown.map((notice, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list only grows
        <li key={i} className={`notice notice-${notice.level}`}>
          <strong>{notice.level}</strong> {notice.message}
        </li>
      ))}
    </ul>
  );
}
