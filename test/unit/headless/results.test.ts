// The results report from small logs made here: statistics and tables, figures as well-formed SVG, which seeds are used and which passed over.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { escapeXml, lineChart, ticks } from '../../../src/headless/lineChart.ts';
import { readGroups, results } from '../../../src/headless/results.ts';
import { bandSeries, cell, readSeedLog, resultsReport, runningMean, table } from '../../../src/headless/resultsReport.ts';
import type { ArmResult, RunEvent } from '../../../src/run/events.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import type { Recipe } from '../../../src/run/recipe.ts';

const ARMS = ['base', 'ntp', 'ra3'] as const;

function armResult(arm: (typeof ARMS)[number], phase: 'before' | 'after', pass1: number): ArmResult {
  const at = (mean: number) => ({ mean, lo: mean - 0.1, hi: mean + 0.1 });
  const thinkByLine = arm === 'ra3' ? [1, 0, 0, 0, 0, 0, 0, 0] : [0, 0, 0, 0, 0, 0, 0, 0];
  return {
    arm,
    phase,
    passAt: { 1: at(pass1), 8: at(1) },
    thinkRate: arm === 'ra3' ? 0.125 : 0,
    thinkByLine,
    thoughtsPerProgram: arm === 'ra3' ? 1 : 0,
    meanDuration: arm === 'ra3' ? 8 : null,
    contentRight: arm === 'ra3' ? 1 : null,
    heldOutNll: 0.2,
  };
}

/** A log as a run writes it, with a few steps of each stage. */
function logText(seed: number, change: Partial<Recipe> = {}, status: 'finished' | 'failed' = 'finished'): string {
  const recipe: Recipe = { ...presetRecipe('recall-lines', 'quick'), seed, ...change };
  const pass = { base: 0.4, ntp: 0.3 + 0.01 * seed, ra3: 0.9 };
  const armResults = (['before', 'after'] as const).flatMap((phase) => ARMS.map((arm) => armResult(arm, phase, pass[arm])));
  const adapter = { vendor: 'v', architecture: 'a', description: 'A <fast> | "CPU"', software: true, features: [] };
  const events: RunEvent[] = [
    { type: 'start', runId: `r-${seed}`, recipe, adapter, version: '0.1.0', startedAt: '2026-11-20T10:00:00.000Z', parameters: 20992 },
  ];
  for (let step = 1; step <= 6; step++) {
    for (const arm of ARMS) events.push({ type: 'metrics', stage: 'rlvr', arm, step, values: { 'reward/mean': pass[arm] } });
    for (const iteration of [1, 2]) {
      const values = { 'think/rate': 0.1 * iteration, 'think/per_program': iteration, 'nll/line': step === 6 ? null : 0.5 };
      events.push({ type: 'metrics', stage: 'e-step', arm: 'ra3', iteration, step, values });
    }
  }
  const line = { text: 'x', kind: 'plain', pThink: 0, lineLogprob: 0, gain: 0, right: null };
  const lines = [
    { ...line, thought: 'a' },
    { ...line, thought: null },
  ];
  events.push({ type: 'traces', stage: 'm-step', arm: 'ra3', iteration: 1, step: 120, traces: [{ prompt: 'p', lines }] });
  events.push({ type: 'end', summary: { status, error: null, results: armResults, tokPerS: 1234.5, timeMs: 61_000 } });
  return `${events.map((e) => JSON.stringify(e)).join('\n')}\n`;
}

const group = (seeds: number[]) => ({
  task: 'recall-lines' as const,
  preset: 'quick' as const,
  logs: seeds.map((seed) => readSeedLog(logText(seed))),
  passedOver: [],
});

describe('cells and tables', () => {
  it('give the mean, half of the interval, and how many seeds have the number', () => {
    expect(cell([1, 2, 3, 4, 5], 2)).toBe('3.00 ± 1.96');
    expect(cell([0.25], 3)).toBe('0.250');
    expect(cell([1, null, 1], 1)).toBe('1.0 ± 0.0 (n = 2)');
    expect(cell([null, null], 3)).toBe('–');
    expect(cell([-1e-9], 3)).toBe('0.000');
  });

  it('keep a cell with a bar or a line break in its place', () => {
    expect(
      table(
        [
          ['a', 'b'],
          ['x|y', '1\n2'],
        ],
        1,
      ),
    ).toBe('| a | b |\n| --- | ---: |\n| x\\|y | 1 2 |');
  });
});

describe('curves', () => {
  it('have the mean and the range of the seeds at each step that any has', () => {
    const tone = { color: '#000', dash: '' };
    const one = [
      { x: 1, y: 0 },
      { x: 2, y: 1 },
    ];
    expect(bandSeries('s', tone, [one, [{ x: 2, y: 3 }]])).toEqual({
      label: 's',
      ...tone,
      x: [1, 2],
      mean: [0, 2],
      lo: [0, 1],
      hi: [0, 3],
    });
  });

  it('are averaged over a window that shrinks at the ends', () => {
    const points = [0, 3, 6, 9].map((y, x) => ({ x, y }));
    expect(runningMean(points, 3).map((p) => p.y)).toEqual([1.5, 3, 6, 7.5]);
  });

  it('have round ticks', () => {
    expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(1, 60, 8)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(ticks(3, 3, 5)).toEqual([3]);
  });
});

describe('the chart', () => {
  const series = [{ label: 'a & b', color: '#123456', dash: '', x: [1, 2, 3], mean: [0, null, 1] }];
  const spec = { title: '<t> "q"', xLabel: 'x', yLabel: 'y', yRange: [0, 1] as const, series };

  it('escapes what it writes', () => {
    expect(escapeXml(`<a b="c">&'\u0000`)).toBe('&lt;a b=&quot;c&quot;&gt;&amp;&#39;');
    const svg = lineChart(spec);
    expect(svg).toContain('aria-label="&lt;t&gt; &quot;q&quot;"');
    expect(svg).toContain('a &amp; b');
    expect(svg).not.toMatch(/<t>|NaN|undefined/);
  });

  it('leaves a gap where a value is missing', () => {
    const svg = lineChart(spec);
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).not.toContain('<polyline');
  });

  it('refuses to draw nothing', () => {
    expect(() => lineChart({ ...spec, series: [] })).toThrow('no points');
  });
});

describe('the report', () => {
  it('has arms, differences, EM iterations, every seed, and the conditions', () => {
    const files = resultsReport([group([1, 2, 3])]);
    expect([...files.keys()].sort()).toEqual([
      'figures/recall-lines-quick-lines.svg',
      'figures/recall-lines-quick-rlvr.svg',
      'figures/recall-lines-quick-think.svg',
      'results.md',
    ]);
    const text = files.get('results.md')!;
    expect(text).toContain('| NTP | 0.320 ± 0.025 |');
    expect(text).toContain('| RA3 − NTP | 0.580 ± 0.025 | 0.580 ± 0.025 |');
    expect(text).toContain('| 1 | 1.00 ± 0.00 → 1.00 ± 0.00 | 0.500 ± 0.000 → 0.500 ± 0.000 |');
    expect(text).toContain('| RA3 + RLVR | 0.900 ± 0.000 | 1.000 ± 0.000 | 1.000 ± 0.000 | 0.000 ± 0.000 | 1.00 ± 0.00 |');
    expect(text).toContain('A <fast> \\| "CPU" (software)');
    expect(text).toContain('npm run results -- --task recall-lines --preset quick --seeds 3');
    expect(text).toContain('All seeds start from the one shipped base model');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is the same for the same logs', () => {
    expect(resultsReport([group([1, 2])])).toEqual(resultsReport([group([1, 2])]));
  });

  it('says so where one seed is all there is', () => {
    expect(resultsReport([group([1])]).get('results.md')).toContain('there are no intervals');
  });
});

describe('the verb', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ra3-lab-results-'));
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(dir, { recursive: true, force: true });
  });
  const put = (seed: number, text: string) => {
    const folder = join(dir, 'runs', 'recall-lines-quick', `seed-${seed}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'log.jsonl'), text);
  };
  const argv = (...more: string[]) => ['--preset', 'quick', '--out', join(dir, 'runs'), '--docs', join(dir, 'docs'), ...more];

  it('runs the seeds that are missing, and none again', async () => {
    put(2, logText(2));
    const asked: string[] = [];
    const run = async (given: string[]) => {
      const seed = Number(given[given.indexOf('--seed') + 1]);
      asked.push(given.slice(0, -1).join(' '));
      put(seed, logText(seed));
      return 0;
    };
    expect(await results(argv('--seeds', '3'), run)).toBe(0);
    const words = (seed: number) => `--default --task recall-lines --preset quick --seed ${seed} --out`;
    expect(asked).toEqual([words(1), words(3)]);
    expect(await results(argv('--seeds', '3'), run)).toBe(0);
    expect(asked).toHaveLength(2);
    expect(readFileSync(join(dir, 'docs', 'results.md'), 'utf8')).toContain('| seeds | 1, 2, 3 |');
  });

  it('ends with the code of a run that does not finish and writes nothing', async () => {
    expect(await results(argv('--seeds', '2'), async () => 1)).toBe(1);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('names the seeds that it does not use, and why', () => {
    put(1, logText(1));
    put(2, logText(2, { name: 'another' }));
    put(3, logText(3, {}, 'failed'));
    put(4, '{"type":"sta');
    const [found] = readGroups(join(dir, 'runs'));
    expect(found?.logs.map((l) => l.start.recipe.seed)).toEqual([1]);
    expect(found?.passedOver).toEqual([
      'Seed 2 is not among these: it was run with another recipe.',
      'Seed 3 is not among these: it failed.',
      'Seed 4 is not among these: its log is not that of a run that has ended.',
    ]);
  });

  it('refuses to write about nothing, and words that it does not know', async () => {
    const never = async () => Promise.reject(new Error('ran'));
    await expect(results(argv('--write-only'), never)).rejects.toThrow('There is no finished run');
    await expect(results(['--preset', 'long'], never)).rejects.toThrow('--preset long is not known; there are full and quick.');
    await expect(results(['--seeds', '0'], never)).rejects.toThrow('--seeds is "0"');
  });
});
