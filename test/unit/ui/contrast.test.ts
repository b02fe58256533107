// Every text colour stands on every paper at 4.5:1 or more, in light and in dark.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../../../src/ui/styles/base.css', import.meta.url), 'utf8');
const [light, dark] = css
  .split('@media (prefers-color-scheme: dark)')
  .map((part) => new Map([...part.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1]!, m[2]!])));

const INKS = [
  'ink',
  'ink-2',
  'ink-3',
  'accent',
  'good',
  'bad',
  'warn',
  'tone-base',
  'tone-ntp',
  ...Array.from({ length: 10 }, (_, i) => `run-${i}`),
];

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(a: string, b: string): number {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi! + 0.05) / (lo! + 0.05);
}

describe.each([
  ['light', light!],
  ['dark', dark!],
])('contrast in %s', (_, colours) => {
  it.each(INKS)('of %s', (ink) => {
    expect(contrast(colours.get(ink)!, colours.get('paper')!)).toBeGreaterThanOrEqual(4.5);
  });

  it('of the primary button and the accent on its wash', () => {
    expect(contrast(colours.get('on-accent')!, colours.get('accent')!)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(colours.get('accent')!, colours.get('accent-wash')!)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(colours.get('ink')!, colours.get('accent-wash')!)).toBeGreaterThanOrEqual(4.5);
  });
});

describe.each([
  ['light', light!],
  ['dark', dark!],
])('runs in %s', (_, colours) => {
  /** Machado, Oliveira and Fernandes 2009, severity 1, on linear sRGB. */
  const VISION: Record<string, number[][] | null> = {
    'every cone': null,
    'no red cone': [
      [0.152286, 1.052583, -0.204868],
      [0.114503, 0.786281, 0.099216],
      [-0.003882, -0.048116, 1.051998],
    ],
    'no green cone': [
      [0.367322, 0.860646, -0.227968],
      [0.280085, 0.672501, 0.047413],
      [-0.01182, 0.04294, 0.968881],
    ],
  };

  it.each(Object.keys(VISION))('are told apart with %s', (vision) => {
    const seen = Array.from({ length: 10 }, (__, i) => oklab(linear(colours.get(`run-${i}`)!), VISION[vision]!));
    const nearest = Math.min(...seen.flatMap((a, i) => seen.slice(0, i).map((b) => Math.hypot(...a.map((v, k) => v - b[k]!)))));
    // a difference of 0.02 is just seen
    expect(nearest).toBeGreaterThan(0.045);
  });
});

function linear(hex: string): number[] {
  return [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
}

/** OKLab of a linear colour as it is seen. */
function oklab(colour: number[], vision: number[][] | null): number[] {
  const times = (m: number[][], v: number[]) => m.map((row) => row.reduce((sum, each, i) => sum + each * v[i]!, 0));
  const seen = vision ? times(vision, colour).map((c) => Math.min(1, Math.max(0, c))) : colour;
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    seen,
  ).map(Math.cbrt);
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
}
