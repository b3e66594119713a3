"""A universe: one defensible variant of a claim's analysis, registered before it is run (Steegen et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Universe:
    """A variant by name; `of` makes of the run's study the one that this variant is judged on.

    `passes` says that it needs forward passes of its own, measured once for all claims that share it.
    """

    name: str
    of: Callable[[Any], Any]
    passes: bool = False
