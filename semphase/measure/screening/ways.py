"""Screening: all heads with less arithmetic, and again in full precision where a decision is near.

The fastest way here is taken. "int8" rounds the products of what a head's change alters, and nothing else
(`rounded`); it needs memory for the unchanged inputs and results of all products. "bfloat16" gives
matrix products and attention bfloat16 factors; the residual stream and the norms stay in float32, so most of the
rounding is the same with and without a change and cancels in the difference. "int8+bfloat16" has the products of the
one and the attention of the other (`half_attention`). "tf32+float16" is for GPUs: products in TF32 (`tf32`) and
attention in float16, which has as many bits, with and without a change. Where few tokens of a long vocabulary are likely,
all read out only those anew, and a sample of the others (`shortlist`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, Protocol, get_args

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional

from semphase.errors import SemphaseError
from semphase.measure.attention import Changes
from semphase.measure.losses import token_losses
from semphase.measure.products.around import Around, ModelAround, ReplayAround, kept_bytes, products
from semphase.measure.products.tf32 import has_tf32, in_tf32, tf32_products
from semphase.measure.replay import MEMORY, Read, Replay, stream_bytes
from semphase.measure.screening.half_attention import float16_outputs, half_outputs
from semphase.measure.screening.rounded import integers_multiply, weight_levels
from semphase.measure.screening.shortlist import shortlist, split_vocabulary
from semphase.measure.timing import least_seconds
from semphase.models import Model
from semphase.models.twin import copied

Product = Literal["int8", "bfloat16", "tf32"]
Way = Literal["int8", "bfloat16", "int8+bfloat16", "tf32+float16"]

FASTER = 1.5
"""Screening pays where its products are this many times faster; the rest and confirmations take their share."""
WORTH = 2
"""A shortlist pays where the vocabulary is this many times as long."""
SAME = 1e-5
"""By how many nats unchanged losses may differ when they are replayed: other sums of the same numbers."""
_ROWS, _ROUNDS = 2048, 20


class Make(Protocol):
    """What makes replays that screen."""

    def __call__(self, ids: Int[Tensor, "chunk position"], changes: Changes) -> Replay:
        """A replay of some chunks with some changes in force."""


def worth_screening(model: Model) -> bool:
    """Small models spend their time elsewhere, and half precision has nothing to save; what is spread is not copied."""
    return model.size_class != "tiny" and model.dtype == torch.float32 and len(model.devices) == 1


def fastest(model: Model, tokens: int, speedups: Mapping[Product, float], memory: int = MEMORY) -> Way | None:
    """How to screen a text of so many tokens; None where it would save no time or not fit into memory."""
    if speedups.get("tf32", 0) >= FASTER:
        # Casts, and rounding that does not cancel, make bfloat16 products the slower and rougher ones of a whole block:
        # on an H200 1.7 times the speed of float32 at a rank correlation of 0.996, where TF32 has 2.2 times at 0.9999.
        return "tf32+float16"
    fits = kept_bytes(model, tokens) + stream_bytes(model, tokens) <= memory
    if fits and speedups.get("int8", 0) >= max(FASTER, speedups["bfloat16"]):
        return "int8+bfloat16" if speedups["bfloat16"] >= FASTER else "int8"
    return "bfloat16" if speedups["bfloat16"] >= FASTER else None


def speedups(model: Model) -> dict[Product, float]:
    """How many times faster than in float32 the device multiplies matrices of the model's width; measured.

    int8 and TF32 are missing where the device has no such product.
    """
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(_ROWS, model.d_model, generator=draw).to(model.device)
    rows = torch.randn(4 * model.d_model, model.d_model, generator=draw).to(model.device)
    narrow = rows.bfloat16()
    ways: dict[str, Callable[[], Tensor]] = {
        "float32": lambda: functional.linear(x, rows),
        "bfloat16": lambda: functional.linear(x.bfloat16(), narrow),
    }
    if integers_multiply(model.device):
        around = Around(weight_levels(rows), torch.zeros_like(x), functional.linear(torch.zeros_like(x), rows))
        ways["int8"] = lambda: around.product(x)
    if has_tf32(model.device):
        ways["tf32"] = lambda: tf32_products(model.device)(functional.linear)(x, rows)
    least = dict(zip(ways, least_seconds(list(ways.values()), _ROUNDS, model.device), strict=True))
    return {product: least["float32"] / least[product] for product in get_args(Product) if product in least}


def screening(model: Model, way: Way, memory: int = MEMORY) -> Make:
    """What makes replays that screen, of one group of chunks at a time: a new one invalidates the last."""
    if way == "tf32+float16":
        return _tf32(model, memory)
    make = (_bfloat16 if way == "bfloat16" else _int8)(model, memory)

    def screened(ids: Int[Tensor, "chunk position"], changes: Changes) -> Replay:
        replay = make(ids, changes)
        if (read := _short(model, replay)) is not None:
            replay.read_by(read)
        if way != "int8":
            replay.attend_by(half_outputs)
        return replay

    return screened


def _short(model: Model, replay: Replay) -> Read | None:
    """A readout of the likely tokens; None where they are too many to save anything."""
    stream = replay.stream(model.layers)
    split = split_vocabulary(model, stream)
    return shortlist(model, stream, split).losses if WORTH * split.read <= len(split.likely) else None


def _tf32(model: Model, memory: int) -> Make:
    rough = in_tf32(model)

    def make(ids: Int[Tensor, "chunk position"], changes: Changes) -> Replay:
        replay = _moved(Replay(rough, ids, memory, float16_outputs), changes)
        read = _short(model, replay) or partial(token_losses, model)
        replay.read_by(tf32_products(model.device)(read))
        return replay

    return make


def _int8(model: Model, memory: int) -> Make:
    rounded = ModelAround(model, weight_levels)
    checked = False

    def make(ids: Int[Tensor, "chunk position"], changes: Changes) -> Replay:
        nonlocal checked
        replay = ReplayAround(rounded, ids, memory - kept_bytes(model, ids.numel()), changes)
        if not checked:
            _require_same(replay)
            checked = True
        return replay

    return make


def _require_same(replay: Replay) -> None:
    """A product that works twice in a pass would be rounded around the wrong input."""
    again = replay.with_outputs(0, replay.outputs(0)[None])
    if float((again - replay.in_force).abs().max()) > SAME:
        replay.close()
        raise SemphaseError(
            f"the products of {replay.model.name} ({replay.model.family}) cannot be rounded, for its own losses do not "
            "come back; use --dtype float64 or --budget full."
        )


def _bfloat16(model: Model, memory: int) -> Make:
    """The weights of the blocks' products are cast once; the blocks, and nothing else, run in autocast."""
    rough = copied(model)
    for *_, part in products(rough):
        exact = part.weight
        assert isinstance(exact, Tensor)
        part.weight = nn.Parameter(exact.detach().bfloat16(), requires_grad=False)
    for block in rough.anatomy.blocks:
        block.forward = torch.autocast(model.device.type, torch.bfloat16)(block.forward)
    return lambda ids, changes: _moved(Replay(rough, ids, memory), changes)


def _moved(replay: Replay, changes: Changes) -> Replay:
    if changes:
        replay.move(changes)
    return replay
