// Pictures of charts and the files made of them: ranges, ticks, values at a place, CSV and SVG.
import { describe, expect, it } from 'vitest';
import { cell, csvOf, dashOf, fileStem, svgOf, toneName } from '../../../src/app/chartFiles.ts';
import { type ChartData, drawn, type Line } from '../../../src/app/curves.ts';
import { hasNoLogarithm, nearest, pictureOf, seconds, ticksOf, valueAt } from '../../../src/app/picture.ts';

const options = { columns: 100, smoothing: 0, logX: false, logY: false, unit: 'step' as const };
const line = (label: string, x: number[], y: (number | null)[], more: Partial<Line> = {}): Line => ({ label, tone: 'ra3', x, y, ...more });
const chart = (...lines: Line[]): ReturnType<typeof drawn> => drawn({ lines, dividers: [], end: 0 } satisfies ChartData);

describe('a picture', () => {
  it('reaches over all points, to the end of the log, and to no more than the zoom', () => {
    const data = { ...chart(line('a', [1, 2, 3], [5, 9, 7])), end: 10 };
    expect(pictureOf(data, options)!.x).toEqual([1, 10]);
    const [low, high] = pictureOf(data, options)!.y;
    expect(low).toBeCloseTo(4.8, 12);
    expect(high).toBeCloseTo(9.2, 12);
    const zoomed = pictureOf(data, { ...options, zoom: [2.5, 3.5] })!;
    expect(zoomed.x).toEqual([2.5, 3.5]);
    expect(zoomed.y[0]).toBeLessThan(7);
    expect(zoomed.y[1]).toBeLessThan(9);
    expect(pictureOf(data, { ...options, range: [0, 1] })!.y).toEqual([0, 1]);
    expect(pictureOf(chart(), options)).toBeNull();
  });

  it('in logarithms has positive ranges, and what it leaves out is known', () => {
    const data = chart(line('a', [0, 1, 100], [0, 0.001, 10]));
    const { x, y, strokes } = pictureOf(data, { ...options, logX: true, logY: true })!;
    expect(x).toEqual([1, 100]);
    expect(y[0]).toBeGreaterThan(0);
    expect(y[0]).toBeLessThan(0.001);
    expect(strokes[0]!.raw.y.filter((value) => !Number.isNaN(value))).toEqual([0.001, 10]);
    expect([hasNoLogarithm(data, false, false), hasNoLogarithm(data, true, false), hasNoLogarithm(data, false, true)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(hasNoLogarithm(chart(line('a', [1], [1])), true, true)).toBe(false);
  });

  it('has a smoothed line over the raw one, and none over means and points', () => {
    const [plain, mean, points] = pictureOf(
      chart(line('a', [1, 2], [0, 1]), line('b', [1, 2], [0, 1], { low: [0, 0], high: [1, 1] }), line('c', [1], [0], { mark: 'points' })),
      { ...options, smoothing: 0.5 },
    )!.strokes;
    expect(plain!.raw.y).toEqual([0, 1]);
    expect(plain!.smooth!.y[1]).toBeCloseTo(0.5 / 0.75, 12);
    expect([mean!.smooth, points!.smooth]).toEqual([null, null]);
    expect(mean!.band).toEqual({ x: [1, 2], y: [0, 1], low: [0, 0], high: [1, 1] });
  });
});

describe('values at a place', () => {
  const [a] = chart(line('a', [1, 2, 3], [5, null, 7])).lines;

  it('are those at or before it, NaN where it was not finite, none before the first', () => {
    expect(valueAt(a!, 0, 0.5)).toBeNull();
    expect(valueAt(a!, 0, 1.9)).toBe(5);
    expect(valueAt(a!, 0, 2)).toBeNaN();
    expect(valueAt(a!, 0, null)).toBe(7);
  });

  it('are read for the nearest lines alone', () => {
    const { lines } = chart(...[10, 1, 4, 2, 30, 3, 5].map((y, i) => line(`l${i}`, [1], [y])), line('f', [1], [2], { faint: true }));
    expect(nearest(lines, 0, 1, 2, 5).map(({ value }) => value)).toEqual([2, 1, 3, 4, 5]);
  });
});

describe('ticks', () => {
  it('are round, whole for steps, and seconds in their unit', () => {
    expect(ticksOf([0, 1], 5, false, 'number').map((t) => t.at)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticksOf([0, 3], 8, false, 'step').map((t) => t.at)).toEqual([0, 1, 2, 3]);
    expect(ticksOf([0, 150], 4, false, 'time').map((t) => t.label)).toEqual(['0 s', '1 min', '2 min']);
    expect(seconds(5400)).toBe('1.5 h');
    expect(ticksOf([1, 1000], 4, true, 'time').map((t) => t.label)).toContain('100 s');
    expect(ticksOf([0, 3e6], 3, false, 'tokens').map((t) => t.label)).toEqual(['0', '1 M', '2 M', '3 M']);
  });

  it('in logarithms are powers of ten, with 2 and 5 where there is room', () => {
    expect(ticksOf([1, 100], 8, true, 'step').map((t) => t.at)).toEqual([1, 2, 5, 10, 20, 50, 100]);
    expect(ticksOf([1, 1e6], 4, true, 'step').map((t) => t.at)).toEqual([1, 100, 10_000, 1_000_000]);
  });
});

describe('files', () => {
  it('CSV has every point, NaN as such, blanks where a line has none, and no formulas', () => {
    const data = chart(line('=a', [1, 2], [0.5, null]), line('b,"c"', [2, 3], [1, 2], { low: [0, 1], high: [2, 3] }));
    expect(csvOf('step', data)).toBe(`step,'=a,"b,""c""","b,""c"" low","b,""c"" high"\n1,0.5,,,\n2,NaN,1,0,2\n3,,2,1,3\n`);
    expect(['+1', '-1', '@x', 'ok'].map(cell)).toEqual(["'+1", "'-1", "'@x", 'ok']);
  });

  it('SVG has title, axes, legend and lines as vectors, marks what was not finite, and escapes labels', () => {
    const data = chart(line('<a>', [1, 2, 3, 4, 5], [1, 10, null, 100, 1000]));
    const svg = svgOf(data, { ...options, smoothing: 0.5, logY: true, title: 'T & t', xLabel: 'step', colorOf: () => '#123456' })!;
    expect(svg).toContain('<title>T &amp; t</title>');
    expect(svg).toContain('&lt;a&gt;');
    expect(svg).not.toContain('<a>');
    expect(svg.match(/<polyline/g)).toHaveLength(4); // raw and smoothed, on both sides of the gap
    expect(svg).toContain('<title>not a number</title>');
    expect(svg).toContain('>100</text>');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svgOf(chart(), { ...options, title: '', xLabel: '', colorOf: () => '' })).toBeNull();
  });

  it('are named by their title; tones by their property; the second ten runs are dashed', () => {
    expect(fileStem('E-step: nats per line')).toBe('e-step-nats-per-line');
    expect([toneName('ra3'), toneName('run-3')]).toEqual(['tone-ra3', 'run-3']);
    expect(dashOf({ tone: 'run-3' })).toEqual([]);
    expect(dashOf({ tone: 'run-3', dash: true })).toEqual([6, 4]);
  });
});
