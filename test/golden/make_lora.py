"""Writes test/golden/lora/*: LoRA adapters on models of test/golden/families with what peft, transformers and torch make of them on the CPU, in float32.

Run from the repository root, after make_families.py: python test/golden/make_lora.py [FOLDER ...]   (without names: all of them)

Each folder holds an adapter as peft saves it (adapter_config.json, adapter_model.safetensors; neither A nor B is zero, dropout is 0), and beside it golden/:
  golden.json            base (the folder below families), prompts, greedy continuations, the loss, ten AdamW steps of the adapter alone
  logits.safetensors     logits.0, logits.1: (T, V) of both prompts with the adapter, every position
  gradients.safetensors  the gradient of the loss by every A and B, under the names of adapter_model.safetensors
  merged.safetensors     the base's weights that the adapter changes, merged: W + scaling B A, under the base's names and in its layout
Conventions are those of make_families.py; weight decay is on every A and B."""
import json
import shutil
import sys

import make_families as families
import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

ADAPTERS = {
    'llama3': ('llama3', {'r': 4, 'lora_alpha': 8, 'target_modules': ['q_proj', 'v_proj']}),
    'gpt2': ('gpt2', {'r': 3, 'lora_alpha': 6, 'target_modules': ['c_attn', 'c_proj'], 'fan_in_fan_out': True}),
    'gpt_neox': ('gpt_neox', {'r': 2, 'lora_alpha': 4, 'target_modules': ['query_key_value'], 'use_rslora': True}),
    'qwen2': ('qwen2', {'r': 5, 'lora_alpha': 5, 'target_modules': ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']}),
}  # fmt: skip


def load_base(name):
    return AutoModelForCausalLM.from_pretrained(families.OUT / name, dtype=torch.float32, attn_implementation='eager').eval()


def write_folder(name):
    base, settings = ADAPTERS[name]
    folder = families.HERE / 'lora' / name

    def load():
        return PeftModel.from_pretrained(load_base(base), folder, is_trainable=True).eval()

    for seed in range(1, 200):
        model = get_peft_model(load_base(base), LoraConfig(task_type='CAUSAL_LM', lora_dropout=0.0, **settings)).eval()
        random = torch.Generator().manual_seed(1000 + seed)
        with torch.no_grad():
            for parameter in (p for p in model.parameters() if p.requires_grad):
                parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.5 * parameter.shape[1] ** -0.5)
        vocabulary = model.config.vocab_size
        prompts = families.random_lines(vocabulary, families.LENGTHS, random)
        continuations = [families.greedy(model, prompt) for prompt in prompts]
        if all(continuations):
            break
    else:
        sys.exit(f'{name}: no seed gives greedy continuations that are safe from rounding')
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / 'README.md').unlink(missing_ok=True)
    config = json.loads((folder / 'adapter_config.json').read_text())
    config['base_model_name_or_path'] = base
    config['target_modules'] = sorted(config['target_modules'])  # a set: its order is not the same from run to run
    (folder / 'adapter_config.json').write_text(json.dumps(config, indent=2, sort_keys=True) + '\n')

    model = load()
    with torch.no_grad():
        logits = {f'logits.{i}': model(input_ids=torch.tensor([prompt])).logits[0].contiguous() for i, prompt in enumerate(prompts)}
        base_logits = load_base(base)(input_ids=torch.tensor([prompts[1]])).logits[0]
    loss, grads = families.gradients(model, prompts)
    exact_model = load().double()
    with families.computed_in_float64():
        exact_loss, exact_grads = families.gradients(exact_model, prompts)
    noise = max(families.normalised_error(grads[key], exact_grads[key]) for key in grads)
    adamw = families.training_record(load, families.random_lines(vocabulary, [24, 17, 20, 12, 23, 15], random), random)
    adamw['weights'] = {key.replace('.default', ''): value for key, value in adamw['weights'].items()}
    grads = {key.replace('.default', ''): value for key, value in grads.items()}
    stored = load_file(folder / 'adapter_model.safetensors')
    assert sorted(stored) == sorted(grads), f'{name}: gradients and adapter have other names'

    before = load_base(base).state_dict()
    merged_model = load().merge_and_unload()
    merged = {key: value.contiguous() for key, value in merged_model.state_dict().items() if not torch.equal(value, before[key])}
    with torch.no_grad():
        distance = (merged_model(input_ids=torch.tensor([prompts[1]])).logits[0] - logits['logits.1']).abs().max().item()
    assert distance < 1e-5, f'{name}: the merged model differs by {distance}'

    golden = folder / 'golden'
    golden.mkdir()
    save_file(logits, golden / 'logits.safetensors')
    save_file(grads, golden / 'gradients.safetensors')
    save_file(merged, golden / 'merged.safetensors')
    record = {
        'madeBy': f'python test/golden/make_lora.py {name}: torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}',
        'seed': seed, 'base': base, 'prompts': prompts, 'greedy': continuations, 'loss': families.rounded(loss),
        'float32Noise': {'loss': families.rounded(abs(loss - exact_loss) / exact_loss), 'gradientNmse': families.rounded(noise)}, 'adamw': adamw,
    }  # fmt: skip
    (golden / 'golden.json').write_text(json.dumps(record, separators=(',', ':')) + '\n')
    size = families.readable(folder)
    moved = (logits['logits.1'] - base_logits).std().item()
    print(f'{name}: seed {seed}, {size / 1000:.0f} kB, {len(stored)} tensors, {len(merged)} merged, logits moved by {moved:.2f}, loss {loss:.4f}, noise of gradients '
          f'{noise:.1e}, of 10 losses {adamw["float32Noise"]["loss"]:.1e}', flush=True)  # fmt: skip


if __name__ == '__main__':
    for name in sys.argv[1:] or ADAPTERS:
        write_folder(name)
