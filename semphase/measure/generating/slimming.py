"""Projections without the rows and columns of removed heads, in the model for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from semphase.measure.generating.light import kept_heads
from semphase.models import Model

Heads = tuple[int, ...]
SEPARATE = ("q_proj", "k_proj", "v_proj", "o_proj")
"""Projections whose modules take whatever number of heads comes out of them."""


@contextmanager
def slimmed(model: Model, removed: Mapping[int, frozenset[int]]) -> Iterator[dict[int, tuple[Heads, Heads]]]:
    """Inside the block, projections lack the removed heads; gives the heads and key heads of each layer that was slimmed.

    Key heads go where none of their heads stays. Layers whose projections are not known keep all their heads.
    """
    made: dict[int, tuple[Heads, Heads]] = {}
    with ExitStack() as stack:
        for layer, gone in removed.items():
            heads = kept_heads(gone, model.heads)
            key_heads = tuple(sorted({head // (model.heads // model.key_heads) for head in heads}))
            slim = _slim(model, layer, heads, key_heads) if gone else {}
            for (part, name), new in slim.items():
                stack.enter_context(_set(part, name, new))
            if slim:
                made[layer] = heads, key_heads
        yield made


def _slim(model: Model, layer: int, heads: Heads, key_heads: Heads) -> dict[tuple[nn.Module, str], Any]:
    for part in model.anatomy.blocks[layer].modules():
        named = dict(part.named_children())
        if set(SEPARATE) <= named.keys() and _takes_any_number(part, model):
            slim = _separate(part, named, model, heads, key_heads)
            return slim if slim is not None else {}
        if model.family == "gpt2" and {"c_attn", "c_proj"} <= named.keys() and hasattr(part, "split_size"):
            return _gpt2(part, model, heads)
    return {}


def _takes_any_number(part: nn.Module, model: Model) -> bool:
    """Does it shape heads by their size, as Llama's kin do, norm each by itself if at all, and keep no sink for each?"""
    norms = [child for name, child in part.named_children() if "norm" in name]
    sizes = [weight.numel() for norm in norms for weight in norm.parameters()]
    alike = getattr(part, "head_dim", None) == model.d_head and all(size == model.d_head for size in sizes)
    return alike and getattr(part, "sinks", None) is None


def _separate(
    part: nn.Module, named: Mapping[str, nn.Module], model: Model, heads: Heads, key_heads: Heads
) -> dict[tuple[nn.Module, str], Any] | None:
    d, parts = model.d_head, [named[name] for name in SEPARATE]
    linear = [own for own in parts if isinstance(own, nn.Linear)]
    outputs = [model.heads * d, model.key_heads * d, model.key_heads * d]
    if len(linear) < len(parts) or [own.out_features for own in linear[:3]] != outputs:
        return None
    if linear[3].in_features != model.heads * d:
        return None
    rows = [_places(heads, d), _places(key_heads, d), _places(key_heads, d)]
    made: list[nn.Linear] = [_rows(own, kept) for own, kept in zip(linear[:3], rows, strict=True)]
    made.append(_columns(linear[3], rows[0]))
    return {(part, name): own for name, own in zip(SEPARATE, made, strict=True)}


def _gpt2(part: nn.Module, model: Model, heads: Heads) -> dict[tuple[nn.Module, str], Any]:
    places, width = _places(heads, model.d_head), model.heads * model.d_head
    fused: Any = part.c_attn
    written: Any = part.c_proj
    columns = torch.cat([places + offset * width for offset in range(3)])
    columns, rows = columns.to(fused.weight.device), places.to(written.weight.device)
    into = _conv(fused.weight[:, columns], fused.bias[columns])
    out = _conv(written.weight[rows], written.bias)
    return {(part, "c_attn"): into, (part, "c_proj"): out, (part, "split_size"): len(places)}


def _places(heads: Heads, d: int) -> Tensor:
    return (torch.tensor(heads)[:, None] * d + torch.arange(d)).flatten()


def _rows(own: nn.Linear, places: Tensor) -> nn.Linear:
    places = places.to(own.weight.device)
    return _linear(own.weight[places], None if own.bias is None else own.bias[places])


def _columns(own: nn.Linear, places: Tensor) -> nn.Linear:
    return _linear(own.weight[:, places.to(own.weight.device)], own.bias)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    made.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias, requires_grad=False)
    return made


def _conv(weight: Tensor, bias: Tensor) -> Conv1D:
    made = Conv1D(weight.shape[1], weight.shape[0])
    made.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    made.bias = nn.Parameter(bias, requires_grad=False)
    return made


@contextmanager
def _set(part: nn.Module, name: str, value: Any) -> Iterator[None]:
    own = getattr(part, name)
    setattr(part, name, value)
    try:
        yield
    finally:
        setattr(part, name, own)
