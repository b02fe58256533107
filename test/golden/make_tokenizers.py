"""Trains small tokenizers of every kind and writes them with the ids and texts that Python gives for hard strings.

    python test/golden/make_tokenizers.py    (tokenizers 0.23, sentencepiece 0.2, transformers 5.18)

Writes test/golden/tokenizers/*.json: the tokenizer.json files, and expected.json with, per file, the ids of every text of TEXTS, what they decode
to, and random ids with their decoding.
"""

import io
import json
import random
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.tokenization_utils_base import generate_merges

OUT = Path(__file__).parent / "tokenizers"

CORPUS = """Once upon a time there was a little girl who lived in a village near the forest. She didn't know what she'd find there.
The quick brown fox jumps over the lazy dog; we've seen it, they're sure, I'm not, he'll see 12345 of them in 2024!
def fibonacci(n):
    a, b = 0, 1
    for i in range(n):
        a, b = b, a + b
    return a

if __name__ == "__main__":
\tprint([fibonacci(i) for i in range(10)])
for (let i = 0; i < 10; i++) { console.log(`value: ${i}`); }
L'été dernier, nous sommes allés à la mer; c'était très agréable. Où étais-tu? Ça va.
Der Fluß fließt über die Straße. Größe, Mädchen, schön. Привет, мир! Как дела? Это хорошо.
今日は天気がいいですね。我们去公园吧。你好，世界！ 안녕하세요 세계. مرحبا بالعالم. नमस्ते दुनिया. Ελληνικά κείμενο.
The girl said hello to the fox and the fox said hello to the girl. The end of the story is the end of the day.
"""

LONG = "The little girl and the fox went over the village and the forest to see the sea. "
TEXTS = [
    "",
    " ",
    "  ",
    "a",
    "Hello world",
    " Hello world",
    "  Hello   world  ",
    "Once upon a time, there was a little girl.",
    "I'm sure they'll say we've DON'T I'M IT'S she'd",
    "line one\nline two\n\n\nline five\r\nwindows\rold mac\n",
    "\n",
    "\n\n  \n\t\n",
    "\ttabs\t\tand spaces    here",
    "def f(x):\n    if x > 10:\n        return x**2  # comment\n",
    "12345 1 22 333 4444 3.14159 1e-10 ١٢٣ ½ ² Ⅷ",
    "émigré naïve façade Ångström",
    "e\u0301 n\u0303 o\u0308\u0304 \u0301alone",
    "ﬁ ﬂ ℃ Å Ω ㈱ ｆｕｌｌ",
    "今天天气很好。我们去公园吧！",
    "日本語のテキスト カタカナ ひらがな",
    "안녕하세요 세계",
    "Привет, МИР! Ёлка",
    "مرحبا بالعالم",
    "नमस्ते दुनिया क्षि",
    "😀 👍🏽 👨\u200d👩\u200d👧\u200d👦 🇩🇪 ❤\ufe0f",
    "zero\u200bwidth \u00a0nbsp \u3000ideographic \u2028line\u2029para \u0085next \ufeffbom",
    "\ufeffbom at the start",
    "control \u0001\u0002 \u007f \x00 end",
    "rare 𐍈 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𓀀 \U0010ffff \ufffd",
    "...!!!???---___***###@@@ $100 50% a&b <tag> [x] {y} (z) \\n \"quoted\" 'single'",
    "▁ literal metaspace ▁▁ Ġ Ċ",
    "<0x41> not a byte <0xE2>",
    "<|end|>",
    "before<|end|>after",
    "before <|end|> after",
    "<|end|><|end|> \n<|end|>",
    "a  <|left|>  b",
    "a  <|right|>  b",
    "a  <|both|>  b <|both|><|both|>",
    "user<|plain|>defined <|PLAIN|>",
    "<|en d|> <|end| <|end|>>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    LONG * 4,
    "mixed العربية and 中文 and кириллица😀end",
    "http://example.com/path?query=1&x=y#frag user@example.org",
    "CamelCaseWords snake_case_words SCREAMING_CASE kebab-case",
    "trailing space ",
    "trailing newline\n",
    "\u0300\u0301\u0302",
    "İstanbul ıspanak ẞ ǅ",
]
# Trained on the hard strings too, so that most pieces between two splits are one token: a split elsewhere gives other ids.
SEEN = CORPUS.splitlines(keepends=True) + [text for text in TEXTS for _ in range(2)]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def add_tokens(tokenizer):
    tokenizer.add_special_tokens(["<|end|>", AddedToken("<|left|>", lstrip=True, special=True), AddedToken("<|right|>", rstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("<|both|>", lstrip=True, rstrip=True, normalized=False), AddedToken("<|plain|>", normalized=True)])
    return tokenizer


def byte_level(split, normalizer=None, size=1150, add_prefix_space=False, digits=False, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.normalizer = normalizer
    if split is None:
        level = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level]) if digits else level
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(split), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(SEEN, trainer)
    return add_tokens(tokenizer)


def train_pieces(kind, size):
    """Pieces and scores of a SentencePiece model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in SEEN for line in text.splitlines()),
        model_writer=model,
        model_type=kind,
        vocab_size=size,
        byte_fallback=kind == "bpe",
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [(processor.id_to_piece(i), processor.get_score(i)) for i in range(processor.get_piece_size())]


def sentencepiece_bpe(style):
    pieces = train_pieces("bpe", 560)
    vocab = {piece: i for i, (piece, _) in enumerate(pieces)}
    scores = {piece: score for piece, score in pieces}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=generate_merges(vocab, scores), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if style == "legacy":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence([*replace, decoders.Strip(" ", 1, 0)])
    elif style == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
        tokenizer.decoder = decoders.Sequence([*replace, decoders.Strip(" ", 1, 0)])
    else:
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
        tokenizer.decoder = decoders.Sequence(replace)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return add_tokens(tokenizer)


def unigram():
    pieces = train_pieces("unigram", 360)
    tokenizer = Tokenizer(models.Unigram([(piece, score) for piece, score in pieces], unk_id=0, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return add_tokens(tokenizer)


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(SEEN, trainers.WordPieceTrainer(vocab_size=700, special_tokens=specials, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return add_tokens(tokenizer)


TOKENIZERS = {
    "gpt2": lambda: byte_level(None),
    "gpt2Prefix": lambda: byte_level(None, add_prefix_space=True),
    "smollm": lambda: byte_level(None, digits=True),
    "llama3": lambda: byte_level(LLAMA3, ignore_merges=True),
    "qwen2": lambda: byte_level(QWEN2, normalizers.NFC()),
    "llamaLegacy": lambda: sentencepiece_bpe("legacy"),
    "llamaMetaspace": lambda: sentencepiece_bpe("metaspace"),
    "gemma": lambda: sentencepiece_bpe("gemma"),
    "unigram": unigram,
    "wordPiece": word_piece,
}


def main():
    OUT.mkdir(exist_ok=True)
    expected = {"texts": TEXTS, "tokenizers": {}}
    for name, make in TOKENIZERS.items():
        tokenizer = make()
        (OUT / f"{name}.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
        draw = random.Random(name)
        size = tokenizer.get_vocab_size()
        drawn = [[draw.randrange(size) for _ in range(draw.randrange(1, 24))] for _ in range(24)]
        rows = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        expected["tokenizers"][name] = {
            "size": size,
            "ids": rows,
            "decoded": [tokenizer.decode(ids, skip_special_tokens=True) for ids in rows],
            "drawn": drawn,
            "drawnDecoded": [tokenizer.decode(ids, skip_special_tokens=True) for ids in drawn],
        }
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
