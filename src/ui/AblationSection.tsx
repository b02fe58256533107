// Switching latents off in the trained arm, live: its score with and without them, measured again in the tab.
import { useStore } from 'zustand';
import { type AblationResult, sameOff, whyNoAblation } from '../app/ablation.ts';
import { armLabel } from '../app/curves.ts';
import type { Arm, RunLog } from '../app/runLog.ts';
import { ablation } from '../app/theAblation.ts';
import { decimal, signed } from './numbers.ts';
import { LoadModels } from './LoadModels.tsx';
import { useLab } from './useLab.ts';

interface AblationSectionProps {
  log: RunLog;
  arm: Arm;
  /** The latent chosen in the explorer. */
  chosen: string | null;
}

export function AblationSection({ log, arm, chosen }: AblationSectionProps) {
  const why = useLab((s) => whyNoAblation(s, log));
  const runId = useLab((s) => s.shownId);
  const state = useStore(ablation.store);
  const own = state.runId === runId && state.arm === arm;
  const results = own ? state.results : [];
  const disabled = why !== '' || state.busy;
  const title = why || (state.busy ? 'A measurement is under way' : undefined);
  return (
    <section className="ablation" aria-label="Switch latents off">
      <h3>Switch latents off</h3>
      <p className="choices">
        <button
          type="button"
          disabled={disabled || chosen === null}
          title={title ?? (chosen === null ? 'There is no latent here' : undefined)}
          onClick={() => chosen !== null && void ablation.switchOff(arm, [chosen])}
        >
          {chosen === null ? 'Switch a latent off' : `Switch “${chosen}” off`}
        </button>
        <button type="button" disabled={disabled} title={title} onClick={() => void ablation.switchOff(arm, null)}>
          All thoughts off
        </button>
        <LoadModels />
        <span className="ablation-note">
          {why ||
            (log.start?.recipe.task.kind === 'code'
              ? `${armLabel(arm)} thinks through held-out expert programs again with the same random numbers; a thought that is off is taken back, and the line goes on without it.`
              : `${armLabel(arm)} writes held-out programs again with the same random numbers; what is off it cannot sample.`)}
        </span>
      </p>
      {own && state.error ? <p className="failed">{state.error}</p> : null}
      {results.length > 0 ? (
        <div className="scroll">
          <table className="ablations">
            <caption className="visually-hidden">{scoreName(results)} with latents switched off</caption>
            <thead>
              <tr>
                <th scope="col">Off</th>
                <th scope="col">{scoreName(results)} with all</th>
                <th scope="col">with it off</th>
                <th scope="col">Difference</th>
                <th scope="col">Thoughts per program</th>
                <th scope="col">Rollouts changed</th>
                <th scope="col">Judged</th>
              </tr>
            </thead>
            <tbody>
              {results.map((r) => (
                <Row key={JSON.stringify(r.off)} result={r} growing={state.busy && sameOff(r.off, results[0]!.off)} />
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </section>
  );
}

function scoreName([first]: readonly AblationResult[]): string {
  return first?.score === 'nll' ? 'Nats per token' : 'pass@1';
}

function Row({ result, growing }: { result: AblationResult; growing: boolean }) {
  const { score, off, whole, ablated, difference, thoughts, changed, programs, of, samples } = result;
  const real = difference.lo > 0 || difference.hi < 0;
  const worse = score === 'nll' ? difference.mean > 0 : difference.mean < 0;
  const most = score === 'nll' ? Math.max(whole.mean, ablated.mean) : 1;
  return (
    <tr aria-busy={growing}>
      <th scope="row">{off === null ? 'all thoughts' : off.map((t) => `# ${t}`).join(', ')}</th>
      <td>
        <Score interval={whole} most={most} />
      </td>
      <td>
        <Score interval={ablated} most={most} />
      </td>
      <td>
        <span className={`num ${real ? (worse ? 'gain-down' : 'gain-up') : ''}`}>{signed(difference.mean, 3)}</span>
        <span className="interval num">
          {signed(difference.lo, 3)} to {signed(difference.hi, 3)}
        </span>
      </td>
      <td className="num">
        {decimal(thoughts.whole, 2)} → {decimal(thoughts.ablated, 2)}
      </td>
      <td className="num">
        {changed} of {programs * samples}
      </td>
      <td className="num">
        {programs} of {of} programs × {samples}
      </td>
    </tr>
  );
}

/** The bar is full at `most`. */
function Score({ interval: { mean, lo, hi }, most }: { interval: AblationResult['whole']; most: number }) {
  return (
    <>
      <span className="num">{decimal(mean)}</span>
      <svg className="score-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect className="track" width="100" height="8" />
        <rect className="fill" width={(100 * mean) / most} height="8" />
      </svg>
      <span className="interval num">
        {decimal(lo)} to {decimal(hi)}
      </span>
    </>
  );
}
