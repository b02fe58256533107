// Settings that are refused, and what holds of every instrument: the same numbers twice, finite, with intervals around their points.
import { beforeAll, describe, expect, it } from 'vitest';
import { checkSettings, type InstrumentName, RANGES, type Settings, startSettings } from '../../../../src/midtrain/theory/contract.ts';
import { equivalentDuration, sufficientDemonstrations, sufficientSweeps } from '../../../../src/midtrain/theory/formulas.ts';
import { compute, type TheoryReport, theoryReport } from '../../../../src/midtrain/theory/instruments.ts';

const names = Object.keys(RANGES) as InstrumentName[];

describe('settings', () => {
  it.each(names)('of %s start inside their ranges', (name) => {
    expect(checkSettings(name, startSettings(name))).toEqual(startSettings(name));
  });

  it.each([
    ['pruning', { needed: 0 }, /needed is 0; give a whole number from 1 to 32/],
    ['pruning', { needed: 2.5 }, /whole number/],
    ['pruning', { sigma: Number.NaN }, /sigma is NaN/],
    ['pruning', { sigma: '0.1' }, /sigma is 0.1/],
    ['convergence', { gamma: 1 }, /gamma is 1; give a number from 0.9 to 0.99/],
    ['sticky-elbo', { lines: 8 }, /lines is 8/],
    ['four-rooms', { episodes: Number.POSITIVE_INFINITY }, /episodes is Infinity/],
    ['four-rooms', { surprise: 1 }, /has no setting "surprise"/],
  ] as const)('%s refuses %o', (name, change, message) => {
    const settings = { ...startSettings(name), ...change } as unknown as Settings<typeof name>;
    expect(() => compute(name, settings)).toThrow(message);
  });

  it('are all needed, and the instrument is one of four', () => {
    expect(() => compute('convergence', { size: 16 } as Settings<'convergence'>)).toThrow(/slip is undefined/);
    expect(() => compute('toString' as InstrumentName, {} as never)).toThrow(/no instrument "toString"/);
    expect(() => checkSettings('constructor' as InstrumentName, {} as never)).toThrow(/no instrument/);
  });
});

describe('formulas', () => {
  it('equal the numbers worked by hand', () => {
    expect(sufficientDemonstrations({ needed: 8, candidates: 4096, sigma: 0.05, delta: 0.1 })).toBeCloseTo(160 * Math.log(40960), 9);
    expect(sufficientSweeps(0.98, 1e-3)).toBeCloseTo(50 * Math.log(50_000), 9);
    expect(equivalentDuration(0.98 ** 8, 0.98)).toBeCloseTo(8, 9);
  });
});

describe('the report', () => {
  let report: TheoryReport;
  beforeAll(() => {
    report = theoryReport();
  }, 60_000);

  it('has every instrument, names facts once, and is plain data', () => {
    expect(report.results.map((r) => r.instrument)).toEqual(names);
    const keys = report.table.map((row) => `${row.instrument} ${row.name}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('has finite points inside their intervals', () => {
    for (const { charts } of report.results) {
      for (const { series } of charts) {
        for (const { name, x, y, low, high } of series) {
          expect(x.length, name).toBe(y.length);
          expect([...x, ...y].every(Number.isFinite), name).toBe(true);
          y.forEach((value, i) => {
            if (low) expect(low[i], name).toBeLessThanOrEqual(value);
            if (high) expect(high[i], name).toBeGreaterThanOrEqual(value);
          });
        }
      }
    }
  });

  it('is the same twice', () => {
    const quick = { ...startSettings('four-rooms'), seeds: 3, episodes: 50, demonstrationsLog2: 2 };
    expect(compute('four-rooms', quick)).toEqual(compute('four-rooms', quick));
    for (const name of ['pruning', 'convergence'] as const)
      expect(compute(name, startSettings(name))).toEqual(report.results.find((r) => r.instrument === name));
  }, 60_000);
});
