// A profile's sums, the phases and layers that are read off a plan, and the trace in the form that Perfetto and chrome://tracing open.
import { describe, expect, it } from 'vitest';
import type { Dispatch, Plan, Tensor } from '../../../src/engine/graph.ts';
import { chromeTrace, type DispatchTiming, joinProfiles, placesOf, type Profile, sumByKernel } from '../../../src/engine/profile.ts';

const timing = (kernel: string, timeUs: number, rest: Partial<DispatchTiming> = {}): DispatchTiming => ({
  kernel,
  phase: 'forward',
  layer: null,
  grid: [1, 1, 1],
  timeUs,
  flops: 0,
  bytes: 0,
  ...rest,
});

const dispatches = [
  timing('embed/forward', 10, { bytes: 1000 }),
  timing('linear/matmul_nt_4x4', 30, { layer: 0, flops: 60_000, bytes: 3000 }),
  timing('linear/matmul_nt_4x4', 50, { layer: 1, flops: 100_000, bytes: 5000 }),
  timing('optim/adamw', 10, { phase: 'optimiser', bytes: 4000 }),
];
const profile: Profile = {
  plan: 'train',
  method: 'timestamps',
  resolutionUs: 0.001,
  rounds: 3,
  timeMs: 0.1,
  dispatches,
  kernels: sumByKernel(dispatches),
};

describe('the table of kernels', () => {
  it('sums calls, times and work, longest first', () => {
    expect(profile.kernels[0]).toEqual({
      kernel: 'linear/matmul_nt_4x4',
      calls: 2,
      timeMs: 0.08,
      share: 0.8,
      gflopPerS: 2,
      gbPerS: 0.1,
    });
    expect(profile.kernels.map((k) => k.share).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });

  it('gives no rate where no time was seen', () => {
    expect(sumByKernel([timing('a', 0, { flops: 5, bytes: 5 })])[0]).toMatchObject({ share: 0, gflopPerS: 0, gbPerS: 0 });
  });
});

it('profiles of plans that follow each other join to one', () => {
  const update = [timing('optim/adamw', 100, { phase: 'optimiser' })];
  const joined = joinProfiles('step', [
    profile,
    { ...profile, plan: 'update', resolutionUs: 65, timeMs: 0.1, dispatches: update, kernels: sumByKernel(update) },
  ]);
  expect(joined).toMatchObject({ plan: 'step', resolutionUs: 65, timeMs: 0.2 });
  expect(joined.kernels.map((k) => [k.kernel, k.calls, k.share])).toEqual([
    ['optim/adamw', 2, 0.55],
    ['linear/matmul_nt_4x4', 2, 0.4],
    ['embed/forward', 1, 0.05],
  ]);
  expect(chromeTrace(joined).traceEvents.filter((e) => e.ph === 'X')).toHaveLength(5);
});

describe('the trace', () => {
  const { traceEvents, displayTimeUnit, otherData } = chromeTrace(profile);
  const spans = traceEvents.filter((e) => e.ph === 'X');

  it('has a span per dispatch, end to end, in microseconds', () => {
    expect(spans.map((e) => [e.name, e.ts, e.dur])).toEqual([
      ['embed/forward', 0, 10],
      ['linear/matmul_nt_4x4', 10, 30],
      ['linear/matmul_nt_4x4', 40, 50],
      ['optim/adamw', 90, 10],
    ]);
    expect({ displayTimeUnit, otherData }).toEqual({
      displayTimeUnit: 'ms',
      otherData: { plan: 'train', method: 'timestamps', resolutionUs: 0.001, rounds: 3 },
    });
  });

  it('names a track per phase and layer, in the order of the plan', () => {
    const names = traceEvents.filter((e) => e.name === 'thread_name').map((e) => [e.tid, e.args.name]);
    expect(names).toEqual([
      [1, 'forward'],
      [2, 'forward, layer 0'],
      [3, 'forward, layer 1'],
      [4, 'optimiser'],
    ]);
    expect(spans.map((e) => e.tid)).toEqual([1, 2, 3, 4]);
    expect(traceEvents.filter((e) => e.name === 'process_name').map((e) => e.args.name)).toEqual(['train']);
  });

  it('is JSON whose numbers are finite', () => {
    const read = JSON.parse(JSON.stringify(chromeTrace(profile))) as ReturnType<typeof chromeTrace>;
    expect(read).toEqual({ displayTimeUnit, otherData, traceEvents });
    for (const e of read.traceEvents) for (const v of Object.values(e.args)) expect(v).not.toBeNull();
    expect(spans[1]?.args).toEqual({ grid: '1 x 1 x 1', flops: 60_000, bytes: 3000, 'GFLOP/s': 2, 'GB/s': 0.1 });
  });
});

describe('phases and layers', () => {
  const bind = (kernel: string, ...labels: string[]): Dispatch => ({
    kernel,
    overrides: {},
    args: {},
    grid: [1, 1, 1],
    flops: 0,
    bytes: 0,
    cost: 0,
    tensors: labels.map((label) => ({ label, kind: /\d+\.|^(d\()?(embed|norm)\b/.test(label) ? 'view' : 'temp' }) as Tensor),
  });

  it('are read off what a dispatch binds', () => {
    const plan = {
      dispatches: [
        bind('embed/forward', 'train/ids', 'embed', 'x'),
        bind('norm/rms_forward', 'x', '0.norm1', 'y'),
        bind('attention/forward_blocks', 'qkv', 'attention'),
        bind('norm/rms_forward', 'x', '1.norm1', 'y'),
        bind('linear/matmul_nt_4x4', 'y', 'embed', 'logits'),
        bind('loss/cross_entropy', 'logits'),
        bind('linear/matmul_nn_4x4', 'logits', 'embed', 'd(y)'),
        bind('norm/rms_backward', 'd(y)', '1.norm1', 'd(x)'),
        bind('attention/backward_q_blocks', 'qkv', 'd(attention)', 'd(qkv)'),
        bind('linear/matmul_tn_4x4', 'd(qkv)', 'x', 'd(0.qkv)'),
        bind('embed/backward', 'd(x)', 'd(embed)'),
        bind('optim/adamw', 'parameters', 'gradients'),
        bind('sample/token', 'logits', 'ids'),
      ],
    } as unknown as Plan;
    expect(placesOf(plan).map(({ phase, layer }) => `${phase} ${layer}`)).toEqual([
      'forward null',
      'forward 0',
      'forward 0',
      'forward 1',
      'forward null',
      'loss null',
      'backward null',
      'backward 1',
      'backward 1',
      'backward 0',
      'backward null',
      'optimiser null',
      'sampling null',
    ]);
  });
});
