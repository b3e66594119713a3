"""Where the parts of a model are, by the names in TransformerLens' adapters, and a test that they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.factories.architecture_adapter_factory import (
    SUPPORTED_ARCHITECTURES,
    ArchitectureAdapterFactory,
)
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_config_from_hf
from transformers import PreTrainedModel

from semphase.errors import SemphaseError
from semphase.models.model import Anatomy

_PROBE_TOKENS = 8
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


def dimensions(module: PreTrainedModel) -> Dimensions:
    """The sizes of a model, whatever its family calls them."""
    config = _bridge_config(module)
    key_heads = config.n_key_value_heads or config.n_heads
    return Dimensions(config.n_layers, config.n_heads, key_heads, config.d_model, config.d_head, config.n_ctx)


def anatomy(module: PreTrainedModel) -> Anatomy:
    """The parts of a model; SemphaseError unless it is a plain decoder of attention and MLP blocks."""
    names = _component_names(module)
    blocks = _find(module, names["blocks"], module)
    if not isinstance(blocks, nn.ModuleList):
        raise _unfit(module, f"{names['blocks']} is no list of blocks")
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


def write_of(output: Any, stream: Float[Tensor, "prompt position d_model"]) -> Float[Tensor, "prompt position d_model"]:
    """What a module's output adds to the stream: the first part of a tuple, in the stream's shape."""
    write: Tensor = output[0] if isinstance(output, tuple) else output
    return write.reshape(stream.shape)


def check_anatomy(module: PreTrainedModel, parts: Anatomy) -> None:
    """Run a few tokens and check that each block adds its attention and MLP writes to the stream only.

    The tolerance covers the few roundings of a sum as large as the stream. SemphaseError names the family
    that does not fit, because an intervention there would silently miss, and a dtype that overflows.
    """
    seen = _record(module, parts)
    for k, block in enumerate(parts.blocks):
        before, after = seen[block]
        total = before + sum(write_of(seen[part[k]][1], before) for part in (parts.attention, parts.mlp))
        if not bool(after.isfinite().all()):
            if after.dtype != torch.float16:
                return  # broken weights: the measurement names the layer and the prompt
            raise SemphaseError(f"block {k} overflows in {after.dtype}; use --dtype float32 or bfloat16")
        slack = 4 * torch.finfo(after.dtype).eps * float(after.abs().max() + before.abs().max())
        if float((total - after).abs().max()) > slack:
            raise _unfit(module, f"block {k} does not add exactly its attention and MLP outputs to the stream")
    last, unembedded = seen[parts.blocks[-1]][1], seen[parts.unembed][0]
    if not torch.equal(seen[parts.final_norm][0], last) or not torch.equal(seen[parts.final_norm][1], unembedded):
        raise _unfit(module, "the final norm does not stand between the last block and the unembedding")


def _record(module: PreTrainedModel, parts: Anatomy) -> dict[nn.Module, tuple[Tensor, Any]]:
    """Input and output of every part for one short random text."""
    seen: dict[nn.Module, tuple[Tensor, Any]] = {}

    def keep(part: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        given: Tensor = args[0] if args else named["hidden_states"]
        seen[part] = (given, write_of(output, given) if part in parts.blocks else output)

    watched = {*parts.blocks, *parts.attention, *parts.mlp, parts.final_norm, parts.unembed}
    handles = [part.register_forward_hook(keep, with_kwargs=True) for part in watched]
    vocabulary = module.config.get_text_config().vocab_size
    tokens = torch.arange(1, 1 + _PROBE_TOKENS).mul(7919).remainder(vocabulary)
    try:
        with torch.no_grad():
            module(tokens[None].to(module.device), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    if missing := watched - seen.keys():
        raise _unfit(module, f"{len(missing)} of its parts did not run")
    return seen


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
    raise _unfit(module, "TransformerLens has no adapter for it")


def _adapted_names(module: PreTrainedModel) -> Names:
    """By TransformerLens' adapter."""
    try:
        adapter = ArchitectureAdapterFactory.select_architecture_adapter(_bridge_config(module))
    except (ImportError, ValueError) as error:
        raise _unfit(module, f"TransformerLens' adapter fails: {error}") from None
    parts = adapter.component_mapping or {}
    inside = parts["blocks"].submodules if "blocks" in parts else {}
    if not {"embed", "unembed"} <= parts.keys() or not {"attn", "mlp"} <= inside.keys():
        raise _unfit(module, "it is no decoder of attention and MLP blocks")
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
        raise _unfit(module, "it has no final norm")
    return f"{home}.{norms[-1]}" if home else norms[-1]


def _find(start: nn.Module, path: str, module: PreTrainedModel) -> nn.Module:
    try:
        return start.get_submodule(path)
    except AttributeError:
        raise _unfit(module, f"it lacks {path}") from None


def _unfit(module: PreTrainedModel, why: str) -> SemphaseError:
    return SemphaseError(
        f"the family {module.config.model_type!r} cannot be measured ({why}); "
        "families such as gpt2, llama, qwen2, gemma3_text, gpt_neox, opt, mistral and phi can"
    )
