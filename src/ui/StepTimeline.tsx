// One training step by kernel: a strip of time, what each kernel achieves, memory by use, and every kernel's WGSL one click away.
import { useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { copyText } from '../app/clipboard.ts';
import { type ProfiledPhase, type Span, spansOf, type StepProfile, whyNoProfile } from '../app/stepProfile.ts';
import { stepProfile } from '../app/theStepProfile.ts';
import { decimal } from './numbers.ts';
import { useLab } from './useLab.ts';

const LANES: ProfiledPhase[] = ['forward', 'loss', 'backward', 'optimiser', 'sampling'];
const LANE_HEIGHT = 16;
/** Spans drawn at most: the longest. */
const MOST_SPANS = 1500;

export function StepTimeline() {
  const { busy, profile, kernels, error } = useStore(stepProfile.store);
  const why = useLab(whyNoProfile);
  return (
    <section className="step-profile" aria-label="One step by kernel">
      <h3>One step by kernel</h3>
      <p className="choices">
        <button type="button" disabled={busy || why !== ''} title={why || undefined} onClick={() => void stepProfile.measure()}>
          {busy ? 'Profiling…' : profile ? 'Profile again' : 'Profile a step'}
        </button>
        <label className="field-inline">
          Read a kernel
          <select
            value=""
            onFocus={() => void stepProfile.listKernels()}
            onPointerEnter={() => void stepProfile.listKernels()}
            onChange={(e) => void stepProfile.openSource(e.target.value)}
          >
            <option value="">{kernels.length > 0 ? `of ${kernels.length}` : 'choose'}</option>
            {kernels.map((kernel) => (
              <option key={kernel}>{kernel}</option>
            ))}
          </select>
        </label>
        <span className="ablation-note">{why || 'On a copy of the model: nothing that was trained changes.'}</span>
      </p>
      {error ? <p className="failed">{error}</p> : null}
      {profile ? <Profile profile={profile} /> : null}
      <SourceDialog />
    </section>
  );
}

function Profile({ profile }: { profile: StepProfile }) {
  const { plan, method, resolutionUs, rounds, timeMs, ceiling, kernels, memory } = profile;
  const total = memory.reduce((n, m) => n + m.sizeBytes, 0);
  return (
    <>
      <p className="key">
        {plan}: <span className="num">{decimal(timeMs, 2)}</span> ms.{' '}
        {method === 'timestamps'
          ? `GPU timestamps around every dispatch, mean of ${rounds} rounds${resolutionUs > 10 ? `; they come in steps of ${resolutionUs.toFixed(0)} µs` : ''}.`
          : `This adapter has no timestamps: runs of one kernel were submitted and waited for alone, less the ${resolutionUs.toFixed(0)} µs of an empty one, mean of ${rounds} rounds.`}
      </p>
      <Strip profile={profile} />
      <div className="profile-tables">
        <div className="scroll">
          <table className="kernels">
            <caption className="visually-hidden">Kernels, longest first</caption>
            <thead>
              <tr>
                <th scope="col">Kernel</th>
                <th scope="col">Calls</th>
                <th scope="col">ms</th>
                <th scope="col">Share</th>
                <th scope="col" title={`Ceiling measured in registers: ${decimal(ceiling.gflopPerS, 1)} GFLOP/s`}>
                  GFLOP/s
                </th>
                <th
                  scope="col"
                  title={`Ceiling measured copying memory: ${decimal(ceiling.gbPerS, 1)} GB/s. What a dispatch binds counts once: more than the ceiling means that a kernel reads part of it, or finds it in a cache.`}
                >
                  GB/s
                </th>
              </tr>
            </thead>
            <tbody>
              {kernels.map((k) => (
                <tr key={k.kernel}>
                  <th scope="row">
                    <button type="button" className="link" onClick={() => void stepProfile.openSource(k.kernel)}>
                      {k.kernel}
                    </button>
                  </th>
                  <td className="num">{k.calls}</td>
                  <td className="num">{k.timeMs.toFixed(3)}</td>
                  <td className="num">{percent(k.share)}</td>
                  <td className="num">
                    {rate(k.gflopPerS)} <small>{percent(k.gflopPerS / ceiling.gflopPerS)}</small>
                  </td>
                  <td className="num">
                    {rate(k.gbPerS)} <small>{percent(k.gbPerS / ceiling.gbPerS)}</small>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <p className="key">
            Small: of the adapter’s ceiling, <span className="num">{rate(ceiling.gflopPerS)}</span> GFLOP/s in registers and{' '}
            <span className="num">{rate(ceiling.gbPerS)}</span> GB/s copied.
          </p>
        </div>
        <div>
          <h4>GPU memory during the step</h4>
          <table className="memory">
            <tbody>
              {memory.map(({ use, sizeBytes }) => (
                <tr key={use}>
                  <th scope="row">{use}</th>
                  <td className="num">{mebibytes(sizeBytes)}</td>
                  <td>
                    <svg className="score-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                      <rect className="track" width="100" height="8" />
                      <rect className="fill" width={(100 * sizeBytes) / Math.max(1, total)} height="8" />
                    </svg>
                  </td>
                </tr>
              ))}
              <tr>
                <th scope="row">all</th>
                <td className="num">{mebibytes(total)}</td>
                <td />
              </tr>
            </tbody>
          </table>
        </div>
      </div>
    </>
  );
}

function Strip({ profile }: { profile: StepProfile }) {
  const spans = spansOf(profile);
  const total = spans.reduce((n, s) => n + s.timeUs, 0);
  const drawn = spans.length > MOST_SPANS ? [...spans].sort((a, b) => b.timeUs - a.timeUs).slice(0, MOST_SPANS) : spans;
  const lanes = LANES.filter((lane) => spans.some((s) => s.phase === lane));
  const tones = new Map(profile.kernels.map((k, i) => [k.kernel, i % 10]));
  return (
    <figure className="strip">
      <ol className="strip-lanes">
        {lanes.map((lane) => (
          <li key={lane}>{lane}</li>
        ))}
      </ol>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the table below opens the same sources by keyboard */}
      <svg
        viewBox={`0 0 1000 ${lanes.length * LANE_HEIGHT}`}
        height={lanes.length * LANE_HEIGHT}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Timeline of the step: ${lanes.map((lane) => `${lane} ${decimal(laneMs(spans, lane), 2)} ms`).join(', ')}`}
        onClick={(e) => {
          const kernel = (e.target as SVGElement).dataset.kernel;
          if (kernel) void stepProfile.openSource(kernel);
        }}
      >
        {lanes.map((lane, i) => (
          <line key={lane} className="lane" x1="0" x2="1000" y1={(i + 1) * LANE_HEIGHT - 0.5} y2={(i + 1) * LANE_HEIGHT - 0.5} />
        ))}
        {drawn.map((span) => (
          <rect
            key={span.startUs}
            className={`span latent-${tones.get(span.kernel) ?? 0}`}
            data-kernel={span.kernel}
            x={(1000 * span.startUs) / total}
            width={Math.max(0.5, (1000 * span.timeUs) / total)}
            y={lanes.indexOf(span.phase) * LANE_HEIGHT + 2}
            height={LANE_HEIGHT - 4}
          >
            <title>{`${span.kernel}${span.calls > 1 ? ` × ${span.calls}` : ''}${span.layer === null ? '' : `, layer ${span.layer}`}: ${(span.timeUs / 1000).toFixed(3)} ms`}</title>
          </rect>
        ))}
      </svg>
      <figcaption className="key">
        Time from left to right, dispatches end to end; a click opens the kernel’s source.
        {drawn.length < spans.length ? ` The ${MOST_SPANS} longest of ${spans.length} spans are drawn.` : ''}
      </figcaption>
    </figure>
  );
}

const laneMs = (spans: readonly Span[], lane: ProfiledPhase): number =>
  spans.filter((s) => s.phase === lane).reduce((n, s) => n + s.timeUs, 0) / 1000;
const percent = (x: number): string => (Number.isFinite(x) ? `${(100 * x).toFixed(x < 0.1 ? 1 : 0)} %` : '');
const rate = (x: number): string => (Number.isFinite(x) && x > 0 ? Number(x.toPrecision(3)).toString() : '–');
const mebibytes = (bytes: number): string => `${decimal(bytes / 2 ** 20, 2)} MiB`;

function SourceDialog() {
  const source = useStore(stepProfile.store, (s) => s.source);
  const dialog = useRef<HTMLDialogElement>(null);
  const [refused, setRefused] = useState(false);
  const open = source !== null;
  useEffect(() => {
    setRefused(false);
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} className="wgsl" aria-labelledby="wgsl-title" onClose={stepProfile.closeSource}>
      <header>
        <h2 id="wgsl-title">
          <code>{source?.kernel}.wgsl</code>
        </h2>
        <button
          type="button"
          disabled={!source?.code}
          onClick={() => void copyText(source?.code ?? '').then((copied) => setRefused(!copied))}
        >
          Copy
        </button>
        <button type="button" onClick={stepProfile.closeSource}>
          Close
        </button>
      </header>
      {refused ? (
        <p className="issue" role="alert">
          The browser refused the clipboard: select the text and copy it.
        </p>
      ) : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls takes the focus, so that keys scroll it */}
      <pre tabIndex={0}>{source?.code ?? 'Fetching…'}</pre>
    </dialog>
  );
}
