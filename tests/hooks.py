"""What a model does while something is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from semphase.models import Model


@contextmanager
def passes(model: Model) -> Iterator[list[int]]:
    """One number for each time that the model's first block is entered inside the block."""
    entered: list[int] = []
    handle = model.anatomy.blocks[0].register_forward_pre_hook(lambda *_: entered.append(1))
    try:
        yield entered
    finally:
        handle.remove()
