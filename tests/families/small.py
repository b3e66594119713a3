"""A small random model of any family that transformers registers: its configuration, shrunk by the names of its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import CONFIG_MAPPING, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)

from semphase.models.probing import REFUSALS
from semphase.models.quiet import quiet

WIDTH, LAYERS, HEADS, KEY_HEADS, D_HEAD, VOCABULARY, POSITIONS = 32, 4, 4, 2, 8, 512, 64
MOST = 4_000_000
"""Parameters of a small model."""
FAMILIES: dict[str, str] = {family: str(name) for family, name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items()}
"""The class of each family of causal language models."""
SENSES = {
    family: str(name)
    for family, name in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.items()
    if family not in FAMILIES and family in CONFIG_MAPPING
}
"""The same of those that take images and text."""
KEYS = re.compile(r"(num|n)_(\w+_)?(kv|key_value)_heads$|num_query_groups")
SIZES: tuple[tuple[str, int], ...] = (
    (r"token_(id|index)$", 3),
    (r"vocab|codebook_size|num_centroids", VOCABULARY),
    (r"max_(target_|source_)?position|n_positions|max_seq_len|n_ctx|model_max_length|context_length", POSITIONS),
    (r"window|local_attention|attention_chunk_size|budget", 8),
    (r"^indexer_kv_heads", 1),
    (KEYS.pattern, KEY_HEADS),
    (r"(^|_)heads$|n_head$", HEADS),
    (
        r"(^|_)(num|n)_(hidden_|decoder_|encoder_)?(layers?|blocks)$|^(de|en)coder_layers$|^depth$|layers_per_stack",
        LAYERS,
    ),
    (r"kv_shared_layers|compress_ratio", 2),
    (r"group|expand$", 1),
    (r"shared_experts", 1),
    (r"expert.*per_tok|moe_topk|moe_k|topk", 2),
    (r"num.*experts|n_routed_experts|expert_num", 4),
    (r"^qk_head_dim|^attention_head_dim", 2 * D_HEAD),
    (r"^attention_hidden_size", 2 * WIDTH),
    (r"head_dim|d_head|dim_head|kv_channels|d_kv|head_size|headdim|rotary_dim|d_state|state_size|rank$", D_HEAD),
    (r"hidden_size|n_embd|d_model|^emb_dim|embed\w*_(dim|size)|embedding_dim|lru_width|^dim$|_width$", WIDTH),
    (r"intermediate|ffn|d_ff|dff|dim_ff|feed_forward|d_inner|mlp_dim", 48),
)
SECTIONS = {"mrope_section": [2, 1, 1]}
"""Half of a head's components."""
Fields = dict[str, Any]


def small(family: str, seed: int = 0) -> PreTrainedModel:
    """A random model of a family in evaluation mode; ValueError, in one sentence, where none can be made small."""
    reason = ""
    for fill in (_as_they_are, _filled, _as_decoder, _in_sections):
        try:
            return _made(family, fill, seed)
        except (*REFUSALS, StrictDataclassError) as error:
            reason = reason or " ".join(str(error).split())
    raise ValueError(reason)


def _made(family: str, fill: Callable[[PreTrainedConfig, Fields], Fields], seed: int) -> PreTrainedModel:
    mapping = MODEL_FOR_CAUSAL_LM_MAPPING if family in FAMILIES else MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    kind = mapping[CONFIG_MAPPING[family]]
    known = kind.config_class()
    config = kind.config_class(**fill(known, _smaller(known)))
    with quiet(), torch.device("meta"):
        size = sum(weight.numel() for weight in kind._from_config(config).parameters())
    if size > MOST:
        raise ValueError(f"its smallest has {size:,} parameters")
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        module: PreTrainedModel = kind._from_config(config).eval()
        for weight in module.parameters():
            if weight.ndim == 1:
                torch.nn.init.normal_(weight, weight.detach().mean().item(), 0.2)
        with torch.no_grad():
            module(torch.arange(3, 17)[None], use_cache=False)
    return module


def _as_they_are(_config: PreTrainedConfig, fields: Fields) -> Fields:
    return fields


def _filled(config: PreTrainedConfig, fields: Fields) -> Fields:
    """Sizes that have no default are given one."""
    empty = {name: size for name, value in vars(config).items() if value is None and (size := _size(name)) is not None}
    types = {"layer_types": ["full_attention"] * LAYERS} if "layer_types" in vars(config) else {}
    return types | empty | fields


def _as_decoder(config: PreTrainedConfig, fields: Fields) -> Fields:
    return _filled(config, fields) | {"is_decoder": True}


def _in_sections(config: PreTrainedConfig, fields: Fields) -> Fields:
    """Positions of text, height and width share the components of a head."""
    rope = {"rope_parameters": {**(getattr(config.get_text_config(), "rope_parameters", None) or {}), **SECTIONS}}
    return fields | {"text_config": fields["text_config"] | rope} if "text_config" in fields else fields | rope


def _smaller(config: PreTrainedConfig) -> Fields:
    found: Fields = {}
    layers = getattr(config, "num_hidden_layers", None)
    for name, value in vars(config).items():
        if isinstance(value, PreTrainedConfig):
            found[name] = _smaller(value) | {"model_type": value.model_type}
        elif isinstance(value, list) and value and len(value) == layers:
            found[name] = _fewer(value, name)
        elif name == "attention_types":
            found[name] = [[kinds, LAYERS // len(kinds)] for kinds, _ in value]
        elif isinstance(value, int) and not isinstance(value, bool):
            size = _size(name)
            # Where each head has keys of its own, it shall stay so.
            if KEYS.search(name) and value == vars(config).get("num_attention_heads"):
                size = HEADS
            if size is not None and value > size:
                found[name] = size
        elif isinstance(value, dict) and "mrope_section" in value:
            found[name] = value | SECTIONS
        elif name == "initializer_range":
            found[name] = 0.2
    return found


def _fewer(values: Sequence[Any], name: str) -> list[Any]:
    """One for each of the fewer layers, of all kinds."""
    kinds = list(dict.fromkeys(values))[:LAYERS]
    size = _size(name)
    return [kinds[k % len(kinds)] if size is None else min(kinds[k % len(kinds)], size) for k in range(LAYERS)]


def _size(name: str) -> int | None:
    return next((size for pattern, size in SIZES if re.search(pattern, name)), None)
