// The runs, newest first: each with its colour, state, seed and what its arms reached; a click shows it, a box lays it over the one shown.
// Rows are rendered anew only when their own run changes, and those out of sight are not laid out, so that hundreds stay fluid.
import { memo, useEffect, useState } from 'react';
import { armLabel } from '../app/curves.ts';
import type { RunEntry, RunStatus, Score } from '../app/runs.ts';
import { lab } from '../app/theLab.ts';
import { decimal } from './numbers.ts';
import { Panel } from './Panel.tsx';
import { useLab } from './useLab.ts';

const ORIGIN: Record<RunEntry['origin'], string> = { run: '', link: 'from a link', bundle: 'from a bundle', demo: 'recorded' };

export function RunsPanel() {
  const runs = useLab((s) => s.runs);
  const shownId = useLab((s) => s.shownId);
  const compared = useLab((s) => s.compared);
  const kept = useLab((s) => s.kept);
  const idle = useLab((s) => s.activity === 'idle' && s.adapter.kind === 'ok');
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === 'visible') void lab.refreshRuns();
    };
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  return (
    <Panel question="Which runs?" note={runs.length > 3 ? `${runs.length}` : undefined}>
      {kept?.kind === 'memory' ? (
        <p className="notice notice-warning runs-memory" role="status">
          {kept.message}
        </p>
      ) : null}
      <Queue />
      {runs.length === 0 ? (
        <p className="empty">None yet.</p>
      ) : (
        <ol className="runs" aria-label="Runs">
          {runs.map((run) => (
            <Row key={run.id} run={run} shown={run.id === shownId} compared={compared.includes(run.id)} canResume={idle} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Queue() {
  const queue = useLab((s) => s.queue);
  const seed = useLab((s) => s.draft.recipe?.seed ?? null);
  const ready = useLab((s) => s.draft.recipe !== null && s.adapter.kind === 'ok');
  const [count, setCount] = useState(5);
  const last = seed === null ? null : seed + count - 1;
  return (
    <>
      <form
        className="run-queue"
        onSubmit={(event) => {
          event.preventDefault();
          void lab.queueSeeds(count);
        }}
      >
        <label>
          Seeds{' '}
          <input
            type="number"
            min="2"
            max="50"
            value={count}
            onChange={(e) => setCount(Math.max(1, Math.min(50, Math.round(Number(e.target.value)))))}
          />
        </label>
        <button type="submit" disabled={!ready} title="The recipe with each of these seeds, one run after another">
          Run seeds {seed ?? '–'}–{last ?? '–'}
        </button>
      </form>
      {queue.length > 0 ? (
        <ol className="runs" aria-label="Queue">
          {queue.map((recipe, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the place is what is cancelled
            <li key={place} className="run run-head">
              <span className="run-name">{recipe.name}</span>
              <span className="run-status num">seed {recipe.seed}, queued</span>
              <button
                type="button"
                className="link"
                aria-label={`Cancel ${recipe.name}, seed ${recipe.seed}`}
                onClick={() => lab.cancelQueued(place)}
              >
                Cancel
              </button>
            </li>
          ))}
        </ol>
      ) : null}
    </>
  );
}

interface RowProps {
  run: RunEntry;
  shown: boolean;
  compared: boolean;
  canResume: boolean;
}

const Row = memo(function Row({ run, shown, compared, canResume }: RowProps) {
  const { id, name, recipe, scores } = run;
  return (
    <li className={`run run-tone-${run.tone % 20}${shown ? ' run-shown' : ''}`} aria-current={shown ? 'true' : undefined}>
      <div className="run-head">
        <svg className="run-swatch" viewBox="0 0 16 4" aria-hidden="true">
          <line x1="0" y1="2" x2="16" y2="2" />
        </svg>
        <button type="button" className="run-name" title={shown ? `${name}: shown` : `Show ${name}`} onClick={() => void lab.showRun(id)}>
          {name}
        </button>
        <span className={`run-status run-status-${run.status}`}>{statusText(run)}</span>
        <input
          type="checkbox"
          checked={compared || shown}
          disabled={shown}
          aria-label={`Compare ${name}, seed ${recipe.seed}`}
          title={shown ? 'Shown now' : compared ? 'No longer lay it over the shown run' : 'Lay it over the shown run'}
          onChange={() => void lab.toggleCompared(id)}
        />
      </div>
      <p className="run-facts">
        <span className="num">seed {recipe.seed}</span>
        {scores.map((score) => (
          <span key={score.arm} className="num" title={scoreTitle(score)}>
            {armLabel(score.arm)} {score.kind === 'pass@1' ? `${(100 * score.value).toFixed(0)} %` : decimal(score.value, 2)}
          </span>
        ))}
      </p>
      {run.status === 'interrupted' ? (
        <p className="run-verbs">
          {run.resumable ? (
            <>
              <button type="button" disabled={!canResume} aria-label={`Resume ${name}`} onClick={() => void lab.resumeRun(id)}>
                Resume
              </button>
              <span>from its last checkpoint</span>
            </>
          ) : (
            <span>Its log is kept; there is no checkpoint to resume from.</span>
          )}
        </p>
      ) : null}
      {shown ? <RowVerbs run={run} /> : null}
    </li>
  );
});

function RowVerbs({ run: { id, name, status, elsewhere } }: { run: RunEntry }) {
  const [asked, setAsked] = useState<'rename' | 'delete' | null>(null);
  const goesOn = status === 'running' || status === 'paused';
  if (elsewhere)
    return <p className="run-verbs">Another tab has this run: it can be read here, as far as it is on disk, and nothing else.</p>;
  if (asked === 'rename')
    return (
      <form
        className="run-verbs"
        onSubmit={(event) => {
          event.preventDefault();
          lab.renameRun(id, String(new FormData(event.currentTarget).get('name')));
          setAsked(null);
        }}
      >
        <input
          name="name"
          defaultValue={name}
          maxLength={200}
          aria-label="Name of the run"
          ref={(input) => input?.select()}
          onKeyDown={(event) => {
            if (event.key === 'Escape') setAsked(null);
          }}
        />
        <button type="submit">Rename</button>
      </form>
    );
  if (asked === 'delete')
    return (
      <p className="run-verbs">
        <span>For good?</span>
        <button type="button" onClick={() => void lab.deleteRun(id)}>
          Delete
        </button>
        <button type="button" onClick={() => setAsked(null)}>
          Keep
        </button>
      </p>
    );
  return (
    <p className="run-verbs">
      <button type="button" className="link" title="Its recipe becomes the one that will run" onClick={() => lab.takeRecipeOf(id)}>
        Use its recipe
      </button>
      <button type="button" className="link" onClick={() => setAsked('rename')}>
        Rename
      </button>
      <button
        type="button"
        className="link"
        disabled={goesOn}
        title={goesOn ? 'Stop the run first' : undefined}
        onClick={() => setAsked('delete')}
      >
        Delete…
      </button>
    </p>
  );
}

function statusText({ status, origin, elsewhere }: RunEntry): RunStatus | string {
  return ORIGIN[origin] || (elsewhere ? `${status} in another tab` : status);
}

function scoreTitle({ arm, kind }: Score): string {
  return kind === 'pass@1' ? `pass@1 of ${armLabel(arm)}` : `Held-out negative log-likelihood per token of ${armLabel(arm)}, nats`;
}
