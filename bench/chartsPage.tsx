// The page that bench/charts.mjs measures: the comparison panel over four runs, each with many steps of every metric that the charts show. One of the runs
// grows by a few steps per update, as a live run does.
import 'uplot/dist/uPlot.min.css';
import '../src/ui/styles/base.css';
import '../src/ui/styles/controls.css';
import '../src/ui/styles/page.css';
import '../src/ui/styles/panels.css';
import { createRoot } from 'react-dom/client';
import type { RunEvent, Stage } from '../src/app/runLog.ts';
import { lab } from '../src/app/theLab.ts';
import { view } from '../src/app/theView.ts';
import { LINK_BASE_V1 } from '../src/share/linkBase.ts';
import { ComparePanel } from '../src/ui/ComparePanel.tsx';

const NAMES = ['reward', 'e-reward', 'think-rate', 'loss', 'length', 'entropy', 'zero-spread', 'grad-norm'];
const METRICS: [Stage, string[]][] = [
  ['rlvr', ['reward/mean', 'len/mean', 'policy/entropy', 'group/frac_mixed', 'grad/norm']],
  ['e-step', ['reward/line', 'think/rate']],
  ['m-step', ['loss/nll']],
];

/** Values that look like training: a trend, noise, a spike and a gap now and then. */
function noisy(seed: number, step: number): number | null {
  const noise = Math.abs(Math.sin(step * 12.9898 + seed * 78.233) * 43_758.5453) % 1;
  if (step % 9973 === 0) return null;
  return 1 - Math.exp(-step / 20_000) + 0.2 * noise + (step % 7919 === 0 ? 2 : 0);
}

function eventsOf(seed: number, from: number, to: number): RunEvent[] {
  const events: RunEvent[] = [];
  for (const [stage, metrics] of METRICS)
    for (let step = from; step < to; step++) {
      const values = Object.fromEntries(metrics.map((metric, i) => [metric, noisy(seed * 8 + i, step)]));
      const at = { timeMs: step * 50, tokens: step * 1000 };
      events.push({ type: 'metrics', stage, arm: 'ra3', step, values, at, ...(stage === 'rlvr' ? {} : { iteration: 1 }) });
    }
  return events;
}

let next = 0;
let live = '';

export const bench = {
  /** Lists the runs, shows the last, compares it with the others, draws the charts. */
  async start(runs: number, points: number, seedsAlone: boolean): Promise<number> {
    next = points + 1;
    for (let seed = 1; seed <= runs; seed++) {
      const recipe = { ...LINK_BASE_V1, name: `Run ${seed}`, seed, ...(seedsAlone ? {} : { ntp: { ...LINK_BASE_V1.ntp, steps: seed } }) };
      live = lab.addRun('link', recipe, eventsOf(seed, 1, points + 1));
    }
    for (const { id } of lab.store.getState().runs) if (id !== live) await lab.toggleCompared(id);
    view.set({ charts: NAMES, smoothing: 0.6 });
    createRoot(document.getElementById('root')!).render(<ComparePanel />);
    // React draws a first time when it finds the time
    for (let frame = 0; frame < 100 && drawn() < NAMES.length; frame++) await settled();
    return drawn();
  },
  /** A batch of events of the live run, as they come ten times a second. */
  update(steps: number): Promise<number> {
    return timed(() => {
      lab.logOf(live)!.append(eventsOf(4, next, next + steps));
      next += steps;
      lab.store.setState((s) => ({ logVersion: s.logVersion + 1 }));
    });
  },
  smooth: (smoothing: number): Promise<number> => timed(() => view.set({ smoothing })),
  zoom: (from: number, to: number): Promise<number> => timed(() => view.zoomTo('rlvr', [from, to])),
  nothing: (): Promise<number> => timed(() => undefined),
};

/** Wall time until the task of `work` and what it asked for are over. */
async function timed(work: () => void): Promise<number> {
  await settled();
  const began = performance.now();
  work();
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve();
    port2.postMessage(null);
  });
  const ms = performance.now() - began;
  await settled();
  return ms;
}

const drawn = (): number => document.querySelectorAll('.run-charts canvas').length;

/** So many frames that every chart has had one of its own. */
async function settled(): Promise<void> {
  for (let frame = 0; frame < NAMES.length + 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
}

declare global {
  var chartBench: typeof bench;
}
globalThis.chartBench = bench;
