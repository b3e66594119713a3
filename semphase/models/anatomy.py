"""Where the parts of a model are, by name or by what they do, and a test that they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.factories.architecture_adapter_factory import (
    SUPPORTED_ARCHITECTURES,
    ArchitectureAdapterFactory,
)
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_config_from_hf
from transformers import PreTrainedModel

from semphase.errors import SemphaseError
from semphase.models.finding import found, require_readout
from semphase.models.model import Anatomy, Unwritten
from semphase.models.probing import Passed, Unfit, is_stream, is_write, passed_alone, unfit, write_of

Names = Mapping[str, str]
LLAMA: Names = {
    "embed": "model.embed_tokens",
    "blocks": "model.layers",
    "attention": "self_attn",
    "mlp": "mlp",
    "neurons": "mlp.down_proj",
    "final_norm": "model.norm",
    "unembed": "lm_head",
}
FAMILIES: dict[str, Names] = {}
"""Names of the parts by architecture, where TransformerLens has no adapter and they are not those of Llama.

`attention`, `mlp` and `neurons` are names inside a block: the modules whose outputs are added to the stream, and the
MLP's output projection. `final_norm` is the norm beside the blocks unless it is named.
"""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Numbers of blocks, of heads and key heads per block, of components of stream and head, and of positions."""

    layers: int
    heads: int
    key_heads: int
    d_model: int
    d_head: int
    context: int


def dimensions(module: PreTrainedModel, layers: int) -> Dimensions:
    """The sizes of a model of so many blocks, whatever its family calls them; Unfit where it calls them by no known name."""
    try:
        config = _bridge_config(module)
    except (AttributeError, TypeError, ValueError):
        raise unfit(module, "its configuration does not name its numbers of layers, heads and components") from None
    heads, d_head = config.n_heads, config.d_head
    if config.n_layers != layers:  # those of an encoder
        heads = getattr(module.config, "decoder_attention_heads", heads)
        d_head = config.d_model // heads
    return Dimensions(layers, heads, config.n_key_value_heads or heads, config.d_model, d_head, config.n_ctx)


def parts_of(module: PreTrainedModel) -> Anatomy:
    """The parts of a model, by their names where these fit, else by what they do; Unfit where there are none.

    The module changes where its blocks multiply what they add (`semphase.models.finding`).
    """
    try:
        parts = anatomy(module)
        check_anatomy(module, parts)
    except Unfit:
        parts = found(module)
        if not isinstance(parts.attention, Unwritten):
            check_anatomy(module, parts)
    return parts


def anatomy(module: PreTrainedModel) -> Anatomy:
    """The parts of a model; Unfit unless it is a plain decoder of attention and MLP blocks."""
    names = _component_names(module)
    blocks = _find(module, names["blocks"], module)
    if not isinstance(blocks, nn.ModuleList):
        raise unfit(module, f"{names['blocks']} is no list of blocks")
    return Anatomy(
        embed=_find(module, names["embed"], module),
        blocks=tuple(blocks),
        attention=tuple(_find(block, names["attention"], module) for block in blocks),
        mlp=tuple(_find(block, names["mlp"], module) for block in blocks),
        final_norm=_find(module, names.get("final_norm") or _norm_beside(module, names["blocks"]), module),
        unembed=_find(module, names["unembed"], module),
        neurons=_output_projections(blocks, names.get("neurons")),
    )


def _output_projections(blocks: nn.ModuleList, path: str | None) -> tuple[nn.Module, ...]:
    """Of each block's MLP; none where one lacks it, as mixtures of experts do."""
    found = [] if path is None else [dict(block.named_modules()).get(path) for block in blocks]
    return () if None in found else tuple(part for part in found if part is not None)


def check_anatomy(module: PreTrainedModel, parts: Anatomy) -> None:
    """Run a few tokens and check that each block adds its attention and MLP writes to the stream only.

    The tolerance covers the few roundings of a sum as large as the stream. SemphaseError names the family
    that does not fit, because an intervention there would silently miss, and a dtype that overflows.
    """
    seen, logits = _record(module, parts)
    for k, block in enumerate(parts.blocks):
        if not is_stream(seen[block].given):
            raise unfit(module, f"block {k} is given something else than one stream")
        before, after = seen[block].given, write_of(seen[block].gave, seen[block].given)
        writing = [seen[part[k]].gave for part in (parts.attention, parts.mlp)]
        if not all(is_write(own, before) for own in writing):
            raise unfit(module, f"block {k} does not add exactly its attention and MLP outputs to the stream")
        total = before + sum(write_of(own, before) for own in writing)
        if not bool(after.isfinite().all()):
            if after.dtype != torch.float16:
                return  # broken weights: the measurement names the layer and the prompt
            raise SemphaseError(f"block {k} overflows in {after.dtype}; use --dtype float32 or bfloat16")
        slack = 4 * torch.finfo(after.dtype).eps * float(after.abs().max() + before.abs().max())
        if float((total - after).abs().max()) > slack:
            raise unfit(module, f"block {k} does not add exactly its attention and MLP outputs to the stream")
    last, norm, unembedded = seen[parts.blocks[-1]], seen[parts.final_norm], seen[parts.unembed].given
    if not torch.equal(norm.given, write_of(last.gave, last.given)) or not torch.equal(norm.gave, unembedded):
        raise unfit(module, "the final norm does not stand between the last block and the unembedding")
    require_readout(module, seen[parts.unembed].gave, logits)


def _record(module: PreTrainedModel, parts: Anatomy) -> tuple[dict[nn.Module, Passed], Tensor]:
    """Input and output of every part for one short text, and its logits."""
    watched = {*parts.blocks, *parts.attention, *parts.mlp, parts.final_norm, parts.unembed}
    seen, logits = passed_alone(module, watched)
    if missing := watched - seen.keys():
        raise unfit(module, f"{len(missing)} of its parts did not run")
    return seen, logits


def _bridge_config(module: PreTrainedModel) -> TransformerBridgeConfig:
    architecture = type(module).__name__
    return build_bridge_config_from_hf(module.config, architecture, architecture, module.dtype)


def _component_names(module: PreTrainedModel) -> Names:
    architecture = type(module).__name__
    if architecture in FAMILIES:
        return FAMILIES[architecture]
    if architecture in SUPPORTED_ARCHITECTURES:
        return _adapted_names(module)
    inside = dict(module.named_modules())
    if all(LLAMA[part] in inside for part in ("embed", "blocks", "unembed")):
        return LLAMA
    raise unfit(module, "TransformerLens has no adapter for it")


def _adapted_names(module: PreTrainedModel) -> Names:
    """By TransformerLens' adapter."""
    try:
        adapter = ArchitectureAdapterFactory.select_architecture_adapter(_bridge_config(module))
    except (ImportError, ValueError) as error:
        raise unfit(module, f"TransformerLens' adapter fails: {error}") from None
    parts = adapter.component_mapping or {}
    inside = parts["blocks"].submodules if "blocks" in parts else {}
    if not {"embed", "unembed"} <= parts.keys() or not {"attn", "mlp"} <= inside.keys():
        raise unfit(module, "it is no decoder of attention and MLP blocks")
    names = {"embed": parts["embed"].name, "blocks": parts["blocks"].name, "unembed": parts["unembed"].name}
    names["attention"] = inside.get("ln1_post", inside["attn"]).name
    # Where fc1 and fc2 stand bare in the block, the second one writes.
    names["mlp"] = inside.get("ln2_post", inside["mlp"]).name or inside["mlp"].submodules["out"].name
    if "out" in inside["mlp"].submodules:
        names["neurons"] = ".".join(filter(None, (inside["mlp"].name, inside["mlp"].submodules["out"].name)))
    if "ln_final" in parts:
        names["final_norm"] = parts["ln_final"].name
    return {part: str(name) for part, name in names.items()}


def _norm_beside(module: PreTrainedModel, blocks: str) -> str:
    """The last norm among the neighbours of the list of blocks."""
    home = blocks.rpartition(".")[0]
    norms = [name for name, child in module.get_submodule(home).named_children() if "Norm" in type(child).__name__]
    if not norms:
        raise unfit(module, "it has no final norm")
    return f"{home}.{norms[-1]}" if home else norms[-1]


def _find(start: nn.Module, path: str, module: PreTrainedModel) -> nn.Module:
    try:
        return start.get_submodule(path)
    except AttributeError:
        raise unfit(module, f"it lacks {path}") from None
