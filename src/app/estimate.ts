// What the recipe at hand will take, before Run: memory from the worker, which makes the run's buffers on a GPU that only counts; time from a measured speed: of
// the last run of this page, or, before there was one, of the recorded run, which is a guess on another adapter and says so. After a run: estimated, and was.
// Promises that an answer which a later change has overtaken is thrown away. Refuses nothing: why there is no estimate is said in its place.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { RunEstimate } from '../run/events.ts';
import type { Lab, LabState } from './lab.ts';
import { type Recipe, type RunLog, WHOLE } from './runLog.ts';

/** Multiply-adds per millisecond, by stage and of all together. */
export interface Speeds {
  byStage: ReadonlyMap<string, number>;
  overall: number;
  from: 'last run' | 'recorded run';
}

export interface Estimate {
  memory: RunEstimate;
  /** null where no speed is known. */
  timeMs: number | null;
  from: Speeds['from'] | null;
}

export interface Estimating {
  estimate: Estimate | null;
  working: boolean;
  error: string | null;
  /** Of the last run that had an estimate and finished. */
  last: { estimated: Estimate; timeMs: number; peakBytes: number | null } | null;
}

const SETTLED_MS = 600;

export function createEstimator(lab: Lab): StoreApi<Estimating> {
  const store = createStore<Estimating>(() => ({ estimate: null, working: false, error: null, last: null }));
  let timer: ReturnType<typeof setTimeout> | null = null;
  let asked = 0;
  let speeds: Speeds | null = null;
  /** What was estimated for the run of this page that goes on. */
  let ofRun: { id: string; estimate: Estimate } | null = null;

  async function ask(): Promise<void> {
    const mine = ++asked;
    const { draft, adapter, activity } = lab.store.getState();
    if (!draft.recipe || adapter.kind !== 'ok' || activity !== 'idle') {
      if (activity === 'idle') store.setState({ estimate: null, working: false, error: null });
      return;
    }
    store.setState({ working: true });
    try {
      const memory = await lab.worker().estimate(draft.recipe);
      speeds ??= await recordedSpeeds(lab);
      if (mine === asked) store.setState({ estimate: withTime(memory, speeds), working: false, error: null });
    } catch (error) {
      if (mine === asked) store.setState({ estimate: null, working: false, error: (error as Error).message });
    }
  }

  function askSoon(): void {
    if (timer !== null) clearTimeout(timer);
    asked++;
    timer = setTimeout(() => {
      timer = null;
      void ask();
    }, SETTLED_MS);
  }

  lab.store.subscribe((now, before) => {
    if (now.workerRunId !== before.workerRunId) {
      const { estimate } = store.getState();
      ofRun = now.workerRunId && estimate && timer === null ? { id: now.workerRunId, estimate } : null;
    }
    if (now.activity === 'idle' && before.activity !== 'idle') {
      const log = ofRun && lab.logOf(ofRun.id);
      if (ofRun && log?.end?.status === 'finished') {
        speeds = speedsOf(log, ofRun.estimate.memory.stages, 'last run') ?? speeds;
        store.setState({ last: { estimated: ofRun.estimate, timeMs: log.end.timeMs, peakBytes: log.end.peakBytes ?? null } });
      }
    }
    if (changesEstimate(now, before)) askSoon();
  });
  return store;
}

function changesEstimate(now: LabState, before: LabState): boolean {
  return (
    now.draft.recipe !== before.draft.recipe ||
    now.adapter !== before.adapter ||
    now.recognised?.model !== before.recognised?.model ||
    now.recognised?.dataset !== before.recognised?.dataset ||
    (now.activity === 'idle' && before.activity !== 'idle')
  );
}

/** The speed of the recorded run, where it is shown or listed; its costs are worked out as those of any recipe. */
async function recordedSpeeds(lab: Lab): Promise<Speeds | null> {
  const recorded = lab.store.getState().runs.find((run) => run.origin === 'demo');
  const log = recorded && lab.logOf(recorded.id);
  if (!recorded || !log) return null;
  const { stages } = await lab.worker().estimate(recorded.recipe);
  return speedsOf(log, stages, 'recorded run');
}

/** From the times of a log's finished stages and their costs as planned; a stage that ended early did a part of its cost. null where none is known. */
export function speedsOf(log: RunLog, stages: RunEstimate['stages'], from: Speeds['from']): Speeds | null {
  const planned = new Map(stages.map(({ ref, steps, cost }) => [keyOf(ref), { steps, cost }]));
  const sums = new Map<string, { cost: number; ms: number }>();
  const whole = { cost: 0, ms: 0 };
  for (const { ref, state, done, timeMs } of log.stagesAt(WHOLE)) {
    const plan = planned.get(keyOf(ref));
    if (!plan || state !== 'done' || !timeMs || plan.steps === 0) continue;
    const cost = (plan.cost * Math.min(done, plan.steps)) / plan.steps;
    const sum = sums.get(ref.stage) ?? { cost: 0, ms: 0 };
    sums.set(ref.stage, { cost: sum.cost + cost, ms: sum.ms + timeMs });
    whole.cost += cost;
    whole.ms += timeMs;
  }
  if (whole.cost === 0) return null;
  return { byStage: new Map([...sums].map(([stage, { cost, ms }]) => [stage, cost / ms])), overall: whole.cost / whole.ms, from };
}

const keyOf = ({ stage, arm, iteration, phase }: RunEstimate['stages'][number]['ref']): string => [stage, arm, iteration, phase].join(' ');

export function withTime(memory: RunEstimate, speeds: Speeds | null): Estimate {
  if (!speeds) return { memory, timeMs: null, from: null };
  const timeMs = memory.stages.reduce((sum, { ref, cost }) => sum + cost / (speeds.byStage.get(ref.stage) || speeds.overall), 0);
  return { memory, timeMs, from: speeds.from };
}

/** The newest run of this page's list that ran here, for what differs from it. */
export function lastRecipe({ runs }: Pick<LabState, 'runs'>): Recipe | null {
  return runs.find((run) => run.origin === 'run')?.recipe ?? null;
}
