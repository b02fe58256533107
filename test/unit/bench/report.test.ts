// The report of the side-by-side measurements: medians, spread, ratios, and that nothing is left out in silence.
import { describe, expect, it } from 'vitest';
import { budgetMs, expectations, matmulCells, stepCells, stepFlops } from '../../../bench/cells.mjs';
import { matmulModel } from '../../../bench/onnxModel.ts';
import type { MatmulTiming, StepTiming, Timing } from '../../../bench/page.ts';
import { median, type Results, report } from '../../../bench/report.mjs';

const timing = (contender: Timing['contender'], timesMs: number[], rest: Partial<Timing> = {}): Timing => ({
  contender,
  timesMs,
  absent: null,
  estimateMs: null,
  ...rest,
});
const step = (t: Timing): StepTiming => ({ ...t, firstLossMs: 2000, losses: [6], peakBytes: 5e7 });
const product = (t: Timing): MatmulTiming => ({ ...t, chain: 1, largestDifference: 0 });

const results: Results = {
  date: '2026-01-02T03:04:05.000Z',
  command: 'npm run bench',
  commit: 'abcdef0123+',
  adapter: { vendor: 'v', architecture: 'a', description: '', software: true },
  browser: '150.0 (installed)',
  machine: 'a machine',
  cores: 2,
  load: { before: 0.1, after: 2 },
  versions: { 'jax-js': '0.1', 'tfjs-webgpu': '4', 'onnxruntime-web': '1' },
  rounds: 5,
  ceiling: { gflopPerS: 20, gbPerS: 2 },
  steps: [
    {
      shape: { C: 64, L: 4, T: 128, B: 8 },
      flops: 2e9,
      timings: [
        timing('RA3 Lab', [900, 1000, 1100]),
        timing('jax-js', [2000, 2100, 2200]),
        timing('tfjs-webgpu', [], { absent: 'stopped after one round', estimateMs: 9000 }),
      ].map(step),
    },
  ],
  matmuls: [
    {
      name: '256 x 256 x 256',
      shape: { M: 256, N: 256, K: 256, stored: 'KN' },
      flops: 4e7,
      timings: [
        timing('RA3 Lab', [10]),
        timing('jax-js', [20]),
        timing('tfjs-webgpu', [], { absent: 'left out', estimateMs: 100 }),
        timing('onnxruntime-web', [], { absent: 'out of memory' }),
      ].map(product),
    },
  ],
  decode: [{ batch: 8, parameters: 1e8, newTokens: 10, timesMs: [1000], peakBytes: 5e8 }],
  loading: [{ dtype: 'BF16', parameters: 1e8, fileBytes: 2e8, timesMs: [4000], peakBytes: 4e8 }],
};
const rowOf = (text: string, start: string): string[] =>
  text
    .split('\n')
    .find((line) => line.startsWith(`| ${start} |`))!
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());

describe('the report', () => {
  const text = report(results);

  it('gives medians with their spread, ratios, tokens and the share of the ceiling', () => {
    expect(rowOf(text, '64, 4, 128, 8')).toEqual([
      '1,000 (900 to 1,100)',
      '2,100 (2,000 to 2,200)',
      '~9,000 ms, stopped after one round',
      '2.10x',
      '~9.00x',
      '1,024',
      '10 %',
    ]);
  });

  it('says who was left out or failed, and why', () => {
    expect(rowOf(text, '256 x 256 x 256').slice(1)).toEqual([
      '4.00 (4.00 to 4.00)',
      '2.00 (2.00 to 2.00)',
      '~0.400, left out',
      'failed: out of memory',
      '2.00x',
      '~10.0x',
      '',
      '20 %',
    ]);
  });

  it('has decoding and loading', () => {
    expect(rowOf(text, '8')).toEqual(['10', '80.0 (80.0 to 80.0)', '100 (100 to 100)', '500']);
    expect(rowOf(text, 'BF16')).toEqual(['100', '200', '4.00 (4.00 to 4.00)', '50.0', '400']);
  });

  it('names adapter, versions, commit and command', () => {
    for (const part of ['v, a (software', 'jax-js 0.1, tfjs-webgpu 4, onnxruntime-web 1', 'abcdef0123+', '`npm run bench`', '20.0 GFLOP/s'])
      expect(text).toContain(part);
    expect(text).not.toMatch(/undefined|NaN|null/);
  });

  it('leaves out sections that were not measured', () => {
    const only = report({ ...results, steps: [], decode: [], loading: [] });
    expect(only.match(/^## .*$/gm)).toEqual(['## Matmul']);
  });
});

it('the median of an even number of values is between the middle two', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
});

describe('cells', () => {
  it('of a full run cover the shapes, smallest first', () => {
    const steps = stepCells(true);
    expect([...new Set(steps.map((s) => s.C))]).toEqual([64, 128, 256, 512, 768]);
    expect([...new Set(steps.map((s) => s.T))]).toEqual([128, 256, 512, 1024]);
    expect(steps.every((s) => s.B * s.T === 1024 && Number.isInteger(s.B))).toBe(true);
    const squares = matmulCells(true).filter((m) => m.M === m.N && m.N === m.K);
    expect(squares.map((m) => m.M)).toEqual([256, 512, 1024, 2048, 4096]);
    expect([...new Set(matmulCells(true).map((m) => m.M))].sort((a, b) => a - b)).toEqual([1, 8, 256, 512, 1024, 2048, 4096]);
  });

  it('of a quick run are among them', () => {
    const names = (full: boolean): string[] => [...stepCells(full), ...matmulCells(full)].map((c) => JSON.stringify(c));
    expect(names(true)).toEqual(expect.arrayContaining(names(false)));
    expect(budgetMs('train', false)).toBeLessThan(budgetMs('train', true));
  });

  it('count the arithmetic of a step', () => {
    // C 16: feed-forward 48; matrices 4 (4 16^2 + 3 16 48) + 512 16 = 21,504 parameters in products.
    expect(stepFlops({ C: 16, L: 4, T: 8, B: 2 })).toBe(6 * 16 * 21_504 + 6 * 4 * 2 * 64 * 16);
  });

  it('are expected to take what smaller ones took, scaled', () => {
    const before = [
      {
        flops: 1e9,
        timings: [
          timing('RA3 Lab', [10]),
          timing('jax-js', [100, 120]),
          timing('tfjs-webgpu', [], { estimateMs: 1000, absent: 'left out' }),
          timing('onnxruntime-web', [], { absent: 'failed' }),
        ],
      },
    ];
    expect(expectations(16e9, before, 0.75)).toEqual({ 'jax-js': expect.closeTo(800, 6), 'tfjs-webgpu': expect.closeTo(8000, 6) });
    expect(expectations(16e9, before, 1)['jax-js']).toBeCloseTo(1600, 6);
    expect(expectations(1e8, before, 1)).toEqual({});
  });
});

it('the ONNX model is the protobuf message of one MatMul', () => {
  const bytes = [...matmulModel({ M: 1, N: 300, K: 2 })];
  const hex = bytes.map((b) => b.toString(16).padStart(2, '0')).join(' ');
  // ir_version 8; graph of 0x4e bytes: node (inputs x, w; output y; op MatMul), name, inputs (1, 2) and (2, 300), output (1, 300); opset 17.
  expect(hex.startsWith('08 08 3a ')).toBe(true);
  expect(hex).toContain('0a 01 78 0a 01 77 12 01 79 1a 07 70 72 6f 64 75 63 74 22 06 4d 61 74 4d 75 6c');
  expect(hex).toContain('5a 14 0a 01 77 12 0f 0a 0d 08 01 12 09 0a 02 08 02 0a 03 08 ac 02');
  expect(hex.endsWith('42 04 0a 00 10 11')).toBe(true);
});
