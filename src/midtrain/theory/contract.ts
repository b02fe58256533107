// What the theory instruments are asked and what they answer, as plain data that the page, the worker and the reports share: settings with their
// ranges, charts with bounds and measured points, facts under stable names. Refuses settings outside their ranges, naming value, range and remedy.

export type InstrumentName = 'pruning' | 'convergence' | 'sticky-elbo' | 'four-rooms';

export interface Range {
  label: string;
  min: number;
  max: number;
  step: number;
  start: number;
  /** Only whole numbers. */
  whole: boolean;
}

/** Settings whose value is the exponent of what they set. */
export const EXPONENT_OF: Record<string, number> = { candidatesLog2: 2, toleranceLog10: 10, demonstrationsLog2: 2 };

/** Every setting of every instrument: what a slider shows, and what `checkSettings` asks for. */
export const RANGES = {
  pruning: {
    needed: { label: 'Needed abstractions |Z_ε|', min: 1, max: 32, step: 1, start: 8, whole: true },
    candidatesLog2: { label: 'Candidates |Z|', min: 6, max: 20, step: 1, start: 12, whole: true },
    sigma: { label: 'Share of tasks σ', min: 0.01, max: 0.2, step: 0.01, start: 0.05, whole: false },
    delta: { label: 'Chance of failure δ', min: 0.02, max: 0.5, step: 0.01, start: 0.1, whole: false },
    seed: { label: 'Seed', min: 0, max: 999, step: 1, start: 1, whole: true },
  },
  convergence: {
    size: { label: 'Grid side', min: 8, max: 20, step: 1, start: 16, whole: true },
    slip: { label: 'Slip', min: 0, max: 0.4, step: 0.02, start: 0.1, whole: false },
    gamma: { label: 'Discount γ', min: 0.9, max: 0.99, step: 0.005, start: 0.98, whole: false },
    toleranceLog10: { label: 'Tolerance ε', min: -5, max: -1, step: 0.5, start: -3, whole: false },
  },
  'sticky-elbo': {
    c: { label: 'Price of a thought c', min: 0, max: 4, step: 0.25, start: 1, whole: false },
    stay: { label: 'Expert keeps its skill', min: 0.5, max: 0.95, step: 0.01, start: 0.75, whole: false },
    codes: { label: 'Codes |Z|', min: 4, max: 32, step: 1, start: 16, whole: true },
    eta: { label: 'Weight of entropy η', min: 0.02, max: 1, step: 0.02, start: 0.2, whole: false },
    lines: { label: 'Lines', min: 2, max: 7, step: 1, start: 6, whole: true },
  },
  'four-rooms': {
    demonstrationsLog2: { label: 'Demonstrations', min: 0, max: 9, step: 1, start: 6, whole: true },
    episodes: { label: 'RL episodes', min: 50, max: 400, step: 10, start: 200, whole: true },
    slip: { label: 'Slip', min: 0, max: 0.3, step: 0.02, start: 0.1, whole: false },
    seeds: { label: 'Seeds', min: 3, max: 16, step: 1, start: 6, whole: true },
    seed: { label: 'First seed', min: 0, max: 999, step: 1, start: 1, whole: true },
  },
} as const satisfies Record<InstrumentName, Record<string, Range>>;

export type Settings<I extends InstrumentName> = { [K in keyof (typeof RANGES)[I]]: number };

/** Formula, bound or fitted law: drawn as a line. Measured: drawn as points, with 95 % intervals where low and high are given. */
export interface TheorySeries {
  name: string;
  kind: 'bound' | 'measured' | 'curve';
  x: number[];
  y: number[];
  low?: number[];
  high?: number[];
}

export interface TheoryChart {
  name: string;
  title: string;
  xLabel: string;
  log: 'none' | 'x' | 'y' | 'xy';
  series: TheorySeries[];
}

/** A number under a stable name; predicted: what the theory says of it, where it says something. */
export interface Fact {
  name: string;
  label: string;
  measured: number;
  /** 95 % interval of what was measured, where there is one. */
  low?: number;
  high?: number;
  predicted: number | null;
}

export interface TheoryResult {
  instrument: InstrumentName;
  charts: TheoryChart[];
  facts: Fact[];
  /** What is seen, in a sentence or two. */
  says: string;
}

export function startSettings<I extends InstrumentName>(instrument: I): Settings<I> {
  return Object.fromEntries(Object.entries(RANGES[instrument]).map(([name, range]) => [name, (range as Range).start])) as Settings<I>;
}

/** @throws RangeError for a setting that is missing, unknown, not a number or outside its range. Returns a copy. */
export function checkSettings<I extends InstrumentName>(instrument: I, given: Settings<I>): Settings<I> {
  const ranges: Record<string, Range> | undefined = Object.hasOwn(RANGES, instrument) ? RANGES[instrument] : undefined;
  if (!ranges) throw new RangeError(`There is no instrument "${instrument}". Use one of ${Object.keys(RANGES).join(', ')}.`);
  for (const name of Object.keys(given))
    if (!Object.hasOwn(ranges, name))
      throw new RangeError(`${instrument} has no setting "${name}". Use ${Object.keys(ranges).join(', ')}.`);
  const out: Record<string, number> = {};
  for (const [name, { min, max, whole }] of Object.entries(ranges)) {
    const value: unknown = (given as Record<string, unknown>)[name];
    if (typeof value !== 'number' || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      throw new RangeError(
        `${instrument}: ${name} is ${String(value)}; give ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}.`,
      );
    out[name] = value;
  }
  return out as Settings<I>;
}
