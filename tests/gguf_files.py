"""Write a random model as a GGUF file, the way llama.cpp's converter does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gguf import MODEL_ARCH, GGUFWriter, TokenType, get_tensor_name_map

from semphase.models import Model

ARCHITECTURES = {"llama": MODEL_ARCH.LLAMA, "qwen2": MODEL_ARCH.QWEN2, "gemma3_text": MODEL_ARCH.GEMMA3}


def write_gguf(model: Model, path: Path) -> Path:
    """The weights in float32, with a byte-level vocabulary of letters in place of the model's words."""
    config = model.module.config
    architecture = ARCHITECTURES[model.family]
    writer = GGUFWriter(path, model.family.removesuffix("_text"))
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.hidden_size // config.num_attention_heads)
    writer.add_value_length(config.hidden_size // config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    if model.family == "gemma3_text":
        writer.add_sliding_window(config.sliding_window)
    add_letters(writer, config.vocab_size)
    names = get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, weight in model.module.state_dict().items():
        if name != "lm_head.weight" or not config.tie_word_embeddings:
            known = names.get_name(name, try_suffixes=(".weight", ".bias"))
            writer.add_tensor(known, stored(model.family, name, weight.numpy(), config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_letters(writer: GGUFWriter, size: int) -> None:
    tokens = ["<bos>", "<pad>", "<unk>", *(chr(code) for code in range(33, 127)), "Ġ", "th"]
    tokens += [f"<spare{k}>" for k in range(size - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] * 3 + [TokenType.NORMAL] * (size - 3))
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_unk_token_id(2)


def stored(family: str, name: str, weight: np.ndarray, config: Any) -> np.ndarray:
    """llama keeps the halves of rotated queries and keys interleaved; gemma's norms include their one."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    part = name.split(".")[-2]
    if family == "llama" and part in heads:
        halves = weight.reshape(heads[part], 2, weight.shape[0] // heads[part] // 2, weight.shape[1])
        return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))
    return weight + 1 if family == "gemma3_text" and "norm" in name else weight
