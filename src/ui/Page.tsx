// The page: header, what goes in on the left, what comes out on the right. Each panel has a place of its own: it may be hidden by the view, and one
// that fails takes only itself down.
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { actionForKey } from '../app/actions.ts';
import { openDialog, PLACES, shell } from '../app/shell.ts';
import { commands, lab } from '../app/theLab.ts';
import { view } from '../app/theView.ts';
import type { PanelName } from '../app/viewState.ts';
import { CommandPalette } from './CommandPalette.tsx';
import { DropZone } from './DropZone.tsx';
import { Header } from './Header.tsx';
import { LearningPanel } from './LearningPanel.tsx';
import { NewerVersion } from './NewerVersion.tsx';
import { Pace, Paced } from './pace.ts';
import { Boundary } from './Panel.tsx';
import { PrivacyDialog, PrivacyLine } from './PrivacyDialog.tsx';
import { Provenance } from './Provenance.tsx';
import { RunAlerts } from './RunAlerts.tsx';
import { Turns, useTurn, whenFirstPicture } from './turns.ts';
import { useLab } from './useLab.ts';

const later = whenFirstPicture().then(() => import('./later.ts'));
const ofLater = (name: keyof Awaited<typeof later>) => lazy(() => later.then((all) => ({ default: all[name] })));
const ComparePanel = ofLater('ComparePanel');
const ExportDialog = ofLater('ExportDialog');
const FoundPanel = ofLater('FoundPanel');
const InspectorPanel = ofLater('InspectorPanel');
const KeysDialog = ofLater('KeysDialog');
const PanelsDialog = ofLater('PanelsDialog');
const RanPanel = ofLater('RanPanel');
const RecipePanel = ofLater('RecipePanel');
const RolloutsPanel = ofLater('RolloutsPanel');
const RunsPanel = ofLater('RunsPanel');
const StoragePanel = ofLater('StoragePanel');
const TheoryPanel = ofLater('TheoryPanel');
const Tour = ofLater('Tour');
const TryPanel = ofLater('TryPanel');

/** What stands around the panels: one that fails takes only itself down, too. */
const SHELL = { PrivacyLine, CommandPalette, KeysDialog, PanelsDialog, ExportDialog, PrivacyDialog, Tour };

export function Page() {
  useKeys();
  useSignsOfRun();
  const embed = useStore(view.store, (s) => s.embed);
  const bare = useStore(view.store, (s) => s.embed || PLACES.every(({ name, side }) => side === 'outputs' || s.hidden.includes(name)));
  return (
    <>
      <Boundary>{embed ? <EmbeddedHeader /> : <Header />}</Boundary>
      <div className={bare ? 'page page-outputs' : 'page'}>
        {bare ? null : (
          <aside className="inputs" aria-label="Inputs">
            <Place name="drop">
              <DropZone />
            </Place>
            <Place name="recipe">
              <RecipePanel />
            </Place>
            <Place name="runs">
              <RunsPanel />
            </Place>
            <Place name="storage">
              <StoragePanel />
            </Place>
          </aside>
        )}
        <main className="outputs">
          <Boundary>
            <NewerVersion />
          </Boundary>
          <p className="narrow-note">Read only at this width. A wider window has drop, recipe and run.</p>
          <Boundary>
            <Provenance />
            <RunAlerts />
          </Boundary>
          <Place name="learning">
            <LearningPanel />
          </Place>
          <Place name="compare">
            <ComparePanel />
          </Place>
          <Place name="found">
            <FoundPanel />
          </Place>
          <Place name="theory">
            <TheoryPanel />
          </Place>
          <Place name="rollouts">
            <RolloutsPanel />
          </Place>
          <Place name="try">
            <TryPanel />
          </Place>
          <Place name="inspector">
            <InspectorPanel />
          </Place>
          <Place name="ran">
            <RanPanel />
          </Place>
          {embed ? null : <HiddenPanels />}
        </main>
      </div>
      {Object.entries(SHELL).map(([name, Part]) => (
        <Boundary key={name}>
          <Suspense>
            <Part />
          </Suspense>
        </Boundary>
      ))}
      <Said />
      <Turns last={LAST_TURN} />
    </>
  );
}

/** What happens, said for a few seconds; alerts are on show until they are dismissed. */
function Said() {
  const said = useLab((s) => s.said);
  const isAlert = useLab((s) => s.alerts.includes(s.said));
  useEffect(() => {
    if (said === '') return;
    const timer = setTimeout(() => lab.store.setState({ said: '' }), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <p className={isAlert ? 'visually-hidden' : 'said'} role="status" aria-live="polite">
      {said}
    </p>
  );
}

const SAID_MS = 5000;

/** Places that are filled after the first picture, in this order. */
const LATER: readonly PanelName[] = ['recipe', 'runs', 'storage', 'compare', 'found', 'theory', 'rollouts', 'try', 'inspector', 'ran'];
const LAST_TURN = LATER.length;
/** So near to the window a place counts as in sight. */
const NEAR = '200px';

/** Where a panel stands; keys, palette and tour find it by its id. */
function Place({ name, children }: { name: PanelName; children: ReactNode }) {
  const hidden = useStore(view.store, (s) => s.hidden.includes(name));
  const isFilled = useTurn(LATER.indexOf(name) + 1);
  const place = useRef<HTMLDivElement>(null);
  const [pace] = useState(() => new Pace());
  useEffect(() => {
    if (hidden || !place.current) return;
    const seen = new IntersectionObserver(([entry]) => pace.setSeen(entry!.isIntersecting), { rootMargin: NEAR });
    seen.observe(place.current);
    return () => seen.disconnect();
  }, [hidden, pace]);
  if (hidden) return null;
  return (
    <div id={`panel-${name}`} className={isFilled ? 'panel-place' : 'panel-place panel-awaited'} tabIndex={-1} ref={place}>
      <Paced value={pace}>
        <Boundary>{isFilled ? <Suspense>{children}</Suspense> : null}</Boundary>
      </Paced>
    </div>
  );
}

/** Whoever opened a link that hides panels is told, and may see them. */
function HiddenPanels() {
  const hidden = useStore(view.store, (s) => s.hidden.length);
  if (hidden === 0) return null;
  return (
    <p className="hidden-panels">
      {hidden === 1 ? 'One panel is' : `${hidden} panels are`} hidden.{' '}
      <button type="button" className="link" onClick={() => view.set({ hidden: [] })}>
        Show {hidden === 1 ? 'it' : 'them'}
      </button>
    </p>
  );
}

function EmbeddedHeader() {
  return (
    <header className="embedded">
      <h1>RA3 Lab</h1>
      <button type="button" className="link" onClick={() => view.set({ embed: false, hidden: [] })}>
        Open the whole lab
      </button>
    </header>
  );
}

function useKeys(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openDialog('commands');
      }
      if (shell.getState().dialog !== null || document.querySelector('dialog[open]')) return;
      const action = actionForKey(commands.lasting, lab.store.getState(), event);
      if (!action) return;
      event.preventDefault();
      action.perform();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

/** While a run goes on, leaving is warned of, and styles know of it. */
function useSignsOfRun(): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    const tell = () => {
      const isLive = lab.store.getState().activity !== 'idle';
      document.documentElement.toggleAttribute('data-live', isLive);
      if (isLive) addEventListener('beforeunload', warn);
      else removeEventListener('beforeunload', warn);
    };
    tell();
    const stop = lab.store.subscribe(tell);
    return () => {
      stop();
      removeEventListener('beforeunload', warn);
    };
  }, []);
}
