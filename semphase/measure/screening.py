"""Screening in bfloat16: all heads with less arithmetic, and again in full precision where a decision is near.

Matrix products take bfloat16 factors; the residual stream, the norms and the sums of exponentials stay in float32, so
most of the rounding is the same with and without a change and cancels in the difference. Where few tokens of a long
vocabulary are likely, only those are read out anew (semphase.measure.shortlist).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from semphase.measure.replay import MEMORY, Replay
from semphase.measure.shortlist import likely_tokens, shortlist
from semphase.measure.timing import wait_for
from semphase.models import Model
from semphase.models.anatomy import anatomy

FASTER = 1.5
"""Screening pays where a bfloat16 product is this many times faster; casts and confirmations take their share."""
WORTH = 2
"""A shortlist pays where the vocabulary is this many times as long."""
_ROWS, _TRIES = 2048, 5


def pays(model: Model) -> bool:
    """Would screening save time here? Small models spend theirs elsewhere, half precision has nothing to save."""
    large = model.size_class != "tiny" and model.dtype == torch.float32
    return large and speedup(model) >= FASTER


def speedup(model: Model) -> float:
    """How many times faster the device multiplies bfloat16 matrices than float32 ones of the model's width; measured."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(_ROWS, model.d_model, generator=draw).to(model.device)
    weight = torch.randn(4 * model.d_model, model.d_model, generator=draw).to(model.device)
    exact = _seconds(lambda: functional.linear(x, weight), model.device)
    half, narrow = x.bfloat16(), weight.bfloat16()
    return exact / _seconds(lambda: functional.linear(half, narrow), model.device)


def _seconds(product: Callable[[], Tensor], device: torch.device) -> float:
    """The least of several times of one product, after a warm-up."""
    times = []
    for _ in range(_TRIES + 1):
        begun = time.perf_counter()
        product()
        wait_for(device)
        times.append(time.perf_counter() - begun)
    return min(times[1:])


@contextmanager
def screening(model: Model) -> Iterator[Model]:
    """A copy of the model whose matrix products take bfloat16 factors; valid inside the block.

    The weights of its products are cast once; the embedding, even where it is tied to the unembedding, is not.
    """
    module = copy.deepcopy(model.module)
    for part in module.modules():
        if isinstance(part, nn.Linear | Conv1D):
            part.weight = nn.Parameter(part.weight.detach().bfloat16(), requires_grad=False)
    with torch.autocast(model.device.type, torch.bfloat16):
        yield replace(model, module=module, anatomy=anatomy(module))


def screening_replay(model: Model, rough: Model, ids: Int[Tensor, "chunk position"], memory: int = MEMORY) -> Replay:
    """A replay of the rough copy; where few tokens are likely, it reads losses by a shortlist of the exact model."""
    replay = Replay(rough, ids, memory)
    stream = replay.stream(model.layers)
    likely = likely_tokens(model, stream)
    if WORTH * int(likely.sum()) <= len(likely):
        replay.read_by(shortlist(model, stream, likely).losses)
    return replay
