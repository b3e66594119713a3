"""What a facet offers for `--verify`: some of its numbers, to be measured again on the CPU in float32.

They are the facet's own `samples`, or those of the class `Samples` in a module `samples` beside a module `facet`, where
no claim reaches what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from semphase.models import Model
from semphase.stats.blocks import BlockLosses
from semphase.study.text import Half, Ids, Reading
from semphase.tolerances import repeated_loss_tolerance

TOKENS = 1024
"""Of a text that is read again: enough for rounding errors of single tokens to average out, few for a CPU."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`difference(reference)` measures again with the reference model and says how far the run's own numbers lie."""

    name: str
    difference: Callable[[Model], float]
    allowed: float


@runtime_checkable
class Sampled(Protocol):
    """A facet that declares samples."""

    def samples(self) -> Iterator[Sample]:
        """Samples of what it measures."""
        ...


def sampling(kind: type) -> Iterator[str]:
    """What declares the samples of a class of facets, as "module:class"."""
    if issubclass(kind, Sampled):
        yield f"{kind.__module__}:{kind.__qualname__}"
    package, _, module = kind.__module__.rpartition(".")
    if module == "facet" and find_spec(f"{package}.samples") is not None:
        yield f"{package}.samples:Samples"


def of_first_losses(
    text: Reading, half: Half, named: str, own: Callable[[], BlockLosses], again: Callable[[Model, Ids], Tensor]
) -> Sample:
    """The run's own losses of a half, on its first chunks, against those of the reference model; relative difference.

    `again(reference, ids)` gives token losses, [chunk, predicted].
    """
    group = next(text.groups(half))
    ids = group[: first_rows(group)]

    def difference(reference: Model) -> float:
        wanted = float(again(reference, ids.to(reference.device)).double().mean())
        return abs(float(mean_of_first(own(), len(text.chunks(half)), len(ids))) / wanted - 1)

    name = f"losses of {ids[:, 1:].numel():,} tokens {named}"
    dtype = str(text.study.tokenizing_model.dtype).removeprefix("torch.")
    return Sample(name, difference, repeated_loss_tolerance(dtype))


def first_rows(ids: Ids) -> int:
    """How many chunks of a group hold about `TOKENS` tokens."""
    return min(len(ids), ceil(TOKENS / ids.shape[1]))


def mean_of_first(losses: BlockLosses, chunks: int, rows: int) -> Float[np.ndarray, "*any"]:
    """Mean losses on the first rows of so many chunks."""
    blocks = rows * len(losses.counts) // chunks
    return np.asarray(losses.sums[..., :blocks].sum(axis=-1) / losses.counts[:blocks].sum())
