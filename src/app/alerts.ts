// What in a run's log should worry whoever watches it: spikes, collapse, KL, no spread, values that are not finite, a lost device, throttling. Pure; the
// thresholds are rules of thumb and stand here by name. Promises at most one alert of a kind for each stage, at its first step.
import { METRICS, stageLabel } from './curves.ts';
import { type Curve, type RunLog, type Stage, WHOLE } from './runLog.ts';

export type AlertKind = 'spike' | 'collapse' | 'kl' | 'no-spread' | 'nan' | 'device-lost' | 'throttled';

export interface RunAlert {
  kind: AlertKind;
  /** Where, for people: "RLVR RA3, step 12". */
  where: string;
  message: string;
}

/** A loss or gradient norm this many standard deviations, and so many times their mean, above so many steps before it. */
const SPIKE_SIGMAS = 8;
const LOSS_SPIKE = 0.5;
/** Gradients of small batches near an optimum jump severalfold and mean nothing by it. */
const GRADIENT_SPIKE = 9;
const SPIKE_STEPS = 16;
/** A reward that had reached this and then stayed below a quarter of it, over so many steps. */
const COLLAPSE_FROM = 0.2;
const COLLAPSE_STEPS = 10;
/** Nats to the reference, per token. */
const KL_LIMIT = 10;
/** Steps in a row in which (nearly) no group had any spread. */
const MIXED = 0.01;
const NO_SPREAD_STEPS = 10;
/** Speed below this share of its mean so far, over so many reports in a row. */
const THROTTLED_SHARE = 0.4;
const THROTTLED_REPORTS = 5;

const STAGES: readonly Stage[] = ['base', 'ntp', 'e-step', 'm-step', 'rlvr'];

export function alertsOf(log: RunLog, cut = WHOLE): RunAlert[] {
  const alerts: RunAlert[] = [];
  const look = (
    stage: Stage,
    metric: string,
    kind: AlertKind,
    find: (values: Float64Array, curve: Curve) => { at: number; message: string } | null,
  ): void => {
    for (const curve of log.curvesOf(stage, metric)) {
      const { steps, values } = curve.before(cut);
      const found = find(values, curve);
      if (found) alerts.push({ kind, where: whereOf(curve, steps[found.at]!), message: found.message });
    }
  };
  for (const stage of STAGES) {
    look(stage, METRICS.loss, 'spike', (values) => spike(values, 'The loss', LOSS_SPIKE));
    // policy gradients are spiky by nature
    if (stage !== 'e-step' && stage !== 'rlvr')
      look(stage, 'grad/norm', 'spike', (values) => spike(values, 'The gradient’s norm', GRADIENT_SPIKE));
    for (const metric of [METRICS.loss, 'grad/norm', METRICS.lineReward, METRICS.reward])
      look(stage, metric, 'nan', (values) => notFinite(values, metric));
    look(stage, METRICS.speed, 'throttled', throttled);
  }
  look('rlvr', METRICS.reward, 'collapse', collapse);
  look('rlvr', 'kl/ref_k3', 'kl', (values) => {
    const at = values.findIndex((kl) => kl > KL_LIMIT);
    return at < 0 ? null : { at, message: `The KL to the reference is ${values[at]!.toPrecision(3)} nats per token, above ${KL_LIMIT}.` };
  });
  look('rlvr', 'group/frac_mixed', 'no-spread', (values, { ref }) => {
    const solved = log
      .curvesOf('rlvr', 'group/frac_all_good')
      .find((curve) => curve.ref.arm === ref.arm)
      ?.before(cut).values;
    // where everything is right there is nothing left to learn
    const at = firstOfRun(values, NO_SPREAD_STEPS, (mixed, i) => mixed <= MIXED && !(solved && solved[i]! >= 1 - MIXED));
    return at < 0
      ? null
      : {
          at,
          message: `For ${NO_SPREAD_STEPS} steps no group had rewards that differ, so nothing was learnt. Mix harder and easier prompts.`,
        };
  });
  const lost = log.notices.find((notice) => notice.at < cut && /^The GPU device was lost/.test(notice.message));
  if (lost) alerts.push({ kind: 'device-lost', where: 'the GPU', message: lost.message });
  return oneOfEach(alerts);
}

/** Both the loss and the gradient may spike, and both be named; the same words twice help nobody. */
function oneOfEach(alerts: readonly RunAlert[]): RunAlert[] {
  const seen = new Set<string>();
  return alerts.filter(({ kind, where }) => {
    const key = `${kind} ${where.replace(/, step.*/, '')}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function spike(values: Float64Array, name: string, share: number): { at: number; message: string } | null {
  const before: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (before.length === SPIKE_STEPS) {
      const mean = before.reduce((sum, x) => sum + x, 0) / SPIKE_STEPS;
      const deviation = Math.sqrt(before.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (SPIKE_STEPS - 1));
      if (value > mean + Math.max(SPIKE_SIGMAS * deviation, share * Math.abs(mean)))
        return {
          at: i,
          message: `${name} jumped to ${value.toPrecision(3)}; over the ${SPIKE_STEPS} steps before it was ${mean.toPrecision(3)}.`,
        };
      before.shift();
    }
    before.push(value);
  }
  return null;
}

function notFinite(values: Float64Array, metric: string): { at: number; message: string } | null {
  const at = values.findIndex((value) => !Number.isFinite(value));
  return at < 0 ? null : { at, message: `${metric} is not a finite number.` };
}

function collapse(values: Float64Array): { at: number; message: string } | null {
  let best = 0;
  let below = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    best = Math.max(best, value);
    below = best >= COLLAPSE_FROM && value < best / 4 ? below + 1 : 0;
    if (below === COLLAPSE_STEPS)
      return {
        at: i - COLLAPSE_STEPS + 1,
        message: `The reward fell from ${best.toPrecision(2)} to ${value.toPrecision(2)} and stayed there for ${COLLAPSE_STEPS} steps.`,
      };
  }
  return null;
}

function throttled(values: Float64Array): { at: number; message: string } | null {
  let n = 0;
  let mean = 0;
  let below = 0;
  let first = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (n >= THROTTLED_REPORTS && value < THROTTLED_SHARE * mean) {
      if (below === 0) first = i;
      below++;
      if (below === THROTTLED_REPORTS)
        return {
          at: first,
          message: `Speed fell to ${Math.round(value)} tokens/s from ${Math.round(mean)}: the machine is hot, busy, or saves power.`,
        };
    } else {
      below = 0;
      n++;
      mean += (value - mean) / n;
    }
  }
  return null;
}

function firstOfRun(values: Float64Array, length: number, holds: (value: number, i: number) => boolean): number {
  let run = 0;
  for (let i = 0; i < values.length; i++) {
    run = holds(values[i]!, i) ? run + 1 : 0;
    if (run === length) return i - length + 1;
  }
  return -1;
}

function whereOf({ ref }: Curve, step: number): string {
  return `${stageLabel(ref)}, step ${step}`;
}
