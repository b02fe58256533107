// "What did it find?": a few expert programs, where the policy thinks in them and for how long each thought holds, over the course of training.
import { useEffect, useMemo, useState } from 'react';
import { ARM_ORDER, stageLabel } from '../app/curves.ts';
import { momentFigures, numberLatents, type Segment, segmentsOf, thinkByLine } from '../app/findings.ts';
import type { Arm, Moment, ShownLine, ShownTrace } from '../app/runLog.ts';
import { ArmChoice } from './ArmChoice.tsx';
import { decimal, signed } from './numbers.ts';
import { Panel } from './Panel.tsx';
import { ThinkMap } from './ThinkMap.tsx';
import { useLab, useLog } from './useLab.ts';

const PLAY_MS = 160;
const MAX_BARS = 16;

export function FoundPanel() {
  return (
    <Panel question="What did it find?" note="Where the policy stops to think before a line, and how long each thought holds.">
      <Found />
    </Panel>
  );
}

function Found() {
  const { log, cut, version } = useLog();
  const [wantedArm, setArm] = useState<Arm>('ra3');
  const arms = ARM_ORDER.filter((a) => log.momentsBefore(cut).some((m) => m.ref.arm === a));
  const arm = arms.includes(wantedArm) ? wantedArm : arms[arms.length - 1];
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  const moments = useMemo(() => log.momentsBefore(cut).filter((m) => m.ref.arm === arm), [log, cut, version, arm]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  const latents = useMemo(() => numberLatents(log.moments), [log, version]);
  const linked = useLab((s) => s.shown === 'link');
  const [chosen, setChosen] = useState<number | null>(null);
  const [playing, setPlaying] = useState(false);
  const last = moments.length - 1;
  const index = Math.min(chosen ?? last, last);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another log or arm begins at its last moment
  useEffect(() => setChosen(null), [log, arm]);
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => {
      setChosen((now) => {
        const next = (now ?? 0) + 1;
        return next >= last ? null : next;
      });
    }, PLAY_MS);
    return () => clearInterval(timer);
  }, [playing, last]);
  useEffect(() => {
    if (chosen === null) setPlaying(false);
  }, [chosen]);

  const moment = moments[index];
  const slots = log.moments.filter((m) => m.ref.arm === arm).length;
  if (!moment)
    return (
      <p className="empty">
        {linked ? 'A link carries curves and results, not traces: run it here to see them.' : 'Traces appear with the first E-step.'}
      </p>
    );
  const play = () => {
    if (playing) setPlaying(false);
    else {
      setChosen(index >= last ? 0 : index);
      setPlaying(true);
    }
  };
  return (
    <>
      {arms.length > 1 ? <ArmChoice arms={arms} arm={arm} onChoose={setArm} /> : null}
      <div className="forming">
        <ThinkMap moments={moments} slots={slots} index={index} onChoose={(i) => setChosen(i >= last ? null : i)} />
        <ByLine traces={moment.traces} />
        <div className="moments">
          <button type="button" onClick={play} disabled={moments.length < 2} aria-label={playing ? 'Hold the moments' : 'Play the moments'}>
            {playing ? 'Hold' : 'Play'}
          </button>
          <input
            type="range"
            min="0"
            max={slots - 1}
            step="1"
            value={index}
            aria-label="Moment of training"
            aria-valuetext={momentLabel(moment)}
            onChange={(e) => {
              setPlaying(false);
              setChosen(Number(e.target.value) >= last ? null : Number(e.target.value));
            }}
          />
        </div>
        <Figures moment={moment} />
      </div>
      <div className="traces">
        {moment.traces.map((trace, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the programs are fixed and have no other name
          <Trace key={i} trace={trace} latents={latents} />
        ))}
      </div>
    </>
  );
}

function momentLabel(moment: Moment): string {
  const { stage, phase } = moment.ref;
  if (stage === 'evaluate') return phase === 'after' ? 'After RLVR' : 'Before RLVR';
  return `${stageLabel(moment.ref)}, step ${moment.step}`;
}

function Figures({ moment }: { moment: Moment }) {
  const { thoughtsPerProgram, meanDuration, right, judged } = momentFigures(moment.traces);
  return (
    <p className="moment-figures">
      <strong>{momentLabel(moment)}</strong>
      <span>
        <span className="num">{decimal(thoughtsPerProgram, 2)}</span> thoughts per program
      </span>
      {meanDuration === null ? null : (
        <span>
          held for <span className="num">{decimal(meanDuration, 1)}</span> lines
        </span>
      )}
      {judged > 0 ? (
        <span>
          right <span className="num">{right}</span> of <span className="num">{judged}</span>
        </span>
      ) : null}
      <span className="reading">Bars P(think), numbers nats gained</span>
    </p>
  );
}

/** Mean P(think) by line index at the chosen moment. */
function ByLine({ traces }: { traces: readonly ShownTrace[] }) {
  const rates = thinkByLine(traces);
  return (
    <figure className="by-line">
      <figcaption>P(think) by line, now{rates.length > MAX_BARS ? `, first ${MAX_BARS}` : ''}</figcaption>
      <ol>
        {rates.slice(0, MAX_BARS).map((rate, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the line
          <li key={i}>
            <span className="num">{i + 1}</span>
            <Bar fraction={rate} />
            <span className="num">{rate.toFixed(2)}</span>
          </li>
        ))}
      </ol>
    </figure>
  );
}

function Bar({ fraction }: { fraction: number }) {
  return (
    <svg className="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect className="track" width="100" height="8" />
      <rect className="fill" width={Math.max(0, Math.min(1, fraction)) * 100} height="8" />
    </svg>
  );
}

function Trace({ trace, latents }: { trace: ShownTrace; latents: Map<string, number> }) {
  const segments = segmentsOf(trace, (thought) => latents.get(thought) ?? 0);
  return (
    <article className="trace">
      <h3>{trace.prompt}</h3>
      <ol>
        {segments.map((segment) => (
          <SegmentRows key={segment.from} segment={segment} />
        ))}
      </ol>
    </article>
  );
}

function SegmentRows({ segment }: { segment: Segment }) {
  const { latent, thought, lines, gain } = segment;
  const tone = latent < 0 ? 'no-latent' : `latent-${latent % 10}${latent >= 10 ? ' latent-dashed' : ''}`;
  const right = lines[0]?.right ?? null;
  return (
    <li className={`segment ${tone}`}>
      {thought === null ? null : (
        <p className="thought">
          <span className="thought-text"># {thought}</span>
          {right === null ? null : <span className={right ? 'right' : 'wrong'}>{right ? 'right' : 'wrong'}</span>}
          <span className="held">
            {lines.length} {lines.length === 1 ? 'line' : 'lines'}, <span className="num">{signed(gain)}</span> nats
          </span>
        </p>
      )}
      <ol>
        {lines.map((line, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the line
          <TraceLine key={i} line={line} thinks={i === 0 && thought !== null} />
        ))}
      </ol>
    </li>
  );
}

function TraceLine({ line, thinks }: { line: ShownLine; thinks: boolean }) {
  const title = `P(think) ${line.pThink.toFixed(3)}, log p(line) ${line.lineLogprob.toFixed(3)} nats, gain over no thought ${signed(line.gain, 3)} nats`;
  return (
    <li className="trace-line" title={title}>
      <span className={thinks ? 'mark mark-think' : 'mark'}>{thinks ? 'think' : 'act'}</span>
      <Bar fraction={line.pThink} />
      <code>{line.text}</code>
      <span className="kind">{line.kind}</span>
      <span className={`num gain${line.gain > 0.05 ? ' gain-up' : line.gain < -0.05 ? ' gain-down' : ''}`}>{signed(line.gain)}</span>
    </li>
  );
}
