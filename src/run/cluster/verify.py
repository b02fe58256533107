"""Does this folder say what the tab said? Reads parity.jsonl, rollouts of the run with what the lab made of them, and makes it again.

    python verify.py                 rewards, by reward/reward.py; the standard library alone
    python verify.py --logprobs      log-probabilities too, by transformers on model/ARM; needs torch and transformers
    python verify.py --engine        as --logprobs, but through plain causal attention, as engines run the model: what differs then is the task's own
                                     attention (a short window, the latest thought in sight), which no engine has

Only the last step's rollouts have log-probabilities under the weights that are exported; the others were drawn from weights that no longer exist.
Prints one JSON object. Exit status 0 where everything agrees, 1 where something does not, 2 where it could not be tried.
"""
import argparse
import importlib.util
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# the log rounds to four decimals, twice where a number was made of two
LOGPROB_LIMIT = 1e-3


def load_reward():
    spec = importlib.util.spec_from_file_location('reward', HERE / 'reward' / 'reward.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_rows():
    with open(HERE / 'parity.jsonl', encoding='utf-8') as file:
        return [json.loads(line) for line in file if line.strip()]


def compare_rewards(rows):
    reward = load_reward()
    wrong = [i for i, row in enumerate(rows) if reward.compute_score(row['data_source'], row['completion'], row['ground_truth'], {}) != row['reward']]
    return {'rewards': len(rows), 'rewards_that_differ': len(wrong), 'first_lines_that_differ': [i + 1 for i in wrong[:5]]}


def seen(row, window, torch):
    """0 where a position sees another, the least number elsewhere: (1, 1, T, T)."""
    T = len(row['ids'])
    i, j = torch.arange(T)[:, None], torch.arange(T)[None, :]
    see = j <= i
    if window > 0:
        lo, hi = (torch.tensor([pin[k] for pin in row['pins']])[:, None] for k in (0, 1))
        see = see & ((j > i - window) | ((j >= lo) & (j < hi)))
    return torch.zeros(T, T).masked_fill(~see, torch.finfo(torch.float32).min)[None, None]


def compare_logprobs(rows, as_engines):
    import torch
    from transformers import AutoModelForCausalLM

    wanted = [row for row in rows if row['logprobs_exported'] is not None]
    models, differences = {}, []
    for row in wanted:
        arm = row['arm']
        if arm not in models:
            models[arm] = AutoModelForCausalLM.from_pretrained(HERE / 'model' / arm, dtype=torch.float32, attn_implementation='eager').eval()
        model = models[arm]
        inputs = {'input_ids': torch.tensor([row['ids']])}
        if row['window'] > 0 and not as_engines:
            kinds = sorted(set(getattr(model.config, 'layer_types', None) or []))
            own = getattr(model.config, 'sliding_window', None) or row['window']
            masks = {kind: seen(row, min(own, row['window']) if kind == 'sliding_attention' else row['window'], torch) for kind in kinds}
            inputs['attention_mask'] = masks if masks else seen(row, row['window'], torch)
            inputs['position_ids'] = torch.arange(len(row['ids']))[None]
        with torch.no_grad():
            logits = model(**inputs).logits[0].double()
        for i, logprob in enumerate(row['logprobs_exported']):
            if logprob is None:
                continue
            lo, hi = row['softmax'][i]
            have = logits[i - 1, lo:hi].log_softmax(-1)[row['ids'][i] - lo].item()
            differences.append(abs(have - logprob))
    return {
        'logprobs': len(differences),
        'rollouts_with_logprobs': len(wanted),
        'largest_difference': max(differences, default=None),
        'mean_difference': sum(differences) / len(differences) if differences else None,
        'limit': LOGPROB_LIMIT,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--logprobs', action='store_true')
    parser.add_argument('--engine', action='store_true')
    options = parser.parse_args()
    rows = read_rows()
    if not rows:
        sys.stderr.write('parity.jsonl holds no rollouts: README.md says why. There is nothing to compare.\n')
        return 2
    said = compare_rewards(rows)
    fine = said['rewards_that_differ'] == 0
    if options.logprobs or options.engine:
        try:
            said.update(compare_logprobs(rows, options.engine))
        except ImportError as error:
            sys.stderr.write(f'{error}. Install torch and transformers, or leave the option out.\n')
            return 2
        fine = fine and (said['largest_difference'] or 0) <= LOGPROB_LIMIT
    print(json.dumps({**said, 'agrees': fine}))
    return 0 if fine else 1


if __name__ == '__main__':
    sys.exit(main())
