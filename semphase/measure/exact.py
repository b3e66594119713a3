"""Replays with the accuracy of float32, in the fastest way that the device has.

Tensor cores multiply in TF32 several times as fast as a GPU does in float32. Where that pays, a replay keeps the products of
the unchanged text and makes those of what a change alters in three TF32 products (`split_products`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from semphase.measure.around import Around, ModelAround, kept_bytes, multiplied_bytes
from semphase.measure.replay import MEMORY, Replay, stream_bytes
from semphase.measure.split_products import split_weight
from semphase.measure.tf32 import has_tf32
from semphase.measure.timing import least_seconds
from semphase.models import Model
from semphase.models.device import device_memory
from semphase.models.remembered import remembered

PAYS = 1.2
"""Split products are taken where they are this many times as fast; the rest of a block takes its share."""
SHARE = 0.6
"""Of the device's memory, what the model, its split weights, its streams and products that are kept may take."""
SPLIT_IN = 2
"""A split weight is kept as so many matrices of its size."""
_ROWS, _ROUNDS = 8192, 10


def replay_of(model: Model, ids: Int[Tensor, "chunk position"], memory: int = MEMORY) -> Replay:
    """A replay of some chunks; products are split where the device gains by it and what they need fits."""
    if not (splitting_pays(model) and _fits(model, ids.numel(), memory)):
        return Replay(model, ids, memory)
    return split_replay(model, ids, memory)


def split_replay(model: Model, ids: Int[Tensor, "chunk position"], memory: int = MEMORY) -> Replay:
    """A replay whose products are split; with another of the same model alive, the older one loses accuracy."""
    around = _split(model)
    with around.recorded():
        return Replay(around.model, ids, memory)


@remembered
def _split(model: Model) -> ModelAround:
    return ModelAround(model, split_weight)


@remembered
def splitting_pays(model: Model) -> bool:
    """Does the device multiply faster in three TF32 products of a change than in float32? Measured once."""
    if model.dtype != torch.float32 or not has_tf32(model.device):
        return False
    draw = torch.Generator().manual_seed(0)
    x, rows = (torch.randn(count, model.d_model, generator=draw) for count in (_ROWS, 4 * model.d_model))
    x, rows = x.to(model.device), rows.to(model.device)
    around = Around(split_weight(rows), torch.zeros_like(x), functional.linear(torch.zeros_like(x), rows))
    ways: list[Callable[[], Tensor]] = [lambda: functional.linear(x, rows), lambda: around.product(x)]
    plain, split = least_seconds(ways, _ROUNDS, model.device)
    return plain >= PAYS * split


def _fits(model: Model, tokens: int, memory: int) -> bool:
    """Do the products of so many tokens and split weights fit beside the model and its streams into the device's memory?"""
    own = device_memory(model.device)
    if own is None:
        return False
    weights = model.parameters * model.dtype.itemsize
    split = SPLIT_IN * multiplied_bytes(model)
    streams = min(memory, stream_bytes(model, tokens))
    return weights + split + kept_bytes(model, tokens) + streams <= SHARE * own
