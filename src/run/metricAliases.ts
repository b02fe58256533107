// RLVR's metrics under the names that TRL (GRPOTrainer, 1.x) and verl log the same quantity by, for the bundle: runs can be laid over theirs. Pure.
// Promises that a name stands only beside what means the same; what has no name there is left out. Refuses nothing.
import type { RunEvent } from './events.ts';

export type Library = 'trl' | 'verl';

/** verl's response lengths and TRL's completions count the tokens after the prompt, as len/* does; times are seconds. */
export const METRIC_ALIASES: Readonly<Record<string, Partial<Record<Library, string>>>> = {
  'reward/mean': { trl: 'reward', verl: 'critic/score/mean' },
  'reward/std': { trl: 'reward_std' },
  'adv/mean': { verl: 'critic/advantages/mean' },
  'policy/entropy': { trl: 'entropy', verl: 'actor/entropy' },
  'kl/ref_k3': { trl: 'kl', verl: 'actor/kl_loss' },
  'kl/old_k1': { verl: 'actor/ppo_kl' },
  'loss/policy': { trl: 'policy_loss', verl: 'actor/pg_loss' },
  'clip/low': { trl: 'clip_ratio/low_mean' },
  'clip/high': { trl: 'clip_ratio/high_mean' },
  'sampler/logp_diff_mean': { trl: 'sampling/sampling_logp_difference/mean' },
  'sampler/logp_diff_max': { trl: 'sampling/sampling_logp_difference/max' },
  'len/mean': { trl: 'completions/mean_length', verl: 'response_length/mean' },
  'len/max': { trl: 'completions/max_length', verl: 'response_length/max' },
  'len/trunc_frac': { trl: 'completions/clipped_ratio', verl: 'response_length/clip_ratio' },
  'grad/norm': { trl: 'grad_norm', verl: 'actor/grad_norm' },
  'time/rollout': { verl: 'timing_s/gen' },
  'time/verify': { verl: 'timing_s/reward' },
  'time/logp': { verl: 'timing_s/ref' },
  'time/update': { verl: 'timing_s/update_actor' },
  'time/step': { trl: 'step_time', verl: 'timing_s/step' },
  tok_per_s: { verl: 'perf/throughput' },
};

/** The RLVR steps of a log as JSON lines in a library's names; arm and step first. */
export function aliasedMetrics(events: readonly RunEvent[], library: Library): string {
  const step = library === 'trl' ? 'step' : 'training/global_step';
  return events
    .flatMap((e) => {
      if (e.type !== 'metrics' || e.stage !== 'rlvr') return [];
      const named = Object.entries(e.values).flatMap(([name, value]) => {
        const alias = METRIC_ALIASES[name]?.[library];
        return alias ? [[alias, value] as const] : [];
      });
      return [`${JSON.stringify({ arm: e.arm, [step]: e.step, ...Object.fromEntries(named) })}\n`];
    })
    .join('');
}
