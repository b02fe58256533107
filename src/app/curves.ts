// What a chart draws, as data, and how arms, stages and metrics are called on the page. Pure; knows no chart library.
// Values that are not finite stay in place, so that a gap is seen. Refuses nothing.
import { ARM_LABEL, ARMS, RANGES, type Range } from '../run/recipe.ts';
import type { Arm, StageRef } from './runLog.ts';
import { Track } from './track.ts';

/** Which colour and dash: an arm, a plain series by number, or a run's colour slot. */
export type Tone = Arm | 'second' | 'third' | `run-${number}`;

interface Look {
  /** Shown in the legend. */
  label: string;
  tone: Tone;
  /** A line through the points, which is how it is drawn when absent, the points alone, or both. */
  mark?: 'line' | 'points' | 'joined';
  /** Dashed, or not, whatever the tone says. */
  dash?: boolean;
  /** One of several whose mean is drawn too: without a place in legend and tooltip. */
  faint?: boolean;
}

/** A line of few points. */
export interface Line extends Look {
  x: number[];
  /** null = a value that was not finite. */
  y: (number | null)[];
  /** Interval around each point: bars at points, a band around a line. */
  low?: number[];
  high?: number[];
}

/** A line of any number of points: the first `length` of a track. */
export interface DrawnLine extends Look {
  track: Track;
  length: number;
}

export interface Divider {
  x: number;
  label: string;
}

export interface ChartData {
  lines: Line[];
  /** Where one EM iteration ends and the next begins, in x. */
  dividers: Divider[];
  /** The largest x of the whole log: axes stand still while a recorded run plays. */
  end: number;
}

export interface DrawnChart {
  lines: DrawnLine[];
  dividers: Divider[];
  end: number;
}

/** Whether two charts are drawn alike; points of a track never change. */
export function sameChart(a: DrawnChart, b: DrawnChart): boolean {
  return (
    a.end === b.end &&
    a.lines.length === b.lines.length &&
    a.lines.every((line, i) => sameLine(line, b.lines[i]!)) &&
    sameDividers(a.dividers, b.dividers)
  );
}

export function sameDividers(a: readonly Divider[], b: readonly Divider[]): boolean {
  return a.length === b.length && a.every(({ x, label }, i) => x === b[i]!.x && label === b[i]!.label);
}

export function sameLine(a: DrawnLine, b: DrawnLine): boolean {
  return (
    a.track === b.track &&
    a.length === b.length &&
    a.label === b.label &&
    a.tone === b.tone &&
    a.mark === b.mark &&
    a.dash === b.dash &&
    a.faint === b.faint
  );
}

export function drawn({ lines, dividers, end }: ChartData): DrawnChart {
  return {
    lines: lines.map(({ x, y, low, high, ...look }) => {
      const track = new Track(low !== undefined && high !== undefined);
      x.forEach((each, i) => {
        track.push(each, y[i] ?? Number.NaN, low?.[i], high?.[i]);
      });
      return { ...look, track, length: track.length };
    }),
    dividers,
    end,
  };
}

/** The metrics that the page's own charts read, as the stages report them. */
export const METRICS = {
  reward: 'reward/mean',
  lineReward: 'reward/line',
  lineElbo: 'elbo/line',
  thinkRate: 'think/rate',
  loss: 'loss/nll',
  speed: 'tok_per_s',
} as const;

export const ARM_ORDER: readonly Arm[] = ARMS;
export const RANGE_ORDER: readonly Range[] = RANGES;

export function armLabel(arm: Arm): string {
  return ARM_LABEL[arm];
}

export function stageLabel(ref: StageRef): string {
  const round = ref.iteration === undefined ? '' : ` ${ref.iteration}`;
  switch (ref.stage) {
    case 'base':
      return 'Base training';
    case 'ntp':
      return 'NTP';
    case 'e-step':
      return `E-step${round}`;
    case 'infuse':
      return `Infuse${round}`;
    case 'm-step':
      return `M-step${round}`;
    case 'rlvr':
      return `RLVR ${ARM_LABEL[ref.arm]}`;
    case 'evaluate':
      return `Evaluate ${ARM_LABEL[ref.arm]}${ref.phase === 'after' ? ' after RLVR' : ref.phase === 'before' ? ' before RLVR' : ''}`;
  }
}

/** The stage in a dozen letters, for where room is short. */
export function stageMark(ref: StageRef): string {
  if (ref.stage === 'evaluate') return `Test ${ARM_LABEL[ref.arm]}`;
  return stageLabel(ref);
}
