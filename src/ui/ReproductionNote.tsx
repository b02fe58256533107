// Of a run that was opened: where it ran, and the button that runs it here. Of a run that was started by it: how its numbers compare with those sent.
import { useStore } from 'zustand';
import { verdictText, whyNotHere } from '../app/reproduction.ts';
import { lab, reproducer } from '../app/theLab.ts';
import { adapterName } from './numbers.ts';
import { useLab, useLog } from './useLab.ts';

const WHENCE = {
  link: 'Recipe and curves from a link, as they were sent; nothing has run here.',
  bundle: 'An earlier run from its bundle, as it was saved; nothing has run here.',
};

export function OpenedNote({ from }: { from: keyof typeof WHENCE }) {
  const { log } = useLog();
  const id = useLab((s) => s.shownId);
  const why = useLab((s) => {
    const recipe = s.runs.find((run) => run.id === s.shownId)?.recipe;
    return recipe ? whyNotHere(s, recipe) : 'Nothing is shown';
  });
  const { start } = log;
  return (
    <div className="provenance">
      <p>
        {WHENCE[from]}
        {start ? (
          <span className="detail">
            {' '}
            It ran on {adapterName(start.adapter)}, version {start.version}.
          </span>
        ) : null}
      </p>
      <button
        type="button"
        disabled={why !== null}
        title={why ?? 'Run the same recipe here and compare every number'}
        onClick={() => id && void reproducer.runHere(id)}
      >
        Run it here
      </button>
    </div>
  );
}

export function ReproductionNote() {
  const { runId, verdict, referenceId } = useStore(reproducer.store);
  const shownId = useLab((s) => s.shownId);
  const reference = useLab((s) => s.runs.find((run) => run.id === referenceId) ?? null);
  if (runId === null || runId !== shownId) return null;
  return (
    <div className={`provenance provenance-${verdict?.kind ?? 'running'}`} role="status">
      <p>{verdict ? verdictText(verdict) : 'Runs the recipe that was sent; its numbers will be compared with those sent.'}</p>
      {reference ? (
        <button type="button" onClick={() => void lab.showRun(reference.id)}>
          Show what was sent
        </button>
      ) : null}
    </div>
  );
}
