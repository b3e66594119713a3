"""Universes: defensible variants of a claim's analysis, registered before they are run (Steegen et al. 2016).

The claim is judged again in each, without its control.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from semphase.code import code_hash, of_package
from semphase.stats.estimate import Estimate

UNMOVED = "the same numbers: it changes nothing here"


@dataclass(frozen=True, slots=True)
class Universe:
    """A variant by name; `of` makes of the run's study the one that this variant is judged on.

    `passes` says that it needs forward passes of its own, measured once for all claims that share it.
    """

    name: str
    of: Callable[[Any], Any]
    passes: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What a registration and a key of the store know it by: its name, and what it does."""
        if isinstance(self.of, partial) and of_package(self.of.func):
            return {"name": self.name, "choices": repr(sorted(self.of.keywords.items()))}
        return {"name": self.name, "code": code_hash(self.of)}


@dataclass(frozen=True, slots=True)
class Found:
    """What a claim came to in one universe: the verdict, the rule on bare values, the deciding estimate.

    `reason` says why it is not applicable, or that nothing moved; either is left out of every count.
    """

    name: str
    verdict: Literal["supported", "refuted", "inconclusive", "not-applicable"]
    point: bool | None = None
    estimate: Estimate | None = None
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Is it another analysis of the same claim?"""
        return self.verdict != "not-applicable" and self.reason != UNMOVED
