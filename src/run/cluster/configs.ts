// The recipe's RLVR in the words of other engines: scripts that start each on this folder's data, and what of the recipe an engine has no word for.
// Promises: the same objective where the engine has it; what it has not is said in the script's head. Refuses nothing.
import { objectiveOf } from '../../rlvr/objective.ts';
import type { Arm, Recipe } from '../recipe.ts';

export interface EngineSizes {
  /** Tokens of the longest prompt, and written after one at most. */
  promptTokens: number;
  completionTokens: number;
}

export function engineConfigs(recipe: Recipe, arm: Arm, sizes: EngineSizes): Record<string, string> {
  return {
    'configs/trl_grpo.py': trl(recipe, arm, sizes),
    'configs/verl.sh': verl(recipe, arm, sizes),
    'configs/openrlhf.sh': openRlhf(recipe, arm, sizes),
    'configs/skyrl_env.py': SKYRL_ENV,
    'configs/skyrl.sh': skyRl(recipe, arm, sizes),
    'configs/nemo_rl.yaml': nemoRl(recipe, arm, sizes),
  };
}

const AGGREGATION = { 'token-mean': 'dapo', 'sequence-mean': 'grpo', 'sequence-sum': 'dr_grpo' } as const;
const SCALE = { none: 'none', 'group-std': 'group', 'batch-std': 'batch' } as const;

/** What of the objective has no word in engines that centre on the group's mean. */
function unsaid({ rlvr }: Recipe): string[] {
  const o = objectiveOf(rlvr);
  return [
    ...(o.baseline === 'group-mean' ? [] : [`the baseline is ${o.baseline} in the lab, the group's mean here`]),
    ...(o.ratio === 'none' ? ['the lab takes no ratio; with one update per batch it is 1 here as well'] : []),
    ...(o.clip === 'weight-only' || o.clip === 'dual' ? [`clipping is ${o.clip} in the lab, symmetric or asymmetric here`] : []),
    ...(o.kl !== 'off' && (o.klPlace === 'reward' || o.kl !== 'k3')
      ? [`the KL is ${o.kl} in the ${o.klPlace} in the lab, k3 in the loss here`]
      : []),
    ...(o.entropyBonus > 0 ? [`the entropy bonus ${o.entropyBonus} is left out here`] : []),
    ...(o.dynamicSampling > 0 ? [`up to ${o.dynamicSampling} rounds of dynamic sampling are left out here`] : []),
    ...(o.overlong === 'off' ? [] : [`overlong rollouts are ${o.overlong} in the lab, as they are here`]),
  ];
}

const comments = (lines: readonly string[]): string => lines.map((line) => `# ${line}\n`).join('');
const head = (recipe: Recipe): string => {
  const different = unsaid(recipe);
  return comments([
    `RLVR of the lab's recipe ${JSON.stringify(recipe.name)} (${recipe.rlvr.preset}).`,
    ...different.map((each) => `Different: ${each}.`),
  ]);
};

function trl(recipe: Recipe, arm: Arm, { completionTokens }: EngineSizes): string {
  const { rlvr, seed } = recipe;
  const o = objectiveOf(rlvr);
  const beta = o.kl === 'off' ? 0 : o.klBeta;
  return `"""Trains model/${arm} with TRL. Run from the folder that README.md lies in: python configs/trl_grpo.py"""
${head(recipe)}import sys
from pathlib import Path

from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE / 'reward'))
from reward import reward  # noqa: E402

data = load_dataset('json', data_files={'train': str(HERE / 'data/trl/train.jsonl'), 'test': str(HERE / 'data/trl/test.jsonl')})
config = GRPOConfig(
    output_dir='trl-run',
    seed=${seed},
    max_steps=${rlvr.steps},
    learning_rate=${rlvr.lr},
    lr_scheduler_type='constant',
    max_grad_norm=${rlvr.clipNorm > 0 ? rlvr.clipNorm : 1e9},
    per_device_train_batch_size=${(rlvr.prompts * rlvr.group) / rlvr.minibatches},
    steps_per_generation=${rlvr.minibatches},
    num_iterations=${Math.max(1, Math.round(rlvr.updates / rlvr.minibatches))},
    num_generations=${rlvr.group},
    max_completion_length=${completionTokens},
    temperature=1.0,
    bf16=False,
    loss_type='${AGGREGATION[o.aggregation]}',
    scale_rewards='${SCALE[o.scale]}',
    importance_sampling_level='${o.ratio === 'sequence' ? 'sequence' : 'token'}',
    epsilon=${o.clip === 'none' ? 1e9 : o.clipLow},
    epsilon_high=${o.clip === 'none' ? 1e9 : o.clip === 'symmetric' ? o.clipLow : o.clipHigh},
    beta=${beta},
    logging_steps=1,
    save_strategy='no',
    report_to=[],
)

if __name__ == '__main__':
    GRPOTrainer(model=str(HERE / 'model/${arm}'), reward_funcs=reward, args=config, train_dataset=data['train'], eval_dataset=data['test']).train()
`;
}

const SHELL = '#!/bin/sh\nset -e\ncd "$(dirname "$0")/.."\n';
const LOSS_OF_VERL = {
  'token-mean': 'token-mean',
  'sequence-mean': 'seq-mean-token-mean',
  'sequence-sum': 'seq-mean-token-sum-norm',
} as const;

function verl(recipe: Recipe, arm: Arm, { promptTokens, completionTokens }: EngineSizes): string {
  const { rlvr, seed } = recipe;
  const o = objectiveOf(rlvr);
  const settings = {
    'algorithm.adv_estimator': o.baseline === 'leave-one-out' ? 'rloo' : 'grpo',
    'algorithm.norm_adv_by_std_in_grpo': o.scale === 'none' ? 'False' : 'True',
    'algorithm.use_kl_in_reward': 'False',
    'data.train_files': 'data/verl/train.jsonl',
    'data.val_files': 'data/verl/test.jsonl',
    'data.seed': seed,
    'data.train_batch_size': rlvr.prompts,
    'data.max_prompt_length': promptTokens,
    'data.max_response_length': completionTokens,
    'actor_rollout_ref.model.path': `model/${arm}`,
    'actor_rollout_ref.actor.optim.lr': rlvr.lr,
    'actor_rollout_ref.actor.grad_clip': rlvr.clipNorm > 0 ? rlvr.clipNorm : 1e9,
    'actor_rollout_ref.actor.ppo_mini_batch_size': rlvr.prompts / rlvr.minibatches,
    'actor_rollout_ref.actor.ppo_epochs': Math.max(1, Math.round(rlvr.updates / rlvr.minibatches)),
    'actor_rollout_ref.actor.loss_agg_mode': LOSS_OF_VERL[o.aggregation],
    'actor_rollout_ref.actor.clip_ratio_low': o.clipLow,
    'actor_rollout_ref.actor.clip_ratio_high': o.clip === 'symmetric' ? o.clipLow : o.clipHigh,
    'actor_rollout_ref.actor.use_kl_loss': o.kl === 'off' ? 'False' : 'True',
    'actor_rollout_ref.actor.kl_loss_coef': o.kl === 'off' ? 0 : o.klBeta,
    'actor_rollout_ref.actor.kl_loss_type': 'low_var_kl',
    'actor_rollout_ref.actor.entropy_coeff': o.entropyBonus,
    'actor_rollout_ref.rollout.n': rlvr.group,
    'actor_rollout_ref.rollout.temperature': 1,
    'custom_reward_function.path': 'reward/reward.py',
    'custom_reward_function.name': 'compute_score',
    'trainer.total_training_steps': rlvr.steps,
  };
  return `${SHELL}${head(recipe)}python3 -m verl.trainer.main_ppo ${flags(settings, (key, value) => `${key}=${value}`)} "$@"\n`;
}

function openRlhf(recipe: Recipe, arm: Arm, { promptTokens, completionTokens }: EngineSizes): string {
  const { rlvr, seed } = recipe;
  const o = objectiveOf(rlvr);
  const rollouts = rlvr.prompts * rlvr.group;
  const settings = {
    pretrain: `model/${arm}`,
    remote_rm_url: 'reward/reward.py',
    prompt_data: 'data/openrlhf/train.jsonl',
    input_key: 'input',
    label_key: 'label',
    seed,
    prompt_max_len: promptTokens,
    generate_max_len: completionTokens,
    n_samples_per_prompt: rlvr.group,
    rollout_batch_size: rlvr.prompts,
    train_batch_size: rollouts / rlvr.minibatches,
    advantage_estimator:
      o.baseline === 'leave-one-out'
        ? 'rloo'
        : o.baseline === 'batch-mean'
          ? 'reinforce_baseline'
          : o.scale === 'none'
            ? 'dr_grpo'
            : 'group_norm',
    actor_learning_rate: rlvr.lr,
    max_norm: rlvr.clipNorm > 0 ? rlvr.clipNorm : 1e9,
    eps_clip_low_high: `${o.clipLow} ${o.clip === 'symmetric' ? o.clipLow : o.clipHigh}`,
    init_kl_coef: o.kl === 'off' ? 0 : o.klBeta,
    save_path: 'openrlhf-run',
  };
  return `${SHELL}${head(recipe)}python3 -m openrlhf.cli.train_ppo_ray ${flags(settings, (key, value) => `--${key} ${value}`)} "$@"\n`;
}

const SKYRL_ENV = `"""One turn of a task of this folder as an environment of SkyRL, and SkyRL's own entry point with it: configs/skyrl.sh starts it."""
import sys
from pathlib import Path

import ray
from skyrl_gym.envs import register
from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput
from skyrl_train.entrypoints.main_base import BasePPOExp, config_dir, validate_cfg
from skyrl_train.utils import initialize_ray
import hydra

HERE = Path(__file__).resolve().parent.parent


class Env(BaseTextEnv):
    def __init__(self, env_config, extras=None):
        super().__init__()
        self.ground_truth = extras['reward_spec']['ground_truth']

    def step(self, action):
        sys.path.insert(0, str(HERE / 'reward'))
        from reward import compute_score

        return BaseTextEnvStepOutput(observations=[], reward=compute_score(None, action, self.ground_truth), done=True, metadata={})


@ray.remote(num_cpus=1)
def entrypoint(cfg):
    register(id='ra3_lab', entry_point=Env)
    BasePPOExp(cfg).run()


@hydra.main(config_path=config_dir, config_name='ppo_base_config', version_base=None)
def main(cfg):
    validate_cfg(cfg)
    initialize_ray(cfg)
    ray.get(entrypoint.remote(cfg))


if __name__ == '__main__':
    main()
`;

function skyRl(recipe: Recipe, arm: Arm, { promptTokens, completionTokens }: EngineSizes): string {
  const { rlvr } = recipe;
  const o = objectiveOf(rlvr);
  const settings = {
    'data.train_data': '"[\'data/skyrl/train.jsonl\']"',
    'data.val_data': '"[\'data/skyrl/test.jsonl\']"',
    'environment.env_class': 'ra3_lab',
    'trainer.policy.model.path': `model/${arm}`,
    'trainer.policy.optimizer_config.lr': rlvr.lr,
    'trainer.algorithm.advantage_estimator': o.baseline === 'leave-one-out' ? 'rloo' : 'grpo',
    'trainer.algorithm.grpo_norm_by_std': o.scale === 'none' ? 'false' : 'true',
    'trainer.algorithm.loss_reduction':
      o.aggregation === 'token-mean' ? 'token_mean' : o.aggregation === 'sequence-mean' ? 'sequence_mean' : 'seq_mean_token_sum_norm',
    'trainer.algorithm.eps_clip_low': o.clipLow,
    'trainer.algorithm.eps_clip_high': o.clip === 'symmetric' ? o.clipLow : o.clipHigh,
    'trainer.algorithm.use_kl_loss': o.kl === 'off' ? 'false' : 'true',
    'trainer.train_batch_size': rlvr.prompts,
    'trainer.policy_mini_batch_size': rlvr.prompts / rlvr.minibatches,
    'trainer.max_prompt_length': promptTokens,
    'generator.n_samples_per_prompt': rlvr.group,
    'generator.sampling_params.max_generate_length': completionTokens,
    'generator.sampling_params.temperature': 1,
  };
  return `${SHELL}${head(recipe)}python3 configs/skyrl_env.py ${flags(settings, (key, value) => `${key}=${value}`)} "$@"\n`;
}

function nemoRl(recipe: Recipe, arm: Arm, { promptTokens, completionTokens }: EngineSizes): string {
  const { rlvr, seed } = recipe;
  const o = objectiveOf(rlvr);
  return `${head(recipe)}# Overrides for one of NeMo-RL's GRPO configurations (defaults: examples/configs/grpo_math_1B.yaml). The environment is yours to add: a Ray actor whose step
# calls compute_score(None, completion, ground_truth) of reward/reward.py; rows of data/nemo_rl hold the ground truth as "output".
grpo:
  seed: ${seed}
  num_prompts_per_step: ${rlvr.prompts}
  num_generations_per_prompt: ${rlvr.group}
  max_num_steps: ${rlvr.steps}
  normalize_rewards: ${o.scale !== 'none'}
  use_leave_one_out_baseline: ${o.baseline === 'leave-one-out'}
loss_fn:
  reference_policy_kl_penalty: ${o.kl === 'off' ? 0 : o.klBeta}
  ratio_clip_min: ${o.clipLow}
  ratio_clip_max: ${o.clip === 'symmetric' ? o.clipLow : o.clipHigh}
  token_level_loss: ${o.aggregation === 'token-mean'}
  sequence_level_importance_ratios: ${o.ratio === 'sequence'}
policy:
  model_name: model/${arm}
  tokenizer:
    name: model/${arm}
  train_global_batch_size: ${(rlvr.prompts * rlvr.group) / rlvr.minibatches}
  max_total_sequence_length: ${promptTokens + completionTokens}
  max_grad_norm: ${rlvr.clipNorm > 0 ? rlvr.clipNorm : 'null'}
  optimizer:
    kwargs:
      lr: ${rlvr.lr}
  generation:
    temperature: 1.0
    max_new_tokens: ${completionTokens}
data:
  dataset_name: ResponseDataset
  train_data_path: data/nemo_rl/train.jsonl
  val_data_path: data/nemo_rl/test.jsonl
  input_key: input
  output_key: output
`;
}

function flags(settings: Record<string, string | number>, written: (key: string, value: string | number) => string): string {
  return Object.entries(settings)
    .map(([key, value]) => `\\\n  ${written(key, value)}`)
    .join(' ');
}
