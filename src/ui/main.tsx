// Starts the page: mounts it, opens what the address asks for. Starts no run.
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/page.css';
import './styles/panels.css';
import './styles/runs.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { lab } from '../app/theLab.ts';
import { Page } from './Page.tsx';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element with id "root" to be mounted in.');
createRoot(root).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
void lab.open(location.hash);
addEventListener('hashchange', () => void lab.open(location.hash));
