// The instruments by name, and all of them at their start settings for the record. Pure and deterministic: the same settings give the same numbers.
import { RANGES, type Fact, type InstrumentName, type Settings, startSettings, type TheoryResult } from './contract.ts';
import { convergence } from './convergence.ts';
import { fourRooms } from './fourRooms.ts';
import { pruning } from './pruning.ts';
import { stickyElbo } from './stickyElbo.ts';

const INSTRUMENTS: { [I in InstrumentName]: (settings: Settings<I>) => TheoryResult } = {
  pruning,
  convergence,
  'sticky-elbo': stickyElbo,
  'four-rooms': fourRooms,
};

/** @throws RangeError for settings outside RANGES. */
export function compute<I extends InstrumentName>(instrument: I, settings: Settings<I>): TheoryResult {
  if (!Object.hasOwn(INSTRUMENTS, instrument))
    throw new RangeError(`There is no instrument "${instrument}". Use one of ${Object.keys(INSTRUMENTS).join(', ')}.`);
  return INSTRUMENTS[instrument](settings);
}

export interface TheoryReport {
  /** One row for each fact: what the theory says and what was measured. */
  table: (Fact & { instrument: InstrumentName })[];
  /** Every chart's series, and what is seen in them. */
  results: TheoryResult[];
  settings: { [I in InstrumentName]: Settings<I> };
}

/** Every instrument at its start settings, four rooms with as many seeds as it takes (about 4 s in all): data for docs/results.md. */
export function theoryReport(): TheoryReport {
  const settings: TheoryReport['settings'] = {
    pruning: startSettings('pruning'),
    convergence: startSettings('convergence'),
    'sticky-elbo': startSettings('sticky-elbo'),
    'four-rooms': { ...startSettings('four-rooms'), seeds: RANGES['four-rooms'].seeds.max },
  };
  const results = (Object.keys(settings) as InstrumentName[]).map((name) => compute(name, settings[name]));
  return {
    table: results.flatMap(({ instrument, facts }) => facts.map((fact) => ({ instrument, ...fact }))),
    results,
    settings,
  };
}
