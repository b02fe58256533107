"""Writes test/golden/training/schedules.json and test/golden/training/curve.json, from transformers and torch on the CPU.

Run from the repository root, after make_families.py: python test/golden/make_training.py

schedules.json: factors of the learning rate by transformers' schedules, for steps 0 (the first update) to total.
curve.json: 200 AdamW steps of families/llama3 in float32 on 100 lines of 24 ids (the next id follows from the last by a fixed permutation 3 times in 4, else it
is any), four lines a step in cyclic order; loss before each update, and how far a run in float64 is from it. Conventions are those of make_families.py."""
import json

import make_families as families
import torch
import transformers
from transformers import optimization

TOTAL, WARMUP, STEPS, LINES, BATCH, LENGTH = 40, 6, 200, 100, 4, 24
SCHEDULES = {
    'constant': lambda o: optimization.get_constant_schedule(o),
    'constantWithWarmup': lambda o: optimization.get_constant_schedule_with_warmup(o, WARMUP),
    'linear': lambda o: optimization.get_linear_schedule_with_warmup(o, WARMUP, TOTAL),
    'cosine': lambda o: optimization.get_cosine_schedule_with_warmup(o, WARMUP, TOTAL),
    'cosineToTenth': lambda o: optimization.get_cosine_with_min_lr_schedule_with_warmup(o, WARMUP, TOTAL, min_lr_rate=0.1),
    'warmupStableDecayLinear': lambda o: optimization.get_wsd_schedule(o, WARMUP, 10, num_training_steps=TOTAL, decay_type='linear'),
    'warmupStableDecayCosine': lambda o: optimization.get_wsd_schedule(o, WARMUP, 10, num_training_steps=TOTAL, decay_type='cosine'),
    'warmupStableDecaySqrt': lambda o: optimization.get_wsd_schedule(o, WARMUP, 10, num_training_steps=TOTAL, decay_type='1-sqrt'),
}  # fmt: skip


def factors(make):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimiser)
    values = []
    for _ in range(TOTAL + 1):
        values.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return values


def markov_lines(vocabulary, random):
    follows = torch.randperm(vocabulary, generator=random).tolist()
    lines = []
    for _ in range(LINES):
        any_id = torch.randint(vocabulary, (LENGTH,), generator=random).tolist()
        is_rule = (torch.rand(LENGTH, generator=random) < 0.75).tolist()
        ids = any_id[:1]
        for i in range(1, LENGTH):
            ids.append(follows[ids[-1]] if is_rule[i] else any_id[i])
        lines.append(ids)
    return lines


def load():
    return transformers.AutoModelForCausalLM.from_pretrained(families.OUT / 'llama3', dtype=torch.float32, attn_implementation='eager').eval()


out = families.HERE / 'training'
out.mkdir(exist_ok=True)
made_by = f'python test/golden/make_training.py: torch {torch.__version__}, transformers {transformers.__version__}'
schedules = {name: factors(make) for name, make in SCHEDULES.items()}
(out / 'schedules.json').write_text(
    json.dumps({'madeBy': made_by, 'totalSteps': TOTAL, 'warmupSteps': WARMUP, 'decaySteps': 10, 'factors': schedules}, separators=(',', ':')) + '\n'
)

model = load()
lines = markov_lines(model.config.vocab_size, torch.Generator().manual_seed(1))
optimiser = {**families.OPTIMISER, 'lr': 2e-3}
losses = [loss for loss, _ in families.train(model, lines, BATCH, STEPS, optimiser['weightDecay'], optimiser)]
exact_model = load().double()
with families.computed_in_float64():
    exact = [loss for loss, _ in families.train(exact_model, lines, BATCH, STEPS, optimiser['weightDecay'], optimiser)]
record = {
    'madeBy': made_by, 'base': 'llama3', **optimiser, 'batch': BATCH, 'lines': lines,
    'losses': [families.rounded(loss) for loss in losses], 'float32Noise': families.rounded(families.relative_distance(losses, exact)),
}  # fmt: skip
(out / 'curve.json').write_text(json.dumps(record, separators=(',', ':')) + '\n')
print(f'losses {losses[0]:.3f} to {sum(losses[-10:]) / 10:.3f} (mean of the last ten), noise {record["float32Noise"]:.1e}')
