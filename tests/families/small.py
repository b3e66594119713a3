"""A small random model of any family that transformers registers: the sizes in its configuration, shrunk by their names."""

from __future__ import annotations

import re
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from semphase.models.quiet import quiet

WIDTH, LAYERS, HEADS, D_HEAD, VOCABULARY, POSITIONS = 32, 4, 4, 8, 96, 64
MOST = 3_000_000
"""Parameters of a small model."""
FAMILIES = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
SIZES: tuple[tuple[str, float], ...] = (
    (r"token_(id|index)$", 3),
    (r"vocab|codebook_size|num_centroids", VOCABULARY),
    (r"max_(target_|source_)?position|n_positions|max_seq_len|n_ctx|model_max_length|context_length", POSITIONS),
    (r"window|local_attention|attention_chunk_size|sliding_window", 8),
    (r"(num|n)_(\w+_)?(kv|key_value)_heads$|swa_num_key_value_heads|num_query_groups", 2),
    (r"(^|_)heads$|n_head$", HEADS),
    (r"(num|n)_(hidden_|decoder_|encoder_)?(layers?|blocks)$|^(de|en)coder_layers$|^depth$|layers_per_stack", LAYERS),
    (r"expert.*per_tok|moe_topk|moe_k|topk", 2),
    (r"num.*experts|n_routed_experts|expert_num", 4),
    (r"group", 1),
    (r"head_dim|d_head|dim_head|kv_channels|d_kv|head_size|headdim|rotary_dim|d_state|state_size|rank$", D_HEAD),
    (r"hidden_size|n_embd|d_model|^emb_dim|embed\w*_(dim|size)|embedding_dim|lru_width|^dim$|_width$", WIDTH),
    (r"intermediate|ffn|d_ff|dff|dim_ff|feed_forward|d_inner|mlp_dim", 48),
)


def small(family: str, seed: int = 0, **given: Any) -> PreTrainedModel:
    """A random model of a family in evaluation mode; ValueError, in one sentence, where none can be made small."""
    config = shrunk(family, **given)
    with quiet(), torch.device("meta"):
        size = sum(weight.numel() for weight in AutoModelForCausalLM.from_config(config).parameters())
    if size > MOST:
        raise ValueError(f"still {size:,} parameters")
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        module = AutoModelForCausalLM.from_config(config)
        for weight in module.parameters():
            if weight.ndim == 1:
                torch.nn.init.normal_(weight, weight.detach().mean().item(), 0.2)
    return module.eval()


def shrunk(family: str, **given: Any) -> PreTrainedConfig:
    """The configuration of a family with small sizes."""
    kind = CONFIG_MAPPING[family]
    return kind(**{**_smaller(kind()), **given})


def _smaller(config: PreTrainedConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(config).items():
        if isinstance(value, PreTrainedConfig):
            found[name] = _smaller(value) | {"model_type": value.model_type}
        elif isinstance(value, int) and not isinstance(value, bool):
            size = _size(name)
            if size is not None and value > size:
                found[name] = size
        elif name == "initializer_range":
            found[name] = 0.2
    return found


def _size(name: str) -> float | None:
    return next((size for pattern, size in SIZES if re.search(pattern, name)), None)
