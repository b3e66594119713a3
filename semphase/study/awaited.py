"""Losses that may still be under way: whoever reads them waits, so what is asked for together is measured together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from semphase.stats.blocks import BlockLosses


class Awaited(BlockLosses):
    """Losses in blocks that `found` gives, on first use."""

    _find: Callable[[], BlockLosses]

    def __init__(self, found: Callable[[], BlockLosses]) -> None:
        object.__setattr__(self, "_find", found)  # the class is frozen

    @cached_property
    def _found(self) -> BlockLosses:
        return self._find()

    @property
    def sums(self) -> Float[np.ndarray, "*any block"]:
        """Sums of token losses in nats."""
        return self._found.sums

    @property
    def counts(self) -> Int[np.ndarray, " block"]:
        """The number of tokens in each block."""
        return self._found.counts

    @property
    def text(self) -> str:
        """Names the tokens, where that is known."""
        return self._found.text
