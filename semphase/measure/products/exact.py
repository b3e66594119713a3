"""Replays with the accuracy of float32, in the fastest way that the device has.

Tensor cores multiply in TF32 several times as fast as a GPU does in float32. Where that pays, a replay keeps the products of
the unchanged text and makes those of what a change alters in three TF32 products (`split_products`). What it keeps is large,
so texts are read in groups of as many tokens as the device has room for (`replay_tokens`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from semphase.measure.products.around import Around, ModelAround, ReplayAround, kept_bytes, multiplied_bytes
from semphase.measure.products.split_products import split_weight
from semphase.measure.products.tf32 import has_tf32
from semphase.measure.replay import MEMORY, Replay, stream_bytes
from semphase.measure.sweeps import HELD, pass_tokens
from semphase.measure.timing import least_seconds
from semphase.models import Model
from semphase.models.device import device_memory, free_memory
from semphase.models.remembered import remembered

PAYS = 1.2
"""Split products are taken where they are this many times as fast; the rest of a block takes its share."""
SHARE, FREE = 0.8, 0.95
"""Of a device's memory, what model, split weights, a pass, streams and products may take; and of what is free just now."""
LEAST = 1024
"""Tokens of a group below which it is read whole and plainly instead."""
SPLIT_IN = 2
"""A split weight is kept as so many matrices of its size."""
_ROWS, _ROUNDS = 8192, 10


def replay_of(model: Model, ids: Int[Tensor, "chunk position"], memory: int | None = None) -> Replay:
    """A replay of some chunks; products are split where the device gains by it and what they need fits.

    `memory`, where it is given, bounds what is kept of streams and products; else streams take up to `MEMORY`, and products
    what the device has.
    """
    if not (splitting_pays(model) and _fits(model, ids.numel(), memory)):
        return Replay(model, ids, memory or MEMORY)
    return split_replay(model, ids, memory or MEMORY)


def split_replay(model: Model, ids: Int[Tensor, "chunk position"], memory: int = MEMORY) -> Replay:
    """A replay whose products are split; with another of the same model alive, the older one loses accuracy."""
    return ReplayAround(_split(model), ids, memory)


def replay_tokens(model: Model, memory: int | None = None, least: int = LEAST) -> int:
    """How many tokens one replay should hold: as many as fill a pass, fewer where only so their products can be split.

    By the size of the device and not by what is free, so that the same text is always read in the same groups; not below
    `least` for the sake of split products.
    """
    most = max(1, min(pass_tokens(model), (memory or MEMORY) // stream_bytes(model, 1)))
    split = _split_tokens(model, memory)
    return min(most, split) if split >= least else most


@remembered
def _split(model: Model) -> ModelAround:
    return ModelAround(model, split_weight)


@remembered
def splitting_pays(model: Model) -> bool:
    """Does the device multiply faster in three TF32 products of a change than in float32? Measured once."""
    if not _has_products(model):
        return False
    draw = torch.Generator().manual_seed(0)
    x, rows = (torch.randn(count, model.d_model, generator=draw) for count in (_ROWS, 4 * model.d_model))
    x, rows = x.to(model.device), rows.to(model.device)
    around = Around(split_weight(rows), torch.zeros_like(x), functional.linear(torch.zeros_like(x), rows))
    ways: list[Callable[[], Tensor]] = [lambda: functional.linear(x, rows), lambda: around.product(x)]
    plain, split = least_seconds(ways, _ROUNDS, model.device)
    return plain >= PAYS * split


def _split_tokens(model: Model, memory: int | None) -> int:
    """Of how many tokens the device can keep streams and products beside all else; 0 where it would not split them."""
    own = device_memory(model.device)
    if own is None or not _has_products(model):
        return 0
    weights = model.parameters * model.dtype.itemsize
    room = int(SHARE * own) - weights - SPLIT_IN * multiplied_bytes(model) - _pass_bytes(model)
    return max(0, room if memory is None else min(room, memory)) // _kept(model, 1)


def _fits(model: Model, tokens: int, memory: int | None) -> bool:
    """Is there room now for the products of so many tokens, their streams, a pass, and split weights not yet made?"""
    free, kept = free_memory(model.device), _kept(model, tokens)
    if free is None or (memory is not None and kept > memory):
        return False
    missing = 0 if _split(model).ready else SPLIT_IN * multiplied_bytes(model)
    return kept + missing + _pass_bytes(model) <= FREE * free


def _kept(model: Model, tokens: int) -> int:
    return kept_bytes(model, tokens) + stream_bytes(model, tokens)


def _pass_bytes(model: Model) -> int:
    return HELD * pass_tokens(model) * model.d_model * model.dtype.itemsize


def _has_products(model: Model) -> bool:
    """Has the device, the only one, the products that a weight would be split for?"""
    return model.dtype == torch.float32 and has_tf32(model.device) and len(model.devices) == 1
