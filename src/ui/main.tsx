// Starts the page: mounts it, opens what the address asks for. Starts no run.
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/page.css';
import './styles/panels.css';
import './styles/runs.css';
import './styles/inputs.css';
import './styles/explore.css';
import './styles/shell.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { watchFailures } from '../app/failures.ts';
import { watchDelivery } from '../app/site.ts';
import { lab } from '../app/theLab.ts';
import { view } from '../app/theView.ts';
import { splitHash } from '../app/viewState.ts';
import { Page } from './Page.tsx';
import { keepTabTitle } from './tabTitle.ts';
import { whenFirstPicture } from './turns.ts';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element with id "root" to be mounted in.');

/** So long the first drawing waits for what there is to show: drawn once with its picture, the page is there sooner than drawn twice. */
const PICTURE_MS = 300;

const hasPicture = new Promise<void>((resolve) => {
  const stop = lab.store.subscribe(({ shown, messages }) => {
    if (shown === 'nothing' && messages.length === 0) return;
    stop();
    resolve();
  });
});
watchFailures(lab.fail);
open();
await Promise.race([hasPicture, new Promise((resolve) => setTimeout(resolve, PICTURE_MS))]);
createRoot(root).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
watchDelivery(whenFirstPicture());
keepTabTitle();
addEventListener('hashchange', open);

/** What the address asks for: how to look, and what at. */
function open(): void {
  const problem = view.open(location.hash);
  if (problem) lab.fail(problem);
  void lab.open(`#${splitHash(location.hash).link}`, whenFirstPicture);
}
