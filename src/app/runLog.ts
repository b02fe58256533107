// A run's log as the page reads it: every event kept in order, and indexes over it that any moment of the run can be cut from.
// Lives outside the store: events come in batches and at a high rate, readers ask for what stands before a cut (an event's ordinal).
// Refuses nothing: the log is the record; numbers that are not finite stay as gaps.
import type {
  AdapterReport,
  ArmResult,
  InfusedProgram,
  Phase,
  RunEvent,
  RunSummary,
  ShownGroup,
  ShownLine,
  ShownRollout,
  ShownToken,
  ShownTrace,
  Spent,
  Stage,
  StageRef,
} from '../run/events.ts';
import type { Arm, Recipe } from '../run/recipe.ts';

export type {
  AdapterReport,
  Arm,
  ArmResult,
  InfusedProgram,
  Phase,
  Recipe,
  RunEvent,
  RunSummary,
  ShownGroup,
  ShownLine,
  ShownRollout,
  ShownToken,
  ShownTrace,
  Spent,
  Stage,
  StageRef,
};

/** What stands for the name of a run that came by a link. */
export const LINKED = '';

/** Everything of the run, no cut. */
export const WHOLE = Number.POSITIVE_INFINITY;

/** Time and tokens since a stage began; NaN where the log does not say. */
export interface SinceStart {
  timeMs: number;
  tokens: number;
}

const UNKNOWN: SinceStart = { timeMs: Number.NaN, tokens: Number.NaN };

/** One metric of one stage over its steps; NaN stands for a value that was not finite. */
export class Curve {
  readonly ref: StageRef;
  readonly metric: string;
  length = 0;
  /** Counts how often points were replaced: what was read before is then no longer what stands here. */
  revision = 0;
  private at = new Float64Array(64);
  private step = new Float64Array(64);
  private value = new Float64Array(64);
  private timeMs = new Float64Array(64);
  private tokens = new Float64Array(64);
  /** What a run that was broken off and went on elsewhere counts too little. */
  private readonly shift: SinceStart = { timeMs: 0, tokens: 0 };

  constructor(ref: StageRef, metric: string) {
    this.ref = ref;
    this.metric = metric;
  }

  /** Adds a point. A step that is not beyond the last one (a resumed run) replaces what it repeats, so that no line goes backwards. */
  push(at: number, step: number, value: number | null, since: SinceStart = UNKNOWN): void {
    if (this.length > 0 && this.step[this.length - 1]! >= step) this.revision++;
    while (this.length > 0 && this.step[this.length - 1]! >= step) this.length--;
    if (this.length === this.at.length) {
      this.at = grown(this.at);
      this.step = grown(this.step);
      this.value = grown(this.value);
      this.timeMs = grown(this.timeMs);
      this.tokens = grown(this.tokens);
    }
    this.at[this.length] = at;
    this.step[this.length] = step;
    this.value[this.length] = value ?? Number.NaN;
    this.timeMs[this.length] = this.forwards('timeMs', since.timeMs);
    this.tokens[this.length] = this.forwards('tokens', since.tokens);
    this.length++;
  }

  /** Never less than at the point before. */
  private forwards(of: keyof SinceStart, given: number): number {
    const last = this.length > 0 ? this[of][this.length - 1]! : Number.NaN;
    if (given + this.shift[of] < last) this.shift[of] = last - given;
    return given + this.shift[of];
  }

  countBefore(cut: number): number {
    return cut === WHOLE ? this.length : countBelow(this.at, this.length, cut);
  }

  /** The points before the cut, as views (valid until the next push). */
  before(cut: number): { steps: Float64Array; values: Float64Array; timeMs: Float64Array; tokens: Float64Array } {
    const n = this.countBefore(cut);
    return {
      steps: this.step.subarray(0, n),
      values: this.value.subarray(0, n),
      timeMs: this.timeMs.subarray(0, n),
      tokens: this.tokens.subarray(0, n),
    };
  }

  valueAt(step: number): number | null {
    const value = this.value[this.step.subarray(0, this.length).indexOf(step)];
    return value !== undefined && Number.isFinite(value) ? value : null;
  }

  /** The newest finite value before the cut and its event's ordinal. */
  lastBefore(cut: number): { at: number; value: number } | null {
    for (let i = countBelow(this.at, this.length, cut) - 1; i >= 0; i--) {
      if (Number.isFinite(this.value[i]!)) return { at: this.at[i]!, value: this.value[i]! };
    }
    return null;
  }
}

export interface Moment {
  at: number;
  ref: StageRef;
  step: number;
  traces: ShownTrace[];
}

/** Programs as an EM iteration infused them: the first of `of`. */
export interface InfusedMoment {
  at: number;
  ref: StageRef;
  of: number;
  programs: InfusedProgram[];
}

export interface RolloutMoment {
  at: number;
  ref: StageRef;
  step: number;
  groups: ShownGroup[];
}

/** One stage as it stands at a cut; waiting: planned, and not begun before the cut. */
export interface StageProgress {
  ref: StageRef;
  done: number;
  total: number;
  state: 'waiting' | 'running' | 'done';
  timeMs: number | null;
}

export interface Notice {
  at: number;
  level: 'info' | 'warning' | 'error';
  message: string;
}

interface StageRecord {
  ref: StageRef;
  startAt: number;
  endAt: number;
  /** Planned, and taken: a stage may end before what was planned. */
  steps: number;
  taken: number;
  timeMs: number | null;
  /** Where it stood in the run when it began. */
  began: Spent | null;
  progress: { at: number; done: number; total: number }[];
}

export class RunLog {
  readonly events: RunEvent[] = [];
  readonly moments: Moment[] = [];
  readonly infused: InfusedMoment[] = [];
  readonly rollouts: RolloutMoment[] = [];
  readonly notices: Notice[] = [];
  start: Extract<RunEvent, { type: 'start' }> | null = null;
  end: RunSummary | null = null;
  /** Counts appended batches; readers compare it to know whether to read again. */
  version = 0;
  private readonly curveByKey = new Map<string, Curve>();
  private readonly stageByKey = new Map<string, StageRecord>();
  private readonly results: { at: number; result: ArmResult }[] = [];
  private readonly overall: { at: number; overall: number; leftMs: number | null; ref: StageRef }[] = [];

  get length(): number {
    return this.events.length;
  }

  append(events: readonly RunEvent[]): void {
    for (const event of events) this.take(event);
    this.version++;
  }

  private take(event: RunEvent): void {
    const at = this.events.length;
    this.events.push(event);
    switch (event.type) {
      case 'start':
        this.start = event;
        for (const { ref, steps } of event.stages ?? []) this.stage(ref, WHOLE).steps = steps;
        break;
      case 'stage':
        this.takeStage(event, at);
        break;
      case 'progress': {
        const record = this.stage(event, at);
        record.progress.push({ at, done: event.done, total: event.total });
        this.overall.push({ at, overall: event.overall, leftMs: event.leftMs, ref: refOf(event) });
        break;
      }
      case 'metrics':
        this.takeMetrics(event, at);
        break;
      case 'traces':
        this.moments.push({ at, ref: refOf(event), step: event.step, traces: event.traces });
        break;
      case 'infused':
        this.infused.push({ at, ref: refOf(event), of: event.of, programs: event.programs });
        break;
      case 'rollouts':
        this.rollouts.push({ at, ref: refOf(event), step: event.step, groups: event.groups });
        break;
      case 'result':
        this.results.push({ at, result: event.result });
        break;
      case 'notice':
        this.notices.push({ at, level: event.level, message: event.message });
        break;
      case 'end':
        this.end = event.summary;
        break;
    }
  }

  private takeMetrics(event: Extract<RunEvent, { type: 'metrics' }>, at: number): void {
    // a link tells no stages: its points count from the beginning of theirs
    const began = this.stageByKey.get(keyOf(event))?.began ?? (this.start?.runId === LINKED ? { timeMs: 0, tokens: 0 } : null);
    const now = event.at;
    const since = began && now ? { timeMs: now.timeMs - began.timeMs, tokens: now.tokens - began.tokens } : UNKNOWN;
    for (const [metric, value] of Object.entries(event.values)) this.curve(refOf(event), metric).push(at, event.step, value, since);
  }

  private takeStage(event: Extract<RunEvent, { type: 'stage' }>, at: number): void {
    const record = this.stage(event, at);
    if (event.status === 'start') {
      record.steps = Math.max(record.steps, event.steps);
      record.began ??= event.at ?? null;
    }
    if (event.status === 'end') {
      record.endAt = at;
      record.taken = event.steps;
      record.timeMs = event.timeMs;
    }
  }

  private stage(ref: StageRef, at: number): StageRecord {
    const key = keyOf(ref);
    let record = this.stageByKey.get(key);
    if (!record) {
      record = { ref: refOf(ref), startAt: at, endAt: WHOLE, steps: 0, taken: 0, timeMs: null, began: null, progress: [] };
      this.stageByKey.set(key, record);
    }
    record.startAt = Math.min(record.startAt, at);
    return record;
  }

  private curve(ref: StageRef, metric: string): Curve {
    const key = `${keyOf(ref)} ${metric}`;
    let curve = this.curveByKey.get(key);
    if (!curve) {
      curve = new Curve(ref, metric);
      this.curveByKey.set(key, curve);
    }
    return curve;
  }

  /** Every curve of a stage whose metric is `metric`, in order of appearance. */
  curvesOf(stage: Stage, metric: string): Curve[] {
    return [...this.curveByKey.values()].filter((c) => c.ref.stage === stage && c.metric === metric);
  }

  /** Names of the metrics that a stage reported, in order of appearance. */
  metricsOf(stage: Stage): string[] {
    const names = new Set<string>();
    for (const curve of this.curveByKey.values()) if (curve.ref.stage === stage) names.add(curve.metric);
    return [...names];
  }

  /** How long a stage took that has ended, and its steps; null before its end. */
  tookOf(ref: StageRef): { timeMs: number; steps: number } | null {
    const record = this.stageByKey.get(keyOf(ref));
    return record?.timeMs != null && record.taken > 0 ? { timeMs: record.timeMs, steps: record.taken } : null;
  }

  stagesAt(cut: number): StageProgress[] {
    return [...this.stageByKey.values()].map((record) => {
      const { ref, steps, taken, timeMs } = record;
      if (record.endAt < cut) return { ref, done: taken, total: taken, state: 'done', timeMs };
      const last = lastBefore(record.progress, cut);
      const total = last?.total ?? steps;
      return { ref, done: last?.done ?? 0, total, state: record.startAt < cut ? 'running' : 'waiting', timeMs: null };
    });
  }

  progressBefore(cut: number): { overall: number; leftMs: number | null; ref: StageRef } | null {
    return lastBefore(this.overall, cut) ?? null;
  }

  /** The latest result of every (arm, phase, range) before the cut. */
  resultsBefore(cut: number): ArmResult[] {
    const latest = new Map<string, ArmResult>();
    for (const { at, result } of this.results) if (at < cut) latest.set(`${result.arm} ${result.phase} ${result.range ?? 'in'}`, result);
    return [...latest.values()];
  }

  /** The newest value of a metric in whatever stage reported it last. */
  latestBefore(cut: number, metric: string): number | null {
    let latest: { at: number; value: number } | null = null;
    for (const curve of this.curveByKey.values()) {
      if (curve.metric !== metric) continue;
      const point = curve.lastBefore(cut);
      if (point && (!latest || point.at > latest.at)) latest = point;
    }
    return latest?.value ?? null;
  }

  momentsBefore(cut: number): Moment[] {
    return cut === WHOLE ? this.moments : this.moments.filter((m) => m.at < cut);
  }

  /** A metric's value at exactly this step of a stage; null where it was not reported there, or was not finite. */
  valueAt(ref: StageRef, metric: string, step: number): number | null {
    return this.curveByKey.get(`${keyOf(ref)} ${metric}`)?.valueAt(step) ?? null;
  }

  infusedBefore(cut: number): InfusedMoment[] {
    return this.infused.filter((m) => m.at < cut);
  }

  rolloutsBefore(cut: number): RolloutMoment[] {
    return cut === WHOLE ? this.rollouts : this.rollouts.filter((m) => m.at < cut);
  }
}

/** The log as JSON Lines, one event per line. */
export function toJsonLines(events: readonly RunEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

export function keyOf(ref: StageRef): string {
  return `${ref.stage} ${ref.arm} ${ref.iteration ?? ''} ${ref.phase ?? ''}`;
}

function refOf(event: StageRef): StageRef {
  const ref: StageRef = { stage: event.stage, arm: event.arm };
  if (event.iteration !== undefined) ref.iteration = event.iteration;
  if (event.phase !== undefined) ref.phase = event.phase;
  return ref;
}

function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const next = new Float64Array(array.length * 2);
  next.set(array);
  return next;
}

function countBelow(sorted: Float64Array, length: number, limit: number): number {
  let lo = 0;
  let hi = length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (sorted[mid]! < limit) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

function lastBefore<T extends { at: number }>(items: readonly T[], cut: number): T | undefined {
  let lo = 0;
  let hi = items.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (items[mid]!.at < cut) lo = mid + 1;
    else hi = mid;
  }
  return items[lo - 1];
}
