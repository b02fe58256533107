"""Opens a model folder with transformers and checks its logits: python test/golden/check_hf_folder.py DIR REFERENCE.json

REFERENCE.json: {"ids": [...], "logits": [[... V numbers] ... one row per id]}. Also checks that no weight was missing, unexpected or misshapen.
Exit status 0 and one line with the largest difference when every logit is within 1e-4; otherwise 1 and the cause."""
import json
import sys

import torch
from transformers import AutoModelForCausalLM

LIMIT = 1e-4
if len(sys.argv) != 3:
    sys.exit(__doc__)
torch.set_num_threads(1)
with open(sys.argv[2]) as file:
    reference = json.load(file)
model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, output_loading_info=True)
for kind in ('missing_keys', 'unexpected_keys', 'mismatched_keys'):
    if info.get(kind):
        sys.exit(f'{kind}: {sorted(map(str, info[kind]))}')
want = torch.tensor(reference['logits'], dtype=torch.float64)
with torch.no_grad():
    have = model.eval()(torch.tensor([reference['ids']])).logits[0].double()
if have.shape != want.shape:
    sys.exit(f'logits have shape {tuple(have.shape)}, the reference {tuple(want.shape)}')
difference = (have - want).abs().max().item()
if not difference <= LIMIT:  # catches NaN too
    sys.exit(f'largest difference of a logit {difference:.3g}, limit {LIMIT:.0e}')
print(f'ok: {want.shape[0]} x {want.shape[1]} logits, largest difference {difference:.3g}')
