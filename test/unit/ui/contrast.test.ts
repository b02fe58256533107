// Every text colour stands on every paper at 4.5:1 or more, in light and in dark.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../../../src/ui/styles/base.css', import.meta.url), 'utf8');
const [light, dark] = css
  .split('@media (prefers-color-scheme: dark)')
  .map((part) => new Map([...part.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1]!, m[2]!])));

const INKS = ['ink', 'ink-2', 'ink-3', 'accent', 'good', 'bad', 'warn', 'tone-base', 'tone-ntp'];

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
