"""Writes test/golden/families/*: a tiny random model of every family with what transformers and torch make of it on the CPU.

Run from the repository root: python test/golden/make_families.py [FOLDER ...]   (without names: all of them)

Each folder holds a model as transformers 5 writes it (config.json, weights; one is sharded, some are stored in F16 or BF16), and beside it golden/:
  config.4.json          the same model as transformers 4 described it; checked here to give the same logits
  golden.json            prompts, their greedy continuations, the loss, ten AdamW steps, and a summary of the weights after them
  logits.safetensors     logits.0, logits.1: (T, V) of both prompts, every position
  gradients.safetensors  the gradient of the loss by every parameter, under the name and in the shape of the tensor in the file

All numbers are float32, attention is `eager`. Norms and biases are random, not 1 and 0. Conventions: the loss is the mean of -log p over all predicted
tokens of the batch, token i of a line predicted from those before it, the first not predicted. greedy: argmax of the full forward pass; the
end-of-sequence id does not occur and the first two logits are at least 1e-3 apart at every step (the seed is chosen so). AdamW: constant learning rate,
weight decay on tensors of two dimensions (embeddings and heads among them) and on no others; step s takes the lines (s * batch + j) mod their number,
padded on the right; gradNorm is the global L2 norm before clipping; loss and gradNorm belong to the parameters before the update. `float32Noise` says how
far the same numbers are from a run in float64, relative; the samples of `weights` are elements on which both runs agree to 1e-5, and a norm is null where
they differ by more than that (biases of keys that no score depends on: AdamW makes steps of their rounding errors)."""
import contextlib
import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
HERE = Path(__file__).resolve().parent
OUT = HERE / 'families'
LENGTHS, CONTINUATION, LINES, BATCH, STEPS, GAP = (12, 24), 64, 6, 2, 10, 1e-3
OPTIMISER = {'lr': 1e-3, 'betas': [0.9, 0.999], 'eps': 1e-8, 'weightDecay': 0.01, 'clipNorm': 1.0}
SMALL = {
    'vocab_size': 96, 'hidden_size': 32, 'intermediate_size': 44, 'num_hidden_layers': 2, 'num_attention_heads': 4, 'num_key_value_heads': 2,
    'max_position_embeddings': 128, 'bos_token_id': 1, 'eos_token_id': 2, 'pad_token_id': None, 'tie_word_embeddings': True,
}  # fmt: skip


def rope(theta, **scaling):
    return {'rope_parameters': {'rope_theta': theta, 'rope_type': 'default', **scaling}}


FAMILIES = {
    'llama2': ('llama', {**SMALL, 'num_key_value_heads': 4, 'rms_norm_eps': 1e-5, 'tie_word_embeddings': False, **rope(1e4)}),
    'llama3': ('llama', {**SMALL, 'num_attention_heads': 2, 'num_key_value_heads': 1, 'max_position_embeddings': 256, 'rms_norm_eps': 1e-5, **rope(
        1e3, rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)}),
    'llama_linear': ('llama', {**SMALL, 'num_hidden_layers': 1, 'num_key_value_heads': 1, 'vocab_size': 101, **rope(1e4, rope_type='linear', factor=4.0)}),
    'llama_yarn': ('llama', {**SMALL, 'num_hidden_layers': 1, 'num_attention_heads': 2, 'num_key_value_heads': 1, 'max_position_embeddings': 256, **rope(
        1e4, rope_type='yarn', factor=4.0, original_max_position_embeddings=64)}),
    'llama_biases': ('llama', {**SMALL, 'attention_bias': True, 'mlp_bias': True, **rope(1e4)}),
    'smollm2': ('llama', {**SMALL, 'hidden_size': 48, 'intermediate_size': 50, 'num_attention_heads': 3, 'num_key_value_heads': 1, 'rms_norm_eps': 1e-5, **rope(1e5)}),
    'smollm3': ('smollm3', {**SMALL, 'hidden_size': 32, 'intermediate_size': 40, 'num_hidden_layers': 4, 'no_rope_layers': [1, 1, 0, 1], **rope(2e4)}),
    'mistral': ('mistral', {**SMALL, 'sliding_window': 8, 'intermediate_size': 40, 'rms_norm_eps': 1e-5, 'tie_word_embeddings': False, **rope(1e4)}),
    'qwen2': ('qwen2', {**SMALL, 'hidden_size': 40, 'num_attention_heads': 5, 'num_key_value_heads': 1, 'intermediate_size': 36, 'vocab_size': 128, **rope(1e5)}),
    'qwen3': ('qwen3', {**SMALL, 'head_dim': 16, 'rms_norm_eps': 1e-6, **rope(1e5)}),
    'gemma3_text': ('gemma3_text', {
        **SMALL, 'num_hidden_layers': 4, 'num_attention_heads': 2, 'num_key_value_heads': 1, 'head_dim': 32, 'intermediate_size': 24, 'sliding_window': 8,
        'query_pre_attn_scalar': 24, 'layer_types': ['sliding_attention', 'sliding_attention', 'full_attention', 'sliding_attention'],
        'rope_parameters': {'full_attention': {'rope_theta': 1e4, 'rope_type': 'linear', 'factor': 2.0}, 'sliding_attention': {'rope_theta': 1e2, 'rope_type': 'default'}}}),
    'gpt2': ('gpt2', {'vocab_size': 97, 'n_positions': 96, 'n_embd': 24, 'n_layer': 2, 'n_head': 3, 'bos_token_id': 96, 'eos_token_id': 96}),
    'gpt_neox': ('gpt_neox', {**SMALL, 'num_attention_heads': 2, 'intermediate_size': 40, 'tie_word_embeddings': False, **rope(1e4, partial_rotary_factor=0.25)}),
    'gpt_neox_sequential': ('gpt_neox', {
        **SMALL, 'intermediate_size': 56, 'tie_word_embeddings': False, 'use_parallel_residual': False, **rope(1e4, partial_rotary_factor=0.5)}),
}  # fmt: skip
STORED = {
    **dict.fromkeys(('llama_biases', 'smollm2', 'smollm3', 'qwen2', 'gemma3_text'), torch.bfloat16),
    **dict.fromkeys(('llama2', 'qwen3', 'gpt_neox_sequential'), torch.float16),
}  # fmt: skip
SHARDED = {'mistral'}


def make_model(name, seed):
    """Random weights with logits of a standard deviation of 1 to 3, rounded to what the file stores."""
    model_type, settings = FAMILIES[name]
    known = AutoConfig.for_model(model_type).to_dict()
    settings = {key: value for key, value in settings.items() if key in known}  # GPT-NeoX has no key/value heads of its own
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **settings), attn_implementation='eager').eval()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            values = torch.randn(parameter.shape, generator=random)
            if parameter.dim() == 1:
                centre = 1.0 if 'norm' in key or '.ln_' in key else 0.0
                if key.endswith('bias'):
                    centre = 0.0
                if key in ('model.norm.weight', 'transformer.ln_f.weight'):
                    centre, values = 0.3, 4 * values  # of any sign: else a tied head says its input again and again
                parameter.copy_(centre - (model_type == 'gemma3_text') + 0.2 * values)
            elif 'wpe' in key:
                parameter.copy_(0.2 * values)
            elif 'embed' in key or 'wte' in key or 'lm_head' in key:
                parameter.copy_((0.2 if model_type == 'gemma3_text' else 0.35) * values)
            else:
                fan_in = parameter.shape[0] if model_type == 'gpt2' else parameter.shape[1]
                # What is added to the residual weighs more than the embedding, for the same reason.
                gain = 2.5 if any(part in key for part in ('o_proj', 'down_proj', 'c_proj', 'dense.', '4h_to_h')) else 1.0
                parameter.copy_(values * gain * fan_in**-0.5)
        for parameter in model.parameters():  # and not model.to(): that rounds the rotary frequencies too
            parameter.copy_(parameter.to(STORED.get(name, torch.float32)))
    return model


def transformers_4_config(config):
    """The same model as config.json of transformers 4 described it, as nearly all files that people have do."""
    old = {key: value for key, value in config.items() if key not in ('rope_parameters', 'dtype', 'layer_types', 'use_cache')}
    old.update(torch_dtype=config['dtype'], transformers_version='4.44.0')
    ropes = config.get('rope_parameters')
    if ropes is None:
        return old
    if 'full_attention' in ropes:
        local = ropes['sliding_attention']
        ropes = ropes['full_attention']
        old.update(rope_local_base_freq=local['rope_theta'], sliding_window_pattern=config['layer_types'].index('full_attention') + 1)
    scaling = {key: value for key, value in ropes.items() if key not in ('rope_theta', 'partial_rotary_factor')}
    kind = scaling['rope_type']
    if kind == 'linear' and config['model_type'] == 'llama':
        scaling['type'] = scaling.pop('rope_type')  # the oldest name, in Llama 2's time
    if config['model_type'] == 'gpt_neox':
        old.update(rotary_emb_base=ropes['rope_theta'], rotary_pct=ropes['partial_rotary_factor'])
    else:
        old.update(rope_theta=ropes['rope_theta'], rope_scaling=scaling if kind != 'default' else None)
    if 'head_dim' in old and config['model_type'] not in ('gemma3_text', 'qwen3'):
        del old['head_dim']
    return old


@contextlib.contextmanager
def computed_in_float64():
    """Models upcast to float32 in norms, softmax and rotary positions; inside of this they go to float64."""
    float32, to_float = torch.float32, torch.Tensor.float
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.float32 = torch.float = float32
        torch.Tensor.float = to_float


def batch_loss(model, lines):
    width = max(map(len, lines))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in lines])
    keep = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in lines])
    logits = model(input_ids=ids, attention_mask=keep, use_cache=False).logits[:, :-1]
    nll = -logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    weight = keep[:, 1:].to(nll.dtype)
    return (nll * weight).sum() / weight.sum()


def gradients(model, lines):
    """The loss, and the gradient of every parameter that asks for one."""
    model.zero_grad()
    loss = batch_loss(model, lines)
    loss.backward()
    return loss.item(), {name: p.grad.clone().contiguous() for name, p in model.named_parameters() if p.requires_grad}


def greedy(model, prompt):
    """None when two logits are too close at some step, when the text ends, or when it soon repeats."""
    ids = list(prompt)
    for _ in range(CONTINUATION):
        with torch.no_grad():
            best = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < GAP:
            return None
        ids.append(int(best.indices[0]))
    continuation = ids[len(prompt) :]
    return continuation if len(set(ids[-16:])) > 2 and model.config.eos_token_id not in continuation else None


def train(model, lines, batch, steps, weight_decay, optimiser=OPTIMISER):
    """AdamW on every parameter that asks for a gradient: the (loss, norm of the gradient) of every step."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [{'params': [p for p in trained if p.dim() == 2], 'weight_decay': weight_decay}, {'params': [p for p in trained if p.dim() != 2], 'weight_decay': 0.0}]
    adamw = torch.optim.AdamW([g for g in groups if g['params']], lr=optimiser['lr'], betas=optimiser['betas'], eps=optimiser['eps'])
    trace = []
    for step in range(steps):
        adamw.zero_grad()
        loss = batch_loss(model, [lines[(step * batch + j) % len(lines)] for j in range(batch)])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, optimiser['clipNorm'])
        adamw.step()
        trace.append((loss.item(), norm.item()))
    return trace


def rounded(value):
    return float(f'{value:.8g}')


def relative_distance(values, reference):
    return max(abs(a - b) / abs(b) for a, b in zip(values, reference, strict=True))


def training_record(make, lines, random):
    """Ten steps in float32 and in float64: what both say of the losses, and the weights after them."""
    model = make()
    trace = train(model, lines, BATCH, STEPS, OPTIMISER['weightDecay'])
    exact_model = make().double()
    with computed_in_float64():
        exact = train(exact_model, lines, BATCH, STEPS, OPTIMISER['weightDecay'])
    with torch.no_grad():
        after = batch_loss(model, lines[:BATCH]).item()
    exact_weights = {name: p.detach().flatten() for name, p in exact_model.named_parameters() if p.requires_grad}
    weights = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        flat = parameter.detach().flatten()
        agreed = ((flat.double() - exact_weights[name]).abs() < 1e-5).nonzero().flatten()
        picked = agreed[torch.randint(len(agreed), (4,), generator=random)].sort().values.tolist()
        norm = flat.double().norm().item()
        is_determined = (flat.double() - exact_weights[name]).norm().item() < 1e-5 * norm
        weights[name] = {'norm': rounded(norm) if is_determined else None, 'samples': [[i, rounded(flat[i].item())] for i in picked]}
    return {
        **OPTIMISER, 'batch': BATCH, 'lines': lines, 'steps': [{'loss': rounded(loss), 'gradNorm': rounded(norm)} for loss, norm in trace], 'lossAfter': rounded(after),
        'float32Noise': {key: rounded(relative_distance([t[i] for t in trace], [e[i] for e in exact])) for i, key in enumerate(('loss', 'gradNorm'))},
        'weights': weights,
    }  # fmt: skip


def random_lines(vocabulary, lengths, random):
    return [torch.randint(vocabulary, (n,), generator=random).tolist() for n in lengths]


def normalised_error(values, reference):
    """Mean squared error over the mean square of the reference."""
    return ((values.double() - reference) ** 2).sum().item() / max((reference**2).sum().item(), 1e-300)


def file_name(parameter, in_file):
    """transformers 5 calls GPT-NeoX's head lm_head and writes it as before."""
    return 'embed_out.weight' if parameter == 'lm_head.weight' and parameter not in in_file else parameter


def readable(folder):
    """Total size in bytes. save_file leaves its files to their owner alone: here everybody may read them."""
    files = [file for file in folder.rglob('*') if file.is_file()]
    for file in files:
        file.chmod(0o644)
    return sum(file.stat().st_size for file in files)


def write_folder(name):
    for seed in range(1, 200):
        model = make_model(name, seed)
        random = torch.Generator().manual_seed(seed)
        vocabulary = model.config.vocab_size
        prompts = random_lines(vocabulary, LENGTHS, random)
        continuations = [greedy(model, prompt) for prompt in prompts]
        if all(continuations):
            break
    else:
        sys.exit(f'{name}: no seed gives greedy continuations that are safe from rounding')
    for prompt, continuation in zip(prompts, continuations, strict=True):
        ids = torch.tensor([prompt])
        cached = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=CONTINUATION, do_sample=False, eos_token_id=None, pad_token_id=0)
        assert cached[0, len(prompt) :].tolist() == continuation, f'{name}: generate() differs from the full forward pass'

    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(STORED.get(name, torch.float32)).save_pretrained(folder, max_shard_size='40KB' if name in SHARDED else '1GB')
    (folder / 'generation_config.json').unlink(missing_ok=True)
    config = json.loads((folder / 'config.json').read_text())
    golden = folder / 'golden'
    golden.mkdir()
    (golden / 'config.4.json').write_text(json.dumps(transformers_4_config(config), indent=2, sort_keys=True) + '\n')

    in_file = set()
    for file in folder.glob('*.safetensors'):
        with safe_open(file, 'pt') as opened:
            in_file.update(opened.keys())

    def load(path=folder / 'config.json'):
        config = AutoConfig.from_pretrained(path)
        return AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation='eager').eval()

    model = load()
    with torch.no_grad():
        logits = {f'logits.{i}': model(input_ids=torch.tensor([prompt])).logits[0].contiguous() for i, prompt in enumerate(prompts)}
        old = load(golden / 'config.4.json')
        for i, prompt in enumerate(prompts):
            assert torch.equal(old(input_ids=torch.tensor([prompt])).logits[0], logits[f'logits.{i}']), f'{name}: config.4.json is another model'
    loss, grads = gradients(model, prompts)
    exact_model = load().double()
    with computed_in_float64():
        exact_loss, exact_grads = gradients(exact_model, prompts)
    noise = max(normalised_error(grads[key], exact_grads[key]) for key in grads)
    adamw = training_record(load, random_lines(vocabulary, [24, 17, 20, 12, 23, 15][:LINES], random), random)
    save_file(logits, golden / 'logits.safetensors')
    grads = {file_name(key, in_file): value for key, value in grads.items()}
    adamw['weights'] = {file_name(key, in_file): value for key, value in adamw['weights'].items()}
    assert set(grads) == in_file, f'{name}: the file has other tensors than the model parameters'
    save_file(grads, golden / 'gradients.safetensors')
    record = {
        'madeBy': f'python test/golden/make_families.py {name}: torch {torch.__version__}, transformers {transformers.__version__}', 'seed': seed,
        'prompts': prompts, 'greedy': continuations, 'loss': rounded(loss),
        'float32Noise': {'loss': rounded(abs(loss - exact_loss) / exact_loss), 'gradientNmse': rounded(noise)}, 'adamw': adamw,
    }  # fmt: skip
    (golden / 'golden.json').write_text(json.dumps(record, separators=(',', ':')) + '\n')
    size = readable(folder)
    spread = logits['logits.1'].std().item()
    print(f'{name}: seed {seed}, {size / 1000:.0f} kB, logits std {spread:.2f}, loss {loss:.4f}, noise of gradients {noise:.1e}, of 10 losses '
          f'{adamw["float32Noise"]["loss"]:.1e}, of their norms {adamw["float32Noise"]["gradNorm"]:.1e}, norms {adamw["steps"][0]["gradNorm"]:.2f}', flush=True)  # fmt: skip


if __name__ == '__main__':
    for name in sys.argv[1:] or FAMILIES:
        write_folder(name)
