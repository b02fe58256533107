// The page: header, what goes in on the left, what comes out on the right.
import { useEffect } from 'react';
import { actionForKey } from '../app/actions.ts';
import { actions, lab } from '../app/theLab.ts';
import { ComparePanel } from './ComparePanel.tsx';
import { DropZone } from './DropZone.tsx';
import { FoundPanel } from './FoundPanel.tsx';
import { Header } from './Header.tsx';
import { InspectorPanel } from './InspectorPanel.tsx';
import { openKeys } from './KeysDialog.tsx';
import { LearningPanel } from './LearningPanel.tsx';
import { NewerVersion } from './NewerVersion.tsx';
import { Boundary } from './Panel.tsx';
import { Provenance } from './Provenance.tsx';
import { RanPanel } from './RanPanel.tsx';
import { RecipePanel } from './RecipePanel.tsx';
import { RolloutsPanel } from './RolloutsPanel.tsx';
import { RunAlerts } from './RunAlerts.tsx';
import { RunsPanel } from './RunsPanel.tsx';
import { StoragePanel } from './StoragePanel.tsx';
import { TheoryPanel } from './TheoryPanel.tsx';
import { TryPanel } from './TryPanel.tsx';
import { useTabTitle } from './tabTitle.ts';
import { useLab } from './useLab.ts';

export function Page() {
  useKeys();
  useTabTitle();
  useWarningBeforeLeaving();
  const said = useLab((s) => s.said);
  return (
    <>
      <Header />
      <div className="page">
        <aside className="inputs" aria-label="Inputs">
          <Boundary>
            <DropZone />
          </Boundary>
          <RecipePanel />
          <RunsPanel />
          <StoragePanel />
        </aside>
        <main className="outputs">
          <NewerVersion />
          <Boundary>
            <Provenance />
            <RunAlerts />
          </Boundary>
          <LearningPanel />
          <ComparePanel />
          <FoundPanel />
          <TheoryPanel />
          <RolloutsPanel />
          <TryPanel />
          <InspectorPanel />
          <RanPanel />
        </main>
      </div>
      <p className="visually-hidden" role="status" aria-live="polite">
        {said}
      </p>
    </>
  );
}

function useKeys(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (document.querySelector('dialog[open]')) return;
      const action = actionForKey(actions, lab.store.getState(), event);
      if (action) {
        event.preventDefault();
        action.perform();
      } else if (event.key === '?' && !(event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement)) {
        openKeys();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

function useWarningBeforeLeaving(): void {
  const busy = useLab((s) => s.activity !== 'idle');
  useEffect(() => {
    if (!busy) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [busy]);
}
