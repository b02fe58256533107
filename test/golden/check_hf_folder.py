"""Opens model folders that this program wrote with transformers and compares what both make of them.

    python test/golden/check_hf_folder.py DIR REFERENCE.json
    python test/golden/check_hf_folder.py --families [NAME ...]
    python test/golden/check_hf_folder.py --adapters [NAME ...]

REFERENCE.json: {"ids": [...], "logits": [[... V numbers] ... one row per id]} or {"ids": [...], "logprobs": [... of ids[1:]]}.
--families: every folder of test/golden/families (or those named) is trained for two steps and written by `lab train`, then `lab score` of what was written
is compared with transformers. --adapters: the same with every folder of test/golden/lora, whose adapter alone is trained and then opened with peft; and
merged into its model. Run both from the repository root.

In all cases no weight may be missing, unexpected or misshapen. Exit status 0 and one line per folder with the largest difference when every number is within
1e-4; otherwise 1 and the cause."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM

LIMIT = 1e-4
FAMILIES = Path(__file__).resolve().parent / 'families'
ADAPTERS = FAMILIES.parent / 'lora'


def open_folder(directory):
    model, info = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation='eager', output_loading_info=True)
    for kind in ('missing_keys', 'unexpected_keys', 'mismatched_keys'):
        if info.get(kind):
            sys.exit(f'{directory}: {kind}: {sorted(map(str, info[kind]))}')
    return model.eval()


def largest_difference(model, reference):
    row = torch.tensor([reference['ids']])
    with torch.no_grad():
        have = model(input_ids=row).logits[0].double()
    if 'logprobs' in reference:
        have = have[:-1].log_softmax(-1).gather(1, row[0, 1:, None])[:, 0]
    want = torch.tensor(reference['logprobs' if 'logprobs' in reference else 'logits'], dtype=torch.float64)
    if have.shape != want.shape:
        sys.exit(f'{tuple(have.shape)} numbers instead of {tuple(want.shape)}')
    difference = (have - want).abs().max().item()
    if not difference <= LIMIT:  # catches NaN too
        sys.exit(f'largest difference {difference:.3g}, limit {LIMIT:.0e}')
    return difference


def lab(*arguments):
    done = subprocess.run(['npm', 'run', '-s', 'lab', '--', *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'lab {" ".join(map(str, arguments))}: {done.stderr.strip()}')
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(label, lines, scores, model):
    difference = max(largest_difference(model, {'ids': line, **score}) for line, score in zip(lines, scores, strict=True))
    print(f'ok: {label}, {sum(map(len, lines))} tokens, largest difference {difference:.3g}', flush=True)


def trained(model, adamw, temporary, *options):
    """Two steps of `lab train`: the folder that it wrote, and the file of the lines."""
    ids, out = Path(temporary) / 'lines.jsonl', Path(temporary) / f'out{len(list(Path(temporary).iterdir()))}'
    ids.write_text(''.join(json.dumps({'ids': line}) + '\n' for line in adamw['lines']))
    settings = ['--lr', adamw['lr'], '--weight-decay', adamw['weightDecay'], '--clip', adamw['clipNorm']]
    lab('train', '--model', model, '--ids', ids, '--steps', 2, '--batch', adamw['batch'], *settings, '--no-shuffle', *options, '--out', out)
    return out, ids


def check_family(name):
    adamw = json.loads((FAMILIES / name / 'golden/golden.json').read_text())['adamw']
    with tempfile.TemporaryDirectory() as temporary:
        out, ids = trained(FAMILIES / name, adamw, temporary)
        compare(name, adamw['lines'], lab('score', '--model', out, '--ids', ids), open_folder(out))


def check_adapter(name):
    from peft import PeftModel

    golden = json.loads((ADAPTERS / name / 'golden/golden.json').read_text())
    base, adamw = FAMILIES / golden['base'], golden['adamw']
    with tempfile.TemporaryDirectory() as temporary:
        out, ids = trained(base, adamw, temporary, '--adapter', ADAPTERS / name)
        scores = lab('score', '--model', base, '--adapter', out, '--ids', ids)
        compare(f'adapter of {name}', adamw['lines'], scores, PeftModel.from_pretrained(open_folder(base), out).eval())
        merged, _ = trained(base, adamw, temporary, '--adapter', ADAPTERS / name, '--merge')
        compare(f'adapter of {name}, merged', adamw['lines'], scores, open_folder(merged))


torch.set_num_threads(1)
transformers.logging.disable_progress_bar()
KINDS = {'--families': (FAMILIES, check_family), '--adapters': (ADAPTERS, check_adapter)}
if sys.argv[1:] and sys.argv[1] in KINDS:
    folders, check = KINDS[sys.argv[1]]
    for name in sys.argv[2:] or sorted(folder.name for folder in folders.iterdir()):
        check(name)
elif len(sys.argv) == 3:
    difference = largest_difference(open_folder(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
    print(f'ok: {sys.argv[1]}, largest difference {difference:.3g}')
else:
    sys.exit(__doc__)
