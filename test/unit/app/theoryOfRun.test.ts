// What of a log stands beside the formulas, from a log made by hand and from the recorded run.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type RunEvent, RunLog, WHOLE } from '../../../src/app/runLog.ts';
import { convergencePoint, durationChart, ofRunInWords, theoryOfRun, thinkRatePoint } from '../../../src/app/theoryOfRun.ts';

const trace = (thoughts: (string | null)[]) => ({ prompt: '', lines: thoughts.map((thought) => ({ thought })) });
const log = new RunLog();
log.append([
  { type: 'start', recipe: { ra3: { c: 0.5, alpha: 0.6 } }, stages: [] },
  {
    type: 'metrics',
    stage: 'e-step',
    arm: 'ra3',
    iteration: 1,
    step: 1,
    values: {
      'think/rate': 0.5,
      'horizon/gbar': 0.98 ** 4,
      'horizon/effective': 1 / (1 - 0.98 ** 4),
      'segment/mean': 2,
      'segment/persistence': 0.5,
    },
  },
  {
    type: 'traces',
    stage: 'e-step',
    arm: 'ra3',
    iteration: 1,
    step: 1,
    traces: [trace(['a', null, 'b', null]), trace([null, 'a', null, null])],
  },
] as unknown as RunEvent[]);

describe('a run beside the theory', () => {
  it('has its horizon as a duration, its think rate at its price and its segments by length', () => {
    const run = theoryOfRun(log, WHOLE);
    expect(run).toMatchObject({ c: 0.5, alpha: 0.6, thinkRate: 0.5, meanDuration: 2, persistence: 0.5, durations: [0, 2, 1, 0] });
    const [point] = convergencePoint(run, 1e-3);
    expect(point!.x[0]).toBeCloseTo(4, 9);
    expect(point!.y[0]).toBeCloseTo(Math.log(1000 / (1 - 0.98 ** 4)) / (1 - 0.98 ** 4), 9);
    expect(thinkRatePoint(run, 4)).toEqual([{ name: 'this run', kind: 'measured', x: [0.5], y: [0.5] }]);
    expect(thinkRatePoint(run, 0.25)).toEqual([]);
    const chart = durationChart(run)!;
    expect(chart.series.map((s) => s.name)).toEqual(['fitted, α = 0.50', 'prior, α = 0.60', 'segments']);
    expect(chart.series[0]!.y).toEqual([0.5, 0.25, 0.125, 0.0625]);
    expect(chart.series[2]!.y).toEqual([0, 2 / 3, 1 / 3, 0]);
    expect(ofRunInWords(run)).toMatch(/thinks before 50 % of the lines at c = 0.5; a thought holds for 2.0 lines; ḡ = 0.922/);
  });

  it('is silent about what a log does not have, and about what is beyond the cut', () => {
    for (const [of, cut] of [
      [new RunLog(), WHOLE],
      [log, 1],
    ] as const) {
      const run = theoryOfRun(of, cut);
      expect([convergencePoint(run, 1e-3), thinkRatePoint(run, 4), durationChart(run), ofRunInWords(run)]).toEqual([[], [], null, null]);
    }
  });

  it('reads the recorded run', () => {
    const recorded = new RunLog();
    const text = gunzipSync(readFileSync('public/demo/log.jsonl.gz')).toString();
    recorded.append(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as RunEvent),
    );
    const run = theoryOfRun(recorded, WHOLE);
    expect(run.gbar).toBeGreaterThan(0);
    expect(run.gbar).toBeLessThan(1);
    expect(run.durations!.reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
    expect(ofRunInWords(run)).toMatch(/effective horizon/);
  });
});
