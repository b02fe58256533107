// How a run leaves the page: in a link, with the choice of what it holds; as a bundle.
import { useState } from 'react';
import { lab, actions } from '../app/theLab.ts';
import { view } from '../app/theView.ts';
import { ActionButton } from './ActionButton.tsx';
import { ShellDialog } from './ShellDialog.tsx';
import { useLab } from './useLab.ts';

export function ExportDialog() {
  return (
    <ShellDialog name="export" title="Share and export">
      <LinkPart />
      <BundlePart />
    </ShellDialog>
  );
}

function LinkPart() {
  const [onlyShown, setOnlyShown] = useState(false);
  const [asked, setAsked] = useState(false);
  const can = useLab(actions.share.enabled);
  const said = useLab((s) => s.said);
  const copy = async (): Promise<void> => {
    await lab.share({ view: view.store.getState(), onlyShown });
    setAsked(true);
  };
  return (
    <section className="export-part" aria-label="Link">
      <h3>A link</h3>
      <p className="detail">Recipe, curves over steps, time and tokens, and results, in at most 8 KB. Whoever opens it needs no GPU.</p>
      <label className="check">
        <input type="checkbox" checked={onlyShown} onChange={(e) => setOnlyShown(e.target.checked)} />
        Only what is shown: the curves of the charts on the page; no results and nothing of the machine where their panels are hidden
      </label>
      <p className="choices">
        <button type="button" disabled={!can} onClick={() => void copy()}>
          Copy link
        </button>
        {asked ? <span className="detail">{said}</span> : null}
      </p>
    </section>
  );
}

function BundlePart() {
  return (
    <section className="export-part" aria-label="Bundle">
      <h3>A bundle</h3>
      <p className="detail">
        Recipe, log, traces, environment and every trained arm as a Hugging Face folder, in one zip. It opens here again.
      </p>
      <p className="choices">
        <ActionButton action={actions.bundle} />
      </p>
    </section>
  );
}
