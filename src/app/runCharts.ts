// The charts of a run, by name: which numbers of its log each shows, over which axis, and the lines of one run or of several laid over each other.
// Lines are read from the log as it grows and kept beside it, so that an update costs by what is new. Pure; knows no chart library.
// Promises: arms and runs keep their order and colour whatever ran first; EM iterations stand one after the other; x counts steps, seconds or tokens from
// the beginning of the stage; a part that was run again replaces what it repeats. What a log does not say (the time of a link's curves) gives no line.
import { tInterval } from '../evaluate/tInterval.ts';
import { ARM_ORDER, armLabel, type Divider, type DrawnChart, type DrawnLine, METRICS, type Tone } from './curves.ts';
import { type Arm, type Curve, type RunLog, type Stage, type StageRef, WHOLE } from './runLog.ts';
import { Track } from './track.ts';
import type { XKind, ZoomName } from './viewState.ts';

/** One metric of a log, or a number made of several that are reported at the same steps. */
interface Reading {
  metrics: readonly string[];
  of?: (values: readonly number[]) => number;
}

export interface ChartKind {
  name: string;
  title: string;
  /** Charts of one axis are zoomed together. */
  axis: ZoomName;
  /** Fixed range of y. */
  range?: readonly [number, number];
  /** What stands there while there is no point. */
  empty: string;
  /** Stages whose lines it shows. */
  stages: readonly Stage[];
  /** The first that the log has is drawn; none for results of evaluations. */
  readings: readonly Reading[];
  /** pass@k of the evaluations before and after RLVR: k = 1, or the largest. */
  pass?: 'first' | 'largest';
}

const RLVR = { axis: 'rlvr', stages: ['rlvr'], empty: 'RLVR comes after mid-training.' } as const;
const E_STEP = { axis: 'e-step', stages: ['e-step'], empty: 'Starts with the first E-step.' } as const;
const UNIT = [0, 1] as const;

/** The page's own charts, in the order in which they stand. */
export const CHARTS: readonly ChartKind[] = [
  { ...RLVR, name: 'reward', title: 'Reward in RLVR', range: UNIT, readings: [{ metrics: [METRICS.reward] }] },
  { ...E_STEP, name: 'e-reward', title: 'E-step: nats per line', readings: [{ metrics: [METRICS.lineReward] }] },
  { ...E_STEP, name: 'think-rate', title: 'E-step: think rate', range: UNIT, readings: [{ metrics: [METRICS.thinkRate] }] },
  {
    name: 'loss',
    title: 'Loss on expert tokens',
    axis: 'losses',
    stages: ['base', 'ntp', 'm-step'],
    empty: 'Starts with NTP.',
    readings: [{ metrics: [METRICS.loss] }],
  },
  {
    ...RLVR,
    name: 'pass-1',
    title: 'pass@1, held out',
    range: UNIT,
    readings: [],
    pass: 'first',
    empty: 'Comes with evaluations by a verifier.',
  },
  {
    ...RLVR,
    name: 'pass-k',
    title: 'pass@k, held out',
    range: UNIT,
    readings: [],
    pass: 'largest',
    empty: 'Comes with evaluations of several samples.',
  },
  { ...RLVR, name: 'length', title: 'Length, tokens', readings: [{ metrics: ['len/mean'] }] },
  { ...RLVR, name: 'entropy', title: 'Entropy, nats', readings: [{ metrics: ['policy/entropy'] }] },
  {
    ...RLVR,
    name: 'zero-spread',
    title: 'Groups without spread',
    range: UNIT,
    readings: [{ metrics: ['group/frac_mixed'], of: ([mixed]) => 1 - mixed! }],
  },
  {
    ...RLVR,
    name: 'kl',
    title: 'KL to the start, nats',
    empty: 'Measured where the objective has a KL term or several updates per step.',
    readings: [{ metrics: ['kl/ref_k3'] }, { metrics: ['kl/old_k1'] }],
  },
  {
    ...RLVR,
    name: 'clip',
    title: 'Clipped tokens',
    empty: 'Measured by RLVR of this release.',
    readings: [{ metrics: ['clip/low', 'clip/high'], of: ([low, high]) => low! + high! }],
  },
  { ...RLVR, name: 'grad-norm', title: 'Gradient norm', readings: [{ metrics: ['grad/norm'] }] },
];

export const DEFAULT_CHARTS: readonly string[] = ['reward', 'e-reward', 'think-rate', 'loss', 'pass-1', 'length', 'entropy', 'zero-spread'];

const STAGES: Partial<Record<Stage, { axis: ZoomName; title: string }>> = {
  rlvr: { axis: 'rlvr', title: 'RLVR' },
  'e-step': { axis: 'e-step', title: 'E-step' },
  'm-step': { axis: 'losses', title: 'M-step' },
  ntp: { axis: 'losses', title: 'NTP' },
  base: { axis: 'losses', title: 'Base' },
};

/** The chart of a name: one of CHARTS, or any metric as "stage:metric". null where the name is neither. */
export function chartKind(name: string): ChartKind | null {
  const known = CHARTS.find((kind) => kind.name === name);
  if (known) return known;
  const [stage, metric] = name.split(/:(.*)/s) as [Stage, string | undefined];
  const of = Object.hasOwn(STAGES, stage) ? STAGES[stage] : undefined;
  if (!of || !metric) return null;
  const { axis, title } = of;
  return { name, title: `${title}: ${metric}`, axis, stages: [stage], readings: [{ metrics: [metric] }], empty: `No ${metric} yet.` };
}

/** Names of every chart that there is something to draw for, the page's own first. */
export function chartNames(logs: readonly RunLog[]): string[] {
  const own = new Set(
    CHARTS.flatMap(({ stages, readings }) => stages.flatMap((s) => readings.flatMap((r) => (r.of ? [] : [`${s}:${r.metrics[0]}`])))),
  );
  const names = new Set(CHARTS.map(({ name }) => name));
  for (const stage of Object.keys(STAGES) as Stage[])
    for (const log of logs) for (const metric of log.metricsOf(stage)) if (!own.has(`${stage}:${metric}`)) names.add(`${stage}:${metric}`);
  return [...names];
}

export function xLabel(axis: ZoomName, x: XKind): string {
  const of = { rlvr: 'RLVR', 'e-step': 'E-step', losses: 'training' }[axis];
  if (x !== 'step') return `${of} ${x}`;
  return axis === 'rlvr' ? 'RLVR step' : axis === 'e-step' ? 'E-step' : 'step';
}

/** What stands in a chart that has no line. */
export function emptyText({ axis, empty, stages, readings }: ChartKind, log: RunLog, x: XKind): string {
  if (axis === 'rlvr' && log.start?.recipe.rlvr.steps === 0) return 'This recipe has no RLVR.';
  const isKnown = stages.some((stage) => readings.some(({ metrics }) => log.metricsOf(stage).includes(metrics[0]!)));
  return isKnown && x !== 'step' ? `This log does not tell its ${x}: it came by a link, or was written before it was kept.` : empty;
}

/** A run in a chart. */
export interface Source {
  log: RunLog;
  cut: number;
}

/** One run: a line for each arm, in the arm's colour. */
export function chartOfRun(kind: ChartKind, source: Source, x: XKind): DrawnChart {
  const lines = linesOf(kind, source, x).map(
    ({ arm, stage, ...line }): DrawnLine => ({
      ...line,
      label: stage === 'm-step' && kind.stages.length > 1 ? 'M-step' : armLabel(arm),
      tone: arm,
    }),
  );
  return { lines, dividers: lines.length > 0 ? dividersOf(kind, source.log, x) : [], end: endOf(kind, source.log, x) };
}

/** The numbers of one arm in a run, over steps; null where there are none. */
export function valuesOf(kind: ChartKind, source: Source, arm: Arm): { track: Track; length: number } | null {
  return linesOf(kind, source, 'step').find((line) => isOf(line, arm)) ?? null;
}

/** Runs that differ in their seed alone, and how they are drawn. */
export interface RunGroup {
  label: string;
  tone: Tone;
  dash: boolean;
  runs: readonly Source[];
}

/** Several runs, one arm: a line for each group, over seeds their mean with its 95 % interval by Student's t and the seeds faint below it. */
export function chartOfGroups(kind: ChartKind, groups: readonly RunGroup[], arm: Arm, x: XKind): DrawnChart {
  const lines: DrawnLine[] = [];
  let end = 0;
  let dividers: Divider[] = [];
  for (const { label, tone, dash, runs } of groups) {
    const look = { label, tone, dash };
    const own = runs.flatMap((source) => {
      end = Math.max(end, endOf(kind, source.log, x));
      const line = linesOf(kind, source, x).find((each) => isOf(each, arm));
      if (line && dividers.length === 0) dividers = dividersOf(kind, source.log, x);
      return line ? [line] : [];
    });
    if (own.length === 1) lines.push({ ...look, ...pick(own[0]!) });
    else if (own.length > 1) {
      for (const line of own) lines.push({ ...look, ...pick(line), faint: true });
      const mean = meanOf(own);
      lines.push({ ...look, ...(own[0]!.mark ? { mark: own[0]!.mark } : {}), track: mean, length: mean.length });
    }
  }
  return { lines, dividers, end };
}

/** The E-step is RA3's whichever arm is looked at. */
function isOf(line: ArmLine, arm: Arm): boolean {
  return line.arm === arm || line.stage === 'e-step';
}

type ArmLine = Pick<DrawnLine, 'track' | 'length' | 'mark'> & { arm: Arm; stage: Stage };

function pick({ track, length, mark }: ArmLine): Pick<DrawnLine, 'track' | 'length' | 'mark'> {
  return mark ? { track, length, mark } : { track, length };
}

/** The lines of one run, in the order of the arms. */
function linesOf(kind: ChartKind, { log, cut }: Source, x: XKind): ArmLine[] {
  if (kind.pass) return passLines(kind.pass, log, cut, x);
  const lines: ArmLine[] = [];
  for (const stage of kind.stages) {
    const metrics = log.metricsOf(stage);
    const reading = kind.readings.find((each) => each.metrics.every((metric) => metrics.includes(metric)));
    if (!reading) continue;
    for (const arm of ARM_ORDER) {
      const read = stageTrack(log, stage, arm, reading, x);
      const length = read?.countBefore(cut) ?? 0;
      if (read && length > 0) lines.push({ track: read.track, length, arm, stage });
    }
  }
  return lines;
}

/** pass@k before RLVR at 0 and after it at its end, with the evaluations' intervals. */
function passLines(which: 'first' | 'largest', log: RunLog, cut: number, x: XKind): ArmLine[] {
  const results = log.resultsBefore(cut).filter(({ range }) => range === undefined);
  const ks = results.flatMap(({ passAt }) => Object.keys(passAt).map(Number));
  const k = which === 'first' ? 1 : Math.max(...ks);
  if (which === 'largest' && !(k > 1)) return [];
  const end = spansOf(log, 'rlvr', x).get(1)?.last ?? 0;
  const { passes } = keptOf(log);
  const key = JSON.stringify([end, results.map(({ arm, phase, passAt }) => [arm, phase, passAt[k]])]);
  const known = passes.get(`${which} ${x}`);
  if (known?.key === key) return known.lines;
  const lines = ARM_ORDER.flatMap((arm): ArmLine[] => {
    const track = new Track(true);
    for (const phase of ['before', 'after'] as const) {
      const pass = results.find((r) => r.arm === arm && r.phase === phase)?.passAt[k];
      const at = phase === 'before' ? 0 : end;
      if (pass) track.push(at, pass.mean, pass.lo, pass.hi);
    }
    return track.length > 0 ? [{ track, length: track.length, arm, stage: 'rlvr', mark: 'joined' }] : [];
  });
  passes.set(`${which} ${x}`, { key, lines });
  return lines;
}

function dividersOf({ stages }: ChartKind, log: RunLog, x: XKind): Divider[] {
  return stages.flatMap((stage) => {
    const [, ...later] = [...spansOf(log, stage, x)];
    return later.map(([iteration, { first }]) => ({ x: first, label: `EM ${iteration}` }));
  });
}

function endOf({ stages }: ChartKind, log: RunLog, x: XKind): number {
  return Math.max(0, ...stages.flatMap((stage) => [...spansOf(log, stage, x).values()].map((span) => span.last)));
}

interface Span {
  /** What is added to an iteration's own x. */
  offset: number;
  first: number;
  last: number;
}

interface Kept {
  /** Lines of evaluations, and what they were made of. */
  passes: Map<string, { key: string; lines: ArmLine[] }>;
  tracks: Map<string, StageTrack>;
  spans: Map<string, { version: number; spans: Map<number, Span> }>;
}

/** What has been read of each log, as long as the log is kept. */
const kept = new WeakMap<RunLog, Kept>();

function keptOf(log: RunLog): Kept {
  let of = kept.get(log);
  if (!of) {
    of = { passes: new Map(), tracks: new Map(), spans: new Map() };
    kept.set(log, of);
  }
  return of;
}

/** Where each iteration lies on the common axis: right after the one before, as the whole log has it (so that axes stand still). */
function spansOf(log: RunLog, stage: Stage, x: XKind): Map<number, Span> {
  const { spans } = keptOf(log);
  const known = spans.get(`${stage} ${x}`);
  if (known?.version === log.version) return known.spans;
  const own = new Map<number, { first: number; last: number }>();
  for (const metric of log.metricsOf(stage))
    for (const curve of log.curvesOf(stage, metric)) {
      const xs = xOf(log, curve, x);
      if (!xs || curve.length === 0) continue;
      const iteration = curve.ref.iteration ?? 1;
      const span = own.get(iteration) ?? { first: Number.POSITIVE_INFINITY, last: 0 };
      own.set(iteration, { first: Math.min(span.first, x === 'step' ? xs(0) : 0), last: Math.max(span.last, xs(curve.length - 1)) });
    }
  const made = new Map<number, Span>();
  let next: number | null = null;
  for (const iteration of [...own.keys()].sort((a, b) => a - b)) {
    const { first, last } = own.get(iteration)!;
    const offset: number = next === null ? 0 : next - first;
    made.set(iteration, { offset, first: first + offset, last: last + offset });
    next = last + offset + (x === 'step' ? 1 : 0);
  }
  spans.set(`${stage} ${x}`, { version: log.version, spans: made });
  return made;
}

/** A curve's own x by the point's number; null where the log does not say. */
function xOf(log: RunLog, curve: Curve, x: XKind): ((i: number) => number) | null {
  const { steps, timeMs, tokens } = curve.before(WHOLE);
  if (x === 'step') return (i) => steps[i]!;
  if (x === 'tokens') return Number.isFinite(tokens[0] ?? 0) ? (i) => tokens[i]! : null;
  if (Number.isFinite(timeMs[0] ?? 0)) return (i) => timeMs[i]! / 1000;
  // written before times were: a stage that has ended took its steps evenly
  const took = log.tookOf(curve.ref);
  return took && ((i) => ((steps[i]! / took.steps) * took.timeMs) / 1000);
}

function stageTrack(log: RunLog, stage: Stage, arm: Arm, reading: Reading, x: XKind): StageTrack | null {
  const { tracks } = keptOf(log);
  const key = `${stage} ${arm} ${x} ${reading.metrics.join(' ')}`;
  const known = tracks.get(key);
  if (!known && !log.curvesOf(stage, reading.metrics[0]!).some((curve) => curve.ref.arm === arm)) return null;
  const read = known ?? new StageTrack();
  if (!known) tracks.set(key, read);
  read.sync(log, { stage, arm }, reading, x);
  return read;
}

/** One arm's numbers in a stage, its iterations one after the other; takes in what the log has got since it was last asked. */
class StageTrack {
  /** Another one where points that were taken in are no longer so. */
  track = new Track();
  private parts: { curve: Curve; revision: number; taken: number; offset: number }[] = [];
  private version = -1;

  sync(log: RunLog, { stage, arm }: StageRef, reading: Reading, x: XKind): void {
    if (this.version === log.version) return;
    this.version = log.version;
    const curves = log
      .curvesOf(stage, reading.metrics[0]!)
      .filter((curve) => curve.ref.arm === arm)
      .sort((a, b) => (a.ref.iteration ?? 1) - (b.ref.iteration ?? 1));
    const spans = spansOf(log, stage, x);
    const offsetOf = (curve: Curve): number => spans.get(curve.ref.iteration ?? 1)?.offset ?? 0;
    const stale = this.parts.some(
      ({ curve, revision, taken, offset }, i) =>
        curve !== curves[i] ||
        curve.revision !== revision ||
        offset !== offsetOf(curve) ||
        (i + 1 < this.parts.length && taken < curve.length),
    );
    if (stale) {
      this.track = new Track();
      this.parts = [];
    }
    for (const [i, curve] of curves.entries()) {
      const xs = xOf(log, curve, x);
      if (!xs) break;
      let part = this.parts[i];
      if (!part) this.parts[i] = part = { curve, revision: curve.revision, taken: 0, offset: offsetOf(curve) };
      const { values } = curve.before(WHOLE);
      const others = reading.metrics.slice(1).map(
        (metric) =>
          log
            .curvesOf(stage, metric)
            .find((c) => sameRef(c.ref, curve.ref))
            ?.before(WHOLE).values,
      );
      for (; part.taken < curve.length; part.taken++) {
        const own = values[part.taken]!;
        const value = reading.of ? reading.of([own, ...others.map((other) => other?.[part.taken] ?? Number.NaN)]) : own;
        this.track.push(xs(part.taken) + part.offset, value);
      }
    }
  }

  countBefore(cut: number): number {
    return cut === WHOLE ? this.track.length : this.parts.reduce((n, { curve }) => n + curve.countBefore(cut), 0);
  }
}

function sameRef(a: StageRef, b: StageRef): boolean {
  return a.stage === b.stage && a.arm === b.arm && a.iteration === b.iteration && a.phase === b.phase;
}

type Member = Pick<DrawnLine, 'track' | 'length'>;
const means = new WeakMap<Track, SeedMean>();

/** Of lines over seeds: their mean at the first one's points, as far as all of them reach. */
function meanOf(members: readonly Member[]): Track {
  const first = members[0]!.track;
  let mean = means.get(first);
  if (!mean?.isOf(members)) {
    mean = new SeedMean(members);
    means.set(first, mean);
  }
  mean.sync(members);
  return mean.track;
}

class SeedMean {
  readonly track = new Track(true);
  private readonly of: { track: Track; next: number }[];
  private taken = 0;

  constructor(members: readonly Member[]) {
    this.of = members.map(({ track }) => ({ track, next: 0 }));
  }

  /** Whether these are its members, and none has lost points that were taken in. */
  isOf(members: readonly Member[]): boolean {
    return (
      members.length === this.of.length &&
      members.every(({ track, length }, i) => track === this.of[i]!.track && length >= this.of[i]!.next) &&
      members[0]!.length >= this.taken
    );
  }

  sync(members: readonly Member[]): void {
    const [grid] = members;
    const reach = Math.min(...members.map(({ track, length }) => track.x[length - 1]!));
    for (; this.taken < grid!.length && grid!.track.x[this.taken]! <= reach; this.taken++) {
      const x = grid!.track.x[this.taken]!;
      const values = members.map((member, i) => this.valueAt(member, i, x));
      if (!values.every(Number.isFinite)) this.track.push(x, Number.NaN);
      else {
        const { mean, half } = tInterval(values);
        this.track.push(x, mean, mean - (half ?? 0), mean + (half ?? 0));
      }
    }
  }

  /** Between two points on the straight line through them; NaN before the first. */
  private valueAt({ track, length }: Member, i: number, x: number): number {
    const of = this.of[i]!;
    while (of.next < length && track.x[of.next]! < x) of.next++;
    const right = of.next;
    if (right >= length) return Number.NaN;
    const [x1, y1] = [track.x[right]!, track.y.at[right]!];
    if (x1 === x) return y1;
    if (right === 0) return Number.NaN;
    const [x0, y0] = [track.x[right - 1]!, track.y.at[right - 1]!];
    return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
  }
}
