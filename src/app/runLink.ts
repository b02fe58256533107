// A run as a link and back: recipe, results, the curves of the charts that are shown and then of those that the page draws first, with the time and tokens
// of their steps. Or only what is shown: no curve of another chart, no results where their panel is hidden, nothing of where it ran where that is hidden.
// A link's curves come back as events, so that every panel reads them as it reads any log. Refuses curves whose name is no stage, arm and metric.
import { type Clock, decodeLink, encodeLink, type LinkEnvironment } from '../share/link.ts';
import { digestLog } from '../share/logDigest.ts';
import { chartKind, DEFAULT_CHARTS } from './runCharts.ts';
import { ARM_ORDER, METRICS } from './curves.ts';
import {
  type Arm,
  type Curve as LogCurve,
  LINKED,
  type Recipe,
  type RunEvent,
  type RunLog,
  type Spent,
  type Stage,
  type StageRef,
  WHOLE,
} from './runLog.ts';
import { DEFAULT_VIEW, type PanelName, type View } from './viewState.ts';

const STAGES: readonly Stage[] = ['rlvr', 'e-step', 'ntp', 'm-step', 'base'];
/** What the page's charts draw first. */
const DRAWN: readonly string[] = [
  METRICS.reward,
  METRICS.lineReward,
  METRICS.lineElbo,
  METRICS.thinkRate,
  METRICS.loss,
  'len/mean',
  'policy/entropy',
  'group/frac_mixed',
];
const CURVE_NAME = new RegExp(`^(${STAGES.join('|')}) (${ARM_ORDER.join('|')}) (\\d{0,3}) (\\S{1,80})$`);

/** How the page is looked at, and whether the link holds nothing else. */
export interface Sharing {
  view: Pick<View, 'charts' | 'hidden'>;
  onlyShown: boolean;
}

const EVERYTHING: Sharing = { view: DEFAULT_VIEW, onlyShown: false };

export async function writeRunLink(recipe: Recipe, log: RunLog, { view, onlyShown }: Sharing = EVERYTHING): Promise<string> {
  const shows = (panel: PanelName): boolean => !onlyShown || !view.hidden.includes(panel);
  const wanted: { stage: Stage; metric: string }[] = [];
  if (shows('learning'))
    for (const name of view.charts ?? DEFAULT_CHARTS) {
      const kind = chartKind(name);
      for (const stage of kind?.stages ?? [])
        for (const { metrics } of kind!.readings) for (const metric of metrics) wanted.push({ stage, metric });
    }
  if (!onlyShown) for (const stage of STAGES) for (const metric of DRAWN) wanted.push({ stage, metric });
  const curves = new Map<string, LogCurve>();
  for (const { stage, metric } of wanted)
    for (const curve of log.curvesOf(stage, metric)) curves.set(`${nameOf(curve.ref)} ${metric}`, curve);
  const environment = shows('ran') ? environmentOf(log) : null;
  return encodeLink({
    recipe,
    environment,
    curves: [...curves].map(([name, curve]) => {
      const { steps, values } = curve.before(WHOLE);
      return { name, x: [...steps], y: [...values].map((value) => (Number.isFinite(value) ? value : null)) };
    }),
    results: shows('learning') || shows('compare') ? log.resultsBefore(WHOLE) : [],
    clocks: environment ? clocksOf([...curves.values()]) : [],
  });
}

const nameOf = ({ stage, arm, iteration }: StageRef): string => `${stage} ${arm} ${iteration ?? ''}`;

/** Of every stage that tells its time, by the curve that has most points. */
function clocksOf(curves: readonly LogCurve[]): Clock[] {
  const longest = new Map<string, LogCurve>();
  for (const curve of curves) {
    const name = nameOf(curve.ref);
    if (curve.length > (longest.get(name)?.length ?? 0)) longest.set(name, curve);
  }
  return [...longest].flatMap(([name, curve]) => {
    const { steps, timeMs, tokens } = curve.before(WHOLE);
    const known = timeMs.every(Number.isFinite) && tokens.every(Number.isFinite);
    return known ? [{ name, x: [...steps], timeMs: [...timeMs], tokens: [...tokens] }] : [];
  });
}

/** Between two of a clock's steps on the straight line through them. */
function clockAt({ x, timeMs, tokens }: Clock, step: number): Spent {
  const right = x.findIndex((other) => other >= step);
  const i = right < 0 ? x.length - 1 : right;
  const before = Math.max(0, i - 1);
  const part = i === before || right < 0 ? 1 : Math.max(0, (step - x[before]!) / (x[i]! - x[before]!));
  const between = (values: number[]): number => values[before]! + part * (values[i]! - values[before]!);
  return { timeMs: between(timeMs), tokens: between(tokens) };
}

/** Where a run ran; null where nothing has. The digest is of finished runs alone: others end anywhere. */
function environmentOf({ start, end, events }: RunLog): LinkEnvironment | null {
  if (!start) return null;
  const { adapter, version, startedAt, parameters, inputs, digest } = start;
  const own = end?.status === 'finished' ? digestLog(events) : null;
  return { adapter, version, startedAt, parameters, inputs: inputs ?? null, digest: digest ?? own };
}

export async function openRunLink(hash: string): Promise<{ recipe: Recipe; events: RunEvent[] }> {
  const { recipe, environment, curves, results, clocks } = await decodeLink(hash);
  const clockOf = new Map(clocks.map((clock) => [clock.name, clock]));
  const events: RunEvent[] = [];
  if (environment) {
    const { adapter, inputs, digest, ...rest } = environment;
    events.push({
      type: 'start',
      runId: LINKED,
      recipe,
      adapter: { ...adapter, features: [] },
      ...rest,
      ...(inputs ? { inputs } : {}),
      ...(digest ? { digest } : {}),
    });
  }
  for (const { name, x, y } of curves) {
    const parts = CURVE_NAME.exec(name);
    if (!parts) continue;
    const ref: StageRef = { stage: parts[1] as Stage, arm: parts[2] as Arm };
    if (parts[3]) ref.iteration = Number(parts[3]);
    const metric = parts[4]!;
    const clock = clockOf.get(nameOf(ref));
    x.forEach((step, i) =>
      events.push({ type: 'metrics', ...ref, step, values: { [metric]: y[i] ?? null }, ...(clock ? { at: clockAt(clock, step) } : {}) }),
    );
  }
  for (const result of results) events.push({ type: 'result', stage: 'evaluate', arm: result.arm, phase: result.phase, result });
  return { recipe, events };
}
