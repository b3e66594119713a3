"""A pass that the memory of its device does not hold is taken in halves; what it gives is the same but for rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor

from semphase.models import Model
from semphase.models.memory import OutOfMemory, lacks_memory
from semphase.remarks import remark


class Part(Protocol):
    """Rows, heads or labels that one pass takes side by side."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, some: slice, /) -> Self:
        """Some of them."""


P = TypeVar("P", bound=Part)
R = TypeVar("R")


def in_passes(model: Model, parts: Iterable[P], run: Callable[[P], R]) -> Iterator[tuple[P, R]]:
    """Each part with what `run` gives for it; a part that memory does not hold comes as two, and so on.

    What follows is cut to the size that was found to fit. Raises OutOfMemory where not even one fits.
    """
    most: int | None = None
    for whole in parts:
        waiting = [whole]
        while waiting:
            part = waiting.pop()
            if most is not None and len(part) > most:
                waiting += [part[most:], part[:most]]
                continue
            found = _attempted(model, part, run)
            if found:
                yield part, found[0]
            else:
                most = -(-len(part) // 2)
                remark_halves(model)
                waiting.append(part)


def chunks_in_passes(run: Callable[[Model, Tensor], Tensor], model: Model, ids: Tensor) -> Tensor:
    """`run(model, ids)`, [..., chunk, predicted], by as few passes over chunks as memory allows."""
    return torch.cat([found for _, found in in_passes(model, [ids], partial(run, model))], dim=-2)


def remark_halves(model: Model) -> None:
    """Tell that passes were halved."""
    remark(f"passes of {model.name} were halved where the memory of {model.device} did not hold them.")


@contextmanager
def within_memory(model: Model) -> Iterator[None]:
    """Tell the lack of memory inside the block in one sentence: raises OutOfMemory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        raise _refusal(model) from None


def _attempted(model: Model, part: P, run: Callable[[P], R]) -> tuple[R] | None:
    """What `run` gives; None where memory lacks and there is something to halve."""
    try:
        return (run(part),)
    except (RuntimeError, MemoryError, OutOfMemory) as error:
        if not lacks_memory(error):
            raise
        if len(part) < 2:
            raise _refusal(model) from None
    # The error is gone, and with it the frames that held the tensors.
    give_back(model.device)
    return None


def give_back(device: torch.device) -> None:
    """Let the device's allocator part with what it keeps in pieces of the wrong size."""
    allocator: Any = {"cuda": torch.cuda, "mps": torch.mps}.get(device.type)
    if allocator is not None:
        allocator.empty_cache()


def _refusal(model: Model) -> OutOfMemory:
    return OutOfMemory(
        f"the memory of {model.device} does not hold the least pass of {model.name}; free some, allow less with --memory, "
        "or choose a narrower --dtype, shorter texts, or --device cpu."
    )
