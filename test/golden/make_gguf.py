"""Writes tiny GGUF files of every supported architecture as llama.cpp's converter lays them out, and what transformers' weights are.

    python test/golden/make_gguf.py    (gguf 0.19, transformers 5.18, torch)

Writes test/golden/gguf/*.gguf and expected.json: per file the settings of its model and, per tensor under transformers' name, shape and SHA-256 of
its F32 values (dequantised by the package gguf); for Gemma's norms, which lose their last bit by having 1 added, the values. blocks.json holds
blocks of every quantised type, drawn at random, and their values by the package gguf. Where transformers reads the architecture from GGUF itself,
its weights are compared too.
"""

import base64
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from make_tokenizers import QWEN2, byte_level
from tokenizers import normalizers
from transformers import AutoModelForCausalLM
from transformers.models import gemma3, gpt2, gpt_neox, llama, qwen2, qwen3, smollm3

OUT = Path(__file__).parent / "gguf"
VOCAB = 96
COMMON = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=VOCAB, max_position_embeddings=64)
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
DECODER = {"embed": "model.embed_tokens", "norm": "model.norm", "head": "lm_head", "layers": "model.layers", "layer": LAYER}
GEMMA_LAYER = LAYER | {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
GPT2_LAYER = {
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
NEOX_LAYER = {
    "input_layernorm": "attn_norm",
    "attention.query_key_value": "attn_qkv",
    "attention.dense": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.dense_h_to_4h": "ffn_up",
    "mlp.dense_4h_to_h": "ffn_down",
}


def permuted(rows, heads):
    """llama.cpp's order of q and k: within a head, a row of the first half, then its partner of the second."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def restored(rows, heads):
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def part_major(rows, heads):
    """llama.cpp's order of GPT-NeoX's qkv: all heads of q, then of k, then of v."""
    width = rows.shape[0] // heads // 3
    return np.ascontiguousarray(rows.reshape(heads, 3, width, *rows.shape[1:]).swapaxes(0, 1)).reshape(rows.shape)


def head_major(rows, heads):
    width = rows.shape[0] // heads // 3
    return np.ascontiguousarray(rows.reshape(3, heads, width, *rows.shape[1:]).swapaxes(0, 1)).reshape(rows.shape)


def forward_and_back(arch, name, config):
    """How a tensor goes into the file and comes out again, by its name in the file."""
    if arch in ("llama", "smollm3") and (".attn_q." in name or ".attn_k." in name):
        heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
        return (lambda w: permuted(w, heads)), (lambda w: restored(w, heads))
    if arch == "gptneox" and ".attn_qkv." in name:
        return (lambda w: part_major(w, config.num_attention_heads)), (lambda w: head_major(w, config.num_attention_heads))
    if arch == "gpt2" and name.endswith(("attn_qkv.weight", "attn_output.weight", "ffn_up.weight", "ffn_down.weight")):
        return (lambda w: np.ascontiguousarray(w.T)), (lambda w: np.ascontiguousarray(w.T))
    if arch == "gemma3" and name.endswith("norm.weight"):
        return (lambda w: w + np.float32(1)), (lambda w: w - np.float32(1))
    return (lambda w: w), (lambda w: w)


def stored_name(name, names):
    base, _, suffix = name.rpartition(".")
    outer = {names["embed"]: "token_embd", names["norm"]: "output_norm", names["head"]: "output", names.get("positions"): "position_embd"}
    if base in outer:
        return f"{outer[base]}.{suffix}"
    layer, _, part = base[len(names["layers"]) + 1 :].partition(".")
    return f"blk.{layer}.{names['layer'][part]}.{suffix}"


def dequantised(data, kind):
    return gguf.quants.dequantize(data, kind)


def random_blocks(kind, rows, columns, draw):
    """Rows of blocks whose scales are small numbers and whose other bytes are random."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = draw.integers(0, 256, (rows, columns // elements, size), dtype=np.uint8)
    places = {Type.Q4_K: (0, 2), Type.Q6_K: (208,)}.get(kind, (0,))
    for place in places:
        data[:, :, place : place + 2] = (draw.standard_normal((rows, columns // elements, 1)) * 0.01).astype(np.float16).view(np.uint8)
    return data.reshape(rows, -1)


def encoded(values, kind, draw):
    if kind in (Type.Q4_K, Type.Q6_K):
        return random_blocks(kind, *values.shape, draw)
    return gguf.quants.quantize(values, kind)


def write(file, arch, model, names, kinds, settings, extra=None, tokenizer=None):
    draw = np.random.default_rng(7)
    config = model.config
    writer = gguf.GGUFWriter(OUT / f"{file}.gguf", arch)
    writer.add_name(file)
    for key, value in settings.items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}[type(value)]
        add(key if key.startswith("tokenizer.") else f"{arch}.{key}", value)
    if tokenizer is not None:
        add_tokenizer(writer, tokenizer)
    expected = {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        stored = stored_name(name, names)
        forward, back = forward_and_back(arch, stored, config)
        values = forward(weight.float().numpy())
        kind = Type.F32 if values.ndim == 1 else next((kind for ending, kind in kinds.items() if stored.endswith(ending)), Type.F32)
        data = encoded(values, kind, draw)
        writer.add_tensor(stored, data, raw_dtype=kind)
        result = np.ascontiguousarray(back(dequantised(data, kind)), dtype=np.float32)
        expected[name] = {"shape": list(result.shape), "dtype": kind.name}
        if arch == "gemma3" and stored.endswith("norm.weight"):
            expected[name]["values"] = weight.float().tolist()
        else:
            expected[name]["sha256"] = hashlib.sha256(result.tobytes()).hexdigest()
            expected[name]["array"] = result
    for name, values in (extra or {}).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if arch in ("llama", "qwen2", "qwen3", "gpt2") and "rope_freqs.weight" not in (extra or {}):
        read = AutoModelForCausalLM.from_pretrained(OUT, gguf_file=f"{file}.gguf").state_dict()
        for name, each in expected.items():
            assert torch.equal(read[name].float(), torch.from_numpy(each["array"])), f"{file}: transformers reads {name} otherwise"
    for each in expected.values():
        each.pop("array", None)
    return expected


def add_tokenizer(writer, tokenizer):
    definition = json.loads(tokenizer.to_str())
    specials = {each["id"]: each["special"] for each in definition["added_tokens"]}
    vocab = sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([token for token, _ in vocab])
    writer.add_token_types([3 if specials.get(i) else 4 if i in specials else 1 for _, i in vocab])
    writer.add_token_merges([" ".join(pair) for pair in definition["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.token_to_id("<|end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '<|end|>\\n' }}{% endfor %}")


def decoder_settings(config, head_dim=8, intermediate=64):
    return {
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": intermediate,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "rope.dimension_count": head_dim,
        "vocab_size": config.vocab_size,
    }


def shaken(model):
    """Norms are ones and biases zeros in a new model: nothing of them would show."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def make_models():
    torch.manual_seed(1)
    files = {}
    mixed = {"attn_v.weight": Type.F32, "attn_k.weight": Type.BF16, "ffn_up.weight": Type.BF16, "weight": Type.F16}

    config = llama.LlamaConfig(**(COMMON | {"num_hidden_layers": 1}), intermediate_size=64, rope_parameters=LLAMA3, tie_word_embeddings=False)
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    inverse, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    freqs = (500000.0 ** -(torch.arange(0, 8, 2).double() / 8) / inverse.double()).float().numpy()
    files["llama"] = write("llama", "llama", shaken(llama.LlamaForCausalLM(config)), DECODER, mixed,
                           decoder_settings(config) | {"rope.freq_base": 500000.0}, {"rope_freqs.weight": freqs})

    config = llama.LlamaConfig(**COMMON, intermediate_size=256, tie_word_embeddings=True)
    kinds = {"0.ffn_down.weight": Type.Q4_K, "1.ffn_down.weight": Type.Q6_K, "attn_q.weight": Type.Q8_0, "attn_k.weight": Type.Q4_0,
             "token_embd.weight": Type.Q8_0, "attn_v.weight": Type.Q5_0, "ffn_up.weight": Type.Q4_0, "ffn_gate.weight": Type.Q4_0, "attn_output.weight": Type.F16}
    files["llamaQuantised"] = write("llamaQuantised", "llama", shaken(llama.LlamaForCausalLM(config)), DECODER, kinds,
                                    decoder_settings(config, intermediate=256) | {"rope.scaling.type": "linear", "rope.scaling.factor": 2.0})

    tokenizer = byte_level(QWEN2, normalizers.NFC(), size=340)
    size = tokenizer.get_vocab_size()
    config = qwen2.Qwen2Config(**(COMMON | {"vocab_size": size}), intermediate_size=64, tie_word_embeddings=True)
    files["qwen2"] = write("qwen2", "qwen2", shaken(qwen2.Qwen2ForCausalLM(config)), DECODER, {"weight": Type.Q8_0},
                           decoder_settings(config) | {"rope.freq_base": 1000000.0}, tokenizer=tokenizer)
    files["qwen2"]["texts"] = {text: tokenizer.encode(text).ids for text in ["Hello world<|end|>", "it's 123", "e\u0301 été", "今天\n\n  x"]}

    config = qwen3.Qwen3Config(**(COMMON | {"num_hidden_layers": 1}), head_dim=16, intermediate_size=64, tie_word_embeddings=True)
    files["qwen3"] = write("qwen3", "qwen3", shaken(qwen3.Qwen3ForCausalLM(config)), DECODER, {"weight": Type.F16},
                           decoder_settings(config, 16) | {"rope.freq_base": 1000000.0})

    config = smollm3.SmolLM3Config(**(COMMON | {"num_hidden_layers": 4}), intermediate_size=32, tie_word_embeddings=True, pad_token_id=0)
    files["smollm3"] = write("smollm3", "smollm3", shaken(smollm3.SmolLM3ForCausalLM(config)), DECODER, {"weight": Type.Q8_0},
                             decoder_settings(config, intermediate=32) | {"rope.freq_base": 2000000.0})

    config = gemma3.Gemma3TextConfig(**(COMMON | {"num_hidden_layers": 1}), head_dim=16, intermediate_size=64, sliding_window=16)
    names = DECODER | {"layer": GEMMA_LAYER}
    files["gemma3"] = write("gemma3", "gemma3", shaken(gemma3.Gemma3ForCausalLM(config)), names, {"weight": Type.F16},
                            decoder_settings(config, 16) | {"rope.freq_base": 1000000.0, "attention.sliding_window": 16})

    config = gpt2.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_inner=64, n_positions=64, vocab_size=VOCAB)
    names = {"embed": "transformer.wte", "positions": "transformer.wpe", "norm": "transformer.ln_f", "head": "lm_head",
             "layers": "transformer.h", "layer": GPT2_LAYER}
    kinds = {"0.attn_qkv.weight": Type.F16, "1.attn_qkv.weight": Type.Q8_0, "position_embd.weight": Type.F16, "attn_output.weight": Type.Q8_0, "ffn_up.weight": Type.Q4_0, "ffn_down.weight": Type.F16,
             "token_embd.weight": Type.F16}
    files["gpt2"] = write("gpt2", "gpt2", shaken(gpt2.GPT2LMHeadModel(config)), names, kinds, {
        "context_length": 64, "embedding_length": 32, "block_count": 2, "feed_forward_length": 64, "attention.head_count": 4,
        "attention.layer_norm_epsilon": 1e-5})

    config = gpt_neox.GPTNeoXConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, vocab_size=VOCAB,
                                    max_position_embeddings=64, rotary_pct=0.25)
    names = {"embed": "gpt_neox.embed_in", "norm": "gpt_neox.final_layer_norm", "head": "embed_out", "layers": "gpt_neox.layers",
             "layer": NEOX_LAYER}
    model = shaken(gpt_neox.GPTNeoXForCausalLM(config))
    names["head"] = "embed_out" if "embed_out.weight" in model.state_dict() else "lm_head"
    files["gptneox"] = write("gptneox", "gptneox", model, names, {"attn_qkv.weight": Type.F16, "weight": Type.Q8_0}, {
        "context_length": 64, "embedding_length": 32, "block_count": 2, "feed_forward_length": 64, "attention.head_count": 4,
        "attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": 2, "use_parallel_residual": True})
    return files


def make_blocks():
    draw = np.random.default_rng(11)
    text = lambda data: base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()
    blocks = {}
    for kind in (Type.Q8_0, Type.Q4_0, Type.Q5_0, Type.Q4_K, Type.Q6_K):
        elements, _ = gguf.GGML_QUANT_SIZES[kind]
        data = random_blocks(kind, 6, elements, draw)
        blocks[kind.name] = {"bytes": text(data), "values": text(dequantised(data, kind))}
    return blocks


def main():
    OUT.mkdir(exist_ok=True)
    (OUT / "expected.json").write_text(json.dumps(make_models(), ensure_ascii=False, indent=1) + "\n")
    (OUT / "blocks.json").write_text(json.dumps(make_blocks()) + "\n")


if __name__ == "__main__":
    main()
