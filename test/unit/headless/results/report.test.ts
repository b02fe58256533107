// The report from small logs: every table and figure, well formed, the same for the same logs.
import { describe, expect, it } from 'vitest';
import { escapeXml, lineChart, ticks } from '../../../../src/share/lineChart.ts';
import { significance } from '../../../../src/headless/results/arms.ts';
import { correlation } from '../../../../src/headless/results/deficiency.ts';
import { bandSeries, intervalSeries, rangeOf } from '../../../../src/headless/results/figures.ts';
import { cell, table } from '../../../../src/headless/results/numbers.ts';
import { resultsReport } from '../../../../src/headless/results/report.ts';
import { theoryChart } from '../../../../src/headless/results/theory.ts';
import { logsOf, makeStudy, THEORY } from './syntheticLogs.ts';

describe('cells and tables', () => {
  it('give the mean, half of the interval, and how many seeds have the number', () => {
    expect(cell([1, 2, 3, 4, 5], 2)).toBe('3.00 ± 1.96');
    expect(cell([0.25], 3)).toBe('0.250 ± –');
    expect(cell([1, null, 1], 1)).toBe('1.0 ± 0.0 (n = 2)');
    expect(cell([null, Number.POSITIVE_INFINITY], 3)).toBe('–');
    expect(cell([-1e-9], 3)).toBe('0.000 ± –');
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

  it('know what differs from 0, and by how many standard errors', () => {
    expect(significance([0.1, 0.2, 0.3])).toEqual({
      outside: false,
      standardErrors: expect.closeTo(3.4641, 3),
      mean: expect.closeTo(0.2, 12),
    });
    expect(significance([0.19, 0.2, 0.21])?.outside).toBe(true);
    expect(significance([0, 0])).toEqual({ outside: false, standardErrors: null, mean: 0 });
    expect(significance([1, null])).toBeNull();
  });

  it('correlate points', () => {
    expect(
      correlation([
        { x: 0, y: 1 },
        { x: 1, y: 3 },
        { x: 2, y: 5 },
      ]),
    ).toBeCloseTo(1, 12);
    expect(
      correlation([
        { x: 0, y: 1 },
        { x: 1, y: 1 },
      ]),
    ).toBeNull();
  });
});

describe('series', () => {
  const tone = { color: '#000', dash: '' };
  const curves = [
    [
      { x: 1, y: 0 },
      { x: 2, y: 1 },
    ],
    [{ x: 2, y: 3 }],
  ];

  it('have the mean and the range of the seeds at each step that any has', () => {
    expect(bandSeries('s', tone, curves)).toEqual({ label: 's', ...tone, x: [1, 2], mean: [0, 2], lo: [0, 1], hi: [0, 3] });
  });

  it('have error bars of the t-interval, none for one seed', () => {
    const { mean, lo, hi, as } = intervalSeries('s', tone, curves);
    expect([as, mean, lo?.[0], hi?.[0]]).toEqual(['intervals', [0, 2], null, null]);
    expect(hi?.[1]).toBeCloseTo(2 + 12.7062, 4);
  });

  it('have axes that hold 0 and every value', () => {
    expect(rangeOf([0.62, 0.1])).toEqual([0, 0.65]);
    expect(rangeOf([-0.2, 3])).toEqual([-0.5, 3]);
    expect(rangeOf([0])).toEqual([0, 1]);
    expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(3, 3, 5)).toEqual([3]);
  });
});

describe('the chart', () => {
  const series = [{ label: 'a & b', color: '#123456', dash: '', x: [1, 2, 3], mean: [0, null, 1] }];
  const spec = { title: '<t> "q"', xLabel: 'x', yLabel: 'y', yRange: [0, 1] as const, series };

  it('escapes what it writes, and has a title', () => {
    expect(escapeXml(`<a b="c">&'\u0000`)).toBe('&lt;a b=&quot;c&quot;&gt;&amp;&#39;');
    const svg = lineChart(spec);
    expect(svg).toContain('<title>&lt;t&gt; &quot;q&quot;</title>');
    expect(svg).toContain('a &amp; b');
    expect(svg).not.toMatch(/<t>|NaN|undefined/);
  });

  it('leaves a gap where a value is missing', () => {
    const svg = lineChart(spec);
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).not.toContain('<polyline');
  });

  it('draws dots alone, and error bars', () => {
    const [one] = series;
    const dots = lineChart({ ...spec, series: [{ ...one!, mean: [0, 0.5, 1], as: 'dots' }] });
    expect(dots.match(/<circle/g)).toHaveLength(4); // one is the legend's
    expect(dots).not.toContain('<polyline');
    const bars = lineChart({
      ...spec,
      series: [{ ...one!, mean: [0, 0.5, 1], lo: [0, 0.4, null], hi: [0.1, 0.6, null], as: 'intervals' }],
    });
    expect(bars).toContain('<polyline');
    expect(bars.match(/stroke-width="1.5"/g)).toHaveLength(2);
  });

  it('gives the legend as many rows as it takes, and ticks the words they are given', () => {
    const many = ['first label of some length', 'second label of some length', 'third label of some length'].map((label) => ({
      ...series[0]!,
      label,
    }));
    const svg = lineChart({ ...spec, series: many, xTicks: [{ at: 2, label: 'two' }] });
    expect(svg).toContain('viewBox="0 0 640 318"');
    expect(svg).toContain('>two</text>');
    expect(svg).not.toContain('>2.5</text>');
  });

  it('refuses to draw nothing', () => {
    expect(() => lineChart({ ...spec, series: [] })).toThrow('no points');
  });

  it('draws a theory’s decades as logarithms and leaves out what has none', () => {
    const { series: drawn, xTicks, yTicks, title } = theoryChart('pruning', THEORY.results[0]!.charts[0]!);
    expect(title).toBe('pruning: by share');
    expect(drawn[1]).toMatchObject({ as: 'intervals', x: [-2, -1], mean: [Math.log10(500), Math.log10(50)] });
    expect(xTicks?.map((t) => t.label)).toEqual(['0.01', '0.02', '0.05', '0.1']);
    expect(yTicks?.map((t) => t.label)).toContain('1000');
  });
});

describe('the report', () => {
  const expected = [{ metric: 'ra3.before.pass@1', apartFrom: 'ntp.before.pass@1' }];
  const files = resultsReport([logsOf(makeStudy({ expect: expected }))], THEORY);
  const text = files.get('results.md')!;

  it('begins with the bars', () => {
    expect(text.indexOf('## What was expected')).toBeLessThan(text.indexOf('## A study'));
    expect(text).toContain(
      '| A study | pass@1 of RA3 before RLVR above pass@1 of NTP before RLVR, intervals apart | 0.900 ± 0.000 against 0.320 ± 0.025; difference 0.580 ± 0.025 | 3 of 3 | **met** |',
    );
  });

  it('has the conditions', () => {
    expect(text).toContain('| command | `npm run results -- --study a-study` |');
    expect(text).toContain('| seeds | 1, 2, 3 |');
    expect(text).toContain('A <fast> \\| "CPU" (software)');
    expect(text).toContain('| time per run | 1:01 (1,235 tokens/s');
    expect(text).toContain('each seed’s own base: 1500 steps × 128');
  });

  it('has the arms of each range, and their differences', () => {
    expect(text).toContain(
      '| arm | pass@1 | pass@8 | think rate | thoughts per program | content right | duration, lines | NMI | ARI | boundary F1 | held-out NLL |',
    );
    expect(text).toContain('| NTP | 0.320 ± 0.025 | 0.980 ± 0.000 | 0.000 ± 0.000 | 0.00 ± 0.00 | – | – | – | – | – | 0.200 ± 0.000 |');
    expect(text).toContain('| RA3 + RLVR | 0.900 ± 0.000 | 0.980 ± 0.000 |');
    expect(text).toContain('Programs a little longer (edge):');
    expect(text).toContain('| RA3 − NTP | 0.580 ± 0.025 | yes | 100.5 | 0.580 ± 0.025 | yes | 100.5 |');
    expect(text).toContain('| oracle labels − NTP | 0.630 ± 0.025 | yes |');
    expect(text).not.toContain('| shuffled labels − NTP');
  });

  it('has RLVR: curves, steps to NTP’s score, what is kept of pass@k', () => {
    expect(text).toContain('![A study: reward in RLVR](figures/results/a-study-rlvr.svg)');
    expect(text).toContain('| RA3 | 0.220 ± 0.025 | before the first, before the first, before the first | 0.000 ± 0.000 |');
    expect(text).toContain('| NTP | 0.220 ± 0.025 → 0.220 ± 0.025 | 1.000 ± 0.000 | 0.880 ± 0.000 → 0.500 ± 0.000 | 0.568 ± 0.000 |');
  });

  it('has EM iteration by iteration, and where the arms think', () => {
    expect(text).toContain('| 1 | 1.00 ± 0.00 → 1.00 ± 0.00 | 0.500 ± 0.000 → 0.500 ± 0.000 | 1.00 ± 0.00 |');
    expect(text).toContain('| 2 | 2.00 ± 0.00 → 2.00 ± 0.00 |');
    expect(text).toContain('| arm | plain | recall | precision | recall |');
    expect(text).toContain('| RA3 | 0.250 ± 0.000 | 0.000 ± 0.000 | 0.500 ± 0.000 | 0.250 ± 0.000 |');
  });

  it('has the gate of every base and the gain against it', () => {
    expect(text).toContain(
      '| seed | plain lines | useful lines, no thought | with the true thought | gap | probability of the true thought | 1 − base pass@1 | RA3 − NTP |',
    );
    expect(text).toContain('| 2 | 0.010 | 1.100 | 0.100 | 1.000 | 0.800 | 0.600 | 0.580 |');
    expect(files.has('figures/results/a-study-gain-gap.svg')).toBe(true);
  });

  it('sets theory beside measurement', () => {
    expect(text).toContain('![A study: how long a thought is held](figures/results/a-study-durations.svg)');
    // gbar .85: duration log .85 / log .98, horizon 1 / .15, log(10 / .15) / .15 iterations
    expect(text).toContain('| RA3 | 0.8500 ± 0.0000 | 8.04 ± 0.00 | 6.7 ± 0.0 | 28 ± 0 | 1.00 ± 0.00 | 0.0 ± 0.0 |');
    expect(text).toContain('| NTP | 0.9800 ± 0.0000 | 1.00 ± 0.00 | 50.0 ± 0.0 |');
    expect(text).toContain(
      '| RA3 | 2.00 ± 0.00 | 2.0 ± 0.0 | 1.50 ± 0.00 | 1.50 ± 0.00 | 1.25 ± 0.00 | 0.875 ± 0.000 | 1.20 ± 0.00 | 1.000 ± 0.000 |',
    );
    expect(text).toContain('| pruning | Demonstrations needed | 1,699 | 507.3 [400, 600] |');
    expect(files.has('figures/results/theory-pruning-by-sigma.svg')).toBe(true);
  });

  it('has figures that are shown, well formed, and nothing that is no number', () => {
    const shown = [...text.matchAll(/\]\((figures\/[^)]+)\)/g)].map((m) => m[1]!);
    expect(shown.sort()).toEqual([...files.keys()].filter((name) => name !== 'results.md').sort());
    for (const [name, content] of files) expect(content, name).not.toMatch(/NaN|undefined|Infinity|\[object/);
    for (const name of shown) expect(files.get(name), name).toMatch(/^<svg [^>]*>\n<title>[^<]+<\/title>[\s\S]*<\/svg>\n$/);
  });

  it('is the same for the same logs', () => {
    expect(resultsReport([logsOf(makeStudy({ expect: expected }))], THEORY)).toEqual(files);
  });
});

describe('a study that varies', () => {
  const vary = [0.05, 0.2, 0.5].map((c) => ({ label: `c ${c}`, set: { 'ra3.c': c } }));
  const files = resultsReport([logsOf(makeStudy({ vary }), (variant) => ({ gap: 0.5 * variant }))], THEORY);
  const text = files.get('results.md')!;

  it('has a column for the variant, and the sweep’s figures', () => {
    expect(text).toContain('| c 0.2 | RA3 | 0.900 ± 0.000 |');
    expect(text).toContain('### Sweep over ra3.c');
    for (const what of [
      'sweep-score',
      'sweep-think-rate',
      'sweep-segment',
      'rlvr-c-0.2',
      'lines-c-0.5',
      'think',
      'gain-gap',
      'durations-c-0.05',
    ])
      expect(files.has(`figures/results/a-study-${what}.svg`), what).toBe(true);
    expect(files.get('figures/results/a-study-sweep-score.svg')).toContain('>0.05</text>');
  });

  it('joins the variants’ means in the figure of gains', () => {
    const svg = files.get('figures/results/a-study-gain-gap.svg')!;
    expect(svg).toContain('means of the variants');
    expect(svg.match(/<circle/g)).toHaveLength(9 + 3); // the seeds' and the legend's
  });

  it('says which variants and seeds are absent', () => {
    const logs = logsOf(makeStudy({ vary }));
    const [first, second, third] = logs.variants;
    const partly = [
      { ...first!, logs: first!.logs.slice(0, 1), absent: [{ seed: 2, why: 'it has not been run', failed: null }] },
      { ...second!, logs: [] },
      third!,
    ];
    const report = resultsReport([{ ...logs, variants: partly }], THEORY).get('results.md')!;
    expect(report).toContain('Not among these, c 0.05: seed 2 (it has not been run).');
    expect(report).toContain('| c 0.05 | RA3 | 0.900 ± – |');
    expect(report).not.toContain('| c 0.2 | RA3 |');
    expect(report).not.toMatch(/NaN|undefined/);
  });

  it('is named as not run where nothing is there', () => {
    const study = makeStudy();
    const report = resultsReport([{ study, variants: study.variants.map((variant) => ({ variant, logs: [], absent: [] })) }], THEORY);
    expect(report.get('results.md')).toContain('Not run yet: `npm run results -- --study a-study`.');
  });
});
