"""Writes test/golden/stories260k_trace.json: forward numbers and two AdamW traces of stories260K, from transformers and torch on the CPU in float32.

Run from the repository root: python test/golden/make_stories260k_trace.py ../shared/models/stories260K test/golden/stories260k_trace.json

The data are 24 lines of 24 to 64 token ids, sampled once from the model itself (temperature 1, torch seed 1, first id 1); the ids stand in the
file and are what counts. Conventions: nothing is added to a line; ids[i] is predicted from ids[0..i] without ids[i], so a line of n ids has n - 1
predicted tokens; loss = sum of -log p over all predicted tokens of the batch / their number, padding excluded. Step s (from 0) takes the lines
(s * batch + j) mod 24, j < batch. AdamW with weight decay on matrices (the tied embedding included) and none on norms, constant learning rate; gradNorm is the global
L2 norm before clipping; loss and gradNorm belong to the parameters before the update. lossAfter is the loss on lines 0..3 after the last update."""
import json
import random
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)
LINES, STEPS = 24, 10


def sampled_lines(model):
    rng = random.Random(1)
    torch.manual_seed(1)
    lines = []
    for _ in range(LINES):
        ids = [1]
        for _ in range(rng.randint(24, 64) - 1):
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, -1]
            ids.append(int(torch.multinomial(logits.softmax(-1), 1)))
        lines.append(ids)
    return lines


def token_logprobs(model, ids):
    row = torch.tensor([ids])
    return model(row).logits[0, :-1].log_softmax(-1).gather(1, row[0, 1:, None])[:, 0]


def batch_loss(model, lines):
    width = max(map(len, lines))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in lines])
    keep = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in lines])
    logits = model(ids, attention_mask=keep).logits[:, :-1]
    nll = -logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    weight = keep[:, 1:].to(nll.dtype)
    return (nll * weight).sum() / weight.sum()


def trace(directory, lines, batch, lr, weight_decay, clip):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    groups = [{'params': matrices, 'weight_decay': weight_decay}, {'params': others, 'weight_decay': 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8)
    steps = []
    for step in range(STEPS):
        loss = batch_loss(model, [lines[(step * batch + j) % LINES] for j in range(batch)])
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        steps.append({'loss': loss.item(), 'gradNorm': norm.item()})
    with torch.no_grad():
        after = batch_loss(model, lines[:4]).item()
    return {'batch': batch, 'lr': lr, 'betas': [0.9, 0.999], 'eps': 1e-8, 'weightDecay': weight_decay, 'clipNorm': clip, 'steps': steps, 'lossAfter': after}


directory, out = sys.argv[1:3]
model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
lines = sampled_lines(model)
with torch.no_grad():
    logprobs = [[round(x, 6) for x in token_logprobs(model, row).tolist()] for row in lines[:4]]
    shortest = min(range(LINES), key=lambda i: len(lines[i]))
    logits = [[round(x, 5) for x in row] for row in model(torch.tensor([lines[shortest]])).logits[0].tolist()]
record = {
    'madeBy': f'test/golden/make_stories260k_trace.py, torch {torch.__version__}, transformers {transformers.__version__}',
    'lines': lines,
    'logprobs': logprobs,
    'logits': {'line': shortest, 'values': logits},
    'traces': [trace(directory, lines, 4, 1e-3, 0.01, 1.0), trace(directory, lines, 3, 5e-4, 0.0, 0.5)],
}
with open(out, 'w') as file:
    json.dump(record, file, separators=(',', ':'))
    file.write('\n')
