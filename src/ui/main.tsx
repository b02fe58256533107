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
import { watchDelivery } from '../app/site.ts';
import { lab } from '../app/theLab.ts';
import { view } from '../app/theView.ts';
import { splitHash } from '../app/viewState.ts';
import { Page } from './Page.tsx';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element with id "root" to be mounted in.');
createRoot(root).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
watchDelivery();
open();
addEventListener('hashchange', open);

/** What the address asks for: how to look, and what at. */
function open(): void {
  const problem = view.open(location.hash);
  if (problem) lab.fail(problem);
  void lab.open(`#${splitHash(location.hash).link}`);
}
