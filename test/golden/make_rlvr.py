"""Writes test/golden/rlvr.json: RLVR's losses as TRL computes them, on the CPU, in float64.

Run from the repository root: HF_HUB_OFFLINE=1 python test/golden/make_rlvr.py test/golden/rlvr.json    (torch, transformers, trl)

A tiny Llama with random weights samples from a few prompts through GRPOTrainer's (for rloo RLOOTrainer's) own code, which also makes the advantages and the
masks; the rewards are fixed numbers. Then the trainer's _compute_loss is called on that batch with old and reference log-probabilities that differ from the
model's, and differentiated by the model's log-probabilities. Per preset: TRL's settings, advantages, loss, gradient (of tokens in the mask, row by row)."""
import json
import sys
import tempfile

import torch
import transformers
import trl
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

GROUP, PROMPTS, LENGTH = 4, 3, 6
REWARDS = [1.0, 0.0, 0.0, 0.25, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0]  # the last group has no spread

# the KL of GRPO's paper; TRL multiplies it by the ratio unless told not to
K3 = {'beta': 0.04, 'use_bias_correction_kl': False}

# our preset (and what it changes here) against TRL's settings
CASES = {
    'drgrpo': ({}, {'loss_type': 'dr_grpo', 'scale_rewards': 'none', 'epsilon': 0.2}),
    'drgrpo dual': ({'clip': 'dual'}, {'loss_type': 'dr_grpo', 'scale_rewards': 'none', 'epsilon': 0.2, 'delta': 3.0}),
    'grpo': ({}, {'loss_type': 'grpo', 'scale_rewards': 'group', 'epsilon': 0.2, **K3}),
    'grpo batch-std': ({'scale': 'batch-std'}, {'loss_type': 'grpo', 'scale_rewards': 'batch', 'epsilon': 0.2, **K3}),
    'dapo': ({}, {'loss_type': 'dapo', 'scale_rewards': 'group', 'epsilon': 0.2, 'epsilon_high': 0.28}),
    'gspo': ({}, {'loss_type': 'grpo', 'scale_rewards': 'group', 'importance_sampling_level': 'sequence', 'epsilon': 3e-4, 'epsilon_high': 4e-4}),
    'cispo': ({}, {'loss_type': 'cispo', 'scale_rewards': 'group', 'epsilon_high': 5.0}),
    # TRL's RLOO has one ratio for the whole sequence: the same as none where old = new
    'rloo': ({}, {}),
}  # fmt: skip

words = [f'w{i}' for i in range(13)]  # few, so that some rollouts end by themselves
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(WordLevel({w: i for i, w in enumerate(['<pad>', '<eos>', '<unk>', *words])}, unk_token='<unk>')),
    pad_token='<pad>', eos_token='<eos>', unk_token='<unk>',
)  # fmt: skip
tokenizer.backend_tokenizer.pre_tokenizer = Whitespace()


def make_model():
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=32, pad_token_id=0, eos_token_id=1, bos_token_id=None, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForCausalLM(config).double()


# a batch is shuffled after it was scored: left in order, so that advantages stand beside their rewards
for module in (trl.trainer.grpo_trainer, trl.trainer.rloo_trainer):
    module.shuffle_sequence_dict = lambda batch: batch


class Found(Exception):
    pass


def catching(base):
    class Catching(base):
        """Stops at the first loss and keeps the batch."""

        def _compute_loss(self, model, inputs):
            self.batch = inputs
            raise Found

        def _get_per_token_logps_and_entropies(self, *args, **kwargs):
            logps, *rest = super()._get_per_token_logps_and_entropies(*args, **kwargs)
            self.logps = logps.detach().requires_grad_()
            return self.logps, *rest

    return Catching


def run(preset, settings, folder):
    rloo = preset == 'rloo'
    base, make_config = (RLOOTrainer, RLOOConfig) if rloo else (GRPOTrainer, GRPOConfig)
    config = make_config(
        output_dir=folder, use_cpu=True, report_to=[], seed=3, per_device_train_batch_size=GROUP * PROMPTS, num_generations=GROUP,
        max_completion_length=LENGTH, bf16=False, gradient_checkpointing=False, disable_dropout=True, max_steps=1, temperature=1.0,
        **({'beta': 0.0} if rloo else settings),
    )  # fmt: skip
    make_model().save_pretrained(f'{folder}/model')  # with a KL, TRL reads its reference from there
    model = LlamaForCausalLM.from_pretrained(f'{folder}/model', dtype=torch.float64)
    data = Dataset.from_dict({'prompt': [f'w{i} w{i + 1} w2' for i in range(PROMPTS)]})
    trainer = catching(base)(
        model=model, reward_funcs=lambda completions, **_: REWARDS, args=config, train_dataset=data, processing_class=tokenizer
    )
    try:
        trainer.train()
    except Found:
        pass
    batch = trainer.batch
    mask = batch['completion_mask'].bool()
    model = trainer.model
    model.train()
    ids = torch.cat([batch['prompt_ids'], batch['completion_ids']], 1)
    attention = torch.cat([batch['prompt_mask'], batch['completion_mask']], 1)
    with torch.no_grad():
        now = base._get_per_token_logps_and_entropies(trainer, model, ids, attention, mask.size(1))[0]
    random = torch.Generator().manual_seed(5)

    def near(spread):
        return now + spread * torch.randn(now.shape, generator=random, dtype=torch.float64)

    old = now.clone() if rloo else near(0.7)
    ref = near(0.3)
    batch['old_per_token_logps'] = old
    batch['ref_per_token_logps'] = ref
    if rloo:
        batch['old_logps'] = (old * mask).sum(1)
    loss = base._compute_loss(trainer, model, batch)
    loss.backward()
    rows = [m.nonzero()[:, 0].tolist() for m in mask]

    def take(x):
        return [[float(f'{x[b, t].item():.12g}') for t in row] for b, row in enumerate(rows)]

    return {
        'trl': settings, 'advantages': batch['advantages'].tolist(), 'loss': loss.item(),
        'now': take(now), 'old': take(old), 'ref': take(ref), 'gradient': take(trainer.logps.grad),
    }  # fmt: skip


if __name__ == '__main__':
    out = {
        'madeBy': f'python test/golden/make_rlvr.py: torch {torch.__version__}, transformers {transformers.__version__}, trl {trl.__version__}',
        'group': GROUP, 'length': LENGTH, 'rewards': REWARDS, 'cases': [],
    }  # fmt: skip
    for name, (changes, settings) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            case = run(name.split()[0], settings, folder)
        out['cases'].append({'name': name, 'preset': name.split()[0], 'changes': changes, **case})
        print(name, case['loss'], [round(a, 3) for a in case['advantages']], [len(r) for r in case['now']], flush=True)
    with open(sys.argv[1], 'w') as file:
        json.dump(out, file, separators=(',', ':'))
        file.write('\n')
