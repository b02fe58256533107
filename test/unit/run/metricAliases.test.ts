// RLVR's metrics in TRL's and verl's names.
import { expect, it } from 'vitest';
import type { RunEvent } from '../../../src/run/events.ts';
import { aliasedMetrics, METRIC_ALIASES } from '../../../src/run/metricAliases.ts';

const events: RunEvent[] = [
  { type: 'metrics', stage: 'ntp', arm: 'ntp', step: 1, values: { 'grad/norm': 9 } },
  {
    type: 'metrics',
    stage: 'rlvr',
    arm: 'ra3',
    step: 2,
    values: { 'reward/mean': 0.5, 'kl/ref_k3': null, 'think/rate': 1, 'time/step': 2 },
  },
];

it('gives the steps of RLVR alone, line by line, with what has a name there', () => {
  expect(aliasedMetrics(events, 'trl')).toBe('{"arm":"ra3","step":2,"reward":0.5,"kl":null,"step_time":2}\n');
  expect(aliasedMetrics(events, 'verl')).toBe(
    '{"arm":"ra3","training/global_step":2,"critic/score/mean":0.5,"actor/kl_loss":null,"timing_s/step":2}\n',
  );
  expect(aliasedMetrics([], 'trl')).toBe('');
});

it('gives no two metrics one name', () => {
  for (const library of ['trl', 'verl'] as const) {
    const names = Object.values(METRIC_ALIASES).flatMap((a) => a[library] ?? []);
    expect(new Set(names).size).toBe(names.length);
  }
});
