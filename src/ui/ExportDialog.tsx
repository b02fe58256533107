// How a run leaves the page: in a link, with the choice of what it holds; as a bundle; for RL engines on a cluster.
import { useState } from 'react';
import { armLabel } from '../app/curves.ts';
import { hasModels } from '../app/lab.ts';
import type { Arm } from '../app/runLog.ts';
import { actions, lab } from '../app/theLab.ts';
import { view } from '../app/theView.ts';
import { ActionButton } from './ActionButton.tsx';
import { ShellDialog } from './ShellDialog.tsx';
import { LoadModels } from './LoadModels.tsx';
import { useLab, useLog } from './useLab.ts';

export function ExportDialog() {
  return (
    <ShellDialog name="export" title="Share and export">
      <LinkPart />
      <BundlePart />
      <ClusterPart />
    </ShellDialog>
  );
}

function LinkPart() {
  const [onlyShown, setOnlyShown] = useState(false);
  const [asked, setAsked] = useState(false);
  const can = useLab(actions.share.enabled);
  // what failed stands at the end of the dialog
  const said = useLab((s) => (s.alerts.includes(s.said) ? '' : s.said));
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
        Only what is shown
      </label>
      <p className="detail">The curves of the charts on the page; no results and nothing of the machine where their panels are hidden.</p>
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

function ClusterPart() {
  const { log } = useLog();
  const held = useLab(hasModels) && log.end !== null && log.end.status !== 'failed';
  const arms = held ? [...new Set(log.end!.results.map(({ arm }) => arm))] : [];
  const [left, setLeft] = useState<readonly Arm[]>([]);
  const [busy, setBusy] = useState(false);
  const chosen = arms.filter((arm) => !left.includes(arm));
  const save = async (): Promise<void> => {
    setBusy(true);
    await lab.exportCluster(chosen);
    setBusy(false);
  };
  return (
    <section className="export-part" aria-label="Export for a cluster">
      <h3>For a cluster</h3>
      <p className="detail">
        Models as Hugging Face folders, rows and reward for verl, TRL, OpenRLHF, NeMo-RL and SkyRL, the recipe in their words, and rollouts
        of this run to check them by: one zip, told in its README.md.
      </p>
      <p className="choices">
        {arms.map((arm) => (
          <label key={arm} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(arm)}
              onChange={(e) => setLeft(e.target.checked ? left.filter((other) => other !== arm) : [...left, arm])}
            />
            {armLabel(arm)}
          </label>
        ))}
        <button type="button" disabled={chosen.length === 0 || busy} onClick={() => void save()}>
          {busy ? 'Writing…' : 'Export for a cluster'}
        </button>
        <LoadModels />
        {held ? null : <span className="detail">It needs the models of a run that has ended here or of a bundle.</span>}
      </p>
    </section>
  );
}
