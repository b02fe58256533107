// The theory instruments as the page keeps them: settings, the result last computed, and one worker that computes what was asked last. A change of
// settings ends what is computed for the old ones. Nothing is computed before it is looked at. Refuses settings outside their ranges, in words.
import { createStore, type StoreApi } from 'zustand/vanilla';
import {
  checkSettings,
  EXPONENT_OF,
  type InstrumentName,
  RANGES,
  type Range,
  type Settings,
  startSettings,
  type TheoryChart,
  type TheoryResult,
  type TheorySeries,
} from '../midtrain/theory/contract.ts';
import type { TheoryAnswer, TheoryListener, TheoryRequest, TheoryWorker } from '../worker/theoryClient.ts';
import type { ChartData, Line } from './curves.ts';

export { type InstrumentName, RANGES, type Range, type TheoryChart, type TheoryResult };

export interface InstrumentState {
  settings: Settings<InstrumentName>;
  result: TheoryResult | null;
  busy: boolean;
  error: string | null;
}

export type TheoryState = Record<InstrumentName, InstrumentState>;

export interface Theory {
  store: StoreApi<TheoryState>;
  /** Computes the instrument unless that is done or under way. */
  look(instrument: InstrumentName): void;
  set(instrument: InstrumentName, name: string, value: number): void;
  reset(instrument: InstrumentName): void;
}

export const INSTRUMENT_NAMES = Object.keys(RANGES) as InstrumentName[];

/** A slider moves faster than anything can be computed: what it passes within this time is skipped. */
const SETTLE_MS = 120;

export function createTheory(start: (listener: TheoryListener) => TheoryWorker): Theory {
  const store = createStore<TheoryState>(
    () =>
      Object.fromEntries(
        INSTRUMENT_NAMES.map((name) => [name, { settings: startSettings(name), result: null, busy: false, error: null }]),
      ) as TheoryState,
  );
  const { getState: get, setState } = store;
  const change = (instrument: InstrumentName, part: Partial<InstrumentState>): void =>
    setState((s) => ({ [instrument]: { ...s[instrument], ...part } }) as Partial<TheoryState>);

  let worker: TheoryWorker | null = null;
  let running: TheoryRequest | null = null;
  let asked = 0;
  const waiting = new Set<InstrumentName>();
  const timers = new Map<InstrumentName, ReturnType<typeof setTimeout>>();

  function pump(): void {
    const [instrument] = waiting;
    if (running || instrument === undefined) return;
    waiting.delete(instrument);
    try {
      worker ??= start({ answered, died });
      running = { id: ++asked, instrument, settings: get()[instrument].settings };
      worker.send(running);
    } catch (error) {
      change(instrument, { busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  }

  function answered({ id, result, error }: TheoryAnswer): void {
    if (!running || running.id !== id) return; // the answer of a worker that was ended
    const { instrument } = running;
    running = null;
    change(instrument, { busy: false, error, ...(result ? { result } : {}) });
    pump();
  }

  function died(reason: string): void {
    const instrument = running?.instrument;
    endWorker();
    if (instrument) change(instrument, { busy: false, error: `The worker for this stopped: ${reason}. Move a slider to try again.` });
    pump();
  }

  function endWorker(): void {
    worker?.end();
    worker = null;
    running = null;
  }

  function request(instrument: InstrumentName): void {
    if (running?.instrument === instrument) endWorker();
    waiting.add(instrument);
    change(instrument, { busy: true, error: null });
    pump();
  }

  function take(instrument: InstrumentName, settings: Settings<InstrumentName>): void {
    clearTimeout(timers.get(instrument));
    try {
      change(instrument, { settings: checkSettings(instrument, settings as never) as Settings<InstrumentName> });
    } catch (error) {
      change(instrument, { error: (error as Error).message });
      return;
    }
    timers.set(
      instrument,
      setTimeout(() => request(instrument), SETTLE_MS),
    );
  }

  return {
    store,
    look(instrument) {
      const { result, busy, error } = get()[instrument];
      if (!result && !busy && !error) request(instrument);
    },
    set: (instrument, name, value) => take(instrument, { ...get()[instrument].settings, [name]: value } as Settings<InstrumentName>),
    reset: (instrument) => take(instrument, startSettings(instrument) as Settings<InstrumentName>),
  };
}

/** A setting's value as its slider writes it: exponents as what they stand for. */
export function settingText(name: string, value: number): string {
  const base = EXPONENT_OF[name];
  return (base === undefined ? value : base ** value).toLocaleString('en-GB', { maximumSignificantDigits: 7 });
}

const TONES: Line['tone'][] = ['ra3', 'third', 'second', 'oracle', 'comments', 'shuffled'];

/** What Chart draws: bounds as lines, measured points as points, a run's own points beside them. A bound has the colour of what it bounds. */
export function chartData(chart: TheoryChart, ofRun: readonly TheorySeries[] = []): ChartData {
  let bounded = 0;
  let tone = 0;
  const line = (series: TheorySeries, own: boolean): Line => {
    const { name, kind, x, y, low, high } = series;
    const chosen = own ? 'shuffled' : kind === 'bound' ? TONES[bounded++]! : TONES[tone++]!;
    return {
      label: name,
      tone: chosen,
      x,
      y,
      mark: kind === 'measured' ? 'points' : 'line',
      dash: kind === 'bound',
      ...(low && high ? { low, high } : {}),
    };
  };
  const all = [...chart.series.map((s) => line(s, false)), ...ofRun.map((s) => line(s, true))];
  return { lines: all, dividers: [], end: Math.max(...all.flatMap((l) => l.x)) };
}
