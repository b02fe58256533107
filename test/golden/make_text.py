"""Gives three of test/golden/families a tokenizer and writes what text they generate: test/golden/families/{llama2,llama_linear,qwen2}/golden/text.json.

Run from the repository root, after make_families.py: python test/golden/make_text.py

llama2: BPE with a word mark, a beginning-of-sequence id first; llama_linear: Unigram; qwen2: byte-level BPE and a chat template. text.json: a prompt, its
ids as transformers encodes them, the 32 ids that the model continues with (conventions of make_families.py) and their text without special tokens; of
qwen2 also a conversation as the template renders and encodes it."""
import json
import shutil
import tempfile
from pathlib import Path

import make_families as families
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

CONTINUATION = 32
LINES = [
    'the fox saw the hen and the hen saw the fox', 'a small cat sat on the mat in the sun', 'one day the rain came down on the old town',
    'the sun is hot and the sea is cold', 'she said that the cat had eaten the fish', 'he ran to the hill and then ran home again',
    'in the morning the birds sing in the trees', 'there was a man who had seven sons and one hen', 'the end of the road is not the end of the world',
    'no one knows where the old cat goes at night',
]  # fmt: skip
CHAT = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
MESSAGES = [{'role': 'system', 'content': 'be short'}, {'role': 'user', 'content': 'where is the cat'}]


def word_mark_bpe(size):
    tokenizer = Tokenizer(models.BPE(unk_token='<unk>'))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')])
    tokenizer.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
    tokenizer.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=size, special_tokens=['<unk>', '<s>', '</s>'], show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single='<s> $A', pair='<s> $A <s> $B', special_tokens=[('<s>', 1)])
    return tokenizer, {'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}


def unigram(size):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        LINES, trainers.UnigramTrainer(vocab_size=size, special_tokens=['<unk>', '<s>', '</s>'], unk_token='<unk>', show_progress=False)
    )
    return tokenizer, {'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}


def byte_level_bpe(size):
    special = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([f'{line}\n' for line in LINES], trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False))
    return tokenizer, {'eos_token': '<|im_end|>', 'chat_template': CHAT}


def write(name, make):
    folder = families.OUT / name
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
    tokenizer, settings = make(model.config.vocab_size)
    with tempfile.TemporaryDirectory() as made:
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **settings).save_pretrained(made)
        for file in Path(made).iterdir():
            shutil.copy(file, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer) <= model.config.vocab_size and tokenizer.eos_token_id == model.config.eos_token_id
    for prompt in (' '.join(line.split()[:words]) for words in (5, 4, 6, 3, 7) for line in LINES):
        ids = tokenizer(prompt)['input_ids']
        continuation = families.greedy(model, ids)
        if continuation and max(continuation[:CONTINUATION]) < len(tokenizer):
            break
    else:
        raise SystemExit(f'{name}: no prompt gives a continuation that is safe from rounding')
    record = {
        'madeBy': f'python test/golden/make_text.py: torch {torch.__version__}, transformers {transformers.__version__}',
        'prompt': prompt, 'ids': ids, 'continuation': continuation[:CONTINUATION],
        'text': tokenizer.decode(continuation[:CONTINUATION], skip_special_tokens=True, clean_up_tokenization_spaces=False),
    }  # fmt: skip
    if 'chat_template' in settings:
        rendered = tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, tokenize=False)
        record['chat'] = {'messages': MESSAGES, 'text': rendered, 'ids': tokenizer(rendered, add_special_tokens=False)['input_ids']}
    (folder / 'golden' / 'text.json').write_text(json.dumps(record, ensure_ascii=False, separators=(',', ':')) + '\n')
    families.readable(folder)
    print(f'{name}: {len(tokenizer)} tokens, {len(ids)} ids of {prompt!r}, then {record["text"]!r}')


if __name__ == '__main__':
    for name, make in {'llama2': word_mark_bpe, 'llama_linear': unigram, 'qwen2': byte_level_bpe}.items():
        write(name, make)
