// What a run's log measured of the quantities that the theory speaks of, to be set beside the formulas: think rate, durations, effective
// horizon. Pure. Promises null where the log has nothing of the kind. Refuses nothing.
import { durationHistogram, geometricPrior, HORIZON_GAMMA } from '../midtrain/durations.ts';
import type { TheoryChart, TheorySeries } from '../midtrain/theory/contract.ts';
import { equivalentDuration, sufficientSweeps } from '../midtrain/theory/formulas.ts';
import type { RunLog } from './runLog.ts';

export interface TheoryOfRun {
  /** gamma^tau averaged over segments at HORIZON_GAMMA, and 1 / (1 - gbar). */
  gbar: number | null;
  horizon: number | null;
  /** Price of a thought and alpha of the sticky prior, as the recipe has them. */
  c: number | null;
  alpha: number | null;
  thinkRate: number | null;
  meanDuration: number | null;
  /** Share of the boundaries with a thought held at which it is kept: the alpha that fits best. */
  persistence: number | null;
  /** Segments of the traces shown last, by duration from 1 line. */
  durations: number[] | null;
}

export function theoryOfRun(log: RunLog, cut: number): TheoryOfRun {
  const latest = (metric: string): number | null => log.latestBefore(cut, metric);
  const moment = log
    .momentsBefore(cut)
    .filter((m) => m.ref.arm === 'ra3')
    .at(-1);
  const thinks = (moment?.traces ?? []).map((trace) => trace.lines.map((line) => (line.thought === null ? 0 : 1)));
  const most = Math.max(0, ...thinks.map((t) => t.length));
  const durations = durationHistogram(thinks, most);
  return {
    gbar: latest('horizon/gbar'),
    horizon: latest('horizon/effective'),
    c: log.start?.recipe.ra3.c ?? null,
    alpha: log.start?.recipe.ra3.alpha ?? null,
    thinkRate: latest('think/rate'),
    meanDuration: latest('segment/mean'),
    persistence: latest('segment/persistence'),
    durations: durations.some((n) => n > 0) ? durations : null,
  };
}

/** The run's point on the curve of the convergence bound, at the duration whose gamma^tau is the run's gbar. */
export function convergencePoint({ gbar }: TheoryOfRun, tolerance: number): TheorySeries[] {
  if (gbar === null || !(gbar > 0 && gbar < 1)) return [];
  return [
    {
      name: 'bound at the run’s ḡ',
      kind: 'measured',
      x: [equivalentDuration(gbar, HORIZON_GAMMA)],
      y: [sufficientSweeps(gbar, tolerance)],
    },
  ];
}

/** The run's think rate at its price, where the chart reaches that far. */
export function thinkRatePoint({ c, thinkRate }: TheoryOfRun, dearest: number): TheorySeries[] {
  if (c === null || thinkRate === null || c > dearest) return [];
  return [{ name: 'this run', kind: 'measured', x: [c], y: [thinkRate] }];
}

/** Durations of the run's segments beside Geometric(1 - alpha), at the alpha that fits them and at the recipe's. */
export function durationChart({ durations, persistence, alpha }: TheoryOfRun): TheoryChart | null {
  if (!durations) return null;
  const all = durations.reduce((a, b) => a + b, 0);
  const x = durations.map((_, i) => i + 1);
  const geometric = (name: string, of: number | null): TheorySeries[] =>
    of === null ? [] : [{ name: `${name}, α = ${of.toFixed(2)}`, kind: 'bound', x, y: x.map((d) => geometricPrior(of, d)) }];
  return {
    name: 'durations',
    title: 'This run: how long thoughts are held',
    xLabel: 'lines',
    log: 'none',
    series: [
      ...geometric('fitted', persistence),
      ...geometric('prior', alpha),
      { name: 'segments', kind: 'measured', x, y: durations.map((n) => n / all) },
    ],
  };
}

/** What of the run stands beside the formulas, in words; null when the log has none of it. */
export function ofRunInWords(run: TheoryOfRun): string | null {
  const parts: string[] = [];
  if (run.thinkRate !== null)
    parts.push(`it thinks before ${percent(run.thinkRate)} of the lines${run.c === null ? '' : ` at c = ${run.c}`}`);
  if (run.meanDuration !== null) parts.push(`a thought holds for ${run.meanDuration.toFixed(1)} lines`);
  if (run.horizon !== null && run.gbar !== null)
    parts.push(
      `ḡ = ${run.gbar.toFixed(3)} at γ = ${HORIZON_GAMMA}, an effective horizon of ${run.horizon.toFixed(1)} decisions instead of ${Math.round(1 / (1 - HORIZON_GAMMA))}`,
    );
  return parts.length > 0 ? `In the run shown, ${parts.join('; ')}.` : null;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
