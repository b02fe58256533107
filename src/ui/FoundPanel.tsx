// "What did it find?": a few expert programs, where the policy thinks in them and for how long each thought holds, over the course of training.
import { useEffect, useMemo, useState } from 'react';
import { ARM_ORDER, stageLabel } from '../app/curves.ts';
import { momentFigures, numberLatents, type Segment, segmentsOf, thinkByLine } from '../app/findings.ts';
import type { Arm, Moment, RunLog, ShownLine, ShownTrace } from '../app/runLog.ts';
import { agreementAt, durationsAt } from '../app/latents.ts';
import { AblationSection } from './AblationSection.tsx';
import { ArmChoice } from './ArmChoice.tsx';
import { Durations } from './Durations.tsx';
import { LatentExplorer, type LatentSource } from './LatentExplorer.tsx';
import { latentTone } from './latentTone.ts';
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
  const latents = useMemo(
    () => numberLatents([...log.moments.flatMap((m) => m.traces), ...log.infused.flatMap((m) => m.programs)]),
    [log, version],
  );
  const linked = useLab((s) => s.shown === 'link');
  const [chosen, setChosen] = useState<number | null>(null);
  const [playing, setPlaying] = useState(false);
  const [latent, setLatent] = useState<string | null>(null);
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
  const infused = log.infusedBefore(cut).filter((m) => m.ref.arm === arm);
  const sources: LatentSource[] = [
    { name: 'this moment’s programs', programs: moment.traces, of: null },
    ...infused.map((m) => ({ name: `those infused in EM ${m.ref.iteration}`, programs: m.programs, of: m.of })),
  ];
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
      <div className="held-and-agreed">
        <Durations durations={durationsAt(log, moment)} />
        <Agreement log={log} moments={moments} index={index} />
      </div>
      <div className="traces">
        {moment.traces.map((trace, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the programs are fixed and have no other name
          <Trace key={i} trace={trace} latents={latents} chosen={latent} onChoose={setLatent} />
        ))}
      </div>
      <LatentExplorer
        sources={sources}
        numbers={latents}
        chosen={latent}
        onChoose={setLatent}
        below={(open) => (arm ? <AblationSection log={log} arm={arm} chosen={open} /> : null)}
      />
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

const AGREEMENTS = [
  ['nmi', 'NMI', 'Normalised mutual information of the latents that lines carry and the truth’s: 1 = the same, 0 = independent'],
  ['ari', 'ARI', 'Adjusted Rand index of the same: 1 = the same partition, 0 = chance'],
  ['boundaryF1', 'Boundary F1', 'F1 of the lines that begin with a thought against those where the truth’s segments begin'],
] as const;

/** Agreement with the truth at the chosen moment, over all moments up to now. */
function Agreement({ log, moments, index }: { log: RunLog; moments: readonly Moment[]; index: number }) {
  const course = moments.map((m) => agreementAt(log, m));
  const now = course[index] ?? null;
  return (
    <figure className="agreement">
      <figcaption>Agreement with the truth</figcaption>
      {course.every((a) => a === null) ? (
        <p className="empty">Not in this log: the task does not know the truth, or the log is older than the measure.</p>
      ) : (
        <dl>
          {AGREEMENTS.map(([key, name, about]) => {
            const values = course.map((a) => a?.[key] ?? null);
            return (
              <div key={key} title={about}>
                <dt>{name}</dt>
                <dd className="num">{decimal(now?.[key], 2)}</dd>
                <Spark values={values} index={index} />
              </div>
            );
          })}
        </dl>
      )}
      {now === null && course.some((a) => a !== null) ? (
        <p className="key">Not measured at this moment: E-steps and tests measure it.</p>
      ) : null}
    </figure>
  );
}

/** Values from 0 to 1 over the moments; the chosen one is marked. */
function Spark({ values, index }: { values: readonly (number | null)[]; index: number }) {
  const x = (i: number): number => (values.length > 1 ? (100 * i) / (values.length - 1) : 50);
  const points = values.flatMap((v, i) => (v === null ? [] : [`${x(i)},${23 - 22 * Math.max(0, Math.min(1, v))}`]));
  return (
    <svg className="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      <line className="floor" x1="0" x2="100" y1="23.5" y2="23.5" vectorEffect="non-scaling-stroke" />
      <line className="spark-here" x1={x(index)} x2={x(index)} y1="0" y2="24" vectorEffect="non-scaling-stroke" />
      <polyline points={points.join(' ')} vectorEffect="non-scaling-stroke" />
    </svg>
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

interface TraceProps {
  trace: ShownTrace;
  latents: Map<string, number>;
  chosen: string | null;
  onChoose: (thought: string | null) => void;
}

function Trace({ trace, latents, chosen, onChoose }: TraceProps) {
  const segments = segmentsOf(trace, (thought) => latents.get(thought) ?? 0);
  return (
    <article className="trace">
      <h3>{trace.prompt}</h3>
      <ol>
        {segments.map((segment) => (
          <SegmentRows key={segment.from} segment={segment} chosen={chosen} onChoose={onChoose} />
        ))}
      </ol>
    </article>
  );
}

function SegmentRows({ segment, chosen, onChoose }: { segment: Segment } & Pick<TraceProps, 'chosen' | 'onChoose'>) {
  const { latent, thought, lines, gain } = segment;
  const right = lines[0]?.right ?? null;
  const faint = chosen !== null && chosen !== thought;
  return (
    <li className={`segment ${latentTone(latent)}${faint ? ' faint' : ''}`}>
      {thought === null ? null : (
        <p className="thought">
          <button
            type="button"
            className="thought-text"
            aria-pressed={chosen === thought}
            title="Show this latent alone, and what it does below"
            onClick={() => onChoose(chosen === thought ? null : thought)}
          >
            # {thought}
          </button>
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
